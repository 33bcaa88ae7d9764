import Disk

@testable import Raft
@testable import RaftStore

/// Cuts the power of a node, opens its whole directory again, and compares its state with what
/// the acknowledged entries make of it.
struct NodeReplay {
    let history: NodeHistory
    let seed: UInt64
    var casesMax: Int?

    private(set) var violations: [Violation] = []
    private(set) var caseCount = 0
    private(set) var origins: [String: Int] = [:]

    init(_ history: NodeHistory, seed: UInt64) {
        self.history = history
        self.seed = seed
    }

    /// - Parameter node: where the node was, below the recorded directory.
    mutating func run(below scratch: String, node: String) throws {
        let schedule = CutSchedule(history.operations, seed: seed, casesMax: casesMax)
        violations = try schedule.run(below: scratch) { path, cut in
            try check("\(path)/\(node)", cut.acknowledged)
        }
    }

    private mutating func check(_ path: String, _ acknowledged: Int?) throws {
        caseCount += 1
        guard WriteAheadLog.exists("\(path)/wal") else {
            guard acknowledged == nil else { throw Mismatch(what: "the directory is gone") }
            return
        }
        let node = try SmallNode(path, bootID: "the boot after the power cut")
        let first = Int(try node.log.firstIndex().rawValue)
        let last = Int(try node.log.lastIndex().rawValue)
        let applied = Int(try node.applied.rawValue)
        guard last >= acknowledged ?? 0, last <= history.entries.count else {
            throw Mismatch(what: "the log ends at \(last), \(acknowledged ?? 0) were acknowledged")
        }
        guard applied + 1 >= first, applied <= last else {
            throw Mismatch(what: "applied up to \(applied), the log is \(first)...\(last)")
        }
        try note(node.state.origin, applied)
        try node.catchUp()
        guard try SmallNode.rows(of: node.state.environment, node.rows) == history.rows(upTo: last)
        else { throw Mismatch(what: "the state is not that of \(last) entries") }
        if let newest = node.log.newestManifest { try node.snapshots.verify(newest) }
        try node.close()
    }

    private mutating func note(_ origin: StateOrigin, _ applied: Int) throws {
        switch origin {
        case .rebuilt(let manifest, _):
            origins["rebuilt", default: 0] += 1
            guard applied == Int(manifest.index.rawValue) else {
                throw Mismatch(what: "\(origin), but applied up to \(applied)")
            }
        case .begunAnew, .new:
            origins["anew", default: 0] += 1
            guard applied == 0 else { throw Mismatch(what: "\(origin), at \(applied)") }
        case .closedCleanly: origins["closed", default: 0] += 1
        case .processCrash, .installed: throw Mismatch(what: "\(origin)")
        }
    }
}
