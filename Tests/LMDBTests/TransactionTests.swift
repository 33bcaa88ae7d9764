import Bytes
import Glibc
import LMDB
import Testing

/// A directory that goes with the test.
final class ScratchDirectory {
    let path: String

    init() {
        var template = Array("/tmp/roost-lmdb-\(String(repeating: "X", count: 6))".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else {
                preconditionFailure("mkdtemp: errno \(errno)")
            }
            return unsafe String(cString: made)
        }
    }

    deinit {
        for name in ["data.mdb", "lock.mdb", "copy.mdb"] {
            unsafe unlink("\(path)/\(name)")
        }
        unsafe rmdir(path)
    }
}

func openedEnvironment(
    _ directory: ScratchDirectory,
    mapBytes: Int = 16 << 20
) throws -> Environment {
    var options = EnvironmentOptions()
    options.mapBytes = mapBytes
    options.tablesMax = 4
    options.isUnsynced = true
    return try Environment(path: directory.path, options: options)
}

let nothing: [UInt8] = []

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

// `#expect` copies the parts of its expression, which spans and transactions do not allow.

func value(_ key: [UInt8], _ table: Table, _ reader: Reader) throws -> [UInt8]? {
    try reader.get(key.rawSpan, in: table)?.copiedBytes()
}

func expectMove(_ isPlaced: Bool, _ expected: Bool) { #expect(isPlaced == expected) }

func key(_ cursor: borrowing Cursor) -> [UInt8] { cursor.key.copiedBytes() }

@Suite struct TransactionTests {
    @Test func `what is committed is read back, what is aborted is not`() throws {
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory)
        let table = try environment.openTables(["t"])[0]
        var first = try WriteTransaction(environment)
        try first.put(bytes("a").rawSpan, bytes("1").rawSpan, in: table)
        let id = first.id
        try first.commit()
        var second = try WriteTransaction(environment)
        try second.put(bytes("a").rawSpan, bytes("2").rawSpan, in: table)
        second.abort()

        var read = try ReadTransaction(environment)
        #expect(read.id == id)
        #expect(try value(bytes("a"), table, read.reader) == bytes("1"))
        #expect(try value(bytes("b"), table, read.reader) == nil)

        var third = try WriteTransaction(environment)
        try third.put(bytes("b").rawSpan, reserving: 3, in: table) { span in
            for offset in 0..<3 { span.storeBytes(of: 7, toByteOffset: offset, as: UInt8.self) }
        }
        #expect(try value(bytes("b"), table, third.reader) == [7, 7, 7])
        try third.commit()
        #expect(try value(bytes("b"), table, read.reader) == nil)
        try read.renew()
        #expect(try value(bytes("b"), table, read.reader) == [7, 7, 7])
        read.reset()
        let isActive = read.isActive
        #expect(!isActive)
    }

    /// Whoever writes into a map must have blocks for what he is about to touch.
    @Test func `a transaction knows how far into the file it has come`() throws {
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory)
        let table = try environment.openTables(["t"])[0]
        let value = [UInt8](repeating: 1, count: 1_500)
        func key(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255)] }
        var filling = try WriteTransaction(environment)
        for number in 0..<2_000 { try filling.put(key(number).rawSpan, value.rawSpan, in: table) }
        try filling.commit()

        // Every leaf is touched, and most are only read by who does not know.
        var write = try WriteTransaction(environment)
        var last = 0
        for number in stride(from: 0, to: 2_000, by: 2) {
            try write.delete(key(number).rawSpan, in: table)
            guard number % 128 == 0 else { continue }
            let page = try write.endPage(in: table)
            #expect(page > last && page <= last + 512 || last == 0)
            last = page
        }
        try write.commit()
        let end = try environment.information().lastPage
        #expect(last <= end && end <= last + 256, "looked at \(last), came to \(end)")
        let reading = try ReadTransaction(environment)
        #expect(try reading.reader.statistics(of: table).entries == 1_000)
    }

    @Test func `a reader serves both kinds of transaction`() throws {
        func count(_ reader: Reader, _ table: Table) throws(LMDBError) -> Int {
            var cursor = try reader.cursor(in: table)
            var count = 0
            var isPlaced = try cursor.moveToFirst()
            while isPlaced {
                count += cursor.value.byteCount
                isPlaced = try cursor.moveToNext()
            }
            return count
        }
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory)
        let table = try environment.openTables(["t"])[0]
        var write = try WriteTransaction(environment)
        for index in 0..<1000 {
            try write.put(
                [UInt8(index / 256), UInt8(index % 256)].rawSpan,
                [1, 2].rawSpan,
                in: table
            )
        }
        #expect(try count(write.reader, table) == 2000)
        try write.commit()
        let read = try ReadTransaction(environment)
        #expect(try count(read.reader, table) == 2000)
        let statistics = try read.statistics(of: table)
        #expect(statistics.entries == 1000)
        #expect(statistics.depth == 2)
    }

    @Test func `a write cursor deletes what it walks over`() throws {
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory)
        let table = try environment.openTables(["t"])[0]
        var write = try WriteTransaction(environment)
        for key in 0..<UInt8(100) {
            try write.put([key].rawSpan, [key].rawSpan, in: table, append: true)
        }
        do {
            var cursor = try write.writeCursor(in: table)
            var isPlaced = try cursor.seek(atOrAfter: [10].rawSpan)
            while isPlaced, cursor.key[byte: 0] < 20 {
                try cursor.delete()
                isPlaced = try cursor.moveToNext()
            }
            let cursorKey = cursor.key.copiedBytes()
            #expect(cursorKey == [20])
            try cursor.replace(with: [0, 0].rawSpan)
        }
        #expect(try write.statistics(of: table).entries == 90)
        #expect(try value([20], table, write.reader) == [0, 0])
        expectMove(try write.delete([21].rawSpan, in: table), true)
        expectMove(try write.delete([21].rawSpan, in: table), false)
        try write.removeAll(in: table)
        #expect(try write.statistics(of: table).entries == 0)
        try write.commit()
    }

    @Test func `a cursor seeks to and around keys`() throws {
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory)
        let table = try environment.openTables(["t"])[0]
        var write = try WriteTransaction(environment)
        for key in ["b", "bb", "d"] {
            try write.put(bytes(key).rawSpan, nothing.rawSpan, in: table)
        }
        try write.commit()
        let read = try ReadTransaction(environment)
        var cursor = try read.cursor(in: table)
        expectMove(try cursor.seek(atOrAfter: bytes("c").rawSpan), true)
        #expect(key(cursor) == bytes("d"))
        let before = cursor.key
        expectMove(try cursor.moveToPrevious(), true)
        #expect(key(cursor) == bytes("bb"))
        let kept = before.copiedBytes()
        #expect(kept == bytes("d"))
        expectMove(try cursor.seek(bytes("c").rawSpan), false)
        let isPlaced = cursor.isPlaced
        #expect(!isPlaced)
        expectMove(try cursor.seek(atOrAfter: nothing.rawSpan), true)
        #expect(key(cursor) == bytes("b"))
        expectMove(try cursor.moveToLast(), true)
        expectMove(try cursor.moveToNext(), false)
    }
}

