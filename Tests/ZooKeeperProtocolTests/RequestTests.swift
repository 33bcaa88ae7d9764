import Bytes
import Commands
import Testing
import ZooKeeperProtocol

/// Requests written by hand, as clients write them.
struct Written {
    var writer = ByteWriter()

    init() {}

    init(_ body: (inout Written) -> Void) {
        body(&self)
    }

    var bytes: [UInt8] { writer.bytes }

    mutating func int(_ value: Int32) { writer.integer(value) }
    mutating func long(_ value: Int64) { writer.integer(value) }
    mutating func bool(_ value: Bool) { writer.integer(UInt8(value ? 1 : 0)) }
    mutating func text(_ text: String) { writer.juteText(text) }
    mutating func texts(_ list: [String]) {
        int(Int32(list.count))
        for text in list { self.text(text) }
    }
}

@Suite("Requests are read as clients write them")
struct RequestTests {
    private let bob = ACLEntry(
        permissions: .all,
        identity: Identity(scheme: "digest", id: "bob:x")
    )

    /// Reads the bytes, and checks that every shorter text is an error: no trap, no record.
    private func isCutSafely(
        _ bytes: [UInt8],
        _ read: (inout JuteReader) throws(JuteError) -> Void
    ) -> Bool {
        for count in 0...bytes.count {
            let cut = Array(bytes.prefix(count))
            var reader = JuteReader(cut.rawSpan)
            var isRead = true
            do throws(JuteError) { try read(&reader) } catch { isRead = false }
            if isRead != (count == bytes.count) { return false }
        }
        return true
    }

    @Test("a request's header and its opcode, which may be none")
    func headers() throws {
        let bytes = Written {
            $0.int(7)
            $0.int(99)
        }.bytes
        #expect(isCutSafely(bytes) { reader throws(JuteError) in _ = try RequestHeader(&reader) })
        var reader = JuteReader(bytes.rawSpan)
        let header = try RequestHeader(&reader)
        #expect(header.xid == 7)
        #expect(header.opcode == 99)
        #expect(Opcode(rawValue: header.opcode) == nil)
    }

    @Test("create, with its list and its time to live")
    func create() throws {
        var writer = ByteWriter()
        ClientRequest.create(xid: 1, path: "/a", data: [1, 2], acl: [bob], flags: 3, into: &writer)
        let plain = Array(writer.bytes.dropFirst(12))
        #expect(
            isCutSafely(plain) { reader throws(JuteError) in
                _ = try CreateRecord(&reader, hasTimeToLive: false)
            }
        )
        var reader = JuteReader(plain.rawSpan)
        let record = try CreateRecord(&reader, hasTimeToLive: false)
        let path = record.path.copiedBytes()
        #expect(path == Array("/a".utf8))
        let data = record.copiedData()
        #expect(data == [1, 2])
        let flags = record.flags
        #expect(flags == 3)
        let list = try record.decodedACL()
        #expect(list == [bob])
        let isOpen = record.isOpen
        #expect(!isOpen)
        let kinds = [record.request(.create2), record.request(.createContainer)]
        #expect(kinds == [.plain, .container])

