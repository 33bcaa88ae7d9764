import Foundation
import Testing

/// The rules of the house that a machine can check. Each test lists every offender.
@Suite struct TidyTests {
    let tree: SourceTree

    init() throws { tree = try SourceTree.shared.get() }

    @Test func `the tree is found`() {
        #expect(tree.files.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
        #expect(tree.modules["Bytes"] != nil)
    }

    @Test func `a file has at most 600 lines`() {
        let long = tree.files.filter { $0.lines.count > 601 }
        #expect(long.map { "\($0.path): \($0.lines.count)" } == [])
    }

    @Test func `a function has at most 70 lines`() {
        let long = tree.files.flatMap { file in
            FunctionLengths(file).functions.filter { $0.lineCount > 70 }
                .map { "\(file.path):\($0.line): \($0.name) has \($0.lineCount) lines" }
        }
        #expect(long == [])
    }

    @Test func `a line has at most 100 columns`() {
        let wide = tree.files.flatMap { file in
            file.lines.enumerated().filter { $0.element.count > 100 }
                .map { "\(file.path):\($0.offset + 1)" }
        }
        #expect(wide == [])
    }

    @Test func `the top level holds only what is agreed`() throws {
        let agreed: Set = ["Package.swift", "Sources", "Tests", "Tools", "Fuzz", "README.md"]
        let found = try FileManager.default.contentsOfDirectory(atPath: tree.root.path)
        let passing: Set = ["Package.resolved", "roost-data"]
        let extra = found.filter { !$0.hasPrefix(".") }.filter {
            !agreed.contains($0) && !passing.contains($0)
        }
        #expect(extra == [])
        #expect(agreed.subtracting(found) == [])
    }

    /// Each in two parts, so that this file needs no exception from its own rule.
    @Test(arguments: [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")])
    func `no mark of unfinished work`(_ mark: (String, String)) {
        let marked = tree.files.filter { $0.text.contains(mark.0 + mark.1) }.map(\.path)
        #expect(marked == [])
    }

    /// What the compiler cannot check needs its proof beside it, in the declaration's own comment.
    @Test func `whoever claims to be Sendable says why`() {
        let claim = "@unchecked " + "Sendable"
        let unproven = tree.files.flatMap { file in
            file.lines.enumerated().filter {
                $0.element.contains(": \(claim)")
                    || $0.element.contains(", \(claim)")
            }
            .filter { !$0.element.hasPrefix("///") }
            .filter { !Self.comment(above: $0.offset, in: file.lines).contains("`\(claim)`:") }
            .map { "\(file.path):\($0.offset + 1)" }
        }
        #expect(unproven == [])
    }

    private static func comment(above line: Int, in lines: [Substring]) -> String {
        let above = lines[..<line].reversed().drop { $0.hasPrefix("@") }
        return above.prefix { $0.hasPrefix("///") }.joined(separator: "\n")
    }

    @Test func `nothing traps on purpose outside preconditions`() {
        #expect(tree.lines { $0.contains("try!") || $0.contains("fatalError(") } == [])
        #expect(
            tree.lines { code in
                code.contains(" as! ") || code.contains("nonisolated(unsafe)")
                    || code.contains("unowned(unsafe)")
            } == []
        )
    }

    @Test func `an error is not thrown away`() {
        #expect(tree.lines(in: "Sources/") { $0.contains("catch {}") } == [])
    }

    @Test func `unsafe code lives at the bottom of the house`() {
        let allowed = [
            "Sources/Bytes/", "Sources/LMDB/", "Sources/Disk/", "Sources/Console/", "Fuzz/",
            "Tests/",
        ]
        let found = tree.lines { code in
            code.contains("unsafe ") || code.contains("Unsafe") && code.contains("Pointer")
        }
        #expect(found.filter { line in !allowed.contains { line.hasPrefix($0) } } == [])
    }

    @Test func `pure modules import no NIO, Foundation or Dispatch`() {
        let pure = [
            "Bytes", "Commands", "Raft", "StateMachine", "Watches", "Replica", "ZooKeeperProtocol",
            "ConsulProtocol", "LMDB", "Disk", "RaftStore", "Measures", "Backup",
        ]
        let banned = ["NIO", "Foundation", "Dispatch"]
        let found = tree.lines(in: "Sources/") { code in
            let words = code.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place < 2, place + 1 < words.count
            else { return false }
            return banned.contains { words[place + 1].hasPrefix($0) }
        }
        let offenders = found.filter { line in pure.contains { line.hasPrefix("Sources/\($0)/") } }
        #expect(offenders == [])
        #expect(tree.lines(in: "Sources/Raft/") { $0.hasPrefix("import ") } == [])
    }

    @Test func `a name says what a thing is`() {
        let vague = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utilities", "Base", "Impl"]
        let types = tree.files.flatMap { file in
            file.declaredTypes.filter { type in vague.contains { type.hasSuffix($0) } }
                .map { "\(file.path): \($0)" }
        }
        #expect(types == [])
        let files = tree.files.filter { file in vague.contains { file.name.hasSuffix($0) } }
        #expect(files.map(\.path) == [])
        #expect(tree.files.filter { $0.name.contains("+") }.map(\.path) == [])
    }

    @Test func `no type bears its module's name`() {
        let modules = tree.modules.keys
        let same = tree.files.filter { $0.path.hasPrefix("Sources/") }
            .filter { file in file.declaredTypes.contains { modules.contains($0) } }
            .filter { file in file.declaredTypes.contains { $0 == file.module } }
        #expect(same.map(\.path) == [])
    }

    @Test func `a module opens with its purpose and a map`() {
        let silent = tree.modules.filter { name, files in
            name != "CLMDB" && !files.contains { $0.hasMap }
        }
        #expect(silent.keys.sorted() == [])
    }

    @Test func `a module has one place for its limits`() {
        let many = tree.modules.mapValues { files in
            files.flatMap(\.declaredTypes).filter { $0.hasSuffix("Limits") }
        }.filter { $0.value.count > 1 }
        #expect(many.map { "\($0.key): \($0.value)" } == [])
    }

    @Test func `tests cannot pass without looking`() {
        let weak = ["#expect(true)", "#expect(Bool(true))", ".disabled(", "withKnownIssue"]
        let found = tree.lines(in: "Tests/") { code in weak.contains { code.contains($0) } }
        #expect(found == [])
    }

    @Test func `tests do not sleep`() {
        #expect(tree.lines(in: "Tests/") { $0.contains("Task.sleep") } == [])
    }
}

/// The rules must be able to fail.
@Suite struct TidyCanaries {
    @Test func `a long function is seen`() {
        let body = String(repeating: "    work()\n", count: 70)
        let file = SourceFile(path: "Sources/X/Y.swift", text: "func long() {\n\(body)}\n")
        #expect(FunctionLengths(file).functions.map(\.lineCount) == [72])
    }

