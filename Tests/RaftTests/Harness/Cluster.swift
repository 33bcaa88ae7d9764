import Raft

/// Several members and the network between them, in one thread; nothing happens by itself.
final class Cluster {
    struct Link: Hashable {
        var from: NodeID
        var to: NodeID
    }

    private(set) var members: [Member] = []
    var wire: [Message] = []
    var cuts: Set<Link> = []
    /// Told of everything that happens, in order.
    var trace: (String) -> Void = { _ in }
    var onCommitted: (Member, [Entry]) throws -> Void = { _, _ in }
    var onLeadership: (Member, Leadership) throws -> Void = { _, _ in }
    var onRead: (Member, ReadState) throws -> Void = { _, _ in }
    let limits: RaftLimits

    init(limits: RaftLimits) { self.limits = limits }

    func member(_ id: NodeID) -> Member? { members.first { $0.id == id } }

    func add(_ id: NodeID, membership: Membership) throws {
        let restored = RestoredState.bootstrap(membership)
        members.append(try Member(id: id, restored: restored, limits: limits))
    }

    /// Replaces a member by one with an empty disk.
    func wipe(_ id: NodeID) throws {
        try replace(id, by: RestoredState.bootstrap(Membership()))
    }

    /// Replaces a member by one that starts from something else.
    func replace(_ id: NodeID, by restored: RestoredState) throws {
        guard let position = members.firstIndex(where: { $0.id == id }) else { return }
        members[position] = try Member(id: id, restored: restored, limits: limits)
    }

    // MARK: One thing at a time

    /// Takes one Ready of a member. Returns whether there was one.
    func process(_ member: Member) throws -> Bool {
        guard !member.isDown,
            let ready = try member.change({ node throws(RaftError) in
                try node.ready()
            })
        else { return false }
        if let leadership = ready.leadership { try note(leadership, of: member) }
        wire += ready.messages
        wire += ready.snapshotTransfers.map { transfer in
            Message(
                from: member.id,
                to: transfer.to,
                term: transfer.term,
                body: .snapshot(transfer.snapshot)
            )
        }
        if let write = ready.write { member.pending.append(write) }
        try apply(ready.committed, on: member)
        for read in ready.reads {
            let index = read.index.map { "at \($0.rawValue)" } ?? "must be asked again"
            trace("\(member.id.rawValue) read \(read.id.rawValue) \(index)")
            try onRead(member, read)
        }
        return true
    }

    private func note(_ leadership: Leadership, of member: Member) throws {
        let leader = leadership.leader.map { "\($0.rawValue)" } ?? "none"
        trace(
            "\(member.id.rawValue) is \(leadership.role) term=\(leadership.term.rawValue)"
                + " leader=\(leader)"
        )
        try onLeadership(member, leadership)
    }

    private func apply(_ entries: [Entry], on member: Member) throws {
        guard let last = entries.last else { return }
        trace("\(member.id.rawValue) applies \(entries.text)")
        try onCommitted(member, entries)
        member.disk.apply(upTo: last.index)
        try member.change { node throws(RaftError) in node.applied(upTo: last.index) }
    }

    func store(_ member: Member) -> Bool {
        guard !member.isDown, !member.isDiskHeld, let write = member.storeNext() else {
            return false
        }
        trace("\(member.id.rawValue) stores \(write.text)")
        return true
    }

    func deliver(_ message: Message) throws {
        let isCut = cuts.contains(Link(from: message.from, to: message.to))
        let receiver = member(message.to).flatMap { $0.isDown || isCut ? nil : $0 }
        trace(message.text + (receiver == nil ? " LOST" : ""))
        if let receiver {
            try receiver.change { node throws(RaftError) in try node.step(message) }
        }
        if case .snapshot = message.body, let sender = member(message.from), !sender.isDown {
            try sender.change { node throws(RaftError) in
                node.snapshotSent(to: message.to, succeeded: receiver != nil)
            }
        }
    }

    /// A snapshot's stream ends before its end.
    func breakOff(_ snapshot: Message) throws {
        guard let sender = member(snapshot.from), !sender.isDown else { return }
        try sender.change { node throws(RaftError) in
            node.snapshotSent(to: snapshot.to, succeeded: false)
        }
    }

    // MARK: Many things

    /// Goes on until nothing is left to do without time passing.
    func settle(stepsMax: Int = 10_000) throws {
        for _ in 0..<stepsMax {
            var isQuiet = true
            for member in members {
                while try process(member) { isQuiet = false }
                while store(member) { isQuiet = false }
            }
            let arriving = wire
            wire.removeAll()
            for message in arriving { try deliver(message) }
            if isQuiet, arriving.isEmpty { return }
        }
        throw ClusterError.neverQuiet
    }

    func cut(_ left: NodeID, _ right: NodeID) {
        cuts.insert(Link(from: left, to: right))
        cuts.insert(Link(from: right, to: left))
    }
}

enum ClusterError: Error, Equatable {
    case neverQuiet
    case unsafe(String)
    case badCommand(String)
}
