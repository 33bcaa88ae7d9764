import Foundation

/// Results go to stdout as bytes, complaints to stderr.
enum Terminal {
    static func write(_ bytes: Data) {
        FileHandle.standardOutput.write(bytes)
    }

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
        FileHandle.standardError.write(Data("roost: \(text)\n".utf8))
    }

    /// Columns as wide as their widest cell.
    static func table(_ names: [String], _ rows: [[String]]) {
        let widths = names.indices.map { column in
            ([names] + rows).map { $0[column].count }.max() ?? 0
        }
        for row in [names] + rows {
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let text = cells.joined(separator: "  ")
            line(String(text.reversed().drop { $0 == " " }.reversed()))
        }
    }

    /// A value for people: text as it is, other bytes by their number.
    static func shown(_ value: Data) -> String {
        guard let text = String(validating: value, as: UTF8.self),
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return "(\(value.count) bytes)" }
        return text
    }
}
