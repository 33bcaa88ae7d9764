public import Bytes

/// Go's `base64.StdEncoding`.
public enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )
    /// Two characters for every twelve bits.
    private static let pairs: [(UInt8, UInt8)] = (0..<4096).map {
        (alphabet[$0 >> 6], alphabet[$0 & 63])
    }
    /// The value of a character; 64 for a character outside the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 64, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    public static func append(_ data: RawSpan, to out: inout ByteWriter) {
        let start = out.bytes.count
        let length = (data.byteCount + 2) / 3 * 4
        out.bytes.append(contentsOf: repeatElement(UInt8(ascii: "="), count: length))
        var target = out.bytes.mutableSpan
        let pairs = pairs.span
        var from = 0
        var to = start
        while from + 3 <= data.byteCount {
            let high = Int(data[byte: from]) << 4 | Int(data[byte: from + 1]) >> 4
            let low = Int(data[byte: from + 1] & 15) << 8 | Int(data[byte: from + 2])
            (target[to], target[to + 1]) = pairs[high]
            (target[to + 2], target[to + 3]) = pairs[low]
            from += 3
            to += 4
        }
        let left = data.byteCount - from
        guard left > 0 else { return }
        let second = left == 2 ? data[byte: from + 1] : 0
        (target[to], target[to + 1]) = pairs[Int(data[byte: from]) << 4 | Int(second) >> 4]
        if left == 2 { target[to + 2] = pairs[Int(second & 15) << 8].0 }
    }

    public static func encoded(_ data: RawSpan) -> [UInt8] {
        var out = ByteWriter(reserving: (data.byteCount + 2) / 3 * 4)
        append(data, to: &out)
        return out.bytes
    }

    /// Decodes; line ends are skipped, anything else that does not belong is an error that names
    /// its place as Go does.
    public static func decoded(_ text: [UInt8]) throws(DecodeError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 4 * 3)
        var quantum: UInt32 = 0
        var digits = 0
        var offset = 0
        while let (byte, place) = next(text, &offset) {
            if byte == UInt8(ascii: "=") {
                try padding(text, digits, place, &offset)
                finish(quantum, digits, &result)
                return result
            }
            let value = values[Int(byte)]
            guard value < 64 else { throw illegal(place) }
            quantum = quantum << 6 | UInt32(value)
            digits += 1
            guard digits == 4 else { continue }
            finish(quantum, 4, &result)
            quantum = 0
            digits = 0
        }
        guard digits == 0 else { throw illegal(text.count - digits) }
        return result
    }

    private static func next(_ text: [UInt8], _ offset: inout Int) -> (UInt8, Int)? {
        while offset < text.count {
            let byte = text[offset]
            offset += 1
            if byte != 10 && byte != 13 { return (byte, offset - 1) }
        }
        return nil
    }

    private static func padding(
        _ text: [UInt8],
        _ digits: Int,
        _ place: Int,
        _ offset: inout Int
    ) throws(DecodeError) {
        guard digits >= 2 else { throw illegal(place) }
        if digits == 2 {
            guard let (byte, at) = next(text, &offset) else { throw illegal(text.count) }
            guard byte == UInt8(ascii: "=") else { throw illegal(at) }
        }
        if let (_, at) = next(text, &offset) { throw illegal(at) }
    }

    private static func finish(_ quantum: UInt32, _ digits: Int, _ result: inout [UInt8]) {
        let bits = quantum << UInt32(6 * (4 - digits))
        if digits >= 2 { result.append(UInt8(truncatingIfNeeded: bits >> 16)) }
        if digits >= 3 { result.append(UInt8(truncatingIfNeeded: bits >> 8)) }
        if digits == 4 { result.append(UInt8(truncatingIfNeeded: bits)) }
    }

    private static func illegal(_ offset: Int) -> DecodeError {
        DecodeError("illegal base64 data at input byte \(offset)")
    }
}
