internal import Bytes

/// Walks all that one meta page reaches, and checks what LMDB takes for granted: that every page
/// says its own number and kind, that its nodes lie in it without overlap, that keys ascend within
/// the bounds of the branches above, that counts are those of the meta page, and that every page
/// up to the last is used exactly once, by a tree or by the list of free pages.
///
/// Bounded by the number of pages: a page that is met twice is damage.
struct PageWalk: ~Copyable {
    /// What is met below a tree's root.
    private struct Counts {
        var branch: UInt64 = 0
        var leaf: UInt64 = 0
        var overflow: UInt64 = 0
        var entries: UInt64 = 0
    }

    /// The keys that a subtree may hold: from `lower` (nil: any) to below `upper`.
    struct Bounds {
        var lower: [UInt8]?
        var upper: [UInt8]?
    }

    /// One node of a page.
    struct Node {
        var keyStart: Int
        var keyBytes: Int
        var dataBytes: Int
        /// The value lies in a run of pages of its own.
        var isBig: Bool
        /// The value describes a named table.
        var isTable: Bool
        var child: UInt64
        var end: Int

        var dataStart: Int { keyStart + keyBytes }
    }

    static let depthMax = 16
    static let bigFlag: UInt16 = 1
    static let tableFlag: UInt16 = 2

    let meta: MetaPage
    private(set) var file: PageFile
    private var seen: [Bool]
    private(set) var freePages = 0
    /// Whether the main table may name others, as the state's does and the log's never.
    private let hasTables: Bool
    private var tables: [(name: String, tree: TreeRecord)] = []

    init(_ file: consuming PageFile, _ meta: MetaPage, hasTables: Bool = false) {
        self.file = file
        self.meta = meta
        self.hasTables = hasTables
        seen = [Bool](repeating: false, count: Int(meta.lastPage) + 1)
    }

    /// Checks everything, and hands the main table's records, and those of the tables that it
    /// names, to `visit`, table by table in the order of keys.
    mutating func run(visit: (RawSpan, RawSpan) -> Void) throws(Damage) {
        seen[0] = true
        seen[1] = true
        guard meta.main.flags == 0 else {
            throw Damage(.meta, page: UInt64(meta.slot), "the main table has flags")
        }
        try walk(meta.main, name: "main table", isFreeList: false) { key, value, _ in
            visit(key, value)
        }
        for (name, tree) in tables {
            guard tree.flags == 0 else { throw Damage(.page, "table \(name) has flags") }
            try walk(tree, name: "table \(name)", isFreeList: false) { key, value, _ in
                visit(key, value)
            }
        }
        var free: [(transaction: UInt64, pages: [UInt64])] = []
        try walk(meta.free, name: "free list", isFreeList: true) { key, value, page in
            free.append((LittleEndian.word(key, 0), PageWalk.pageList(value)))
        }
        for record in free { try take(record.pages, of: record.transaction) }
        for (number, isSeen) in seen.enumerated() where !isSeen {
            throw Damage(.freeList, page: UInt64(number), "neither used nor free")
        }
    }

    private mutating func take(_ pages: [UInt64], of transaction: UInt64) throws(Damage) {
        guard transaction <= meta.transaction else {
            throw Damage(.freeList, "freed by transaction \(transaction), which is to come")
        }
        for page in pages {
            try mark(page, .freeList)
            freePages += 1
        }
    }

    private static func pageList(_ value: RawSpan) -> [UInt64] {
        let count = min(LittleEndian.word(value, 0), UInt64(value.byteCount / 8 - 1))
        var pages: [UInt64] = []
        for place in 0..<Int(count) { pages.append(LittleEndian.word(value, 8 + place * 8)) }
        return pages
    }

    private mutating func mark(_ page: UInt64, _ kind: Damage.Kind) throws(Damage) {
        guard page >= 2, page <= meta.lastPage else {
            throw Damage(kind, page: page, "out of range 2...\(meta.lastPage)")
        }
        guard !seen[Int(page)] else { throw Damage(kind, page: page, "used twice") }
        seen[Int(page)] = true
    }

    // MARK: Trees

