import ArgumentParser
import Bytes
import Commands
import ConsulProtocol
import SeededRandom
import Testing

@testable import Raft
@testable import roost_log

@Suite struct EntryFilterTests {
    private func entry(_ command: Command, _ header: CommandHeader = .init()) -> DescribedEntry {
        DescribedEntry(
            Entry(index: LogIndex(7), term: Term(2), payload: command.encode(header))
        )
    }

    private func setKey(_ key: String, _ header: CommandHeader = .init()) -> DescribedEntry {
        entry(.key(KeyOperation(verb: .set, key: ByteString(key), value: [1])), header)
    }

    private func filter(_ arguments: String...) throws -> EntryFilter {
        try EntryOptions.parse(arguments).filter(now: 10_000_000)
    }

    @Test func `keys match whole, and as prefixes only where asked`() throws {
        #expect(try filter("--key", "app/a").wants(setKey("app/a")))
        #expect(try !filter("--key", "app/").wants(setKey("app/a")))
        #expect(try filter("--key", "app/", "--prefix").wants(setKey("app/a")))
        #expect(try !filter("--key", "b", "--key", "c").wants(setKey("app/a")))
    }

    @Test func `paths are znodes' and keys are Consul's`() throws {
        let deleted = entry(.deleteContainer(path: "/app"))
        #expect(try filter("--path", "/app").wants(deleted))
        #expect(try !filter("--key", "/app").wants(deleted))
        #expect(try !filter("--path", "app/a").wants(setKey("app/a")))
    }

    @Test func `sessions of both kinds match`() throws {
        let session = setKey("a", CommandHeader(session: SessionID(0x1f)))
        #expect(try filter("--session", "0x1f").wants(session))
        #expect(try !filter("--session", "0x1e").wants(session))
        let id = "d33fbe19-3f5a-927e-eb31-792f5fb43b78"
        let lock = KeyOperation(verb: .lock, key: "a", value: [], session: ByteString(id))
        #expect(try filter("--session", id.uppercased()).wants(entry(.key(lock))))
    }

    @Test func `what came with a token is found by its accessor`() throws {
        let id = "d33fbe19-3f5a-927e-eb31-792f5fb43b78"
        let found = setKey("a", CommandHeader(token: UUIDValue(Array(id.utf8))))
        #expect(try filter("--token", id.uppercased()).wants(found))
        #expect(try !filter("--token", id).wants(setKey("a")))
        #expect(EntryTable.row(found).contains(" as \(id)"))
    }

    @Test func `times bound on both sides, and leave out what has none`() throws {
        let at = setKey("a", CommandHeader(timeMilliseconds: 9_940_000))
        #expect(try filter("--since", "60s").wants(at))
        #expect(try !filter("--since", "59s").wants(at))
        #expect(try filter("--until", "1m").wants(at))
        #expect(try !filter("--until", "61s").wants(at))
        let empty = DescribedEntry(Entry(index: LogIndex(1), term: Term(1), kind: .empty))
        #expect(try !filter("--since", "1h").wants(empty))
        #expect(try filter().wants(empty))
        #expect(try filter("--kind", "empty").wants(empty))
    }

    @Test(arguments: [
        ["--from", "0"], ["--from", "5", "--to", "4"], ["--kind", "nonsense"], ["--prefix"],
        ["--session", "17"], ["--token", "root"], ["--session", "0x0"], ["--since", "yesterday"],
        ["--since", "-5m"],
        ["--to", "18446744073709551615"], ["--since", "9223372036854775807d"],
    ])
    func `wrong usage is refused`(_ arguments: [String]) {
        #expect(throws: (any Error).self) { _ = try EntryOptions.parse(arguments) }
    }
}

@Suite struct TimeTextTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_123, "2000-02-29T00:00:00.123Z"),
        (1_795_613_655_241, "2026-11-25T13:34:15.241Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ])
    func `a time is written in UTC, and read back`(_ milliseconds: Int64, _ text: String) {
        #expect(TimeText.text(milliseconds: milliseconds) == text)
        #expect(TimeText.milliseconds(text, now: 0) == milliseconds)
    }

    @Test func `a time can be given in a zone, without one, or as a date`() {
        let noon: Int64 = 1_795_608_000_000
        #expect(TimeText.milliseconds("2026-11-25T12:00:00Z", now: 0) == noon)
        #expect(TimeText.milliseconds("2026-11-25T12:00:00", now: 0) == noon)
        #expect(TimeText.milliseconds("2026-11-25T13:00:00+01:00", now: 0) == noon)
        #expect(TimeText.milliseconds("2026-11-25", now: 0) == noon - 43_200_000)
        #expect(TimeText.milliseconds("12 o'clock", now: 0) == nil)
    }
}

@Suite struct EntryTextTests {
    @Test func `what a client chose cannot break a line or pass for a field`() {
        #expect(EntryTable.shown("app/a") == "app/a")
        #expect(EntryTable.shown("a\nb\u{1b}[2J") == #""a\u{a}b\u{1b}[2J""#)
        #expect(EntryTable.shown(#"a" b="#) == #""a\" b=""#)
        #expect(EntryTable.shown("") == #""""#)
    }

    @Test func `a payload of an unknown kind is shown as such`() {
        let entry = DescribedEntry(
            Entry(index: LogIndex(1), term: Term(1), payload: [1, 250, 3])
        )
        #expect(entry.kind == "undecodable")
        #expect(EntryTable.row(entry).contains("3 bytes"))
        var json = JSONWriter()
        json.beginObject()
        EntryJSON.write(entry, to: &json)
        json.endObject()
        let text = String(decoding: json.bytes, as: UTF8.self)
        #expect(text.hasPrefix(#"{"index":1,"term":1,"kind":"undecodable","bytes":3,"reason":"#))
    }

    @Test func `every verb shows an example`() {
        let verbs: [any ParsableCommand.Type] = [
            RoostLog.self, StatusCommand.self, DumpCommand.self, SnapshotsCommand.self,
            VerifyCommand.self, HistoryCommand.self, StateCommand.self, DiffCommand.self,
            StatCommand.self, RepairCommand.self,
        ]
        for verb in verbs { #expect(verb.configuration.discussion.contains("EXAMPLES")) }
    }
}

@Suite struct SearchTests {
    @Test func `bytes are found wherever they stand, as a slow search finds them`() {
        var dice = SeededGenerator(suite: "SearchTests")
        for _ in 0..<5_000 {
            let letters: ClosedRange<UInt8> = 97...98
            let text = (0..<Int.random(in: 0...40, using: &dice)).map { _ in
                UInt8.random(in: letters, using: &dice)
            }
            let wanted = (0..<Int.random(in: 0...12, using: &dice)).map { _ in
                UInt8.random(in: letters, using: &dice)
            }
            let isThere = (0...max(0, text.count - wanted.count)).contains { start in
                text.dropFirst(start).starts(with: wanted)
            }
            let isFound = text.rawSpan.contains(wanted.rawSpan)
            #expect(isFound == isThere, "\(text) \(wanted)")
        }
    }

    @Test func `the time of an entry is read in place`() {
        let header = CommandHeader(timeMilliseconds: 1_234_567_890_123)
        let payload = Command.key(KeyOperation(verb: .set, key: "a")).encode(header)
        #expect(CommandHeader.time(of: payload.rawSpan) == 1_234_567_890_123)
        let short: [UInt8] = [1, 2, 3]
        #expect(CommandHeader.time(of: short.rawSpan) == nil)
    }
}
