public import Bytes

/// A key and a value of node or service metadata. Lists of them are sorted by key.
public struct Metadatum: Hashable, Sendable {
    public var key: ByteString
    public var value: ByteString

    public init(key: ByteString, value: ByteString) {
        self.key = key
        self.value = value
    }
}

/// An address under a name, such as "lan" or "wan_ipv4". Lists of them are sorted by name.
public struct TaggedAddress: Hashable, Sendable {
    public var name: ByteString
    public var address: ByteString
    /// 0 for the addresses of a node, which have none.
    public var port: Int32

    public init(name: ByteString, address: ByteString, port: Int32 = 0) {
        self.name = name
        self.address = address
        self.port = port
    }
}

/// A machine of the catalog, as registered.
public struct NodeDefinition: Equatable, Sendable {
    /// A UUID in lower case, or empty.
    public var id: ByteString
    public var name: ByteString
    public var address: ByteString
    public var datacenter: ByteString
    /// nil (absent) and empty differ in answers: null and {}.
    public var taggedAddresses: [TaggedAddress]?
    public var metadata: [Metadatum]?

    public init(
        id: ByteString = "",
        name: ByteString,
        address: ByteString = "",
        datacenter: ByteString = "",
        taggedAddresses: [TaggedAddress]? = nil,
        metadata: [Metadatum]? = nil
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.datacenter = datacenter
        self.taggedAddresses = taggedAddresses
        self.metadata = metadata
    }
}

/// An instance of a service on a node, as registered.
public struct ServiceDefinition: Equatable, Sendable {
    /// "", "connect-proxy", ...
    public var kind: ByteString
    public var id: ByteString
    public var name: ByteString
    public var tags: [ByteString]?
    public var address: ByteString
    /// nil (absent) and empty differ in answers: null and {}.
    public var taggedAddresses: [TaggedAddress]?
    public var port: Int32
    public var socketPath: ByteString
    public var metadata: [Metadatum]?
    public var weightPassing: Int32
    public var weightWarning: Int32
    public var enableTagOverride: Bool
    /// JSON of Proxy and Connect, kept as the front end gave it; empty = the default.
    public var proxy: [UInt8]
    public var connect: [UInt8]

    public init(
        kind: ByteString = "",
        id: ByteString,
        name: ByteString,
        tags: [ByteString]? = nil,
        address: ByteString = "",
        taggedAddresses: [TaggedAddress]? = nil,
        port: Int32 = 0,
        socketPath: ByteString = "",
        metadata: [Metadatum]? = nil,
        weightPassing: Int32 = 1,
        weightWarning: Int32 = 1,
        enableTagOverride: Bool = false,
        proxy: [UInt8] = [],
        connect: [UInt8] = []
    ) {
        self.kind = kind
        self.id = id
        self.name = name
        self.tags = tags
        self.address = address
        self.taggedAddresses = taggedAddresses
        self.port = port
        self.socketPath = socketPath
        self.metadata = metadata
        self.weightPassing = weightPassing
        self.weightWarning = weightWarning
        self.enableTagOverride = enableTagOverride
        self.proxy = proxy
        self.connect = connect
    }
}

/// The state of a health check. The real server keeps any text, so a text it is; only `critical`
/// means something to the state.
public struct CheckStatus: Hashable, Sendable {
    public var text: ByteString

    public init(_ text: ByteString) {
        self.text = text
    }

    public static let passing = CheckStatus("passing")
    public static let warning = CheckStatus("warning")
    public static let critical = CheckStatus("critical")
}

/// A health check of a node, or of a service on it, as registered.
public struct CheckDefinition: Equatable, Sendable {
    public var node: ByteString
    public var id: ByteString
    public var name: ByteString
    public var status: CheckStatus
    public var notes: ByteString
    public var output: ByteString
    /// Empty for a check of the node itself.
    public var serviceID: ByteString
    /// Filled in by the state from the service.
    public var serviceName: ByteString
    public var serviceTags: [ByteString]?
    /// "ttl", "http", ... or empty.
    public var type: ByteString
    /// JSON of Definition, kept as the front end gave it; empty = {}.
    public var definition: [UInt8]
    /// How long a TTL check lives without an update; 0 = it is none.
    public var ttlMilliseconds: Int64
    /// How long it may be critical before its service is deregistered; 0 = for ever.
    public var deregisterAfterMilliseconds: Int64

    public init(
        node: ByteString,
        id: ByteString,
        name: ByteString = "",
        status: CheckStatus = .critical,
        notes: ByteString = "",
        output: ByteString = "",
        serviceID: ByteString = "",
        serviceName: ByteString = "",
        serviceTags: [ByteString]? = nil,
        type: ByteString = "",
        definition: [UInt8] = [],
        ttlMilliseconds: Int64 = 0,
        deregisterAfterMilliseconds: Int64 = 0
    ) {
        self.node = node
        self.id = id
        self.name = name
        self.status = status
        self.notes = notes
        self.output = output
        self.serviceID = serviceID
        self.serviceName = serviceName
        self.serviceTags = serviceTags
        self.type = type
        self.definition = definition
        self.ttlMilliseconds = ttlMilliseconds
        self.deregisterAfterMilliseconds = deregisterAfterMilliseconds
    }
}

/// A node as the state holds it.
public struct NodeRecord: Equatable, Sendable {
    public var definition: NodeDefinition
    public var createIndex: UInt64
    public var modifyIndex: UInt64

    public init(definition: NodeDefinition, createIndex: UInt64, modifyIndex: UInt64) {
        self.definition = definition
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
    }
}

/// A service instance as the state holds it.
public struct ServiceRecord: Equatable, Sendable {
    public var node: ByteString
    public var definition: ServiceDefinition
    public var createIndex: UInt64
    public var modifyIndex: UInt64

    public init(
        node: ByteString,
        definition: ServiceDefinition,
        createIndex: UInt64,
        modifyIndex: UInt64
    ) {
        self.node = node
        self.definition = definition
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
    }
}

/// A check as the state holds it.
public struct CheckRecord: Equatable, Sendable {
    public var definition: CheckDefinition
    /// The leader's clock when the status last changed; `deregisterAfterMilliseconds` counts from
    /// it.
    public var statusSinceMilliseconds: Int64
    public var createIndex: UInt64
    public var modifyIndex: UInt64

    public init(
        definition: CheckDefinition,
        statusSinceMilliseconds: Int64 = 0,
        createIndex: UInt64,
        modifyIndex: UInt64
    ) {
        self.definition = definition
        self.statusSinceMilliseconds = statusSinceMilliseconds
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
    }
}
