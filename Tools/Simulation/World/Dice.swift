/// The randomness of a run: SplitMix64, equal on every machine.
///
/// A class, so that everything in a run draws from the same sequence.
final class Dice {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    func word() -> UInt64 { generator.next() }

    func number(_ range: ClosedRange<Int64>) -> Int64 {
        Int64.random(in: range, using: &generator)
    }

    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    func chance(_ permille: Int) -> Bool { permille > 0 && number(0...999) < permille }

    func pick<Element>(_ elements: [Element]) -> Element {
        elements[number(0...(elements.count - 1))]
    }

    /// Mostly small, now and then up to `max`: durations of the real world.
    func skewed(_ range: ClosedRange<Int64>) -> Int64 {
        let width = range.upperBound - range.lowerBound
        let share = number(0...Int64(1_000)) * number(0...Int64(1_000)) / 1_000
        return range.lowerBound + width * share / 1_000
    }
}

/// SplitMix64 as a value, for those who want a generator of their own.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
