import Bytes
import Commands
import DNSProtocol
import StateMachine

/// One instance of a service that may be told of.
struct Instance {
    let node: NodeDefinition
    let service: ServiceDefinition
    /// That of its state of health.
    let weight: UInt16

    /// The instances whose checks, and whose nodes' checks, allow them to be found: none of them is
    /// critical, or all pass.
    /// - Parameter tag: "": any.
    static func all(
        of service: ByteString,
        tag: ByteString,
        isPassingOnly: Bool,
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
            if isCritical || isWarning && isPassingOnly { continue }
            let weight = isWarning ? definition.weightWarning : definition.weightPassing
            instances.append(
                Instance(
                    node: node.definition,
                    service: definition,
                    weight: UInt16(clamping: weight)
                )
            )
        }
        return instances
    }

    private static func hasTag(_ service: ServiceDefinition, _ tag: ByteString) -> Bool {
        (service.tags ?? []).contains { $0.text.lowercased() == tag.text }
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
