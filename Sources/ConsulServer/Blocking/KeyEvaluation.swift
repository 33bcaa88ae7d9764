import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// KV reads. The index of a key is its ModifyIndex, that of a prefix the highest below it,
/// deletions included; of what is not there, the table's (features-consul.md 3).
enum KeyEvaluation {
    static func key(
        _ key: ByteString,
        raw: Bool,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        guard let entry = try view.key(key.bytes.rawSpan) else {
            return missing(index: try view.missingKeyIndex)
        }
        var json = JSONWriter(reserving: 192 + key.bytes.count + entry.valueBytes * 4 / 3)
        if raw {
            try view.forEachValuePiece(of: entry) { piece in json.out.append(piece) }
        } else {
            json.beginArray()
            try append(entry, view, &json)
            json.endArray()
        }
        let content: AnswerHead.Content = raw ? .raw : .json
        let answer = Answer(head: AnswerHead(content: content), body: json.bytes)
        return Evaluation(answer: answer, index: entry.modifyIndex)
    }

    static func tree(
        _ prefix: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var json = JSONWriter(reserving: 1024)
        var count = 0
        var highest: UInt64 = 0
        json.beginArray()
        try view.forEachKey(prefix: prefix.bytes.rawSpan) { entry throws(StateError) in
            try append(entry, view, &json)
            count += 1
            highest = max(highest, entry.modifyIndex)
            return .next
        }
        json.endArray()
        let index = try view.treeIndex(
            prefix: prefix.bytes.rawSpan,
            highestModifyIndex: highest
        )
        if count == 0 { return missing(index: index) }
        return Evaluation(answer: .json(json.bytes), index: index)
    }

    /// Goes through all keys below the prefix, those that are cut away too: the highest of their
    /// indexes is the answer's.
    static func keys(
        _ prefix: ByteString,
        separator: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var json = JSONWriter(reserving: 1024)
        var highest: UInt64 = 0
        var last: [UInt8] = []
        json.beginArray()
        try view.forEachKey(prefix: prefix.bytes.rawSpan) { entry throws(StateError) in
            highest = max(highest, entry.modifyIndex)
            guard let end = Self.end(of: entry.key, after: prefix.bytes.count, separator.bytes)
            else {
                json.string(entry.key)
                last = []
                return .next
            }
            let shown = entry.key.extracting(0..<end)
            if !last.rawSpan.hasSameBytes(as: shown) {
                json.string(shown)
                last = shown.copiedBytes()
            }
            return .next
        }
        json.endArray()
        let index = try view.treeIndex(
            prefix: prefix.bytes.rawSpan,
            highestModifyIndex: highest
        )
        // Of all keys there is always a list.
        if highest == 0, !prefix.bytes.isEmpty { return missing(index: index) }
        return Evaluation(answer: .json(json.bytes), index: index)
    }

    private static func missing(index: UInt64) -> Evaluation {
        Evaluation(answer: .empty(404), index: index, isMissing: true)
    }

    /// One entry with its value in base64; a value in pieces is put together first, since base64
    /// takes three bytes at a time.
    private static func append(
        _ entry: borrowing KeyEntryView,
        _ view: borrowing StateView,
        _ json: inout JSONWriter
    ) throws(StateError) {
        json.beginKey(entry.key, lockIndex: entry.lockIndex, flags: entry.flags)
        if let value = entry.inlineValue {
            json.data(value)
        } else {
            var value = ByteWriter(reserving: entry.valueBytes)
            try view.forEachValuePiece(of: entry) { piece in value.append(piece) }
            json.data(value.bytes.rawSpan)
        }
        json.endKey(
            session: entry.session,
            createIndex: entry.createIndex,
            modifyIndex: entry.modifyIndex
        )
    }

    /// Where a key is cut: after the first separator behind the prefix.
    private static func end(
        of key: RawSpan,
        after prefix: Int,
        _ separator: [UInt8]
    ) -> Int? {
        guard !separator.isEmpty else { return nil }
        var offset = prefix
        while offset + separator.count <= key.byteCount {
            let tail = key.extracting(offset..<key.byteCount)
            if tail.hasPrefix(separator.rawSpan) { return offset + separator.count }
            offset += 1
        }
        return nil
    }
}
