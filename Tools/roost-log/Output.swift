import ConsulProtocol
import Foundation

/// Standard output, written in large pieces.
final class Output {
    private var pending: [UInt8] = []

    private static let pieceBytes = 1 << 16

    func line(_ text: String) {
        pending.append(contentsOf: text.utf8)
        end()
    }

    /// One JSON object on a line of its own.
    func json(_ fill: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.beginObject()
        fill(&writer)
        writer.endObject()
        pending.append(contentsOf: writer.bytes)
        end()
    }

    private func end() {
        pending.append(UInt8(ascii: "\n"))
        if pending.count >= Self.pieceBytes { flush() }
    }

    func flush() {
        guard !pending.isEmpty else { return }
        FileHandle.standardOutput.write(Data(pending))
        pending.removeAll(keepingCapacity: true)
    }

    /// Columns as wide as their widest cell, for what is short enough to be held.
    func table(_ names: [String], _ rows: [[String]]) {
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

    static func complain(_ text: String) {
        FileHandle.standardError.write(Data("roost-log: \(text)\n".utf8))
    }
}

extension JSONWriter {
    mutating func member(_ name: String, _ text: String) {
        self.name(name)
        string(text)
    }

    mutating func member(_ name: String, _ number: UInt64) {
        self.name(name)
        integer(number)
    }

    mutating func member(_ name: String, _ number: Int) {
        self.name(name)
        integer(number)
    }

    mutating func member(_ name: String, _ isTrue: Bool) {
        self.name(name)
        bool(isTrue)
    }

    mutating func member(_ name: String, texts: [String]) {
        self.name(name)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }

    mutating func member(_ name: String, object fill: (inout JSONWriter) -> Void) {
        self.name(name)
        beginObject()
        fill(&self)
        endObject()
    }
}
