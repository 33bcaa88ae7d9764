import Bytes
import Commands
import Testing

@Suite struct CodecTests {
    static let identities = IdentityList([Identity(scheme: "digest", id: "a:b")])
    static let header = CommandHeader(
        timeMilliseconds: 1_700_000_000_123,
        session: SessionID(-5),
        connection: 9,
        client: .ipv6(high: 1, low: 2, port: 77)
    )

    /// One command of every kind.
    static let commands: [Command] =
        znodes
        + KeyVerb.allCases.map { verb in
            .key(
                KeyOperation(
                    verb: verb,
                    key: "k",
                    value: [1, 2],
                    flags: UInt64.max,
                    index: 3,
                    session: "s"
                )
            )
        } + consul

    static let znodes: [Command] = [
        .createSession(CreateSession(timeoutMilliseconds: -1, password: [1, 2])),
        .attachSession(AttachSession(timeoutMilliseconds: 5, password: [])),
        .closeSession(CloseSession(expired: true, term: 8)),
        .createZnode(
            CreateOperation(
                path: "/a",
                data: nil,
                flags: 6,
                request: .timeToLive(milliseconds: 12)
            ),
            identities
        ),
        .deleteZnode(DeleteOperation(path: "/a", version: 3), .none),
        .setData(SetDataOperation(path: "/a", data: [], version: -1), identities),
        .setACL(SetACLOperation(path: "/a", acl: [.open], version: 2), identities),
        .checkVersion(CheckOperation(path: "/a"), .none),
        .multi(
            [
                .create(CreateOperation(path: "/a", data: [1], request: .container)),
                .delete(DeleteOperation(path: "/b")),
                .setData(SetDataOperation(path: "/c", data: nil)),
                .check(CheckOperation(path: "/d")),
            ],
            identities
        ),
        .deleteContainer(path: "/c"),
    ]

    static let service = ServiceDefinition(
        kind: "k",
        id: "i",
        name: "n",
        tags: ["a", "b"],
        address: "x",
        taggedAddresses: [TaggedAddress(name: "lan", address: "y", port: 4)],
        port: 80,
        metadata: [],
        enableTagOverride: true,
        proxy: [1],
        connect: [2]
    )

    static let check = CheckDefinition(
        node: "n",
        id: "c",
        status: .warning,
        serviceTags: [],
        ttlMilliseconds: 5,
        deregisterAfterMilliseconds: 6
    )

    static let consul: [Command] = [
        .transaction(
            Transaction([
                .key(KeyTransactionOperation(verb: .checkIndex, key: "k", index: 4)),
                .node(.set, NodeDefinition(name: "n", metadata: []), index: 1),
                .service(.delete, node: "n", service, index: 2),
                .check(.setIfUnchanged, check, index: 3),
            ])
        ),
        .createConsulSession(
            CreateConsulSession(
                SessionDefinition(
                    id: "s",
                    node: "n",
                    nodeChecks: [],
                    serviceChecks: [ServiceCheckReference(id: "c")],
                    behavior: .delete,
                    ttlText: "10s",
                    ttlMilliseconds: 10_000
                )
            )
        ),
        .destroyConsulSession(DestroyConsulSession(id: "s", expired: true, term: 2)),
        .register(
            Register(
                node: NodeDefinition(name: "n"),
                skipNodeUpdate: true,
                service: service,
                checks: [check]
            )
        ),
        .deregister(Deregister(node: "n", serviceID: "s", checkID: "c")),
        .updateCheck(UpdateCheck(node: "n", checkID: "c", status: .passing, output: "o")),
        .reapTombstones(ReapTombstones(throughIndex: UInt64.max)),
        .admitMember(AdmitMember(least: 4, name: "n4", address: "h:8300", incarnation: "i")),
        .dismissMember(DismissMember(node: 4)),
        .initializeTokens(InitializeTokens(accessor: "a", secret: "hush")),
        .bootstrapTokens(BootstrapTokens(token: token, resetIndex: 7)),
        .setToken(SetToken(token, isNew: true)),
        .deleteToken(DeleteToken(accessor: "a")),
    ]

    private static let token = TokenDefinition(
        accessor: "a",
        secret: "hush",
        description: "d",
        policies: [TokenDefinition.management, "p"],
        isLocal: true
    )

    @Test(arguments: commands)
    func `no secret is in a summary`(_ command: Command) throws {
        let payload = command.encode(Self.header)
        let fields = try CommandSummary(decoding: payload.rawSpan).fields
        #expect(!fields.contains { $0.value.contains("hush") })
        // SHA-256 begins so; more of it would let a short secret be found by trying.
        let hashes = fields.filter { $0.name == "secretHash" }.map(\.value)
        #expect(hashes.allSatisfy { $0 == "dc83" })
        if case .initializeTokens = command { #expect(hashes.count == 1) }
    }

    @Test func `there is a command of every kind here`() {
        #expect(Set(Self.commands.map(\.kind)) == Set(CommandKind.allCases))
    }

    @Test(arguments: commands)
    func `a command is read back as it was written`(_ command: Command) throws {
        let payload = command.encode(Self.header)
        let decoded = try Command.decode(payload.rawSpan)
        #expect(decoded.header == Self.header && decoded.command == command)
        let summary = try CommandSummary(decoding: payload.rawSpan)
        #expect(summary.kind == command.kind && summary.client == "0:0:0:1:0:0:0:2:77")
    }

    @Test(arguments: commands)
    func `a command cut anywhere, or with more behind it, is refused`(_ command: Command) {
        let payload = command.encode(Self.header)
        for count in 0..<payload.count {
            let cut = Array(payload.prefix(count))
            #expect(throws: CommandError.self) { _ = try Command.decode(cut.rawSpan) }
        }
        let longer = payload + [0]
        #expect(throws: CommandError.trailingBytes(offset: payload.count, count: 1)) {
            _ = try Command.decode(longer.rawSpan)
        }
    }

