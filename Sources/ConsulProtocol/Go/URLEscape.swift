import Bytes

/// Percent escapes as Go's net/url reads and writes them.
public enum URLEscape {
    /// `url.PathUnescape`; nil where an escape is malformed.
    public static func path(_ text: RawSpan) -> [UInt8]? {
        unescape(text, plusIsSpace: false)
    }

    /// `url.QueryUnescape`; nil where an escape is malformed.
    public static func query(_ text: RawSpan) -> [UInt8]? {
        unescape(text, plusIsSpace: true)
    }

    private static func unescape(_ text: RawSpan, plusIsSpace: Bool) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.byteCount)
        var offset = 0
        while offset < text.byteCount {
            let byte = text[byte: offset]
            offset += 1
            if byte == UInt8(ascii: "+") && plusIsSpace {
                result.append(UInt8(ascii: " "))
            } else if byte != UInt8(ascii: "%") {
                result.append(byte)
            } else {
                guard offset + 2 <= text.byteCount,
                    let high = Strconv.hexadecimalDigit(text[byte: offset]),
                    let low = Strconv.hexadecimalDigit(text[byte: offset + 1])
                else { return nil }
                result.append(high << 4 | low)
                offset += 2
            }
        }
        return result
    }

    /// `url.QueryEscape`.
    public static func escapedQuery(_ text: [UInt8]) -> String {
        escaped(text) { byte in
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"): true
            default: false
            }
        }
    }

    /// `URL.EscapedPath` for a path that was changed.
    public static func escapedPath(_ text: [UInt8]) -> String {
        escaped(text, spaceIsPlus: false) { "-_.~$&+,/:;=@".utf8.contains($0) }
    }

    private static func escaped(
        _ text: [UInt8],
        spaceIsPlus: Bool = true,
        isPlain: (UInt8) -> Bool
    ) -> String {
        var result: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                result.append(byte)
            case UInt8(ascii: " ") where spaceIsPlus: result.append(UInt8(ascii: "+"))
            case _ where isPlain(byte): result.append(byte)
            default:
                result.append(UInt8(ascii: "%"))
                result.append(upper(byte >> 4))
                result.append(upper(byte & 15))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func upper(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? 48 + nibble : 55 + nibble
    }
}
