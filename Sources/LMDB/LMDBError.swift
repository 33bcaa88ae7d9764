internal import CLMDB
internal import Glibc

/// Why LMDB refused, and what it was asked for.
public enum LMDBError: Error, Hashable, Sendable {
    /// What was being done.
    public enum Operation: String, Hashable, Sendable {
        case create, open, begin, renew, commit, get, put, delete, cursor, drop, table, sync, copy
        case statistics, resize
    }

    /// The map has no room (`MDB_MAP_FULL`).
    case mapFull(Operation)
    /// The file system has no room (ENOSPC, EDQUOT).
    case diskFull(Operation)
    /// The operating system failed with this errno.
    case io(Operation, errno: Int32)
    /// LMDB found damage (`MDB_CORRUPTED`, `MDB_PAGE_NOTFOUND`).
    case corrupted(Operation)
    /// The file is no LMDB environment (`MDB_INVALID`) or of another version of LMDB.
    case notADatabase(path: String, code: Int32)
    /// An environment could not be opened or created at `path`.
    case openFailed(path: String, errno: Int32)
    /// A key is empty or longer than 511 bytes.
    case badKeySize(bytes: Int)
    /// An appended key is not above the last one, or an inserted one exists.
    case keyExists(Operation)
    /// No table has this name.
    case tableMissing(name: String)
    /// More tables than the environment was opened for.
    case tablesFull(name: String)
    /// All slots for readers are taken.
    case readersFull(Operation)
    /// The transaction changed more pages than one can hold.
    case transactionTooBig(Operation)
    /// The environment failed before and must be closed (`MDB_PANIC`).
    case panicked(Operation)
    /// A cursor that stands on no record was asked to change it.
    case cursorUnplaced(Operation)
    /// Anything else; the code is LMDB's.
    case other(Operation, code: Int32)

    init(_ code: Int32, _ operation: Operation) {
        switch code {
        case MDB_MAP_FULL: self = .mapFull(operation)
        case ENOSPC, EDQUOT: self = .diskFull(operation)
        case MDB_CORRUPTED, MDB_PAGE_NOTFOUND: self = .corrupted(operation)
        case MDB_KEYEXIST: self = .keyExists(operation)
        case MDB_READERS_FULL: self = .readersFull(operation)
        case MDB_TXN_FULL: self = .transactionTooBig(operation)
        case MDB_PANIC: self = .panicked(operation)
        case 1...: self = .io(operation, errno: code)
        default: self = .other(operation, code: code)
        }
    }

    init(opening path: String, _ code: Int32) {
        switch code {
        case MDB_INVALID, MDB_VERSION_MISMATCH: self = .notADatabase(path: path, code: code)
        case ENOSPC, EDQUOT: self = .diskFull(.open)
        case 1...: self = .openFailed(path: path, errno: code)
        default: self = .init(code, .open)
        }
    }
}

extension LMDBError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .mapFull(let operation): "LMDB \(operation): the map is full"
        case .diskFull(let operation): "LMDB \(operation): no space left on the device"
        case .io(let operation, let code): "LMDB \(operation): \(LMDBError.text(code))"
        case .corrupted(let operation): "LMDB \(operation): the database is damaged"
        case .notADatabase(let path, let code): "\(path): \(LMDBError.text(code))"
        case .openFailed(let path, let code): "\(path): \(LMDBError.text(code))"
        case .badKeySize(let bytes): "LMDB: a key of \(bytes) bytes; 1 to 511 are possible"
        case .keyExists(let operation): "LMDB \(operation): the key exists or is out of order"
        case .tableMissing(let name): "LMDB: there is no table \"\(name)\""
        case .tablesFull(let name): "LMDB: no handle left for table \"\(name)\""
        case .readersFull(let operation): "LMDB \(operation): all reader slots are taken"
        case .transactionTooBig(let operation): "LMDB \(operation): too many changed pages"
        case .panicked(let operation): "LMDB \(operation): the environment failed before"
        case .cursorUnplaced(let operation): "LMDB \(operation): the cursor is on no record"
        case .other(let operation, let code): "LMDB \(operation): \(LMDBError.text(code))"
        }
    }

    private static func text(_ code: Int32) -> String {
        unsafe String(cString: mdb_strerror(code))
    }
}

/// Turns a return code into an error.
func check(_ code: Int32, _ operation: LMDBError.Operation) throws(LMDBError) {
    guard code == 0 else { throw LMDBError(code, operation) }
}
