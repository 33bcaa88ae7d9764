internal import Bytes
internal import Commands

/// What the commands on ACL tokens do. Who may give them is the front end's question: a command is
/// in the log because its client showed a token that allowed it.
extension Batch {
    mutating func apply(_ command: InitializeTokens) throws(StateError) -> ConsulOutcome {
        var table = try view.tokenTable
        if try view.token(accessor: TokenDefinition.anonymous) == nil {
            let anonymous = TokenDefinition(
                accessor: TokenDefinition.anonymous,
                secret: "anonymous",
                description: "Anonymous Token"
            )
            try add(anonymous, to: &table)
        }
        let secret = command.secret
        var problem: TokenError?
        if !secret.bytes.isEmpty, try view.tokenHolder(of: secret) == nil {
            problem = try conflict(command.accessor, secret, table)
            if problem == nil {
                if table.bootstrapIndex == 0 { table.bootstrapIndex = entry.index }
                let management = TokenDefinition(
                    accessor: command.accessor,
                    secret: secret,
                    description: "Initial Management Token",
                    policies: [TokenDefinition.management]
                )
                try add(management, to: &table)
            }
        }
        // Every node says this at every start; what is there already is no change.
        if try table != view.tokenTable { try store(table) }
        return problem.map { .failed(.token($0)) } ?? .tokensInitialized
    }

    mutating func apply(_ command: BootstrapTokens) throws(StateError) -> ConsulOutcome {
        var table = try view.tokenTable
        if table.bootstrapIndex > 0, command.resetIndex != table.bootstrapIndex {
            let index = table.bootstrapIndex
            return command.resetIndex == 0
                ? .failed(.token(.bootstrapped(index: index)))
                : .failed(.token(.otherBootstrap(named: command.resetIndex, index: index)))
        }
        let (accessor, secret) = (command.token.accessor, command.token.secret)
        if let error = try conflict(accessor, secret, table) { return .failed(.token(error)) }
        table.bootstrapIndex = entry.index
        let made = try add(command.token, to: &table)
        try store(table)
        return .token(made)
    }

    mutating func apply(_ command: SetToken) throws(StateError) -> ConsulOutcome {
        var table = try view.tokenTable
        let (accessor, secret) = (command.token.accessor, command.token.secret)
        guard !command.isNew else {
            if let error = try conflict(accessor, secret, table) { return .failed(.token(error)) }
            let made = try add(command.token, to: &table)
            try store(table)
            return .token(made)
        }
        guard var token = try view.token(accessor: accessor) else {
            return .failed(.token(.missing(accessor)))
        }
        guard secret.bytes.isEmpty || secret == token.definition.secret else {
            return .failed(.token(.secretChanged))
        }
        guard command.token.isLocal == token.definition.isLocal else {
            return .failed(.token(.localChanged(accessor)))
        }
        token.definition.description = command.token.description
        token.definition.policies = command.token.policies
        token.modifyIndex = entry.index
        try put(token)
        try store(table)
        return .token(token)
    }

    mutating func apply(_ command: DeleteToken) throws(StateError) -> ConsulOutcome {
        var table = try view.tokenTable
        guard let token = try view.token(accessor: command.accessor) else { return .tokenDeleted }
        try delete(TokenKey.token(command.accessor).rawSpan, in: tables.meta)
        try delete(TokenKey.secret(token.definition.secret).rawSpan, in: tables.meta)
        table.count -= 1
        changes.append(.token(command.accessor))
        try store(table)
        return .tokenDeleted
    }

    /// Why there can be no new token of these.
    private func conflict(
        _ accessor: ByteString,
        _ secret: ByteString,
        _ table: TokenTable
    ) throws(StateError) -> TokenError? {
        guard table.hasRoom else { return .tooMany(max: TokenTable.countMax) }
        if try view.token(accessor: accessor) != nil { return .accessorInUse }
        return try view.tokenHolder(of: secret) == nil ? nil : .secretInUse
    }

    @discardableResult
    private mutating func add(
        _ token: TokenDefinition,
        to table: inout TokenTable
    ) throws(StateError) -> TokenRecord {
        let record = TokenRecord(
            definition: token,
            createTimeMilliseconds: entry.timeMilliseconds,
            createIndex: entry.index,
            modifyIndex: entry.index
        )
        table.count += 1
        let key = TokenKey.secret(token.secret)
        try put(key.rawSpan, token.accessor.bytes.rawSpan, in: tables.meta)
        try put(record)
        return record
    }

    private mutating func put(_ token: TokenRecord) throws(StateError) {
        let accessor = token.definition.accessor
        var writer = takeWriter()
        token.encode(into: &writer)
        try put(TokenKey.token(accessor).rawSpan, writer.bytes.rawSpan, in: tables.meta)
        giveBack(writer)
        changes.append(.token(accessor))
    }

    /// Writes it after a change of a token.
    private mutating func store(_ table: TokenTable) throws(StateError) {
        var table = table
        table.modifyIndex = entry.index
        if table.firstIndex == 0 { table.firstIndex = entry.index }
        var writer = ByteWriter(reserving: 32)
        table.encode(into: &writer)
        let key = TokenKey.table
        try put(key.rawSpan, writer.bytes.rawSpan, in: tables.meta)
    }
}

extension TokenTable {
    var hasRoom: Bool { count < Self.countMax }
}
