import Bytes
import Commands
import Testing
import ZooKeeperProtocol

@Suite("Multis are read step by step")
struct MultiTests {
    private func step(_ opcode: Int32, _ body: (inout Written) -> Void) -> [UInt8] {
        Written {
            $0.int(opcode)
            $0.bool(false)
            $0.int(-1)
            body(&$0)
        }.bytes
    }

    private var end: [UInt8] {
        Written {
            $0.int(-1)
            $0.bool(true)
            $0.int(-1)
        }.bytes
    }

    private func create(_ opcode: Int32, flags: Int32) -> [UInt8] {
        step(opcode) {
            $0.text("/a")
            $0.text("data")
            $0.writer.juteACL([.open])
            $0.int(flags)
            if opcode == 21 { $0.long(1_000) }
        }
    }

    private func check(_ version: Int32) -> [UInt8] {
        step(13) {
            $0.text("/a")
            $0.int(version)
        }
    }

    private func read(_ bytes: [UInt8]) throws(JuteError) -> MultiRecord? {
        var reader = JuteReader(bytes.rawSpan)
        return try MultiRecord(&reader)
    }

    private var whole: [UInt8] {
        let delete = step(2) {
            $0.text("/b")
            $0.int(3)
        }
        let set = step(5) {
            $0.text("/c")
            $0.int(-1)
            $0.int(4)
        }
        return create(1, flags: 1) + create(15, flags: 0) + create(19, flags: 4)
            + create(21, flags: 5) + delete + set + check(7) + end
    }

    @Test("every operation that a multi may hold")
    func operations() throws {
        let record = try #require(try read(whole))
        #expect(
            record.opcodes == [
                .create, .create2, .createContainer, .createTTL, .delete, .setData, .check,
            ]
        )
        #expect(record.operations.count == 7)
        #expect(record.operations[4] == .delete(DeleteOperation(path: "/b", version: 3)))
        let set = SetDataOperation(path: "/c", data: nil, version: 4)
        #expect(record.operations[5] == .setData(set))
        #expect(record.operations[6] == .check(CheckOperation(path: "/a", version: 7)))
        guard case .create(let last) = record.operations[3] else {
            Issue.record("no create")
            return
        }
        #expect(last.request == .timeToLive(milliseconds: 1_000))
        #expect(last.flags == 5)
    }

    @Test("cut anywhere, it is an error")
    func truncated() {
        for count in 0..<whole.count {
            let cut = Array(whole.prefix(count))
            #expect(throws: JuteError.self) { _ = try read(cut) }
        }
    }

    @Test("an empty multi has no steps, and what follows the end is not read")
    func empty() throws {
        #expect(try read(end)?.operations.isEmpty == true)
        #expect(try read(end + [1, 2, 3])?.operations.isEmpty == true)
    }

    @Test("an operation that no multi may hold", arguments: [Int32(4), 7, 9, 14, 77, -1])
    func foreign(_ opcode: Int32) throws {
        #expect(try read(step(opcode) { $0.text("/a") } + end) == nil)
    }

    @Test("an unknown mode spoils the whole multi", arguments: [Int32(-1), 5, 6, 7, 99])
    func unknownMode(_ flags: Int32) {
        for opcode in [Int32(1), 15, 19] {
            #expect(throws: JuteError.self) {
                _ = try read(check(0) + create(opcode, flags: flags) + end)
            }
        }
    }

    /// Asked of 3.9.3: it is answered like createContainer, and goes when it is empty. On its own
    /// the same create makes a plain znode.
    @Test("a create with the container's mode makes a container", arguments: [Int32(1), 15])
    func containerMode(_ opcode: Int32) throws {
        let record = try #require(try read(create(opcode, flags: 4) + end))
        #expect(record.opcodes == [.createContainer])
        guard case .create(let create) = record.operations[0] else {
            Issue.record("no create")
            return
        }
        #expect(create.request == .container)
    }
}
