import Foundation
import RaftStore
import Testing

@testable import RoostServer

@Suite struct NewNodeTests {
    /// The log's disk was not mounted after a crash: an empty cluster was begun, and the state
    /// thrown away. What else may be left is asked of the restore's own tests.
    @Test func `a node without its log begins nothing where its state lies`() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("node-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        let directory = try DataDirectory(url.path)
        try NewNode.checkIsNew(directory)
        let state = url.appendingPathComponent("state")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        try Data([1]).write(to: state.appendingPathComponent("data.mdb"))
        #expect {
            try NewNode.checkIsNew(directory)
        } throws: { error in
            "\(error)".contains("there is no log, but state/data.mdb")
        }
    }
}