    private mutating func walk(
        _ tree: TreeRecord,
        name: String,
        isFreeList: Bool,
        visit: (RawSpan, RawSpan, UInt64) -> Void
    ) throws(Damage) {
        var counts = Counts()
        if tree.root == TreeRecord.noPage {
            guard tree.depth == 0 else { throw Damage(.meta, "\(name): depth without a root") }
        } else {
            guard tree.depth >= 1, Int(tree.depth) <= Self.depthMax else {
                throw Damage(.meta, "\(name): depth \(tree.depth)")
            }
            try walk(
                page: tree.root,
                levels: Int(tree.depth),
                Bounds(),
                &counts,
                isFreeList,
                visit
            )
        }
        guard counts.branch == tree.branchPages, counts.leaf == tree.leafPages,
            counts.overflow == tree.overflowPages, counts.entries == tree.entries
        else {
            throw Damage(.page, "\(name): \(counts.entries) records, \(tree.entries) expected")
        }
    }

    private mutating func walk(
        page number: UInt64,
        levels: Int,
        _ bounds: Bounds,
        _ counts: inout Counts,
        _ isFreeList: Bool,
        _ visit: (RawSpan, RawSpan, UInt64) -> Void
    ) throws(Damage) {
        try mark(number, .page)
        let page = try file.pages(number, pageBytes: meta.pageBytes)
        let kind = levels == 1 ? PageBytes.leaf : PageBytes.branch
        guard page.number == number, page.flags == kind else {
            throw Damage(.page, page: number, "number \(page.number), flags \(page.flags)")
        }
        let nodes = try Self.nodes(
            of: page,
            number,
            isLeaf: levels == 1,
            hasTables: hasTables && !isFreeList
        )
        try Self.checkOrder(nodes, page, number, bounds, isLeaf: levels == 1, isFreeList)
        if levels == 1 {
            counts.leaf += 1
            counts.entries += UInt64(nodes.count)
            for node in nodes {
                try visitLeaf(node, page, number, &counts, isFreeList, visit)
            }
            return
        }
        counts.branch += 1
        for (place, node) in nodes.enumerated() {
            var inner = bounds
            if place > 0 { inner.lower = Self.key(node, page) }
            if place + 1 < nodes.count { inner.upper = Self.key(nodes[place + 1], page) }
            try walk(
                page: node.child,
                levels: levels - 1,
                inner,
                &counts,
                isFreeList,
                visit
            )
        }
    }

    private mutating func visitLeaf(
        _ node: Node,
        _ page: PageBytes,
        _ number: UInt64,
        _ counts: inout Counts,
        _ isFreeList: Bool,
        _ visit: (RawSpan, RawSpan, UInt64) -> Void
    ) throws(Damage) {
        let whole = page.bytes.rawSpan
        let key = whole.extracting(node.keyStart..<node.dataStart)
        if node.isTable { return try note(tableAt: node, page, number) }
        guard node.isBig else {
            let value = whole.extracting(node.dataStart..<(node.dataStart + node.dataBytes))
            guard !isFreeList || Self.isPageList(value) else {
                throw Damage(.freeList, page: number, "a list is malformed")
            }
            visit(key, value, number)
            return
        }
        let first = page.word64(node.dataStart)
        let count = (PageBytes.headerBytes - 1 + node.dataBytes) / meta.pageBytes + 1
        guard first >= 2, first <= meta.lastPage, UInt64(count) <= meta.lastPage else {
            throw Damage(.page, page: first, "overflow run out of range")
        }
        for place in 0..<UInt64(count) { try mark(first + place, .page) }
        let run = try file.pages(first, count: count, pageBytes: meta.pageBytes)
        guard run.number == first, run.flags == PageBytes.overflow,
            run.overflowPages == UInt64(count)
        else { throw Damage(.page, page: first, "this is no overflow run of \(count)") }
        counts.overflow += UInt64(count)
        let value = run.bytes.rawSpan.extracting(
            PageBytes.headerBytes..<(PageBytes.headerBytes + node.dataBytes)
        )
        guard !isFreeList || Self.isPageList(value) else {
            throw Damage(.freeList, page: first, "a list is malformed")
        }
        visit(key, value, number)
    }

    private mutating func note(
        tableAt node: Node,
        _ page: PageBytes,
        _ number: UInt64
    ) throws(Damage) {
        guard node.dataBytes == TreeRecord.byteCount else {
            throw Damage(.page, page: number, "a table's record of \(node.dataBytes) bytes")
        }
        let name = String(decoding: Self.key(node, page), as: UTF8.self)
        tables.append((name, TreeRecord(page, at: node.dataStart)))
    }

    private static func isPageList(_ value: RawSpan) -> Bool {
        guard value.byteCount >= 8, value.byteCount % 8 == 0 else { return false }
        return LittleEndian.word(value, 0) <= UInt64(value.byteCount / 8 - 1)
    }

