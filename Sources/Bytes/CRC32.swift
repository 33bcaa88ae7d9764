/// The checksum of gzip (ISO 3309's polynomial, reflected), eight bytes at a time.
public struct CRC32: Sendable {
    private var state: UInt32 = .max

    public init() {}

    /// Of all that was added.
    public var value: UInt32 { ~state }

    public mutating func add(_ span: RawSpan) {
        let tables = Self.tables
        var crc = state
        var offset = 0
        let eights = span.byteCount & ~7
        while offset < eights {
            var next: UInt32 = 0
            for place in 0..<8 {
                // The first four bytes meet the checksum so far.
                let met = place < 4 ? UInt8(truncatingIfNeeded: crc >> (8 * UInt32(place))) : 0
                let byte = span[byte: offset + place] ^ met
                next ^= tables[(7 - place) << 8 | Int(byte)]
            }
            crc = next
            offset += 8
        }
        while offset < span.byteCount {
            let byte = span[byte: offset] ^ UInt8(truncatingIfNeeded: crc)
            crc = tables[Int(byte)] ^ crc >> 8
            offset += 1
        }
        state = crc
    }

    /// Table N holds what a byte does that N others follow.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 << 8)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
            tables[byte] = crc
        }
        for place in 256..<(8 << 8) {
            let before = tables[place - 256]
            tables[place] = tables[Int(before & 255)] ^ before >> 8
        }
        return tables
    }()
}
