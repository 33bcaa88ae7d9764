import Bytes
import Commands
import NIOCore
import NIOEmbedded
import Testing
import VirtualReplica
import ZooKeeperProtocol
import ZooKeeperServer

@Suite("A connection from its first byte to its last")
struct ConnectionTests {
    @Test("the connect reply, to the byte")
    func connectReply() throws {
        let node = try TestNode()
        let client = try node.connect()
        try client.greet(
            ConnectRequest(timeoutMilliseconds: 1, password: Array(repeating: 0, count: 16))
        )
        let reply = try client.received()
        let password: [UInt8] = [8, 7, 6, 5, 4, 3, 2, 1]
        #expect(reply.prefix(12) == [0, 0, 0, 37, 0, 0, 0, 0, 0, 0, 15, 160])
        #expect(Array(reply[12..<20]) != [UInt8](repeating: 0, count: 8))
        #expect(Array(reply[20...]) == [0, 0, 0, 16] + password + password + [0])
    }

    @Test("a session that is not there is refused with zeros, and the connection closes")
    func refused() throws {
        let node = try TestNode()
        let client = try node.connect()
        let zeros = [UInt8](repeating: 0, count: 16)
        try client.greet(
            ConnectRequest(timeoutMilliseconds: 4_000, session: 99, password: zeros, readOnly: nil)
        )
        #expect(try client.received() == [0, 0, 0, 36] + zeros + [0, 0, 0, 16] + zeros)
        #expect(!client.isOpen)
    }

    /// A client that was gone before its channel became active was counted for ever: its address
    /// had one connection less, until none was left.
    @Test("a connection counts for its address until it closes, also one that never came to be")
    func addressesCount() throws {
        var limits = ZooKeeperLimits()
        limits.connectionsPerAddressMax = 2
        let node = try TestNode(limits: limits)
        for _ in 0..<3 {
            let channel = try node.accept()
            _ = try channel.finish(acceptAlreadyClosed: true)
        }
        let held = [try node.open(), try node.open()]
        #expect(throws: ZooKeeperRejection.self) { try node.connect() }
        _ = try held[0].channel.finish(acceptAlreadyClosed: true)
        #expect(try node.connect().isOpen)
    }

    @Test(
        "the paths that a connection watches are bounded in number and in bytes",
        arguments: [0, 1]
    )
    func watchBounds(kind: Int) throws {
        var limits = ZooKeeperLimits()
        if kind == 0 { limits.watchesPerConnectionMax = 2 } else { limits.watchPathBytesMax = 8 }
        let node = try TestNode(limits: limits)
        let client = try node.open()
        for (xid, path) in [(Int32(1), "/abc"), (2, "/def"), (3, "/g")] {
            _ = try client.ask(Ask.read(xid, .exists, path, watch: true))
            #expect(client.isOpen == (xid < 3))
        }
    }

    @Test("frames that come byte by byte are answered as those that come at once")
    func piecemeal() throws {
        let node = try TestNode()
        let client = try node.open()
        let bytes = Ask.create(1, "/a") + Ask.read(2, .getData, "/a") + Ask.delete(3, "/a")
        for byte in bytes { try client.send([byte]) }
        #expect(try client.frames().map(\.header.xid) == [1, 2, 3])
    }

    @Test("a frame beyond the bound, or none at all, closes", arguments: [0, -1, 0x100000])
    func badLength(_ length: Int32) throws {
        let node = try TestNode()
        let client = try node.open()
        var writer = ByteWriter()
        writer.integer(length)
        try client.send(writer.bytes)
        #expect(!client.isOpen)
        #expect(try client.received().isEmpty)
    }

    @Test("a request cut short is an error, and the connection stays")
    func truncatedRequest() throws {
        let node = try TestNode()
        let client = try node.open()
        let replies = try client.ask(
            Ask.frame(1, .create) { $0.juteText("/a") },
            Ask.frame(-2, .ping)
        )
        #expect(replies.map(\.header.error) == [-5, 0])
        #expect(client.isOpen)
    }

