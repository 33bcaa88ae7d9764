internal import Bytes

/// Where a request came from; it is also the client's `ip` identity in ACLs.
public struct ClientAddress: Equatable, Sendable {
    public enum Family: UInt8, Sendable {
        case none = 0
        case ipv4 = 4
        case ipv6 = 16
    }

    public let family: Family
    /// The address as a number; an IPv4 address has all of it in `low`.
    public let high: UInt64
    public let low: UInt64
    public let port: UInt16

    public static let none = ClientAddress(family: .none, high: 0, low: 0, port: 0)

    public static func ipv4(_ address: UInt32, port: UInt16) -> ClientAddress {
        ClientAddress(family: .ipv4, high: 0, low: UInt64(address), port: port)
    }

    /// An IPv4-mapped address (::ffff:a.b.c.d) becomes the IPv4 address.
    public static func ipv6(high: UInt64, low: UInt64, port: UInt16) -> ClientAddress {
        if high == 0 && low >> 32 == 0xffff {
            return .ipv4(UInt32(truncatingIfNeeded: low), port: port)
        }
        return ClientAddress(family: .ipv6, high: high, low: low, port: port)
    }

    /// The address alone: "127.0.0.1", or eight groups for IPv6 as Java prints them.
    public var host: String {
        switch family {
        case .none: ""
        case .ipv4: Self.dotted(UInt32(truncatingIfNeeded: low))
        case .ipv6: Self.groups(high) + ":" + Self.groups(low)
        }
    }

    private static func dotted(_ address: UInt32) -> String {
        "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }

    private static func groups(_ half: UInt64) -> String {
        [48, 32, 16, 0].map { String(half >> $0 & 0xffff, radix: 16) }.joined(separator: ":")
    }

    func encode(into writer: inout ByteWriter) {
        writer.integer(family.rawValue)
        switch family {
        case .none: return
        case .ipv4: writer.integer(UInt32(truncatingIfNeeded: low))
        case .ipv6:
            writer.integer(high)
            writer.integer(low)
        }
        writer.integer(port)
    }

    private init(family: Family, high: UInt64, low: UInt64, port: UInt16) {
        self.family = family
        self.high = high
        self.low = low
        self.port = port
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let size: UInt8 = try reader.integer()
        switch Family(rawValue: size) {
        case nil: throw .badTag(offset: offset, tag: UInt64(size))
        case .some(.none): self = .none
        case .ipv4:
            let address: UInt32 = try reader.integer()
            self = .ipv4(address, port: try reader.integer())
        case .ipv6:
            let high: UInt64 = try reader.integer()
            let low: UInt64 = try reader.integer()
            let port: UInt16 = try reader.integer()
            self.init(family: .ipv6, high: high, low: low, port: port)
        }
    }
}
