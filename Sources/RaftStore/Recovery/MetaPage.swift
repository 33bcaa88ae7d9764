internal import Bytes
internal import Disk

/// One of the two meta pages of an LMDB file (data version 1, 64-bit, little-endian).
///
///     0    page header 16: page number 8, pad 2, flags 2, lower 2, upper 2
///     16   magic 4 (BEEFC0DE) | version 4 | address 8 | map size 8
///     40   free list: tree 48 (its pad field is the page size)
///     88   main table: tree 48
///     136  last page 8 | transaction 8
///
/// Transaction N writes page N % 2; the greater number is the newer. All of it lies in the first
/// 512 bytes of the page, so a disk that writes sectors whole writes it whole.
struct MetaPage: Hashable {
    static let byteCount = 152

    var slot: Int
    var pageBytes: Int
    var mapBytes: UInt64
    var free: TreeRecord
    var main: TreeRecord
    var lastPage: UInt64
    var transaction: UInt64

    init(_ bytes: [UInt8], slot: Int) throws(Damage) {
        guard bytes.count >= MetaPage.byteCount else {
            throw Damage(.meta, page: UInt64(slot), "the file ends before it")
        }
        let page = PageBytes(bytes)
        guard page.word64(0) == UInt64(slot), page.flags == PageBytes.meta,
            page.word32(16) == 0xBEEF_C0DE, page.word32(20) == 1
        else { throw Damage(.meta, page: UInt64(slot), "this is no meta page") }
        self.slot = slot
        mapBytes = page.word64(32)
        pageBytes = Int(page.word32(40))
        free = TreeRecord(page, at: 40)
        main = TreeRecord(page, at: 88)
        lastPage = page.word64(136)
        transaction = page.word64(144)
        guard pageBytes >= 512, pageBytes <= 65_536, pageBytes & (pageBytes - 1) == 0,
            lastPage >= 1, lastPage < 1 << 40, transaction % 2 == UInt64(slot) || transaction == 0
        else { throw Damage(.meta, page: UInt64(slot), "fields out of range") }
    }
}

extension MetaPage {
    /// Free pages at the end need not be written.
    private static let beyondEndBytesMax = 1 << 30

    /// Whether the file can hold what the meta page claims; a torn one may claim anything.
    func fits(_ path: String) throws(StoreError) -> Bool {
        let bytes: Int
        do { bytes = try FileSystem.status(path).size } catch { throw StoreError(error) }
        return Int(lastPage) * pageBytes <= bytes + MetaPage.beyondEndBytesMax
    }
}

/// A tree's description (LMDB's MDB_db): in a meta page.
///
///     0   pad 4 | flags 2 | depth 2 | branch pages 8 | leaf pages 8 | overflow pages 8
///     32  entries 8 | root 8 (all ones: empty)
struct TreeRecord: Hashable {
    static let noPage = UInt64.max
    static let byteCount = 48

    var flags: UInt16
    var depth: UInt16
    var branchPages: UInt64
    var leafPages: UInt64
    var overflowPages: UInt64
    var entries: UInt64
    var root: UInt64

    init(_ page: PageBytes, at offset: Int) {
        flags = page.word16(offset + 4)
        depth = page.word16(offset + 6)
        branchPages = page.word64(offset + 8)
        leafPages = page.word64(offset + 16)
        overflowPages = page.word64(offset + 24)
        entries = page.word64(offset + 32)
        root = page.word64(offset + 40)
    }
}

/// The bytes of one page, with its header's fields.
struct PageBytes {
    static let branch: UInt16 = 0x01
    static let leaf: UInt16 = 0x02
    static let overflow: UInt16 = 0x04
    static let meta: UInt16 = 0x08
    static let headerBytes = 16

    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var number: UInt64 { word64(0) }
    var flags: UInt16 { word16(10) }
    var lower: Int { Int(word16(12)) }
    var upper: Int { Int(word16(14)) }
    var overflowPages: UInt64 { UInt64(word32(12)) }

    func word16(_ offset: Int) -> UInt16 {
        UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
    }

    func word32(_ offset: Int) -> UInt32 {
        UInt32(word16(offset)) | UInt32(word16(offset + 2)) << 16
    }

    func word64(_ offset: Int) -> UInt64 {
        UInt64(word32(offset)) | UInt64(word32(offset + 4)) << 32
    }
}

/// The data file of an environment, read page by page without LMDB: what lies there may be torn,
/// and LMDB believes its file.
struct PageFile: ~Copyable {
    private let file: File
    private(set) var pagesRead = 0

    init(_ path: String, access: File.Access = .readOnly) throws(DiskError) {
        file = try File(path, access)
    }

    borrowing func meta(_ slot: Int, pageBytes: Int = 4096) throws(Damage) -> MetaPage {
        let bytes: [UInt8]
        do { bytes = try file.read(at: slot * pageBytes, count: MetaPage.byteCount) } catch {
            throw Damage(.meta, page: UInt64(slot), error.description)
        }
        return try MetaPage(bytes, slot: slot)
    }

    /// `count` pages that begin at `number`.
    mutating func pages(
        _ number: UInt64,
        count: Int = 1,
        pageBytes: Int
    ) throws(Damage) -> PageBytes {
        let bytes: [UInt8]
        do {
            bytes = try file.read(at: Int(number) * pageBytes, count: count * pageBytes)
        } catch { throw Damage(.page, page: number, error.description) }
        guard bytes.count == count * pageBytes else {
            throw Damage(.page, page: number, "the file ends before it")
        }
        pagesRead += count
        return PageBytes(bytes)
    }

    /// Makes meta page `slot` one that LMDB takes for older than `good`, and that says the same.
    borrowing func replaceMeta(_ slot: Int, by good: MetaPage) throws(DiskError) {
        var page = try file.read(at: good.slot * good.pageBytes, count: good.pageBytes)
        page[0] = UInt8(slot)
        let older = good.transaction &- 1
        for place in 0..<8 {
            page[144 + place] = UInt8(truncatingIfNeeded: older >> (8 * UInt64(place)))
        }
        try file.write(page.rawSpan, at: slot * good.pageBytes)
        try file.sync()
    }
}
