package import Bytes

/// Decimal digits of integers without a `String` in between.
package enum Decimal {
    package static func append(_ value: UInt64, to out: inout ByteWriter) {
        if value < 10 {
            out.bytes.append(48 + UInt8(truncatingIfNeeded: value))
            return
        }
        var width = 0
        var rest = value
        while rest > 0 {
            width += 1
            rest /= 10
        }
        let start = out.bytes.count
        out.bytes.append(contentsOf: repeatElement(48, count: width))
        rest = value
        var position = start + width
        while rest > 0 {
            position -= 1
            out.bytes[position] = 48 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}
