import FuzzEntry

/// libFuzzer's entry: `Tools/fuzz DNSMessage`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe DNSMessageEntry.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}
