internal import Bytes

/// What is left of a deleted key, or of a whole deleted prefix, until it is reaped: it keeps the
/// index of lists from going backwards.
///
/// ```
/// index varint, the whole key
/// ```
/// Beside it stands a record by index, for the reaper; one whose tombstone is newer is stale.
struct Tombstone: Equatable {
    static let keyTag = UInt8(ascii: "k")
    static let indexTag = UInt8(ascii: "i")

    var index: UInt64
    var key: [UInt8]

    init(index: UInt64, key: [UInt8]) {
        self.index = index
        self.key = key
    }

    init(decoding span: RawSpan) throws(StateError) {
        do throws(BytesError) {
            var reader = SpanReader(span)
            index = try reader.varint()
            let key = reader.rest()
            self.key = key.copiedBytes()
        } catch {
            throw .damaged(table: "tombstones", detail: "\(error)")
        }
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(index)
        writer.append(key)
    }

    static func storedKey(_ key: RawSpan) -> KeyBuffer {
        var buffer = KeyBuffer()
        buffer.append(keyTag)
        NameKey.append(key, to: &buffer)
        return buffer
    }
}

/// Until when a key whose session was invalidated cannot be locked.
///
/// ```
/// end milliseconds zig-zag varint, the whole key
/// ```
struct LockDelay: Equatable {
    var untilMilliseconds: Int64
    var key: [UInt8]

    init(untilMilliseconds: Int64, key: [UInt8]) {
        self.untilMilliseconds = untilMilliseconds
        self.key = key
    }

    init(decoding span: RawSpan) throws(StateError) {
        do throws(BytesError) {
            var reader = SpanReader(span)
            untilMilliseconds = try reader.signedVarint()
            let key = reader.rest()
            self.key = key.copiedBytes()
        } catch {
            throw .damaged(table: "delays", detail: "\(error)")
        }
    }

    func encode(into writer: inout ByteWriter) {
        writer.signedVarint(untilMilliseconds)
        writer.append(key)
    }
}
