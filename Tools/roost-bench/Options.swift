import ArgumentParser
import NIOCore

struct Options: ParsableArguments {
    @Option(name: .customLong("protocol"), help: "zookeeper or consul.")
    var wire = Wire.zookeeper

    @Option(help: "HOST:PORT[,HOST:PORT...]; connections take turns. [default: the usual port]")
    var address: String?

    @Option(name: [.long, .short], help: "Open connections.")
    var connections = 1

    @Option(name: [.long, .short], help: "Requests under way on each connection.")
    var depth = 1

    @Option(help: "Event loops (threads) of this load generator.")
    var loops = 1

    @Option(help: "Number of keys.")
    var keys = 10_000

    @Option(help: "Size of each value.")
    var valueBytes = 256

    @Option(help: "How long to measure.")
    var seconds = 8.0

    @Option(help: "How long to run before measuring.")
    var warmup = 2.0

    @Option(help: "Share of reads in `mixed`, in percent.")
    var readPercent = 90

    @Option(help: "Where the keys lie, without a leading slash.")
    var prefix = "bench"

    @Option(help: "Appended to Consul reads, for example '&stale'.")
    var query = ""

    @Option(help: "Keys in one Consul transaction of `load`.")
    var loadBatch = 64

    @Option(help: "ZooKeeper session timeout asked for, in milliseconds.")
    var sessionMilliseconds = 30_000

    @Option(help: "Watchers of `watchfan`.")
    var watchers = 100

    @Option(help: "Rounds of `watchfan`.")
    var rounds = 10

    @Option(help: "Rest before each round of `watchfan`, in milliseconds.")
    var settleMilliseconds = 300

    @Flag(inversion: .prefixedNo, help: "Write all keys before measuring.")
    var preload = true

    @Flag(inversion: .prefixedNo, help: "In `idle`, let every ZooKeeper session set one watch.")
    var idleWatch = false

    @Option(help: "PID[,PID...] of the servers, for their CPU time and memory.")
    var pid = ""

    @Option(help: "A name to print with the result.")
    var label = ""

    @Flag(help: "Print one JSON line.")
    var json = false

    func validate(_ work: Work) throws {
        let counts = [connections, depth, loops, keys, valueBytes, rounds, watchers, loadBatch]
        guard counts.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("counts and sizes must be above zero")
        }
        guard keys <= 100_000_000 else { throw ValidationError("at most 100,000,000 keys") }
        guard loops <= connections else {
            throw ValidationError("--loops \(loops) needs at least as many --connections")
        }
        guard wire == .zookeeper || depth == 1 else {
            throw ValidationError("--depth is for ZooKeeper; Consul's HTTP takes one at a time")
        }
        guard !prefix.isEmpty, !prefix.hasPrefix("/"), !prefix.hasSuffix("/"),
            !prefix.contains(where: { $0 == "/" || $0 == "?" || $0.isWhitespace })
        else { throw ValidationError("--prefix is one name, without slashes or spaces") }
        guard (0...100).contains(readPercent), seconds > 0, warmup >= 0 else {
            throw ValidationError("--read-percent is 0 to 100; --seconds is above zero")
        }
    }

    var pids: [Int] { pid.split(whereSeparator: { $0 == "," || $0 == " " }).compactMap { Int($0) } }

    var targets: [LaneSettings.Target] {
        get throws {
            let usual = wire == .zookeeper ? "127.0.0.1:2181" : "127.0.0.1:8500"
            return try (address ?? usual).split(separator: ",").map { text in
                guard let colon = text.lastIndex(of: ":"),
                    let port = Int(text[text.index(after: colon)...])
                else { throw BenchError.badAddress(String(text)) }
                return LaneSettings.Target(
                    text: String(text),
                    address: try .makeAddressResolvingHost(String(text[..<colon]), port: port)
                )
            }
        }
    }
}
