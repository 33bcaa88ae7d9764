import ConsulServer
import Foundation
import Logging
import Synchronization
import Testing

@testable import RoostServer

@Suite struct AccessTests {
    @Test func `a reset of no use is told of once, however often anybody has it read`()
        async throws
    {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("roost-access-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("acl-bootstrap-reset")
        let settings = try await ServerConfiguration.load(
            flags: [.aclEnabled: "true"],
            file: nil,
            environment: [:],
            ledger: SettingLedger()
        )
        let lines = Lines()
        let tokens = settings.access.tokens(in: directory.path, lines.logger)
        #expect(tokens.bootstrapReset() == 0)
        #expect(lines.all.withLock { $0.isEmpty })
        for text in ["thirteen", "13 14 x", String(repeating: "1", count: 40), ""] {
            try text.write(to: file, atomically: true, encoding: .utf8)
            #expect(tokens.bootstrapReset() == 0, "\(text)")
        }
        #expect(lines.all.withLock { $0.map { "\($0["reason"] ?? "")" } } == ["it is no number"])
        try "13\n".write(to: file, atomically: true, encoding: .utf8)
        #expect(tokens.bootstrapReset() == 13)
    }

    @Test func `a notice is due again when there was time to read it`() {
        let pace = NoticePace()
        let interval = ServerLimits.noticeMilliseconds
        #expect(pace.isDue(now: -5))
        #expect(!pace.isDue(now: -5))
        #expect(!pace.isDue(now: interval - 6))
        #expect(pace.isDue(now: interval - 5))
        #expect(!pace.isDue(now: interval))
    }
}
