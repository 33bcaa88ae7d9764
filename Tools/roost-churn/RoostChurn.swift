import ArgumentParser
import Disk
import Glibc

/// roost-churn: appends to the real write-ahead log and drops from it, on and on, and checks that
/// the file stays in bounds and that commits stay as fast as they were.
///
/// It uses the log alone: no Raft, no state, no snapshot is made; the manifests that allow the
/// dropping are of no file.
///
/// Map: the options are here; `ChurnLoad` writes; `Window` says what a stretch of it took;
/// `Verdict` compares the stretches.
@main
struct RoostChurn: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost-churn",
        abstract: "Append to a write-ahead log and drop from it, and check that it stays bounded.",
        discussion: """
            EXAMPLES
              Tools/churn --entries 20000 --seconds-max 120
              Tools/churn --release --entries 2000000 --json

            THE LOAD
              Commits of 1 to --batch entries; of the entries 70% have 16 to 256 bytes, 25% up to
              4 KiB, 4.9% up to 64 KiB, and 0.1% up to 1 MiB. When more than --tail-mebibytes are
              held, the older half is dropped.

            THE BOUNDS
              file     at most twice the payload held at most, and three growth steps; and in the
                       second half of the run no larger than in the first but for one step
              latency  median and 99th percentile of a commit in the second half at most 2 and 3
                       times those of the first, or below 6 and 30 ms, which other load makes
              CPU      of the committing thread for each MiB, in the second half at most 1.5 times
                       that of the first; and of a single commit, if above 50 ms, at most 10
                       times what its size takes: searches of a free list would show here

            LIMITS
              Latencies are those of the disk; a machine that is busy with other things makes them
              useless, and then only file and CPU count (--no-latency).

            EXIT: 0 within the bounds, 1 not, 2 could not run, 64 wrong usage.
            """
    )

    @Option(help: "Entries to append.")
    var entries = 2_000_000

    @Option(help: "Stop after so long; a run that was cut short has failed.")
    var secondsMax = 3_600.0

    @Option(help: "Payload that the log may hold before its older half is dropped.")
    var tailMebibytes = 16

    @Option(help: "Most entries in a commit.")
    var batch = 64

    @Option(help: "Windows that the run is divided into.")
    var windows = 20

    @Option(help: "Of the random sizes.")
    var seed: UInt64 = 1

    @Option(help: "An empty or missing directory for the log; it stays.")
    var directory: String

    @Flag(inversion: .prefixedNo, help: "Whether latencies count.")
    var latency = true

    @Flag(help: "Print JSON lines, not a table.")
    var json = false

    func validate() throws {
        guard entries >= windows, windows >= 4, batch > 0, tailMebibytes > 0, secondsMax > 0 else {
            throw ValidationError("--windows must be 4 or more, --entries at least as many")
        }
    }

    func run() throws {
        let verdict: Verdict
        do {
            verdict = try churn()
        } catch {
            Self.give(up: "\(error)")
        }
        print(json ? try verdict.json() : verdict.text)
        guard verdict.failures.isEmpty else { throw ExitCode(1) }
    }

    /// Ends the process, from any thread: it could not do what was asked.
    static func give(up reason: String) -> Never {
        try? StandardStream.error.write("roost-churn: \(reason)\n")
        Glibc.exit(2)
    }

    private func churn() throws -> Verdict {
        var load = try ChurnLoad(
            path: directory,
            tailBytesMax: tailMebibytes << 20,
            batchMax: batch,
            seed: seed
        )
        if !json { print(Window.heading) }
        var done: [Window] = []
        for number in 0..<windows where load.seconds < secondsMax {
            let goal = entries * (number + 1) / windows
            let window = try load.run(until: goal, secondsMax: secondsMax)
            guard window.commits > 0 else { break }
            print(json ? window.json : window.text)
            done.append(window)
        }
        let damage = try load.finish()
        return Verdict(
            done,
            wanted: entries,
            settings: load.settings,
            damage: damage,
            judgesLatency: latency
        )
    }
}
