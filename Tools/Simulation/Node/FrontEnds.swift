import ConsulServer
import LMDB
import Logging
import NIOCore
import NIOEmbedded
import Raft
import Replica
import SeededRandom
import Synchronization
import ZooKeeperServer

/// A process's event loop with its port and both front ends, on embedded channels.
final class FrontEnds {
    private let eventLoop = EmbeddedEventLoop()
    private let port: LoopPort
    private let consul: ConsulLoop
    private let agent: ConsulAgent
    private let zooKeeper: ZooKeeperFrontEnd
    private var links: [ClientLink] = []
    private var time: Int64

    init(
        _ parts: LoopPort.Parts,
        host: Host,
        trial: Trial,
        wantsTurn: @escaping () -> Void
    ) throws {
        let clock = LoopClock(
            monotonic: { [unowned host, unowned trial] in
                host.clock.monotonicMilliseconds(at: trial.now)
            },
            wall: { [unowned host, unowned trial] in
                host.clock.wallMilliseconds(at: trial.now)
            }
        )
        time = clock.monotonic()
        port = try LoopPort(
            loop: 0,
            environment: parts.state.environment,
            tables: parts.state.tables,
            inbox: parts.inbox,
            outbox: parts.outbox,
            board: parts.board,
            clock: clock,
            limits: trial.settings.replica,
            scheduleFlush: wantsTurn
        )
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        let words = Words(seed: trial.dice.word())
        consul = ConsulLoop(
            port: port,
            eventLoop: eventLoop,
            settings: ConsulSettings(
                nodeName: "n\(host.id.rawValue)",
                nodeID: "17c0d398-f9be-3eb2-0ba7-b2964032500\(host.id.rawValue)",
                address: "10.0.0.\(host.id.rawValue)",
                peerPort: 8300,
                httpPort: 8500
            ),
            logger: logger,
            random: { words.next() }
        )
        consul.start()
        agent = ConsulAgent(loop: consul)
        var settings = ZooKeeperSettings()
        settings.serverID = UInt8(truncatingIfNeeded: host.id.rawValue)
        zooKeeper = ZooKeeperFrontEnd(
            settings: settings,
            clock: clock,
            randomWord: { words.next() },
            logger: logger
        )
        zooKeeper.open(port, on: eventLoop)
    }

    func announce() { agent.announce() }

    func close() {
        for link in links { link.lost() }
        links.removeAll()
        agent.stop()
        consul.stop()
        zooKeeper.closeAll()
        eventLoop.run()
        do { try eventLoop.syncShutdownGracefully() } catch {
            preconditionFailure("an embedded loop does not stop: \(error)")
        }
    }

    // MARK: Clients

    enum Door { case consul, zooKeeper }

    /// A client connects; nil if it is not let in.
    func open(_ link: ClientLink, by door: Door) -> EmbeddedChannel? {
        let channel = EmbeddedChannel(loop: eventLoop)
        do {
            switch door {
            case .consul: try ConsulFrontEnd.configure(channel, loop: consul)
            case .zooKeeper: try zooKeeper.initialize(channel)
            }
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
            channel.connect(to: address, promise: nil)
        } catch { return nil }
        links.append(link)
        return channel
    }

    // MARK: The loop

    /// One round of the loop: timers, what the replica has for it, and what clients are to get.
    func turn(now: Int64, in trial: Trial) {
        if now > time {
            eventLoop.advanceTime(by: .milliseconds(now - time))
            time = now
        }
        do throws(LMDBError) { try port.deliver() } catch {
            trial.oracle.fail("the state cannot be read: \(error)")
        }
        eventLoop.run()
        port.flushOutgoing()
        for link in links { link.collect() }
        links.removeAll { $0.isClosed }
    }
}

/// Words for identifiers, from the seed.
private final class Words: Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func next() -> UInt64 { generator.withLock { $0.next() } }
}

extension LoopPort {
    /// What a process has for its loop's port.
    struct Parts {
        let state: StateHome.State
        let inbox: LoopInbox
        let outbox: Mailbox<ReplicaInput>
        let board: StatusBoard
    }
}
