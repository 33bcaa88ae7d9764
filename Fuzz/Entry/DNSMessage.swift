import Bytes
import DNSProtocol

/// What anybody may send to the DNS port, and answers to it that hardly fit.
package enum DNSMessageEntry {
    package static func run(_ input: [UInt8]) {
        guard case .query(let query) = Query.read(input.rawSpan) else { return }
        let labels = query.name.labels
        precondition(DomainName(labels: labels) == query.name, "\(labels) is another name")
        _ = Address(reverse: labels)
        for label in labels {
            if let address = Address(hexadecimal: label) {
                precondition(address.hexadecimal == label.lowercased, "\(label) is another address")
            }
            _ = Address(label)
        }
        let payload = Int(query.edns?.payloadBytes ?? 0)
        let bound = max(payload, 512)
        for isDivisible in [true, false] {
            let response = response(query, isDivisible: isDivisible)
            let bounds = Response.DatagramBounds(plainAnswersMax: 3, saysTruncated: true)
            let datagram = response.datagram(to: query, bounds)
            // The name alone may be longer than the rest leaves.
            precondition(datagram.count <= bound, "\(datagram.count) of \(bound) bytes")
            check(datagram, query)
            check(response.stream(to: query), query)
        }
    }

    private static func response(_ query: Query, isDivisible: Bool) -> Response {
        var response = Response()
        response.isDivisible = isDivisible
        for number in 0..<UInt16(40) {
            let target = DomainName(ByteString("n\(number).node.consul")) ?? query.name
            let service = RecordData.srv(weight: 1, port: number, target: target)
            response.answers.append(Record(query.name, secondsToLive: 0, service))
            let address = RecordData.address(.v4(UInt32(number)))
            response.additional.append(Record(target, secondsToLive: 0, address))
        }
        return response
    }

    /// A message of this side is one that this side can read, but for its being an answer.
    private static func check(_ message: [UInt8], _ query: Query) {
        precondition(message.count >= 12 && message[2] & 0x80 != 0, "no answer")
        var asked = message
        asked[2] &= 0x7f
        // The records are passed over by their count, and a question has none.
        asked.replaceSubrange(6..<12, with: [UInt8](repeating: 0, count: 6))
        guard case .query(let again) = Query.read(asked.rawSpan) else {
            preconditionFailure("the question of the answer cannot be read")
        }
        precondition(again.id == query.id && again.name == query.name && again.type == query.type)
    }
}
