import Bytes
import LMDB

@testable import StateMachine

/// One record of the state's files.
struct DumpedRecord: Equatable, CustomStringConvertible {
    var table: String
    var key: [UInt8]
    var value: [UInt8]

    var description: String { "\(table) \(key) = \(value)" }
}

extension StateFixture {
    /// Everything that is stored.
    func dump() throws -> [DumpedRecord] {
        let transaction = try ReadTransaction(environment)
        var records: [DumpedRecord] = []
        for (name, table) in tables.all {
            var cursor = try transaction.cursor(in: table)
            var isPlaced = try cursor.moveToFirst()
            while isPlaced {
                records.append(
                    DumpedRecord(
                        table: name,
                        key: cursor.key.copiedBytes(),
                        value: cursor.value.copiedBytes()
                    )
                )
                isPlaced = try cursor.moveToNext()
            }
        }
        return records
    }
}
