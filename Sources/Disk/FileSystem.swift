internal import Glibc

/// Work on paths.
public enum FileSystem {
    /// Makes a directory for its owner only, and says whether it was not there before.
    @discardableResult
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(DiskError) -> Bool
    {
        do {
            _ = try checked(.makeDirectory, path) { unsafe mkdir(path, mode) }
            return true
        } catch {
            if error.code == EEXIST { return false }
            throw error
        }
    }

    /// The names in a directory, sorted.
    public static func list(_ path: String) throws(DiskError) -> [String] {
        guard let directory = unsafe opendir(path) else {
            throw DiskError(.list, path, code: errno)
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { text in
                    unsafe String(cString: text)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    public static func rename(_ from: String, to path: String) throws(DiskError) {
        _ = try checked(.rename, path) { unsafe Glibc.rename(from, path) }
    }

    /// Removes a file; whether there was one.
    @discardableResult
    public static func remove(_ path: String) throws(DiskError) -> Bool {
        do {
            _ = try checked(.remove, path) { unsafe unlink(path) }
            return true
        } catch {
            if error.isMissing { return false }
            throw error
        }
    }

    /// Removes a directory and the files in it (no directories below it).
    public static func removeDirectory(_ path: String) throws(DiskError) {
        let names: [String]
        do {
            names = try list(path)
        } catch {
            if error.isMissing { return }
            throw error
        }
        for name in names { try remove("\(path)/\(name)") }
        _ = try checked(.remove, path) { unsafe rmdir(path) }
    }

    /// Copies what a file holds to a new file, unsynced.
    public static func copy(_ from: String, to path: String) throws(DiskError) {
        try copy(File(from, .readOnly), to: path)
    }

    public static func copy(_ source: borrowing File, to path: String) throws(DiskError) {
        let target = try File(path, .replace)
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let count = try source.read(into: &piece, at: offset)
            if count == 0 { return }
            try target.write(unsafe piece.span.bytes.extracting(0..<count), at: offset)
            offset += count
        }
    }

    /// Makes the names in a directory durable.
    public static func syncDirectory(_ path: String) throws(DiskError) {
        let directory = try File(path, .readOnly)
        try directory.sync()
    }

    public static func status(_ path: String) throws(DiskError) -> FileStatus {
        var raw = stat()
        _ = try checked(.status, path) { unsafe stat(path, &raw) }
        return FileStatus(raw)
    }

    public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// What a file holds, up to `bytesMax`; nil if there is no file.
    public static func contents(
        _ path: String,
        bytesMax: Int = 1 << 20
    ) throws(DiskError) -> [UInt8]? {
        do {
            let file = try File(path, .readOnly)
            // Files under /proc have no size.
            return try file.read(at: 0, count: min(bytesMax, max(4096, try file.size())))
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    /// Makes a small file that was not there, with its mode from the first moment on.
    public static func create(
        _ path: String,
        with contents: [UInt8],
        mode: UInt32
    ) throws(DiskError) {
        let file = try File(path, .new, mode: mode)
        try file.write(unsafe contents.span.bytes, at: 0)
        try file.sync()
    }

    /// Replaces a small file in one durable step: whoever reads it finds the old or the new
    /// content, also after a power cut.
    public static func replace(
        _ path: String,
        with contents: [UInt8],
        in directory: String
    ) throws(DiskError) {
        let temporary = path + ".tmp"
        do {
            let file = try File(temporary, .replace)
            try file.write(unsafe contents.span.bytes, at: 0)
            try file.sync()
        }
        try rename(temporary, to: path)
        try syncDirectory(directory)
    }

    /// The same for a file that others read, which keeps its owner, group and permissions. Until
    /// the new content has the old one's name, it is for its owner only.
    public static func replaceKeepingAccess(
        _ path: String,
        with contents: [UInt8],
        in directory: String
    ) throws(DiskError) {
        let old = try status(path)
        let temporary = path + ".tmp"
        try remove(temporary)
        do throws(DiskError) {
            let file = try File(temporary, .new)
            try file.write(unsafe contents.span.bytes, at: 0)
            try file.takeAccess(of: old)
            try file.sync()
            try rename(temporary, to: path)
        } catch {
            try remove(temporary)
            throw error
        }
        try syncDirectory(directory)
    }

    /// How large the file system at `path` is, and what of it is free for us, in bytes.
    public static func space(at path: String) throws(DiskError) -> FileSystemSpace {
        var raw = statvfs()
        _ = try checked(.status, path) { unsafe statvfs(path, &raw) }
        let unit = Int(raw.f_frsize)
        return FileSystemSpace(
            totalBytes: Int(raw.f_blocks) * unit,
            freeBytes: Int(raw.f_bavail) * unit
        )
    }
}

public struct FileSystemSpace: Hashable, Sendable {
    public var totalBytes: Int
    public var freeBytes: Int
}

/// What tells one run of the operating system from another.
public enum SystemIdentity {
    /// The kernel's random id of this boot; empty where the system has none.
    public static func bootID() -> String {
        let path = "/proc/sys/kernel/random/boot_id"
        guard let bytes = try? FileSystem.contents(path) else { return "" }
        return String(decoding: bytes.prefix { $0 > 32 }, as: UTF8.self)
    }

    /// How many files this process may have open; nil if the system does not say.
    public static func openFilesMax() -> Int? {
        var limit = rlimit()
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(kind, &limit) == 0 else { return nil }
        return Int(clamping: limit.rlim_cur)
    }
}
