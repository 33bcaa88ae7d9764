import NIOCore
import NIOPosix

/// One run: builds the lanes, does what the workload says, and reports.
struct Run<D: Dialect>: Sendable {
    let work: Work
    let options: Options
    let settings: LaneSettings
    private let loops: [any EventLoop]

    /// Connections and depth of writing keys in advance.
    private static var loadConnections: Int { 16 }
    private static var loadDepth: Int { D.armsAtOnce ? 64 : 1 }

    init(_ work: Work, _ options: Options) throws {
        self.work = work
        self.options = options
        let group = MultiThreadedEventLoopGroup(numberOfThreads: options.loops)
        loops = Array(group.makeIterator())
        let usesOneKey = work == .watchfan || work == .idle
        settings = LaneSettings(
            keys: KeySpace(
                prefix: options.prefix,
                count: usesOneKey ? 1 : options.keys,
                valueBytes: options.valueBytes,
                run: Lane<D>.now() / 1_000_000
            ),
            targets: try options.targets,
            query: options.query,
            sessionMilliseconds: options.sessionMilliseconds,
            readPercent: UInt32(options.readPercent),
            loadBatch: options.loadBatch,
            laneCount: options.loops
        )
    }

    func report() async throws -> Report {
        let wanted = work == .watchfan ? options.watchers + 1 : options.connections
        if let most = ProcessSample.openFilesMax(), most < wanted + 64 {
            throw BenchError.noConnection(
                "\(wanted) connections need more than the \(most) open files that are allowed; "
                    + "run `ulimit -n \(wanted + 1_000)` first"
            )
        }
        switch work {
        case .write, .create, .read, .mixed: return try await closedLoop()
        case .load: return try await loadOnly()
        case .watchfan: return try await watchFan()
        case .idle: return try await idleHold()
        }
    }

    func makeLane(_ number: Int = 0) async throws -> LaneHandle<D> {
        try await LaneHandle(number, settings: settings, loop: loops[number % loops.count])
    }

    func blankReport(connections: Int, depth: Int?) -> Report {
        Report(
            label: options.label,
            proto: options.wire.rawValue,
            workload: work.rawValue,
            addresses: settings.targets.map(\.text),
            loops: options.loops,
            keys: Int(settings.keys.count),
            valueBytes: options.valueBytes,
            connections: connections,
            depth: depth
        )
    }

    /// Writes every key once, and the parents that keys need; the seconds it took.
    @discardableResult
    func load(parentsOfCreations: Bool = false) async throws -> Double {
        let lane = try await makeLane()
        try await lane.open(parentsOfCreations ? 1 : Self.loadConnections)
        try await makeParents(on: lane, ofCreations: parentsOfCreations)
        let began = Lane<D>.now()
        if !parentsOfCreations {
            let count = settings.keys.count
            try await lane.run { lane in
                lane.loadRange = 0..<count
                lane.start(.load, depth: Self.loadDepth)
            }
            let all = try await lane.wait(seconds: 3_600) {
                $0.loadedCount >= Int(count) || $0.aliveCount == 0
            }
            guard all else { throw BenchError.timedOut("\(count) keys to be written") }
        }
        let seconds = Double(Lane<D>.now() - began) / 1e9
        let faults = try await lane.run { $0.tally.faults }
        try await lane.close()
        guard faults.total == 0 else {
            throw BenchError.loadFailed(faults.first ?? "\(faults.total) errors")
        }
        return seconds
    }

    private func makeParents(on lane: LaneHandle<D>, ofCreations: Bool) async throws {
        let wanted = try await lane.run { lane in
            guard let connection = lane.connections.first(where: { $0.phase == .open }) else {
                return 0
            }
            let dialect = D(keys: lane.settings.keys, host: "", query: "", sessionMilliseconds: 0)
            var number = 0
            while let path = dialect.parent(number, ofCreations: ofCreations) {
                connection.sendParent(path, at: Lane<D>.now())
                number += 1
            }
            connection.flush()
            return number
        }
        let made = try await lane.wait(seconds: 20) {
            $0.parentCount >= wanted || $0.aliveCount == 0
        }
        guard made else { throw BenchError.timedOut("the parent nodes to be made") }
    }

    private func loadOnly() async throws -> Report {
        let before = ProcessSample.take(of: options.pids)
        let seconds = try await load()
        var report = blankReport(connections: Self.loadConnections, depth: Self.loadDepth)
        report.operations = UInt64(settings.keys.count)
        report.seconds = Rounded.hundredths(seconds)
        report.operationsPerSecond = (Double(settings.keys.count) / seconds).rounded()
        report.addResources(from: before, to: .take(of: options.pids))
        return report
    }
}
