public import Bytes

/// Any command, decoded: for the log inspector, for tests, and for what is not on the hot path.
public enum Command: Equatable, Sendable {
    case createSession(CreateSession)
    case attachSession(AttachSession)
    case closeSession(CloseSession)
    case createZnode(CreateOperation, IdentityList)
    case deleteZnode(DeleteOperation, IdentityList)
    case setData(SetDataOperation, IdentityList)
    case setACL(SetACLOperation, IdentityList)
    case checkVersion(CheckOperation, IdentityList)
    case multi([MultiOperation], IdentityList)
    /// The leader's wish to drop a container that was used and is empty.
    case deleteContainer(path: ByteString)

    case key(KeyOperation)
    case transaction(Transaction)
    case createConsulSession(CreateConsulSession)
    case destroyConsulSession(DestroyConsulSession)
    case register(Register)
    case deregister(Deregister)
    case updateCheck(UpdateCheck)
    case reapTombstones(ReapTombstones)
    case initializeTokens(InitializeTokens)
    case bootstrapTokens(BootstrapTokens)
    case setToken(SetToken)
    case deleteToken(DeleteToken)

    case admitMember(AdmitMember)
    case dismissMember(DismissMember)

    /// Decodes a whole payload; nothing may be left over.
    public static func decode(
        _ payload: RawSpan
    ) throws(CommandError) -> (header: CommandHeader, command: Command) {
        var reader = SpanReader(payload)
        let (header, kind) = try CommandHeader.decode(&reader)
        return (header, try Command(kind, fillingRest: &reader))
    }

    /// Whether this version can apply it.
    public static func isCommand(_ payload: [UInt8]) -> Bool {
        do throws(CommandError) { _ = try decode(payload.rawSpan) } catch { return false }
        return true
    }

    /// Decodes the body after the header; nothing may be left over.
    @_lifetime(reader: copy reader)
    public init(_ kind: CommandKind, fillingRest reader: inout SpanReader) throws(CommandError) {
        do throws(BytesError) {
            self = try Command(kind, from: &reader)
        } catch {
            throw .malformed(error)
        }
        guard reader.isAtEnd else {
            throw .trailingBytes(offset: reader.offset, count: reader.remaining)
        }
    }

    public var kind: CommandKind {
        switch self {
        case .createSession: .createSession
        case .attachSession: .attachSession
        case .closeSession: .closeSession
        case .createZnode: .createZnode
        case .deleteZnode: .deleteZnode
        case .setData: .setData
        case .setACL: .setACL
        case .checkVersion: .checkVersion
        case .multi: .multi
        case .deleteContainer: .deleteContainer
        case .key(let operation): operation.verb.kind
        case .transaction: .transaction
        case .createConsulSession: .createConsulSession
        case .destroyConsulSession: .destroyConsulSession
        case .register: .register
        case .deregister: .deregister
        case .updateCheck: .updateCheck
        case .reapTombstones: .reapTombstones
        case .initializeTokens: .initializeTokens
        case .bootstrapTokens: .bootstrapTokens
        case .setToken: .setToken
        case .deleteToken: .deleteToken
        case .admitMember: .admitMember
        case .dismissMember: .dismissMember
        }
    }

    /// The payload of an entry. Front ends use `ZnodeEncoder` and `KeyEncoder` for what is hot.
    public func encode(_ header: CommandHeader) -> [UInt8] {
        switch self {
        case .createSession(let command): command.encode(header)
        case .attachSession(let command): command.encode(header)
        case .closeSession(let command): command.encode(header)
        case .createZnode(let operation, let identities):
            encode(header, identities) { operation.encode(into: &$0) }
        case .deleteZnode(let operation, let identities):
            encode(header, identities) { operation.encode(into: &$0) }
        case .setData(let operation, let identities):
            encode(header, identities) { operation.encode(into: &$0) }
        case .setACL(let operation, let identities):
            encode(header, identities) { operation.encode(into: &$0) }
        case .checkVersion(let operation, let identities):
            encode(header, identities) { operation.encode(into: &$0) }
        case .multi(let operations, let identities):
            encode(header, identities) { writer in
                writer.varint(UInt64(operations.count))
                for operation in operations { operation.encode(into: &writer) }
            }
        case .deleteContainer(let path):
            encode(header, nil) { $0.byteString(path) }
        case .key(let operation): operation.encode(header)
        case .transaction(let command): command.encode(header)
        case .createConsulSession(let command): command.encode(header)
        case .destroyConsulSession(let command): command.encode(header)
        case .register(let command): command.encode(header)
        case .deregister(let command): command.encode(header)
        case .updateCheck(let command): command.encode(header)
        case .reapTombstones(let command): command.encode(header)
        case .initializeTokens(let command): command.encode(header)
        case .bootstrapTokens(let command): command.encode(header)
        case .setToken(let command): command.encode(header)
        case .deleteToken(let command): command.encode(header)
        case .admitMember(let command): command.encode(header)
        case .dismissMember(let command): command.encode(header)
        }
    }

