import ConsulProtocol
import ConsulServer
import Logging
import Measures
import NIOCore
import Raft
import RaftStore
import Replica
import ServiceLifecycle
import StateMachine
import Watches
import ZooKeeperProtocol
import ZooKeeperServer

/// Asks every part of the node for its figures, and makes Prometheus' text and Consul's JSON of
/// them.
///
/// It waits for event loops only: a log whose disk stalls still has metrics. Every ten seconds it
/// looks by itself, since Consul's JSON tells of the last whole interval of that length.
actor MetricsCollector: Service {
    private let engine: Engine
    private let zooKeeper: ZooKeeperFrontEnd
    private let consul: ConsulLoops
    private let names: NameLoops
    private let logger: Logger
    /// At the beginning of the present interval.
    private var before: [Metric] = []
    private var began: Int64
    /// The last whole interval.
    private var finished: Interval?

    private struct Interval {
        /// Milliseconds since 1970.
        var began: Int64
        var ended: Int64
        var changes: [Metric]
    }

    init(
        _ engine: Engine,
        _ zooKeeper: ZooKeeperFrontEnd,
        _ consul: ConsulLoops,
        _ names: NameLoops,
        logger: Logger
    ) {
        self.engine = engine
        self.zooKeeper = zooKeeper
        self.consul = consul
        self.names = names
        self.logger = logger
        began = HostClock.wall()
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.turnIntervals() }
    }

    private func turnIntervals() async {
        let length = ServerLimits.metricsIntervalSeconds * 1_000
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .milliseconds(length - HostClock.wall() % length))
                try await turnInterval()
            } catch is CancellationError {
                return
            } catch {
                // A loop that has ended: so has the server, or it is about to.
                logger.debug("no metrics of this interval", metadata: ["error": "\(error)"])
            }
        }
    }

    private func turnInterval() async throws {
        let now = HostClock.wall()
        let metrics = try await metrics(beginsInterval: true)
        finished = Interval(
            began: began,
            ended: now,
            changes: Metric.changes(of: metrics, since: before)
        )
        (before, began) = (metrics, now)
    }

    // MARK: Answers

    func text(_ format: MetricsFormat) async -> OperatorAnswer {
        do {
            let metrics = try await metrics(beginsInterval: false)
            let body =
                switch format {
                case .prometheus: Array(prometheus(metrics).utf8)
                case .json: json(metrics)
                }
            return OperatorAnswer(status: 200, body: body)
        } catch {
            return .failure(500, "the metrics cannot be collected: \(error)")
        }
    }

    private func prometheus(_ metrics: [Metric]) -> String {
        var recent: [String: Distribution] = [:]
        for metric in finished?.changes ?? [] where metric.kind == .summary {
            for sample in metric.samples {
                guard case .distribution(let values, _) = sample.value else { continue }
                recent[PrometheusText.key(metric.name, sample.labels)] = values
            }
        }
        return PrometheusText.text(metrics, recent: recent)
    }

    /// Before the first interval has ended, what there is of it.
    private func json(_ metrics: [Metric]) -> [UInt8] {
        let interval =
            finished
            ?? Interval(
                began: began,
                ended: HostClock.wall(),
                changes: Metric.changes(of: metrics, since: [])
            )
        return MetricsBody.json(
            began: interval.began / 1_000,
            seconds: Double(max(1, interval.ended - interval.began)) / 1_000,
            gauges: metrics,
            changes: interval.changes
        )
    }

    private func metrics(beginsInterval: Bool) async throws -> [Metric] {
        let figures = try await figures(beginsInterval: beginsInterval)
        return RaftFamilies.metrics(figures) + ServingFamilies.metrics(figures) + figures.rare
            + ConsulFamilies.metrics(figures)
    }

    // MARK: Figures

    private func figures(beginsInterval: Bool) async throws -> NodeFigures {
        let members = engine.members
        return NodeFigures(
            node: ThreadFigures(engine.measures, beginsInterval: beginsInterval),
            status: engine.board.current,
            raft: engine.measures.raft,
            now: HostClock.monotonic(),
            startedAt: zooKeeper.startedAt,
            loops: try await loops(beginsInterval: beginsInterval),
            zooKeeper: try await zooKeeper.figures(beginsInterval: beginsInterval),
            state: try await state(),
            storage: engine.storageFigures,
            process: ProcessProbe.resources(),
            rare: engine.measures.registry.collect(beginsInterval: beginsInterval),
            names: { node in members[NodeID(node)]?.name ?? "\(node)" }
        )
    }

    private func loops(beginsInterval: Bool) async throws -> LoopFigures {
        var all = LoopFigures()
        for door in engine.loops.doors {
            let loop = door.loop
            let figures = try await loop.submit { [consul, names, engine] in
                let port = engine.loops.port(on: loop)
                var figures = LoopFigures()
                figures.port = port.counts
                if beginsInterval { port.counts.beginInterval() }
                figures.watchCount = port.watches.count
                consul.fill(&figures, on: loop, beginsInterval: beginsInterval)
                names.fill(&figures, on: loop, beginsInterval: beginsInterval)
                return figures
            }.get()
            all.merge(figures)
        }
        return all
    }

    /// Nil if the state cannot be read.
    private func state() async throws -> StateFigures? {
        let loop = engine.loops.doors[0].loop
        return try await loop.submit { [engine, logger] () -> StateFigures? in
            let port = engine.loops.port(on: loop)
            do {
                try port.begin()
                defer { port.end() }
                return try port.read { view throws(StateError) in
                    StateFigures(summary: try view.summary, catalog: try view.catalogCounts)
                }
            } catch {
                logger.error("the state cannot be read", metadata: ["error": "\(error)"])
                return nil
            }
        }.get()
    }
}
