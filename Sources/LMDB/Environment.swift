internal import CLMDB
internal import Glibc

/// How an environment is opened.
public struct EnvironmentOptions: Hashable, Sendable {
    /// The size of the map: the most the data file can grow to. 0: as the file says.
    public var mapBytes: Int = 0
    /// The most named tables; 0 is right where only the main table is used.
    public var tablesMax: Int = 0
    /// The most read transactions at once, over all processes.
    public var readersMax: Int = 126
    /// Commits do not sync; `sync` does.
    public var isUnsynced = false
    /// Pages are changed in the map. Full disks then raise SIGBUS unless blocks are allocated.
    public var isWriteMapped = false
    public var isReadOnly = false
    /// No lock file: the caller guarantees that nobody writes meanwhile.
    public var isUnlocked = false
    /// No readahead by the kernel, for environments larger than memory.
    public var hasReadAhead = true
    /// `path` names the data file itself; the lock file lies beside it.
    public var isSingleFile = false
    /// Permission bits of created files.
    public var mode: UInt32 = 0o600

    public init() {}

    var flags: UInt32 {
        var flags = UInt32(MDB_NOTLS)
        if isUnsynced { flags |= UInt32(MDB_NOSYNC) }
        if isWriteMapped { flags |= UInt32(MDB_WRITEMAP) }
        if isReadOnly { flags |= UInt32(MDB_RDONLY) }
        if isUnlocked { flags |= UInt32(MDB_NOLOCK) }
        if !hasReadAhead { flags |= UInt32(MDB_NORDAHEAD) }
        if isSingleFile { flags |= UInt32(MDB_NOSUBDIR) }
        return flags
    }
}

/// An open LMDB environment. A process must not open the same one twice at a time.
///
/// It closes when the last reference goes; every transaction holds one.
///
/// `@unchecked Sendable`: the only stored property is a constant handle, and LMDB's calls on an
/// `MDB_env` are safe from any thread. (Flags and map size are only set before it is shared;
/// `resizeMap` demands that no transaction runs.)
@safe
public final class Environment: @unchecked Sendable {
    let handle: OpaquePointer

    /// Opens the environment in the directory (or the file, see `isSingleFile`) at `path`, and
    /// creates it there if need be and `isReadOnly` is not set.
    public init(path: String, options: EnvironmentOptions = .init()) throws(LMDBError) {
        var created: OpaquePointer?
        try check(unsafe mdb_env_create(&created), .create)
        guard let handle = unsafe created else { throw .other(.create, code: 0) }
        unsafe self.handle = handle
        if options.mapBytes > 0 {
            try check(unsafe mdb_env_set_mapsize(handle, options.mapBytes), .resize)
        }
        try check(unsafe mdb_env_set_maxdbs(handle, UInt32(options.tablesMax)), .create)
        try check(unsafe mdb_env_set_maxreaders(handle, UInt32(options.readersMax)), .create)
        let code = unsafe mdb_env_open(handle, path, options.flags, mode_t(options.mode))
        guard code == 0 else { throw LMDBError(opening: path, code) }
    }

    deinit {
        unsafe mdb_env_close(handle)
    }

    /// The file descriptor of the data file; it lives as long as the environment.
    public var fileDescriptor: Int32 {
        get throws(LMDBError) {
            var descriptor: Int32 = -1
            try check(unsafe mdb_env_get_fd(handle, &descriptor), .open)
            return descriptor
        }
    }

    /// Flushes the data file to the disk; `force` does so for unsynced environments too.
    public func sync(force: Bool = true) throws(LMDBError) {
        try check(unsafe mdb_env_sync(handle, force ? 1 : 0), .sync)
    }

    /// Writes a consistent copy of the newest snapshot to a file, pipe or socket, beside running
    /// transactions. A compact copy omits free pages and renumbers the others.
    /// Blocks until all is written; a reader's snapshot is held meanwhile.
    public func copy(to descriptor: Int32, compact: Bool) throws(LMDBError) {
        let flags = compact ? UInt32(MDB_CP_COMPACT) : 0
        try check(unsafe mdb_env_copyfd2(handle, descriptor, flags), .copy)
    }

    /// Sets the size of the map. Only while no transaction of this process runs.
    public func resizeMap(to bytes: Int) throws(LMDBError) {
        try check(unsafe mdb_env_set_mapsize(handle, bytes), .resize)
    }

    /// Frees the slots of readers whose process is gone; says how many there were.
    @discardableResult
    public func clearStaleReaders() throws(LMDBError) -> Int {
        var cleared: Int32 = 0
        try check(unsafe mdb_reader_check(handle, &cleared), .statistics)
        return Int(cleared)
    }

    /// Opens tables by name, in a transaction of its own. With `create`, missing ones are made.
    /// Not while another transaction of this process opens tables.
    public func openTables(
        _ names: [String],
        create: Bool = true
    ) throws(LMDBError) -> [Table] {
        guard create else {
            let transaction = try ReadTransaction(self)
            var tables: [Table] = []
            for name in names {
                tables.append(try unsafe openTable(name, in: transaction.handle, flags: 0))
            }
            // Handles opened here become the environment's only by a commit.
            try transaction.finishKeepingTables()
            return tables
        }
        let transaction = try WriteTransaction(self)
        var tables: [Table] = []
        for name in names {
            tables.append(
                try unsafe openTable(name, in: transaction.handle, flags: UInt32(MDB_CREATE))
            )
        }
        try transaction.commit()
        return tables
    }

    /// The unnamed table. An environment uses either this one or named ones.
    public func mainTable() throws(LMDBError) -> Table {
        let transaction = try ReadTransaction(self)
        let table = try unsafe openTable(nil, in: transaction.handle, flags: 0)
        try transaction.finishKeepingTables()
        return table
    }

    private func openTable(
        _ name: String?,
        in transaction: OpaquePointer,
        flags: UInt32
    ) throws(LMDBError) -> Table {
        var handle: MDB_dbi = 0
        let code = unsafe mdb_dbi_open(transaction, name, flags, &handle)
        switch code {
        case 0: return Table(handle: handle)
        case MDB_NOTFOUND: throw .tableMissing(name: name ?? "")
        case MDB_DBS_FULL: throw .tablesFull(name: name ?? "")
        default: throw LMDBError(code, .table)
        }
    }
}