    private func encode(
        _ header: CommandHeader,
        _ identities: IdentityList?,
        body: (inout ByteWriter) -> Void
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        header.encode(kind, into: &writer)
        body(&writer)
        if let identities { writer.append(identities.encoded) }
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    private init(_ kind: CommandKind, from reader: inout SpanReader) throws(BytesError) {
        if let verb = KeyVerb(kind) {
            self = .key(try KeyOperation(verb, from: &reader))
            return
        }
        if let command = try Self.znodeOrSession(kind, &reader) {
            self = command
        } else {
            self = try Self.consul(kind, &reader)
        }
    }

    @_lifetime(reader: copy reader)
    private static func znodeOrSession(
        _ kind: CommandKind,
        _ reader: inout SpanReader
    ) throws(BytesError) -> Command? {
        switch kind {
        case .createSession: .createSession(try CreateSession(from: &reader))
        case .attachSession: .attachSession(try AttachSession(from: &reader))
        case .closeSession: .closeSession(try CloseSession(from: &reader))
        case .createZnode:
            .createZnode(try CreateOperation(from: &reader), try IdentityList(from: &reader))
        case .deleteZnode:
            .deleteZnode(try DeleteOperation(from: &reader), try IdentityList(from: &reader))
        case .setData:
            .setData(try SetDataOperation(from: &reader), try IdentityList(from: &reader))
        case .setACL:
            .setACL(try SetACLOperation(from: &reader), try IdentityList(from: &reader))
        case .checkVersion:
            .checkVersion(try CheckOperation(from: &reader), try IdentityList(from: &reader))
        case .multi: .multi(try multi(&reader), try IdentityList(from: &reader))
        case .deleteContainer: .deleteContainer(path: try reader.byteString())
        default: nil
        }
    }

    @_lifetime(reader: copy reader)
    private static func consul(
        _ kind: CommandKind,
        _ reader: inout SpanReader
    ) throws(BytesError) -> Command {
        switch kind {
        case .transaction: .transaction(try Transaction(from: &reader))
        case .createConsulSession: .createConsulSession(try CreateConsulSession(from: &reader))
        case .destroyConsulSession: .destroyConsulSession(try DestroyConsulSession(from: &reader))
        case .register: .register(try Register(from: &reader))
        case .deregister: .deregister(try Deregister(from: &reader))
        case .updateCheck: .updateCheck(try UpdateCheck(from: &reader))
        case .reapTombstones: .reapTombstones(try ReapTombstones(from: &reader))
        case .initializeTokens: .initializeTokens(try InitializeTokens(from: &reader))
        case .bootstrapTokens: .bootstrapTokens(try BootstrapTokens(from: &reader))
        case .setToken: .setToken(try SetToken(from: &reader))
        case .deleteToken: .deleteToken(try DeleteToken(from: &reader))
        case .admitMember: .admitMember(try AdmitMember(from: &reader))
        case .dismissMember: .dismissMember(try DismissMember(from: &reader))
        default: throw .badTag(offset: 1, tag: UInt64(kind.rawValue))
        }
    }

    @_lifetime(reader: copy reader)
    private static func multi(
        _ reader: inout SpanReader
    ) throws(BytesError) -> [MultiOperation] {
        let count = try reader.elementCount()
        var operations: [MultiOperation] = []
        for _ in 0..<count { operations.append(try MultiOperation(from: &reader)) }
        return operations
    }
}
