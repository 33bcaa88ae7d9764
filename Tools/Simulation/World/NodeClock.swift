/// A machine's clocks: one that only goes forward, and the wall's.
///
/// The first may drift and jump forward (a machine that slept); the second may also go back.
struct NodeClock {
    private var trueBase: Int64 = 0
    private var localBase: Int64 = 1_000_000_000
    /// Millionths of the true rate.
    private var rate: Int64 = 1_000_000
    private var wallOffset: Int64 = 1_795_493_164_000_000

    /// Microseconds that only go forward.
    func local(at time: Int64) -> Int64 { localBase + (time - trueBase) * rate / 1_000_000 }

    func monotonicMilliseconds(at time: Int64) -> Int64 { local(at: time) / 1_000 }

    func wallMilliseconds(at time: Int64) -> Int64 { (local(at: time) + wallOffset) / 1_000 }

    /// How long it truly takes until `local` microseconds have passed here.
    func trueDuration(of local: Int64) -> Int64 { max(1, local * 1_000_000 / rate) }

    mutating func drift(to rate: Int64, at time: Int64) {
        localBase = local(at: time)
        trueBase = time
        self.rate = rate
    }

    mutating func jump(forwardBy microseconds: Int64) { localBase += microseconds }

    mutating func jumpWall(by microseconds: Int64) { wallOffset += microseconds }
}
