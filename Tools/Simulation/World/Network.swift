import Bytes
import PeerProtocol
import Raft
import Replica

/// The network between the nodes: every pair has a wire each way.
///
/// Raft's messages may be lost, doubled, late and out of order. Forwarded requests and their
/// answers go by connections: they come once and in order, or not at all, and whoever loses a
/// connection is told (`ReplicaInput.lost`) sooner or later.
final class Network {
    struct Wire {
        var isCut = false
        var lossPermille = 0
        var doublePermille = 0
        var reorderPermille = 0
        var delay: ClosedRange<Int64> = 100...400
        var lastArrival: Int64 = 0
    }

    struct Direction: Hashable {
        var from: NodeID
        var to: NodeID
    }

    private var wires: [Direction: Wire] = [:]
    private let nodes: [NodeID]
    private let mutant: Mutant?

    init(nodes: [NodeID], mutant: Mutant?) {
        self.nodes = nodes
        self.mutant = mutant
        for from in nodes { for to in nodes { wires[Direction(from: from, to: to)] = Wire() } }
    }

    func change(_ from: NodeID, _ to: NodeID, _ body: (inout Wire) -> Void) {
        body(&wires[Direction(from: from, to: to), default: Wire()])
    }

    func changeAll(_ body: (inout Wire) -> Void) {
        for from in nodes { for to in nodes { change(from, to, body) } }
    }

    func isCut(_ from: NodeID, _ to: NodeID) -> Bool {
        wires[Direction(from: from, to: to)]?.isCut ?? false
    }

    // MARK: Sending

    func send(_ messages: [Message], from: NodeID, in trial: Trial) {
        for message in messages { send(message, from: from, in: trial) }
    }

    private func send(_ message: Message, from: NodeID, in trial: Trial) {
        let direction = Direction(from: from, to: message.to)
        guard let wire = wires[direction], !wire.isCut else { return trial.tally.lost += 1 }
        if trial.dice.chance(wire.lossPermille) { return trial.tally.lost += 1 }
        let copies = trial.dice.chance(wire.doublePermille) ? 2 : 1
        if copies == 2 { trial.tally.doubled += 1 }
        for _ in 0..<copies {
            let arrival = arrival(on: direction, mayReorder: true, in: trial)
            trial.plan(at: arrival, kind: 1) { [unowned self, unowned trial] in
                self.deliver(message, in: trial)
            }
        }
    }

    private func arrival(
        on direction: Direction,
        mayReorder: Bool,
        in trial: Trial
    ) -> Int64 {
        let wire = wires[direction] ?? Wire()
        let time = trial.now + trial.dice.skewed(wire.delay)
        if mayReorder, trial.dice.chance(wire.reorderPermille) {
            trial.tally.reordered += 1
            return time + trial.dice.skewed(0...2_000_000)
        }
        let ordered = max(time, wire.lastArrival)
        change(direction.from, direction.to) { $0.lastArrival = ordered }
        return ordered
    }

    private func deliver(_ message: Message, in trial: Trial) {
        guard !isCut(message.from, message.to), let process = trial.process(message.to) else {
            return trial.tally.lost += 1
        }
        var arrived = message
        if trial.dice.chance(60) { arrived = travelled(message, in: trial) }
        if let mutant { mutant.spoil(&arrived, in: trial) }
        trial.tally.messages += 1
        process.receive(.messages([arrived]))
    }

    /// The message as bytes and back: what the codec does to it shows.
    private func travelled(_ message: Message, in trial: Trial) -> Message {
        let frame = PeerFrame.messages([message]).encoded()
        guard case .messages(let messages) = decoded(frame, in: trial),
            let travelled = messages.first
        else { return message }
        if travelled != message { trial.oracle.fail("the codec changes \(message)") }
        return travelled
    }

    private func decoded(_ frame: [UInt8], in trial: Trial) -> PeerFrame? {
        let span = frame.rawSpan
        do {
            let head = try FrameHead(span.extracting(0..<FrameHead.bytes), bodyBytesMax: 1 << 26)
            return try PeerFrame(head, body: span.extracting(FrameHead.bytes..<span.byteCount))
        } catch {
            trial.oracle.fail("the codec does not read what it wrote: \(error)")
            return nil
        }
    }

    // MARK: Connections

    func send(_ requests: ForwardedRequests, from: NodeID, to: NodeID, in trial: Trial) {
        connected(from: from, to: to, in: trial) { process in
            process.receive(.forwarded(requests, from: from))
            guard trial.mutant == .forwardsTwice, trial.dice.chance(300) else { return }
            let again = trial.now + trial.dice.number(1_000...Int64(200_000))
            trial.plan(at: again, kind: 13, on: process.place) {
                process.receive(.forwarded(requests, from: from))
            }
        }
    }

    func send(_ answers: [ForwardAnswer], from: NodeID, to: NodeID, in trial: Trial) {
        connected(from: from, to: to, in: trial) { $0.receive(.forwardAnswers(answers)) }
    }

    private func connected(
        from: NodeID,
        to: NodeID,
        in trial: Trial,
        _ body: @escaping (NodeProcess) -> Void
    ) {
        guard !isCut(from, to), let sender = trial.process(from), let target = trial.process(to)
        else { return tell(from, of: to, in: trial) }
        let (left, right) = (sender.place, target.place)
        let arrival = arrival(on: Direction(from: from, to: to), mayReorder: false, in: trial)
        trial.plan(at: arrival, kind: 2) { [unowned self, unowned trial] in
            guard !self.isCut(from, to), right.isCurrent, let process = trial.process(to) else {
                if left.isCurrent { self.tell(from, of: to, in: trial) }
                return
            }
            body(process)
        }
    }

    /// A connection is found to be gone, at once or when its time is up.
    private func tell(_ node: NodeID, of peer: NodeID, in trial: Trial) {
        guard let process = trial.process(node) else { return }
        let delay = trial.dice.skewed(1_000...3_000_000)
        trial.plan(at: trial.now + delay, kind: 3, on: process.place) { [unowned trial] in
            trial.process(node)?.receive(.lost(peer))
        }
    }

    /// A node stopped: its peers' connections to it end.
    func forget(_ node: NodeID, in trial: Trial) {
        for peer in nodes where peer != node { tell(peer, of: node, in: trial) }
    }

    /// Two nodes' connection breaks.
    func breakConnection(_ one: NodeID, _ other: NodeID, in trial: Trial) {
        tell(one, of: other, in: trial)
        tell(other, of: one, in: trial)
    }
}

extension Schedule.Place {
    /// Whether the process that planned is still the one that runs.
    var isCurrent: Bool { host.generation == generation && host.isUp }
}
