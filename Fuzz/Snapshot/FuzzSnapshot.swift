import FuzzEntry

/// libFuzzer's entry: `Tools/fuzz Snapshot`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe SnapshotEntry.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}
