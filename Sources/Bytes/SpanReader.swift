/// Reads integers, lengths and slices off the front of a span. Integers are big-endian (as in
/// ZooKeeper's jute and in keys that must sort); varints are LEB128.
public struct SpanReader: ~Escapable {
    /// All of the input.
    public let span: RawSpan
    /// How much of it has been read.
    @inlinable
    public var offset: Int { position }
    @usableFromInline var position: Int

    @inlinable
    @_lifetime(copy span)
    public init(_ span: RawSpan) {
        self.span = span
        self.position = 0
    }

    /// How much is left.
    @inlinable
    public var remaining: Int { span.byteCount - offset }

    @inlinable
    public var isAtEnd: Bool { remaining == 0 }

    /// A fixed-width big-endian integer.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
        as type: T.Type = T.self
    ) throws(BytesError) -> T {
        let width = MemoryLayout<T>.size
        guard remaining >= width else {
            throw .truncated(offset: offset, wanted: width, left: remaining)
        }
        let value = unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
        advance(by: width)
        return T(bigEndian: value)
    }

    /// An unsigned LEB128 varint.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func varint() throws(BytesError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte: UInt8 = try integer()
            if shift == 63 && byte > 1 { throw .badVarint(offset: start) }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .badVarint(offset: start) }
        }
    }

    /// A zig-zag LEB128 varint.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func signedVarint() throws(BytesError) -> Int64 {
        let raw = try varint()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// The next `count` bytes, as a slice of the input.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func bytes(_ count: Int) throws(BytesError) -> RawSpan {
        guard count >= 0 else { throw .badLength(offset: offset, length: count, bound: remaining) }
        guard remaining >= count else {
            throw .truncated(offset: offset, wanted: count, left: remaining)
        }
        let slice = span.extracting(offset..<(offset + count))
        advance(by: count)
        return slice
    }

    /// A byte string with a varint length before it.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func varBytes() throws(BytesError) -> RawSpan {
        let start = offset
        let count = try varint()
        guard count <= UInt64(remaining) else {
            let length = Int(truncatingIfNeeded: count)
            throw .badLength(offset: start, length: length, bound: remaining)
        }
        return try bytes(Int(count))
    }

    /// All that is left.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func rest() -> RawSpan {
        let slice = span.extracting(offset..<span.byteCount)
        advance(by: remaining)
        return slice
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func advance(by count: Int) {
        position += count
    }
}
