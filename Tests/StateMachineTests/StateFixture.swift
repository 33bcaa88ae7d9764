import Bytes
import Commands
import Glibc
import LMDB
import StateMachine

/// A state of its own in a directory that goes with it, driven by one entry at a time.
final class StateFixture {
    let directory: String
    let environment: Environment
    let tables: StateTables
    let machine: Machine
    var index: UInt64 = 0
    var term: UInt64 = 1
    var time: Int64 = 1_700_000_000_000
    /// What the last entry changed.
    var changes: [Change] = []

    static let session = SessionID(0x42)
    static let open = ACLCodec.open

    init(mapBytes: Int = 64 << 20) throws {
        var template = Array("/tmp/roost-state-\(String(repeating: "X", count: 6))".utf8CString)
        directory = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else {
                preconditionFailure("mkdtemp: errno \(errno)")
            }
            return unsafe String(cString: made)
        }
        var options = EnvironmentOptions()
        options.mapBytes = mapBytes
        options.tablesMax = StateTables.count
        options.isUnsynced = true
        environment = try Environment(path: directory, options: options)
        tables = try StateTables.open(environment)
        machine = try Machine(environment: environment, tables: tables)
    }

    deinit {
        for name in ["data.mdb", "lock.mdb"] { unsafe unlink("\(directory)/\(name)") }
        unsafe rmdir(directory)
    }

    func header(session: SessionID = .none, connection: UInt64 = 0) -> CommandHeader {
        CommandHeader(
            timeMilliseconds: time,
            session: session,
            connection: connection,
            client: .ipv4(0x7f00_0001, port: 5_000)
        )
    }

    @discardableResult
    func apply(_ command: Command, _ header: CommandHeader? = nil) throws -> Outcome {
        try applyPayload(command.encode(header ?? self.header()))
    }

    @discardableResult
    func applyPayload(_ payload: [UInt8], isAnswered: Bool = true) throws -> Outcome {
        index += 1
        let batch = try machine.apply([
            CommittedEntry(index: index, term: term, payload: payload, isAnswered: isAnswered)
        ])
        changes = batch.changes
        return batch.entries[0].outcome
    }

    func transaction(
        _ operations: [TransactionOperation],
        isAnswered: Bool
    ) throws -> TransactionOutcome {
        let payload = Command.transaction(Transaction(operations)).encode(header())
        let outcome = try applyPayload(payload, isAnswered: isAnswered)
        guard case .consul(.transaction(let result)) = outcome else { throw Unexpected(outcome) }
        return result
    }

    /// A command of ZooKeeper; without a session of its own it is the server's.
    @discardableResult
    func znode(
        _ command: Command,
        session: SessionID = .none,
        connection: UInt64 = 0
    ) throws -> ZnodeOutcome {
        let outcome = try apply(command, header(session: session, connection: connection))
        guard case .znode(let znode) = outcome else { return .failed(.systemError) }
        return znode
    }

    @discardableResult
    func consul(_ command: Command) throws -> ConsulOutcome {
        guard case .consul(let outcome) = try apply(command) else { return .key(false) }
        return outcome
    }

    func read<Result>(_ body: (borrowing StateView) throws -> Result) throws -> Result {
        let transaction = try ReadTransaction(environment)
        return try body(StateView(transaction.reader, tables: tables))
    }
}

// MARK: - ZooKeeper in short

extension StateFixture {
    @discardableResult
    func create(
        _ path: String,
        _ data: String? = "",
        flags: Int32 = 0,
        acl: [ACLEntry] = [.open],
        request: CreateRequest = .plain,
        as identities: [Identity] = [],
        session: SessionID = .none
    ) throws -> ZnodeOutcome {
        let operation = CreateOperation(
            path: ByteString(path),
            data: data.map { Array($0.utf8) },
            acl: acl,
            flags: flags,
            request: request
        )
        return try znode(.createZnode(operation, IdentityList(identities)), session: session)
    }

    @discardableResult
    func delete(
        _ path: String,
        version: Int32 = -1,
        as identities: [Identity] = []
    ) throws -> ZnodeOutcome {
        let operation = DeleteOperation(path: ByteString(path), version: version)
        return try znode(.deleteZnode(operation, IdentityList(identities)))
    }

    @discardableResult
    func setData(
        _ path: String,
        _ data: String?,
        version: Int32 = -1,
        as identities: [Identity] = []
    ) throws -> ZnodeOutcome {
        let operation = SetDataOperation(
            path: ByteString(path),
            data: data.map { Array($0.utf8) },
            version: version
        )
        return try znode(.setData(operation, IdentityList(identities)))
    }

