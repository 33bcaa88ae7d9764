/// Reading and writing of bytes: the bottom of the house.
///
/// Codecs above read from a `RawSpan` (a slice of a socket buffer, of an LMDB page, of an entry)
/// and write into a `ByteWriter`; neither copies what it only passes on. The module never
/// allocates behind a reader's back, does no I/O and imports nothing.
///
/// Map: `SpanReader` reads, `ByteWriter` writes, `XXH64` is the checksum of records and chunks,
/// `ByteString` is a hashable byte string for paths and keys, `Hexadecimal` prints.
public enum BytesError: Error, Equatable, Sendable {
    /// The input ended: `wanted` bytes at `offset`, of which `left` are there.
    case truncated(offset: Int, wanted: Int, left: Int)
    /// A length field is negative or beyond its bound.
    case badLength(offset: Int, length: Int, bound: Int)
    /// A byte that names a variant has a value that no version knows.
    case badTag(offset: Int, tag: UInt64)
    /// A varint does not end within ten bytes.
    case badVarint(offset: Int)
}

/// A byte string that can be a dictionary key: a znode's path, a KV key, a service's name.
public struct ByteString: Hashable, Comparable, Sendable {
    public var bytes: [UInt8]

    @inlinable
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    public init(copying span: RawSpan) {
        bytes = span.copiedBytes()
    }

    /// The text, with U+FFFD where the bytes are no UTF-8.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// With lower-case letters for ASCII's upper-case ones; without a copy where there are none.
    package var lowercased: ByteString {
        guard bytes.contains(where: { $0 != $0.lowercased }) else { return self }
        return ByteString(bytes.map(\.lowercased))
    }

    package func equalsIgnoringCase(_ other: ByteString) -> Bool {
        bytes.count == other.bytes.count
            && zip(bytes, other.bytes).allSatisfy { $0.lowercased == $1.lowercased }
    }

    public static func < (left: ByteString, right: ByteString) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension UInt8 {
    /// The lower-case letter for an ASCII upper-case one; other bytes as they are.
    @inlinable
    public var lowercased: UInt8 { self >= 65 && self <= 90 ? self + 32 : self }
}

extension ByteString: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) {
        self.init(value)
    }

    public var description: String { text }
}

extension [UInt8] {
    /// The elements as raw bytes, borrowed.
    @inlinable
    public var rawSpan: RawSpan {
        @_lifetime(borrow self)
        get { unsafe span.bytes }
    }
}

extension RawSpan {
    /// An array with the same bytes.
    @inlinable
    public func copiedBytes() -> [UInt8] {
        let count = byteCount
        return unsafe withUnsafeBytes { source in
            unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
                if let from = source.baseAddress, let to = target.baseAddress {
                    unsafe UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: count)
                }
                filled = count
            }
        }
    }

    /// Whether both hold the same bytes.
    @inlinable
    public func hasSameBytes(as other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        return hasPrefix(other)
    }

    /// Whether this begins with all of `other`.
    @inlinable
    public func hasPrefix(_ other: RawSpan) -> Bool {
        guard byteCount >= other.byteCount else { return false }
        var offset = 0
        let whole = other.byteCount & ~7
        while offset < whole {
            let a = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let b = unsafe other.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if a != b { return false }
            offset += 8
        }
        while offset < other.byteCount {
            if self[byte: offset] != other[byte: offset] { return false }
            offset += 1
        }
        return true
    }

    /// Whether `needle` stands anywhere in this. An empty one does.
    @inlinable
    public func contains(_ needle: RawSpan) -> Bool {
        let count = needle.byteCount
        guard count > 0 else { return true }
        guard byteCount >= count else { return false }
        // The end of a name tells it from its neighbours, its beginning does not.
        let width = count >= 8 ? 8 : count >= 4 ? 4 : 1
        let tail = count - width
        let wanted = needle.word(at: tail, width)
        var offset = tail
        while offset + width <= byteCount {
            if word(at: offset, width) == wanted,
                extracting((offset - tail)..<(offset - tail + count)).hasPrefix(needle)
            {
                return true
            }
            offset += 1
        }
        return false
    }

    /// The `width` bytes (1, 4 or 8) at `offset`, which are there.
    @inlinable
    func word(at offset: Int, _ width: Int) -> UInt64 {
        switch width {
        case 8: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        case 4: UInt64(unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
        default: UInt64(unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
    }

    /// The byte at `offset`; the bound is checked.
    @inlinable
    public subscript(byte offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount, "byte \(offset) of \(byteCount)")
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The offset of the last `byte`, or nil.
    @inlinable
    public func lastOffset(of byte: UInt8) -> Int? {
        var offset = byteCount - 1
        while offset >= 0 {
            if unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) == byte { return offset }
            offset -= 1
        }
        return nil
    }

    /// The offset of the first `byte` at or after `start`, or nil.
    @inlinable
    public func firstOffset(of byte: UInt8, from start: Int = 0) -> Int? {
        var offset = start
        while offset < byteCount {
            if unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) == byte { return offset }
            offset += 1
        }
        return nil
    }
}
