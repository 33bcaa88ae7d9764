import Testing

@testable import TransportSecurity

@Suite struct ClusterRoleTests {
    private let role = ClusterRole(datacenter: "DC1")

    private func certificate(
        _ names: String...,
        servesServers: Bool = true,
        servesClients: Bool = true
    ) -> CertificateFacts {
        CertificateFacts(
            subject: "CN=x",
            issuer: "CN=y",
            names: names,
            notBefore: 100,
            notAfter: 200,
            servesServers: servesServers,
            servesClients: servesClients
        )
    }

    @Test func `a node's certificate speaks for that node only`() {
        let own = certificate("n1.server.dc1.roost", "server.dc1.roost", "localhost")
        #expect(role.objection(to: own, as: nil) == nil)
        #expect(role.objection(to: own, as: "N1") == nil)
        #expect(role.objection(to: own, as: "n2")?.contains("is not that of n2") == true)
        #expect(role.objection(to: own, as: "1") != nil)
    }

    @Test func `one that names no node speaks for any`() {
        let shared = certificate("server.dc1.roost")
        #expect(role.objection(to: shared, as: "n1") == nil)
        #expect(role.objection(to: shared, as: nil) == nil)
    }

    @Test(arguments: [
        "bob", "server.dc2.roost", "n1.server.dc2.roost", "server.dc1.roost.example",
        "xserver.dc1.roost", "dc1.roost", "",
    ])
    func `one without the role is no node's`(_ name: String) {
        #expect(role.objection(to: certificate(name), as: nil) != nil)
        #expect(role.objection(to: certificate(name), as: "n1") != nil)
    }

    /// `roost tls create-cert --client server.dc1.roost` made a node's.
    @Test(arguments: ["server.dc1.roost", "n1.server.dc1.roost"])
    func `a client that is called like a node is none`(_ name: String) {
        for (servers, clients) in [(false, true), (true, false)] {
            let called = certificate(name, servesServers: servers, servesClients: clients)
            #expect(role.objection(to: called, as: nil)?.contains("serverAuth") == true)
            #expect(role.objection(to: called, as: "n1") != nil)
        }
    }

    @Test func `it lapses outside its days`() {
        #expect(certificate("a").lapse(at: 100) == nil)
        #expect(certificate("a").lapse(at: 200) == nil)
        #expect(certificate("a").lapse(at: 201) == "expired at 1970-01-01T00:03:20Z")
        #expect(certificate("a").lapse(at: 99) == "is not valid before 1970-01-01T00:01:40Z")
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"), (1_709_251_200, "2024-03-01T00:00:00Z"),
        (4_102_444_799, "2099-12-31T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
    ])
    func `a date is that of the calendar`(_ seconds: Int64, _ text: String) {
        #expect(CertificateFacts.date(seconds) == text)
    }
}