    func multi(_ operations: [MultiOperation]) throws -> ZnodeOutcome {
        try znode(.multi(operations, .none))
    }

    @discardableResult
    func openSession(
        _ id: SessionID = StateFixture.session,
        connection: UInt64 = 1
    ) throws -> ZnodeOutcome {
        let command = CreateSession(timeoutMilliseconds: 10_000, password: [1, 2, 3])
        return try znode(.createSession(command), session: id, connection: connection)
    }

    func stat(_ path: String) throws -> Stat? {
        try read { view in
            guard let znode = try view.znode(ByteString(path).bytes.rawSpan) else { return nil }
            return znode.stat
        }
    }

    func data(_ path: String) throws -> [UInt8]? {
        try read { view in
            guard let znode = try view.znode(ByteString(path).bytes.rawSpan), !znode.dataIsNull
            else { return nil }
            var bytes: [UInt8] = []
            try view.forEachDataPiece(of: znode) { bytes += $0.copiedBytes() }
            return bytes
        }
    }

    func children(_ path: String) throws -> [String] {
        try read { view in
            var names: [String] = []
            try view.forEachChild(of: ByteString(path).bytes.rawSpan) {
                names.append(ByteString(copying: $0).text)
            }
            return names.sorted()
        }
    }
}

// MARK: - Consul in short

extension StateFixture {
    @discardableResult
    func key(
        _ verb: KeyVerb,
        _ key: String,
        _ value: String = "",
        flags: UInt64 = 0,
        index: UInt64 = 0,
        session: ByteString = ""
    ) throws -> ConsulOutcome {
        try consul(
            .key(
                KeyOperation(
                    verb: verb,
                    key: ByteString(key),
                    value: Array(value.utf8),
                    flags: flags,
                    index: index,
                    session: session
                )
            )
        )
    }

    func entry(_ key: String) throws -> KeyRecord? {
        try read { view in
            guard let entry = try view.key(ByteString(key).bytes.rawSpan) else { return nil }
            return try view.record(of: entry)
        }
    }

    /// The keys under a prefix, with Consul's index for the list.
    func tree(_ prefix: String) throws -> (keys: [String], index: UInt64) {
        try read { view in
            var keys: [String] = []
            var highest: UInt64 = 0
            let prefix = ByteString(prefix).bytes
            try view.forEachKey(prefix: prefix.rawSpan) { entry throws(StateError) in
                keys.append(ByteString(copying: entry.key).text)
                highest = max(highest, entry.modifyIndex)
                return .next
            }
            let index = try view.treeIndex(
                prefix: prefix.rawSpan,
                highestModifyIndex: highest
            )
            return (keys, index)
        }
    }

    @discardableResult
    func register(
        _ node: String,
        id: ByteString = "",
        address: ByteString = "10.0.0.1",
        metadata: [Metadatum]? = nil,
        skipNodeUpdate: Bool = false,
        service: ServiceDefinition? = nil,
        checks: [CheckDefinition] = []
    ) throws -> ConsulOutcome {
        let definition = NodeDefinition(
            id: id,
            name: ByteString(node),
            address: address,
            metadata: metadata
        )
        return try consul(
            .register(
                Register(
                    node: definition,
                    skipNodeUpdate: skipNodeUpdate,
                    service: service,
                    checks: checks
                )
            )
        )
    }

    func web(_ id: ByteString = "web", port: Int32 = 80) -> ServiceDefinition {
        ServiceDefinition(id: id, name: "web", tags: ["v1"], port: port)
    }

    func check(
        _ id: ByteString,
        _ status: CheckStatus = .passing,
        service: ByteString = ""
    ) -> CheckDefinition {
        CheckDefinition(node: "", id: id, name: id, status: status, serviceID: service)
    }

    @discardableResult
    func openConsulSession(
        _ id: ByteString,
        node: ByteString = "n1",
        checks: [ByteString]? = nil,
        behavior: SessionBehavior = .release,
        lockDelayNanoseconds: Int64 = 15_000_000_000
    ) throws -> ConsulOutcome {
        try consul(
            .createConsulSession(
                CreateConsulSession(
                    SessionDefinition(
                        id: id,
                        node: node,
                        nodeChecks: checks,
                        lockDelayNanoseconds: lockDelayNanoseconds,
                        behavior: behavior
                    )
                )
            )
        )
    }
}
