import Bytes
import Commands
import LMDB
import Testing

@testable import StateMachine

/// What the digest sees. The chain of what entries write is old; it said nothing of a record that
/// changed after it was written, which the patrol reads.
@Suite struct PatrolTests {
    /// Entries that change nothing, until the walk was everywhere at least once.
    private func walk(_ state: StateFixture, steps: UInt64 = 8) throws {
        let end = state.index + steps * Patrol.interval
        let entries = (state.index + 1...end).map {
            CommittedEntry(index: $0, term: 1, payload: [])
        }
        _ = try state.machine.apply(entries)
        state.index = end
    }

    private func filled() throws -> StateFixture {
        let state = try StateFixture()
        try state.create("/a", "1")
        for number in 0..<30 {
            try state.apply(.key(KeyOperation(verb: .set, key: ByteString("k\(number)"))))
        }
        return state
    }

    private func write(
        _ state: StateFixture,
        _ table: Table,
        _ key: [UInt8],
        _ value: [UInt8]?
    ) throws {
        var transaction = try WriteTransaction(state.environment)
        if let value {
            try transaction.put(key.rawSpan, value.rawSpan, in: table)
        } else {
            try transaction.delete(key.rawSpan, in: table)
        }
        try transaction.commit()
    }

    @Test func `a record that appears in any table changes the digest`() throws {
        let healthy = try filled()
        try walk(healthy)
        for (name, table) in healthy.tables.all {
            let spoiled = try filled()
            let place = spoiled.tables.all.first { $0.name == name }?.table ?? table
            try write(spoiled, place, Array("rot".utf8), [1])
            try walk(spoiled)
            #expect(
                spoiled.machine.summary.digest != healthy.machine.summary.digest,
                "a record in \(name) is not seen"
            )
        }
    }

    @Test func `a flipped bit in any record, or its loss, changes the digest`() throws {
        let healthy = try filled()
        try walk(healthy)
        let records = try filled().dump().filter { record in
            record.table != "meta" || record.key != StateView.summaryKey
        }
        #expect(records.count > 35)
        for record in records {
            var flipped = record.value
            if flipped.isEmpty { flipped = [1] } else { flipped[flipped.count - 1] ^= 1 }
            for value in [flipped, nil] {
                let spoiled = try filled()
                let place = spoiled.tables.all.first { $0.name == record.table }
                let table = try #require(place).table
                try write(spoiled, table, record.key, value)
                try walk(spoiled)
                #expect(
                    spoiled.machine.summary.digest != healthy.machine.summary.digest,
                    "\(record) as \(value ?? []) is not seen"
                )
            }
        }
    }

    @Test func `the walk comes to every record of a large table, and round again`() throws {
        let state = try StateFixture()
        let fill = (1...UInt64(500)).map { index in
            let key = KeyOperation(verb: .set, key: ByteString("key \(index)"))
            let payload = Command.key(key).encode(CommandHeader())
            return CommittedEntry(index: index, term: 1, payload: payload)
        }
        _ = try state.machine.apply(fill)
        state.index = 500
        var places: [[UInt8]] = []
        for _ in 0..<40 {
            try walk(state, steps: 1)
            places += try state.dump().filter { $0.key == Patrol.key }.map(\.value)
        }
        let tables = places.compactMap(\.first)
        #expect(zip(tables, tables.dropFirst()).contains { $0 > $1 }, "it never began anew")
        let keys = UInt8(try #require(StateTables.names.firstIndex(of: "keys")))
        #expect(Set(places.filter { $0.first == keys }).count > 500 / Patrol.recordsMax)
    }

    @Test func `marks are made at checkpoints and at the end of each batch`() throws {
        let state = try StateFixture()
        let entries = (1...UInt64(600)).map { CommittedEntry(index: $0, term: 1, payload: []) }
        let batch = try state.machine.apply(entries)
        #expect(batch.marks.map(\.index) == [256, 512, 600])
        #expect(batch.marks.last?.digest == state.machine.summary.digest)
        let other = try StateFixture()
        var marks: [StateMark] = []
        for entry in entries { marks += try other.machine.apply([entry]).marks }
        #expect(batch.marks.allSatisfy { marks.contains($0) } && marks.count == 600)
    }

    @Test func `a state of format 1 is read, and its digest is compared from there on only`() throws
    {
        var writer = ByteWriter()
        for field in UInt64(1)...18 { writer.integer(field == 1 ? 1 : field * 100) }
        let summary = try StateSummary(decoding: writer.bytes.rawSpan)
        #expect(summary.appliedIndex == 200 && summary.digestSince == 200)
        #expect(summary.indexes.nodeExtinction == 1_800)
        var again = ByteWriter()
        summary.encode(into: &again)
        #expect(try StateSummary(decoding: again.bytes.rawSpan) == summary)
        writer = ByteWriter()
        for field in UInt64(1)...20 { writer.integer(field == 1 ? 3 : field) }
        let newer = writer.bytes
        #expect(throws: StateError.newerFormat(found: 3, known: 2)) {
            try StateSummary(decoding: newer.rawSpan)
        }
    }
}
