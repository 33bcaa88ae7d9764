import ConsulServer
import Raft
import Replica
import Testing

@testable import RoostServer

@Suite struct HealthTests {
    /// A leader with nothing wrong.
    private var well: Vitals {
        var status = ReplicaStatus(node: NodeID(1), name: "n1")
        status.role = .leader
        status.leader = NodeID(1)
        return Vitals(now: 100_000, replicaTurnedAt: 99_950, loopsTurnedAt: 99_900, status: status)
    }

    private func answer(
        _ kind: HealthInquiry.Kind,
        _ vitals: Vitals,
        _ change: (inout HealthInquiry) -> Void = { _ in }
    ) -> (status: Int, text: String) {
        var inquiry = HealthInquiry(kind)
        change(&inquiry)
        let answer = HealthReport.answer(inquiry, vitals)
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    @Test func `a node with nothing wrong answers ok, and names its checks if asked to`() {
        #expect(answer(.ready, well) == (200, "ok"))
        #expect(answer(.live, well) == (200, "ok"))
        let (status, text) = answer(.live, well) { $0.isVerbose = true }
        #expect(status == 200)
        #expect(text == "[+]ping ok\n[+]replica ok\n[+]event-loops ok\nlivez check passed\n")
    }

    /// What is wrong, and which check says so.
    private static let faults: [(check: String, change: @Sendable (inout Vitals) -> Void)] = [
        ("replica", { $0.replicaTurnedAt = nil }),
        ("replica", { $0.replicaTurnedAt = 90_000 }),
        ("event-loops", { $0.loopsTurnedAt = 90_000 }),
        ("shutdown", { $0.isLeaving = true }),
        ("member", { $0.status.isDismissed = true }),
        (
            "state",
            { $0.status.divergence = Divergence(equalAt: LogIndex(5), differsAt: LogIndex(9)) }
        ),
        ("leader", { $0.status.leader = nil }),
        ("caught-up", { $0.status.commit = 20_000 }),
        ("disk", { $0.isLogFull = true }),
        ("disk", { $0.isStateFull = true }),
    ]

    @Test(arguments: 0..<Self.faults.count)
    func `each fault makes a node unready by its own check alone`(_ place: Int) {
        var vitals = well
        Self.faults[place].change(&vitals)
        let check = Self.faults[place].check
        let (status, text) = answer(.ready, vitals)
        #expect(status == 500)
        let failed = text.split(separator: "\n").filter { $0.hasPrefix("[-]") }
        #expect(failed.count == 1 && failed[0].hasPrefix("[-]\(check) failed: "))
        #expect(text.hasSuffix("readyz check failed\n"))
        #expect(answer(.ready, vitals) { $0.check = check }.status == 500)
        #expect(answer(.ready, vitals) { $0.excluded = [check] } == (200, "ok"))
        // None of them is helped by a restart, but for threads that stand still for long.
        #expect(answer(.live, vitals).status == 200)
    }

    @Test func `only threads that stand still for long make a node lifeless`() {
        var vitals = well
        vitals.replicaTurnedAt = 60_000
        #expect(answer(.live, vitals).text.contains("[-]replica failed: "))
        vitals = well
        vitals.loopsTurnedAt = 60_000
        #expect(answer(.live, vitals).text.contains("[-]event-loops failed: "))
    }

    @Test func `checks that are not there are named`() {
        let one = answer(.live, well) { $0.check = "leader" }
        #expect(one.status == 404 && one.text.contains("ping, replica, event-loops"))
        let (status, text) = answer(.ready, well) {
            $0.excluded = ["nothing"]
            $0.isVerbose = true
        }
        #expect(status == 200 && text.contains("no matches for \"nothing\""))
    }
}
