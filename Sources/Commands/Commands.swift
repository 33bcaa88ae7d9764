public import Bytes

/// What a log entry's payload says, what applying it answers, and what it changes: the vocabulary
/// that front ends, the replica, the state machine and the log inspector share.
///
/// One request of a client is one entry. Whatever must be decided once (the leader's clock, random
/// ids) is decided before the command enters the log; whatever depends on the state is decided when
/// it is applied. The module does no I/O, reads no clock and knows no storage. Decoding never
/// traps: bad bytes are a `CommandError`.
///
/// Map: `CommandHeader` stands before every body, `CommandKind` numbers the bodies, `Command` is
/// any
/// of them decoded, `ZooKeeper/` and `Consul/` hold the bodies with their byte diagrams and with
/// views that read them in place, `Outcomes/` holds answers and changes, `CommandSummary` is the
/// log inspector's readable form.
public enum CommandError: Error, Equatable, Sendable {
    /// The bytes are no command: cut short, or a length or tag that no version writes.
    case malformed(BytesError)
    /// A newer binary wrote this; applying it by guess would let nodes diverge.
    case unknownFormat(version: UInt8)
    case unknownKind(UInt8)
    /// A well-formed command with bytes after its end.
    case trailingBytes(offset: Int, count: Int)
}

extension CommandError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let error): "malformed command: \(error)"
        case .unknownFormat(let version):
            "command format \(version): newer than \(CommandHeader.formatMax)"
        case .unknownKind(let kind): "command kind \(kind): unknown to this version"
        case .trailingBytes(let offset, let count): "\(count) bytes after the end at \(offset)"
        }
    }
}

/// A ZooKeeper session's id, as on the wire. 0 is no session.
public struct SessionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var value: Int64

    @inlinable
    public init(_ value: Int64) {
        self.value = value
    }

    public static let none = SessionID(0)

    public static func < (left: SessionID, right: SessionID) -> Bool { left.value < right.value }

    /// As ZooKeeper prints it: 0x and the hexadecimal digits.
    public var description: String { "0x" + String(UInt64(bitPattern: value), radix: 16) }
}

/// Names a list of ACL entries that the state has interned. 0 is world:anyone with all permissions.
public struct ACLID: Hashable, Sendable {
    public var value: UInt32

    @inlinable
    public init(_ value: UInt32) {
        self.value = value
    }

    public static let open = ACLID(0)
    /// Set in the value of every list that lets the world read.
    public static let worldReadableBit: UInt32 = 0x8000_0000

    /// Whether anyone may read: the cheap test before an event is sent.
    @inlinable
    public var isWorldReadable: Bool { value == 0 || value & Self.worldReadableBit != 0 }
}
