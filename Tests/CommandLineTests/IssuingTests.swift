import ArgumentParser
import Foundation
import Testing
import X509

@testable import roost

@Suite struct IssuingTests {
    @Test(arguments: [
        ("10.1.2.3", "0a010203"), ("::1", "00000000000000000000000000000001"),
        ("fd00::7:a", "fd00000000000000000000000007000a"),
        ("::", "00000000000000000000000000000000"),
        ("1:2:3:4:5:6:7:8", "00010002000300040005000600070008"),
        ("::ffff:1.2.3.4", "00000000000000000000ffff01020304"),
    ])
    func `an address becomes the bytes that it stands for`(_ text: String, _ hex: String) {
        let bytes = CertificateOrder.bytes(ofAddress: text) ?? []
        #expect(
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == hex
        )
    }

    @Test(arguments: ["10.1.2", "10.1.2.256", "", "n1", "1:2", "::1::"])
    func `what is no address is refused`(_ text: String) {
        #expect(CertificateOrder.bytes(ofAddress: text) == nil)
    }

    /// It signed what had expired already, and said nothing.
    @Test func `who is no authority, or none any more, signs nothing`() throws {
        let now = Date()
        let authority = try Authority.make(named: "a", days: 2, now: now)
        #expect(try authority.objection(now: now) == nil)
        let later = now + 2 * 86_400 + 1
        #expect(try authority.objection(now: later)?.hasPrefix("expired at 2") == true)
        let order = CertificateOrder(
            name: "n1",
            isNode: true,
            datacenter: "dc1",
            names: [],
            addresses: [],
            days: 1
        )
        let (certificate, key) = try authority.issue(order, now: now)
        let node = Authority(certificate: certificate, key: key)
        #expect(try node.objection(now: now) == "is no authority's certificate")
    }

    /// The key was removed, and made anew for whoever ran the command: the service, of another
    /// user, could not read it any more, and for a moment there was none.
    @Test func `what replaces a key keeps its owner and mode`() async throws {
        let files = FileManager.default
        let folder = files.temporaryDirectory.appendingPathComponent("roost-tls-\(UUID())").path
        try files.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? files.removeItem(atPath: folder) }
        let key = "\(folder)/roost-ca-key.pem"
        try await TLSCommands.CreateAuthority.parse(["--out-dir", folder]).run()
        #expect(try files.attributesOfItem(atPath: key)[.posixPermissions] as? Int == 0o600)
        let first = try String(contentsOfFile: key, encoding: .utf8)
        var access: [FileAttributeKey: Any] = [.posixPermissions: 0o640]
        // Only root may give files away.
        let group = geteuid() == 0 ? 4_321 : Int(getegid())
        if geteuid() == 0 {
            access[.ownerAccountID] = 1_234
            access[.groupOwnerAccountID] = group
        }
        try files.setAttributes(access, ofItemAtPath: key)
        try await TLSCommands.CreateAuthority.parse(["--out-dir", folder, "--force"]).run()
        let kept = try files.attributesOfItem(atPath: key)
        #expect(kept[.posixPermissions] as? Int == 0o640)
        #expect(kept[.groupOwnerAccountID] as? Int == group)
        #expect(try String(contentsOfFile: key, encoding: .utf8) != first)
        let left = try files.contentsOfDirectory(atPath: folder).sorted()
        #expect(left == ["roost-ca-key.pem", "roost-ca.pem"])
    }

    @Test func `a node has the names of its role, and a client has not`() {
        var order = CertificateOrder(
            name: "n1",
            isNode: true,
            datacenter: "dc1",
            names: ["localhost", "a"],
            addresses: [],
            days: 1
        )
        #expect(
            order.allNames == ["n1.server.dc1.roost", "server.dc1.roost", "n1", "localhost", "a"]
        )
        #expect(order.allAddresses == ["127.0.0.1"])
        order.isNode = false
        #expect(order.allNames == ["localhost", "a"] && order.allAddresses == [])
    }

    @Test func `nothing outlives its authority`() throws {
        let now = Date()
        let authority = try Authority.make(named: "A", days: 2, now: now)
        let order = CertificateOrder(
            name: "c",
            isNode: false,
            datacenter: "dc1",
            names: [],
            addresses: [],
            days: 9
        )
        let made = try authority.issue(order, now: now)
        #expect(made.certificate.notValidAfter == authority.certificate.notValidAfter)
        #expect(made.certificate.publicKey == made.key.publicKey)
    }
}
