import Bytes
import PeerProtocol
import Raft
import Replica

/// The network between the nodes: every pair has a wire each way.
///
/// Raft's messages may be lost, doubled, late and out of order. Forwarded requests and their
/// answers go by lines, the connections that a node dials: they come once and in order, or not at
/// all, and both ends of a line that is lost are told sooner or later.
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

    /// A connection that one node dialled to another.
    struct Line {
        /// Which connection it is; nil: there is none.
        var epoch: UInt64?
        /// Since the last time that the peer was found dead.
        var wasReached = false
    }

    private var wires: [Direction: Wire] = [:]
    private var lines: [Direction: Line] = [:]
    private var epochs: UInt64 = 0
    private var nodes: [NodeID]
    private let mutant: Mutant?

    init(nodes: [NodeID], mutant: Mutant?) {
        self.nodes = nodes
        self.mutant = mutant
        for from in nodes { for to in nodes { wires[Direction(from: from, to: to)] = Wire() } }
    }

    /// A new machine, with wires to all others; who runs already dials it from now on.
    func add(_ node: NodeID, in trial: Trial) {
        for peer in nodes {
            wires[Direction(from: node, to: peer)] = Wire()
            wires[Direction(from: peer, to: node)] = Wire()
            planDial(Direction(from: peer, to: node), in: trial)
        }
        nodes.append(node)
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
        guard let frame = decoded(frame, in: trial) else { return message }
        guard case .messages(let messages) = frame, messages.count == 1,
            let travelled = messages.first
        else {
            trial.oracle.fail("the codec reads another frame than it wrote: \(frame)")
            return message
        }
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
        let isSent = connected(from: from, to: to, in: trial) { process in
            process.receive(.forwarded(requests, from: from))
            guard trial.mutant == .forwardsTwice, trial.dice.chance(300) else { return }
            let again = trial.now + trial.dice.number(1_000...Int64(200_000))
            trial.plan(at: again, kind: 13, on: process.place) {
                process.receive(.forwarded(requests, from: from))
            }
        }
        if !isSent { tell(from, after: 10...100, in: trial) { $0.receive(.lost(to)) } }
    }

    /// Without a line an answer vanishes: whoever waits for it learns of the line's end.
    func send(_ answers: [ForwardAnswer], from: NodeID, to: NodeID, in trial: Trial) {
        _ = connected(from: from, to: to, in: trial) { $0.receive(.forwardAnswers(answers)) }
    }

    func send(_ report: StateReport, from: NodeID, to: NodeID, in trial: Trial) {
        guard case .stateReport(let report)? = travelled(.stateReport(report), in: trial) else {
            return
        }
        _ = connected(from: from, to: to, in: trial) {
            $0.receive(.stateReport(report, from: from))
        }
    }

    func send(_ verdict: StateVerdict, from: NodeID, to: NodeID, in trial: Trial) {
        guard case .stateVerdict(let verdict)? = travelled(.stateVerdict(verdict), in: trial)
        else { return }
        _ = connected(from: from, to: to, in: trial) {
            $0.receive(.stateVerdict(verdict, from: from))
        }
    }

    private func travelled(_ frame: PeerFrame, in trial: Trial) -> PeerFrame? {
        decoded(frame.encoded(), in: trial)
    }

    /// Sends by the line from one node to another, if there is one. What is under way when the
    /// line ends does not arrive; where only the way back is cut it does, and the line ends too.
    /// False: there is no line.
    private func connected(
        from: NodeID,
        to: NodeID,
        in trial: Trial,
        _ body: @escaping (NodeProcess) -> Void
    ) -> Bool {
        let direction = Direction(from: from, to: to)
        guard let epoch = line(direction).epoch else { return false }
        let arrival = arrival(on: direction, mayReorder: false, in: trial)
        trial.plan(at: arrival, kind: 2) { [unowned self, unowned trial] in
            guard self.line(direction).epoch == epoch else { return }
            if !self.isCut(from, to), let process = trial.process(to) { body(process) }
            if self.isCut(from, to) || self.isCut(to, from) {
                self.end(direction, noticedAfter: Self.notice, in: trial)
            }
        }
        return true
    }
}

// MARK: - Lines

