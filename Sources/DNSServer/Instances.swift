import Bytes
import Commands
import DNSProtocol
import StateMachine

/// One instance of a service that may be told of, with what answers say of it.
final class Instance {
    let node: DomainName?
    let port: UInt16
    /// That of its state of health.
    let weight: UInt16
    /// In lower case.
    private let tags: [ByteString]
    /// Of its own address, for SRV records.
    let addressName: DomainName?
    /// The texts of its node's metadata, shared by all instances on it.
    let metadata: [ByteString]
    let nodeName: ByteString
    /// The node's registered address, where it is one.
    let nodeAddress: Address?
    let identity: Identity
    private let places: (a: Place?, aaaa: Place?, other: Place?)

    /// What tells it from others in SRV records.
    struct Identity: Hashable {
        let node: ByteString
        let address: ByteString
        let port: UInt16
    }

    /// Where an instance is.
    enum Place {
        /// At its node's address.
        case node(Address)
        /// At an address of its own.
        case address(Address)
        /// Where this name leads, unless that is the name that was asked for: then at its node's.
        case elsewhere(DomainName, Address?)

        fileprivate init?(
            of service: ServiceDefinition,
            on node: NodeDefinition,
            for type: RecordType
        ) {
            let own = AddressChoice.of(service.address, service.taggedAddresses, for: type)
            let text = AddressChoice.of(node.address, node.taggedAddresses, for: type)
            let address = Address(text)
            switch (Address(own), address) {
            case (let found?, _): self = .address(found)
            case (nil, let address?) where own.bytes.isEmpty:
                self = text == node.address ? .node(address) : .address(address)
            default:
                guard let name = DomainName(own.bytes.isEmpty ? text : own) else { return nil }
                self = .elsewhere(name, address)
            }
        }
    }

    private init(
        _ service: ServiceDefinition,
        on host: Host,
        weight: Int32,
        _ settings: DNSSettings
    ) {
        let node = host.node
        self.node = settings.name(under: .node, node.name)
        port = UInt16(clamping: service.port)
        self.weight = UInt16(clamping: weight)
        tags = (service.tags ?? []).map(\.lowercased)
        metadata = host.metadata
        nodeName = node.name
        nodeAddress = Address(node.address)
        let own = AddressChoice.of(service.address, service.taggedAddresses, for: .srv)
        identity = Identity(node: node.name, address: own, port: port)
        places = (
            Place(of: service, on: node, for: .a), Place(of: service, on: node, for: .aaaa),
            Place(of: service, on: node, for: .any)
        )
        if case .address(let address) = places.other {
            addressName = settings.name(under: .addr, address.hexadecimal)
        } else {
            addressName = nil
        }
    }

    /// For who asks for `type` of records of `name`.
    func place(_ type: RecordType, _ name: DomainName) -> Place? {
        let place =
            switch type {
            case .a: places.a
            case .aaaa: places.aaaa
            default: places.other
            }
        if case .elsewhere(let own, let address?) = place, own.lowercased == name.lowercased {
            return .node(address)
        }
        return place
    }

    /// - Parameter tag: in lower case; "": any.
    func has(_ tag: ByteString) -> Bool { tag.bytes.isEmpty || tags.contains(tag) }

    /// About what it takes, with the names that its places lead to.
    var byteCount: Int {
        (metadata + tags + [identity.address]).reduce(1_024) { $0 + $1.bytes.count + 64 }
    }

    /// A node, read once for all instances on it.
    private struct Host {
        let node: NodeDefinition
        let metadata: [ByteString]
        let checks: [CheckDefinition]

        init?(_ name: ByteString, _ view: borrowing StateView) throws(StateError) {
            guard let node = try view.node(name)?.definition else { return nil }
            self.node = node
            metadata = (node.metadata ?? []).map(MetadataText.text)
            checks = try view.checks(node: name).map(\.definition)
        }
    }

    /// The instances whose checks, and whose nodes' checks, allow them to be found: none of them is
    /// critical, or all pass.
    static func all(
        of service: ByteString,
        _ settings: DNSSettings,
        _ view: borrowing StateView
    ) throws(StateError) -> All {
        let records = try view.services(named: service)
        var all = All(rowCount: records.count)
        var host: Host?
        // They come by node.
        for record in records {
            if host?.node.name != record.node { host = try Host(record.node, view) }
            guard let host else { continue }
            let definition = record.definition
            let health = health(of: definition, on: host, &all.isSteady)
            if health == .critical || health == .warning && settings.isPassingOnly { continue }
            let weight =
                health == .warning ? definition.weightWarning : definition.weightPassing
            all.instances.append(Instance(definition, on: host, weight: weight, settings))
        }
        return all
    }

    struct All {
        var instances: [Instance] = []
        /// With those that may not be found.
        let rowCount: Int
        /// Whether every change of them moves the service's index. One of a check that bears a
        /// former name of the service moves that name's.
        var isSteady = true
    }

    private static func health(
        of service: ServiceDefinition,
        on host: Host,
        _ isSteady: inout Bool
    ) -> CheckStatus {
        var health = CheckStatus.passing
        for check in host.checks {
            let owner = check.serviceID
            guard owner.bytes.isEmpty || owner.equalsIgnoringCase(service.id) else { continue }
            if !owner.bytes.isEmpty, !check.serviceName.equalsIgnoringCase(service.name) {
                isSteady = false
            }
            if check.status == .critical {
                health = .critical
            } else if check.status == .warning, health == .passing {
                health = .warning
            }
        }
        return health
    }
}

/// Which of several addresses a client is told that asks for a type of record; Consul's
/// `lan_ipv4` and `lan_ipv6` go before what is registered as the address.
enum AddressChoice {
    static func of(
        _ address: ByteString,
        _ tagged: [TaggedAddress]?,
        for type: RecordType
    ) -> ByteString {
        func named(_ name: ByteString) -> ByteString? {
            tagged?.first { $0.name == name && !$0.address.bytes.isEmpty }?.address
        }
        if type != .a, let other = named("lan_ipv6") { return other }
        if type != .aaaa, let other = named("lan_ipv4") { return other }
        return address
    }
}

/// The text records of a node's metadata.
enum MetadataText {
    /// As RFC 1464 has it, but for keys that begin with `rfc1035-`, whose values stand alone.
    static func text(of metadatum: Metadatum) -> ByteString {
        let (key, value) = (metadatum.key.bytes, metadatum.value.bytes)
        if key.prefix(prefix.count).map(\.lowercased) == prefix { return metadatum.value }
        let leading = key.prefix { $0 == space }.count
        // As Consul has it, the last of nothing but spaces is one at the beginning and at the end.
        let trailing = leading == key.count ? 1 : key.reversed().prefix { $0 == space }.count
        var text: [UInt8] = []
        for (place, byte) in key.enumerated() {
            if byte == quote || byte == equals || place < leading { text.append(quote) }
            if place >= key.count - trailing { text.append(quote) }
            text.append(byte)
        }
        text.append(equals)
        for byte in value {
            if byte == quote { text.append(quote) }
            text.append(byte)
        }
        return ByteString(text)
    }

    private static let prefix = Array("rfc1035-".utf8)
    private static let quote = UInt8(ascii: "`")
    private static let equals = UInt8(ascii: "=")
    private static let space = UInt8(ascii: " ")
}
