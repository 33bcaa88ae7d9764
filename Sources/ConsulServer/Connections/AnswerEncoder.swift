import Bytes
import ConsulProtocol
import NIOCore

/// Writes heads and bodies into a socket's buffer by hand: one buffer for both, and no
/// intermediate parts, which NIO's response encoder would need.
enum AnswerEncoder {
    static func encode(_ answer: Answer, on loop: ConsulLoop, into buffer: inout ByteBuffer) {
        if answer.body.count > loop.limits.answerBytesMax {
            return encode(refusal(of: answer, loop.limits), on: loop, into: &buffer)
        }
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

    /// In place of an answer that would be longer than a buffer can be.
    private static func refusal(of answer: Answer, _ limits: ConsulLimits) -> Answer {
        let bytes = answer.body.count
        let text = "Answer of \(bytes) bytes too large, max size: \(limits.answerBytesMax) bytes"
        var refusal = Answer.text(500, text)
        refusal.head.connection = answer.head.connection
        refusal.head.isVersion10 = answer.head.isVersion10
        refusal.omitsBody = answer.omitsBody
        return refusal
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
