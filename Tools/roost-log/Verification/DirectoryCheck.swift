import Raft
import RaftStore
import StateMachine

/// Checks a whole data directory: the log page by page and entry by entry, each snapshot, the
/// state, and whether the three fit together.
struct DirectoryCheck {
    private let directory: InspectedDirectory
    private(set) var findings: [Finding] = []
    /// What was looked at, in words.
    private(set) var report: [(name: String, text: String)] = []
    private(set) var log: LogVerdict?

    private var state: StateSummary?
    /// The newest snapshot that a state could be rebuilt from.
    private var newestSnapshot: SnapshotManifest?
    private var entries = EntryCheck()

    init(_ directory: InspectedDirectory) { self.directory = directory }

    /// The worst class that was found.
    var worst: Finding.Class? {
        Finding.Class.allCases.first { group in findings.contains { $0.group == group } }
    }

    mutating func run() throws {
        // The state before the log: what it has applied is in the log then, also of a server that
        // goes on writing.
        try checkState()
        try checkLog()
        try checkSnapshots()
        checkFit()
    }

    private mutating func note(_ group: Finding.Class, _ place: String, _ damage: Damage) {
        if findings.count < InspectorLimits.findingsMax {
            findings.append(Finding(group, place, damage))
        }
    }

    /// Damage is what is looked for; any other error ends the check.
    private static func damage(_ error: StoreError) throws(StoreError) -> [Damage] {
        guard case .damaged(_, let damage) = error else { throw error }
        return damage
    }

    // MARK: State

    private mutating func checkState() throws {
        guard let found = directory.state else {
            report.append(("state", "none yet"))
            return
        }
        guard found.trust.isTrusted || directory.isServed else {
            let trust = found.trust.text(
                isServed: false,
                remedy: "rebuilds it from snapshot and log"
            )
            report.append(("state", "not looked at; \(trust)"))
            return
        }
        var damage: [Damage] = []
        do throws(StoreError) {
            if let found = try found.verifyPages() { damage = [found] }
        } catch { damage = try Self.damage(error) }
        guard damage.isEmpty else {
            for damage in damage { note(.stateMismatch, "state", damage) }
            report.append(("state", "damaged"))
            return
        }
        try checkReferences(try StartingState.all(of: directory).first(where: \.isOwnState))
        state = try found.summary()
        report.append(("state", "whole, applied up to \(state?.appliedIndex ?? 0)"))
    }

    private mutating func checkReferences(_ base: StartingState?) throws {
        guard let base else { return }
        let (group, place) = Finding.place(of: base)
        for damage in try Self.references(in: base) { note(group, place, damage) }
    }

    /// Where a state's records do not refer to each other as they should. A running server's is
    /// looked at as it was at one moment.
    static func references(in base: StartingState) throws -> [Damage] {
        var flaws: [Damage] = []
        do {
            try base.read(scratch: "/nowhere") { view in
                var check = ReferenceCheck(view) { flaw in
                    flaws.append(Damage(.record, "table \(flaw.table): \(flaw.text)"))
                    return flaws.count < InspectorLimits.flawsMax
                }
                try check.run()
            }
        } catch let error as StateError { flaws.append(Damage(.record, "\(error)")) }
        return flaws
    }

    /// Compares digests by a replay, for those who have the time.
    mutating func replay(scratch: String) throws {
        guard worst != .logDamage else {
            report.append(("replay", "not done: the log is damaged"))
            return
        }
        var check = DigestCheck(try Replay(directory, scratch: scratch))
        try check.run()
        findings += check.findings
        report.append(("replay", check.report))
    }

    // MARK: Log

    private mutating func checkLog() throws {
        let verdict: LogVerdict
        do throws(StoreError) {
            verdict = try directory.log.verify()
        } catch {
            for damage in try Self.damage(error) { note(.logDamage, "log", damage) }
            report.append(("log", "damaged"))
            return
        }
        log = verdict
        let isTorn = verdict.olderDamage == [] && directory.logTrust.mayBeTorn
        for damage in verdict.damage { note(isTorn ? .tornTail : .logDamage, "log", damage) }
        if verdict.damage.isEmpty { try checkEntries() }
        report.append(("log", text(verdict)))
    }

    private mutating func checkEntries() throws {
        guard let commit = log?.commit, commit.firstIndex <= commit.lastIndex else { return }
        entries.watched = watchedIndexes()
        var entries = entries
        try directory.log.forEachEntry(commit.firstIndex...commit.lastIndex) { item in
            entries.add(item)
            return true
        }
        self.entries = entries
        for damage in entries.damage { note(.logDamage, "log", damage) }
    }

    /// The entries whose term the state and the snapshots repeat.
    private func watchedIndexes() -> Set<LogIndex> {
        let snapshots = (try? directory.snapshots().compactMap(\.manifest?.index)) ?? []
        return Set(snapshots + [LogIndex(state?.appliedIndex ?? 0)])
    }

