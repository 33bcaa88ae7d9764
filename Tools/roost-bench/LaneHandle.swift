import NIOCore

/// A lane as the run's own task sees it: every call goes to the lane's event loop and back.
struct LaneHandle<D: Dialect>: Sendable {
    private let loop: any EventLoop
    private let bound: NIOLoopBound<Lane<D>>

    init(_ number: Int, settings: LaneSettings, loop: any EventLoop) async throws {
        self.loop = loop
        bound = try await loop.submit {
            NIOLoopBound(Lane<D>(number, settings: settings, loop: loop), eventLoop: loop)
        }.get()
    }

    @discardableResult
    func run<T: Sendable>(_ body: @escaping @Sendable (Lane<D>) -> T) async throws -> T {
        try await loop.submit { body(bound.value) }.get()
    }

    @discardableResult
    func wait(
        seconds: Int64,
        until condition: @escaping @Sendable (Lane<D>) -> Bool
    ) async throws -> Bool {
        try await loop.flatSubmit { bound.value.wait(seconds: seconds, until: condition) }.get()
    }

    func open(_ count: Int) async throws {
        try await run { $0.open(count) }
        let allOpened = try await wait(seconds: 30) { $0.isOpened }
        guard allOpened else { throw BenchError.timedOut("\(count) connections to open") }
        let (alive, first) = try await run { ($0.aliveCount, $0.tally.faults.first) }
        guard alive > 0 else { throw BenchError.noConnection(first ?? "no reason given") }
    }

    func close() async throws {
        try await run { $0.close() }
        let allClosed = try await wait(seconds: 15) { $0.isClosed }
        if !allClosed {
            try await run { lane in
                for connection in lane.connections { connection.drop() }
            }
            try await wait(seconds: 5) { $0.isClosed }
        }
    }
}

enum BenchError: Error, CustomStringConvertible {
    case noConnection(String)
    case timedOut(String)
    case badAddress(String)
    case loadFailed(String)

    var description: String {
        switch self {
        case .noConnection(let reason): "no connection could be opened: \(reason)"
        case .timedOut(let what): "timed out while waiting for \(what)"
        case .badAddress(let text): "'\(text)' is not an address; give HOST:PORT[,HOST:PORT...]"
        case .loadFailed(let reason): "the keys could not be written: \(reason)"
        }
    }
}
