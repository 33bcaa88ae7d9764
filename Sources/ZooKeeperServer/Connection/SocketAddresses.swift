import CNIOLinux
package import Commands
package import NIOCore

extension ClientAddress {
    /// A socket's other end.
    package init(_ address: SocketAddress?) {
        let port = UInt16(clamping: address?.port ?? 0)
        switch address {
        case .v4(let v4):
            self = .ipv4(UInt32(bigEndian: v4.address.sin_addr.s_addr), port: port)
        case .v6:
            let (high, low) = IPv6Text.halves(address?.ipAddress ?? "")
            self = .ipv6(high: high, low: low, port: port)
        default: self = .none
        }
    }
}

/// Reads IPv6 addresses as inet_ntop writes them, which NIO shows safely where it shows the
/// sixteen bytes only through a pointer.
enum IPv6Text {
    static func halves(_ text: String) -> (high: UInt64, low: UInt64) {
        let address = text.prefix { $0 != "%" }
        var groups: [UInt64]
        if let gap = address.firstRange(of: "::") {
            let front = Self.groups(address[..<gap.lowerBound])
            let back = Self.groups(address[gap.upperBound...])
            let missing = max(0, 8 - front.count - back.count)
            groups = front + [UInt64](repeating: 0, count: missing) + back
        } else {
            groups = Self.groups(address)
        }
        guard groups.count == 8 else { return (0, 0) }
        let words = groups.reduce(into: (high: UInt64(0), low: UInt64(0))) { words, group in
            words.high = words.high << 16 | words.low >> 48
            words.low = words.low << 16 | group
        }
        return words
    }

    private static func groups(_ text: Substring) -> [UInt64] {
        text.split(separator: ":").flatMap { part in
            part.contains(".") ? dotted(part) : [UInt64(part, radix: 16) ?? 0]
        }
    }

    /// The last 32 bits may be written as an IPv4 address.
    private static func dotted(_ text: Substring) -> [UInt64] {
        let bytes = text.split(separator: ".").map { UInt64($0) ?? 0 }
        guard bytes.count == 4 else { return [0, 0] }
        return [bytes[0] << 8 | bytes[1], bytes[2] << 8 | bytes[3]]
    }
}
