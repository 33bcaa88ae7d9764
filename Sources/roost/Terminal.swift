import ArgumentParser
import Bytes
import Disk
import Foundation

/// Results go to stdout as bytes, complaints to stderr.
enum Terminal {
    static func write(_ bytes: Data) {
        let bytes = Array(bytes)
        do throws(DiskError) { try StandardStream.output.write(bytes.rawSpan) } catch {
            end(of: error)
        }
    }

    private static func end(of error: DiskError) {
        // Whoever read it has read enough, as `head` does.
        if error.isEndedPipe { exit(endedPipe) }
        let failure = CommandFailure.file(path: error.path, reason: error.reason)
        exit(failure.reported().rawValue)
    }

    /// What shells make of SIGPIPE, which this process does not get.
    private static let endedPipe: Int32 = 128 + SIGPIPE

    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

    static func line(_ text: String) {
        write(Data((text + "\n").utf8))
    }

    /// One JSON object on a line of its own.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        write(try encoder.encode(value) + Data("\n".utf8))
    }

    static func complain(_ text: String) {
        // Where nobody can be told, there is nobody to tell.
        try? StandardStream.error.write("roost: \(text)\n")
    }

    /// Columns as wide as their widest cell.
    static func table(_ names: [String], _ rows: [[String]]) {
        for text in lines(of: [names] + rows) { line(text) }
    }

    /// Such a table's lines, without spaces at their ends.
    static func lines(of rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let text = cells.joined(separator: "  ")
            return String(text.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// A name for people: what would move the cursor is escaped.
    static func printable(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            if scalar.properties.generalCategory == .control {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// A value for people: text as it is, other bytes by their number.
    static func shown(_ value: Data) -> String {
        guard let text = String(validating: value, as: UTF8.self),
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return "(\(value.count) bytes)" }
        return text
    }
}
