import Foundation
import Raft
import Testing

/// Scenarios as text: a command line, then `----`, then what happened, then an empty line.
/// Lines that begin with # tell the story. `ROOST_REWRITE=1 swift test --filter RaftTests` writes
/// what happened into the files; the difference is then to be reviewed.
@Suite struct TranscriptTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Transcripts")

    static var names: [String] {
        let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (found ?? []).filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test(arguments: names)
    func `a scenario happens as it is written`(_ name: String) throws {
        let file = TranscriptTests.folder.appending(path: name)
        let written = try String(contentsOf: file, encoding: .utf8)
        let happened = TranscriptTests.play(written)
        if ProcessInfo.processInfo.environment["ROOST_REWRITE"] == "1" {
            try happened.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(happened == written, "ROOST_REWRITE=1 rewrites \(name)")
        }
    }

    @Test func `there are scenarios`() { #expect(TranscriptTests.names.count >= 10) }

    /// The same text with each command's output replaced by what happens now.
    static func play(_ text: String) -> String {
        let script = Script()
        var lines: [String] = []
        var isOutput = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if isOutput {
                isOutput = !line.isEmpty
                if line.isEmpty { lines.append("") }
            } else if line.isEmpty || line.hasPrefix("#") {
                lines.append(String(line))
            } else if line == "----" {
                isOutput = true
            } else {
                lines += [String(line), "----", script.run(String(line))]
            }
        }
        return lines.joined(separator: "\n")
    }
}
