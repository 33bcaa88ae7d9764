import Bytes
import Commands
import Raft
import StateMachine

/// Follows one key or znode through the entries that name it, without the rest of the state: as
/// far as the answer follows from those entries it is certain, else it is called likely.
struct Trail {
    private let subject: Subject
    /// The subject as it is now; nil: not there.
    private(set) var item: StateItem?
    /// Whether `item` is certain.
    private var isSure: Bool
    /// The sessions whose end may remove the subject: of two that tried to create it, nobody knows
    /// which one did.
    private(set) var owners: [SessionID] = []

    /// - Parameter item: what a snapshot says, or nil.
    init(_ subject: Subject, item: StateItem?, isSure: Bool) {
        self.subject = subject
        self.item = item
        self.isSure = isSure
        if let owner { owners = [owner] }
    }

    /// The session that the subject belongs to, as it is now.
    private var owner: SessionID? {
        guard case .znode(let znode) = item, znode.stat.ephemeralOwner != 0 else { return nil }
        return SessionID(znode.stat.ephemeralOwner)
    }

    /// The session that holds the key, whose end does something to it.
    var holder: ByteString? {
        guard case .key(let record) = item, !record.session.bytes.isEmpty else { return nil }
        return record.session
    }

    /// What an entry did to the subject; nil if it has nothing to do with it.
    mutating func step(_ entry: Entry, _ described: DescribedEntry) -> HistoryRow? {
        guard entry.kind == .normal,
            let (header, command) = try? Command.decode(entry.payload.rawSpan)
        else { return nil }
        let context = Context(
            index: entry.index.rawValue,
            term: entry.term.rawValue,
            header: header
        )
        let before = item
        let result: HistoryRow.Result?
        switch subject {
        case .key(let key): result = stepKey(key, command, context)
        case .znode(let path): result = stepZnode(path, command, context)
        default:
            return HistoryRow(entry: described, result: .likely, isKnown: false)
        }
        guard let result else { return nil }
        return HistoryRow(
            entry: described,
            result: result,
            before: HistoryRow.Version(before.map { [$0] } ?? []),
            after: HistoryRow.Version(item.map { [$0] } ?? [])
        )
    }

    private struct Context {
        var index: UInt64
        var term: UInt64
        var header: CommandHeader
    }

    // MARK: Keys

    private mutating func stepKey(
        _ key: ByteString,
        _ command: Command,
        _ context: Context
    ) -> HistoryRow.Result? {
        switch command {
        case .key(let operation): return step(key, operation, context)
        case .transaction(let transaction): return step(key, transaction, context)
        case .destroyConsulSession(let command):
            guard case .key(var record) = item, record.session == command.id,
                !command.expired || command.term == context.term
            else { return nil }
            // Whether its keys go with it or are released, its creation says.
            record.session = ""
            record.modifyIndex = context.index
            item = .key(record)
            isSure = false
            return .likely
        default: return nil
        }
    }

    private mutating func step(
        _ key: ByteString,
        _ operation: KeyOperation,
        _ context: Context
    ) -> HistoryRow.Result? {
        if operation.verb == .deleteTree {
            guard key.bytes.starts(with: operation.key.bytes) else { return nil }
            return remove()
        }
        guard operation.key == key else { return nil }
        switch operation.verb {
        case .set: return store(key, operation.value, operation.flags, context)
        case .setIfUnchanged:
            guard isCurrent(operation.index) else { return refused("the index is not current") }
            return store(key, operation.value, operation.flags, context)
        case .delete: return remove()
        case .deleteIfUnchanged:
            guard item != nil else { return isSure ? .unchanged : .likely }
            guard isCurrent(operation.index) else { return refused("the index is not current") }
            return remove()
        case .lock:
            if let holder, holder != operation.session { return .likely }
            isSure = false
            _ = store(key, operation.value, operation.flags, context, holder: operation.session)
            isSure = false
            return .likely
        case .unlock:
            guard holder == operation.session else {
                return refused("the session does not hold it")
            }
            _ = store(key, operation.value, operation.flags, context, holder: "")
            isSure = false
            return .likely
        case .deleteTree: return nil
        }
    }

    private func isCurrent(_ index: UInt64) -> Bool {
        guard case .key(let record) = item else { return index == 0 }
        return record.modifyIndex == index
    }

    /// What fails on something uncertain may have been done; the trail is lost then.
    private mutating func refused(_ reason: String) -> HistoryRow.Result {
        isSure ? .refused(reason) : .likely
    }

    private mutating func store(
        _ key: ByteString,
        _ value: [UInt8],
        _ flags: UInt64,
        _ context: Context,
        holder: ByteString? = nil
    ) -> HistoryRow.Result {
        var record = KeyRecord(
            key: key,
            value: value,
            flags: flags,
            createIndex: context.index,
            modifyIndex: context.index,
            lockIndex: 0,
            session: holder ?? ""
        )
        if case .key(let old) = item {
            record.createIndex = old.createIndex
            if holder == nil { record.session = old.session }
            let isSame = old.value == value && old.flags == flags && old.session == record.session
            // A key that was locked once has another lock index, which a set takes back.
            if isSame, isSure, old.lockIndex == 0 { return .unchanged }
            if isSame { isSure = false }
        }
        item = .key(record)
        return isSure ? .done : .likely
    }

    private mutating func remove() -> HistoryRow.Result {
        let result: HistoryRow.Result = item == nil ? (isSure ? .unchanged : .likely) : .done
        let wasSure = isSure
        item = nil
        isSure = true
        return result == .done && !wasSure ? .likely : result
    }

