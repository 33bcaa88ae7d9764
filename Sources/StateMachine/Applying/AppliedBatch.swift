public import Commands

/// An entry that the cluster has agreed on.
public struct CommittedEntry: Equatable, Sendable {
    public var index: UInt64
    public var term: UInt64
    /// A command, or empty: an entry that only Raft understands.
    public var payload: [UInt8]
    /// Whether somebody here waits for what it answers. What a transaction read is collected only
    /// then; the state becomes the same.
    public var isAnswered: Bool

    public init(index: UInt64, term: UInt64, payload: [UInt8], isAnswered: Bool = true) {
        self.index = index
        self.term = term
        self.payload = payload
        self.isAnswered = isAnswered
    }
}

/// What an applied entry answers, and which of the batch's changes are its own.
public struct AppliedEntry: Equatable, Sendable {
    public var index: UInt64
    public var outcome: Outcome
    public var changes: Range<Int>
}

/// What a batch of entries did.
public struct AppliedBatch: Equatable, Sendable {
    /// The number of the LMDB transaction; snapshots of this number and above show the batch.
    public var transactionID: UInt64
    public var entries: [AppliedEntry]
    /// In the order of the log.
    public var changes: [Change]
    /// The digests at the checkpoints within, and at the end.
    public var marks: [StateMark] = []
}

/// The digest of the state at an index: equal on every node.
public struct StateMark: Hashable, Sendable {
    public var index: UInt64
    public var digest: UInt64

    public init(index: UInt64, digest: UInt64) {
        self.index = index
        self.digest = digest
    }

    /// Whether all nodes make a mark of this index, however their batches fall.
    public static func isCheckpoint(_ index: UInt64) -> Bool { Patrol.isDue(at: index) }
}
