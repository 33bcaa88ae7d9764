public import Bytes

/// A domain name as a message has it (RFC 1035, 3.1): labels, each behind a byte with its length,
/// and a zero at the end.
public struct DomainName: Hashable, Sendable {
    /// All of it, without compression.
    public let wire: [UInt8]

    /// RFC 1035, 2.3.4.
    static let bytesMax = 255
    static let labelBytesMax = 63

    /// - Parameter wire: must be a whole name.
    init(wire: [UInt8]) {
        self.wire = wire
    }

    /// The name of these labels; nil if one of them is empty or longer than 63 bytes, or all of it
    /// is longer than 255.
    public init?(labels: [ByteString]) {
        var wire: [UInt8] = []
        for label in labels {
            guard (1...Self.labelBytesMax).contains(label.bytes.count) else { return nil }
            wire.append(UInt8(label.bytes.count))
            wire += label.bytes
        }
        wire.append(0)
        guard wire.count <= Self.bytesMax else { return nil }
        self.wire = wire
    }

    /// The name whose labels stand between dots; a dot at the end says nothing.
    public init?(_ text: ByteString) {
        var bytes = text.bytes[...]
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        self.init(labels: parts.map { ByteString(Array($0)) })
    }

    public var labels: [ByteString] {
        var labels: [ByteString] = []
        var offset = 0
        while wire[offset] != 0 {
            let end = offset + 1 + Int(wire[offset])
            labels.append(ByteString(Array(wire[(offset + 1)..<end])))
            offset = end
        }
        return labels
    }

    /// Names are compared without regard to case (RFC 1035, 2.3.3). A length is never a letter.
    public var lowercased: DomainName { DomainName(wire: wire.map(\.lowercased)) }
}
