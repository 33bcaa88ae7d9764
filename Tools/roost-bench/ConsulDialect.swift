import Foundation
import NIOCore

/// Consul's KV API over HTTP/1.1, one connection kept open. Watches are blocking queries.
struct ConsulDialect: Dialect {
    private let keys: KeySpace
    /// Ends the request line and names the host.
    private let lineEnd: String
    private let query: String

    init(keys: KeySpace, host: String, query: String, sessionMilliseconds: Int) {
        self.keys = keys
        self.query = query
        lineEnd = " HTTP/1.1\r\nHost: \(host)\r\n"
    }

    static var hasHandshake: Bool { false }
    static var armsAtOnce: Bool { false }
    static func loadBatch(_ wanted: Int) -> Int { wanted }
    var newestTag: Int32 { 0 }

    func writeHello(into buffer: inout ByteBuffer) {}
    func writePing(into buffer: inout ByteBuffer) {}
    func writeFarewell(into buffer: inout ByteBuffer) -> Bool { false }
    func parent(_ number: Int, ofCreations: Bool) -> String? { nil }
    func writeParent(_ path: String, into buffer: inout ByteBuffer) {}

    func write(_ request: Request, into buffer: inout ByteBuffer) {
        switch request {
        case .set(let key, let sequence):
            buffer.writeStaticString("PUT /v1/kv/")
            keys.writeName(key, into: &buffer)
            writeBody(key, sequence, into: &buffer)
        case .create(let number):
            buffer.writeStaticString("PUT /v1/kv/")
            keys.writeCreationName(number, into: &buffer)
            writeBody(UInt32(number % 100_000_000), 0, into: &buffer)
        case .get(let key), .learn(let key): writeQuestion(key, index: nil, into: &buffer)
        case .arm(let key, let index): writeQuestion(key, index: index, into: &buffer)
        case .load(let first, let count): writeTransaction(first, count, into: &buffer)
        }
    }

    private func writeBody(_ key: UInt32, _ sequence: UInt64, into buffer: inout ByteBuffer) {
        buffer.writeString(lineEnd)
        buffer.writeString("Content-Length: \(keys.valueBytes)\r\n\r\n")
        keys.writeValue(key, sequence: sequence, into: &buffer)
    }

    private func writeQuestion(_ key: UInt32, index: UInt64?, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("GET /v1/kv/")
        keys.writeName(key, into: &buffer)
        buffer.writeStaticString("?raw")
        if let index { buffer.writeString("&index=\(max(1, index))&wait=60s") }
        buffer.writeString(query)
        buffer.writeString(lineEnd)
        buffer.writeStaticString("\r\n")
    }

    private func writeTransaction(
        _ first: UInt32,
        _ count: UInt32,
        into buffer: inout ByteBuffer
    ) {
        var body = ByteBuffer()
        for key in first..<first + count {
            body.writeString(key == first ? "[" : ",")
            body.writeStaticString("{\"KV\":{\"Verb\":\"set\",\"Key\":\"")
            keys.writeName(key, into: &body)
            body.writeStaticString("\",\"Value\":\"")
            var value = ByteBuffer()
            keys.writeValue(key, sequence: 0, into: &value)
            body.writeString(Data(value.readableBytesView).base64EncodedString())
            body.writeStaticString("\"}}")
        }
        body.writeStaticString("]")
        buffer.writeStaticString("PUT /v1/txn")
        buffer.writeString(lineEnd)
        buffer.writeString("Content-Length: \(body.readableBytes)\r\n\r\n")
        buffer.writeImmutableBuffer(body)
    }

    func nextReply(from buffer: inout ByteBuffer, pending: Pending?) -> Reply {
        guard buffer.readableBytes > 0 else { return .incomplete }
        switch HTTPAnswer.take(from: &buffer) {
        case .incomplete: return .incomplete
        case .broken(let what): return .broken(what)
        case .answer(let answer):
            guard let pending else { return .broken("status \(answer.status) to no request") }
            return .answer(judge(pending, answer), index: answer.index, closes: answer.closes)
        }
    }

    private func judge(_ pending: Pending, _ answer: HTTPAnswer) -> Verdict {
        let body = answer.body
        guard answer.status == 200 else {
            return .refused("HTTP \(answer.status): \(String(buffer: body).prefix(100))")
        }
        switch pending.operation {
        case .write, .create:
            let isTrue = body.getInteger(at: body.readerIndex, as: UInt32.self) == 0x7472_7565
            return isTrue ? .good : .wrong("a PUT was answered \(String(buffer: body).prefix(60))")
        case .read, .learn, .arm:
            let right = keys.isValue(
                pending.key,
                at: body.readerIndex,
                bytes: body.readableBytes,
                in: body
            )
            guard right else {
                return .wrong("a value of \(body.readableBytes) bytes, or of another key")
            }
            return pending.operation == .read || answer.index > 0
                ? .good : .wrong("an answer without X-Consul-Index")
        case .load, .parent, .farewell: return .good
        }
    }
}
