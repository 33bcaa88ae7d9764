import ArgumentParser
import Foundation
import Testing

@testable import roost

@Suite struct KeyChangesTests {
    private func record(_ key: String, _ index: UInt64) -> KeyRecord {
        KeyRecord(
            key: key,
            value: "eA==",
            flags: 0,
            createIndex: 1,
            modifyIndex: index,
            lockIndex: 0,
            session: nil
        )
    }

    @Test func `the first look reports what is there in the order of its index`() {
        var changes = KeyChanges()
        let seen = changes.update([record("a", 9), record("b", 3)], index: 9)
        #expect(seen.map(\.key) == ["b", "a"])
        #expect(seen.allSatisfy { $0.change == .set })
    }

    @Test func `what did not change is not reported again`() {
        var changes = KeyChanges()
        _ = changes.update([record("a", 1), record("b", 2)], index: 2)
        let seen = changes.update([record("a", 1), record("b", 5)], index: 5)
        #expect(seen.map(\.key) == ["b"])
        #expect(changes.update([record("a", 1), record("b", 5)], index: 7).isEmpty)
    }

    @Test func `what is gone is reported as deleted, once`() {
        var changes = KeyChanges()
        _ = changes.update([record("a", 1)], index: 1)
        let gone = changes.update([], index: 4)
        #expect(gone == [.init(change: .deleted, key: "a", index: 4, value: nil)])
        #expect(changes.update([], index: 5).isEmpty)
    }

    /// One character in two ways, and two keys that were no text and came as the same one.
    @Test func `keys that look the same are several`() {
        var changes = KeyChanges()
        let records = [
            record("\u{e9}", 1), record("e\u{301}", 2), record("\u{fffd}", 3),
            record("\u{fffd}", 4),
        ]
        #expect(changes.update(records, index: 4).map(\.index) == [1, 2, 3, 4])
        #expect(changes.update(records, index: 5).isEmpty)
        let gone = changes.update(Array(records.dropFirst()), index: 6)
        #expect(gone.map { Array($0.key.utf8) } == [[0xc3, 0xa9]])
    }
}

@Suite struct ConsulClientTests {
    @Test func `a key is escaped byte for byte and keeps its slashes`() {
        #expect(ConsulClient.escaped("a/b c?&#%é") == "a/b%20c%3F%26%23%25%C3%A9")
    }

    @Test(arguments: ["127.0.0.1:8500", "http://127.0.0.1:8500/"])
    func `an address needs no scheme`(_ address: String) throws {
        #expect(try ConsulClient(address: address).address == "http://127.0.0.1:8500")
    }

    @Test(arguments: ["", "http://", "ftp://host:1"])
    func `what is no address is refused`(_ address: String) {
        #expect(throws: CommandFailure.self) { try ConsulClient(address: address) }
    }
}

@Suite struct UnreachableServerTests {
    /// The shared client tried to connect for the whole minute that an answer may take.
    @Test(.timeLimit(.minutes(1)))
    func `a port where nothing listens is told at once`() async throws {
        let client = try ConsulClient(address: "127.0.0.1:1")
        let started = ContinuousClock.now
        await #expect(throws: CommandFailure.self) {
            _ = try await client.send(.get, "/v1/status/leader", what: "reading the status")
        }
        #expect(ContinuousClock.now - started < .seconds(20))
    }
}

@Suite struct CommandParsingTests {
    @Test func `a read is fresh or stale, not both`() {
        #expect(throws: (any Error).self) { try KeyGet.parse(["k", "--stale", "--consistent"]) }
    }

    @Test(arguments: [
        ["kv", "get"], ["kv", "delete", ""], ["kv", "delete", "a", "--recursive", "--cas", "1"],
        ["kv", "list", "--separator", "/"], ["watch", "a", "--count", "0"], ["nonsense"],
    ])
    func `wrong usage is refused`(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try Roost.parseAsRoot(arguments) }
    }

    @Test func `every command shows an example`() {
        let commands: [any ParsableCommand.Type] = [
            Roost.self, ServerCommand.self, WatchCommand.self, StatusCommand.self, KeyGet.self,
            KeyPut.self, KeyDelete.self, KeyList.self, SessionCreate.self, SessionList.self,
            SessionInfo.self, SessionRenew.self, SessionDestroy.self,
            ConfigCommands.self, ConfigCheck.self, ConfigShow.self, ConfigReference.self,
        ]
        for command in commands {
            #expect(command.configuration.discussion.contains("EXAMPLE"))
        }
    }
}