/// As the server's `Link` and `Reception` have it: every node dials every other one, and dials
/// again when the line is lost.
extension Network {
    /// How long it takes until the end of a line is noticed.
    private static let notice: ClosedRange<Int64> = 1_000...3_000_000
    /// A machine that runs answers for its dead process; one without power does not.
    private static let noticeOfCrash: ClosedRange<Int64> = 100...5_000
    private static let noticeOfPowerCut: ClosedRange<Int64> = 1_000...2_000_000

    /// A process begins: it has no lines yet.
    func started(_ node: NodeID, in trial: Trial) {
        for peer in nodes where peer != node {
            let direction = Direction(from: node, to: peer)
            lines[direction] = Line()
            planDial(direction, after: 100...20_000, in: trial)
        }
    }

    /// A process or its machine stopped: the lines from it and to it end.
    func forget(_ node: NodeID, _ cause: ProcessEnd, in trial: Trial) {
        let delay = cause == .powerCut ? Self.noticeOfPowerCut : Self.noticeOfCrash
        for peer in nodes where peer != node {
            end(Direction(from: node, to: peer), noticedAfter: delay, in: trial)
            end(Direction(from: peer, to: node), noticedAfter: delay, in: trial)
        }
    }

    /// Two nodes' connections break. False: they had none.
    func breakConnection(_ one: NodeID, _ other: NodeID, in trial: Trial) -> Bool {
        let directions = [Direction(from: one, to: other), Direction(from: other, to: one)]
        let open = directions.filter { line($0).epoch != nil }
        for direction in open { end(direction, noticedAfter: Self.notice, in: trial) }
        return !open.isEmpty
    }

    private func line(_ direction: Direction) -> Line { lines[direction] ?? Line() }

    private func planDial(
        _ direction: Direction,
        after delay: ClosedRange<Int64> = 20_000...1_000_000,
        in trial: Trial
    ) {
        guard let process = trial.process(direction.from) else { return }
        let time = trial.now + trial.dice.skewed(delay)
        trial.plan(at: time, kind: 16, on: process.place) { [unowned self, unowned trial] in
            self.dial(direction, from: process, in: trial)
        }
    }

    private func dial(_ direction: Direction, from process: NodeProcess, in trial: Trial) {
        guard line(direction).epoch == nil else { return }
        let target = trial.host(direction.to)
        guard hasWay(direction, to: target, in: trial) else {
            return unreached(direction, from: process, in: trial)
        }
        guard target.isUp else {
            if line(direction).wasReached {
                lines[direction]?.wasReached = false
                trial.tally.died += 1
                process.receive(.died(target.id))
            }
            return unreached(direction, from: process, in: trial)
        }
        epochs += 1
        lines[direction] = Line(epoch: epochs, wasReached: true)
        trial.tally.reached += 1
        process.receive(.reached(target.id))
    }

    /// Whether the target's machine answers at all.
    private func hasWay(_ direction: Direction, to target: Host, in trial: Trial) -> Bool {
        !isCut(direction.from, direction.to) && !isCut(direction.to, direction.from)
            && target.hasPower && target.pausedUntil <= trial.now
    }

    private func unreached(_ direction: Direction, from process: NodeProcess, in trial: Trial) {
        process.receive(.unreached(direction.to))
        planDial(direction, in: trial)
    }

    /// From now on nothing goes by the line; both ends notice in their own time.
    private func end(
        _ direction: Direction,
        noticedAfter delay: ClosedRange<Int64>,
        in trial: Trial
    ) {
        guard line(direction).epoch != nil else { return }
        lines[direction]?.epoch = nil
        tell(direction.to, after: delay, in: trial) { $0.receive(.lost(direction.from)) }
        tell(direction.from, after: delay, in: trial) { [unowned self, unowned trial] process in
            process.receive(.unreached(direction.to))
            process.receive(.lost(direction.to))
            self.planDial(direction, in: trial)
        }
    }

    private func tell(
        _ node: NodeID,
        after delay: ClosedRange<Int64>,
        in trial: Trial,
        _ body: @escaping (NodeProcess) -> Void
    ) {
        guard let process = trial.process(node) else { return }
        let time = trial.now + trial.dice.skewed(delay)
        trial.plan(at: time, kind: 3, on: process.place) { body(process) }
    }
}

extension Schedule.Place {
    /// Whether the process that planned is still the one that runs.
    var isCurrent: Bool { host.generation == generation && host.isUp }
}