    // MARK: Pages

    /// The nodes of a branch or leaf page, by their place in the order of keys.
    ///
    ///     node: | low 2, high 2, flags 2: child page or data size | key size 2 | key | data |
    static func nodes(
        of page: PageBytes,
        _ number: UInt64,
        isLeaf: Bool,
        hasTables: Bool = false
    ) throws(Damage) -> [Node] {
        let size = page.bytes.count
        guard page.lower >= PageBytes.headerBytes, page.lower % 2 == 0, page.lower <= page.upper,
            page.upper <= size
        else { throw Damage(.page, page: number, "bounds \(page.lower), \(page.upper)") }
        let known = hasTables ? bigFlag | tableFlag : bigFlag
        var nodes: [Node] = []
        var total = 0
        for place in 0..<((page.lower - PageBytes.headerBytes) / 2) {
            let start = Int(page.word16(PageBytes.headerBytes + place * 2))
            guard start >= page.upper, start % 2 == 0, start + 8 <= size else {
                throw Damage(.page, page: number, "node \(place) at \(start)")
            }
            let node = node(in: page, at: start, isLeaf: isLeaf)
            guard node.end <= size else {
                throw Damage(.page, page: number, "node \(place) ends at \(node.end)")
            }
            guard !isLeaf || page.word16(start + 4) & ~known == 0 else {
                throw Damage(.page, page: number, "node \(place) has flags")
            }
            total += (node.end - start + 1) & ~1
            nodes.append(node)
        }
        guard !nodes.isEmpty, total == size - page.upper, areApart(nodes) else {
            throw Damage(.page, page: number, "\(nodes.count) nodes of \(total) bytes")
        }
        return nodes
    }

    private static func node(in page: PageBytes, at start: Int, isLeaf: Bool) -> Node {
        let low = page.word32(start)
        let flags = page.word16(start + 4)
        let keyBytes = Int(page.word16(start + 6))
        let isBig = isLeaf && flags & bigFlag != 0
        let stored = isLeaf ? (isBig ? 8 : Int(low)) : 0
        return Node(
            keyStart: start + 8,
            keyBytes: keyBytes,
            dataBytes: isLeaf ? Int(low) : 0,
            isBig: isBig,
            isTable: isLeaf && flags & tableFlag != 0,
            child: isLeaf ? 0 : UInt64(low) | UInt64(flags) << 32,
            end: start + 8 + keyBytes + stored
        )
    }

    private static func areApart(_ nodes: [Node]) -> Bool {
        let sorted = nodes.sorted { $0.keyStart < $1.keyStart }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.end > right.keyStart - 8 {
            return false
        }
        return true
    }

    static func key(_ node: Node, _ page: PageBytes) -> [UInt8] {
        Array(page.bytes[node.keyStart..<node.dataStart])
    }

    static func checkOrder(
        _ nodes: [Node],
        _ page: PageBytes,
        _ number: UInt64,
        _ bounds: Bounds,
        isLeaf: Bool,
        _ isFreeList: Bool
    ) throws(Damage) {
        // The first key of a branch is never looked at by LMDB; it may be empty or old.
        var before = bounds.lower
        for (place, node) in nodes.enumerated() where isLeaf || place > 0 {
            let key = key(node, page)
            guard isFreeList ? key.count == 8 : key.count >= 1 && key.count <= 511 else {
                throw Damage(.page, page: number, "a key of \(key.count) bytes")
            }
            if let before {
                let isAbove = precedes(before, key, isFreeList)
                let isFirst = isLeaf && place == 0
                guard isAbove || (isFirst && before == key) else {
                    throw Damage(.page, page: number, "keys do not ascend at node \(place)")
                }
            }
            before = key
        }
        if let last = before, let upper = bounds.upper, !precedes(last, upper, isFreeList) {
            throw Damage(.page, page: number, "keys reach over the next page's")
        }
    }

    private static func precedes(_ left: [UInt8], _ right: [UInt8], _ isFreeList: Bool) -> Bool {
        guard isFreeList else { return left.lexicographicallyPrecedes(right) }
        return LittleEndian.word(left.rawSpan, 0) < LittleEndian.word(right.rawSpan, 0)
    }
}

enum LittleEndian {
    static func word(_ span: RawSpan, _ offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for place in 0..<8 { word |= UInt64(span[byte: offset + place]) << (8 * UInt64(place)) }
        return word
    }
}
