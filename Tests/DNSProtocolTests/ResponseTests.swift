import Bytes
import DNSProtocol
import Testing

@Suite("An answer is as long as its client can take")
struct ResponseTests {
    private let name: DomainName

    init() throws {
        name = try #require(DomainName("many.service.consul"))
    }

    private func query(_ payloadBytes: UInt16? = nil) -> Query {
        let edns = payloadBytes.map { Query.EDNS(payloadBytes: $0) }
        return Query(id: 7, name: name, type: .srv, edns: edns)
    }

    /// Instances with their addresses.
    private func instances(_ count: Int) throws -> Response {
        var response = Response()
        response.isDivisible = true
        for number in 0..<count {
            let target = try #require(DomainName(ByteString("n\(number).node.dc1.consul")))
            response.answers.append(
                Record(name, secondsToLive: 0, .srv(weight: 1, port: 80, target: target))
            )
            let address = RecordData.address(.v4(UInt32(number)))
            response.additional.append(Record(target, secondsToLive: 0, address))
            response.additional.append(Record(target, secondsToLive: 0, .txt("k=v")))
        }
        return response
    }

    /// The counts of a message's head, and whether it says that it was truncated.
    private func head(_ message: [UInt8]) -> (answers: Int, additional: Int, isTruncated: Bool) {
        (
            Int(message[6]) << 8 | Int(message[7]), Int(message[10]) << 8 | Int(message[11]),
            message[2] & 2 != 0
        )
    }

    private let silent = Response.DatagramBounds(plainAnswersMax: 3, saysTruncated: false)
    private let frank = Response.DatagramBounds(plainAnswersMax: 3, saysTruncated: true)

    @Test("without EDNS: three, each with one record of its target, and a word of it if wanted")
    func plain() throws {
        let response = try instances(20)
        for (bounds, says) in [(silent, false), (frank, true)] {
            let message = response.datagram(to: query(), bounds)
            #expect(head(message) == (3, 3, says))
            #expect(message.count <= 512)
        }
        // Head and question take 37 bytes, each of them 87: without compression six do not fit.
        let eight = Response.DatagramBounds(plainAnswersMax: 8, saysTruncated: true)
        let message = response.datagram(to: query(), eight)
        #expect(head(message) == (5, 5, true))
        #expect(message.count <= 512)
    }

    @Test("with EDNS: as many as fit, and not one more or less", arguments: [600, 1232, 4096])
    func payload(bytes: UInt16) throws {
        let response = try instances(400)
        let message = response.datagram(to: query(bytes), frank)
        let told = head(message)
        #expect(message.count <= Int(bytes))
        #expect(told.isTruncated)
        // One more would take the shortest pair of records besides.
        let pairBytes = (message.count - 40) / told.answers
        #expect(message.count + 2 * pairBytes > Int(bytes))
        #expect(told.additional == told.answers + 1)
    }

    @Test("all of them, where they fit")
    func whole() throws {
        let message = try instances(3).datagram(to: query(4096), frank)
        #expect(head(message) == (3, 7, false))
    }

    @Test("what cannot be divided loses what comes besides, and is truncated if that is no help")
    func indivisible() throws {
        var response = Response()
        let address = Record(name, secondsToLive: 0, .address(.v4(1)))
        let long = ByteString([UInt8](repeating: 97, count: 600))
        let text = Record(name, secondsToLive: 0, .txt(long))
        (response.answers, response.additional) = ([address], [text])
        #expect(head(response.datagram(to: query(), silent)) == (1, 0, false))
        response.answers = [address, text]
        #expect(head(response.datagram(to: query(), silent)) == (1, 0, true))
        response.answers = [text]
        #expect(head(response.datagram(to: query(), silent)) == (0, 0, true))
        #expect(head(response.stream(to: query())) == (1, 1, false))
    }

    @Test("one answer that does not fit makes a client ask again over TCP")
    func longTarget() throws {
        var response = Response()
        response.isDivisible = true
        let label = ByteString([UInt8](repeating: 97, count: 63))
        for number in 0..<2 {
            let labels = [ByteString("n\(number)"), label, label, label]
            let target = try #require(DomainName(labels: labels))
            let alias = try #require(DomainName(labels: labels.reversed()))
            response.answers.append(
                Record(target, secondsToLive: 0, .srv(weight: 1, port: 80, target: alias))
            )
        }
        #expect(head(response.datagram(to: query(), silent)).answers == 1)
        response.answers[0].data = .txt(ByteString([UInt8](repeating: 97, count: 600)))
        #expect(head(response.datagram(to: query(), silent)) == (0, 0, true))
    }

    @Test("over TCP: what fits in a length of two bytes")
    func stream() throws {
        let whole = try instances(500).stream(to: query())
        #expect(head(whole) == (500, 1000, false))
        let part = try instances(3_000).stream(to: query())
        #expect(part.count <= 65_535)
        #expect(part.count > 65_400)
        #expect(head(part).isTruncated == false)
    }

    @Test("a text of more than 255 bytes is told in several strings")
    func longText() throws {
        var response = Response()
        let text = [UInt8](repeating: 97, count: 300)
        response.answers = [Record(name, secondsToLive: 0, .txt(ByteString(text)))]
        let message = response.stream(to: query())
        let tail =
            [255] + [UInt8](repeating: 97, count: 255) + [45]
            + [UInt8](repeating: 97, count: 45)
        #expect(Array(message.suffix(tail.count)) == tail)
    }
}
