package import Bytes
package import Commands

/// The client's side: requests as tools and tests write them, with the frame's length before them.
package enum ClientRequest {
    /// Any request: header, then what `body` writes.
    package static func frame(
        xid: Int32,
        _ opcode: Opcode,
        into writer: inout ByteWriter,
        body: (inout ByteWriter) -> Void = { _ in }
    ) {
        let start = writer.count
        writer.integer(Int32(0))
        writer.integer(xid)
        writer.integer(opcode.rawValue)
        body(&writer)
        writer.patch(UInt32(writer.count - start - 4), at: start)
    }

    package static func create(
        xid: Int32,
        path: String,
        data: [UInt8],
        acl: [ACLEntry] = [.open],
        flags: Int32 = 0,
        into writer: inout ByteWriter
    ) {
        frame(xid: xid, .create, into: &writer) { writer in
            writer.juteText(path)
            writer.juteBuffer(data)
            writer.juteACL(acl)
            writer.integer(flags)
        }
    }

    package static func setData(
        xid: Int32,
        path: String,
        data: [UInt8],
        version: Int32 = -1,
        into writer: inout ByteWriter
    ) {
        frame(xid: xid, .setData, into: &writer) { writer in
            writer.juteText(path)
            writer.juteBuffer(data)
            writer.integer(version)
        }
    }

    /// exists, getData, getChildren and getChildren2.
    package static func read(
        xid: Int32,
        _ opcode: Opcode,
        path: String,
        watch: Bool = false,
        into writer: inout ByteWriter
    ) {
        frame(xid: xid, opcode, into: &writer) { writer in
            writer.juteText(path)
            writer.integer(UInt8(watch ? 1 : 0))
        }
    }

    /// delete and check.
    package static func versioned(
        xid: Int32,
        _ opcode: Opcode,
        path: String,
        version: Int32 = -1,
        into writer: inout ByteWriter
    ) {
        frame(xid: xid, opcode, into: &writer) { writer in
            writer.juteText(path)
            writer.integer(version)
        }
    }
}

extension ByteWriter {
    package mutating func juteText(_ text: String) {
        integer(Int32(text.utf8.count))
        append(text)
    }

    package mutating func juteBuffer(_ bytes: [UInt8]) {
        integer(Int32(bytes.count))
        append(bytes)
    }

    package mutating func juteACL(_ entries: [ACLEntry]) {
        integer(Int32(entries.count))
        for entry in entries {
            integer(entry.permissions.rawValue)
            juteBuffer(entry.identity.scheme.bytes)
            juteBuffer(entry.identity.id.bytes)
        }
    }
}
