import Bytes

/// UTF-8 as Go's `utf8.DecodeRune` sees it: a byte that begins no valid sequence is U+FFFD alone.
enum UTF8Repair {
    /// The number of bytes of the valid sequence at `offset`, or nil.
    static func width(_ text: RawSpan, at offset: Int) -> Int? {
        let first = text[byte: offset]
        switch first {
        case 0..<0x80: return 1
        case 0xc2...0xdf: return continues(text, offset, 1) ? 2 : nil
        case 0xe0...0xef:
            guard continues(text, offset, 2) else { return nil }
            let second = text[byte: offset + 1]
            if first == 0xe0 && second < 0xa0 { return nil }
            if first == 0xed && second > 0x9f { return nil }
            return 3
        case 0xf0...0xf4:
            guard continues(text, offset, 3) else { return nil }
            let second = text[byte: offset + 1]
            if first == 0xf0 && second < 0x90 { return nil }
            if first == 0xf4 && second > 0x8f { return nil }
            return 4
        default: return nil
        }
    }

    private static func continues(_ text: RawSpan, _ offset: Int, _ count: Int) -> Bool {
        guard offset + count < text.byteCount else { return false }
        for step in 1...count where text[byte: offset + step] & 0xc0 != 0x80 { return false }
        return true
    }

    /// The bytes with U+FFFD in the place of each byte that is no UTF-8.
    static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var offset = 0
        while offset < bytes.count {
            if let width = width(bytes.rawSpan, at: offset) {
                result.append(contentsOf: bytes[offset..<(offset + width)])
                offset += width
            } else {
                result.append(contentsOf: [0xef, 0xbf, 0xbd])
                offset += 1
            }
        }
        return result
    }
}
