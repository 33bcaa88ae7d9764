/// A key of at most 511 bytes (LMDB's bound), built on the stack.
public struct KeyBuffer: ~Copyable {
    public static let capacity = 511

    @usableFromInline var storage = InlineArray<512, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init() {}

    /// The bytes so far.
    @inlinable
    public var span: RawSpan {
        @_lifetime(borrow self)
        get { unsafe storage.span.bytes.extracting(first: count) }
    }

    public mutating func removeAll() {
        count = 0
    }

    /// The key must have room for it.
    public mutating func append(_ byte: UInt8) {
        precondition(count < Self.capacity, "a key of more than \(Self.capacity) bytes")
        storage[count] = byte
        count += 1
    }

    /// The key must have room for all of it.
    public mutating func append(_ more: RawSpan) {
        let added = more.byteCount
        precondition(count + added <= Self.capacity, "a key of \(count + added) bytes")
        var target = storage.mutableSpan
        unsafe target.withUnsafeMutableBytes { to in
            unsafe more.withUnsafeBytes { from in
                guard let start = to.baseAddress, let source = from.baseAddress
                else { return }
                unsafe (start + count).copyMemory(from: source, byteCount: added)
            }
        }
        count += added
    }

    /// A fixed-width big-endian integer, so that keys sort by it.
    public mutating func append<T: FixedWidthInteger>(integer value: T) {
        var shift = T.bitWidth - 8
        while shift >= 0 {
            append(UInt8(truncatingIfNeeded: value >> T(shift)))
            shift -= 8
        }
    }

    /// Overwrites a byte that is there.
    public subscript(offset: Int) -> UInt8 {
        get {
            precondition(offset >= 0 && offset < count, "byte \(offset) of \(count)")
            return storage[offset]
        }
        set {
            precondition(offset >= 0 && offset < count, "byte \(offset) of \(count)")
            storage[offset] = newValue
        }
    }
}
