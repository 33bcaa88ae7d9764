public import Commands

/// An entry that the cluster has agreed on.
public struct CommittedEntry: Equatable, Sendable {
    public var index: UInt64
    public var term: UInt64
    /// A command, or empty: an entry that only Raft understands.
    public var payload: [UInt8]

    public init(index: UInt64, term: UInt64, payload: [UInt8]) {
        self.index = index
        self.term = term
        self.payload = payload
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
}