    @Test func `words in comments and strings are not code`() {
        let text = "let a = \"try! \\(b) {\" // try! {\n/* try! */ let c = #\"try!\"#\n"
        let file = SourceFile(path: "Sources/X/Y.swift", text: text)
        #expect(!file.codeLines.contains { $0.contains("try!") || $0.contains("{") })
        #expect(file.codeLines[1].contains("let c"))
    }

    @Test func `a type is seen by its declaration`() {
        let text = "package final class ThingManager {}"
        let file = SourceFile(path: "Sources/X/Y.swift", text: text)
        #expect(file.declaredTypes == ["ThingManager"])
    }
}

extension SourceTree {
    /// `PATH:LINE: TEXT` of every line of code that a rule picks.
    func lines(in folder: String = "", where picks: (String) -> Bool) -> [String] {
        files.filter { $0.path.hasPrefix(folder) && !$0.path.hasPrefix("Tests/TidyTests") }
            .flatMap { file in
                file.codeLines.enumerated().filter { picks($0.element) }
                    .map { "\(file.path):\($0.offset + 1): \($0.element)" }
            }
    }
}

extension SourceFile {
    var declaredTypes: [String] {
        codeLines.compactMap { line in
            let words = line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" })
            let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol"]
            guard let place = words.prefix(6).firstIndex(where: { kinds.contains($0) }),
                place + 1 < words.count, words[place + 1].first?.isUppercase == true
            else { return nil }
            return String(words[place + 1])
        }
    }

    /// A comment that names the module's files.
    var hasMap: Bool {
        lines.contains { line in
            line.hasPrefix("/// Map:") || line.hasPrefix("// Map:") || line.hasPrefix("/// ## Map")
        }
    }
}
