/// The XXH64 hash (Yann Collet's specification, xxHash v0.1.1): the checksum of log records,
/// snapshot chunks and state digests. It finds damage; it is no defence against forgery.
public struct XXH64: Sendable {
    @usableFromInline static let p1: UInt64 = 0x9E37_79B1_85EB_CA87
    @usableFromInline static let p2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    @usableFromInline static let p3: UInt64 = 0x1656_67B1_9E37_79F9
    @usableFromInline static let p4: UInt64 = 0x85EB_CA77_C2B2_AE63
    @usableFromInline static let p5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The hash of `span`, begun from `seed`.
    @inlinable
    public static func hash(_ span: RawSpan, seed: UInt64 = 0) -> UInt64 {
        var offset = 0
        var hash = span.byteCount >= 32 ? stripes(span, seed, &offset) : seed &+ p5
        hash &+= UInt64(span.byteCount)
        while offset + 8 <= span.byteCount {
            hash ^= round(0, word(span, offset))
            hash = rotate(hash, 27) &* p1 &+ p4
            offset += 8
        }
        if offset + 4 <= span.byteCount {
            let half = unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
            hash ^= UInt64(UInt32(littleEndian: half)) &* p1
            hash = rotate(hash, 23) &* p2 &+ p3
            offset += 4
        }
        while offset < span.byteCount {
            let byte = unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            hash ^= UInt64(byte) &* p5
            hash = rotate(hash, 11) &* p1
            offset += 1
        }
        return avalanche(hash)
    }

    @inlinable
    public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        hash(bytes.rawSpan, seed: seed)
    }

    /// Mixes two hashes into one, where the order matters.
    @inlinable
    public static func combine(_ first: UInt64, _ second: UInt64) -> UInt64 {
        avalanche((rotate(first, 27) &* p1 &+ p4) ^ round(0, second))
    }

    @usableFromInline
    static func stripes(_ span: RawSpan, _ seed: UInt64, _ offset: inout Int) -> UInt64 {
        var a = seed &+ p1 &+ p2
        var b = seed &+ p2
        var c = seed
        var d = seed &- p1
        while offset + 32 <= span.byteCount {
            a = round(a, word(span, offset))
            b = round(b, word(span, offset + 8))
            c = round(c, word(span, offset + 16))
            d = round(d, word(span, offset + 24))
            offset += 32
        }
        var hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
        hash = merge(hash, a)
        hash = merge(hash, b)
        hash = merge(hash, c)
        return merge(hash, d)
    }

    @inlinable
    static func word(_ span: RawSpan, _ offset: Int) -> UInt64 {
        let raw = unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return UInt64(littleEndian: raw)
    }

    @inlinable
    static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        (value << bits) | (value >> (64 - bits))
    }

    @inlinable
    static func round(_ accumulator: UInt64, _ input: UInt64) -> UInt64 {
        rotate(accumulator &+ input &* p2, 31) &* p1
    }

    @usableFromInline
    static func merge(_ hash: UInt64, _ accumulator: UInt64) -> UInt64 {
        (hash ^ round(0, accumulator)) &* p1 &+ p4
    }

    @inlinable
    static func avalanche(_ value: UInt64) -> UInt64 {
        var hash = value
        hash ^= hash >> 33
        hash = hash &* p2
        hash ^= hash >> 29
        hash = hash &* p3
        hash ^= hash >> 32
        return hash
    }
}
