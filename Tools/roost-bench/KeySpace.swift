import NIOCore

/// The keys of a run and the values under them. Every value begins with the key it was written
/// for, so that a read shows whether the server answered the right question.
struct KeySpace: Sendable {
    let prefix: String
    let count: UInt32
    let valueBytes: Int
    /// Tells the keys of one run of `create` from those of another.
    let run: UInt64
    private let filler: ByteBuffer

    init(prefix: String, count: Int, valueBytes: Int, run: UInt64) {
        self.prefix = prefix
        self.count = UInt32(count)
        self.valueBytes = valueBytes
        self.run = run
        var random = Xorshift(seed: 0x9E37_79B9_7F4A_7C15)
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        filler = ByteBuffer(
            bytes: (0..<valueBytes + 32).map { _ in letters[Int(random.next() >> 58)] }
        )
    }

    /// `PREFIX/k00000012`: its length is the same for all keys.
    var nameBytes: Int { prefix.utf8.count + 10 }

    func writeName(_ key: UInt32, into buffer: inout ByteBuffer) {
        buffer.writeString(prefix)
        buffer.writeStaticString("/k")
        buffer.writeInteger(Self.eightDigits(UInt64(key)))
    }

    /// `PREFIX/c12345678`: the parent of what one run of `create` makes.
    var runName: String { "\(prefix)/c\(String(describing: run % 100_000_000 + 100_000_000))" }

    /// `PREFIX/c112345678/n0000000000000042`.
    var creationNameBytes: Int { prefix.utf8.count + 29 }

    func writeCreationName(_ number: UInt64, into buffer: inout ByteBuffer) {
        buffer.writeString(runName)
        buffer.writeStaticString("/n")
        buffer.writeInteger(Self.eightDigits(number / 100_000_000))
        buffer.writeInteger(Self.eightDigits(number % 100_000_000))
    }

    /// `k00000012;00004711;` and filler, cut to the length of a value.
    func writeValue(_ key: UInt32, sequence: UInt64, into buffer: inout ByteBuffer) {
        let end = buffer.writerIndex + valueBytes
        buffer.writeStaticString("k")
        buffer.writeInteger(Self.eightDigits(UInt64(key)))
        buffer.writeStaticString(";")
        buffer.writeInteger(Self.eightDigits(sequence % 100_000_000))
        buffer.writeStaticString(";")
        let rest = end - buffer.writerIndex
        if rest > 0, let slice = filler.getSlice(at: Int(sequence & 31), length: rest) {
            buffer.writeImmutableBuffer(slice)
        }
        buffer.moveWriterIndex(to: end)
    }

    /// Whether the value at `offset` (an absolute index) is one that was written under `key`.
    func isValue(_ key: UInt32, at offset: Int, bytes: Int, in buffer: ByteBuffer) -> Bool {
        guard bytes == valueBytes else { return false }
        guard valueBytes >= 9 else { return true }
        return buffer.getInteger(at: offset + 1) == Self.eightDigits(UInt64(key))
    }

    /// The decimal digits of a number below 100,000,000, as the eight bytes of an integer.
    static func eightDigits(_ number: UInt64) -> UInt64 {
        var rest = number
        var digits: UInt64 = 0
        for place in 0..<8 {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            digits |= (0x30 + digit) << UInt64(8 * place)
            rest = quotient
        }
        return digits
    }
}

/// A small generator: what a load draws must cost less than what it measures.
struct Xorshift: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed == 0 ? 1 : seed }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func below(_ bound: UInt32) -> UInt32 {
        UInt32(((next() >> 32) * UInt64(bound)) >> 32)
    }
}
