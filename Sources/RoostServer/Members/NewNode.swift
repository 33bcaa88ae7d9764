import Crypto
import Disk
import Logging
import PeerTransport
import Raft
import RaftStore

/// Makes the log of a node that is started for the first time: of a cluster of one, or of a first
/// voter, who waits for the others before it begins (see `Founding`).
struct NewNode {
    private let configuration: ServerConfiguration
    private let logger: Logger

    init(_ configuration: ServerConfiguration, _ logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Where no log is there must be nothing else: what a restore that was cut short has left, or
    /// state and snapshots of a log that is lost (its disk may not be mounted), is nothing to begin
    /// or to join with. Such a node would
    /// serve an empty state, or lead alone what others believe to be their cluster.
    static func checkIsNew(_ directory: DataDirectory) throws(StoreError) {
        guard !WriteAheadLog.exists(directory.logPath) else { return }
        let path = directory.path
        var left = ["restoring", "begun", "state/data.mdb"].filter {
            FileSystem.exists("\(path)/\($0)")
        }
        do throws(DiskError) {
            left += try FileSystem.list(directory.snapshotsPath)
        } catch {
            guard error.isMissing else { throw .system("\(error)") }
        }
        guard let first = left.first else { return }
        throw .system(
            "\(path): there is no log, but \(first), which a restore that was cut short has left, "
                + "or a log that is lost; restore again, or join anew, with an empty directory"
        )
    }

    func begin(_ directory: DataDirectory) throws(StoreError) {
        guard !WriteAheadLog.exists(directory.logPath) else { return }
        if configuration.cluster.count > 1 {
            try beginFirstVoter(directory)
        } else {
            try beginAlone(directory)
        }
    }

    private func beginAlone(_ directory: DataDirectory) throws(StoreError) {
        let node = NodeID(1)
        try WriteAheadLog.create(
            directory.logPath,
            identity: NodeIdentity(
                clusterID: Self.randomID(),
                node: node,
                name: configuration.name
            ),
            memberships: [MembershipRecord(index: .zero, membership: Membership(voters: [node]))]
        )
        logger.notice(
            "began a new cluster of one",
            metadata: ["node": "\(configuration.name)", "directory": "\(directory.path)"]
        )
    }

    /// The first voters are numbered in the order of the list, and the cluster is named after it:
    /// nodes that were told different lists are of different clusters.
    private func beginFirstVoter(_ directory: DataDirectory) throws(StoreError) {
        let members = configuration.cluster.enumerated().map { offset, member in
            NodeStanding.Member(
                node: NodeID(UInt64(offset + 1)),
                name: member.name,
                address: member.place.text,
                incarnation: [UInt8](repeating: 0, count: 16)
            )
        }
        guard let own = members.first(where: { $0.name == configuration.name }) else {
            preconditionFailure("the configuration was checked to name this node")
        }
        let voters = Membership(voters: members.map(\.node))
        try WriteAheadLog.create(
            directory.logPath,
            identity: NodeIdentity(clusterID: clusterID, node: own.node, name: own.name),
            standing: NodeStanding(
                incarnation: Self.randomID(),
                hasBegun: false,
                members: members
            ),
            memberships: [MembershipRecord(index: .zero, membership: voters)]
        )
    }

    private var clusterID: [UInt8] {
        let list = configuration.cluster.map { "\($0.name)=\($0.place.text)" }
        return Array(SHA256.hash(data: Array(list.joined(separator: ",").utf8)).prefix(16))
    }

    static func randomID() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
