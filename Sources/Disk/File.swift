internal import Glibc

/// An open file. It closes when it goes.
public struct File: ~Copyable, Sendable {
    public enum Access: Sendable {
        case readOnly
        case readWrite
        /// Creates the file if it is not there.
        case create
        /// Creates the file, or empties it.
        case replace
        /// Creates the file, which must not be there.
        case new
    }

    public let descriptor: Int32
    public let path: String

    public init(
        _ path: String,
        _ access: Access,
        mode: UInt32 = 0o600
    ) throws(DiskError) {
        let flags =
            switch access {
            case .readOnly: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            case .new: O_RDWR | O_CREAT | O_EXCL
            }
        self.path = path
        descriptor = try checked(.open, path) { unsafe open(path, flags | O_CLOEXEC, mode) }
    }

    /// Takes over an open descriptor.
    public init(adopting descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// A pipe's two descriptors, each to be adopted by a file.
    public static func pipe() throws(DiskError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        _ = try checked(.pipe, "pipe") {
            unsafe ends.withUnsafeMutableBufferPointer { unsafe Glibc.pipe($0.baseAddress) }
        }
        return (ends[0], ends[1])
    }

    // MARK: Reading

    /// The `count` bytes at `offset`, or fewer where the file ends.
    public borrowing func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try read(into: &bytes, at: offset)
        bytes.removeLast(count - read)
        return bytes
    }

    /// Fills `bytes` from `offset`, as far as the file goes; says how many there were.
    public borrowing func read(
        into bytes: inout [UInt8],
        at offset: Int
    ) throws(DiskError) -> Int {
        var done = 0
        while done < bytes.count {
            let from = done
            let count = try checked(.read, path) {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[from...])
                    return unsafe pread(descriptor, rest.baseAddress, rest.count, offset + from)
                }
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// The next bytes of a stream (a pipe); 0 at its end.
    public borrowing func readSome(into bytes: inout [UInt8]) throws(DiskError) -> Int {
        try checked(.read, path) {
            unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            }
        }
    }

    // MARK: Writing

    /// Writes all of `span` at `offset`.
    public borrowing func write(_ span: RawSpan, at offset: Int) throws(DiskError) {
        var done = 0
        while done < span.byteCount {
            let rest = span.extracting(done..<span.byteCount)
            let at = offset + done
            let count = try checked(.write, path) {
                unsafe rest.withUnsafeBytes { buffer in
                    unsafe pwrite(descriptor, buffer.baseAddress, buffer.count, at)
                }
            }
            if count == 0 { throw DiskError(.write, path, code: EIO) }
            done += count
        }
    }

    /// Makes the data durable, and so much of the metadata as is needed to find it again.
    public borrowing func syncData() throws(DiskError) {
        guard fdatasync(descriptor) == 0 else { throw DiskError(.sync, path, code: errno) }
    }

    /// Makes data and metadata durable.
    public borrowing func sync() throws(DiskError) {
        guard fsync(descriptor) == 0 else { throw DiskError(.sync, path, code: errno) }
    }

    /// Has what is read next come from the disk: makes the file durable, and drops its pages from
    /// the page cache. After a flush that failed Linux takes the pages that it did not write for
    /// clean; they say what the disk does not. Pages that somebody has mapped stay.
    public borrowing func dropCachedPages() throws(DiskError) {
        try syncData()
        let code = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        guard code == 0 else { throw DiskError(.read, path, code: code) }
    }

    /// Gives the file an owner, a group and permissions: those that `status` tells of another.
    public borrowing func takeAccess(of status: FileStatus) throws(DiskError) {
        let own = try self.status()
        if (own.owner, own.group) != (status.owner, status.group) {
            _ = try checked(.access, path) { fchown(descriptor, status.owner, status.group) }
        }
        _ = try checked(.access, path) { fchmod(descriptor, status.permissions) }
    }

    // MARK: Size and place

    public borrowing func size() throws(DiskError) -> Int { try status().size }

    public borrowing func status() throws(DiskError) -> FileStatus {
        var raw = stat()
        _ = try checked(.status, path) { unsafe fstat(descriptor, &raw) }
        return FileStatus(raw)
    }

    /// Cuts the file, or lengthens it by a hole.
    public borrowing func truncate(to size: Int) throws(DiskError) {
        _ = try checked(.truncate, path) { ftruncate(descriptor, size) }
    }

    /// Allocates blocks for a range, so that writing there (through a map too) cannot meet a full
    /// disk. Content is kept; the file grows to the end of the range if it is shorter. Where the
    /// file system cannot allocate, glibc writes into each block instead.
    public borrowing func allocate(at offset: Int, count: Int) throws(DiskError) {
        var code = posix_fallocate(descriptor, offset, count)
        while code == EINTR { code = posix_fallocate(descriptor, offset, count) }
        guard code == 0 else { throw DiskError(.allocate, path, code: code) }
    }

    /// Takes the exclusive advisory lock of the file; false if someone else has it.
    /// It goes with the file, and with the process.
    ///
    /// It is two locks: flock's, which decides, and the record lock of the open file, which others
    /// can ask about without taking anything (flock's cannot be).
    public borrowing func tryLock() throws(DiskError) -> Bool {
        do {
            _ = try checked(.lock, path) { flock(descriptor, LOCK_EX | LOCK_NB) }
            var record = Self.wholeFile(F_WRLCK)
            _ = try checked(.lock, path) { unsafe fcntl(descriptor, Self.setLock, &record) }
            return true
        } catch {
            if error.code == EWOULDBLOCK { return false }
            throw error
        }
    }

    /// Whether someone else holds the exclusive lock. Asking takes nothing, so that a server which
    /// starts at this moment is not in the way of it.
    public borrowing func isLocked() throws(DiskError) -> Bool {
        var record = Self.wholeFile(F_RDLCK)
        _ = try checked(.lock, path) { unsafe fcntl(descriptor, Self.getLock, &record) }
        return Int32(record.l_type) != F_UNLCK
    }

    // F_OFD_GETLK and F_OFD_SETLK of Linux's fcntl.h: locks of the open file, not of the process.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    private static func wholeFile(_ type: Int32) -> flock {
        var record = flock()
        record.l_type = Int16(type)
        record.l_whence = Int16(SEEK_SET)
        return record
    }
}

/// What the file system knows about a file.
public struct FileStatus: Hashable, Sendable {
    public var device: UInt64
    public var inode: UInt64
    public var size: Int
    /// Bytes of allocated blocks; less than `size` where there are holes.
    public var allocatedBytes: Int
    public var isDirectory: Bool
    /// Whether every user of the machine may do something with it.
    public var isOpenToOthers: Bool
    public var owner: UInt32
    public var group: UInt32
    /// Who may read, write and run it: the mode without the file's kind.
    public var permissions: UInt32

    init(_ raw: stat) {
        device = UInt64(raw.st_dev)
        inode = UInt64(raw.st_ino)
        size = Int(raw.st_size)
        allocatedBytes = Int(raw.st_blocks) * 512
        isDirectory = raw.st_mode & S_IFMT == S_IFDIR
        isOpenToOthers = raw.st_mode & S_IRWXO != 0
        owner = raw.st_uid
        group = raw.st_gid
        permissions = raw.st_mode & 0o7777
    }
}