        let lasting = plain + [0, 0, 0, 0, 0, 0, 3, 232]
        #expect(
            isCutSafely(lasting) { reader throws(JuteError) in
                _ = try CreateRecord(&reader, hasTimeToLive: true)
            }
        )
        reader = JuteReader(lasting.rawSpan)
        let timed = try CreateRecord(&reader, hasTimeToLive: true)
        let kind = timed.request(.createTTL)
        #expect(kind == .timeToLive(milliseconds: 1_000))
    }

    @Test("the open list is known by its bytes; null is no list, and data may be null")
    func openAndNull() throws {
        var writer = ByteWriter()
        ClientRequest.create(xid: 1, path: "/a", data: [], into: &writer)
        let open = Array(writer.bytes.dropFirst(12))
        var reader = JuteReader(open.rawSpan)
        let isOpen = try CreateRecord(&reader, hasTimeToLive: false).isOpen
        #expect(isOpen)
        let null = Written {
            $0.text("/a")
            $0.int(-1)
            $0.int(-1)
            $0.int(0)
        }.bytes
        reader = JuteReader(null.rawSpan)
        let record = try CreateRecord(&reader, hasTimeToLive: false)
        let data = record.copiedData()
        #expect(data == nil)
        let list = try record.decodedACL()
        #expect(list.isEmpty)
    }

    @Test("reads, and paths with a version or a number")
    func small() throws {
        var writer = ByteWriter()
        ClientRequest.read(xid: 1, .exists, path: "/a/b", watch: true, into: &writer)
        let read = Array(writer.bytes.dropFirst(12))
        #expect(isCutSafely(read) { reader throws(JuteError) in _ = try PathWatchRecord(&reader) })
        var reader = JuteReader(read.rawSpan)
        let exists = try PathWatchRecord(&reader)
        let path = exists.path.copiedBytes()
        #expect(path == Array("/a/b".utf8))
        let watch = exists.watch
        #expect(watch)

        writer = ByteWriter()
        ClientRequest.versioned(xid: 1, .delete, path: "/a", version: 9, into: &writer)
        let delete = Array(writer.bytes.dropFirst(12))
        #expect(
            isCutSafely(delete) { reader throws(JuteError) in _ = try VersionedPathRecord(&reader) }
        )
        reader = JuteReader(delete.rawSpan)
        let version = try VersionedPathRecord(&reader).version
        #expect(version == 9)
        #expect(
            isCutSafely(delete) { reader throws(JuteError) in _ = try PathNumberRecord(&reader) }
        )
    }

    @Test("setData, setACL and auth")
    func writes() throws {
        var writer = ByteWriter()
        ClientRequest.setData(xid: 1, path: "/a", data: [5], version: 2, into: &writer)
        let set = Array(writer.bytes.dropFirst(12))
        #expect(isCutSafely(set) { reader throws(JuteError) in _ = try SetDataRecord(&reader) })
        var reader = JuteReader(set.rawSpan)
        let record = try SetDataRecord(&reader)
        let data = record.copiedData()
        #expect(data == [5])
        let version = record.version
        #expect(version == 2)

        let list = Written {
            $0.text("/a")
            $0.writer.juteACL([.open, bob])
            $0.int(-1)
        }.bytes
        #expect(isCutSafely(list) { reader throws(JuteError) in _ = try SetACLRecord(&reader) })
        reader = JuteReader(list.rawSpan)
        let entries = try SetACLRecord(&reader).acl
        #expect(entries == [.open, bob])

        let auth = Written {
            $0.int(0)
            $0.text("digest")
            $0.text("bob:secret")
        }.bytes
        #expect(isCutSafely(auth) { reader throws(JuteError) in _ = try AuthRecord(&reader) })
        reader = JuteReader(auth.rawSpan)
        let secret = try AuthRecord(&reader).secret
        #expect(secret == Array("bob:secret".utf8))
    }

    @Test("setWatches and setWatches2; a list may not be null, and -2 is empty")
    func setWatches() throws {
        let bytes = Written {
            $0.long(77)
            for list in [["/d"], [], ["/c", "/c2"], ["/p"], ["/r"]] { $0.texts(list) }
        }.bytes
        #expect(
            isCutSafely(bytes) { reader throws(JuteError) in
                _ = try SetWatchesRecord(&reader, hasPersistent: true)
            }
        )
        var reader = JuteReader(bytes.rawSpan)
        let record = try SetWatchesRecord(&reader, hasPersistent: true)
        #expect(record.relativeZxid == 77)
        #expect(record.data == ["/d"])
        #expect(record.exist.isEmpty)
        #expect(record.child == ["/c", "/c2"])
        #expect(record.persistent == ["/p"])
        #expect(record.recursive == ["/r"])

        for (count, isGood) in [(Int32(-1), false), (-2, true), (0, true), (1_000, false)] {
            let lists = Written {
                $0.long(0)
                for _ in 0..<3 { $0.int(count) }
            }.bytes
            var reader = JuteReader(lists.rawSpan)
            var isRead = true
            do throws(JuteError) {
                _ = try SetWatchesRecord(&reader, hasPersistent: false)
            } catch {
                isRead = false
            }
            #expect(isRead == isGood, "count \(count)")
        }
    }

    @Test("lengths that the frame cannot hold are errors", arguments: [Int32.max, 5, -2, .min])
    func badLengths(_ length: Int32) {
        let bytes = Written {
            $0.int(length)
            $0.int(0)
        }.bytes
        #expect(throws: JuteError.self) {
            var reader = JuteReader(bytes.rawSpan)
            _ = try reader.buffer()
        }
        #expect(throws: JuteError.self) {
            var reader = JuteReader(bytes.rawSpan)
            _ = try reader.text()
        }
    }

    @Test("a connect request of every age, and its reply")
    func connect() throws {
        for readOnly in [nil, false, true] {
            let request = ConnectRequest(
                lastZxidSeen: 1 << 40,
                timeoutMilliseconds: 10_000,
                session: -5,
                password: Array(0..<16),
                readOnly: readOnly
            )
            var writer = ByteWriter()
            request.encodeFrame(into: &writer)
            let frame = Array(writer.bytes.dropFirst(4))
            #expect(writer.bytes.prefix(4) == [0, 0, 0, readOnly == nil ? 44 : 45])
            #expect(try ConnectRequest(frame.rawSpan) == request)
            for count in 0..<44 {
                let cut = Array(frame.prefix(count))
                #expect(throws: JuteError.self) { _ = try ConnectRequest(cut.rawSpan) }
            }
        }
    }
}
