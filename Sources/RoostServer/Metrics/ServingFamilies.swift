import ConsulServer
import DNSServer
import Disk
import Measures
import Replica
import StateMachine
import ZooKeeperProtocol
import ZooKeeperServer

/// Metrics of requests, clients, the state, the disk and the process.
enum ServingFamilies {
    static func metrics(_ figures: NodeFigures) -> [Metric] {
        requests(figures) + waking(figures.loops) + clients(figures) + zooKeeper(figures)
            + consul(figures.loops) + state(figures) + disk(figures.storage)
            + [up(figures)] + process(figures.process)
    }

    private static func up(_ figures: NodeFigures) -> Metric {
        let seconds = Double(max(0, figures.now - figures.startedAt)) / 1_000
        return .real("roost.up_seconds", seconds, "Since the server began.")
    }

    /// One value for each protocol.
    private static func both(
        _ name: String,
        _ kind: Metric.Kind,
        _ help: String,
        zooKeeper: Metric.Value,
        consul: Metric.Value
    ) -> Metric {
        Metric(
            name,
            kind,
            help,
            [
                Metric.Sample(zooKeeper, labels: [Metric.Label("protocol", "zookeeper")]),
                Metric.Sample(consul, labels: [Metric.Label("protocol", "consul")]),
            ]
        )
    }

    private static func times(_ values: Distribution) -> Metric.Value {
        .distribution(values, .microsecondsAsSeconds)
    }

    private static func requests(_ figures: NodeFigures) -> [Metric] {
        let samples = [
            ("zookeeper", "read", figures.zooKeeper.times.reads),
            ("zookeeper", "write", figures.zooKeeper.times.writes),
            ("consul", "read", figures.loops.consul.times.reads),
            ("consul", "write", figures.loops.consul.times.writes),
        ]
        return [
            Metric(
                "roost.request_seconds",
                .histogram,
                "From a request's coming to its answer; without reads that waited for news.",
                samples.map { name, kind, values in
                    Metric.Sample(
                        times(values),
                        labels: [Metric.Label("protocol", name), Metric.Label("kind", kind)]
                    )
                }
            ),
            Metric(
                "roost.requests_refused_total",
                .counter,
                "Requests to the log that were not carried out, by why.",
                figures.loops.port.refusals.byReason.map {
                    Metric.Sample(.whole($0.count), labels: [Metric.Label("reason", $0.reason)])
                }
            ),
        ]
    }

    private static func waking(_ loops: LoopFigures) -> [Metric] {
        [
            both(
                "roost.wake_seconds",
                .histogram,
                "From a change's being applied to its news' being written to those who wait.",
                zooKeeper: times(loops.port.eventTimes),
                consul: times(loops.port.queryTimes)
            )
        ]
    }

    private static func clients(_ figures: NodeFigures) -> [Metric] {
        var metrics = [
            both(
                "roost.connections",
                .gauge,
                "Clients' connections.",
                zooKeeper: .whole(UInt64(figures.zooKeeper.connectionCount)),
                consul: .whole(UInt64(figures.loops.consulConnections))
            )
        ]
        metrics.append(
            Metric(
                "roost.dns_answers_total",
                .counter,
                "Answers by DNS, by their codes, and queries that got none.",
                (figures.loops.names.answers + [("dropped", figures.loops.names.dropped)]).map {
                    Metric.Sample(.whole($0.count), labels: [Metric.Label("code", $0.code)])
                }
            )
        )
        if let state = figures.state {
            metrics.append(
                both(
                    "roost.sessions",
                    .gauge,
                    "Sessions of the whole cluster.",
                    zooKeeper: .whole(state.summary.zooKeeperSessionCount),
                    consul: .whole(state.catalog.sessions)
                )
            )
        }
        return metrics
    }

