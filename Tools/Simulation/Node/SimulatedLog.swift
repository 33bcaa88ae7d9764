import Raft
import RaftStore

/// A log in memory that keeps what it promises, and whose disk can fail.
///
/// `contents` is what the process sees; after a power cut it is what was synced. Without a mutant
/// every write is synced when it returns, as the seam demands.
final class SimulatedLog: DurableLog {
    /// What a log holds.
    struct Contents {
        var base = LogIndex.zero
        var baseTerm = Term.zero
        var entries: [Entry] = []
        var hardState = HardState()
        var memberships: [MembershipRecord] = []
        var manifests: [SnapshotManifest] = []

        var last: LogIndex { base.advanced(by: entries.count) }
    }

    private(set) var contents: Contents
    /// What a power cut leaves, where it is less than `contents`.
    private var synced: Contents?
    private let mutant: Mutant?
    private var writesUntilSync = 0
    /// An entry whose record does not verify.
    private var damaged: LogIndex?

    /// No write finds room.
    var isFull = false
    /// The next sync fails.
    var failsNextSync = false

    init(membership: Membership, mutant: Mutant?) {
        contents = Contents()
        contents.memberships = [MembershipRecord(index: .zero, membership: membership)]
        self.mutant = mutant
    }

    func restoredState(applied: LogIndex) -> RestoredState {
        RestoredState(
            hardState: contents.hardState,
            memberships: contents.memberships,
            applied: applied
        )
    }

    func membership(at index: LogIndex) -> MembershipRecord? {
        contents.memberships.last { $0.index <= index }
    }

    /// What is stored of an entry; nil if it is not held.
    func entry(at index: LogIndex) -> Entry? {
        guard index > contents.base, index <= contents.last else { return nil }
        return contents.entries[index.count(after: contents.base) - 1]
    }

    /// Whether a record that does not verify is still held.
    var isDamaged: Bool { damaged.map { $0 > contents.base && $0 <= contents.last } ?? false }

    /// Flips a bit of some entry's record, which every reader will find out by its checksum. False:
    /// there is none.
    func damageEntry(_ dice: Dice) -> Bool {
        guard !contents.entries.isEmpty else { return false }
        damaged = contents.base.advanced(by: dice.number(1...contents.entries.count))
        return true
    }

    // MARK: Writing

    var hardState: HardState { contents.hardState }
    var manifests: [SnapshotManifest] { contents.manifests }
    var room: Room { isFull ? .none("the simulated disk is full") : .normal }
    var hasGarbage: Bool { false }

    func write(_ write: LogWrite) throws(StoreError) {
        try prepare()
        if let snapshot = write.snapshot { restart(after: snapshot) }
        append(write.entries)
        contents.hardState = write.hardState
        if let memberships = write.memberships { contents.memberships = memberships }
        settle()
    }

    /// The moment before a power cut or a failure: the write under way may be on the disk whole.
    func tear(_ write: LogWrite) {
        if mutant == .tearsWrites {
            append(write.entries)
            contents.hardState = HardState()
            return
        }
        if let snapshot = write.snapshot {
            guard contents.manifests.contains(where: { $0.descriptor == snapshot }) else { return }
            restart(after: snapshot)
        }
        append(write.entries)
        contents.hardState = write.hardState
        if let memberships = write.memberships { contents.memberships = memberships }
    }

    private func restart(after snapshot: SnapshotDescriptor) {
        contents.base = snapshot.index
        contents.baseTerm = snapshot.term
        contents.entries = []
        damaged = nil
    }

    private func append(_ entries: [Entry]) {
        guard let first = entries.first else { return }
        if let found = damaged, found >= first.index { damaged = nil }
        let kept = first.index.previous.count(after: contents.base)
        precondition(kept <= contents.entries.count, "a write leaves a gap in the log")
        if mutant == .keepsConflicts {
            contents.entries += entries.filter { $0.index > contents.last }
            return
        }
        contents.entries.removeLast(contents.entries.count - kept)
        contents.entries += entries
    }

