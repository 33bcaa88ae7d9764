import Bytes
import ConsulProtocol
import Disk

/// Standard output, written in large pieces. Where a piece cannot be written, no later one is, and
/// `flush` says so at the end.
final class Output {
    private var pending: [UInt8] = []
    private var failure: DiskError?

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
        if pending.count >= Self.pieceBytes { writePending() }
    }

    private func writePending() {
        if failure == nil, !pending.isEmpty {
            let bytes = pending
            do throws(DiskError) { try StandardStream.output.write(bytes.rawSpan) } catch {
                failure = error
            }
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Writes what is left.
    /// - Throws: what kept anything from being written since the beginning.
    func flush() throws {
        writePending()
        if let failure { throw InspectionFailure.output(failure) }
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
        // Where nobody can be told, there is nobody to tell.
        try? StandardStream.error.write("roost-log: \(text)\n")
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
