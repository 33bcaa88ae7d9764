import ArgumentParser
import Foundation
import Testing

@testable import roost

@Suite struct ExitCodeTests {
    /// A full disk behind standard output ended every command in silence, as a reader's end does.
    @Test func `results that cannot be written are a failure of the command`() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(4),
            observing: [\.standardErrorContent]
        ) {
            let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
            dup2(full.fileDescriptor, STDOUT_FILENO)
            Terminal.line("a result")
        }
        let said = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(said.contains("standard output: write: No space left"), "\(said)")
    }

    @Test func `a reader that has read enough is none`() async {
        await #expect(processExitsWith: .exitCode(141)) {
            signal(SIGPIPE, SIG_IGN)
            let pipe = Pipe()
            dup2(pipe.fileHandleForWriting.fileDescriptor, STDOUT_FILENO)
            try pipe.fileHandleForReading.close()
            Terminal.line("a result")
        }
    }

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
