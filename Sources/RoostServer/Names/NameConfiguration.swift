import Bytes
import DNSProtocol
package import DNSServer

/// Consul's DNS interface, as the operator says.
package struct NameConfiguration: Sendable {
    /// Nil: it is off.
    package var port: Int?
    package var settings: DNSSettings

    init(
        reading settings: SettingReader,
        datacenter: String,
        _ access: AccessConfiguration
    ) throws(ConfigurationProblem) {
        port = try settings.port(.dnsPort)
        let domain = try settings.text(.dnsDomain)
        guard let name = DomainName(ByteString(domain)),
            var names = DNSSettings(datacenter: ByteString(datacenter), domain: name)
        else { throw .value(.dnsDomain, domain, wanted: "a domain name, such as consul") }
        names.isPassingOnly = try settings.truth(.dnsOnlyPassing)
        // A longer time is for ever (RFC 2181, 8).
        let longest = Int(Int32.max)
        let nodeSeconds = try settings.number(.dnsNodeTtlSeconds, in: 0...longest)
        names.nodeSecondsToLive = UInt32(nodeSeconds)
        let serviceSeconds = try settings.number(.dnsServiceTtlSeconds, in: 0...longest)
        names.serviceSecondsToLive = UInt32(serviceSeconds)
        names.datagram = Response.DatagramBounds(
            plainAnswersMax: try settings.number(
                .dnsUdpAnswerLimit,
                in: Response.DatagramBounds.plainAnswers
            ),
            saysTruncated: try settings.truth(.dnsEnableTruncate)
        )
        names.addressAnswersMax = try settings.number(.dnsAddressLimit, in: 0...65_535)
        names.access.isEnabled = access.isEnabled
        names.access.allowsByDefault = access.allowsByDefault
        names.access.fallback = ByteString(access.defaultToken)
        self.settings = names
    }
}
