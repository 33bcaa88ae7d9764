public import Bytes

/// A KV verb of /v1/txn.
public enum KeyTransactionVerb: UInt8, CaseIterable, Sendable {
    case set = 1
    case setIfUnchanged = 2
    case lock = 3
    case unlock = 4
    case get = 5
    case getOrEmpty = 6
    case getTree = 7
    case checkIndex = 8
    case checkSession = 9
    case checkNotExists = 10
    case delete = 11
    case deleteTree = 12
    case deleteIfUnchanged = 13
}

/// A verb of /v1/txn for nodes, services and checks.
public enum CatalogTransactionVerb: UInt8, CaseIterable, Sendable {
    case get = 1
    case set = 2
    case setIfUnchanged = 3
    case delete = 4
    case deleteIfUnchanged = 5
}

/// A KV operation of a transaction; which fields count depends on the verb.
public struct KeyTransactionOperation: Equatable, Sendable {
    public var verb: KeyTransactionVerb
    public var key: ByteString
    public var value: [UInt8]
    public var flags: UInt64
    public var index: UInt64
    public var session: ByteString

    public init(
        verb: KeyTransactionVerb,
        key: ByteString,
        value: [UInt8] = [],
        flags: UInt64 = 0,
        index: UInt64 = 0,
        session: ByteString = ""
    ) {
        self.verb = verb
        self.key = key
        self.value = value
        self.flags = flags
        self.index = index
        self.session = session
    }
}

/// One operation of a Consul transaction. `index` is compared by the `IfUnchanged` verbs.
public enum TransactionOperation: Equatable, Sendable {
    case key(KeyTransactionOperation)
    case node(CatalogTransactionVerb, NodeDefinition, index: UInt64)
    case service(CatalogTransactionVerb, node: ByteString, ServiceDefinition, index: UInt64)
    case check(CatalogTransactionVerb, CheckDefinition, index: UInt64)
}

/// All operations, or none of them. One that only reads is answered by `StateView.transaction`.
///
/// ```
/// count varint, then for each: tag UInt8 (1 key, 2 node, 3 service, 4 check), verb UInt8, fields
/// ```
public struct Transaction: Equatable, Sendable {
    public static let kind = CommandKind.transaction

    public var operations: [TransactionOperation]

    public init(_ operations: [TransactionOperation]) {
        self.operations = operations
    }
}
