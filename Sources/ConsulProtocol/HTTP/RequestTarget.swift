import Bytes

/// The target of a request line, split and cleaned as Go's server and ServeMux do.
public enum RequestTarget: Equatable, Sendable {
    /// A path without `.`, `..` and `//`, unescaped, and the raw text after `?`.
    case path([UInt8], query: [UInt8])
    /// The clean form is elsewhere: 301.
    case moved(location: String)
    /// `OPTIONS *`.
    case asterisk
    /// 400: no path, or an escape that is malformed.
    case malformed
    /// 400 with an empty body: the path has unprintable characters.
    case unprintable

    public static func parse(_ target: RawSpan) -> RequestTarget {
        if target.byteCount == 1, target[byte: 0] == UInt8(ascii: "*") { return .asterisk }
        let start = pathStart(target)
        guard let start else { return .malformed }
        let question = target.firstOffset(of: UInt8(ascii: "?"), from: start)
        let raw = target.extracting(start..<(question ?? target.byteCount))
        guard let path = URLEscape.path(raw) else { return .malformed }
        let queryStart = question.map { $0 + 1 } ?? target.byteCount
        let query = target.extracting(queryStart..<target.byteCount)
        guard isPrintable(path) else { return .unprintable }
        if needsCleaning(path) {
            let cleaned = cleaned(path)
            if cleaned != path { return .moved(location: location(cleaned, query)) }
        }
        return .path(path, query: query.copiedBytes())
    }

    /// Where the path begins: at 0, or after the authority of "http://host/path".
    private static func pathStart(_ target: RawSpan) -> Int? {
        guard target.byteCount > 0 else { return nil }
        if target[byte: 0] == UInt8(ascii: "/") { return 0 }
        for scheme in ["http://", "https://"] {
            let bytes = Array(scheme.utf8)
            guard target.hasPrefix(bytes.rawSpan) else { continue }
            return target.firstOffset(of: UInt8(ascii: "/"), from: bytes.count)
        }
        return nil
    }

    private static func isPrintable(_ path: [UInt8]) -> Bool {
        var isASCII = true
        for byte in path {
            if byte < 0x20 || byte == 0x7f { return false }
            if byte >= 0x80 { isASCII = false }
        }
        guard !isASCII else { return true }
        return String(decoding: path, as: UTF8.self).unicodeScalars.allSatisfy {
            $0 == "\u{fffd}" || Strconv.isPrintable($0)
        }
    }

    private static func needsCleaning(_ path: [UInt8]) -> Bool {
        var previous: UInt8 = 0
        for byte in path {
            if previous == UInt8(ascii: "/"),
                byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
            {
                return true
            }
            previous = byte
        }
        return false
    }

    /// net/http's `cleanPath`.
    static func cleaned(_ path: [UInt8]) -> [UInt8] {
        var segments: [ArraySlice<UInt8>] = []
        for segment in path.split(separator: UInt8(ascii: "/")) {
            if segment.elementsEqual([UInt8(ascii: ".")]) { continue }
            if segment.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
                _ = segments.popLast()
            } else {
                segments.append(segment)
            }
        }
        var result: [UInt8] = []
        for segment in segments {
            result.append(UInt8(ascii: "/"))
            result.append(contentsOf: segment)
        }
        if result.isEmpty || path.last == UInt8(ascii: "/") { result.append(UInt8(ascii: "/")) }
        return result
    }

    /// A `Location` for a path and a raw query.
    public static func location(_ path: [UInt8], _ query: RawSpan) -> String {
        let escaped = URLEscape.escapedPath(path)
        if query.byteCount == 0 { return escaped }
        return escaped + "?" + String(decoding: query.copiedBytes(), as: UTF8.self)
    }

    /// The body of a redirect, as http.Redirect writes it for GET.
    public static func movedBody(_ location: String) -> String {
        "<a href=\"\(htmlEscaped(location))\">Moved Permanently</a>.\n\n"
    }

    private static func htmlEscaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&#34;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
