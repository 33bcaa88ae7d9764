import LMDB
import StateMachine

/// A read transaction that is kept from one answer to the next, and the view through it.
struct StateReading: ~Copyable {
    private var transaction: ReadTransaction
    private let tables: StateTables

    /// Begins without a snapshot.
    init(_ environment: Environment, _ tables: StateTables) throws(LMDBError) {
        transaction = try ReadTransaction(environment)
        transaction.reset()
        self.tables = tables
    }

    /// The number of the open snapshot.
    var id: UInt64 { transaction.id }

    /// Takes the newest snapshot.
    mutating func open() throws(LMDBError) { try transaction.renew() }

    mutating func close() { transaction.reset() }

    /// Reads the open snapshot.
    borrowing func view<Result, Failure: Error>(
        _ body: (borrowing StateView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(StateView(transaction.reader, tables: tables))
    }
}
