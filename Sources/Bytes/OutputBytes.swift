/// Writing into memory that somebody else reserved: a socket's buffer, an LMDB page. The caller
/// reserves the exact size once, so that an answer of many fields costs one bound check.
extension OutputRawSpan {
    /// A fixed-width big-endian integer.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        unsafe append(value.bigEndian, as: T.self)
    }

    /// All of `source`.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func copy(_ source: RawSpan) {
        precondition(source.byteCount <= freeCapacity, "\(source.byteCount) > \(freeCapacity)")
        unsafe withUnsafeMutableBytes { target, filled in
            unsafe source.withUnsafeBytes { bytes in
                guard let from = bytes.baseAddress, let to = target.baseAddress else { return }
                unsafe (to + filled).copyMemory(from: from, byteCount: bytes.count)
                filled += bytes.count
            }
        }
    }
}
