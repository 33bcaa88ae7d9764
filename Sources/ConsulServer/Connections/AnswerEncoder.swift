import Bytes
import ConsulProtocol
import NIOCore

/// Writes heads and bodies into a socket's buffer by hand: one buffer for both, and no
/// intermediate parts, which NIO's response encoder would need.
enum AnswerEncoder {
    static func encode(_ answer: Answer, on loop: ConsulLoop, into buffer: inout ByteBuffer) {
        var scratch = loop.headScratch
        loop.headScratch.bytes = []
        scratch.bytes.removeAll(keepingCapacity: true)
        let bodyBytes = answer.followingBytes ?? answer.body.count
        answer.head.write(to: &scratch, bodyBytes: bodyBytes, date: loop.date)
        buffer.reserveCapacity(minimumWritableBytes: scratch.bytes.count + answer.body.count)
        buffer.writeBytes(scratch.bytes)
        if !answer.omitsBody { buffer.writeBytes(answer.body) }
        loop.headScratch = scratch
    }

    /// Consul compresses whatever a client lets it; below this a compressed answer saves no packet.
    static let compressBytesMin = 1_400

    /// Compresses the body in place if that is allowed and pays.
    static func compress(_ answer: inout Answer) {
        guard answer.body.count >= compressBytesMin, answer.head.status == 200 else { return }
        answer.body = Gzip.compressed(answer.body)
        answer.head.isGzip = true
    }
}
