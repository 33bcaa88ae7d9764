import Commands
package import Logging
package import NIOCore
package import Replica
import Synchronization
import ZooKeeperProtocol

/// The ZooKeeper side of a node: sessions, znodes, watches and four-letter words for clients of
/// Apache ZooKeeper.
///
/// Every event loop has its own `ZooKeeperLoop`, and every connection is one object that lives on
/// one loop, so nothing on a request's way takes a lock. The module holds no state of the
/// cluster: it reads that through `LoopPort` and changes it by proposing commands. It never waits:
/// no request is handled by async code.
///
/// Map: `ZooKeeperConnection` is a client, `Connection/` how its bytes become requests and how
/// answers come back, `Requests/` what they ask, `ReplyBuffer` where answers are written,
/// `FourLetterWords/` the operator's questions; `ZooKeeperSettings` and `ZooKeeperLimits` are what
/// can be chosen.
package final class ZooKeeperFrontEnd: Sendable {
    package let settings: ZooKeeperSettings
    package let startedAt: Int64
    private let sessionNames: SessionNames
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var loops: [NIOLoopBound<ZooKeeperLoop>] = []
        var connectionsByAddress: [String: Int] = [:]
        /// ZooTrace's default mask; it is kept and shown, and traces nothing.
        var traceMask: Int64 = 306
    }

    var traceMask: Int64 {
        get { state.withLock { $0.traceMask } }
        set { state.withLock { $0.traceMask = newValue } }
    }

    /// - Parameters:
    ///   - clock: the time at the start; session ids begin with it.
    ///   - randomWord: where passwords and connection tokens come from.
    package init(
        settings: ZooKeeperSettings,
        clock: LoopClock,
        randomWord: @escaping @Sendable () -> UInt64,
        logger: Logger
    ) {
        self.settings = settings
        self.logger = logger
        startedAt = clock.monotonic()
        sessionNames = SessionNames(
            serverID: settings.serverID,
            wallMilliseconds: clock.wall(),
            randomWord: randomWord
        )
    }

    /// Makes an event loop ready; called on it, once, before its first connection.
    package func open(_ port: LoopPort, on eventLoop: any EventLoop) {
        let loop = ZooKeeperLoop(
            port: port,
            eventLoop: eventLoop,
            settings: settings,
            sessionNames: sessionNames,
            logger: logger
        )
        let bound = NIOLoopBound(loop, eventLoop: eventLoop)
        state.withLock { $0.loops.append(bound) }
        eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.sweep()
        }
    }

    /// Adds the handler to a channel that was accepted; called on the channel's loop, after TLS's
    /// handlers, if there are any. Throws if the client's address has too many connections.
    package func initialize(_ channel: any Channel) throws {
        guard let loop = loop(of: channel) else { throw ZooKeeperRejection.noPort }
        let address = ClientAddress(channel.remoteAddress)
        guard admit(address) else {
            loop.traffic.connectionsRejected += 1
            throw ZooKeeperRejection.tooManyConnections(address: address.host)
        }
        // Of a channel that never becomes active its handler hears nothing.
        channel.closeFuture.whenComplete { [self] _ in released(address) }
        let connection = ZooKeeperConnection(loop: loop, frontEnd: self)
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    /// The node is about to stop: what was taken is answered, nothing more is taken, and the
    /// connections close; their sessions go on on other nodes.
    package func retire() async throws {
        for bound in loops {
            try await bound.eventLoop.submit { bound.value.retire() }.get()
        }
    }

    package func hasConnections() async throws -> Bool {
        for bound in loops {
            let isEmpty = try await bound.eventLoop.submit {
                bound.value.connections.isEmpty
            }.get()
            if !isEmpty { return true }
        }
        return false
    }

    /// Closes all connections of the loops, for the node's end.
    package func closeAll() {
        for bound in loops {
            bound.eventLoop.execute {
                for connection in bound.value.connections.values { connection.close() }
            }
        }
    }

    /// Drops the connection that holds a session on any loop but this one.
    func dropHolder(of session: SessionID, otherThan loop: ZooKeeperLoop) {
        for bound in loops where bound.eventLoop !== loop.eventLoop {
            bound.eventLoop.execute { bound.value.dropHolder(of: session) }
        }
    }

    var loops: [NIOLoopBound<ZooKeeperLoop>] { state.withLock { $0.loops } }

    private func loop(of channel: any Channel) -> ZooKeeperLoop? {
        loops.first { $0.eventLoop === channel.eventLoop }?.value
    }

    // MARK: Connections of one address

    private func admit(_ address: ClientAddress) -> Bool {
        let bound = settings.limits.connectionsPerAddressMax
        guard bound > 0 else { return true }
        return state.withLock { state in
            guard state.connectionsByAddress[address.host, default: 0] < bound else { return false }
            state.connectionsByAddress[address.host, default: 0] += 1
            return true
        }
    }

    private func released(_ address: ClientAddress) {
        guard settings.limits.connectionsPerAddressMax > 0 else { return }
        state.withLock { state in
            guard let count = state.connectionsByAddress[address.host] else { return }
            state.connectionsByAddress[address.host] = count > 1 ? count - 1 : nil
        }
    }
}

/// Why a connection was not taken.
package enum ZooKeeperRejection: Error, Equatable {
    /// The channel's event loop was never opened.
    case noPort
    case tooManyConnections(address: String)
}