    /// A transaction is done whole or not at all, which others of its operations may decide.
    private mutating func step(
        _ key: ByteString,
        _ transaction: Transaction,
        _ context: Context
    ) -> HistoryRow.Result? {
        let saved = self
        var results: [HistoryRow.Result] = []
        var isElsewhere = false
        for operation in transaction.operations {
            guard case .key(let operation) = operation else {
                isElsewhere = true
                continue
            }
            guard let plain = operation.plain, !plain.key.bytes.isEmpty else {
                isElsewhere = true
                continue
            }
            if let result = step(key, plain, context) {
                results.append(result)
            } else if plain.verb != .set, plain.verb != .delete, plain.verb != .deleteTree {
                isElsewhere = true
            }
        }
        guard !results.isEmpty else { return nil }
        let refusal = results.first { result in
            if case .refused = result { return true }
            return false
        }
        if let refusal {
            self = saved
            return refusal
        }
        if isElsewhere || results.contains(.likely) {
            isSure = false
            return .likely
        }
        return results.contains(.done) ? .done : .unchanged
    }

    // MARK: Znodes

    private mutating func stepZnode(
        _ path: ByteString,
        _ command: Command,
        _ context: Context
    ) -> HistoryRow.Result? {
        switch command {
        case .createZnode(let operation, _): return create(path, operation, context)
        case .setData(let operation, _):
            return operation.path == path ? setData(operation, context) : nil
        case .deleteZnode(let operation, _):
            return operation.path == path ? delete(operation) : nil
        case .setACL(let operation, _):
            return operation.path == path ? setACL(operation) : nil
        case .deleteContainer(let name): return name == path ? leave() : nil
        case .closeSession(let command):
            let session = context.header.session
            guard owners.contains(session), !command.expired || command.term == context.term else {
                return nil
            }
            owners.removeAll { $0 == session }
            return owner == session ? leave() : .likely
        case .multi(let operations, _): return multi(path, operations, context)
        default: return nil
        }
    }

    private mutating func create(
        _ path: ByteString,
        _ operation: CreateOperation,
        _ context: Context
    ) -> HistoryRow.Result? {
        // A sequential one has a number that only the parent's state tells.
        guard operation.path == path, operation.flags & 2 == 0 else { return nil }
        let isEphemeral = operation.flags == 1
        let session = context.header.session
        if isEphemeral, item == nil || !isSure, !owners.contains(session) { owners.append(session) }
        if item != nil { return refused("it is there already") }
        let time = context.header.timeMilliseconds
        item = .znode(
            ZnodeItem(
                path: path,
                stat: Stat(
                    czxid: context.index,
                    mzxid: context.index,
                    ctimeMilliseconds: time,
                    mtimeMilliseconds: time,
                    version: 0,
                    cversion: 0,
                    aversion: 0,
                    ephemeralOwner: isEphemeral ? session.value : 0,
                    dataLength: Int32(clamping: operation.data?.count ?? 0),
                    childCount: 0,
                    pzxid: context.index
                ),
                isContainer: operation.request == .container,
                acl: operation.acl,
                data: operation.data
            )
        )
        isSure = false
        return .likely
    }

    private mutating func setData(
        _ operation: SetDataOperation,
        _ context: Context
    ) -> HistoryRow.Result {
        guard case .znode(var znode) = item else { return refused("it is not there") }
        if operation.version != -1, operation.version != znode.stat.version {
            return refused("the version is \(znode.stat.version)")
        }
        znode.stat.version &+= 1
        znode.stat.mzxid = context.index
        znode.stat.mtimeMilliseconds = context.header.timeMilliseconds
        znode.data = operation.data
        item = .znode(znode)
        isSure = false
        return .likely
    }

    private mutating func setACL(_ operation: SetACLOperation) -> HistoryRow.Result {
        guard case .znode(var znode) = item else { return refused("it is not there") }
        if operation.version != -1, operation.version != znode.stat.aversion {
            return refused("the version of the list is \(znode.stat.aversion)")
        }
        znode.stat.aversion &+= 1
        znode.acl = operation.acl
        item = .znode(znode)
        isSure = false
        return .likely
    }

    private mutating func delete(_ operation: DeleteOperation) -> HistoryRow.Result {
        guard case .znode(let znode) = item else { return refused("it is not there") }
        if operation.version != -1, operation.version != znode.stat.version {
            return refused("the version is \(znode.stat.version)")
        }
        return leave()
    }

    private mutating func leave() -> HistoryRow.Result {
        if item == nil { return refused("it is not there") }
        item = nil
        isSure = false
        return .likely
    }

    private mutating func multi(
        _ path: ByteString,
        _ operations: [MultiOperation],
        _ context: Context
    ) -> HistoryRow.Result? {
        let saved = self
        var isNamed = false
        for operation in operations {
            let result: HistoryRow.Result?
            switch operation {
            case .create(let operation): result = create(path, operation, context)
            case .setData(let operation):
                result = operation.path == path ? setData(operation, context) : nil
            case .delete(let operation): result = operation.path == path ? delete(operation) : nil
            case .check: result = nil
            }
            guard let result else { continue }
            isNamed = true
            if case .refused = result {
                self = saved
                return result
            }
        }
        return isNamed ? .likely : nil
    }
}

extension KeyTransactionOperation {
    /// The write that it is; nil for one that only reads or checks.
    fileprivate var plain: KeyOperation? {
        let verbs: [KeyTransactionVerb: KeyVerb] = [
            .set: .set, .setIfUnchanged: .setIfUnchanged, .lock: .lock, .unlock: .unlock,
            .delete: .delete, .deleteTree: .deleteTree, .deleteIfUnchanged: .deleteIfUnchanged,
        ]
        return verbs[verb].map { plain in
            KeyOperation(
                verb: plain,
                key: key,
                value: value,
                flags: flags,
                index: index,
                session: session
            )
        }
    }
}
