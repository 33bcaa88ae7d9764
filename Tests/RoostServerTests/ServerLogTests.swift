import Foundation
import Logging
import Testing

@testable import RoostServer

@Suite struct ServerLogTests {
    /// A node whose log went to a full disk, or to a collector that had ended, trapped in its next
    /// line: Foundation's way to write ends the process.
    @Test func `a line that cannot be written ends no node`() async {
        await #expect(processExitsWith: .exitCode(9)) {
            let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
            dup2(full.fileDescriptor, STDERR_FILENO)
            Logger(label: "roost") { JSONLineHandler(label: $0) }.error("the disk is full")
            exit(9)
        }
    }
}

@Suite struct StartProblemTests {
    @Test func `what another start meets again is told from what may pass`() {
        let name = StartProblem.otherNode(directory: "/d", owner: "n1", name: "n2")
        #expect(name.isConfiguration)
        #expect(StartProblem.clusterOfOne(directory: "/d").isConfiguration)
        #expect(!StartProblem.notReady(seconds: 60).isConfiguration)
        #expect(!StartProblem.join("nobody answers").isConfiguration)
    }
}
