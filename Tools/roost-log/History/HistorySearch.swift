import Bytes
import Commands
import Raft
import RaftStore
import StateMachine

/// Walks through what a directory has kept, and gives each entry that had to do with a subject.
struct HistorySearch {
    private let replay: Replay
    private let subject: Subject
    private(set) var isDamaged = false
    /// Where it began, in words.
    private(set) var beginning = ""

    init(_ replay: Replay, _ subject: Subject) {
        self.replay = replay
        self.subject = subject
    }

    /// The oldest base that the log leads on from, with the subject as it was there; nil where the
    /// log begins in the middle and there is none.
    private func start() throws -> (base: StartingState, items: [StateItem])? {
        for base in try StartingState.all(of: replay.directory).reversed() {
            guard base.index.next >= replay.log.first, base.index <= replay.committed,
                !base.isDoubtful, !base.isOwnState || base.index.next == replay.log.first
            else { continue }
            if case .nothing = base.source { return (base, []) }
            guard try base.damage().isEmpty else { continue }
            return (base, try base.read(scratch: replay.scratch, subject.items))
        }
        return nil
    }

    // MARK: By the entries alone

    /// Reads the log once, at the speed of the disk.
    mutating func scan(_ body: (HistoryRow) -> Bool) throws {
        let start = try start()
        beginning = start?.base.text ?? "entry \(replay.log.first.rawValue), in the middle"
        let first = max(replay.log.first, start?.base.index.next ?? .zero)
        guard first <= replay.log.last else { return }
        var trail = Trail(subject, item: start?.items.first, isSure: start != nil)
        var picker = EntryPicker(subject)
        Self.follow(trail, &picker)
        let progress = Progress("searched")
        var seen: UInt64 = 0
        let count = replay.log.last.rawValue - first.rawValue + 1
        var damage: [Damage] = []
        try replay.directory.log.forEachEntry(first...replay.log.last) { payload in
            seen += 1
            if seen & 0xfff == 0 { progress.note(seen, of: count) }
            return picker.wants(payload)
        } _: { item in
            switch item {
            case .damage(let found, _):
                damage.append(found)
                return damage.count < InspectorLimits.historyDamageMax
            case .entry(let entry):
                let payload = entry.payload
                guard picker.wants(payload.rawSpan) else { return true }
                let described = DescribedEntry(entry)
                guard subject.isNamed(in: described),
                    let row = trail.step(entry, described)
                else { return true }
                Self.follow(trail, &picker)
                return body(row)
            }
        }
        progress.end()
        tell(damage)
    }

    private static func follow(_ trail: Trail, _ picker: inout EntryPicker) {
        for owner in trail.owners { picker.follow(owner) }
        if let holder = trail.holder { picker.follow(holder: holder) }
    }

    private mutating func tell(_ damage: [Damage]) {
        for found in damage { Output.complain("\(found)") }
        if !damage.isEmpty { isDamaged = true }
    }

    // MARK: By replaying

    /// Applies every entry, by the server's own rules: what it gives is exact.
    mutating func replayAll(_ body: (HistoryRow) -> Bool) throws {
        guard let start = try start() else {
            _ = try replay.base(for: replay.committed, usesState: false)
            return
        }
        beginning = start.base.text
        let state = try ScratchState(from: start.base, in: replay.scratch)
        let picker = EntryPicker(subject)
        let subject = self.subject
        var items = start.items
        var isWanted = true
        do {
            try replay.advance(state, through: replay.committed) { entry in
                let payload = entry.payload
                return picker.wants(payload.rawSpan)
                    || EntryPicker.mayReach(items, payload.rawSpan)
            } pause: { applied, entry in
                let after = try state.read(subject.items)
                let described = DescribedEntry(entry)
                let isChanged = Subject.comparable(items) != Subject.comparable(after)
                if isChanged || subject.isAddressed(by: described) {
                    let row = HistoryRow(
                        entry: described,
                        result: Self.result(applied.entries.first?.outcome, isChanged),
                        before: HistoryRow.Version(items),
                        after: HistoryRow.Version(after)
                    )
                    isWanted = body(row)
                }
                items = after
                if !isWanted { throw Enough() }
            }
        } catch is Enough { return }
    }

    private struct Enough: Error {}

    private static func result(_ outcome: Outcome?, _ isChanged: Bool) -> HistoryRow.Result {
        if isChanged { return .done }
        switch outcome {
        case .znode(.failed(let error)): return .refused("\(error)")
        case .znode(.multi(let outcomes)):
            guard let error = outcomes.lazy.compactMap(\.error).first else { return .unchanged }
            return .refused("\(error)")
        case .znode(.sessionRefused): return .refused("no such session, or a wrong password")
        case .znode(.expiryOutdated), .consul(.expiryOutdated):
            return .refused("found by a leader of before")
        case .consul(.failed(let error)): return .refused("\(error)")
        case .consul(.key(false)): return .refused("its condition did not hold")
        case .consul(.transaction(let outcome)) where !outcome.failures.isEmpty:
            return .refused("\(outcome.failures[0].error)")
        default: return .unchanged
        }
    }
}

extension DescribedEntry {
    init(_ entry: CommittedEntry) {
        self.init(
            Entry(
                index: LogIndex(entry.index),
                term: Term(entry.term),
                kind: entry.payload.isEmpty ? .empty : .normal,
                payload: entry.payload
            )
        )
    }
}

extension Subject {
    /// Whether an entry names it, or what it belongs to, so that `Trail` is to look at it.
    fileprivate func isNamed(in entry: DescribedEntry) -> Bool {
        switch self {
        case .znode, .key: true
        default: isAddressed(by: entry)
        }
    }

    /// Whether an entry asks for something of it by its name.
    func isAddressed(by entry: DescribedEntry) -> Bool {
        guard let summary = entry.summary else { return false }
        switch self {
        case .znode(let path): return summary.kind.isZooKeepers && summary.paths.contains(path)
        case .key(let key): return !summary.kind.isZooKeepers && summary.paths.contains(key)
        case .zooKeeperSession(let id): return summary.session == id
        case .consulSession(let id): return summary.consulSessions.contains(id)
        case .service(let name): return summary.names(["service", "serviceName"], name)
        case .node(let name): return summary.names(["node"], name)
        }
    }
}

extension CommandSummary {
    fileprivate func names(_ fields: Set<String>, _ name: ByteString) -> Bool {
        self.fields.contains { fields.contains($0.name) && $0.value == name.text }
    }
}
