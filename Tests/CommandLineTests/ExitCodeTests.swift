import ArgumentParser
import Foundation
import Testing

@testable import roost

@Suite struct ExitCodeTests {
    /// systemd restarted such a server for ever: only code 4 tells it that nothing will change.
    @Test func `TLS that cannot begin is a configuration that is wrong`() async {
        await #expect(processExitsWith: .exitCode(4)) {
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("roost-start-\(UUID())").path
            let words = [
                "--data-dir", folder, "--tls-cert", "/nowhere/n1.pem", "--tls-key",
                "/nowhere/n1-key.pem", "--tls-ca", "/nowhere/ca.pem", "--https-port", "0",
            ]
            do { try await ServerCommand.parse(words).run() } catch let code as ExitCode {
                exit(code.rawValue)
            }
        }
    }

    /// Saving from Consul was called damage.
    @Test func `what a server sends that is no snapshot of Roost is foreign`() throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("roost-writing-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        var writing = try SnapshotWriting(path, reported: "monday.snap")
        let failure = #expect(throws: CommandFailure.self) {
            try writing.take([UInt8](repeating: 0x41, count: 4_096))
            try writing.finish()
        }
        #expect(failure?.exitCode.rawValue == 6, "\(String(describing: failure))")
    }
}
