import Bytes
import ConsulProtocol
import Raft
package import RaftStore
package import StateMachine

/// What a backup says of itself: `meta.json`, whose first members are those of Consul's snapshots.
package struct ArchiveHead: Equatable, Sendable {
    /// The newest format of the whole that this version reads and writes.
    package static let formatVersion: UInt64 = 1

    package var manifest: SnapshotManifest
    package var clusterID: [UInt8]
    /// The node that wrote it.
    package var node: String
    /// When, in milliseconds since 1970.
    package var time: Int64
    package var counts: StateCounts

    package init(
        manifest: SnapshotManifest,
        clusterID: [UInt8],
        node: String,
        time: Int64,
        counts: StateCounts
    ) {
        self.manifest = manifest
        self.clusterID = clusterID
        self.node = node
        self.time = time
        self.counts = counts
    }

    /// As Consul writes it: term, index, time.
    package var id: String { "\(manifest.term.rawValue)-\(manifest.index.rawValue)-\(time)" }

    func encoded() throws(BackupError) -> [UInt8] {
        let encoded: [UInt8]
        do throws(StoreError) { encoded = try manifest.encoded() } catch { throw .store(error) }
        var json = JSONWriter(reserving: 1_024)
        json.beginObject()
        json.name("Version")
        json.integer(1)
        json.name("ID")
        json.string(id)
        json.name("Index")
        json.integer(manifest.index.rawValue)
        json.name("Term")
        json.integer(manifest.term.rawValue)
        json.name("Peers")
        json.null()
        writeConfiguration(to: &json)
        json.name("Size")
        json.integer(manifest.byteCount)
        json.name("Roost")
        json.beginObject()
        json.name("Format")
        json.integer(Self.formatVersion)
        json.name("StateFormat")
        json.integer(manifest.formatVersion)
        json.name("Manifest")
        json.data(encoded.rawSpan)
        json.name("Cluster")
        json.data(clusterID.rawSpan)
        json.name("Node")
        json.string(node)
        json.name("Milliseconds")
        json.integer(Int(time))
        counts.write(to: &json)
        json.endObject()
        json.endObject()
        return json.bytes
    }

    /// The voters, as Consul's Raft would name them.
    private func writeConfiguration(to json: inout JSONWriter) {
        json.name("Configuration")
        json.beginObject()
        json.name("Servers")
        json.beginArray()
        for voter in manifest.membership.membership.incoming {
            json.beginObject()
            json.name("Suffrage")
            json.integer(0)
            json.name("ID")
            json.string("\(voter.rawValue)")
            json.name("Address")
            json.string("")
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.name("ConfigurationIndex")
        json.integer(manifest.membership.index.rawValue)
    }

    init(decoding text: [UInt8]) throws(BackupError) {
        let value: JSONValue
        do throws(DecodeError) {
            value = try JSONParser.parse(text.rawSpan, depthMax: BackupLimits.jsonDepthMax)
        } catch { throw .damaged("\(ArchiveLayout.headName) is no JSON: \(error.text)") }
        guard let own = value.member("Roost") else {
            throw .foreign("it looks like one of Consul's")
        }
        try Self.check(own, "Format", what: "the snapshot", known: Self.formatVersion)
        let known = UInt64(SnapshotManifest.formatVersion)
        try Self.check(own, "StateFormat", what: "the state in it", known: known)
        let encoded = try own.data("Manifest")
        do throws(Damage) { manifest = try SnapshotManifest(encoded: encoded) } catch {
            throw .damaged("\(ArchiveLayout.headName): \(error.text)")
        }
        clusterID = try own.data("Cluster")
        node = own.text("Node")
        time = Int64(clamping: own.number("Milliseconds") ?? 0)
        counts = StateCounts(own)
    }

    private static func check(
        _ own: JSONValue,
        _ name: String,
        what: String,
        known: UInt64
    ) throws(BackupError) {
        guard let found = own.number(name) else {
            throw .damaged("\(ArchiveLayout.headName) says no \(name)")
        }
        guard found <= known else { throw .newerFormat(what: what, found: found, known: known) }
    }
}

/// What a state holds, in numbers, and its digest.
package struct StateCounts: Equatable, Sendable {
    package var digest: UInt64 = 0
    package var znodes: UInt64 = 0
    package var ephemerals: UInt64 = 0
    package var znodeBytes: UInt64 = 0
    package var keys: UInt64 = 0
    package var zooKeeperSessions: UInt64 = 0

    package init(_ summary: StateSummary) {
        digest = summary.digest
        znodes = summary.znodeCount
        ephemerals = summary.ephemeralCount
        znodeBytes = summary.znodeBytes
        keys = summary.keyCount
        zooKeeperSessions = summary.zooKeeperSessionCount
    }

    fileprivate init(_ own: JSONValue) {
        digest = UInt64(own.text("Digest"), radix: 16) ?? 0
        znodes = own.number("Znodes") ?? 0
        ephemerals = own.number("Ephemerals") ?? 0
        znodeBytes = own.number("ZnodeBytes") ?? 0
        keys = own.number("Keys") ?? 0
        zooKeeperSessions = own.number("ZooKeeperSessions") ?? 0
    }

    /// Each with its name in `meta.json`.
    package var named: [(name: String, value: UInt64)] {
        [
            ("Znodes", znodes), ("Ephemerals", ephemerals), ("ZnodeBytes", znodeBytes),
            ("Keys", keys), ("ZooKeeperSessions", zooKeeperSessions),
        ]
    }

    fileprivate func write(to json: inout JSONWriter) {
        json.name("Digest")
        json.string(Hexadecimal.text(digest))
        for (name, value) in named {
            json.name(name)
            json.integer(value)
        }
    }
}

extension JSONValue {
    fileprivate func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    fileprivate func number(_ name: String) -> UInt64? {
        guard case .number(let text) = member(name) else { return nil }
        return UInt64(text)
    }

    fileprivate func text(_ name: String) -> String {
        guard case .string(let text) = member(name) else { return "" }
        return "\(text)"
    }

    fileprivate func data(_ name: String) throws(BackupError) -> [UInt8] {
        guard case .string(let text) = member(name) else {
            throw .damaged("\(ArchiveLayout.headName) says no \(name)")
        }
        do throws(DecodeError) { return try Base64.decoded(text.bytes) } catch {
            throw .damaged("\(ArchiveLayout.headName): \(name): \(error.text)")
        }
    }
}
