import Bytes
import Commands
import RaftStore

/// What a damaged disk may hold where the log keeps an entry's payload, and what a peer may send as
/// a snapshot's manifest.
package enum LogRecordEntry {
    package static func run(_ input: [UInt8]) {
        payload(input)
        _ = try? SnapshotManifest(encoded: input)
    }

    private static func payload(_ input: [UInt8]) {
        guard let (header, command) = try? Command.decode(input.rawSpan) else { return }
        let encoded = command.encode(header)
        guard let again = try? Command.decode(encoded.rawSpan) else {
            preconditionFailure("\(command.kind) was encoded to what cannot be decoded")
        }
        precondition(again.header == header, "the header does not come back")
        precondition(again.command == command, "a \(command.kind) does not come back")
        _ = try? CommandSummary(decoding: input.rawSpan)
    }
}
