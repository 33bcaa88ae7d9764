/// Compresses an answer's body: gzip (RFC 1952) around deflate (RFC 1951) with its fixed codes.
///
/// JSON of the API repeats its names, so matches do nearly all of the work and codes made to
/// measure would add little; a C library and its state of a quarter MiB a stream are not worth it.
public enum Gzip {
    public static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var deflater = Deflater(capacity: bytes.count / 2 + 64)
        deflater.out.append(contentsOf: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
        deflater.deflate(bytes)
        append(crc32(bytes), to: &deflater.out)
        append(UInt32(truncatingIfNeeded: bytes.count), to: &deflater.out)
        return deflater.out
    }

    private static func append(_ value: UInt32, to out: inout [UInt8]) {
        for shift in [0, 8, 16, 24] { out.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    private static let crcTable: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1
        }
    }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        let table = crcTable
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
        return ~crc
    }
}

/// One deflate stream: greedy matches, found by a hash of the next four bytes.
private struct Deflater {
    var out: [UInt8] = []
    private var bits: UInt64 = 0
    private var bitCount = 0

    private static let windowBytes = 32_768
    private static let matchBytesMax = 258
    private static let hashBits = 13

    init(capacity: Int) {
        out.reserveCapacity(capacity)
    }

    mutating func deflate(_ bytes: [UInt8]) {
        // The only and last block, with the fixed codes.
        put(0b011, count: 3)
        var recent = [Int](repeating: -Self.windowBytes, count: 1 << Self.hashBits)
        var offset = 0
        while offset < bytes.count {
            guard offset + 4 <= bytes.count else {
                literal(bytes[offset])
                offset += 1
                continue
            }
            let hash = Self.hash(bytes, offset)
            let candidate = recent[hash]
            recent[hash] = offset
            let length = Self.matchLength(bytes, candidate, offset)
            if length >= 4 {
                match(length: length, distance: offset - candidate)
                offset += length
            } else {
                literal(bytes[offset])
                offset += 1
            }
        }
        put(0, count: 7)
        while bitCount > 0 { flushByte() }
    }

    private static func hash(_ bytes: [UInt8], _ offset: Int) -> Int {
        let word =
            UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8
            | UInt32(bytes[offset + 2]) << 16 | UInt32(bytes[offset + 3]) << 24
        return Int((word &* 0x9e37_79b1) >> UInt32(32 - hashBits))
    }

    private static func matchLength(_ bytes: [UInt8], _ candidate: Int, _ offset: Int) -> Int {
        guard candidate >= 0, offset - candidate <= windowBytes else { return 0 }
        let max = min(matchBytesMax, bytes.count - offset)
        var length = 0
        while length < max, bytes[candidate + length] == bytes[offset + length] { length += 1 }
        return length
    }

    private mutating func literal(_ byte: UInt8) {
        if byte < 144 {
            putReversed(0x30 + UInt32(byte), count: 8)
        } else {
            putReversed(0x190 + UInt32(byte - 144), count: 9)
        }
    }

    private mutating func match(length: Int, distance: Int) {
        let (symbol, lengthExtra, lengthBits) = Self.lengthCode(length)
        if symbol < 280 {
            putReversed(UInt32(symbol - 256), count: 7)
        } else {
            putReversed(0xc0 + UInt32(symbol - 280), count: 8)
        }
        put(UInt64(lengthExtra), count: lengthBits)
        let (code, distanceExtra, distanceBits) = Self.distanceCode(distance)
        putReversed(UInt32(code), count: 5)
        put(UInt64(distanceExtra), count: distanceBits)
    }

    /// Symbol, extra value, extra bits (RFC 1951, 3.2.5).
    private static func lengthCode(_ length: Int) -> (Int, Int, Int) {
        if length == 258 { return (285, 0, 0) }
        if length < 11 { return (254 + length, 0, 0) }
        let value = length - 3
        let extra = Int.bitWidth - value.leadingZeroBitCount - 3
        let group = value >> extra & 3
        return (257 + 4 * (extra + 1) + group, value & (1 << extra - 1), extra)
    }

    private static func distanceCode(_ distance: Int) -> (Int, Int, Int) {
        let value = distance - 1
        if value < 4 { return (value, 0, 0) }
        let extra = Int.bitWidth - value.leadingZeroBitCount - 2
        let group = value >> extra & 1
        return (2 * (extra + 1) + group, value & (1 << extra - 1), extra)
    }

    /// Huffman codes go in from their highest bit on.
    private mutating func putReversed(_ code: UInt32, count: Int) {
        var reversed: UInt64 = 0
        for bit in 0..<count { reversed = reversed << 1 | UInt64(code >> UInt32(bit) & 1) }
        put(reversed, count: count)
    }

    private mutating func put(_ value: UInt64, count: Int) {
        bits |= value << UInt64(bitCount)
        bitCount += count
        while bitCount >= 8 { flushByte() }
    }

    private mutating func flushByte() {
        out.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        bitCount = max(0, bitCount - 8)
    }
}
