/// Appends integers, lengths and bytes to an array; the counterpart of `SpanReader`.
public struct ByteWriter: Sendable {
    public var bytes: [UInt8] = []

    public init() {}

    public init(reserving capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    @inlinable
    public var count: Int { bytes.count }

    /// A fixed-width big-endian integer.
    @inlinable
    public mutating func integer<T: FixedWidthInteger>(_ value: T) {
        unsafe withUnsafeBytes(of: value.bigEndian) { raw in
            unsafe bytes.append(contentsOf: raw)
        }
    }

    @inlinable
    public mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    @inlinable
    public mutating func signedVarint(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    @inlinable
    public mutating func append(_ span: RawSpan) {
        unsafe span.withUnsafeBytes { raw in
            unsafe bytes.append(contentsOf: raw)
        }
    }

    @inlinable
    public mutating func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    @inlinable
    public mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Bytes with a varint length before them.
    @inlinable
    public mutating func varBytes(_ span: RawSpan) {
        varint(UInt64(span.byteCount))
        append(span)
    }

    @inlinable
    public mutating func varBytes(_ more: [UInt8]) {
        varint(UInt64(more.count))
        append(more)
    }

    @inlinable
    public mutating func varText(_ text: String) {
        varint(UInt64(text.utf8.count))
        append(text)
    }

    /// Overwrites four bytes that were appended before, with a length known only now.
    @inlinable
    public mutating func patch(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count, "patch at \(offset)")
        for position in 0..<4 {
            bytes[offset + position] = UInt8(truncatingIfNeeded: value >> (24 - 8 * position))
        }
    }
}
