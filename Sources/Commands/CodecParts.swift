internal import Bytes

/// The parts that several bodies share. Every list has a varint count before it, every byte string
/// a varint length; a truth value is one byte, 0 or 1.
extension SpanReader {
    @_lifetime(self: copy self)
    mutating func byteString() throws(BytesError) -> ByteString {
        ByteString(copying: try varBytes())
    }

    @_lifetime(self: copy self)
    mutating func byteArray() throws(BytesError) -> [UInt8] {
        let span = try varBytes()
        return span.copiedBytes()
    }

    @_lifetime(self: copy self)
    mutating func truth() throws(BytesError) -> Bool {
        let at = offset
        let byte: UInt8 = try integer()
        guard byte <= 1 else { throw .badTag(offset: at, tag: UInt64(byte)) }
        return byte == 1
    }

    /// A zig-zag varint that must fit 32 bits.
    @_lifetime(self: copy self)
    mutating func signedVarint32() throws(BytesError) -> Int32 {
        let at = offset
        let value = try signedVarint()
        guard let narrow = Int32(exactly: value) else {
            throw .badTag(offset: at, tag: UInt64(bitPattern: value))
        }
        return narrow
    }

    /// A count of elements that take at least one byte each, so that no count outruns the input.
    @_lifetime(self: copy self)
    mutating func elementCount() throws(BytesError) -> Int {
        let at = offset
        let count = try varint()
        guard count <= UInt64(remaining) else {
            throw .badLength(offset: at, length: Int(clamping: count), bound: remaining)
        }
        return Int(count)
    }

    /// Znode data: length + 1, so that 0 can say null.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func nullableBytes() throws(BytesError) -> RawSpan? {
        let at = offset
        let lengthPlusOne = try varint()
        if lengthPlusOne == 0 { return nil }
        guard lengthPlusOne - 1 <= UInt64(remaining) else {
            let length = Int(clamping: lengthPlusOne - 1)
            throw .badLength(offset: at, length: length, bound: remaining)
        }
        return try bytes(Int(lengthPlusOne - 1))
    }

    @_lifetime(self: copy self)
    mutating func byteStrings() throws(BytesError) -> [ByteString] {
        let count = try elementCount()
        var list: [ByteString] = []
        list.reserveCapacity(count)
        for _ in 0..<count { list.append(try byteString()) }
        return list
    }
}

extension ByteWriter {
    mutating func byteString(_ value: ByteString) { varBytes(value.bytes) }

    mutating func truth(_ value: Bool) { integer(UInt8(value ? 1 : 0)) }

    mutating func signedVarint32(_ value: Int32) { signedVarint(Int64(value)) }

    mutating func nullableBytes(_ value: RawSpan?) {
        guard let value else { return varint(0) }
        varint(UInt64(value.byteCount) + 1)
        append(value)
    }

    mutating func nullableBytes(_ value: [UInt8]?) {
        guard let value else { return varint(0) }
        varint(UInt64(value.count) + 1)
        append(value)
    }

    mutating func byteStrings(_ list: [ByteString]) {
        varint(UInt64(list.count))
        for element in list { byteString(element) }
    }
}
