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
    /// The texts of its node's metadata.
    let metadata: [ByteString]
    let nodeName: ByteString
    /// The node's registered address, where it is one.
    let nodeAddress: Address?
    /// What tells it from others in SRV records: its node, its own address, its port.
    let identity: [ByteString]
    private let places: (a: Place?, aaaa: Place?, other: Place?)

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
        on node: NodeDefinition,
        weight: Int32,
        _ settings: DNSSettings
    ) {
        self.node = settings.name(under: "node", node.name)
        port = UInt16(clamping: service.port)
        self.weight = UInt16(clamping: weight)
        metadata = (node.metadata ?? []).map(MetadataText.text)
        nodeName = node.name
        nodeAddress = Address(node.address)
        let own = AddressChoice.of(service.address, service.taggedAddresses, for: .srv)
        identity = [node.name, own, ByteString("\(port)")]
        places = (
            Place(of: service, on: node, for: .a), Place(of: service, on: node, for: .aaaa),
            Place(of: service, on: node, for: .any)
        )
    }

    /// For who asks for `type` of records of `name`.
    func place(_ type: RecordType, _ name: DomainName) -> Place? {
        let place =
            switch type {
            case .a: places.a
            case .aaaa: places.aaaa
            default: places.other
            }
        if case .elsewhere(name, let address?) = place { return .node(address) }
        return place
    }

    /// The instances whose checks, and whose nodes' checks, allow them to be found: none of them is
    /// critical, or all pass.
    /// - Parameter tag: "": any.
    static func all(
        of service: ByteString,
        tag: ByteString,
        _ settings: DNSSettings,
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        var instances: [Instance] = []
        for record in try view.services(named: service) {
            let definition = record.definition
            guard tag.bytes.isEmpty || hasTag(definition, tag),
                let node = try view.node(record.node)
            else { continue }
            var isWarning = false
            var isCritical = false
            for check in try view.checks(node: record.node) {
                let owner = check.definition.serviceID
                guard owner.bytes.isEmpty || owner.equalsIgnoringCase(definition.id) else {
                    continue
                }
                isWarning = isWarning || check.definition.status == .warning
                isCritical = isCritical || check.definition.status == .critical
            }
            if isCritical || isWarning && settings.isPassingOnly { continue }
            let weight = isWarning ? definition.weightWarning : definition.weightPassing
            let found = Instance(definition, on: node.definition, weight: weight, settings)
            instances.append(found)
        }
        return instances
    }

    private static func hasTag(_ service: ServiceDefinition, _ tag: ByteString) -> Bool {
        (service.tags ?? []).contains { $0.text.lowercased() == tag.text }
    }
}

extension DNSSettings {
    /// The name of something in this datacenter; a node's own name may have dots.
    func name(under kind: String, _ first: ByteString) -> DomainName? {
        guard let front = DomainName(ByteString("\(first).\(kind).\(datacenter)")) else {
            return nil
        }
        return DomainName(labels: front.labels + domain.labels)
    }
}

/// What was found in the catalog as it still is, so that services that are asked for again and
/// again need not be read each time.
struct Findings {
    private var indexes: [UInt64] = []
    private var services: [Service: [Instance]] = [:]
    private var addresses: [Address: DomainName?] = [:]
    private var instanceCount = 0

    private struct Service: Hashable {
        let name: ByteString
        let tag: ByteString
    }

    /// Forgets all of it, if any node, service or check has changed since.
    mutating func refresh(_ view: borrowing StateView) throws(StateError) {
        let indexes = try view.summary.indexes
        let current = [indexes.nodes, indexes.services, indexes.checks]
        guard current != self.indexes else { return }
        self = Findings()
        self.indexes = current
    }

    mutating func instances(
        of name: ByteString,
        tag: ByteString,
        _ settings: DNSSettings,
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        let service = Service(name: name, tag: tag)
        if let known = services[service] { return known }
        let found = try Instance.all(of: name, tag: tag, settings, view)
        if services.count >= settings.limits.findingsMax
            || instanceCount + found.count > settings.limits.foundInstancesMax
        {
            services = [:]
            instanceCount = 0
        }
        instanceCount += found.count
        services[service] = found
        return found
    }

    /// The first node of this address, else the first service.
    mutating func name(
        of address: Address,
        _ settings: DNSSettings,
        _ view: borrowing StateView
    ) throws(StateError) -> DomainName? {
        if let known = addresses[address] { return known }
        if addresses.count >= settings.limits.findingsMax { addresses = [:] }
        let found = try Self.find(address, settings, view)
        addresses[address] = .some(found)
        return found
    }

    private static func find(
        _ address: Address,
        _ settings: DNSSettings,
        _ view: borrowing StateView
    ) throws(StateError) -> DomainName? {
        for node in try view.nodes() where Address(node.definition.address) == address {
            return settings.name(under: "node", node.definition.name)
        }
        for service in try view.allServices()
        where Address(service.definition.address) == address {
            return settings.name(under: "service", service.definition.name)
        }
        return nil
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
