import Bytes
import PeerProtocol

/// What may come to a node's peer port. The first byte is the kind, the others are the body: a
/// fuzzer would find no checksum.
package enum PeerFrameEntry {
    package static func run(_ input: [UInt8]) {
        _ = try? FrameHead(input.rawSpan, bodyBytesMax: 1 << 20)
        guard let kind = input.first else { return }
        let body = input.rawSpan.extracting(1..<input.count)
        guard let frame = try? PeerFrame(kind: kind, body: body) else { return }
        let bytes = frame.encoded()
        let whole = bytes.rawSpan
        guard let head = try? FrameHead(whole, bodyBytesMax: .max),
            (try? PeerFrame(head, body: whole.extracting(FrameHead.bytes..<bytes.count))) != nil
        else { preconditionFailure("a frame was encoded to what cannot be decoded") }
    }
}
