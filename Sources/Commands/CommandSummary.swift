public import Bytes
internal import Crypto

/// A command as a person reads it: for the log inspector's tables, JSON lines and filters.
public struct CommandSummary: Equatable, Sendable {
    /// A field with its readable value.
    public struct Field: Equatable, Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var kind: CommandKind
    public var timeMilliseconds: Int64
    /// ZooKeeper's session; `.none` if there is none.
    public var session: SessionID
    public var connection: UInt64
    /// "address:port", or empty.
    public var client: String
    /// The accessor of the token that it came with, or empty.
    public var token: String
    /// Every path, key and prefix that the command names, for filters.
    public var paths: [ByteString]
    /// Consul's sessions that the command names.
    public var consulSessions: [ByteString]
    /// Everything else, in the order in which it stands in the command.
    public var fields: [Field]

    /// Decodes a payload and describes it.
    public init(decoding payload: RawSpan) throws(CommandError) {
        let (header, command) = try Command.decode(payload)
        self.init(header, command)
    }

    public init(_ header: CommandHeader, _ command: Command) {
        kind = command.kind
        timeMilliseconds = header.timeMilliseconds
        session = header.session
        connection = header.connection
        client =
            header.client.family == .none
            ? "" : "\(header.client.host):\(header.client.port)"
        token = header.token.map { String(decoding: $0.text, as: UTF8.self) } ?? ""
        var description = CommandDescription()
        description.add(command)
        paths = description.paths
        consulSessions = description.consulSessions
        fields = description.fields
    }
}

/// Gathers the readable parts of a command.
private struct CommandDescription {
    var paths: [ByteString] = []
    var consulSessions: [ByteString] = []
    var fields: [CommandSummary.Field] = []

    mutating func add(_ command: Command) {
        switch command {
        case .createSession(let command): timeout(command.timeoutMilliseconds)
        case .attachSession(let command): timeout(command.timeoutMilliseconds)
        case .closeSession(let command): expiry(command.expired, command.term)
        case .createZnode(let operation, let identities):
            add(operation)
            add(identities)
        case .deleteZnode(let operation, let identities):
            add(operation)
            add(identities)
        case .setData(let operation, let identities):
            add(operation)
            add(identities)
        case .setACL(let operation, let identities):
            path(operation.path)
            field("version", operation.version)
            field("acl", Self.text(operation.acl))
            add(identities)
        case .checkVersion(let operation, let identities):
            add(operation)
            add(identities)
        case .multi(let operations, let identities):
            for operation in operations { add(operation) }
            add(identities)
        case .deleteContainer(let name): path(name)
        default: addConsul(command)
        }
    }

    private mutating func addConsul(_ command: Command) {
        switch command {
        case .key(let operation): add(operation)
        case .transaction(let command):
            for operation in command.operations { add(operation) }
        case .createConsulSession(let command): add(command.session)
        case .destroyConsulSession(let command):
            consulSession(command.id)
            expiry(command.expired, command.term)
        case .register(let command): add(command)
        case .deregister(let command):
            field("node", command.node)
            field("service", command.serviceID)
            field("check", command.checkID)
        case .updateCheck(let command):
            field("node", command.node)
            field("check", command.checkID)
            field("status", command.status.text)
            field("output", command.output)
            expiry(command.expired, command.term)
        case .reapTombstones(let command): field("through", command.throughIndex)
        case .admitMember(let command):
            field("name", command.name)
            field("address", command.address)
        case .dismissMember(let command): field("member", command.node)
        default: addToken(command)
        }
    }

    private mutating func addToken(_ command: Command) {
        switch command {
        case .initializeTokens(let command):
            field("accessor", command.accessor)
            secret(command.secret)
        case .bootstrapTokens(let command):
            add(command.token)
            field("resetIndex", command.resetIndex)
        case .setToken(let command):
            add(command.token)
            field("new", command.isNew)
        case .deleteToken(let command): field("accessor", command.accessor)
        default: break
        }
    }

    private mutating func add(_ token: TokenDefinition) {
        field("accessor", token.accessor)
        secret(token.secret)
        field("description", token.description)
        field("policies", token.policies.map(\.text).joined(separator: ","))
        if token.isLocal { field("local", token.isLocal) }
    }

    /// Never itself: who may read a log need not be one who may do everything. The first 16 bits
    /// of its SHA-256 tell two secrets apart, nearly always, and are too few to find one by: of
    /// the words that somebody tries, one in 65,536 fits by chance.
    private mutating func secret(_ secret: ByteString) {
        guard !secret.bytes.isEmpty else { return }
        let digits = SHA256.hash(data: secret.bytes).prefix(2).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        field("secretHash", digits.joined())
    }