@Suite struct EnvironmentTests {
    @Test func `a full map and bad keys are errors with names`() throws {
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory, mapBytes: 64 << 10)
        let table = try environment.openTables(["t"])[0]
        var write = try WriteTransaction(environment)
        #expect(throws: LMDBError.badKeySize(bytes: 512)) {
            let long = [UInt8](repeating: 1, count: 512)
            try write.put(long.rawSpan, nothing.rawSpan, in: table)
        }
        #expect(throws: LMDBError.badKeySize(bytes: 0)) {
            try write.put(nothing.rawSpan, nothing.rawSpan, in: table)
        }
        #expect(throws: LMDBError.mapFull(.put)) {
            for key in 0..<UInt8(255) {
                let value = [UInt8](repeating: key, count: 1000)
                try write.put([key].rawSpan, value.rawSpan, in: table)
            }
        }
    }

    @Test func `a compact copy holds the same records`() throws {
        let directory = ScratchDirectory()
        let environment = try openedEnvironment(directory)
        let table = try environment.openTables(["t"])[0]
        var write = try WriteTransaction(environment)
        for key in 0..<UInt8(200) { try write.put([key].rawSpan, [key, 1].rawSpan, in: table) }
        try write.commit()
        let path = "\(directory.path)/copy.mdb"
        let descriptor = unsafe open(path, O_CREAT | O_RDWR, 0o600)
        try environment.copy(to: descriptor, compact: true)
        close(descriptor)

        var options = EnvironmentOptions()
        options.isReadOnly = true
        options.isUnlocked = true
        options.isSingleFile = true
        options.tablesMax = 2
        let copy = try Environment(path: path, options: options)
        let copied = try copy.openTables(["t"], create: false)[0]
        let read = try ReadTransaction(copy)
        #expect(try read.statistics(of: copied).entries == 200)
        #expect(try value([77], copied, read.reader) == [77, 1])
        #expect(try copy.information().lastPage < 10)
        #expect(throws: LMDBError.tableMissing(name: "u")) {
            _ = try copy.openTables(["u"], create: false)
        }
    }
}
