import Bytes
import Crypto
import Disk
import Glibc
import Raft
import Testing

@testable import RaftStore

/// Which files a store keeps, gives and removes. What they hold is of no matter to it.
@Suite struct SnapshotStoreTests {
    private let directory = ScratchDirectory()
    private var path: String { "\(directory.path)/snapshots" }

    private func store() throws -> SnapshotStore { try SnapshotStore(directory: path) }

    private func file(_ text: String) throws -> (
        path: String, manifest: (UInt64) -> SnapshotManifest
    ) {
        let bytes = Array(text.utf8)
        let made = "\(directory.path)/\(text)"
        try File(made, .replace).write(bytes.rawSpan, at: 0)
        return (
            made,
            { index in
                SnapshotManifest(
                    index: LogIndex(index),
                    term: Term(3),
                    membership: Sample.memberships[0],
                    byteCount: bytes.count,
                    sha256: Array(SHA256.hash(data: bytes))
                )
            }
        )
    }

    /// What is read back is the disk's and not the page cache's, and is compared to the byte.
    @Test func `a copy that the disk has otherwise is found`() throws {
        let (made, manifest) = try file("a state of a few bytes")
        try SnapshotStore.verifyStored(manifest(1), at: made, bytesPerSecondMax: 1 << 20)
        try File(made, .readWrite).write([UInt8(ascii: "A")].rawSpan, at: 0)
        #expect(throws: SnapshotError.self) {
            try SnapshotStore.verifyStored(manifest(1), at: made, bytesPerSecondMax: nil)
        }
    }

    private func adopt(_ text: String, at index: UInt64) throws -> SnapshotManifest {
        let (made, manifest) = try file(text)
        try store().adopt(made, as: manifest(index))
        return manifest(index)
    }

    /// The later one took the first one's place, which was on record: the node did not start again.
    @Test func `two leaders' snapshots of one index stand beside each other`() throws {
        let (first, second) = (try adopt("first", at: 20), try adopt("second", at: 20))
        #expect(first.name == second.name && first != second)
        let store = try store()
        for manifest in [first, second] { try store.verify(manifest) }
        #expect(try Set(store.list()) == [first, second])
        #expect(try InspectedSnapshot.list(path).allSatisfy(\.damage.isEmpty))
        let again = try adopt("first", at: 20)
        #expect(try again == first && Set(store.list()) == [first, second])
        try store.remove(first)
        try store.verify(second)
        #expect(try store.list() == [second])
        let third = try adopt("third", at: 30)
        #expect(try store.prune(onRecord: [third]) == [second])
        #expect(try FileSystem.list(path).sorted() == ["30-3.manifest", "30-3.mdb"])
    }

    @Test func `a manifest that cannot be read hides no other snapshot`() throws {
        let (old, new) = (try adopt("old", at: 20), try adopt("new", at: 30))
        try File("\(path)/\(new.name).manifest", .replace).write([1, 2].rawSpan, at: 0)
        let store = try store()
        #expect(try store.list() == [old] && store.newestVerified() == old)
        try store.remove(old)
        // That there is none is no reason to begin with nothing.
        #expect(throws: SnapshotError.self) { _ = try store.newestVerified() }
    }

    @Test func `a copy without a manifest goes only when leftovers are removed`() throws {
        let kept = try adopt("kept", at: 20)
        let left = ["30-3.mdb", "30-3-00000000.mdb", "copy.tmp"]
        for name in left { try File("\(path)/\(name)", .replace).write([1].rawSpan, at: 0) }
        let store = try store()
        #expect(try store.list() == [kept])
        #expect(try Set(FileSystem.list(path)).isSuperset(of: left))
        try store.removeLeftovers()
        #expect(try store.list() == [kept])
        #expect(try FileSystem.list(path).sorted() == ["20-3.manifest", "20-3.mdb"])
    }

    @Test func `a copy whose manifest cannot be written does not stay`() throws {
        let (made, manifest) = try file("lost")
        let store = try store()
        // To whoever writes the manifest, a directory there is as bad as a disk without room.
        #expect(try FileSystem.makeDirectory("\(path)/20-3.manifest.tmp"))
        #expect(throws: SnapshotError.self) { try store.adopt(made, as: manifest(20)) }
        #expect(try FileSystem.list(path) == ["20-3.manifest.tmp"])
    }

    /// Its bytes stayed, and the next offer of the snapshot found them whole in the page cache.
    @Test func `what could not be made durable is not gone on with`() throws {
        let (_, manifest) = try file("whole")
        let (store, encoded) = (try store(), try manifest(20).encoded())
        try FileSystem.replace("\(path)/incoming.manifest.tmp", with: encoded, in: path)
        // A pipe takes no flush, as a disk that fails does not.
        #expect(unsafe mkfifo(store.incomingPath, 0o600) == 0)
        let incoming = try IncomingSnapshot(manifest(20), encoded, in: store)
        #expect(throws: SnapshotError.self) { try incoming.finish(manifest(20), in: store) }
        #expect(!FileSystem.exists(store.incomingPath))
    }
}
