internal import Bytes

/// What ZooKeeper accepts as a path (PathUtils.validatePath), on UTF-8 bytes.
enum PathRule {
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// The nodes that cannot be deleted.
    static let reserved: [ByteString] = [
        "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config",
    ]

    static func isReserved(_ path: RawSpan) -> Bool {
        reserved.contains { path.hasSameBytes(as: $0.bytes.rawSpan) }
    }

    /// Whether the path may name a znode.
    static func isValid(_ path: RawSpan) -> Bool {
        guard path.byteCount > 0, path[byte: 0] == slash else { return false }
        if path.byteCount == 1 { return true }
        var nameStart = 1
        var offset = 1
        while offset < path.byteCount {
            let byte = path[byte: offset]
            if byte == slash {
                if !isName(path, nameStart, offset) { return false }
                nameStart = offset + 1
                offset += 1
            } else {
                let width = characterWidth(path, offset)
                if width == 0 { return false }
                offset += width
            }
        }
        return isName(path, nameStart, offset)
    }

    /// Not empty, not "." and not "..".
    private static func isName(_ path: RawSpan, _ start: Int, _ end: Int) -> Bool {
        switch end - start {
        case 0: false
        case 1: path[byte: start] != dot
        case 2: path[byte: start] != dot || path[byte: start + 1] != dot
        default: true
        }
    }

    /// The bytes of the character at `offset`; 0 if it is none that ZooKeeper accepts: controls,
    /// U+D800-F8FF, U+FFF0-FFFF, and whatever Java holds as surrogates (beyond U+FFFF).
    private static func characterWidth(_ path: RawSpan, _ offset: Int) -> Int {
        let first = path[byte: offset]
        if first < 0x80 { return first > 0x1f && first != 0x7f ? 1 : 0 }
        let width = first >= 0xf0 ? 0 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
        guard width > 0, offset + width <= path.byteCount else { return 0 }
        var character = UInt32(first & (width == 2 ? 0x1f : 0x0f))
        for position in 1..<width {
            let next = path[byte: offset + position]
            if next & 0xc0 != 0x80 { return 0 }
            character = character << 6 | UInt32(next & 0x3f)
        }
        let isRefused =
            (character < 0x800 && width == 3) || character <= 0x9f
            || (0xd800...0xf8ff).contains(character) || (0xfff0...0xffff).contains(character)
        return isRefused ? 0 : width
    }
}
