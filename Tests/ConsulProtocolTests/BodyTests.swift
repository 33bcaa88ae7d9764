import Bytes
import Commands
import ConsulProtocol
import Testing

@Suite("Bodies are read as the real server reads them")
struct BodyTests {
    private func json(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8).rawSpan, depthMax: 64)
    }

    @Test(
        "a session's checks are both lists, unless one is empty",
        arguments: [
            ("{}", ["serfHealth"]), ("{\"Checks\":[]}", []), ("{\"Checks\":null}", []),
            ("{\"NodeChecks\":[]}", []), ("{\"NodeChecks\":null}", nil),
            ("{\"NodeChecks\":[\"c\"]}", ["c"]), ("{\"Checks\":[\"c\"]}", ["serfHealth", "c"]),
            ("{\"Checks\":[\"c\"],\"NodeChecks\":[\"d\",\"c\"]}", ["d", "c"]),
            ("{\"Checks\":[],\"NodeChecks\":[\"c\"]}", []),
        ] as [(String, [ByteString]?)]
    )
    func sessionChecks(_ text: String, _ checks: [ByteString]?) throws {
        #expect(try SessionBody(json: json(text)).allNodeChecks == checks)
    }

    @Test("an operation of two families is that of the first")
    func families() throws {
        let text =
            "[{\"Node\":{\"Verb\":\"get\",\"Node\":{\"Node\":\"n\"}},"
            + "\"KV\":{\"Verb\":\"get\",\"Key\":\"k\"}}]"
        let body = try TransactionBody(json: json(text))
        #expect(body.operations == [.key(KeyTransactionOperation(verb: .get, key: "k"))])
    }

    @Test("a session's small lock delay is in seconds, and unknown fields are passed over")
    func sessions() throws {
        let body = try SessionBody(json: json("{\"Bogus\":1,\"LockDelay\":7,\"TTL\":\"10s\"}"))
        #expect(body.lockDelay == GoDuration(milliseconds: 7_000))
        #expect(body.ttl == "10s")
        #expect(
            try SessionBody(json: json("{\"LockDelay\":\"61s\"}")).lockDelay?.milliseconds == 61_000
        )
        #expect(throws: DecodeError("time: missing unit in duration \"7\"")) {
            try SessionBody(json: json("{\"LockDelay\":\"7\"}"))
        }
        #expect(
            throws: DecodeError(
                "json: cannot unmarshal number into Go struct field .TTL of type string"
            )
        ) { try SessionBody(json: json("{\"TTL\":10}")) }
        #expect(
            throws: DecodeError(
                "json: cannot unmarshal array into Go value of type "
                    + "struct { LockDelay interface {}; *structs.Alias }"
            )
        ) { try SessionBody(json: json("[]")) }
    }

    @Test(
        "a session's lock delay of less than 1,000 ns is in seconds, as a text too",
        arguments: [
            ("1000", 1_000), ("5000", 5_000), ("\"500us\"", 500_000), ("999", 999_000_000_000),
            ("\"100ns\"", 100_000_000_000),
        ] as [(String, Int64)]
    )
    func smallLockDelays(_ delay: String, _ nanoseconds: Int64) throws {
        let body = try SessionBody(json: json("{\"LockDelay\":\(delay)}"))
        #expect(body.lockDelay == GoDuration(nanoseconds: nanoseconds))
    }

    /// A PUT of {"LockDelay":"-10s"} ended the server: the product does not fit.
    @Test(
        "a session's lock delay that is too far below nothing wraps as Go's does",
        arguments: ["\"-10s\"", "-10000000000"]
    )
    func negativeLockDelays(delay: String) throws {
        let body = try SessionBody(json: json("{\"LockDelay\":\(delay)}"))
        #expect(body.lockDelay == GoDuration(nanoseconds: 8_446_744_073_709_551_616))
    }

    @Test("TTLs are bounded")
    func timesToLive() throws {
        let limits = ConsulLimits()
        #expect(try SessionRules.ttlMilliseconds("10s", limits: limits) == 10_000)
        #expect(try SessionRules.ttlMilliseconds("0s", limits: limits) == 0)
        #expect(
            throws: DecodeError(
                "Invalid Session TTL '9000000000', must be between [10s=24h0m0s]"
            )
        ) { try SessionRules.ttlMilliseconds("9s", limits: limits) }
        #expect(
            throws: DecodeError("Session TTL 'abc' invalid: time: invalid duration \"abc\"")
        ) { try SessionRules.ttlMilliseconds("abc", limits: limits) }
    }

    @Test("a transaction's operations keep their places")
    func transactions() throws {
        let body = try TransactionBody(
            json: json(
                """
                [{},{"KV":{"Verb":"set","Key":"a","Value":"aGk=","Flags":3}},{"KV":null},\
                {"KV":{"Verb":"bogus","Key":"b"}},{"KV":{"Verb":"get","Key":""}}]
                """
            )
        )
        #expect(body.count == 5)
        #expect(!body.isReadOnly)
        #expect(body.places == [1, 4])
        #expect(body.futile.map(\.text) == ["unknown KV verb \"bogus\""])
        #expect(body.incomplete.map(\.text) == ["Must provide key"])
        #expect(
            body.operations.first
                == .key(
                    KeyTransactionOperation(
                        verb: .set,
                        key: "a",
                        value: Array("hi".utf8),
                        flags: 3
                    )
                )
        )
    }

    @Test("a check that a transaction sets must have an id or a name")
    func namelessChecks() throws {
        let body = try TransactionBody(
            json: json(
                """
                [{"Check":{"Verb":"set","Check":{"Node":"n","Name":"q"}}},\
                {"Check":{"Verb":"set","Check":{"Node":"n","Status":"passing"}}},\
                {"Check":{"Verb":"get","Check":{"Node":"n"}}}]
                """
            )
        )
        #expect(body.places == [0, 2])
        #expect(body.futile.map(\.operation) == [1])
        #expect(
            body.futile.map(\.text) == ["failed inserting check: object missing primary index"]
        )
        #expect(!body.isReadOnly)
    }

    @Test("a transaction's mistakes have Go's words")
    func transactionErrors() throws {
        #expect(
            throws: DecodeError("json: cannot unmarshal object into Go value of type api.TxnOps")
        ) { try TransactionBody(json: json("{}")) }
        #expect(
            throws: DecodeError(
                "json: cannot unmarshal number into Go struct field KVTxnOp.KV.Value "
                    + "of type []uint8"
            )
        ) { try TransactionBody(json: json("[{\"KV\":{\"Value\":5}}]")) }
        #expect(throws: DecodeError("json: unknown field \"Bogus\"")) {
            try TransactionBody(json: json("[{\"KV\":{\"Bogus\":5}}]"))
        }
    }

    @Test("a service is read in CamelCase and snake_case")
    func services() throws {
        let text = """
            {"id":"web2","name":"web","tags":["a"],"port":80,"check":{"ttl":"10s"},\
            "weights":{"passing":5,"warning":2},"enable_tag_override":true,\
            "tagged_addresses":{"lan":{"address":"1.2.3.4","port":5}},\
            "checks":[{"CheckID":"q","TTL":1000000000,"deregister_critical_service_after":"2m"}]}
            """
        let body = try ServiceBody(json: json(text), form: .agent)
        let service = body.definition()
        #expect(service.id == "web2")
        #expect(service.weightPassing == 5)
        #expect(service.enableTagOverride)
        #expect(service.taggedAddresses?.first?.port == 5)
        #expect(body.checks.map(\.probe.ttl.milliseconds) == [10_000, 1_000])
        #expect(body.checks.last?.probe.deregisterAfter.milliseconds == 120_000)
        #expect(throws: DecodeError("json: unknown field \"Bogus\"")) {
            try ServiceBody(json: json("{\"Bogus\":1}"), form: .agent)
        }
    }

    @Test("a catalog registration says what is wrong with it")
    func registrations() throws {
        #expect(try RegisterBody(json: json("{}")).problem() == "Must provide node")
        #expect(
            try RegisterBody(json: json("{\"Node\":\"a\"}")).problem()
                == "Must provide address if SkipNodeUpdate is not set"
        )
        #expect(
            try RegisterBody(json: json("{\"Node\":\"a\",\"Address\":\"x\",\"ID\":\"xx\"}"))
                .problem()
                == "Bad node ID: uuid string is wrong length"
        )
        let body = try RegisterBody(
            json: json(
                "{\"Node\":\"a\",\"Address\":\"x\",\"Check\":{\"Name\":\"q\","
                    + "\"Definition\":{\"Interval\":\"10s\",\"HTTP\":\"http://x\"}}}"
            )
        )
        let check = body.checks[0].catalogCheck()
        #expect(check.id == "q")
        #expect(check.type == "http")
        #expect(check.status == .critical)
        let definition = String(decoding: check.definition, as: UTF8.self)
        #expect(definition == "{\"Interval\":\"10s\",\"HTTP\":\"http://x\"}")
    }

    @Test(
        "a check in the catalog has the type that is given, and else that of HTTP or TCP",
        arguments: [
            ("{\"Name\":\"q\"}", ""), ("{\"Name\":\"q\",\"Type\":\"odd\"}", "odd"),
            ("{\"Name\":\"q\",\"Definition\":{\"TCP\":\"x:1\",\"Interval\":\"1s\"}}", "tcp"),
            ("{\"Name\":\"q\",\"Type\":\"odd\",\"Definition\":{\"TCP\":\"x:1\"}}", "odd"),
            ("{\"Name\":\"q\",\"Definition\":{\"GRPC\":\"x:1\",\"Interval\":\"1s\"}}", ""),
        ] as [(String, ByteString)]
    )
    func catalogTypes(_ check: String, _ type: ByteString) throws {
        let body = try RegisterBody(
            json: json("{\"Node\":\"a\",\"Address\":\"x\",\"Check\":\(check)}")
        )
        #expect(body.checks[0].catalogCheck().type == type)
    }
}
