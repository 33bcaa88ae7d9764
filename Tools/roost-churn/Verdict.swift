import Foundation
import RaftStore

/// Whether the run stayed in its bounds.
struct Verdict {
    private(set) var failures: [String] = []
    private let entries: Int
    private let fileBytesMax: Int
    private let fileBytesBound: Int

    init(
        _ windows: [Window],
        wanted: Int,
        settings: LogSettings,
        damage: [String],
        judgesLatency: Bool
    ) {
        entries = windows.last?.entries ?? 0
        fileBytesMax = windows.map(\.fileBytes).max() ?? 0
        let payload = windows.map(\.payloadBytesMax).max() ?? 0
        fileBytesBound = payload * 2 + settings.growthBytes * 3
        failures += damage.prefix(3).map { "damage: \($0)" }
        if fileBytesMax > fileBytesBound {
            failures.append("the file has \(fileBytesMax) bytes, bound \(fileBytesBound)")
        }
        if entries < wanted { failures.append("only \(entries) of \(wanted) entries in the time") }
        guard windows.count >= 4 else {
            failures.append("too few windows to compare: \(windows.count)")
            return
        }
        let half = windows.count / 2
        judge(
            Array(windows[..<half]),
            Array(windows[half...]),
            growthBytes: settings.growthBytes,
            judgesLatency
        )
    }

    private mutating func judge(
        _ early: [Window],
        _ late: [Window],
        growthBytes: Int,
        _ judgesLatency: Bool
    ) {
        let before = early.map(\.fileBytes).max() ?? 0
        if fileBytesMax > before + growthBytes {
            failures.append(
                "the file grew from \(before) to \(fileBytesMax) bytes in the late half"
            )
        }
        judgeCommits(early + late, usual: early.map(\.cpuPerMebibyte).sorted()[early.count / 2])
        compare("CPU us/MiB", early, late, factor: 1.5, from: 0) { $0.cpuPerMebibyte }
        guard judgesLatency else { return }
        // A commit that waits for a processor waits for a tick or two of the scheduler, 4 ms each.
        compare("p50 us", early, late, factor: 2, from: 6_000) { $0.quantile(0.5) }
        compare("p99 us", early, late, factor: 3, from: 30_000) { $0.quantile(0.99) }
    }

    /// No single commit may search: that would drown in the medians. Other load does not show in a
    /// thread's own processor time.
    private mutating func judgeCommits(_ windows: [Window], usual: Int) {
        for commit in windows.flatMap(\.costly) {
            let fair = Double(usual) * (Double(commit.bytes) / 1_048_576 + 0.1)
            let microseconds = Double(commit.cpuNanoseconds) / 1e3
            guard microseconds > fair * Self.commitFactor else { continue }
            failures.append(
                "a commit of \(commit.bytes) bytes took \(Int(microseconds)) us of the processor"
            )
        }
    }

    private static let commitFactor = 10.0

    /// Medians over the windows, so that one disturbed window decides nothing; what stays below
    /// `floor` is no failure.
    private mutating func compare(
        _ name: String,
        _ early: [Window],
        _ late: [Window],
        factor: Double,
        from floor: Int,
        _ measure: (Window) -> Int
    ) {
        let before = early.map(measure).sorted()[early.count / 2]
        let after = late.map(measure).sorted()[late.count / 2]
        if after > floor, Double(after) > Double(before) * factor {
            failures.append("\(name): \(before) in the first half, \(after) in the second")
        }
    }

    var text: String {
        let size =
            "\(entries) entries; file at most \(fileBytesMax >> 20) MiB, "
            + "bound \(fileBytesBound >> 20) MiB"
        return failures.isEmpty
            ? "\(size): bounded" : "\(size)\nFAILED: \(failures.joined(separator: "\nFAILED: "))"
    }

    func json() throws -> String {
        let list = String(decoding: try JSONEncoder().encode(failures), as: UTF8.self)
        return """
            {"verdict":\(failures.isEmpty),"entries":\(entries),\
            "file_bytes_max":\(fileBytesMax),"file_bytes_bound":\(fileBytesBound),\
            "failures":\(list)}
            """
    }
}
