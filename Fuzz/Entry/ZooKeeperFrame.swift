import Bytes
import Commands
import ZooKeeperProtocol

/// What a ZooKeeper client may send: the bytes of one connection, cut into frames as the server
/// cuts them, and every frame read as a connect request and as a request.
package enum ZooKeeperFrameEntry {
    package static func run(_ input: [UInt8]) {
        var rest = input[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard length <= rest.count - 4 else { break }
            frame(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        frame(input)
        if input.count >= 4 {
            _ = FourLetterWord(code: input.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
        }
    }

    private static func frame(_ bytes: [UInt8]) {
        connect(bytes)
        var reader = JuteReader(bytes.rawSpan)
        // What is no request is refused; only a trap is a finding.
        guard (try? RequestHeader(&reader)) != nil, bytes.count >= 8 else { return }
        let type = bytes[4..<8].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard let opcode = Opcode(rawValue: type) else { return }
        try? body(opcode, Array(bytes.dropFirst(RequestHeader.byteCount)))
    }

    private static func connect(_ bytes: [UInt8]) {
        _ = try? ConnectReply(bytes.rawSpan)
        guard let request = try? ConnectRequest(bytes.rawSpan) else { return }
        var writer = ByteWriter()
        request.encodeFrame(into: &writer)
        let again = try? ConnectRequest(Array(writer.bytes.dropFirst(4)).rawSpan)
        precondition(again == request, "a connect request does not come back")
    }

    private static func body(_ opcode: Opcode, _ bytes: [UInt8]) throws(JuteError) {
        var reader = JuteReader(bytes.rawSpan)
        switch opcode {
        case .create, .create2, .createContainer, .createTTL:
            let record = try CreateRecord(&reader, hasTimeToLive: opcode == .createTTL)
            _ = record.copiedData()
            _ = record.isOpen
            _ = try record.decodedACL()
        case .delete, .check: _ = try VersionedPathRecord(&reader)
        case .exists, .getData, .getChildren, .getChildren2: _ = try PathWatchRecord(&reader)
        case .setData: _ = try SetDataRecord(&reader).copiedData()
        case .setACL: _ = try SetACLRecord(&reader)
        case .multi: _ = try MultiRecord(&reader)
        case .addWatch, .checkWatches, .removeWatches: _ = try PathNumberRecord(&reader)
        case .auth: _ = try AuthRecord(&reader)
        case .reconfig: _ = try ReconfigRecord(&reader)
        case .setWatches, .setWatches2:
            _ = try SetWatchesRecord(&reader, hasPersistent: opcode == .setWatches2)
        default: _ = ZnodePath.isRoot(try reader.text())
        }
    }
}
