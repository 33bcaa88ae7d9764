import Disk
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct OwnThreadTests {
    @Test func `a thread is shown under its name`() throws {
        let shown = Mutex<[UInt8]?>(nil)
        let thread = try OwnThread(named: "roost-long-named-thread") {
            let comm = try? FileSystem.contents("/proc/thread-self/comm")
            shown.withLock { $0 = comm }
        }
        thread.join()
        #expect(shown.withLock { $0 } == Array("roost-long-name\n".utf8))
    }
}