    @Test(arguments: commands)
    func `damage anywhere is an error or another command, never a trap`(_ command: Command) {
        let payload = command.encode(Self.header)
        var refused = 0
        for position in payload.indices {
            for value in [UInt8(0), 1, 0x7f, 0x80, 0xff] {
                var damaged = payload
                damaged[position] = value
                do { _ = try Command.decode(damaged.rawSpan) } catch { refused += 1 }
            }
        }
        #expect(refused > 0)
    }

    @Test func `the leader's stamp changes the time and nothing else`() throws {
        let command = Command.deleteContainer(path: "/x")
        var payload = command.encode(Self.header)
        CommandHeader.stamp(&payload, timeMilliseconds: -2)
        var expected = Self.header
        expected.timeMilliseconds = -2
        let decoded = try Command.decode(payload.rawSpan)
        #expect(decoded.header == expected && decoded.command == command)
    }

    @Test func `a token's accessor is in the header, whose format is then the second`() throws {
        let text = "b6251bce-3eed-5bfd-8e06-b84f693bf9b7"
        var header = Self.header
        header.token = UUIDValue(Array(text.uppercased().utf8))
        let command = Command.deleteContainer(path: "/x")
        let (plain, payload) = (command.encode(Self.header), command.encode(header))
        #expect(plain[0] == 1 && payload[0] == 2 && payload.count == plain.count + 16)
        #expect(try Command.decode(payload.rawSpan).header == header)
        let summary = try CommandSummary(decoding: payload.rawSpan)
        #expect(summary.token == text)
        #expect(CommandHeader.time(of: payload.rawSpan) == Self.header.timeMilliseconds)
        for count in 0..<payload.count {
            let cut = Array(payload.prefix(count))
            #expect(throws: CommandError.self) { _ = try Command.decode(cut.rawSpan) }
        }
    }

    @Test func `a UUID is written as it is read`() {
        let text = Array("b6251bce-3eed-5bfd-8e06-b84f693bf9b7".utf8)
        let value = UUIDValue(high: 0xb625_1bce_3eed_5bfd, low: 0x8e06_b84f_693b_f9b7)
        #expect(value.text == text && UUIDValue(text) == value)
        let zero = UUIDValue(high: 0, low: 1)
        #expect(zero.text == Array("00000000-0000-0000-0000-000000000001".utf8))
    }

    @Test(arguments: [
        "", "b6251bce", "b6251bce-3eed-5bfd-8e06-b84f693bf9b",
        "b6251bce-3eed-5bfd-8e06-b84f693bf9b77",
        "b6251bce03eed-5bfd-8e06-b84f693bf9b7", "b6251bce-3eed-5bfd-8e06-b84f693bf9bg",
        "b6251bc--3eed-5bfd-8e06-b84f693bf9b7",
    ])
    func `what is no UUID is told from one`(_ text: String) {
        #expect(UUIDValue(Array(text.utf8)) == nil)
    }

    @Test func `newer formats and unknown kinds are errors of their own`() {
        var payload = Command.deleteContainer(path: "/x").encode(Self.header)
        payload[1] = 99
        #expect(throws: CommandError.unknownKind(99)) { _ = try Command.decode(payload.rawSpan) }
        payload[0] = 3
        #expect(throws: CommandError.unknownFormat(version: 3)) {
            _ = try Command.decode(payload.rawSpan)
        }
    }

    @Test func `the encoders for slices write what the commands write`() {
        let create = CreateOperation(path: "/a", data: [1, 2], flags: 3)
        let path: [UInt8] = Array("/a".utf8)
        let data: [UInt8] = [1, 2]
        let open = ACLCodec.open
        #expect(
            ZnodeEncoder.create(
                Self.header,
                identities: Self.identities,
                path: path.rawSpan,
                data: data.rawSpan,
                acl: open.rawSpan,
                flags: 3
            ) == Command.createZnode(create, Self.identities).encode(Self.header)
        )
        let set = SetDataOperation(path: "/a", data: nil, version: 4)
        #expect(
            ZnodeEncoder.setData(
                Self.header,
                identities: .none,
                path: path.rawSpan,
                data: nil,
                version: 4
            ) == Command.setData(set, .none).encode(Self.header)
        )
    }

    @Test func `only what makes the state smaller frees room`() {
        let freeing = Self.commands.filter { Command.freesRoom($0.encode(Self.header)) }
        #expect(
            Set(freeing.map(\.kind)) == [
                .closeSession, .deleteZnode, .deleteContainer, .deleteKey, .deleteKeyTree,
                .deleteKeyIfUnchanged, .destroyConsulSession, .deregister, .reapTombstones,
                .deleteToken,
            ]
        )
        let multi = Command.multi([.delete(DeleteOperation(path: "/a"))], .none)
        #expect(Command.freesRoom(multi.encode(Self.header)))
        #expect(!Command.freesRoom([]))
    }

    @Test func `an IPv4-mapped address is the IPv4 address`() {
        let mapped = ClientAddress.ipv6(high: 0, low: 0xffff_7f00_0001, port: 5)
        #expect(mapped == .ipv4(0x7f00_0001, port: 5) && mapped.host == "127.0.0.1")
    }
}
