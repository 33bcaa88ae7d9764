import Foundation

/// What one run printed: the JSON keys are those of other load generators of this kind, so that
/// one script reads them all.
struct Report: Encodable, Sendable {
    var label = ""
    var proto: String
    var workload: String
    var addresses: [String]
    var loops: Int
    var keys: Int
    var valueBytes: Int
    var connections: Int
    var depth: Int?
    var seconds: Double?
    var preloadSeconds: Double?
    var operations: UInt64?
    var operationsPerSecond: Double?
    var latency: Latency?
    var readLatency: Latency?
    var writeLatency: Latency?
    var longestGapMilliseconds: Double?
    var fan: Fan?
    var idle: Idle?
    var faults = Faults()
    var serverSeconds = 0.0
    var clientSeconds = 0.0
    var serverResidentKiB = 0

    enum CodingKeys: String, CodingKey {
        case label, proto, workload, addresses, loops, keys, depth, seconds, fan, idle
        case valueBytes = "value_bytes"
        case connections = "conns"
        case preloadSeconds = "preload_s"
        case operations = "ops"
        case operationsPerSecond = "ops_per_s"
        case latency = "lat_us"
        case readLatency = "read_lat_us"
        case writeLatency = "write_lat_us"
        case longestGapMilliseconds = "max_gap_ms"
        case faults = "errors"
        case serverSeconds = "server_cpu_s"
        case clientSeconds = "client_cpu_s"
        case serverResidentKiB = "server_rss_kb"
    }

    mutating func addResources(from before: ProcessSample, to after: ProcessSample) {
        serverSeconds = Rounded.hundredths(after.serverSeconds - before.serverSeconds)
        clientSeconds = Rounded.hundredths(after.clientSeconds - before.clientSeconds)
        serverResidentKiB = after.serverResidentKiB
    }
}

/// Microseconds.
struct Latency: Encodable, Sendable {
    var n: UInt64
    var mean: Double
    var p50: Double
    var p90: Double
    var p99: Double
    var p999: Double
    var max: Double

    init(_ histogram: Histogram) {
        func microseconds(_ nanoseconds: UInt64) -> Double {
            Rounded.tenths(Double(nanoseconds) / 1_000)
        }
        n = histogram.count
        mean = Rounded.tenths(histogram.mean / 1_000)
        p50 = microseconds(histogram.quantile(0.5))
        p90 = microseconds(histogram.quantile(0.9))
        p99 = microseconds(histogram.quantile(0.99))
        p999 = microseconds(histogram.quantile(0.999))
        max = microseconds(histogram.maximum)
    }
}

/// Rounds of `watchfan`: one write, until the last watcher has heard of it.
struct Fan: Encodable, Sendable {
    var watchers: Int
    var rounds: Int
    var fullRounds = 0
    var missed = 0
    var spurious = 0
    var roundMilliseconds = Spread([])
    var writeMilliseconds = Spread([])

    enum CodingKeys: String, CodingKey {
        case watchers, rounds, missed, spurious
        case fullRounds = "full_rounds"
        case roundMilliseconds = "round_ms"
        case writeMilliseconds = "write_ack_ms"
    }
}

struct Spread: Encodable, Sendable {
    var min = 0.0
    var p50 = 0.0
    var mean = 0.0
    var max = 0.0

    init(_ values: [Double]) {
        guard !values.isEmpty else { return }
        let sorted = values.sorted()
        min = Rounded.hundredths(sorted[0])
        p50 = Rounded.hundredths(sorted[sorted.count / 2])
        mean = Rounded.hundredths(sorted.reduce(0, +) / Double(sorted.count))
        max = Rounded.hundredths(sorted[sorted.count - 1])
    }
}

/// Connections that do nothing but stay: a session with a watch, or a blocked query.
struct Idle: Encodable, Sendable {
    var opened: Int
    var aliveAtEnd: Int
    var openSeconds: Double
    var pings: Int
    var pongs: Int
    var earlyReturns: Int
    var residentBeforeKiB: Int
    var residentOpenKiB: Int
    var residentEndKiB: Int
    var residentPerConnectionKiB: Double

    enum CodingKeys: String, CodingKey {
        case opened, pings, pongs
        case aliveAtEnd = "alive_at_end"
        case openSeconds = "open_s"
        case earlyReturns = "early_returns"
        case residentBeforeKiB = "rss_before_kb"
        case residentOpenKiB = "rss_open_kb"
        case residentEndKiB = "rss_end_kb"
        case residentPerConnectionKiB = "rss_per_conn_kb"
    }
}

enum Rounded {
    static func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }
    static func hundredths(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
