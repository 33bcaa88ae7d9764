import Foundation

/// The repository's Swift files, as the tidy rules look at them.
struct SourceTree: Sendable {
    var files: [SourceFile]
    let root: URL

    /// Read once for all tests.
    static let shared = Result { try load() }

    private static func load() throws -> SourceTree {
        let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        let root = here.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var tree = SourceTree(files: [], root: root)
        for folder in ["Sources", "Tests", "Tools", "Fuzz"] { try tree.add(folder) }
        return tree
    }

    private mutating func add(_ folder: String) throws {
        let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
        for case let name as String in names ?? FileManager.DirectoryEnumerator() {
            guard name.hasSuffix(".swift"), !name.contains(".build") else { continue }
            let text = try String(
                contentsOf: root.appendingPathComponent("\(folder)/\(name)"),
                encoding: .utf8
            )
            files.append(SourceFile(path: "\(folder)/\(name)", text: text))
        }
        files.sort { $0.path < $1.path }
    }

    /// Files of Sources/MODULE by module.
    var modules: [String: [SourceFile]] {
        Dictionary(
            grouping: files.filter { $0.path.hasPrefix("Sources/") },
            by: { String($0.path.split(separator: "/")[1]) }
        )
    }
}

/// One file: its text, and its code without comments and the contents of string literals.
struct SourceFile: Sendable {
    let path: String
    let text: String
    let lines: [Substring]
    let codeLines: [String]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        codeLines = CodeScanner.code(of: text)
    }

    var module: Substring { path.split(separator: "/")[1] }
    var name: Substring { (path.split(separator: "/").last ?? "").dropLast(".swift".count) }
}

/// Blanks comments and string literals, so that a rule sees code only. Interpolations are blanked
/// with their literal.
struct CodeScanner {
    private enum Place: Equatable {
        case code, lineComment, blockComment(depth: Int)
        case string(quotes: Int, pounds: Int)
    }

    private let bytes: [UInt8]
    private var place = Place.code
    private var index = 0
    private var out: [UInt8] = []

    static func code(of text: String) -> [String] {
        var scanner = CodeScanner(bytes: Array(text.utf8))
        while scanner.index < scanner.bytes.count { scanner.step() }
        return String(decoding: scanner.out, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func step() {
        if bytes[index] == 0x0a {
            if place == .lineComment { place = .code }
            if case .string(quotes: 1, _) = place { place = .code }
            out.append(0x0a)
            index += 1
            return
        }
        switch place {
        case .code: stepInCode()
        case .lineComment: index += 1
        case .blockComment(let depth): stepInComment(depth)
        case .string(let quotes, let pounds): stepInString(quotes, pounds)
        }
    }

    private func sees(_ text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

    private mutating func stepInCode() {
        if sees("//") { return place = .lineComment }
        if sees("/*") {
            index += 2
            return place = .blockComment(depth: 1)
        }
        var pounds = 0
        while index + pounds < bytes.count, bytes[index + pounds] == 0x23 { pounds += 1 }
        if index + pounds < bytes.count, bytes[index + pounds] == 0x22 {
            index += pounds
            let quotes = sees("\"\"\"") ? 3 : 1
            index += quotes
            out.append(0x22)
            return place = .string(quotes: quotes, pounds: pounds)
        }
        out.append(bytes[index])
        index += 1
    }

    private mutating func stepInComment(_ depth: Int) {
        if sees("*/") {
            index += 2
            place = depth == 1 ? .code : .blockComment(depth: depth - 1)
        } else if sees("/*") {
            index += 2
            place = .blockComment(depth: depth + 1)
        } else {
            index += 1
        }
    }

    private mutating func stepInString(_ quotes: Int, _ pounds: Int) {
        let fence = String(repeating: "#", count: pounds)
        if sees("\\\(fence)(") { return skipInterpolation() }
        if pounds == 0, sees("\\") {
            index += 2
        } else if sees(String(repeating: "\"", count: quotes) + fence) {
            index += quotes + pounds
            out.append(0x22)
            place = .code
        } else {
            index += 1
        }
    }

    /// To the closing parenthesis; strings inside hold no parentheses of their own in this tree.
    private mutating func skipInterpolation() {
        var depth = 0
        while index < bytes.count, bytes[index] != 0x0a {
            if bytes[index] == 0x28 { depth += 1 }
            if bytes[index] == 0x29 {
                depth -= 1
                if depth == 0 { break }
            }
            index += 1
        }
        if index < bytes.count, bytes[index] != 0x0a { index += 1 }
    }
}
