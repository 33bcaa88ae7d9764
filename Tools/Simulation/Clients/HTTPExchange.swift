import Foundation

/// Takes answers apart that come in pieces; as much of HTTP as the front end's answers need.
struct HTTPExchange {
    struct Answer {
        var status: Int
        var body: String

        /// The number that stands behind this in the body.
        func number(after name: String) -> Int64? {
            guard let range = body.firstRange(of: name) else { return nil }
            return Int64(body[range.upperBound...].prefix { $0.isNumber })
        }

        /// The text in quotation marks that stands behind this in the body.
        func text(after name: String) -> String? {
            guard let range = body.firstRange(of: "\(name)\"") else { return nil }
            return String(body[range.upperBound...].prefix { $0 != "\"" })
        }
    }

    private var buffer: [UInt8] = []

    static func request(_ method: String, _ target: String, body: String = "") -> [UInt8] {
        Array(
            ("\(method) \(target) HTTP/1.1\r\nHost: roost\r\nContent-Length: \(body.utf8.count)"
                + "\r\n\r\n\(body)").utf8
        )
    }

    mutating func add(_ bytes: [UInt8]) { buffer += bytes }

    /// The next whole answer; nil: there is none yet.
    mutating func next() -> Answer? {
        let end: [UInt8] = [13, 10, 13, 10]
        guard let head = buffer.firstRange(of: end) else { return nil }
        let lines = String(decoding: buffer[..<head.lowerBound], as: UTF8.self)
            .split(separator: "\r\n")
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingPrefix(while: { $0 == " " })) }
        let bodyEnd = head.upperBound + (length ?? 0)
        guard buffer.count >= bodyEnd else { return nil }
        let body = String(decoding: buffer[head.upperBound..<bodyEnd], as: UTF8.self)
        buffer.removeFirst(bodyEnd)
        return Answer(status: status ?? 0, body: body)
    }
}