    // MARK: - ZooKeeper

    private mutating func add(_ operation: CreateOperation) {
        path(operation.path)
        field("flags", operation.flags)
        switch operation.request {
        case .plain: break
        case .container: field("request", "container")
        case .timeToLive(let milliseconds): field("ttlMilliseconds", milliseconds)
        }
        data(operation.data)
        field("acl", Self.text(operation.acl))
    }

    private mutating func add(_ operation: DeleteOperation) {
        path(operation.path)
        field("version", operation.version)
    }

    private mutating func add(_ operation: SetDataOperation) {
        path(operation.path)
        field("version", operation.version)
        data(operation.data)
    }

    private mutating func add(_ operation: CheckOperation) {
        path(operation.path)
        field("version", operation.version)
    }

    private mutating func add(_ operation: MultiOperation) {
        switch operation {
        case .create(let operation):
            field("operation", "create")
            add(operation)
        case .delete(let operation):
            field("operation", "delete")
            add(operation)
        case .setData(let operation):
            field("operation", "setData")
            add(operation)
        case .check(let operation):
            field("operation", "check")
            add(operation)
        }
    }

    private mutating func add(_ identities: IdentityList) {
        if identities.identities.isEmpty { return }
        let texts = identities.identities.map { "\($0.scheme):\($0.id)" }
        field("identities", texts.joined(separator: ","))
    }

    private static func text(_ acl: [ACLEntry]) -> String {
        acl.map { entry in
            "\(entry.identity.scheme):\(entry.identity.id):\(entry.permissions.rawValue)"
        }.joined(separator: ",")
    }

    // MARK: - Consul

    private mutating func add(_ operation: KeyOperation) {
        path(operation.key)
        field("valueBytes", operation.value.count)
        field("flags", operation.flags)
        switch operation.verb {
        case .setIfUnchanged, .deleteIfUnchanged: field("index", operation.index)
        case .lock, .unlock: consulSession(operation.session)
        case .set, .delete, .deleteTree: break
        }
    }

    private mutating func add(_ operation: TransactionOperation) {
        switch operation {
        case .key(let operation):
            field("verb", "\(operation.verb)")
            path(operation.key)
            field("valueBytes", operation.value.count)
            field("index", operation.index)
            if !operation.session.bytes.isEmpty { consulSession(operation.session) }
        case .node(let verb, let node, let index):
            field("verb", "\(verb)")
            field("node", node.name)
            field("index", index)
        case .service(let verb, let node, let service, let index):
            field("verb", "\(verb)")
            field("node", node)
            field("service", service.id)
            field("index", index)
        case .check(let verb, let check, let index):
            field("verb", "\(verb)")
            field("node", check.node)
            field("check", check.id)
            field("index", index)
        }
    }

    private mutating func add(_ session: SessionDefinition) {
        consulSession(session.id)
        field("name", session.name)
        field("node", session.node)
        field("behavior", "\(session.behavior)")
        field("ttl", session.ttlText)
        field("lockDelayNanoseconds", session.lockDelayNanoseconds)
        let checks = (session.nodeChecks ?? []) + (session.serviceChecks ?? []).map(\.id)
        field("checks", checks.map(\.text).joined(separator: ","))
    }

    private mutating func add(_ command: Register) {
        field("node", command.node.name)
        field("nodeID", command.node.id)
        field("address", command.node.address)
        if command.skipNodeUpdate { field("skipNodeUpdate", "true") }
        if let service = command.service {
            field("service", service.id)
            field("serviceName", service.name)
            field("port", service.port)
        }
        for check in command.checks {
            field("check", check.id)
            field("status", check.status.text)
        }
    }

    // MARK: - Parts

    private mutating func path(_ path: ByteString) {
        paths.append(path)
        fields.append(.init("path", path.text))
    }

    private mutating func consulSession(_ id: ByteString) {
        consulSessions.append(id)
        fields.append(.init("consulSession", id.text))
    }

    private mutating func data(_ data: [UInt8]?) {
        field("dataBytes", data.map { "\($0.count)" } ?? "null")
    }

    private mutating func timeout(_ milliseconds: Int32) {
        field("timeoutMilliseconds", milliseconds)
    }

    private mutating func expiry(_ expired: Bool, _ term: UInt64) {
        if !expired { return }
        field("expired", "true")
        field("term", term)
    }

    private mutating func field(_ name: String, _ value: some CustomStringConvertible) {
        fields.append(.init(name, value.description))
    }
}
