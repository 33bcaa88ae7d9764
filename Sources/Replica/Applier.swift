import Commands
package import LMDB
package import Raft
package import StateMachine

/// Applies what is committed, tells the event loops what it did, and keeps the leader informed of
/// leases that begin and end. It has one owner; batches cross to it and from it, never single
/// requests.
package final class Applier {
    private var machine: Machine
    private let loops: [LoopInbox]
    private let limits: ReplicaLimits
    private var reading: StateReading
    private var barriers: [(index: LogIndex, origins: [Origin])] = []
    private var lastTransaction: UInt64 = 0

    package private(set) var applied: LogIndex

    package init(
        machine: Machine,
        tables: StateTables,
        environment: Environment,
        loops: [LoopInbox],
        limits: ReplicaLimits
    ) throws(ReplicaError) {
        self.machine = machine
        self.loops = loops
        self.limits = limits
        do throws(LMDBError) {
            reading = try StateReading(environment, tables)
            try reading.open()
        } catch { throw .state(.storage(error)) }
        lastTransaction = reading.id
        reading.close()
        applied = LogIndex(machine.summary.appliedIndex)
    }

    /// Joins batches that wait one behind the other, so that they cost one commit.
    package static func join(_ orders: [ApplyOrder], entriesMax: Int) -> [ApplyOrder] {
        var joined: [ApplyOrder] = []
        for order in orders {
            guard case .apply(let next) = order, case .apply(var batch)? = joined.last,
                batch.entries.count + next.entries.count <= entriesMax
            else {
                joined.append(order)
                continue
            }
            joined.removeLast()
            let offset = batch.entries.count
            batch.entries.append(contentsOf: next.entries)
            for origin in next.origins {
                batch.origins.append(
                    EntryOrigin(offset: origin.offset + offset, origin: origin.origin)
                )
            }
            batch.startsLeases = batch.startsLeases || next.startsLeases
            joined.append(.apply(batch))
        }
        return joined
    }

    /// Carries one order out. When it throws, nothing of it was done, and it can be tried again.
    package func perform(_ order: ApplyOrder) throws(ReplicaError) -> ApplyReport? {
        switch order {
        case .apply(let batch): return try apply(batch)
        case .barrier(let index, let origins):
            barriers.append((index, origins))
            answerBarriers()
            return nil
        case .chores(let chores): return try look(for: chores)
        case .install, .refill: preconditionFailure("the owner of the state's directory installs")
        }
    }

    /// A snapshot has taken the state's place: everybody reads the new one from now on.
    package func replace(
        machine: Machine,
        tables: StateTables,
        environment: Environment
    ) throws(ReplicaError) -> ApplyReport {
        self.machine = machine
        do throws(LMDBError) {
            reading = try StateReading(environment, tables)
            try reading.open()
        } catch { throw .state(.storage(error)) }
        lastTransaction = reading.id
        reading.close()
        applied = LogIndex(machine.summary.appliedIndex)
        let body = LoopNotice.Body.replaced(
            environment,
            tables,
            index: machine.summary.appliedIndex
        )
        for loop in loops { loop.post(LoopNotice(transaction: 0, body: body)) }
        answerBarriers()
        var report = firstReport
        try read { view throws(StateError) in report.members = try view.members }
        return report
    }

    /// What is to be known of a state that was opened just now.
    package var firstReport: ApplyReport {
        var report = ApplyReport(applied: applied)
        report.beginsSince = machine.summary.digestSince
        report.marks = [machine.summary.mark]
        return report
    }

    private func apply(_ batch: CommittedBatch) throws(ReplicaError) -> ApplyReport {
        var origins = batch.origins[...]
        let commands = batch.entries.enumerated().map { offset, entry in
            let isAnswered = origins.first?.offset == offset
            if isAnswered { origins = origins.drop { $0.offset == offset } }
            return CommittedEntry(
                index: entry.index.rawValue,
                term: entry.term.rawValue,
                payload: entry.kind == .normal ? entry.payload : [],
                isAnswered: isAnswered
            )
        }
        var announced: UInt64 = 0
        let result: AppliedBatch
        do {
            result = try machine.apply(commands) { result in
                announced = result.transactionID
                announce(result, batch.origins)
            }
        } catch {
            if announced != 0 {
                for loop in loops {
                    loop.withdraw(transaction: announced)
                    // What stood behind it need not wait for the next batch.
                    loop.ring()
                }
            }
            throw .state(error)
        }
        lastTransaction = result.transactionID
        if let last = batch.entries.last { applied = last.index }
        answerBarriers()
        ring(result, batch.origins)
        return try report(result, startsLeases: batch.startsLeases)
    }

    /// Wakes the loops that have an answer to give, a session to end, or clients that listen.
    private func ring(_ result: AppliedBatch, _ origins: [EntryOrigin]) {
        let endsSessions = result.changes.contains(where: \.concernsConnections)
        for (number, loop) in loops.enumerated() {
            if endsSessions || origins.contains(where: { $0.origin.loop == number }) {
                loop.ring()
            } else {
                loop.ringListener()
            }
        }
    }

    private func announce(_ result: AppliedBatch, _ origins: [EntryOrigin]) {
        let notice = LoopNotice(
            transaction: result.transactionID,
            body: .delivery(result, origins)
        )
        for loop in loops { loop.announce(notice) }
    }

    private func answerBarriers() {
        guard !barriers.isEmpty else { return }
        for barrier in barriers where barrier.index <= applied {
            let notice = LoopNotice(
                transaction: lastTransaction,
                body: .barrier(index: barrier.index.rawValue, barrier.origins)
            )
            for (number, loop) in loops.enumerated()
            where barrier.origins.contains(where: { $0.loop == number }) {
                loop.post(notice)
            }
        }
        barriers.removeAll { $0.index <= applied }
    }

    // MARK: What the leader is told

    private func report(
        _ result: AppliedBatch,
        startsLeases: Bool
    ) throws(ReplicaError) -> ApplyReport {
        var report = ApplyReport(applied: applied)
        report.marks = result.marks
        let concerned = result.changes.filter(\.concernsLeases)
        let concernsMembers = result.changes.contains {
            if case .member = $0 { true } else { false }
        }
        guard startsLeases || concernsMembers || !concerned.isEmpty else { return report }
        try read { view throws(StateError) in
            if concernsMembers { report.members = try view.members }
            if startsLeases { report.leasesAll = try LeaseCensus.all(view) }
            for change in concerned { try LeaseCensus.collect(change, view, &report.leases) }
        }
        return report
    }

    private func look(for chores: Chores) throws(ReplicaError) -> ApplyReport {
        var report = ApplyReport(applied: applied)
        try read { view throws(StateError) in
            if chores.findsContainers {
                let paths = try view.unusedContainers(countMax: limits.containersPerCheckMax)
                report.due = paths.map { LeaderCommands.deleteContainer($0) }
            }
            report.due += try LeaseCensus.reaping(chores.critical, view)
        }
        return report
    }

    private func read(
        _ body: (borrowing StateView) throws(StateError) -> Void
    ) throws(ReplicaError) {
        do { try reading.open() } catch { throw .state(.storage(error)) }
        defer { reading.close() }
        do { try reading.view(body) } catch { throw .state(error) }
    }
}

extension Change {
    /// Whether a connection may lose its session by it.
    fileprivate var concernsConnections: Bool {
        switch self {
        case .zooKeeperSessionAttached, .zooKeeperSessionClosed: true
        case .consulSession, .check, .znode, .key, .keyTree, .node, .service, .token, .member: false
        }
    }

    /// Whether sessions or checks, and with them leases, may have begun or ended.
    fileprivate var concernsLeases: Bool {
        switch self {
        case .zooKeeperSessionAttached, .zooKeeperSessionClosed, .consulSession, .check: true
        case .znode, .key, .keyTree, .node, .service, .token, .member: false
        }
    }
}
