/// A client's wait for something to come of what it has sent. It gives up when that takes too long,
/// unless something came, or another wait began, before.
final class Patience {
    private unowned let trial: Trial
    private let kind: UInt8
    private let longest: Int64
    private var serial: UInt64 = 0

    /// - Parameters:
    ///   - kind: of the end of a wait, in the schedule.
    ///   - longest: microseconds.
    init(trial: Trial, kind: UInt8, longest: Int64) {
        self.trial = trial
        self.kind = kind
        self.longest = longest
    }

    func begin(giveUp: @escaping () -> Void) {
        serial += 1
        let begun = serial
        let delay = trial.dice.skewed(1_000_000...longest)
        trial.plan(at: trial.now + delay, kind: kind) { [unowned self] in
            if serial == begun { giveUp() }
        }
    }

    func end() { serial += 1 }
}
