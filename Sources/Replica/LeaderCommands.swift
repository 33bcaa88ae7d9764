import Bytes
import Commands

/// Commands that the leader makes by itself. None of them is anyone's request.
enum LeaderCommands {
    /// Ends what was not renewed; nil for what the state must be asked of first. The command does
    /// nothing if the term has changed when it is applied: a leader that was paused must not expire
    /// what its successor keeps alive. Nor if the lease has passed to another holder meanwhile, who
    /// was told that he has it.
    static func end(_ lease: Lease, of holder: UInt64, term: UInt64) -> [UInt8]? {
        switch lease {
        case .zooKeeper(let session):
            let header = CommandHeader(session: session, connection: holder)
            return CloseSession(expired: true, term: term).encode(header)
        case .consul(let id):
            let command = DestroyConsulSession(id: id, expired: true, term: term)
            return command.encode(CommandHeader())
        case .check(let key):
            let command = UpdateCheck(
                node: key.node,
                checkID: key.check,
                status: .critical,
                output: "",
                expired: true,
                term: term
            )
            return command.encode(CommandHeader())
        case .critical: return nil
        }
    }

    static func reapTombstones(through index: UInt64) -> [UInt8] {
        ReapTombstones(throughIndex: index).encode(CommandHeader())
    }

    static func deleteContainer(_ path: ByteString) -> [UInt8] {
        Command.deleteContainer(path: path).encode(CommandHeader())
    }
}
