import Disk

/// What lies on a disk: directories and files, parents first.
struct DiskImage {
    enum Item {
        case directory(path: String)
        case file(path: String, bytes: [UInt8], inode: UInt64)
    }

    var items: [Item] = []

    /// The same for the same names and contents.
    var fingerprint: Int {
        var hasher = Hasher()
        for item in items {
            switch item {
            case .directory(let path): hasher.combine(path)
            case .file(let path, let bytes, _):
                hasher.combine(path)
                hasher.combine(bytes.count)
                unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
            }
        }
        return hasher.finalize()
    }

    /// Writes it to `directory`, which must not exist, for as long as `body` runs.
    func withDirectory(_ directory: String, _ body: (String) throws -> Void) throws {
        try FileSystem.makeDirectory(directory)
        defer { try? DiskImage.remove(directory) }
        for item in items {
            switch item {
            case .directory(let path): try FileSystem.makeDirectory("\(directory)/\(path)")
            case .file(let path, let bytes, _):
                let file = try File("\(directory)/\(path)", .replace)
                try file.write(unsafe bytes.span.bytes, at: 0)
            }
        }
        try keepTrust(directory)
        try body(directory)
    }

    /// A mark of trust names its file by the inode, which the copy cannot have: it is written anew
    /// for the copy if it was right for the original.
    private func keepTrust(_ directory: String) throws {
        for case .file(let path, _, let inode) in items where path.hasSuffix("/data.mdb") {
            let marker = "\(directory)/\(path.dropLast("data.mdb".count))trust"
            guard let text = try FileSystem.contents(marker) else { continue }
            var lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map(
                String.init
            )
            guard lines.count == 4, lines[2].hasSuffix(" \(inode)") else { continue }
            let status = try FileSystem.status("\(directory)/\(path)")
            lines[2] = "file \(status.device) \(status.inode)"
            let changed = Array((lines.joined(separator: "\n") + "\n").utf8)
            try File(marker, .replace).write(unsafe changed.span.bytes, at: 0)
        }
    }

    static func remove(_ path: String) throws {
        for name in try FileSystem.list(path) {
            if try FileSystem.status("\(path)/\(name)").isDirectory {
                try remove("\(path)/\(name)")
            } else {
                try FileSystem.remove("\(path)/\(name)")
            }
        }
        try FileSystem.removeDirectory(path)
    }
}
