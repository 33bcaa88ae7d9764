internal import Bytes
internal import LMDB

/// A walk over a subtree of znodes, parents before their children, in the order of the table's
/// keys. Each step finds its way from the last path alone, so that a walk goes on over several
/// snapshots, and where what it stood on is gone.
public struct ZnodeWalk: Sendable {
    public let root: [UInt8]
    /// How many levels below the root are visited.
    public let depthMax: Int
    private let rootDepth: Int

    public init(root: [UInt8], depthMax: Int) {
        self.root = root
        self.depthMax = depthMax
        rootDepth = Self.depth(of: root)
    }

    /// How many levels `path` is below the root.
    public func depth(of path: [UInt8]) -> Int { Self.depth(of: path) - rootDepth }

    /// Whether `path` belongs to the subtree.
    public func contains(_ path: [UInt8]) -> Bool {
        guard path.count > root.count else { return path == root }
        guard root.count > 1 else { return path[0] == NameKey.slashByte }
        return path[..<root.count].elementsEqual(root) && path[root.count] == NameKey.slashByte
    }

    /// The path that comes after `path`, which belongs to the subtree.
    /// - Parameter descends: whether the children of `path` are visited, as far as depth allows.
    public func next(
        after path: [UInt8],
        descends: Bool,
        in view: borrowing StateView
    ) throws(StateError) -> [UInt8]? {
        if descends, depth(of: path) < depthMax,
            let child = try view.child(of: path, after: nil)
        {
            return child
        }
        var current = path
        while current.count > root.count {
            let parent = Self.parent(of: current)
            if let sibling = try view.child(of: parent, after: current) { return sibling }
            current = parent
        }
        return nil
    }

    private static func depth(of path: [UInt8]) -> Int {
        path.count == 1 ? 0 : path.count { $0 == NameKey.slashByte }
    }

    private static func parent(of path: [UInt8]) -> [UInt8] {
        let slash = path.lastIndex(of: NameKey.slashByte) ?? 0
        return slash == 0 ? [NameKey.slashByte] : Array(path[..<slash])
    }
}

extension StateView {
    /// The path of the first child of `parent`, or of the one that comes after the child `path`,
    /// in the order of the table's keys.
    func child(of parent: [UInt8], after path: [UInt8]?) throws(StateError) -> [UInt8]? {
        var prefix = parent.count == 1 ? [] : parent
        prefix.append(0)
        let shared = prefix.rawSpan.extracting(first: min(prefix.count, NameKey.sharedBytes))
        var start = KeyBuffer()
        var scratch = ByteWriter()
        if let path {
            NameKey.append(path: path.rawSpan, to: &start, scratch: &scratch)
        } else {
            start.append(shared)
        }
        var cursor = try cursor(in: tables.znodes)
        var isPlaced = try Self.seek(&cursor, atOrAfter: start.span)
        while isPlaced, cursor.key.hasPrefix(shared) {
            if !cursor.key.hasSameBytes(as: start.span),
                let child = try childPath(cursor.key, cursor.value, prefix)
            {
                return child
            }
            isPlaced = try Self.next(&cursor)
        }
        return nil
    }

    /// The path of this record, if it is a child of the parent that `prefix` (its path and 00)
    /// belongs to.
    private func childPath(
        _ key: RawSpan,
        _ value: RawSpan,
        _ prefix: [UInt8]
    ) throws(StateError) -> [UInt8]? {
        let parentBytes = prefix.count - 1
        guard NameKey.isShortened(key: key) else {
            guard key.byteCount > prefix.count else { return nil }
            var path = key.copiedBytes()
            path[parentBytes] = NameKey.slashByte
            return path
        }
        let path = try shortenedPath(value)
        guard path.count > prefix.count, path[parentBytes] == NameKey.slashByte,
            path[..<parentBytes].elementsEqual(prefix[..<parentBytes]),
            !path[prefix.count...].contains(NameKey.slashByte)
        else { return nil }
        return path
    }
}
