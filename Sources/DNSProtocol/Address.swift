public import Bytes

/// An IP address. One of version 4 that is written as one of version 6 (`::ffff:10.0.0.1`) is of
/// version 4, as in Go.
public enum Address: Hashable, Sendable {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)

    /// As Go's `net.ParseIP` reads it: no zones, no missing parts, no leading zeros but those that
    /// Go 1.15 took.
    public init?(_ text: ByteString) {
        if text.bytes.contains(UInt8(ascii: ":")) {
            guard let groups = Self.groups(text.bytes) else { return nil }
            self.init(groups: groups)
        } else {
            guard let bits = Self.dotted(text.bytes[...]) else { return nil }
            self = .v4(bits)
        }
    }

    /// What 4 or 16 bytes in hexadecimal digits stand for, as in the names under `addr`.
    public init?(hexadecimal text: ByteString) {
        let digits = text.bytes.compactMap(Self.digit)
        guard digits.count == text.bytes.count else { return nil }
        let value = digits.reduce(into: (high: UInt64(0), low: UInt64(0))) { value, digit in
            value.high = value.high << 4 | value.low >> 60
            value.low = value.low << 4 | UInt64(digit)
        }
        switch digits.count {
        case 8: self = .v4(UInt32(truncatingIfNeeded: value.low))
        case 32: self = .v6(high: value.high, low: value.low)
        default: return nil
        }
    }

    /// What a name under in-addr.arpa or ip6.arpa stands for (RFC 1035, 3.5; RFC 3596, 2.5); nil:
    /// no whole address.
    public init?(reverse labels: [ByteString]) {
        guard labels.count > 2 else { return nil }
        let parts = labels.dropLast(2).reversed()
        switch labels[labels.count - 2].lowercased.text {
        case "in-addr":
            let joined = parts.map(\.bytes).joined(separator: [UInt8(ascii: ".")])
            guard let bits = Self.dotted(Array(joined)[...]) else { return nil }
            self = .v4(bits)
        case "ip6":
            guard parts.count == 32, parts.allSatisfy({ $0.bytes.count == 1 }) else { return nil }
            self.init(hexadecimal: ByteString(parts.flatMap(\.bytes)))
        default: return nil
        }
    }

    /// The label of a name under `addr`.
    public var hexadecimal: ByteString {
        switch self {
        case .v4(let bits): ByteString(Self.digits(UInt64(bits), count: 8))
        case .v6(let high, let low):
            ByteString(Self.digits(high, count: 16) + Self.digits(low, count: 16))
        }
    }

    private init(groups: [UInt16]) {
        let words = groups.map(UInt64.init)
        let high = words[0] << 48 | words[1] << 32 | words[2] << 16 | words[3]
        let low = words[4] << 48 | words[5] << 32 | words[6] << 16 | words[7]
        let isMapped = high == 0 && low >> 32 == 0xffff
        self = isMapped ? .v4(UInt32(truncatingIfNeeded: low)) : .v6(high: high, low: low)
    }

    // MARK: Texts

    private static func dotted(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            var value: UInt32 = 0
            guard !part.isEmpty else { return nil }
            for byte in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
                guard value <= 255 else { return nil }
            }
            bits = bits << 8 | value
        }
        return bits
    }

    /// The eight groups of an address of version 6.
    private static func groups(_ text: [UInt8]) -> [UInt16]? {
        guard let gap = firstGap(text) else {
            let all = row(text[...], endsAddress: true)
            return all?.count == 8 ? all : nil
        }
        let after = text[(gap + 2)...]
        guard firstGap(Array(after)) == nil, after.first != UInt8(ascii: ":"),
            let head = row(text[..<gap], endsAddress: false),
            let tail = row(after, endsAddress: true), head.count + tail.count < 8
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    /// Where "::" stands.
    private static func firstGap(_ text: [UInt8]) -> Int? {
        let colon = UInt8(ascii: ":")
        return text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
    }

    /// Groups between colons. Those at the end of an address may be one of version 4.
    private static func row(_ text: ArraySlice<UInt8>, endsAddress: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (place, part) in parts.enumerated() {
            if endsAddress, place == parts.count - 1, let bits = dotted(part) {
                groups += [UInt16(bits >> 16), UInt16(truncatingIfNeeded: bits)]
                continue
            }
            let digits = part.compactMap(digit)
            guard (1...4).contains(part.count), digits.count == part.count else { return nil }
            groups.append(digits.reduce(0) { $0 << 4 | UInt16($1) })
        }
        return groups
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func digits(_ value: UInt64, count: Int) -> [UInt8] {
        let alphabet = Array("0123456789abcdef".utf8)
        return (0..<count).map { alphabet[Int(value >> (4 * (count - 1 - $0)) & 15)] }
    }
}
