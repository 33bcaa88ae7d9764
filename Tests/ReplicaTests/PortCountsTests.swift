import Measures
import Replica
import Testing

@Suite struct PortCountsTests {
    @Test func `a wake is measured once, for each whom it concerned`() {
        var counts = PortCounts()
        counts.events = 3
        counts.measureWakes(since: 100) { 150 }
        #expect(counts.eventTimes.count == 3 && counts.eventTimes.sum == 150)
        #expect(counts.queryTimes.count == 0)
        counts.measureWakes(since: 200) {
            Issue.record("the clock is read though nobody was woken")
            return 0
        }
        counts.answeredQueries = 1
        counts.measureWakes(since: 200) { 190 }
        #expect(counts.queryTimes.count == 1 && counts.queryTimes.sum == 0)
    }

    @Test func `refusals are counted by why`() {
        var counts = RefusalCounts()
        counts.add(.noLeader, times: 2)
        counts.add(.diskFull("full"), times: 1)
        counts.add(.tooLarge(bytes: 2, bound: 1), times: 4)
        var all = RefusalCounts()
        all.merge(counts)
        all.merge(counts)
        let told = all.byReason.map { "\($0.reason) \($0.count)" }
        #expect(
            told == [
                "no_leader 4", "disk_full 2", "overloaded 0", "too_large 8", "timed_out 0",
                "stopping 0", "unknown_command 0",
            ]
        )
    }
}
