public import Commands
public import LMDB

/// The replicated state: what a node knows after applying the log up to an index.
///
/// `Machine` applies committed entries, a batch in one LMDB transaction, and says what each of
/// them answers and changes. `StateView` reads, for the front ends from an event loop's read
/// transaction and for preconditions from the transaction that is being written.
///
/// What it must never do: read a clock, draw a random number, iterate a Dictionary or Set, or do
/// anything else that could differ between two nodes that apply the same entries.
///
/// Map: `Storage/` holds the tables, the key schemes and the record codecs with their byte
/// diagrams; `Applying/` the batch, the rollback of a multi and the digest; `Znodes/` and `Keys/`
/// ZooKeeper's and Consul's rules; `Catalog/` nodes, services, checks and Consul's sessions;
/// `Reading/` the view; `Inspection/` what an inspector asks of it: things, differences,
/// references.
public enum StateError: Error, Equatable, Sendable {
    /// LMDB refused: the batch is not applied, and can be tried again.
    case storage(LMDBError)
    /// The file cannot grow, and not because the disk is full.
    case file(String)
    /// A committed entry cannot be understood. The node must stop: to skip it would be to diverge.
    case undecodable(index: UInt64, CommandError)
    /// Entries must come without a gap.
    case outOfOrder(index: UInt64, applied: UInt64)
    /// A record in the state's files does not decode.
    case damaged(table: String, detail: String)
    /// A newer binary wrote this state.
    case newerFormat(found: UInt64, known: UInt64)
}

extension StateError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .storage(let error): "state: \(error)"
        case .file(let reason): "state: \(reason)"
        case .undecodable(let index, let error): "state: entry \(index): \(error)"
        case .outOfOrder(let index, let applied):
            "state: entry \(index) does not follow \(applied)"
        case .damaged(let table, let detail): "state: table \(table): \(detail)"
        case .newerFormat(let found, let known):
            "state: format \(found) is newer than \(known), the newest that this version knows"
        }
    }
}
