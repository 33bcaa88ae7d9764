internal import Bytes

/// An identifier that is written as "b6251bce-3eed-5bfd-8e06-b84f693bf9b7".
public struct UUIDValue: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Nil if the text is no such identifier. Its letters may be capitals.
    public init?(_ text: [UInt8]) {
        guard text.count == 36 else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        for (position, byte) in text.enumerated() {
            if Self.isHyphen(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(digit)
        }
        self.init(high: high, low: low)
    }

    /// In ASCII.
    public var text: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        var (high, low) = (high, low)
        while text.count < 36 {
            if Self.isHyphen(text.count) { text.append(UInt8(ascii: "-")) }
            let digit = UInt8(truncatingIfNeeded: high >> 60)
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            high = high << 4 | low >> 60
            low <<= 4
        }
        return text
    }

    private static func isHyphen(_ position: Int) -> Bool {
        position == 8 || position == 13 || position == 18 || position == 23
    }

    func encode(into writer: inout ByteWriter) {
        writer.integer(high)
        writer.integer(low)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let high: UInt64 = try reader.integer()
        self.init(high: high, low: try reader.integer())
    }
}
