import Glibc
import LMDB
import Testing

@testable import RaftStore

@Suite struct StoreErrorTests {
    /// LMDB's `mdb_page_flush` says EIO of a write that was cut short, which is what a disk without
    /// room does. /proc is a file system that has no room, ever.
    @Test func `a commit that was cut short is a full disk only where no room is left`() {
        let scratch = ScratchDirectory()
        let cutShort = LMDBError.io(.commit, errno: EIO)
        #expect(isDiskFull(StoreError(cutShort, "/proc")))
        #expect(isWriteFailed(StoreError(cutShort, scratch.path)))
        #expect(isWriteFailed(StoreError(.io(.commit, errno: EBADF), "/proc")))
        #expect(!isDiskFull(StoreError(.io(.sync, errno: EIO), "/proc")), "a flush is the promise")
    }

    private func isDiskFull(_ error: StoreError) -> Bool {
        if case .diskFull = error { true } else { false }
    }

    private func isWriteFailed(_ error: StoreError) -> Bool {
        if case .writeFailed = error { true } else { false }
    }
}
