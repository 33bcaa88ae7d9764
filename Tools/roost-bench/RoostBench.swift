import ArgumentParser
import Disk
import Foundation
import NIOPosix

/// roost-bench: drives any server that speaks ZooKeeper's client protocol or Consul's HTTP API,
/// and prints throughput and latency, so that anyone can compare servers on their own machine.
///
/// It never talks to anything but the addresses it is given, and never cleans up: the keys it
/// writes stay under its prefix.
///
/// Map: `Work` and the options are here; `Dialect` with `ZooKeeperDialect` and `ConsulDialect`
/// (and `HTTPAnswer`) write requests and judge answers; `ClientConnection` keeps one connection's
/// requests in order; `Lane` holds the connections of one event loop, `LaneHandle` reaches it from
/// outside; `Run` and its workloads (`ClosedLoop`, `WatchFan`, `IdleHold`) say what happens when;
/// `Histogram`, `Tally`, `Report`, `ReportTable` and `ProcessSample` say what happened.
@main
struct RoostBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost-bench",
        abstract: "Load a ZooKeeper-protocol or Consul-API server and print what it did.",
        discussion: """
            WORKLOADS
              write     set keys drawn at random           create    make new keys
              read      get keys drawn at random           mixed     90% reads (--read-percent)
              load      write all keys once                idle      open connections that only stay
              watchfan  many watchers of one key; a write; the time until the last one knows

            EXAMPLES
              roost-bench write --protocol zookeeper --address 127.0.0.1:2181 --connections 64
              roost-bench read --protocol consul --address 127.0.0.1:8500 --connections 64 --json
              roost-bench write --connections 64 --depth 16 --pid "$(pidof roost)"
              roost-bench watchfan --watchers 1000 --rounds 10
              roost-bench idle --protocol consul --connections 5000 --pid "$(pidof roost)"

            LIMITS
              Closed loop: a connection sends its next request when one is answered, so a server
              that stalls is asked less, and its latencies look better than an open loop's would.
              Load generator and server share the machine's cores when both run on one.
              Consul's connections are not pipelined: --depth is for ZooKeeper.

            EXIT: 0 all well, 1 errors were counted, 2 could not run, 64 wrong usage.
            """
    )

    @Argument(help: "write, create, read, mixed, watchfan, idle or load.")
    var work: Work

    @OptionGroup var options: Options

    func validate() throws { try options.validate(work) }

    func run() async throws {
        let report: Report
        do {
            report = try await measure()
        } catch {
            try? StandardStream.error.write("roost-bench: \(error)\n")
            throw ExitCode(2)
        }
        if options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(ReportTable(report).text)
        }
        let isIncomplete =
            report.fan.map { $0.missed > 0 } ?? false
            || report.idle.map { $0.aliveAtEnd < report.connections } ?? false
            || report.operations == 0
        if report.faults.total > 0 || isIncomplete { throw ExitCode(1) }
    }

    private func measure() async throws -> Report {
        switch options.wire {
        case .zookeeper: try await Run<ZooKeeperDialect>(work, options).report()
        case .consul: try await Run<ConsulDialect>(work, options).report()
        }
    }
}

enum Work: String, CaseIterable, ExpressibleByArgument, Sendable {
    case write, create, read, mixed, watchfan, idle, load
}

enum Wire: String, CaseIterable, ExpressibleByArgument, Sendable {
    case zookeeper, consul
}
