import NIOCore

/// One HTTP/1.1 answer at the front of a buffer: just enough of the protocol for Consul's API.
struct HTTPAnswer {
    var status = 0
    var index: UInt64 = 0
    var closes = false
    var body = ByteBuffer()

    enum Scan {
        case incomplete
        case broken(String)
        case answer(HTTPAnswer)
    }

    private static let headBytesMax = 1 << 20
    private var isChunked = false
    private var contentLength = 0

    /// Takes a whole answer off the buffer, or leaves the buffer as it was.
    static func take(from buffer: inout ByteBuffer) -> Scan {
        guard let headBytes = endOfHead(buffer.readableBytesUInt8Span) else {
            return buffer.readableBytes > headBytesMax
                ? .broken("a head of more than \(headBytesMax) bytes") : .incomplete
        }
        var answer = HTTPAnswer()
        guard answer.readHead(buffer.readableBytesUInt8Span.extracting(0..<headBytes)) else {
            return .broken("not an HTTP answer")
        }
        if answer.isChunked { return answer.takeChunks(after: headBytes, from: &buffer) }
        guard buffer.readableBytes >= headBytes + answer.contentLength else { return .incomplete }
        buffer.moveReaderIndex(forwardBy: headBytes)
        answer.body = buffer.readSlice(length: answer.contentLength) ?? ByteBuffer()
        return .answer(answer)
    }

    /// The length of the head with its empty line.
    private static func endOfHead(_ bytes: Span<UInt8>) -> Int? {
        var line = 0
        while let next = endOfLine(bytes, from: line) {
            if next - line == 2, bytes[line] == 0x0d { return next }
            line = next
        }
        return nil
    }

    private mutating func readHead(_ head: Span<UInt8>) -> Bool {
        guard head.count > 12, Self.starts(head, at: 0, with: "http/1.") else { return false }
        status = Int(Self.number(head, at: 9))
        var line = 0
        while let end = Self.endOfLine(head, from: line) {
            line = end
            readHeader(head, at: line)
        }
        return status >= 100
    }

    private mutating func readHeader(_ head: Span<UInt8>, at line: Int) {
        guard line < head.count else { return }
        switch head[line] | 0x20 {
        case 0x63 where Self.starts(head, at: line, with: "content-length:"):
            contentLength = Int(clamping: Self.number(head, at: line + 15))
        case 0x63 where Self.starts(head, at: line, with: "connection: close"): closes = true
        case 0x74 where Self.starts(head, at: line, with: "transfer-encoding: chunked"):
            isChunked = true
        case 0x78 where Self.starts(head, at: line, with: "x-consul-index:"):
            index = Self.number(head, at: line + 15)
        default: break
        }
    }

    private func takeChunks(after headBytes: Int, from buffer: inout ByteBuffer) -> Scan {
        var answer = self
        var rest = buffer
        rest.moveReaderIndex(forwardBy: headBytes)
        while true {
            guard let (line, size) = Self.chunkHead(rest.readableBytesUInt8Span) else {
                return .incomplete
            }
            guard size >= 0, size <= 1 << 30 else { return .broken("a chunk of \(size) bytes") }
            guard rest.readableBytes >= line + size + 2 else { return .incomplete }
            rest.moveReaderIndex(forwardBy: line)
            if let chunk = rest.readSlice(length: size) { answer.body.writeImmutableBuffer(chunk) }
            rest.moveReaderIndex(forwardBy: 2)
            if size == 0 { break }
        }
        buffer = rest
        return .answer(answer)
    }

    /// The length of a chunk's first line, and the size that it gives.
    private static func chunkHead(_ bytes: Span<UInt8>) -> (line: Int, size: Int)? {
        endOfLine(bytes, from: 0).map { ($0, hexadecimal(bytes)) }
    }

    /// The index just after the next line feed.
    private static func endOfLine(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < bytes.count {
            if bytes[index] == 0x0a { return index + 1 }
            index += 1
        }
        return nil
    }

    /// Whether a lower-case text stands at `offset`, in either case.
    private static func starts(
        _ bytes: Span<UInt8>,
        at offset: Int,
        with text: StaticString
    ) -> Bool {
        let wanted = text.description.utf8
        guard bytes.count >= offset + wanted.count else { return false }
        var index = offset
        for byte in wanted {
            let seen = bytes[index]
            let lower = seen >= 0x41 && seen <= 0x5a ? seen | 0x20 : seen
            if lower != byte { return false }
            index += 1
        }
        return true
    }

    private static func number(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        var index = offset
        while index < bytes.count, bytes[index] == 0x20 { index += 1 }
        var value: UInt64 = 0
        while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 {
            value = value &* 10 &+ UInt64(bytes[index] - 0x30)
            index += 1
        }
        return value
    }

    private static func hexadecimal(_ bytes: Span<UInt8>) -> Int {
        var value = 0
        for index in 0..<min(bytes.count, 15) {
            switch bytes[index] {
            case 0x30...0x39: value = value << 4 | Int(bytes[index] - 0x30)
            case 0x41...0x46: value = value << 4 | Int(bytes[index] - 0x37)
            case 0x61...0x66: value = value << 4 | Int(bytes[index] - 0x57)
            default: return index == 0 ? -1 : value
            }
        }
        return value
    }
}