    @Test("an unknown operation is answered -6 with zxid -1, then the connection closes")
    func unknownOperation() throws {
        let node = try TestNode()
        let client = try node.open()
        let replies = try client.ask(Ask.frame(1, .check), Ask.read(2, .exists, "/"))
        #expect(replies.map(\.header) == [ReplyHeader(xid: 1, zxid: -1, error: -6)])
        #expect(!client.isOpen)
    }

    @Test("who never says hello is closed after ten seconds")
    func silent() throws {
        let node = try TestNode()
        let client = try node.connect()
        let speaker = try node.open()
        try node.replica.advance(milliseconds: 9_000)
        #expect(client.isOpen)
        try node.replica.advance(milliseconds: 2_000)
        #expect(!client.isOpen)
        #expect(speaker.isOpen)
    }

    @Test("a take-over closes the old connection, and a wrong password drops the holder too")
    func takeOver() throws {
        let node = try TestNode()
        let first = try node.connect()
        try first.greet(ConnectRequest(timeoutMilliseconds: 10_000))
        let reply = try ConnectReply(Array(try first.received().dropFirst(4)).rawSpan)
        let again = ConnectRequest(
            timeoutMilliseconds: 10_000,
            session: reply.session,
            password: reply.password
        )
        let second = try node.connect()
        try second.greet(again)
        #expect(!first.isOpen)
        #expect(try second.received().count == 41)

        var wrong = again
        wrong.password = [UInt8](repeating: 9, count: 16)
        let thief = try node.connect()
        try thief.greet(wrong)
        #expect(!thief.isOpen)
        #expect(!second.isOpen)

        let third = try node.connect()
        try third.greet(again)
        #expect(third.isOpen)
        #expect(try third.received().count == 41)
    }

    @Test("a client that closes its side gets all its answers, then the end")
    func halfClosed() throws {
        let node = try TestNode()
        let client = try node.open()
        node.replica.isPaused = true
        try client.send(Ask.create(1, "/a") + Ask.read(2, .exists, "/a"))
        client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(client.isOpen)
        try node.replica.resume()
        #expect(try client.frames().map(\.header.error) == [0, 0])
        #expect(!client.isOpen)
    }

    @Test("a four-letter word is answered by text and the end; later it is only a bad length")
    func words() throws {
        let node = try TestNode()
        let client = try node.connect()
        try client.send(Array("ruok".utf8))
        #expect(try client.received() == Array("imok".utf8))
        #expect(!client.isOpen)
        let session = try node.open()
        try session.send(Array("ruok".utf8))
        #expect(!session.isOpen)
        #expect(try session.received().isEmpty)
    }

    @Test("a client that does not read is not read from, and then dropped")
    func slowReader() throws {
        let node = try TestNode()
        let client = try node.open()
        client.channel.isWritable = false
        client.channel.pipeline.fireChannelWritabilityChanged()
        #expect(try client.ask(Ask.read(1, .exists, "/")).isEmpty)
        client.channel.isWritable = true
        client.channel.pipeline.fireChannelWritabilityChanged()
        #expect(try client.frames().map(\.header.xid) == [1])

        client.channel.isWritable = false
        client.channel.pipeline.fireChannelWritabilityChanged()
        try node.replica.advance(milliseconds: 29_000)
        #expect(client.isOpen)
        try node.replica.advance(milliseconds: 2_000)
        #expect(!client.isOpen)
    }

