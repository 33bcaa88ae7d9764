import Bytes
import Commands
import StateMachine
import Testing

@Suite struct TokenTests {
    private func token(_ accessor: ByteString, _ secret: ByteString) -> TokenDefinition {
        TokenDefinition(
            accessor: accessor,
            secret: secret,
            description: "d",
            policies: [TokenDefinition.management]
        )
    }

    private func secrets(_ state: StateFixture) throws -> [String] {
        try state.read { view in try view.tokens.map { $0.definition.secret.text }.sorted() }
    }

    private func flaws(_ state: StateFixture) throws -> [StateFlaw] {
        var found: [StateFlaw] = []
        try state.read { view in
            var check = ReferenceCheck(view) { flaw in
                found.append(flaw)
                return true
            }
            try check.run()
        }
        return found
    }

    @Test func `a start makes the anonymous and the configured token, once`() throws {
        let state = try StateFixture()
        let first = InitializeTokens(accessor: "a", secret: "root")
        #expect(try state.apply(.initializeTokens(first)) == .consul(.tokensInitialized))
        #expect(try secrets(state) == ["anonymous", "root"])
        let digest = try state.read { view in try view.tokenTable }
        // Another node of the same cluster, which makes another accessor.
        try state.apply(.initializeTokens(InitializeTokens(accessor: "b", secret: "root")))
        #expect(state.changes.isEmpty)
        #expect(try state.read { view in try view.tokenTable } == digest)
        let found = try state.read { view in try view.token(secret: "root") }
        #expect(found?.definition.accessor == "a" && found?.isManagement == true)
        #expect(try flaws(state).isEmpty)
    }

