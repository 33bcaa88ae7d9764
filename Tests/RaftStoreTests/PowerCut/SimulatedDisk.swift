import Disk

/// A disk with a cache that loses power: what was synced is there, of the rest anything may be.
///
/// Files: a write is durable once its file was synced; before that, each of its sectors may have
/// reached the disk or not, in any order. Names: a directory's changes are durable once it was
/// synced; before that, any first part of them is (file systems journal them in order), for each
/// directory on its own. It is stricter than ext4, where a file's sync takes its name along.
struct SimulatedDisk {
    static let sectorBytes = 512

    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)
    }

    private enum NameChange {
        case add(String, node: Int)
        case move(String, to: String)
        case remove(String)
    }

    private struct Node {
        var isDirectory: Bool
        var inode: UInt64 = 0
        // Of a file:
        var durable: [UInt8] = []
        var pending: [Change] = []
        // Of a directory:
        var durableNames: [String: Int] = [:]
        var names: [String: Int] = [:]
        var pendingNames: [NameChange] = []
    }

    private let root: String
    private var nodes = [Node(isDirectory: true)]
    private var numbers: [UInt64: Int] = [:]

    /// - Parameter root: the directory that was recorded; empty at the start.
    init(root: String) { self.root = root }

    /// What lies in a real directory, all of it durable.
    init(contentsOf directory: String) throws {
        root = directory
        try load(directory, into: 0)
    }

    private mutating func load(_ path: String, into parent: Int) throws {
        for name in try FileSystem.list(path) {
            let status = try FileSystem.status("\(path)/\(name)")
            var node = Node(isDirectory: status.isDirectory, inode: status.inode)
            if !status.isDirectory {
                node.durable =
                    try FileSystem.contents("\(path)/\(name)", bytesMax: status.size) ?? []
                node.durable.removeLast(node.durable.count - status.size)
            }
            let number = add(node)
            nodes[parent].names[name] = number
            nodes[parent].durableNames[name] = number
            if status.isDirectory { try load("\(path)/\(name)", into: number) }
        }
    }

    private mutating func add(_ node: Node) -> Int {
        nodes.append(node)
        numbers[node.inode] = nodes.count - 1
        return nodes.count - 1
    }

    // MARK: What the recording says

    mutating func apply(_ operation: DiskOperation) {
        switch operation {
        case .write(let inode, let offset, let bytes):
            change(inode, .write(offset: offset, bytes: bytes))
        case .truncate(let inode, let size): change(inode, .truncate(size: size))
        case .sync(let inode): sync(inode)
        case .create(let path, let inode):
            let number = add(Node(isDirectory: false, inode: inode))
            rename(path) { .add($0, node: number) }
        case .makeDirectory(let path):
            nodes.append(Node(isDirectory: true))
            let number = nodes.count - 1
            rename(path) { .add($0, node: number) }
        case .rename(let from, let to):
            precondition(parentAndName(from).0 == parentAndName(to).0, "a move between directories")
            let name = parentAndName(to).1
            rename(from) { .move($0, to: name) }
        case .remove(let path): rename(path) { .remove($0) }
        case .syncDirectory(let path):
            guard let number = node(at: path) else { return }
            nodes[number].durableNames = nodes[number].names
            nodes[number].pendingNames = []
        case .syncMap, .mark: break
        }
    }

    private mutating func change(_ inode: UInt64, _ change: Change) {
        guard let number = numbers[inode] else { return }
        nodes[number].pending.append(change)
    }

    private mutating func sync(_ inode: UInt64) {
        guard let number = numbers[inode] else { return }
        for change in nodes[number].pending { Self.apply(change, to: &nodes[number].durable) }
        nodes[number].pending = []
    }

    private mutating func rename(_ path: String, _ make: (String) -> NameChange) {
        let (parent, name) = parentAndName(path)
        guard let number = node(at: parent) else { return }
        let change = make(name)
        Self.apply(change, to: &nodes[number].names)
        nodes[number].pendingNames.append(change)
    }

    private func parentAndName(_ path: String) -> (String, String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private func node(at path: String) -> Int? {
        var number = 0
        for part in path.dropFirst(root.count).split(separator: "/") {
            guard let next = nodes[number].names[String(part)] else { return nil }
            number = next
        }
        return number
    }

    private static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .add(let name, let node): names[name] = node
        case .move(let from, let to): names[to] = names.removeValue(forKey: from)
        case .remove(let name): names[name] = nil
        }
    }

    static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if size < bytes.count { bytes.removeLast(bytes.count - size) }
            lengthen(&bytes, to: size)
        case .write(let offset, let new): copy(new, 0..<new.count, to: &bytes, at: offset)
        }
    }

    /// Copies a part of `new`, whose first byte belongs at `offset`.
    static func copy(
        _ new: [UInt8],
        _ part: Range<Int>,
        to bytes: inout [UInt8],
        at offset: Int
    ) {
        lengthen(&bytes, to: offset + part.upperBound)
        unsafe bytes.withUnsafeMutableBytes { target in
            unsafe new.withUnsafeBytes { source in
                let place = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: target[offset + part.lowerBound..<offset + part.upperBound]
                )
                unsafe place.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[part]))
            }
        }
    }

    private static func lengthen(_ bytes: inout [UInt8], to size: Int) {
        guard size > bytes.count else { return }
        bytes += [UInt8](repeating: 0, count: size - bytes.count)
    }

    // MARK: The power goes

    /// One of the states that a power cut now could leave.
    func image(after cut: inout PowerCut) -> DiskImage {
        var image = DiskImage()
        add(0, path: "", &cut, to: &image)
        return image
    }

    private func add(
        _ number: Int,
        path: String,
        _ cut: inout PowerCut,
        to image: inout DiskImage
    ) {
        var names = nodes[number].durableNames
        let pending = nodes[number].pendingNames
        for change in pending.prefix(cut.keptNames(of: pending.count)) {
            Self.apply(change, to: &names)
        }
        for (name, child) in names.sorted(by: { $0.key < $1.key }) {
            let childPath = path.isEmpty ? name : "\(path)/\(name)"
            if nodes[child].isDirectory {
                image.items.append(.directory(path: childPath))
                add(child, path: childPath, &cut, to: &image)
            } else {
                let bytes = cut.content(of: nodes[child].durable, nodes[child].pending)
                image.items.append(
                    .file(path: childPath, bytes: bytes, inode: nodes[child].inode)
                )
            }
        }
    }
}
