internal import Bytes
internal import Crypto

/// Paths and keys as keys of LMDB, which takes at most 511 bytes.
///
/// ```
/// up to 478 bytes   the name itself
/// longer            its first 479 bytes, then the SHA-256 of all of it: exactly 511 bytes
/// ```
/// No two names share a key, and names that agree in their first 479 bytes are neighbours. The
/// whole of a shortened name is kept in its record.
enum NameKey {
    static let plainBytesMax = 478
    static let sharedBytes = 479
    static let shortenedBytes = 511

    /// Whether a name of this many bytes is shortened.
    static func isShortened(_ nameBytes: Int) -> Bool { nameBytes > plainBytesMax }

    /// Whether a stored key stands for a longer name.
    static func isShortened(key: RawSpan) -> Bool { key.byteCount == shortenedBytes }

    /// Appends the key of `name`; what stands in `buffer` before counts as part of the name.
    static func append(_ name: RawSpan, to buffer: inout KeyBuffer) {
        let total = buffer.count + name.byteCount
        guard isShortened(total) else { return buffer.append(name) }
        var hash = SHA256()
        feed(buffer.span, to: &hash)
        feed(name, to: &hash)
        buffer.append(name.extracting(first: sharedBytes - buffer.count))
        for byte in hash.finalize() { buffer.append(byte) }
    }

    /// The key of a znode: its path with the last slash as 00, so that the children of one parent
    /// are neighbours. The root is 00 alone. The path must begin with a slash: "/x" and 00 "x" have
    /// one key. The rules of create, delete and setACL refuse a NUL; for those of setData and check
    /// the front end sees to it (`SetDataRecord`, `MultiRecord`), so that all versions of the rules
    /// meet the same entries.
    ///
    /// `scratch` serves only long paths.
    static func append(path: RawSpan, to buffer: inout KeyBuffer, scratch: inout ByteWriter) {
        guard isShortened(path.byteCount) else { return append(plainPath: path, to: &buffer) }
        scratch.bytes.removeAll(keepingCapacity: true)
        scratch.append(path)
        if let slash = path.lastOffset(of: slashByte) { scratch.bytes[slash] = 0 }
        append(scratch.bytes.rawSpan, to: &buffer)
    }

    /// The same for a path that need not be shortened.
    static func append(plainPath path: RawSpan, to buffer: inout KeyBuffer) {
        let start = buffer.count
        buffer.append(path)
        if let slash = path.lastOffset(of: slashByte) { buffer[start + slash] = 0 }
    }

    static let slashByte = UInt8(ascii: "/")

    private static func feed(_ span: RawSpan, to hash: inout SHA256) {
        hash.update(data: span.copiedBytes())
    }
}