    @Test func `there is one bootstrap, and one more for whoever names the last one's index`()
        throws
    {
        let state = try StateFixture()
        let first = BootstrapTokens(token: token("a", "s"))
        guard case .consul(.token(let made)) = try state.apply(.bootstrapTokens(first)) else {
            Issue.record("no token was made")
            return
        }
        #expect(made.createIndex == 1 && made.definition.secret == "s")
        let again = BootstrapTokens(token: token("b", "t"))
        #expect(
            try state.apply(.bootstrapTokens(again))
                == .consul(.failed(.token(.bootstrapped(index: 1))))
        )
        let other = BootstrapTokens(token: token("b", "t"), resetIndex: 7)
        #expect(
            try state.apply(.bootstrapTokens(other))
                == .consul(.failed(.token(.otherBootstrap(named: 7, index: 1))))
        )
        try state.apply(
            .bootstrapTokens(BootstrapTokens(token: token("b", "t"), resetIndex: 1))
        )
        #expect(try secrets(state) == ["s", "t"])
        #expect(try state.read { view in try view.tokenTable }.bootstrapIndex == 4)
    }

    @Test func `a token given at the start leaves no bootstrap`() throws {
        let state = try StateFixture()
        try state.apply(.initializeTokens(InitializeTokens(accessor: "a", secret: "root")))
        #expect(
            try state.apply(.bootstrapTokens(BootstrapTokens(token: token("b", "t"))))
                == .consul(.failed(.token(.bootstrapped(index: 1))))
        )
    }

    @Test func `accessors and secrets are one token's each`() throws {
        let state = try StateFixture()
        try state.apply(.setToken(SetToken(token("a", "s"), isNew: true)))
        let sameAccessor = SetToken(token("a", "t"), isNew: true)
        #expect(
            try state.apply(.setToken(sameAccessor)) == .consul(.failed(.token(.accessorInUse)))
        )
        let sameSecret = SetToken(token("b", "s"), isNew: true)
        #expect(try state.apply(.setToken(sameSecret)) == .consul(.failed(.token(.secretInUse))))
        #expect(try secrets(state) == ["s"])
    }

    @Test func `an update replaces what a token says and never who it is`() throws {
        let state = try StateFixture()
        try state.apply(.setToken(SetToken(token("a", "s"), isNew: true)))
        var weaker = token("a", "")
        weaker.policies = []
        weaker.description = "weaker"
        guard
            case .consul(.token(let record)) = try state.apply(
                .setToken(SetToken(weaker, isNew: false))
            )
        else {
            Issue.record("the token was not changed")
            return
        }
        #expect(record.definition.secret == "s" && !record.isManagement)
        #expect(record.createIndex == 1 && record.modifyIndex == 2)
        let changed = SetToken(token("a", "other"), isNew: false)
        #expect(try state.apply(.setToken(changed)) == .consul(.failed(.token(.secretChanged))))
        var local = token("a", "")
        local.isLocal = true
        #expect(
            try state.apply(.setToken(SetToken(local, isNew: false)))
                == .consul(.failed(.token(.localChanged("a"))))
        )
        #expect(
            try state.apply(.setToken(SetToken(token("none", ""), isNew: false)))
                == .consul(.failed(.token(.missing("none"))))
        )
    }

    @Test func `a deleted token is not found by its secret, and its secret is free again`() throws {
        let state = try StateFixture()
        try state.apply(.setToken(SetToken(token("a", "s"), isNew: true)))
        try state.apply(.deleteToken(DeleteToken(accessor: "a")))
        #expect(state.changes == [.token("a")])
        #expect(try state.read { view in try view.token(secret: "s") } == nil)
        try state.apply(.setToken(SetToken(token("b", "s"), isNew: true)))
        #expect(try secrets(state) == ["s"])
        try state.apply(.deleteToken(DeleteToken(accessor: "none")))
        #expect(state.changes.isEmpty)
        #expect(try flaws(state).isEmpty)
    }

    @Test func `a difference tells no secret, and no hash to find one by`() throws {
        let (one, other) = (try StateFixture(), try StateFixture())
        let first = InitializeTokens(accessor: "a", secret: "hush")
        try one.apply(.initializeTokens(first))
        var found: [StateDifference] = []
        try one.read { left in
            try other.read { right in
                try StateView.forEachDifference(left, right) { difference in
                    found.append(difference)
                    return true
                }
            }
        }
        let secrets = found.filter { $0.key.starts(with: Array("secret".utf8)) }
        #expect(secrets.count == 2)
        #expect(secrets.allSatisfy { $0.key.count == "secret".utf8.count + 1 + 2 })
        #expect(secrets.contains { Array($0.key.suffix(2)) == [0xdc, 0x83] })
    }

    @Test func `a configured token that was deleted is there again at the next start`() throws {
        let state = try StateFixture()
        try state.apply(.initializeTokens(InitializeTokens(accessor: "a", secret: "root")))
        try state.apply(.deleteToken(DeleteToken(accessor: "a")))
        try state.apply(.initializeTokens(InitializeTokens(accessor: "b", secret: "root")))
        #expect(try secrets(state) == ["anonymous", "root"])
        #expect(try state.read { view in try view.tokenTable }.bootstrapIndex == 1)
        #expect(try flaws(state).isEmpty)
    }

    @Test func `there are so many tokens and no more, whoever makes them`() throws {
        let state = try StateFixture()
        let most = TokenTable.countMax
        let entries = (1...most).map { number in
            let name = ByteString("\(number)")
            let token = TokenDefinition(accessor: name, secret: name)
            let command = Command.setToken(SetToken(token, isNew: true))
            return CommittedEntry(
                index: number,
                term: 1,
                payload: command.encode(state.header())
            )
        }
        _ = try state.machine.apply(entries)
        state.index = most
        let full = Outcome.consul(.failed(.token(.tooMany(max: most))))
        let (one, root) = (token("a", "s"), InitializeTokens(accessor: "b", secret: "root"))
        #expect(try state.apply(.setToken(SetToken(one, isNew: true))) == full)
        #expect(try state.apply(.bootstrapTokens(BootstrapTokens(token: one))) == full)
        // It says so, since its operator counts on the token.
        #expect(try state.apply(.initializeTokens(root)) == full)
        #expect(try state.read { view in try view.token(secret: "root") } == nil)
        try state.apply(.deleteToken(DeleteToken(accessor: "7")))
        try state.apply(.deleteToken(DeleteToken(accessor: "8")))
        #expect(try state.apply(.initializeTokens(root)) == .consul(.tokensInitialized))
        #expect(try state.read { view in try view.tokenTable }.count == most)
        #expect(try flaws(state).isEmpty)
    }

    @Test func `two nodes that apply the same entries in other batches agree`() throws {
        let commands: [Command] = [
            .initializeTokens(InitializeTokens(accessor: "a", secret: "root")),
            .setToken(SetToken(token("b", "s"), isNew: true)),
            .initializeTokens(InitializeTokens(accessor: "c", secret: "root")),
            .deleteToken(DeleteToken(accessor: "b")),
            .initializeTokens(InitializeTokens(accessor: "d", secret: "second")),
        ]
        let (one, all) = (try StateFixture(), try StateFixture())
        for command in commands { try one.apply(command) }
        let entries = commands.enumerated().map { offset, command in
            CommittedEntry(
                index: UInt64(offset + 1),
                term: 1,
                payload: command.encode(all.header())
            )
        }
        _ = try all.machine.apply(entries)
        #expect(one.machine.summary.digest == all.machine.summary.digest)
        #expect(try secrets(one) == secrets(all))
    }
}
