internal import CLMDB

/// The pages of one table.
public struct TableStatistics: Hashable, Sendable {
    public var pageBytes: Int
    public var depth: Int
    public var branchPages: Int
    public var leafPages: Int
    public var overflowPages: Int
    public var entries: Int

    init(_ raw: MDB_stat) {
        pageBytes = Int(raw.ms_psize)
        depth = Int(raw.ms_depth)
        branchPages = raw.ms_branch_pages
        leafPages = raw.ms_leaf_pages
        overflowPages = raw.ms_overflow_pages
        entries = raw.ms_entries
    }

    public var pages: Int { branchPages + leafPages + overflowPages }
}

/// The whole of an environment.
public struct EnvironmentInformation: Hashable, Sendable {
    public var mapBytes: Int
    /// The highest page number in use (or free inside of the file).
    public var lastPage: Int
    public var lastTransaction: UInt64
    public var readersMax: Int
    /// Slots for readers that were ever used at a time.
    public var readersUsed: Int
}

extension Environment {
    public func information() throws(LMDBError) -> EnvironmentInformation {
        var raw = unsafe MDB_envinfo()
        try check(unsafe mdb_env_info(handle, &raw), .statistics)
        return unsafe EnvironmentInformation(
            mapBytes: raw.me_mapsize,
            lastPage: raw.me_last_pgno,
            lastTransaction: UInt64(raw.me_last_txnid),
            readersMax: Int(raw.me_maxreaders),
            readersUsed: Int(raw.me_numreaders)
        )
    }

    /// The main table's statistics.
    public func statistics() throws(LMDBError) -> TableStatistics {
        var raw = MDB_stat()
        try check(unsafe mdb_env_stat(handle, &raw), .statistics)
        return TableStatistics(raw)
    }
}

extension Reader {
    public func statistics(of table: Table) throws(LMDBError) -> TableStatistics {
        var raw = MDB_stat()
        try check(unsafe mdb_stat(transaction, table.handle, &raw), .statistics)
        return TableStatistics(raw)
    }

    /// The numbers of free pages: those that no snapshot since `transaction` uses.
    public func freePages() throws(LMDBError) -> Int {
        // Table 0 is LMDB's list of free pages: transaction number -> count, page numbers.
        let free = Table(handle: 0)
        var count = 0
        var cursor = try cursor(in: free)
        var isPlaced = try cursor.moveToFirst()
        while isPlaced {
            count += unsafe cursor.value.unsafeLoadUnaligned(as: Int.self)
            isPlaced = try cursor.moveToNext()
        }
        return count
    }
}
