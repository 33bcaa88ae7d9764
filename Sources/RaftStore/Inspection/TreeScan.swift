internal import Bytes
internal import Disk

/// Reads the trees of one commit in the order of keys, page by page and over damage: a page that
/// cannot be read is told with the bounds of the keys that lay below it, and passed over.
///
/// What it checks of a page is what `PageWalk` checks, except that each page is used only once.
/// Bounded all the same: a page is only entered where its keys lie in the bounds of its branch.
struct TreeScan: ~Copyable {
    private let meta: MetaPage
    private var file: PageFile

    init(_ path: String, _ meta: MetaPage) throws(Damage) {
        self.meta = meta
        do { file = try PageFile(path) } catch { throw Damage(.page, error.description) }
    }

    /// Hands on the main table's records from the first whose key is `start` or above, and what
    /// could not be read, until one of the closures answers false.
    mutating func scan(
        from start: [UInt8],
        record: (_ key: RawSpan, _ value: RawSpan) -> Bool,
        lost: (Damage, PageWalk.Bounds) -> Bool
    ) {
        guard meta.main.root != TreeRecord.noPage else { return }
        guard meta.main.depth >= 1, Int(meta.main.depth) <= PageWalk.depthMax else {
            let damage = Damage(.meta, page: UInt64(meta.slot), "depth \(meta.main.depth)")
            _ = lost(damage, PageWalk.Bounds())
            return
        }
        let levels = Int(meta.main.depth)
        _ = scan(meta.main.root, levels, PageWalk.Bounds(), start, record, lost)
    }

    private mutating func scan(
        _ number: UInt64,
        _ levels: Int,
        _ bounds: PageWalk.Bounds,
        _ start: [UInt8],
        _ record: (RawSpan, RawSpan) -> Bool,
        _ lost: (Damage, PageWalk.Bounds) -> Bool
    ) -> Bool {
        let page: PageBytes
        let nodes: [PageWalk.Node]
        do throws(Damage) {
            (page, nodes) = try read(number, levels, bounds)
        } catch { return lost(error, bounds) }
        if levels == 1 { return visit(nodes, page, number, start, record, lost) }
        for (place, node) in nodes.enumerated() {
            var inner = bounds
            if place > 0 { inner.lower = PageWalk.key(node, page) }
            if place + 1 < nodes.count { inner.upper = PageWalk.key(nodes[place + 1], page) }
            if let upper = inner.upper, !start.lexicographicallyPrecedes(upper) { continue }
            guard scan(node.child, levels - 1, inner, start, record, lost) else { return false }
        }
        return true
    }

    private func visit(
        _ nodes: [PageWalk.Node],
        _ page: PageBytes,
        _ number: UInt64,
        _ start: [UInt8],
        _ record: (RawSpan, RawSpan) -> Bool,
        _ lost: (Damage, PageWalk.Bounds) -> Bool
    ) -> Bool {
        let whole = page.bytes.rawSpan
        for node in nodes {
            let key = PageWalk.key(node, page)
            if key.lexicographicallyPrecedes(start) { continue }
            guard !node.isBig else {
                let damage = Damage(.page, page: number, "a record in a run of pages")
                let bounds = PageWalk.Bounds(lower: key, upper: key + [0])
                guard lost(damage, bounds) else { return false }
                continue
            }
            let value = whole.extracting(node.dataStart..<(node.dataStart + node.dataBytes))
            guard record(key.rawSpan, value) else { return false }
        }
        return true
    }

    private mutating func read(
        _ number: UInt64,
        _ levels: Int,
        _ bounds: PageWalk.Bounds
    ) throws(Damage) -> (PageBytes, [PageWalk.Node]) {
        guard number >= 2, number <= meta.lastPage else {
            throw Damage(.page, page: number, "out of range 2...\(meta.lastPage)")
        }
        let page = try file.pages(number, pageBytes: meta.pageBytes)
        let kind = levels == 1 ? PageBytes.leaf : PageBytes.branch
        guard page.number == number, page.flags == kind else {
            throw Damage(.page, page: number, "number \(page.number), flags \(page.flags)")
        }
        let nodes = try PageWalk.nodes(
            of: page,
            number,
            isLeaf: levels == 1,
            hasTables: true
        )
        try PageWalk.checkOrder(nodes, page, number, bounds, isLeaf: levels == 1, false)
        return (page, nodes)
    }

    // MARK: Single records

    /// The tree of a named table; nil if there is no such table.
    mutating func table(_ name: [UInt8]) throws(Damage) -> TreeRecord? {
        guard let (node, page) = try find(name, in: meta.main), node.isTable,
            node.dataBytes == TreeRecord.byteCount
        else { return nil }
        return TreeRecord(page, at: node.dataStart)
    }

    /// The value of a key; one in a run of pages is not read.
    mutating func value(_ key: [UInt8], in tree: TreeRecord) throws(Damage) -> [UInt8]? {
        guard let (node, page) = try find(key, in: tree), !node.isBig else { return nil }
        return Array(page.bytes[node.dataStart..<(node.dataStart + node.dataBytes)])
    }

    private mutating func find(
        _ key: [UInt8],
        in tree: TreeRecord
    ) throws(Damage) -> (PageWalk.Node, PageBytes)? {
        guard tree.root != TreeRecord.noPage else { return nil }
        var number = tree.root
        var bounds = PageWalk.Bounds()
        for levels in (1...max(1, min(Int(tree.depth), PageWalk.depthMax))).reversed() {
            let (page, nodes) = try read(number, levels, bounds)
            if levels == 1 {
                return nodes.first { PageWalk.key($0, page) == key }.map { ($0, page) }
            }
            let above = nodes.indices.dropFirst().first {
                key.lexicographicallyPrecedes(PageWalk.key(nodes[$0], page))
            }
            let place = (above ?? nodes.count) - 1
            if place > 0 { bounds.lower = PageWalk.key(nodes[place], page) }
            if let above { bounds.upper = PageWalk.key(nodes[above], page) }
            number = nodes[place].child
        }
        return nil
    }
}
