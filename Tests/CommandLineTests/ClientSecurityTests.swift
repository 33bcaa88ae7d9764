import Foundation
import Testing

@testable import roost

@Suite struct ClientSecurityTests {
    /// One of IPv6 was looked up with its brackets, and not found.
    @Test(arguments: [
        ("https://[::1]:8501", "::1"), ("https://10.0.0.1:8501", "10.0.0.1"),
        ("https://n1.example.com:8501", "n1.example.com"),
    ])
    func `a server's name stands for any host`(_ address: String, _ host: String) throws {
        var said = ClientSecurity.Said()
        said.serverName = "n1"
        let resolved = try ResolvedSecurity(said, try #require(URLComponents(string: address)))
        #expect(resolved.base == "https://n1:8501")
        #expect(resolved.names == ["n1": host])
    }
}
