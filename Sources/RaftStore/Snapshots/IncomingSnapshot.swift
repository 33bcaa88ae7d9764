internal import Bytes
internal import Disk
internal import Synchronization

/// A snapshot on its way from a peer: its bytes come in order and are kept over a break, until the
/// whole verifies and is adopted. The file has no manifest of its own until then, so that nothing
/// takes it for a snapshot.
package final class IncomingSnapshot: Sendable {
    private let path: String
    private let file: File
    private let count: Mutex<Int>

    /// Goes on with what was received of the same snapshot, or begins it anew. Where the disk has
    /// no room for all of it nothing is begun: the log and the state need what is left.
    package init(
        _ manifest: SnapshotManifest,
        _ encoded: [UInt8],
        in store: SnapshotStore
    ) throws(SnapshotError) {
        let notePath = "\(store.directory)/incoming.manifest.tmp"
        do throws(DiskError) {
            let isSame = try FileSystem.contents(notePath) == encoded
            // A new file, not an emptied one: an older receiver may still have that open.
            if !isSame { try FileSystem.remove(store.incomingPath) }
            let opened = try File(store.incomingPath, .create)
            let size = try opened.size()
            if !isSame { try FileSystem.replace(notePath, with: encoded, in: store.directory) }
            path = store.incomingPath
            file = opened
            count = Mutex(min(size, manifest.byteCount))
        } catch { throw .disk(error) }
        try SnapshotStore.checkRoom(
            for: manifest.byteCount - receivedBytes,
            leaving: LogSettings().leftFreeBytes,
            at: path
        )
    }

    package var receivedBytes: Int { count.withLock { $0 } }

    package func append(_ bytes: [UInt8]) throws(SnapshotError) {
        do throws(DiskError) {
            let offset = receivedBytes
            try file.write(bytes.rawSpan, at: offset)
            count.withLock { $0 = offset + bytes.count }
        } catch {
            // Others filled the disk meanwhile, and need the room.
            if error.isDiskFull {
                do throws(DiskError) { try FileSystem.remove(path) } catch { throw .disk(error) }
            }
            throw .disk(error)
        }
    }

    /// Syncs and verifies the whole, and makes it a snapshot of this node's. One that does not
    /// verify is thrown away, so that it is sent anew; and one whose flush failed, since what was
    /// not written would verify out of the page cache, and the next flush would succeed.
    package func finish(
        _ manifest: SnapshotManifest,
        in store: SnapshotStore
    ) throws(SnapshotError) {
        do throws(SnapshotError) {
            do throws(DiskError) {
                try file.truncate(to: manifest.byteCount)
                try file.sync()
            } catch { throw .disk(error) }
            try SnapshotStore.verify(manifest, at: store.incomingPath)
        } catch {
            do throws(DiskError) { try FileSystem.remove(store.incomingPath) } catch {
                throw .disk(error)
            }
            throw error
        }
        try store.adopt(store.incomingPath, as: manifest)
    }
}
