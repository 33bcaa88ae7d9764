/// The place of an entry in the replicated log. The first entry has index 1; 0 is the empty log.
package struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package static let zero = LogIndex(0)

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var next: LogIndex { LogIndex(rawValue + 1) }

    /// The index before this one. Index 0 has none: asking for it is a bug.
    package var previous: LogIndex { LogIndex(rawValue - 1) }

    package func advanced(by count: Int) -> LogIndex { LogIndex(rawValue + UInt64(count)) }

    /// How many entries lie after `other` up to and including this index; 0 if none do.
    package func count(after other: LogIndex) -> Int {
        rawValue > other.rawValue ? Int(rawValue - other.rawValue) : 0
    }

    package static func < (left: LogIndex, right: LogIndex) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A leader's term of office; at most one leader exists in a term.
package struct Term: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package static let zero = Term(0)

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var next: Term { Term(rawValue + 1) }

    package static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }
}

/// A member of the cluster. 0 is nobody and is never given to a node.
package struct NodeID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }
}

/// Names one `LogWrite`, so that the shell can say which one has become durable.
/// Numbers grow by one with every write of a process and begin again with the next process.
package struct WriteID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package static let zero = WriteID(0)

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var next: WriteID { WriteID(rawValue + 1) }

    package static func < (left: WriteID, right: WriteID) -> Bool { left.rawValue < right.rawValue }
}

/// Names one read request of a node. The shell chooses it and gets it back in a `ReadState`;
/// one ID usually stands for a whole batch of clients' reads.
package struct ReadID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: ReadID, right: ReadID) -> Bool { left.rawValue < right.rawValue }
}
