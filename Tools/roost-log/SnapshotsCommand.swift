import ArgumentParser
import Bytes
import ConsulProtocol
import Raft
import RaftStore

struct SnapshotsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshots",
        abstract: "Print the node's snapshots with their manifests.",
        discussion: """
            EXIT CODES
              0 done, 1 could not read, 4 a snapshot is damaged or misses its file

            EXAMPLES
              roost-log snapshots
              roost-log snapshots --verify --json
            """
    )

    @OptionGroup var options: DirectoryOptions

    @Flag(help: "Read each snapshot whole, and compare it with its manifest.")
    var verify = false

    func run() throws {
        try options.inspect { directory, output in
            let rows = try directory.snapshots().map { snapshot in
                Row(snapshot, try damage(snapshot, isServed: directory.isServed))
            }
            if options.json {
                for row in rows { output.json { row.write(to: &$0) } }
            } else {
                output.table(Row.names, rows.map(\.cells))
            }
            return rows.allSatisfy(\.damage.isEmpty) ? .success : ExitCodes.snapshotDamage
        }
    }

    private func damage(_ snapshot: InspectedSnapshot, isServed: Bool) throws -> [Damage] {
        if verify { return try DirectoryCheck.verify(snapshot, isServed: isServed) }
        if snapshot.manifest != nil, snapshot.fileBytes == nil {
            return snapshot.damage + [Damage(.snapshot, "\(snapshot.path) is missing")]
        }
        return snapshot.damage
    }

    private struct Row {
        static let names = ["INDEX", "TERM", "BYTES", "FORMAT", "MEMBERSHIP", "SHA-256", "STATE"]

        let snapshot: InspectedSnapshot
        let damage: [Damage]

        init(_ snapshot: InspectedSnapshot, _ damage: [Damage]) {
            self.snapshot = snapshot
            self.damage = damage
        }

        var cells: [String] {
            let state = damage.isEmpty ? "" : damage.map(\.text).joined(separator: "; ")
            guard let manifest = snapshot.manifest else {
                return [snapshot.name, "", "", "", "", "", state]
            }
            return [
                "\(manifest.index.rawValue)", "\(manifest.term.rawValue)", "\(manifest.byteCount)",
                "\(manifest.formatVersion)", manifest.membership.membership.text,
                Hexadecimal.text(manifest.sha256), state,
            ]
        }

        func write(to json: inout JSONWriter) {
            json.member("name", snapshot.name)
            json.member("file", snapshot.path)
            if let manifest = snapshot.manifest {
                json.member("index", manifest.index.rawValue)
                json.member("term", manifest.term.rawValue)
                json.member("bytes", manifest.byteCount)
                json.member("format", manifest.formatVersion)
                json.member("membership", manifest.membership.membership.text)
                json.member("membershipIndex", manifest.membership.index.rawValue)
                json.member("sha256", Hexadecimal.text(manifest.sha256))
            }
            json.member("damage", texts: damage.map(\.description))
        }
    }
}
