import LMDB
import NIOCore
import NIOPosix
import Replica
import StateMachine
import Synchronization

/// The event loops that serve clients, each with its door to the replica.
final class ClientLoops: Sendable {
    let group: MultiThreadedEventLoopGroup
    let doors: [Door]

    /// One loop and its port. The port is made on the loop and never leaves it.
    struct Door: Sendable {
        let loop: any EventLoop
        let inbox: LoopInbox
        let port: NIOLoopBoundBox<LoopPort?>
        let pulse = Pulse()
    }

    /// When a loop last had a turn of its own making.
    final class Pulse: Sendable {
        private let turnedAt = Atomic<Int64>(HostClock.monotonic())

        var last: Int64 { turnedAt.load(ordering: .relaxed) }

        func note() { turnedAt.store(HostClock.monotonic(), ordering: .relaxed) }
    }

    init(count: Int, onFailure: @escaping @Sendable (String) -> Never) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        doors = group.makeIterator().map { loop in
            let port = NIOLoopBoundBox.makeEmptyBox(valueType: LoopPort.self, eventLoop: loop)
            let inbox = LoopInbox {
                let rungAt = HostClock.microseconds()
                loop.execute {
                    do throws(LMDBError) { try port.value?.deliver() } catch {
                        onFailure("the state cannot be read: \(error)")
                    }
                    port.value?.counts.measureWakes(since: rungAt, now: HostClock.microseconds)
                }
            }
            return Door(loop: loop, inbox: inbox, port: port)
        }
    }

    /// Makes every loop's port.
    func open(
        environment: Environment,
        tables: StateTables,
        outbox: Mailbox<ReplicaInput>,
        board: StatusBoard,
        limits: ReplicaLimits
    ) async throws {
        for (number, door) in doors.enumerated() {
            try await door.loop.submit {
                let clock = HostClock.loopClock
                door.port.value = try LoopPort(
                    loop: UInt8(number),
                    environment: environment,
                    tables: tables,
                    inbox: door.inbox,
                    outbox: outbox,
                    board: board,
                    clock: clock,
                    limits: limits,
                    scheduleFlush: { door.loop.execute { door.port.value?.flushOutgoing() } }
                )
            }.get()
            door.loop.scheduleRepeatedTask(
                initialDelay: .zero,
                delay: .milliseconds(limits.heartbeatFlushMilliseconds)
            ) { _ in
                door.pulse.note()
                door.port.value?.flushOutgoing()
            }
        }
    }

    /// When the loop that is furthest behind last had a turn.
    var turnedAt: Int64 { doors.map(\.pulse.last).min() ?? 0 }

    /// The port of the loop that this is called on.
    func port(on loop: any EventLoop) -> LoopPort {
        loop.preconditionInEventLoop()
        for door in doors where door.loop === loop {
            if let port = door.port.value { return port }
        }
        preconditionFailure("a connection on a loop without a port")
    }

    /// Refuses new requests.
    func refuse() async throws {
        for door in doors {
            try await door.loop.submit { door.port.value?.stop() }.get()
        }
    }

    /// Closes every connection and ends the threads.
    func close() async throws {
        for door in doors {
            try await door.loop.submit { door.port.value = nil }.get()
        }
        try await group.shutdownGracefully()
    }
}
