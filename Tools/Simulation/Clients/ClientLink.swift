import NIOCore
import NIOEmbedded

/// A client's connection to a node: a real channel on the node's side, with a little time on the
/// way to it and back.
final class ClientLink {
    private unowned let trial: Trial
    private weak var owner: (any LinkOwner)?
    private let place: Schedule.Place
    private var channel: EmbeddedChannel?
    private var lastSent: Int64 = 0
    private var lastReceived: Int64 = 0
    private(set) var isClosed = false

    /// Nil if the node is down or does not let the client in.
    init?(to host: Host, by door: FrontEnds.Door, owner: any LinkOwner, in trial: Trial) {
        guard let process = host.process else { return nil }
        self.trial = trial
        self.owner = owner
        place = host.place
        guard let channel = process.front.open(self, by: door) else { return nil }
        self.channel = channel
        process.planLoop()
    }

    func send(_ bytes: [UInt8]) {
        lastSent = max(lastSent, trial.now + trial.dice.skewed(20...300))
        trial.plan(at: lastSent, kind: 30, on: place) { [weak self] in self?.arrive(bytes) }
    }

    private func arrive(_ bytes: [UInt8]) {
        guard let channel, !isClosed, place.isCurrent, channel.isActive else { return }
        do { try channel.writeInbound(ByteBuffer(bytes: bytes)) } catch { return close() }
        place.host.process?.planLoop()
    }

    /// What the server has written since the last look goes to the client.
    func collect() {
        guard let channel, !isClosed else { return }
        var bytes: [UInt8] = []
        do {
            while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
                bytes += buffer.readableBytesView
            }
        } catch { return close() }
        if !bytes.isEmpty { tell { $0.received(bytes, on: $1) } }
        if !channel.isActive { lost() }
    }

    private func tell(_ body: @escaping (any LinkOwner, ClientLink) -> Void) {
        lastReceived = max(lastReceived, trial.now + trial.dice.skewed(20...300))
        trial.plan(at: lastReceived, kind: 31) { [weak self, weak owner] in
            if let self, let owner { body(owner, self) }
        }
    }

    /// The server closed the connection, or stopped.
    func lost() {
        guard !isClosed else { return }
        isClosed = true
        channel = nil
        tell { $0.lost($1) }
    }

    /// The client goes.
    func close() {
        guard !isClosed, let channel else { return }
        isClosed = true
        self.channel = nil
        guard place.isCurrent else { return }
        trial.plan(at: trial.now + 100, kind: 32, on: place) { [place] in
            channel.close(promise: nil)
            place.host.process?.planLoop()
        }
    }
}

/// Whoever holds a link.
protocol LinkOwner: AnyObject {
    func received(_ bytes: [UInt8], on link: ClientLink)
    func lost(_ link: ClientLink)
}
