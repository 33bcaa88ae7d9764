import DiskRecorder

/// What the process asked of the file system, in order.
enum DiskOperation {
    case write(inode: UInt64, offset: Int, bytes: [UInt8])
    case truncate(inode: UInt64, size: Int)
    case sync(inode: UInt64)
    case create(path: String, inode: UInt64)
    case makeDirectory(path: String)
    case rename(from: String, to: String)
    case remove(path: String)
    case syncDirectory(path: String)
    /// `msync` of a map; which file it shows is not known.
    case syncMap
    /// The test's own: everything up to here was acknowledged.
    case mark(Int)
}

/// The recorder of the test process, see Tests/DiskRecorder. One recording at a time: what uses
/// it is in the serialized suite `PowerCutTests`.
enum DiskRecording {
    /// Runs `body` and returns what it did below `directory`.
    static func operations(
        below directory: String,
        _ body: () throws -> Void
    ) rethrows -> [DiskOperation] {
        unsafe recorder_start(directory)
        defer {
            lie(false)
            recorder_clear()
        }
        do { try body() } catch {
            recorder_stop()
            throw error
        }
        recorder_stop()
        return (0..<recorder_count()).compactMap { unsafe operation(recorder_op_at($0).pointee) }
    }

    static func mark(_ number: Int) { recorder_mark(UInt64(number)) }

    /// While set, a flush reports success and does nothing.
    static func lie(_ lies: Bool) { recorder_lie(lies ? 1 : 0) }

    private static func operation(_ raw: recorder_op) -> DiskOperation? {
        let inode = unsafe raw.inode
        let path = unsafe raw.path.map { unsafe String(cString: $0) } ?? ""
        switch unsafe UInt32(raw.kind) {
        case RECORDER_WRITE.rawValue:
            let bytes = unsafe Array(UnsafeBufferPointer(start: raw.bytes, count: raw.count))
            return .write(inode: inode, offset: Int(unsafe raw.offset), bytes: bytes)
        case RECORDER_SYNC.rawValue: return .sync(inode: inode)
        case RECORDER_TRUNCATE.rawValue:
            return .truncate(inode: inode, size: Int(unsafe raw.offset))
        case RECORDER_RENAME.rawValue:
            let to = unsafe raw.path2.map { unsafe String(cString: $0) } ?? ""
            return .rename(from: path, to: to)
        case RECORDER_UNLINK.rawValue: return .remove(path: path)
        case RECORDER_CREATE.rawValue: return .create(path: path, inode: inode)
        case RECORDER_MAKE_DIRECTORY.rawValue: return .makeDirectory(path: path)
        case RECORDER_SYNC_DIRECTORY.rawValue: return .syncDirectory(path: path)
        case RECORDER_SYNC_MAP.rawValue: return .syncMap
        case RECORDER_MARK.rawValue: return .mark(Int(unsafe raw.offset))
        default: return nil
        }
    }
}
