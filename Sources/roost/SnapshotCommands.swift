import ArgumentParser
import AsyncHTTPClient
import Backup
import Bytes
import Disk
import Foundation
import NIOCore
import Raft
import RaftStore

struct SnapshotCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Save the whole state in a file, look at it, check it, and begin from it.",
        discussion: """
            EXAMPLES
              roost snapshot save monday.snap
              roost snapshot inspect monday.snap
              roost snapshot verify monday.snap
              roost snapshot restore monday.snap --data-dir /var/lib/roost

            EXIT CODES
              0 done; 2 refused by the server; 3 server not reached; 4 a file cannot be read or
              written; 5 the snapshot is damaged or cut off; 6 it is no snapshot of Roost, or of
              a later version; 64 wrong usage
            """,
        subcommands: [Save.self, Inspect.self, Verify.self, Restore.self]
    )

    struct Save: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save the state of a running cluster.",
            discussion: """
                Any node can be asked. What the cluster acknowledged before is in the snapshot,
                and nothing of it is half there; writes go on meanwhile. The file gets its name
                when all of it is on the disk and was checked, and opened; until then it is
                FILE.unfinished.

                With --stale the node gives what it has, without asking for the leader: all that
                is left where there is no majority.

                EXAMPLES
                  roost snapshot save monday.snap
                  roost snapshot save monday.snap --address http://10.0.0.2:8500 --stale
                """
        )

        @Argument(help: "The file; one that is there is replaced.") var file: String
        @Flag(help: "What the node has, also without a leader.") var stale = false
        @OptionGroup var options: ClientOptions

        func run() async throws {
            try await options.perform { client in
                let unfinished = "\(file).unfinished"
                let head: ArchiveHead
                do {
                    head = try await receive(client, into: unfinished)
                } catch {
                    discard(unfinished)
                    throw error
                }
                try SnapshotFile.naming(file) {
                    try FileSystem.rename(unfinished, to: file)
                    try FileSystem.syncDirectory(SnapshotFile.directory(of: file))
                }
                try SnapshotFile.tell(head, of: file, options.json, "saved")
            }
        }

        private func receive(
            _ client: ConsulClient,
            into path: String
        ) async throws -> ArchiveHead {
            let query: [(String, String?)] = stale ? [("stale", nil)] : []
            let answer = try await client.stream("/v1/snapshot", query, what: "saving a snapshot")
            let progress = TransferProgress("received", of: answer.byteCount)
            defer { progress.end() }
            var writing = try SnapshotWriting(path, reported: file)
            do {
                for try await piece in answer.body {
                    try writing.take(Array(piece.readableBytesView))
                    progress.note(writing.byteCount)
                }
            } catch let failure as CommandFailure {
                throw failure
            } catch {
                throw CommandFailure.unreachable(
                    address: client.address,
                    reason: ConsulClient.reason(of: error)
                )
            }
            try writing.finish()
            progress.end()
            return try SnapshotFile.verified(path, reported: file)
        }

        /// What is not whole is of no use, and takes room.
        private func discard(_ path: String) {
            do throws(DiskError) { try FileSystem.remove(path) } catch {
                Terminal.complain("\(path) stays behind: \(error)")
            }
        }
    }

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what a snapshot says of itself.",
            discussion: """
                Only the beginning of the file is read. `roost snapshot verify` reads it all.
                """
        )

        @Argument(help: "The snapshot.") var file: String
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            try SnapshotFile.reporting {
                let head = try SnapshotFile.naming(file) {
                    try BackupFile(file).describe()
                }
                try SnapshotFile.tell(head, of: file, json, nil)
            }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read a snapshot whole, open the state in it, and check all of it.",
            discussion: """
                Checked are: every length, gzip's checksum, the SHA-256 of description and state,
                the pages of the state as a tree, its index and counts against the description,
                and that its records refer to each other (parents, owners, sessions, lists).

                EXAMPLES
                  roost snapshot verify monday.snap && echo well
                """
        )

        @Argument(help: "The snapshot.") var file: String
        @Flag(help: "Print JSON.") var json = false
        @Option(help: "Where the state is unpacked for a while; beside the file by default.")
        var scratch: String?

        func run() throws {
            try SnapshotFile.reporting {
                let head = try SnapshotFile.verified(file, reported: file, scratch: scratch)
                try SnapshotFile.tell(head, of: file, json, "whole")
            }
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the data directory of a new cluster from a snapshot.",
            discussion: """
                The snapshot is verified first. The directory, which must be empty or not there,
                becomes that of one node, a cluster of its own that no node of the old one talks
                to. Start it with `roost server --data-dir DIR`, and the other nodes with --join
                and empty directories. Run this as the user that the server runs as.

                Sessions are in it, and expire unless their clients come back. Stop the old
                cluster before clients are led to the new one.

                EXAMPLES
                  roost snapshot restore monday.snap --data-dir /var/lib/roost --name n1
                """
        )

        @Argument(help: "The snapshot.") var file: String
        @Option(help: "The directory to make.") var dataDir: String
        @Option(help: "The name of the new cluster's node.") var name = "n1"
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            try SnapshotFile.reporting {
                let head = try SnapshotFile.naming(file) {
                    let backup = try BackupFile(file)
                    let progress = TransferProgress("read", of: backup.byteCount)
                    defer { progress.end() }
                    return try NewCluster.restore(backup, to: dataDir, name: name) {
                        progress.note($0)
                    }
                }
                try SnapshotFile.tell(head, of: file, json, "restored into \(dataDir)")
            }
        }
    }
}
