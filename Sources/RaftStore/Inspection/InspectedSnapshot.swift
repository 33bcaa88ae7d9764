internal import Bytes
internal import Disk
package import LMDB
internal import Raft

/// A snapshot as it lies in its directory, whole or not.
package struct InspectedSnapshot: Sendable {
    /// Of its files: "INDEX-TERM", or with a sum behind it (`SnapshotManifest.nameWithSum`).
    package var name: String
    /// The copy of the state.
    package var path: String
    /// Nil if it cannot be read; then `damage` says why.
    package var manifest: SnapshotManifest?
    package var damage: [Damage] = []
    /// Nil if the copy is not there.
    package var fileBytes: Int?

    /// Every snapshot that has a manifest, newest first. What has none is none: the copy is left
    /// over from interrupted work.
    package static func list(_ directory: String) throws(StoreError) -> [InspectedSnapshot] {
        let names: [String]
        do { names = try FileSystem.list(directory) } catch {
            if error.isMissing { return [] }
            throw StoreError(error)
        }
        var found: [InspectedSnapshot] = []
        for name in names where name.hasSuffix(".manifest") {
            let name = String(name.dropLast(".manifest".count))
            if let snapshot = try InspectedSnapshot(name, directory) { found.append(snapshot) }
        }
        return found.sorted { left, right in
            (left.manifest?.index ?? .zero, left.name) > (
                right.manifest?.index ?? .zero, right.name
            )
        }
    }

    /// The snapshot that a path names: its copy of the state, its manifest, or both without an
    /// ending. Nil if there is none.
    package init?(at given: String) throws(StoreError) {
        var stem = given
        for ending in [".mdb", ".manifest"] where stem.hasSuffix(ending) {
            stem = String(stem.dropLast(ending.count))
        }
        let name = stem.split(separator: "/").last.map(String.init) ?? stem
        try self.init(name, parentDirectory(of: stem))
    }

    /// Opens the copy for reading by LMDB; `verify` comes before that.
    package func open() throws(StoreError) -> Environment {
        do throws(SnapshotError) { return try SnapshotStore.open(path) } catch {
            throw StoreError(error)
        }
    }

    /// Nil if it has been removed meanwhile.
    private init?(_ name: String, _ directory: String) throws(StoreError) {
        self.name = name
        path = "\(directory)/\(name).mdb"
        do throws(DiskError) {
            let encoded = try FileSystem.contents("\(directory)/\(name).manifest")
            guard let encoded else { return nil }
            if FileSystem.exists(path) { fileBytes = try FileSystem.status(path).size }
            do throws(Damage) {
                let decoded = try SnapshotManifest(encoded: encoded)
                manifest = decoded
                guard name == decoded.name || name == decoded.nameWithSum else {
                    throw Damage(.snapshot, "it is that of \(decoded.name)")
                }
            } catch {
                damage.append(Damage(.snapshot, "snapshot \(name): manifest: \(error.text)"))
            }
        } catch { throw StoreError(error) }
    }

    /// Checks the copy against its manifest, and its pages against each other.
    package func verify() throws(StoreError) -> [Damage] {
        guard let manifest else { return damage }
        do throws(SnapshotError) {
            try SnapshotStore.verify(manifest, at: path)
        } catch {
            if case .disk(let cause) = error, !cause.isMissing { throw StoreError(cause) }
            return damage + [Damage(.snapshot, index: manifest.index, error.description)]
        }
        guard let found = try InspectedFile(path: path).verifyPages() else { return damage }
        let text = "snapshot \(name): page damaged before it was taken: \(found.text)"
        return damage + [Damage(.snapshot, index: manifest.index, page: found.page, text)]
    }

    /// The first damaged page of a copy of a state, wherever it lies; nil if there is none.
    package static func verifyPages(at path: String) throws(StoreError) -> Damage? {
        try InspectedFile(path: path).verifyPages()
    }

    /// Whether it is the one that a log has on record, as far as that can be seen: where its own
    /// manifest cannot be read, which is damage by itself, its name counts.
    package func isRecorded(as recorded: SnapshotManifest) -> Bool {
        guard let manifest else { return name == recorded.name || name == recorded.nameWithSum }
        return manifest == recorded
    }

    /// Whether its manifest has been removed since.
    package func isGone() -> Bool {
        !FileSystem.exists(String(path.dropLast(".mdb".count)) + ".manifest")
    }

    /// The value of a key in one of the copied state's tables.
    package func value(table: String, key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try InspectedFile(path: path).value(table: table, key: key)
    }
}
