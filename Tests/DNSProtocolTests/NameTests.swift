import Bytes
import DNSProtocol
import Testing

@Suite("Names and addresses are read as RFC 1035 and Go read them")
struct NameTests {
    @Test("labels stand between dots, and one dot at the end says nothing")
    func labels() throws {
        let name = try #require(DomainName("web.Node.consul."))
        #expect(name.labels == ["web", "Node", "consul"])
        #expect(name.wire == Array("\u{3}web\u{4}Node\u{6}consul\u{0}".utf8))
        #expect(DomainName("web.Node.consul") == name)
        #expect(name.lowercased == DomainName("web.node.consul"))
    }

    @Test("a label has 1 to 63 bytes, a name at most 255")
    func bounds() {
        let longest = String(repeating: "a", count: 63)
        #expect(DomainName(ByteString(longest)) != nil)
        #expect(DomainName(ByteString(longest + "a")) == nil)
        for text in ["", ".", "..", ".a", "a..b"] { #expect(DomainName(ByteString(text)) == nil) }
        let four = [longest, longest, longest, String(repeating: "a", count: 61)]
        let whole = four.joined(separator: ".")
        #expect(DomainName(ByteString(whole))?.wire.count == 255)
        #expect(DomainName(ByteString(whole + "a")) == nil)
    }

    @Test(
        "addresses as Go's net.ParseIP",
        arguments: [
            ("10.0.0.1", "0a000001"), ("010.000.000.001", "0a000001"),
            ("255.255.255.255", "ffffffff"),
            ("::", "00000000000000000000000000000000"),
            ("::1", "00000000000000000000000000000001"),
            ("2001:DB8::8:1", "20010db8000000000000000000080001"),
            ("1:2:3:4:5:6:7:8", "00010002000300040005000600070008"),
            ("1:2:3:4:5:6:7::", "00010002000300040005000600070000"),
            ("::ffff:10.0.0.1", "0a000001"),
            ("64:ff9b::10.0.0.1", "0064ff9b00000000000000000a000001"),
        ]
    )
    func addresses(text: String, digits: String) {
        #expect(Address(ByteString(text))?.hexadecimal == ByteString(digits))
        #expect(Address(hexadecimal: ByteString(digits)) == Address(ByteString(text)))
    }

    @Test(
        "no addresses",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", "1.2.3.4 ", "a.b.c.d", ":", ":::",
            "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8::",
            "fe80::1%eth0", "::1.2.3", "1.2.3.4::", "g::", ":1", "1:",
        ]
    )
    func noAddresses(text: String) {
        #expect(Address(ByteString(text)) == nil)
    }

    @Test("names of addresses")
    func reverse() throws {
        func address(_ text: ByteString) -> Address? {
            DomainName(text).flatMap { Address(reverse: $0.labels) }
        }
        #expect(address("1.0.1.10.in-addr.arpa") == Address("10.1.0.1"))
        let nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.IP6.arpa"
        #expect(address(ByteString(nibbles)) == Address("2001:db8::1"))
        for text in ["1.10.in-addr.arpa", "in-addr.arpa", "x.1.1.1.in-addr.arpa", "8.ip6.arpa"] {
            #expect(address(ByteString(text)) == nil)
        }
    }
}