    func record(_ manifest: SnapshotManifest, keeping count: Int) throws(StoreError) {
        try prepare()
        contents.manifests.removeAll { $0.name == manifest.name }
        contents.manifests.append(manifest)
        contents.manifests.sort { $0.index < $1.index }
        contents.manifests = contents.manifests.suffix(count)
        settle()
    }

    func recordAlone(_ manifest: SnapshotManifest) throws(StoreError) {
        try prepare()
        contents.manifests = [manifest]
        settle()
    }

    func compact(upTo index: LogIndex) throws(StoreError) {
        let covered = contents.manifests.last?.index ?? .zero
        guard index <= covered else { throw .notCovered(index: index, snapshot: covered) }
        var target = min(index, contents.last)
        if mutant == .compactsTooFar { target = min(index.advanced(by: 40), contents.last) }
        guard target > contents.base else { return }
        let count = target.count(after: contents.base)
        contents.baseTerm = contents.entries[count - 1].term
        contents.base = target
        contents.entries.removeFirst(count)
    }

    func collectGarbage() throws(StoreError) {}

    func close() throws(StoreError) {}

    private func prepare() throws(StoreError) {
        if isFull { throw .diskFull(path: "wal", reason: "simulated") }
        if failsNextSync {
            failsNextSync = false
            throw .fsyncFailed(path: "wal", reason: "simulated")
        }
        if mutant == .skipsSync, synced == nil {
            synced = contents
            writesUntilSync = 3
        }
    }

    /// The sync of a write; the mutant does it once in a while.
    private func settle() {
        guard synced != nil else { return }
        writesUntilSync -= 1
        if writesUntilSync <= 0 { synced = nil }
    }

    // MARK: Stopping

    /// The disk is replaced by an empty one.
    func empty(membership: Membership) {
        contents = Contents()
        contents.memberships = [MembershipRecord(index: .zero, membership: membership)]
        synced = nil
        damaged = nil
    }

    /// The power goes: what was not synced is lost.
    func cutPower() {
        if let synced { contents = synced }
        synced = nil
    }

    /// What a mutant does to the disk between two processes.
    func spoilAtRestart() {
        switch mutant {
        case .forgetsVote: contents.hardState.vote = nil
        case .forgetsTerm:
            contents.hardState.term = contents.entries.last?.term ?? contents.baseTerm
            contents.hardState.vote = nil
        case .losesTail:
            if contents.last > contents.manifests.last?.index ?? .zero, !contents.entries.isEmpty {
                contents.entries.removeLast()
            }
        case .forgetsMembership:
            if let first = contents.memberships.first { contents.memberships = [first] }
        default: return
        }
    }
}

// MARK: - Reading

extension SimulatedLog {
    func firstIndex() throws(LogStorageError) -> LogIndex { contents.base.next }
    func lastIndex() throws(LogStorageError) -> LogIndex { contents.last }

    func term(at index: LogIndex) throws(LogStorageError) -> Term {
        if index == contents.base { return contents.baseTerm }
        return try held(index).term
    }

    func entries(
        from: LogIndex,
        to: LogIndex,
        bytesMax: Int
    ) throws(LogStorageError) -> [Entry] {
        var result: [Entry] = []
        var bytes = 0
        var index = from
        while index < to {
            let entry = try held(index)
            bytes += entry.weightBytes
            if !result.isEmpty, bytes > bytesMax { break }
            result.append(entry)
            index = index.next
        }
        return result
    }

    func snapshot() throws(LogStorageError) -> SnapshotDescriptor? {
        contents.manifests.last?.descriptor
    }

    private func held(_ index: LogIndex) throws(LogStorageError) -> Entry {
        if index <= contents.base { throw .compacted(index: index, first: contents.base.next) }
        if index == damaged { throw .damaged(index: index, "simulated") }
        guard let entry = entry(at: index) else {
            throw .unavailable(index: index, last: contents.last)
        }
        return entry
    }
}
