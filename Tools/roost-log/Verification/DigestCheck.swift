import Bytes
import Raft
import RaftStore
import StateMachine

/// Replays the log from the oldest snapshot that leads on, and compares what comes of it with the
/// later snapshots and with the state: their digests, and at last every record.
struct DigestCheck {
    private let replay: Replay
    private(set) var findings: [Finding] = []
    private(set) var report = ""

    init(_ replay: Replay) { self.replay = replay }

    mutating func run() throws {
        let bases = try StartingState.all(of: replay.directory).filter {
            $0.index.next >= replay.log.first && $0.index <= replay.committed
        }
        guard let oldest = try bases.last(where: { try !$0.isOwnState && $0.damage().isEmpty })
        else {
            report = "not replayed: no whole snapshot leads to the log"
            return
        }
        let state = try ScratchState(from: oldest, in: replay.scratch)
        var compared = 0
        for base in bases.reversed() where base.index > oldest.index {
            try replay.advance(state, through: base.index)
            try compare(base, state)
            compared += 1
        }
        report =
            "replayed from \(oldest.text) on; \(compared) states compared, the last after entry "
            + "\(state.machine.summary.appliedIndex)"
    }

    private mutating func compare(_ base: StartingState, _ state: ScratchState) throws {
        let (group, place) = Finding.place(of: base)
        let wanted = state.machine.summary.digest
        if base.summary.digest != wanted {
            let text =
                "its digest is \(Hexadecimal.text(base.summary.digest)), and a replay's "
                + Hexadecimal.text(wanted)
            findings.append(Finding(group, place, Damage(.chain, index: base.index, text)))
        }
        guard !replay.directory.isServed || !base.isOwnState, try base.damage().isEmpty
        else { return }
        var texts: [String] = []
        try base.read(scratch: replay.scratch) { own in
            try state.read { rebuilt in
                try StateView.forEachDifference(own, rebuilt) { difference in
                    texts.append(DifferenceText(difference).lines.joined(separator: " "))
                    return texts.count < InspectorLimits.differingRecordsMax
                }
            }
        }
        for text in texts {
            let damage = Damage(.record, index: base.index, "it differs from a replay: \(text)")
            findings.append(Finding(group, place, damage))
        }
    }
}
