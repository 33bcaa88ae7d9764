import Disk
import Testing

@Suite(.timeLimit(.minutes(1))) struct BellTests {
    @Test func `a bell that was rung is heard once, and else the time passes`() throws {
        let bell = Bell()
        bell.ring()
        bell.ring()
        bell.wait(milliseconds: 3_600_000)
        let begun = monotonicNanoseconds()
        bell.wait(milliseconds: 20)
        #expect(monotonicNanoseconds() - begun >= 20_000_000, "it was heard before")
        bell.wait(milliseconds: -5)
    }

    @Test func `a bell wakes who sleeps`() throws {
        let bell = Bell()
        let ringer = try OwnThread(named: "ringer") { bell.ring() }
        bell.wait(milliseconds: 3_600_000)
        ringer.join()
    }
}
