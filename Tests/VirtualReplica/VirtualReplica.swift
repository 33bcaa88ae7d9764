import Commands
package import LMDB
import NIOCore
package import NIOEmbedded
import Raft
package import Replica
package import StateMachine
import Watches

/// The real state machine and one event loop's real port on a virtual loop and clock, with a log
/// that commits when the test lets it: what the tests of both front ends stand on.
package final class VirtualReplica {
    package let eventLoop = EmbeddedEventLoop()
    package let port: LoopPort
    package let clock: LoopClock
    /// What the front ends know of the cluster.
    package let board: StatusBoard
    private var machine: Machine
    private let inbox: LoopInbox
    private let outbox: Mailbox<ReplicaInput>
    private let time: Time
    /// The last entry that was committed.
    package private(set) var index: UInt64 = 0
    /// The last signs of life that were to be told to the leader.
    package private(set) var heartbeats = Heartbeats()
    /// While set, nothing is committed.
    package var isPaused = false

    /// The virtual clocks: the loop's and the wall's.
    private final class Time {
        var milliseconds: Int64 = 1_795_493_164_000
        var microseconds: Int64 = 0
        var microsecondsPerLook: Int64 = 0
    }

    /// How far the clock for measuring goes with each look at it: what is done in between seems to
    /// take so long.
    package var microsecondsPerLook: Int64 {
        get { time.microsecondsPerLook }
        set { time.microsecondsPerLook = newValue }
    }

    /// - Parameter directory: an empty one, for the state.
    package init(directory: String) throws {
        let (environment, tables) = try Self.openState(directory)
        machine = try Machine(environment: environment, tables: tables)
        inbox = LoopInbox {}
        outbox = Mailbox {}
        let time = Time()
        self.time = time
        board = StatusBoard(Self.status)
        clock = LoopClock(
            monotonic: { time.milliseconds },
            wall: { time.milliseconds },
            microseconds: {
                time.microseconds += time.microsecondsPerLook
                return time.milliseconds * 1_000 + time.microseconds
            }
        )
        port = try LoopPort(
            loop: 0,
            environment: environment,
            tables: tables,
            inbox: inbox,
            outbox: outbox,
            board: board,
            clock: clock,
            limits: ReplicaLimits(),
            scheduleFlush: {}
        )
    }

    /// A new state in an empty directory.
    package static func openState(_ directory: String) throws -> (Environment, StateTables) {
        var options = EnvironmentOptions()
        options.mapBytes = 64 << 20
        options.tablesMax = StateTables.count
        options.isUnsynced = true
        let environment = try Environment(path: directory, options: options)
        return (environment, try StateTables.open(environment))
    }

    private static var status: ReplicaStatus {
        var status = ReplicaStatus(node: NodeID(1), name: "n1")
        status.role = .leader
        status.leader = NodeID(1)
        status.term = 1
        status.leaderAddress = "127.0.0.1:8300"
        status.servers = [
            .init(node: NodeID(1), name: "n1", address: "127.0.0.1:8300", isVoter: true)
        ]
        return status
    }

    /// Commits and delivers until nothing is left to do.
    package func settle() throws {
        for _ in 0..<20 {
            eventLoop.run()
            port.flushOutgoing()
            guard !isPaused else { return }
            for input in outbox.takeAll() { try commit(input) }
            try port.deliver()
            eventLoop.run()
        }
    }

    package func resume() throws {
        isPaused = false
        try settle()
    }

    package func advance(milliseconds: Int64) throws {
        time.milliseconds += milliseconds
        eventLoop.advanceTime(by: .milliseconds(milliseconds))
        try settle()
    }

    /// Gives the loop another state in place of its own, as a refill does: that of these entries.
    /// - Parameter directory: an empty one.
    package func replaceState(directory: String, with payloads: [[UInt8]]) throws {
        let (environment, tables) = try Self.openState(directory)
        machine = try Machine(environment: environment, tables: tables)
        index = 0
        _ = try machine.apply(payloads.map(entry)) { _ in }
        let body = LoopNotice.Body.replaced(environment, tables, index: index)
        inbox.announce(LoopNotice(transaction: 0, body: body))
        try settle()
    }

    /// Commits what the leader proposes by itself.
    package func leaderProposes(_ payload: [UInt8]) throws {
        try apply([entry(payload)], [])
        try settle()
    }

    private func commit(_ input: ReplicaInput) throws {
        guard case .requests(let requests) = input else { return }
        if !requests.heartbeats.isEmpty { heartbeats = requests.heartbeats }
        let entries = requests.proposals.map { entry($0.payload) }
        let origins = requests.proposals.enumerated().map { offset, proposal in
            EntryOrigin(offset: offset, origin: proposal.origin)
        }
        if !entries.isEmpty { try apply(entries, origins) }
        let waiting = requests.barriers + requests.catchUps
        if !waiting.isEmpty {
            let body = LoopNotice.Body.barrier(index: index, waiting)
            inbox.post(LoopNotice(transaction: 0, body: body))
        }
    }

    private func entry(_ payload: [UInt8]) -> CommittedEntry {
        index += 1
        var payload = payload
        CommandHeader.stamp(&payload, timeMilliseconds: time.milliseconds)
        return CommittedEntry(index: index, term: 1, payload: payload)
    }

    private func apply(_ entries: [CommittedEntry], _ origins: [EntryOrigin]) throws {
        _ = try machine.apply(entries) { batch in
            let body = LoopNotice.Body.delivery(batch, origins)
            inbox.announce(LoopNotice(transaction: batch.transactionID, body: body))
        }
    }
}