    private func text(_ verdict: LogVerdict) -> String {
        let numbers = verdict.statistics
        let whole = verdict.damage.isEmpty ? "whole" : "damaged"
        guard let commit = verdict.commit else { return whole }
        return "\(whole), entries \(commit.firstIndex.rawValue) to \(commit.lastIndex.rawValue) in "
            + "\(numbers.records) records; \(numbers.pages) pages, \(numbers.freePages) of them "
            + "free; transaction \(verdict.transaction)"
    }

    // MARK: Snapshots

    private mutating func checkSnapshots() throws {
        let found = try directory.snapshots()
        var whole = 0
        for snapshot in found {
            let damage = try Self.verify(snapshot, isServed: directory.isServed)
            for damage in damage { note(.snapshotDamage, "snapshot \(snapshot.name)", damage) }
            guard damage.isEmpty, let manifest = snapshot.manifest else { continue }
            whole += 1
            if let summary = try snapshot.summary() {
                try checkReferences(StartingState(source: .snapshot(snapshot), summary: summary))
            }
            checkTerm(manifest)
            if newestSnapshot == nil { newestSnapshot = manifest }
        }
        try checkRecorded(found)
        report.append(("snapshots", "\(found.count), \(whole) of them whole"))
    }

    /// A snapshot that the log has on record must be there. Asked again beside a running server,
    /// which may have made a newer one and removed it.
    private mutating func checkRecorded(_ found: [InspectedSnapshot]) throws {
        let contents: LogContents
        do throws(StoreError) { contents = try directory.log.contents() } catch {
            // Told already, as damage of the log.
            _ = try Self.damage(error)
            return
        }
        let present = found + (try directory.snapshots())
        for manifest in contents.manifests
        where !present.contains(where: { $0.isRecorded(as: manifest) }) {
            note(
                .snapshotDamage,
                "snapshot \(manifest.name)",
                Damage(.snapshot, index: manifest.index, "it is on record and not there")
            )
        }
    }

    private mutating func checkTerm(_ manifest: SnapshotManifest) {
        guard let term = entries.terms[manifest.index], term != manifest.term else { return }
        let text = "it says term \(manifest.term.rawValue), the log \(term.rawValue)"
        let damage = Damage(.snapshot, index: manifest.index, text)
        note(.snapshotDamage, "snapshot \(manifest.name)", damage)
    }

    /// Everything about one snapshot. One that a running server has removed meanwhile is whole.
    static func verify(
        _ snapshot: InspectedSnapshot,
        isServed: Bool
    ) throws -> [Damage] {
        var damage = try snapshot.verify()
        if damage.isEmpty, let manifest = snapshot.manifest {
            let summary = try snapshot.summary()
            let applied = (summary?.appliedIndex ?? 0, summary?.appliedTerm ?? 0)
            if applied != (manifest.index.rawValue, manifest.term.rawValue) {
                let text = "the copy is of entry \(applied.0), term \(applied.1)"
                damage.append(Damage(.snapshot, index: manifest.index, text))
            }
        }
        if isServed, !damage.isEmpty, snapshot.isGone() { return [] }
        return damage
    }

    // MARK: Fit

    /// Whether log, snapshots and state reach each other without a gap.
    private mutating func checkFit() {
        guard let log, log.damage.isEmpty, let commit = log.commit else { return }
        let reached = commit.firstIndex.previous...commit.lastIndex
        if let state {
            checkFit(state, commit, reached)
        } else if !findings.contains(where: { $0.place == "state" }) {
            let base = newestSnapshot?.index ?? .zero
            guard !reached.contains(base) else { return }
            let text =
                "it has to be rebuilt, and the newest whole snapshot is of entry \(base.rawValue), "
                + "while the log holds \(commit.firstIndex.rawValue) to "
                + "\(commit.lastIndex.rawValue)"
            note(.stateMismatch, "state", Damage(.gap, index: base.next, text))
        }
    }

    private mutating func checkFit(
        _ state: StateSummary,
        _ commit: CommitSummary,
        _ reached: ClosedRange<LogIndex>
    ) {
        let applied = LogIndex(state.appliedIndex)
        guard reached.contains(applied) else {
            let text =
                "it is applied up to \(applied.rawValue), and the log holds "
                + "\(commit.firstIndex.rawValue) to \(commit.lastIndex.rawValue)"
            note(.stateMismatch, "state", Damage(.gap, index: applied, text))
            return
        }
        let term =
            applied == reached.lowerBound ? commit.baseTerm : entries.terms[applied]
        guard let term, term.rawValue != state.appliedTerm else { return }
        let text = "it says term \(state.appliedTerm), the log \(term.rawValue)"
        note(.stateMismatch, "state", Damage(.chain, index: applied, text))
    }
}
