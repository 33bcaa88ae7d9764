import RaftStore

/// What a stretch of the run took.
struct Window {
    let startSeconds: Double
    var endSeconds = 0.0
    /// Appended since the run began.
    var entries = 0
    private(set) var bytes = 0
    private(set) var cpuNanoseconds: UInt64 = 0
    private(set) var fileBytes = 0
    private(set) var payloadBytesMax = 0
    /// Commits that took long of the processor, by time and size.
    private(set) var costly: [(cpuNanoseconds: UInt64, bytes: Int)] = []
    private var latencies: [UInt64] = []

    static let costlyNanoseconds: UInt64 = 50_000_000

    init(startSeconds: Double) { self.startSeconds = startSeconds }

    var commits: Int { latencies.count }

    mutating func note(nanoseconds: UInt64, cpuNanoseconds: UInt64, bytes: Int) {
        latencies.append(nanoseconds)
        self.cpuNanoseconds += cpuNanoseconds
        self.bytes += bytes
        if cpuNanoseconds > Self.costlyNanoseconds { costly.append((cpuNanoseconds, bytes)) }
    }

    mutating func noteSizes(_ sizes: FileGrowth.Sizes, payloadBytes: Int) {
        fileBytes = max(fileBytes, sizes.fileBytes)
        payloadBytesMax = max(payloadBytesMax, payloadBytes)
    }

    /// A commit's time, in microseconds.
    func quantile(_ fraction: Double) -> Int {
        let sorted = latencies.sorted()
        guard let last = sorted.last else { return 0 }
        let place = Int(fraction * Double(sorted.count))
        return Int((place < sorted.count ? sorted[place] : last) / 1_000)
    }

    /// Of the committing thread, in microseconds.
    var cpuPerMebibyte: Int {
        Int(Double(cpuNanoseconds) / 1e3 / max(1e-9, Double(bytes) / 1_048_576))
    }

    var mebibytesPerSecond: Double {
        Double(bytes) / 1_048_576 / max(1e-9, endSeconds - startSeconds)
    }

    static let heading =
        "   entries  commits   MiB/s  file MiB  held MiB   p50 us   p99 us    max us  CPU us/MiB"

    var text: String {
        let cells: [(String, Int)] = [
            ("\(entries)", 10), ("\(commits)", 9),
            (Self.tenths(mebibytesPerSecond), 8), ("\(fileBytes >> 20)", 10),
            ("\(payloadBytesMax >> 20)", 10), ("\(quantile(0.5))", 9), ("\(quantile(0.99))", 9),
            ("\(quantile(1))", 10), ("\(cpuPerMebibyte)", 12),
        ]
        return cells.map { String(repeating: " ", count: max(0, $1 - $0.count)) + $0 }.joined()
    }

    var json: String {
        """
        {"entries":\(entries),"commits":\(commits),"seconds":\(endSeconds - startSeconds),\
        "bytes":\(bytes),"file_bytes":\(fileBytes),"payload_bytes_max":\(payloadBytesMax),\
        "p50_us":\(quantile(0.5)),"p99_us":\(quantile(0.99)),"max_us":\(quantile(1)),\
        "cpu_us_per_mib":\(cpuPerMebibyte)}
        """
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int(value * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }
}