    private static func zooKeeper(_ figures: NodeFigures) -> [Metric] {
        let traffic = figures.zooKeeper.traffic
        return [
            .gauge(
                "roost.zookeeper.watches",
                UInt64(figures.loops.watchCount),
                "Watches of this node's clients: pairs of a path and a kind."
            ),
            .gauge(
                "roost.zookeeper.outstanding_requests",
                UInt64(figures.zooKeeper.outstandingCount),
                "Requests that wait for the log."
            ),
            .counter(
                "roost.zookeeper.events_total",
                figures.loops.port.events,
                "Watch events that concerned this node's clients."
            ),
            .counter(
                "roost.zookeeper.connections_accepted_total",
                traffic.connectionsAccepted,
                "Connections that were taken."
            ),
            .counter(
                "roost.zookeeper.connections_rejected_total",
                traffic.connectionsRejected,
                "Connections that were over their address's bound."
            ),
            .counter(
                "roost.zookeeper.connections_dropped_total",
                traffic.connectionsDropped,
                "Connections whose clients did not read."
            ),
            .counter(
                "roost.zookeeper.authentications_failed_total",
                traffic.authenticationsFailed,
                "Wrong credentials."
            ),
            .bytes(
                "roost.zookeeper.received_bytes_total",
                traffic.bytesReceived,
                "Bytes of requests."
            ),
            .bytes("roost.zookeeper.sent_bytes_total", traffic.bytesSent, "Bytes of answers."),
        ]
    }

    private static func consul(_ loops: LoopFigures) -> [Metric] {
        [
            .gauge(
                "roost.consul.blocked_queries",
                UInt64(loops.blockedQueries),
                "Queries that wait for news."
            ),
            .gauge(
                "roost.consul.questions",
                UInt64(loops.questions),
                "Different questions that such queries ask, counted by event loop."
            ),
            .counter("roost.consul.requests_total", loops.consul.requests, "HTTP requests."),
            .counter(
                "roost.consul.errors_total",
                loops.consul.errors,
                "Answers of 500 and above, and requests that were refused unread."
            ),
            .counter(
                "roost.consul.evaluations_total",
                loops.consul.evaluations,
                "Questions that were asked again because of a change."
            ),
            .counter(
                "roost.consul.answered_queries_total",
                loops.port.answeredQueries,
                "Blocked queries that a change answered."
            ),
        ]
    }

    private static func state(_ figures: NodeFigures) -> [Metric] {
        var metrics: [Metric] = []
        if let bytes = figures.storage.stateBytes {
            metrics.append(
                .gauge("roost.state.used_bytes", UInt64(bytes), "The state in its file.")
            )
        }
        guard let state = figures.state else { return metrics }
        let counts = [
            ("znodes", state.summary.znodeCount, "Znodes."),
            ("ephemerals", state.summary.ephemeralCount, "Ephemeral znodes."),
            ("keys", state.summary.keyCount, "Keys of Consul's store."),
            ("nodes", state.catalog.nodes, "Nodes of the catalog."),
            ("services", state.catalog.services, "Instances of services in the catalog."),
            ("checks", state.catalog.checks, "Checks in the catalog."),
        ]
        metrics += counts.map { .gauge("roost.state.\($0.0)", $0.1, $0.2) }
        metrics.append(
            .gauge("roost.state.znode_bytes", state.summary.znodeBytes, "Znodes' paths and data.")
        )
        return metrics
    }

    private static func disk(_ storage: StorageFigures) -> [Metric] {
        guard let space = storage.space else { return [] }
        return [
            .gauge(
                "roost.disk.free_bytes",
                UInt64(space.freeBytes),
                "Free for the data directory."
            ),
            .gauge("roost.disk.size_bytes", UInt64(space.totalBytes), "Its file system's size."),
        ]
    }

    /// By the names that Prometheus' own libraries use.
    private static func process(_ process: ProcessResources) -> [Metric] {
        var metrics: [Metric] = [
            Metric(
                "process_cpu_seconds_total",
                .counter,
                "Time of processors, in user and system mode.",
                [Metric.Sample(.real(process.processorSeconds))]
            ),
            .gauge("process_resident_memory_bytes", process.residentBytes, "Resident memory."),
            .gauge("process_open_fds", process.openFiles, "Open file descriptors."),
            .real(
                "process_start_time_seconds",
                process.startSeconds,
                "When the process began, in seconds since 1970."
            ),
        ]
        metrics[0].countsOnes = false
        if let most = process.openFilesMax {
            metrics.append(.gauge("process_max_fds", most, "The bound of open descriptors."))
        }
        return metrics
    }
}
