import Bytes
import Commands
import Testing
import VirtualReplica
import ZooKeeperProtocol
import ZooKeeperServer

@Suite("Answers and events come in order")
struct OrderTests {
    private let node: TestNode
    private let client: TestClient

    init() throws {
        node = try TestNode()
        client = try node.open()
    }

    @Test("a read waits for the writes before it, and sees them")
    func readsFollowWrites() throws {
        node.replica.isPaused = true
        #expect(
            try client.ask(
                Ask.create(1, "/a"),
                Ask.set(2, "/a", [9]),
                Ask.read(3, .getData, "/a"),
                Ask.delete(4, "/a"),
                Ask.read(5, .getData, "/a")
            ).isEmpty
        )
        try node.replica.resume()
        let replies = try client.frames()
        #expect(replies.map(\.header.xid) == [1, 2, 3, 4, 5])
        #expect(replies.map(\.header.error) == [0, 0, 0, 0, -101])
        #expect(replies[2].body.prefix(5) == [0, 0, 0, 1, 9])
        #expect(replies.map(\.header.zxid) == replies.map(\.header.zxid).sorted())
    }

    @Test("own events come before the reply: created, the parent's change, the reply")
    func ownEvents() throws {
        _ = try client.ask(
            Ask.read(1, .exists, "/a", watch: true),
            Ask.read(2, .getChildren, "/", watch: true)
        )
        let frames = try client.ask(Ask.create(3, "/a"))
        #expect(frames.map(\.header.xid) == [-1, -1, 3])
        let events = try frames.prefix(2).map { try $0.event() }
        #expect(events.map(\.kind) == [1, 4])
        #expect(events.map(\.path) == ["/a", "/"])
        #expect(Set(frames.map(\.header.zxid)).count == 1)
    }

    @Test("another's event comes before the data that caused it, and once")
    func othersEvents() throws {
        let other = try node.open()
        _ = try client.ask(Ask.create(1, "/a"), Ask.read(2, .getData, "/a", watch: true))
        _ = try other.ask(Ask.set(1, "/a", [7]), Ask.set(2, "/a", [8]))
        let frames = try client.ask(Ask.read(3, .getData, "/a"))
        #expect(frames.map(\.header.xid) == [-1, 3])
        #expect(try frames[0].event() == (3, "/a"))
        #expect(frames[1].body.prefix(5) == [0, 0, 0, 1, 8])
    }

    /// The order test of Tests/Live found a sync that was answered with a lower zxid than the
    /// writes and events before it: its barrier had been passed while they were under way.
    @Test("sync is answered no earlier than what came before it, and writes wait for it")
    func syncKeepsOrder() throws {
        node.replica.isPaused = true
        _ = try client.ask(
            Ask.create(1, "/a"),
            Ask.sync(2, "/a"),
            Ask.create(3, "/b"),
            Ask.sync(4, "/"),
            Ask.read(5, .exists, "/b")
        )
        try node.replica.resume()
        let replies = try client.frames()
        #expect(replies.map(\.header.xid) == [1, 2, 3, 4, 5])
        #expect(replies.map(\.header.error) == [0, 0, 0, 0, 0])
        let zxids = replies.map(\.header.zxid)
        #expect(zxids == zxids.sorted())
        #expect(zxids[1] < zxids[2])
    }

    /// An event that is not for everybody waits for a look at the state, and what came after it
    /// waits too; the session's end did not, and took their answers with it.
    @Test("a session's end waits for the events and answers before it")
    func closeAfterRestrictedEvents() throws {
        let restricted = Ask.frame(1, .create) { writer in
            writer.juteText("/p")
            writer.integer(Int32(0))
            writer.integer(Int32(1))
            writer.integer(Int32(31))
            writer.juteText("ip")
            writer.juteText("127.0.0.1")
            writer.integer(Int32(0))
        }
        let begun = try client.ask(restricted, Ask.read(2, .getData, "/p", watch: true))
        #expect(begun.map(\.header.error) == [0, 0])
        let frames = try client.ask(
            Ask.set(3, "/p", [7]),
            Ask.create(4, "/q"),
            Ask.frame(5, .closeSession)
        )
        #expect(frames.map(\.header.xid) == [-1, 3, 4, 5])
        #expect(try frames[0].event() == (3, "/p"))
        #expect(frames.dropFirst().map(\.header.error) == [0, 0, 0])
        #expect(!client.isOpen)
    }

    @Test("a prefix that is blank but for a slash asks for all ephemerals")
    func blankPrefixes() throws {
        _ = try client.ask(Ask.create(1, "/e", flags: 1), Ask.create(2, "/f", flags: 1))
        for (prefix, count) in [("", 2), ("/", 2), (" /\t", 2), ("\n", 2), ("/e", 1), (" /e", 0)] {
            let frames = try client.ask(Ask.frame(3, .getEphemerals) { $0.juteText(prefix) })
            #expect(frames.map { $0.body.prefix(4) } == [[0, 0, 0, UInt8(count)]], "\(prefix)")
        }
    }

    @Test("what follows closeSession is not done")
    func closeSession() throws {
        let other = try node.open()
        _ = try client.ask(Ask.create(1, "/e", flags: 1))
        _ = try other.ask(Ask.read(1, .exists, "/e", watch: true))
        let replies = try client.ask(Ask.frame(2, .closeSession), Ask.create(3, "/late"))
        #expect(replies.map(\.header.xid) == [2])
        #expect(!client.isOpen)
        let frames = try other.ask(Ask.read(2, .exists, "/late"))
        #expect(try frames[0].event() == (2, "/e"))
        #expect(frames[1].header.error == -101)
    }
}
