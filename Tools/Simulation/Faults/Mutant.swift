import Bytes
import Commands
import LMDB
import Raft
import Replica

/// Deliberate bugs, each of which the checks must find: they are what shows that the checks see.
///
/// All of them sit in what is simulated, or change what passes by there; the code of the server
/// knows nothing of them.
package enum Mutant: String, CaseIterable, Sendable {
    // The disk.
    /// Says that it synced, and does so for every third write only.
    case skipsSync
    /// A crash in the middle of a write leaves its entries and a blank hard state.
    case tearsWrites
    /// Forgets over a restart whom it voted for.
    case forgetsVote
    /// Forgets over a restart in which term it was.
    case forgetsTerm
    /// Loses the last stored entry over a restart.
    case losesTail
    /// Keeps its own entries where the leader's replace them.
    case keepsConflicts
    /// Drops entries that no snapshot covers.
    case compactsTooFar
    /// Goes on behind a received snapshot without putting it in the state's place.
    case installsNothing
    /// Takes up its first membership again at a restart.
    case forgetsMembership

    // The network.
    /// Takes every refused vote for a grant.
    case countsRefusals
    /// Votes for anyone, however short his log.
    case ignoresLogs
    /// Acknowledges one entry more than it has.
    case acknowledgesTooMuch
    /// Accepts entries without a look at what is before them.
    case skipsLogCheck
    /// Takes every term but a vote's for its own.
    case obeysOldTerms
    /// Takes the leader's whole log for committed.
    case commitsTooMuch
    /// Takes an entry of an older term for committed once a majority has it (Raft's figure 8).
    case countsOldTerms
    /// Sends a request to the leader twice.
    case forwardsTwice
    /// A follower serves linearizable reads from what it has.
    case skipsReadIndex
    /// The leader serves reads by a lease, which a paused process outlasts.
    case trustsOldLeader
    /// A leader's word that it leads is taken however old it is.
    case trustsOldWord

    // The replica's threads.
    /// Applies an entry differently on one node.
    case appliesDifferently
    /// Leaves a committed entry out.
    case skipsEntry
    /// Applies a batch twice.
    case appliesTwice
    /// Applies two entries in the wrong order.
    case swapsEntries
    /// Lets an expiry end a session whose client has come back since it was decided.
    case expiresReturned

    // One node's state, which the nodes must find by comparing theirs: no other check looks.
    /// Applies an entry differently on one node.
    case altersEntry
    /// A record that nobody reads or writes again changes on one node's disk.
    case rotsRecord

    // The front ends.
    /// Tells a client that its write is done when it has only been sent.
    case answersEarly
    /// Loses a watch's event now and then.
    case losesEvents
    /// Tells a watch's event twice now and then.
    case doublesEvents
    /// Tells a watch's event after the answer that shows what caused it.
    case tellsEventsLate
    /// Tells a client that its session is closed, which goes on.
    case keepsSessions
    /// Gives two holders of a lock the same fencing number now and then.
    case repeatsFences

    // The operator.
    /// A machine that lost its disk comes back with an empty one as the voter that it was.
    case votesEmptied

    package var name: String { rawValue }

    var isForNodesToFind: Bool { self == .altersEntry || self == .rotsRecord }

    /// Within how many seeds it must be found.
    package var seedsMax: UInt64 {
        switch self {
        // Two things must meet within a moment.
        case .forgetsVote, .trustsOldLeader, .countsOldTerms: 600
        default: 200
        }
    }

    /// What a run needs for this bug to come up at all.
    func adjust(_ settings: inout TrialSettings) {
        settings.faultMicroseconds = 400_000
        settings.thinkMicroseconds = 120_000
        switch self {
        case .compactsTooFar, .installsNothing:
            settings.entriesPerSnapshot = 40
            settings.replica.trailingEntries = 0
            settings.faults = [.processCrash, .fullPartition, .fullPartition]
        case .forgetsVote, .forgetsTerm, .tearsWrites, .countsRefusals:
            settings.raft.isPreVoteEnabled = false
            settings.faults = [.processCrash, .processCrash, .fullPartition, .slowWires]
        case .skipsSync, .losesTail, .keepsConflicts, .forgetsMembership:
            settings.faults = [.processCrash, .powerCut, .fullPartition, .membershipChange]
        case .ignoresLogs, .skipsLogCheck, .obeysOldTerms, .acknowledgesTooMuch,
            .commitsTooMuch, .skipsReadIndex:
            settings.faults = [.fullPartition, .split, .loss, .reordering, .pause, .processCrash]
        case .trustsOldWord:
            // Its thread waits for the disk, while its event loop goes on: a client that writes
            // waits with it, and reads must come after the election, not before.
            settings.nodeCount = 3
            settings.faultyMicroseconds = 90_000_000
            settings.thinkMicroseconds = 1_000_000
            settings.faults = [.diskStall, .pause, .fullPartition]
        case .altersEntry, .rotsRecord:
            // One wrong state must not become two by a snapshot of it.
            settings.nodeCount = 3
            settings.entriesPerSnapshot = 100
            settings.replica.trailingEntries = 2_000
            settings.faultyMicroseconds = 90_000_000
            settings.faults = [.slowWires, .brokenConnections, .leadershipTransfer, .clockDrift]
        case .expiresReturned:
            // The leader decides before it has applied what is in the log.
            settings.ownerCount = 6
            settings.faults = [.slowDisk, .slowDisk, .slowWires]
        case .votesEmptied:
            settings.faults = [.diskLoss, .diskLoss, .fullPartition, .processCrash]
        case .trustsOldLeader:
            // A read that was asked for before the election is no proof, and a leader that hears of
            // it steps down: it must be cut off when it wakes.
            settings.nodeCount = 3
            settings.faultyMicroseconds = 90_000_000
            settings.thinkMicroseconds = 400_000
            settings.faults = [.pause, .fullPartition]
        case .countsOldTerms:
            // Entries of older terms travel before the leader's own.
            settings.nodeCount = 3
            settings.raft.appendBytesMax = 1
            settings.faults = [.processCrash, .fullPartition, .slowWires]
        default: break
        }
    }

    /// A bug that is a setting.
    func spoil(_ settings: inout TrialSettings) {
        if self == .trustsOldLeader { settings.raft.leaseTicks = 9 }
    }

    // MARK: Messages

    /// What the bug makes of a message that arrives.
    func spoil(_ message: inout Message, in trial: Trial) {
        switch (self, message.body) {
        case (.countsRefusals, .voteResponse(var response)):
            response.vote = .granted
            message.body = .voteResponse(response)
        case (.ignoresLogs, .voteRequest(var request)):
            request.lastTerm = Term(1 << 40)
            message.body = .voteRequest(request)
        case (.acknowledgesTooMuch, .appendResponse(.accepted(let match))):
            message.body = .appendResponse(.accepted(match: match.next))
        case (.skipsLogCheck, .append(var append)):
            let log = trial.host(message.to).log
            guard let held = log.entry(at: append.previousIndex) else { return }
            append.previousTerm = held.term
            message.body = .append(append)
        case (.obeysOldTerms, .voteRequest), (.obeysOldTerms, .voteResponse): return
        case (.obeysOldTerms, _):
            guard let term = trial.process(message.to)?.status.term else { return }
            message.term = term
        case (.forgetsVote, .voteResponse(let response)):
            guard response.vote == .granted, trial.dice.chance(500) else { return }
            trial.bounce(trial.host(message.from))
        case (.commitsTooMuch, .append(var append)):
            append.commit = append.previousIndex.advanced(by: append.entries.count)
            message.body = .append(append)
        case (.countsOldTerms, .append(var append)):
            if isFirst(append, of: message), !trial.isCalm, trial.dice.chance(850) {
                trial.bounce(trial.host(message.from))
                return trial.bounce(trial.host(message.to))
            }
            append.commit = max(append.commit, heldByMajority(append, message, in: trial))
            message.body = .append(append)
        case (.skipsReadIndex, .readResponse(let read, _)):
            message.body = .readResponse(read, index: .zero)
        default: break
        }
    }

    /// Whether it brings a leader's own first entry, without which older ones must not count.
    private func isFirst(_ append: Message.Append, of message: Message) -> Bool {
        append.entries.contains { $0.kind == .empty && $0.term == message.term }
    }

    /// Up to where a majority has what the message brings or follows, whatever its term.
    private func heldByMajority(
        _ append: Message.Append,
        _ message: Message,
        in trial: Trial
    ) -> LogIndex {
        let leader = trial.host(message.from).log
        let voters = trial.oracle.membership.incoming
        var index = append.previousIndex.advanced(by: append.entries.count)
        while let entry = leader.entry(at: index) {
            let holders = voters.count {
                $0 == message.to || trial.host($0).log.entry(at: index)?.term == entry.term
            }
            if holders * 2 > voters.count { return index }
            index = index.previous
        }
        return .zero
    }

    // MARK: The state

    /// Adds a record where there must be none, once.
    func spoil(_ state: StateHome.State, on host: Host, in trial: Trial) {
        guard self == .rotsRecord, host.id == NodeID(1), !host.home.hasRotted,
            trial.dice.chance(20)
        else { return }
        host.home.hasRotted = true
        do {
            let table = try state.environment.openTables(["delays"], create: false)[0]
            var transaction = try WriteTransaction(state.environment)
            let key = Array("rot".utf8)
            try transaction.put(key.rawSpan, key.rawSpan, in: table)
            try transaction.commit()
        } catch {
            preconditionFailure("the simulator's own bug: \(error)")
        }
    }

    // MARK: Orders

    /// What the bug makes of an order to the thread that applies.
    func spoil(_ order: ApplyOrder, on host: Host, in trial: Trial) -> [ApplyOrder] {
        guard case .apply(var batch) = order else { return [order] }
        switch self {
        case .appliesDifferently, .altersEntry:
            guard host.id == NodeID(1), !host.home.hasRotted, trial.dice.chance(20) else {
                return [order]
            }
            for offset in batch.entries.indices where batch.entries[offset].payload.count > 40 {
                batch.entries[offset].payload[9] ^= 1
                host.home.hasRotted = self == .altersEntry
            }
        case .skipsEntry:
            guard trial.dice.chance(5) else { return [order] }
            for offset in batch.entries.indices { batch.entries[offset].payload = [] }
        case .appliesTwice:
            if trial.dice.chance(5) { return [order, order] }
        case .swapsEntries:
            guard batch.entries.count > 1 else { return [order] }
            let last = batch.entries.count - 1
            let payload = batch.entries[last].payload
            batch.entries[last].payload = batch.entries[last - 1].payload
            batch.entries[last - 1].payload = payload
        case .expiresReturned:
            for offset in batch.entries.indices {
                batch.entries[offset].payload = decidedForAll(batch.entries[offset].payload)
            }
        default: break
        }
        return [.apply(batch)]
    }

    /// The command without the connection that it was decided for, if it is an expiry.
    private func decidedForAll(_ payload: [UInt8]) -> [UInt8] {
        guard payload.count > 1, payload[1] == CommandKind.closeSession.rawValue else {
            return payload
        }
        do throws(CommandError) {
            guard case (var header, .closeSession(let close)) = try Command.decode(payload.rawSpan),
                close.expired
            else { return payload }
            header.connection = 0
            return close.encode(header)
        } catch { preconditionFailure("an entry that does not decode: \(error)") }
    }
}