    /// "/x" and 00 "x" have one key. A change by the other name reached no watch of "/x".
    @Test("a path that begins with no slash names no znode, whatever its key")
    func pathsWithoutSlash() throws {
        let node = try TestNode()
        let client = try node.open()
        let other = "\0x"
        _ = try client.ask(Ask.create(1, "/x"), Ask.read(2, .getData, "/x", watch: true))
        let replies = try client.ask(
            Ask.set(3, other, [9]),
            Ask.read(4, .getData, other),
            Ask.read(5, .getChildren, other),
            Ask.read(6, .getAllChildrenNumber, other),
            Ask.set(7, "\0", [9]),
            Ask.read(8, .getData, "\0")
        )
        #expect(replies.map(\.header.error) == [-8, -101, -101, -101, -8, -101])
        // As the real server answers: the parent is not there, or there is none.
        let deletes = try client.ask(Ask.delete(11, "x/y"), Ask.delete(12, "x"))
        #expect(deletes.map(\.header.error) == [-101, -8])
        let multi = try client.ask(
            Ask.frame(9, .multi) { writer in
                Ask.step(.check, into: &writer)
                writer.juteText(other)
                writer.integer(Int32(-1))
                Ask.endOfSteps(into: &writer)
            }
        )
        #expect(
            multi.map { Array($0.body.prefix(9)) } == [[255, 255, 255, 255, 0, 255, 255, 255, 248]]
        )
        #expect(try client.ask(Ask.read(10, .exists, "/x")).map(\.header.error) == [0])
    }

    @Test("a multiRead that asks for more than its bound is an error, and the connection stays")
    func boundedMultiRead() throws {
        var limits = ZooKeeperLimits()
        limits.multiReadBytesMax = 10_000
        let node = try TestNode(limits: limits)
        let client = try node.open()
        _ = try client.ask(Ask.create(1, "/a"), Ask.set(2, "/a", [UInt8](repeating: 7, count: 900)))
        let reads = { (xid: Int32, count: Int) in
            Ask.frame(xid, .multiRead) { writer in
                for _ in 0..<count {
                    Ask.step(.getData, into: &writer)
                    writer.juteText("/a")
                    writer.integer(UInt8(0))
                }
                Ask.endOfSteps(into: &writer)
            }
        }
        let replies = try client.ask(reads(3, 10), reads(4, 11), Ask.read(5, .exists, "/a"))
        #expect(replies.map(\.header.error) == [0, -5, 0])
        #expect(replies[1].body.isEmpty)
    }

    /// Each write carries them into the log.
    @Test("identities are bounded in bytes")
    func boundedIdentities() throws {
        let node = try TestNode()
        let client = try node.open()
        let auth = { (xid: Int32, userBytes: Int) in
            Ask.frame(xid, .auth) { writer in
                writer.integer(Int32(0))
                writer.juteText("digest")
                writer.juteText(String(repeating: "u", count: userBytes) + ":secret")
            }
        }
        #expect(try client.ask(auth(1, 2_000), auth(2, 1_999)).map(\.header.error) == [0, 0])
        // Of what is known already nothing more is kept.
        #expect(try client.ask(auth(4, 2_000)).map(\.header.error) == [0])
        #expect(try client.ask(auth(3, 2_001)).map(\.header.error) == [-115])
        #expect(!client.isOpen)
    }

    @Test("one connection's writes under way are bounded in bytes")
    func boundedOutstanding() throws {
        var limits = ZooKeeperLimits()
        limits.outstandingBytesMax = 2_000
        let node = try TestNode(limits: limits)
        let client = try node.open()
        _ = try client.ask(Ask.create(1, "/a"))
        node.replica.isPaused = true
        let value = [UInt8](repeating: 1, count: 900)
        try client.send((2..<8).flatMap { Ask.set($0, "/a", value) })
        let witness = try node.connect()
        try witness.send(Array("mntr".utf8))
        let report = String(decoding: try witness.received(), as: UTF8.self)
        #expect(report.contains("zk_outstanding_requests\t3\n"))
        try node.replica.resume()
        #expect(try client.frames().map(\.header.xid) == [2, 3, 4, 5, 6, 7])
    }

    /// Each went into the log as it was, up to a megabyte of it, only to be refused there.
    @Test("a password of a length that no session has is refused without the log")
    func impossiblePassword() throws {
        let node = try TestNode()
        let holder = try node.connect()
        try holder.greet(ConnectRequest(timeoutMilliseconds: 10_000))
        let reply = try ConnectReply(Array(try holder.received().dropFirst(4)).rawSpan)
        let client = try node.connect()
        let index = node.replica.index
        var writer = ByteWriter()
        ConnectRequest(
            timeoutMilliseconds: 4_000,
            session: reply.session,
            password: [UInt8](repeating: 9, count: 100_000)
        ).encodeFrame(into: &writer)
        try client.channel.writeInbound(ByteBuffer(bytes: writer.bytes))
        // Nothing else happens on the loop.
        node.replica.eventLoop.run()
        #expect(try client.received().count == 41)
        #expect(!client.isOpen && !holder.isOpen)
        #expect(node.replica.index == index)
    }
}
