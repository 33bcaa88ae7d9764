import Bytes
import Commands
import Testing
import VirtualReplica
import ZooKeeperProtocol
import ZooKeeperServer

/// Reads were told to have taken no time, however long they had waited for a write before them.
@Suite("What srvr and mntr say of times is what clients waited")
struct LatencyTests {
    @Test("a write counts until it is answered, and so does the read behind it")
    func waiting() async throws {
        let node = try TestNode()
        let client = try node.open()
        node.replica.isPaused = true
        #expect(try client.ask(Ask.create(1, "/a"), Ask.read(2, .getData, "/a")).isEmpty)
        try node.replica.advance(milliseconds: 30)
        try node.replica.resume()
        #expect(try client.frames().map(\.header.xid) == [1, 2])
        #expect(try client.ask(Ask.read(3, .getData, "/a")).map(\.header.xid) == [3])
        let pairs = try node.monitor()
        #expect(pairs["zk_max_latency"] == "30")
        #expect(pairs["zk_min_latency"] == "0")
        // The session, the write, the read that waited, and the one that did not.
        #expect(pairs["zk_avg_latency"] == "15.0")
        #expect(pairs["zk_max_updatelatency"] == "30")
        #expect(pairs["zk_cnt_updatelatency"] == "2")
        #expect(pairs["zk_max_readlatency"] == "30")
        #expect(pairs["zk_min_readlatency"] == "0")
        #expect(pairs["zk_cnt_readlatency"] == "2")
        // A quantile is known to an eighth of itself.
        let high = try #require(pairs["zk_p99_readlatency"].flatMap { Int($0) })
        #expect((27...30).contains(high))
    }

    @Test("what came while an earlier read waited does not count from before it came")
    func later() throws {
        let node = try TestNode()
        let client = try node.open()
        node.replica.isPaused = true
        try client.send(Ask.create(1, "/a") + Ask.read(2, .getData, "/a"))
        try node.replica.advance(milliseconds: 40)
        try client.send(Ask.create(3, "/b") + Ask.read(4, .getData, "/b"))
        try node.replica.advance(milliseconds: 5)
        try node.replica.resume()
        #expect(try client.frames().map(\.header.xid) == [1, 2, 3, 4])
        let pairs = try node.monitor()
        #expect(pairs["zk_max_readlatency"] == "45")
        #expect(pairs["zk_min_readlatency"] == "5")
    }

    @Test("srst sets the extremes back and leaves the summaries")
    func reset() throws {
        let node = try TestNode()
        let client = try node.open()
        node.replica.isPaused = true
        try client.send(Ask.create(1, "/a"))
        try node.replica.advance(milliseconds: 12)
        try node.replica.resume()
        #expect(try node.monitor()["zk_max_latency"] == "12")
        #expect(try node.word("srst") == "Server stats reset.\n")
        let pairs = try node.monitor()
        #expect(pairs["zk_max_latency"] == "0")
        #expect(pairs["zk_max_updatelatency"] == "12")
    }
}

extension TestNode {
    func word(_ word: String) throws -> String {
        let client = try connect()
        try client.send(Array(word.utf8))
        return String(decoding: try client.received(), as: UTF8.self)
    }

    func monitor() throws -> [String: String] {
        let lines = try word("mntr").split(separator: "\n").map { $0.split(separator: "\t") }
        return Dictionary(lines.map { ("\($0[0])", "\($0[1])") }, uniquingKeysWith: { $1 })
    }
}
