import Bytes
import NIOCore
import PeerProtocol

/// Finds frames in what a socket gives.
struct FrameIntake {
    private var buffer = ByteBuffer()
    /// What the sender is trusted with.
    var bodyBytesMax: Int

    init(bodyBytesMax: Int) {
        self.bodyBytesMax = bodyBytesMax
    }

    mutating func add(_ more: inout ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = more
        } else {
            if buffer.readerIndex > buffer.capacity / 2 { buffer.discardReadBytes() }
            buffer.writeBuffer(&more)
        }
    }

    /// What waits for the rest of its frame.
    var heldBytes: Int { buffer.readableBytes }

    /// The first byte of a TLS handshake is that of no frame.
    var beginsLikeTLS: Bool { buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == 22 }

    /// The next whole frame; nil if it is not there yet.
    mutating func next() throws(PeerError) -> PeerFrame? {
        guard let (frame, bytes) = try first() else { return nil }
        buffer.moveReaderIndex(forwardBy: bytes)
        return frame
    }

    private func first() throws(PeerError) -> (PeerFrame, Int)? {
        let span = buffer.readableBytesSpan
        guard span.byteCount >= FrameHead.bytes else { return nil }
        let head = try FrameHead(span, bodyBytesMax: bodyBytesMax)
        let end = FrameHead.bytes + head.bodyBytes
        guard span.byteCount >= end else { return nil }
        return (try PeerFrame(head, body: span.extracting(FrameHead.bytes..<end)), end)
    }
}

extension Channel {
    func send(_ frame: PeerFrame, promise: EventLoopPromise<Void>? = nil) {
        writeAndFlush(ByteBuffer(bytes: frame.encoded()), promise: promise)
    }
}
