import SeededRandom

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
