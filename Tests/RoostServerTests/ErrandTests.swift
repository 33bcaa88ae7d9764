import Foundation
import NIOCore
import Replica
import Testing
import VirtualReplica

@testable import RoostServer

/// A barrier has no time of its own in the replica: where the leader was lost before its entries
/// came, a backup waited for ever.
@Suite struct ErrandTests {
    @Test func `what the node itself waits for ends, and what comes later reaches nobody`() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("errand-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        let replica = try VirtualReplica(directory: url.path)
        replica.isPaused = true
        var answers: [String] = []
        func ask() {
            let errand = Errand(port: replica.port, loop: replica.eventLoop)
            errand.barrier().assumeIsolated().whenSuccess { answers.append("\($0)") }
        }
        ask()
        try replica.advance(milliseconds: Int64(ServerLimits.errandMilliseconds) - 1)
        #expect(answers == [])
        try replica.advance(milliseconds: 1)
        #expect(answers == ["\(Completion.refused(.timedOut))"])
        try replica.resume()
        #expect(answers.count == 1)
        ask()
        try replica.settle()
        #expect(answers.count == 2)
        #expect(answers.last == "\(Completion.barrier(index: 0))")
    }
}
