public import Bytes

/// An ACL token: who knows its secret has the rights of its policies.
public struct TokenDefinition: Equatable, Sendable {
    /// A UUID in lower case, by which the token is named; no secret.
    public var accessor: ByteString
    /// What a request shows. A UUID, unless it came from a configuration.
    public var secret: ByteString
    public var description: ByteString
    /// By id.
    public var policies: [ByteString]
    /// Not meant for other datacenters.
    public var isLocal: Bool

    public init(
        accessor: ByteString,
        secret: ByteString,
        description: ByteString = "",
        policies: [ByteString] = [],
        isLocal: Bool = false
    ) {
        self.accessor = accessor
        self.secret = secret
        self.description = description
        self.policies = policies
        self.isLocal = isLocal
    }

    /// The policy that allows everything.
    public static let management: ByteString = "00000000-0000-0000-0000-000000000001"
    /// The token of requests without one.
    public static let anonymous: ByteString = "00000000-0000-0000-0000-000000000002"
}

/// A token as the state holds it.
public struct TokenRecord: Equatable, Sendable {
    public var definition: TokenDefinition
    public var createTimeMilliseconds: Int64
    public var createIndex: UInt64
    public var modifyIndex: UInt64

    public init(
        definition: TokenDefinition,
        createTimeMilliseconds: Int64,
        createIndex: UInt64,
        modifyIndex: UInt64
    ) {
        self.definition = definition
        self.createTimeMilliseconds = createTimeMilliseconds
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
    }

    public var isManagement: Bool { definition.policies.contains(TokenDefinition.management) }
}

/// A node with ACLs started: makes the anonymous token, and the management token that the node's
/// configuration names, unless they are there.
///
/// ```
/// accessor for a new token, secret (empty: none is configured): byte strings
/// ```
public struct InitializeTokens: Equatable, Sendable {
    public static let kind = CommandKind.initializeTokens

    public var accessor: ByteString
    public var secret: ByteString

    public init(accessor: ByteString, secret: ByteString) {
        self.accessor = accessor
        self.secret = secret
    }

    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        header.encode(Self.kind, into: &writer)
        writer.byteString(accessor)
        writer.byteString(secret)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        accessor = try reader.byteString()
        secret = try reader.byteString()
    }
}

/// Makes the first management token, once.
///
/// ```
/// token as in SetToken; reset index varint: the index of the bootstrap that this one follows,
/// which only somebody with access to a node's files can say; 0: none
/// ```
public struct BootstrapTokens: Equatable, Sendable {
    public static let kind = CommandKind.bootstrapTokens

    public var token: TokenDefinition
    public var resetIndex: UInt64

    public init(token: TokenDefinition, resetIndex: UInt64 = 0) {
        self.token = token
        self.resetIndex = resetIndex
    }

    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        header.encode(Self.kind, into: &writer)
        token.encode(into: &writer)
        writer.varint(resetIndex)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        token = try TokenDefinition(from: &reader)
        resetIndex = try reader.varint()
    }
}

/// Makes a token, or replaces what one says.
///
/// ```
/// accessor, secret (empty in an update: it stays), description: byte strings; policies: list of
/// byte strings; local 0/1; new 0/1
/// ```
public struct SetToken: Equatable, Sendable {
    public static let kind = CommandKind.setToken

    public var token: TokenDefinition
    /// Whether it must not be there yet; otherwise it must.
    public var isNew: Bool

    public init(_ token: TokenDefinition, isNew: Bool) {
        self.token = token
        self.isNew = isNew
    }

    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        header.encode(Self.kind, into: &writer)
        token.encode(into: &writer)
        writer.truth(isNew)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        token = try TokenDefinition(from: &reader)
        isNew = try reader.truth()
    }
}

/// Deletes a token. `| accessor byte string |`
public struct DeleteToken: Equatable, Sendable {
    public static let kind = CommandKind.deleteToken

    public var accessor: ByteString

    public init(accessor: ByteString) {
        self.accessor = accessor
    }

    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        header.encode(Self.kind, into: &writer)
        writer.byteString(accessor)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        accessor = try reader.byteString()
    }
}

extension TokenDefinition {
    /// As in commands; the state has it so too.
    public func encode(into writer: inout ByteWriter) {
        writer.byteString(accessor)
        writer.byteString(secret)
        writer.byteString(description)
        writer.byteStrings(policies)
        writer.truth(isLocal)
    }

    @_lifetime(reader: copy reader)
    public init(from reader: inout SpanReader) throws(BytesError) {
        accessor = try reader.byteString()
        secret = try reader.byteString()
        description = try reader.byteString()
        policies = try reader.byteStrings()
        isLocal = try reader.truth()
    }
}

/// Why a command on tokens was not carried out.
public enum TokenError: Error, Equatable, Sendable {
    /// There was a bootstrap already, by the entry of this index.
    case bootstrapped(index: UInt64)
    /// The reset names another bootstrap than the last one.
    case otherBootstrap(named: UInt64, index: UInt64)
    case accessorInUse
    case secretInUse
    case secretChanged
    case localChanged(ByteString)
    case missing(ByteString)
    case tooMany(max: UInt64)
}
