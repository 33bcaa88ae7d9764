package import Bytes
package import Commands

/// Reads jute's types off the front of a frame. Slices are borrowed from the frame.
package struct JuteReader: ~Escapable {
    var reader: SpanReader

    @_lifetime(copy span)
    package init(_ span: RawSpan) {
        reader = SpanReader(span)
    }

    package var remaining: Int { reader.remaining }

    @_lifetime(self: copy self)
    package mutating func int() throws(JuteError) -> Int32 {
        do throws(BytesError) { return try reader.integer() } catch { throw .malformed(error) }
    }

    @_lifetime(self: copy self)
    package mutating func long() throws(JuteError) -> Int64 {
        do throws(BytesError) { return try reader.integer() } catch { throw .malformed(error) }
    }

    /// Java's readBoolean: any byte but 0 is true.
    @_lifetime(self: copy self)
    package mutating func bool() throws(JuteError) -> Bool {
        do throws(BytesError) {
            let byte: UInt8 = try reader.integer()
            return byte != 0
        } catch {
            throw .malformed(error)
        }
    }

    /// A buffer or a ustring; nil is null.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    package mutating func buffer() throws(JuteError) -> RawSpan? {
        let length = try int()
        if length == -1 { return nil }
        do throws(BytesError) {
            return try reader.bytes(Int(length))
        } catch {
            throw .malformed(error)
        }
    }

    /// A buffer, copied; null reads as empty.
    @_lifetime(self: copy self)
    package mutating func copiedBuffer() throws(JuteError) -> [UInt8] {
        guard let bytes = try buffer() else { return [] }
        return bytes.copiedBytes()
    }

    /// A ustring; null reads as empty.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    package mutating func textOrEmpty() throws(JuteError) -> RawSpan {
        guard let bytes = try buffer() else { return RawSpan() }
        return bytes
    }

    /// A ustring that may not be null.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    package mutating func text() throws(JuteError) -> RawSpan {
        let offset = reader.offset
        guard let bytes = try buffer() else { throw .badCount(offset: offset, count: -1) }
        return bytes
    }

    /// The count of a vector whose items take at least `itemBytes` each; nil is null, and any
    /// other negative count is none at all, as in the real server.
    @_lifetime(self: copy self)
    package mutating func count(itemBytes: Int) throws(JuteError) -> Int? {
        let offset = reader.offset
        let count = try int()
        if count == -1 { return nil }
        guard count > 0 else { return 0 }
        guard Int(count) * itemBytes <= remaining else {
            throw .badCount(offset: offset, count: count)
        }
        return Int(count)
    }

    /// A vector of ustrings, copied, which may not be null.
    @_lifetime(self: copy self)
    package mutating func texts() throws(JuteError) -> [ByteString] {
        let offset = reader.offset
        guard let count = try count(itemBytes: 4) else {
            throw .badCount(offset: offset, count: -1)
        }
        var list: [ByteString] = []
        list.reserveCapacity(count)
        for _ in 0..<count { list.append(ByteString(copying: try text())) }
        return list
    }

    /// A vector of ACL entries; null reads as empty, and both are an invalid list.
    ///
    /// ```
    /// count Int32, for each: permissions Int32, scheme ustring, id ustring
    /// ```
    @_lifetime(self: copy self)
    package mutating func accessControl() throws(JuteError) -> [ACLEntry] {
        guard let count = try count(itemBytes: 12) else { return [] }
        var list: [ACLEntry] = []
        list.reserveCapacity(count)
        for _ in 0..<count {
            let permissions = Permissions(rawValue: try int())
            let scheme = ByteString(copying: try textOrEmpty())
            let id = ByteString(copying: try text())
            list.append(
                ACLEntry(permissions: permissions, identity: Identity(scheme: scheme, id: id))
            )
        }
        return list
    }

    /// What is left, unread.
    @_lifetime(copy self)
    package func unread() -> RawSpan {
        reader.span.extracting(reader.offset..<reader.span.byteCount)
    }

    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int) throws(JuteError) {
        do throws(BytesError) { _ = try reader.bytes(count) } catch { throw .malformed(error) }
    }
}
