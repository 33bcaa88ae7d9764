import Bytes
package import DNSProtocol
import DNSServer

/// Consul's DNS interface, as the operator says.
package struct NameConfiguration: Sendable {
    /// Nil: it is off.
    package var port: Int?
    package var domain: DomainName
    package var isPassingOnly: Bool
    package var nodeSecondsToLive: Int
    package var serviceSecondsToLive: Int
    package var datagramAnswersMax: Int
    package var saysTruncated: Bool
    package var addressAnswersMax: Int

    init(reading settings: SettingReader) throws(ConfigurationProblem) {
        port = try settings.port(.dnsPort)
        let domain = try settings.text(.dnsDomain)
        guard let name = DomainName(ByteString(domain)),
            name.wire.count <= Self.domainBytesMax
        else { throw .value(.dnsDomain, domain, wanted: "a domain name, such as consul") }
        self.domain = name
        isPassingOnly = try settings.truth(.dnsOnlyPassing)
        // A longer time is for ever (RFC 2181, 8).
        nodeSecondsToLive = try settings.number(.dnsNodeTtlSeconds, in: 0...Int(Int32.max))
        serviceSecondsToLive = try settings.number(.dnsServiceTtlSeconds, in: 0...Int(Int32.max))
        datagramAnswersMax = try settings.number(.dnsUdpAnswerLimit, in: 1...8)
        saysTruncated = try settings.truth(.dnsEnableTruncate)
        addressAnswersMax = try settings.number(.dnsAddressLimit, in: 0...65_535)
    }

    /// Names of nodes and services need room before it.
    private static let domainBytesMax = 128

    func settings(datacenter: String, _ access: AccessConfiguration) -> DNSSettings {
        var settings = DNSSettings(datacenter: ByteString(datacenter), domain: domain)
        settings.isPassingOnly = isPassingOnly
        settings.nodeSecondsToLive = UInt32(clamping: nodeSecondsToLive)
        settings.serviceSecondsToLive = UInt32(clamping: serviceSecondsToLive)
        settings.datagram = Response.DatagramBounds(
            answersMax: datagramAnswersMax,
            saysTruncated: saysTruncated
        )
        settings.addressAnswersMax = addressAnswersMax
        settings.access.isEnabled = access.isEnabled
        settings.access.allowsByDefault = access.allowsByDefault
        settings.access.fallback = ByteString(access.defaultToken)
        return settings
    }
}
