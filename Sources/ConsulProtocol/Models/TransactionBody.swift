import Bytes
public import Commands

/// The body of /v1/txn.
public struct TransactionBody: Equatable, Sendable {
    /// What is wrong with an operation before it is tried.
    public struct Problem: Equatable, Sendable {
        public let operation: Int
        public let text: String
    }

    /// How many operations the client sent, empty ones included.
    public private(set) var count = 0
    public private(set) var operations: [TransactionOperation] = []
    /// Where each of `operations` stood in the client's list.
    public private(set) var places: [Int] = []
    /// Operations that name no key or node: nothing is tried then.
    public private(set) var incomplete: [Problem] = []
    /// Operations that fail whatever the state is: one with a verb that there is none of, and a
    /// check that is set without an id or a name.
    public private(set) var futile: [Problem] = []
    public private(set) var writeCount = 0

    public init(json: JSONValue) throws(DecodeError) {
        guard case .array(let elements) = json else {
            if case .null = json { return }
            throw GoDecode.mismatch(json, type: "api.TxnOps")
        }
        count = elements.count
        for (place, element) in elements.enumerated() {
            if case .null = element { continue }
            guard case .object(let members) = element else {
                throw GoDecode.mismatch(element, type: "api.TxnOp")
            }
            try read(members, place)
        }
    }

    private static let families = ["kv", "node", "service", "check"]

    /// An operation of several families is that of the first of them, as in Consul.
    private mutating func read(_ members: [JSONMember], _ place: Int) throws(DecodeError) {
        for member in members where !Self.families.contains(GoDecode.folded(member.name)) {
            throw GoDecode.unknown(member.name)
        }
        for family in Self.families {
            let member = members.last { GoDecode.folded($0.name) == family && $0.value != .null }
            if let member { return try read(member, place) }
        }
    }

    /// Whether it can be answered without a log entry.
    public var isReadOnly: Bool { writeCount == 0 }

    private mutating func read(_ member: JSONMember, _ place: Int) throws(DecodeError) {
        switch GoDecode.folded(member.name) {
        case "kv": try readKey(member.value, place)
        case "node": try readNode(member.value, place)
        case "service": try readService(member.value, place)
        case "check": try readCheck(member.value, place)
        default: throw GoDecode.unknown(member.name)
        }
    }

    private mutating func add(_ operation: TransactionOperation, _ place: Int) {
        operations.append(operation)
        places.append(place)
    }

    private mutating func readKey(_ value: JSONValue, _ place: Int) throws(DecodeError) {
        guard let members = try GoDecode.members(value, "TxnOp.KV", "api.KVTxnOp") else { return }
        var operation = KeyTransactionOperation(verb: .get, key: "")
        var verb = ""
        for member in members {
            let field = "KVTxnOp.KV.\(member.name)"
            let value = member.value
            switch GoDecode.folded(member.name) {
            case "verb": verb = try GoDecode.text(value, field)?.text ?? verb
            case "key": operation.key = try GoDecode.text(value, field) ?? operation.key
            case "value": operation.value = try GoDecode.data(value, field) ?? operation.value
            case "flags": operation.flags = try GoDecode.unsigned(value, field) ?? operation.flags
            case "index": operation.index = try GoDecode.unsigned(value, field) ?? operation.index
            case "session":
                let session = try GoDecode.text(value, field) ?? operation.session
                operation.session = session.lowercased
            case "namespace": _ = try GoDecode.text(value, field)
            default: throw GoDecode.unknown(member.name)
            }
        }
        guard let known = KeyTransactionVerb(consul: verb) else {
            futile.append(
                Problem(operation: place, text: "unknown KV verb \(Strconv.quoted(verb))")
            )
            return
        }
        operation.verb = known
        if known.isWrite { writeCount += 1 }
        if operation.key.bytes.isEmpty && known != .deleteTree {
            incomplete.append(Problem(operation: place, text: "Must provide key"))
        }
        add(.key(operation), place)
    }

    /// The verb of a catalog operation; every one but `get` counts as a write.
    private mutating func catalogVerb(
        _ verb: String,
        _ family: String,
        _ place: Int
    ) -> CatalogTransactionVerb? {
        if verb != "get" { writeCount += 1 }
        if let known = CatalogTransactionVerb(consul: verb) { return known }
        futile.append(
            Problem(operation: place, text: "unknown \(family) verb \(Strconv.quoted(verb))")
        )
        return nil
    }

    private mutating func readNode(_ value: JSONValue, _ place: Int) throws(DecodeError) {
        guard let members = try GoDecode.members(value, "TxnOp.Node", "api.NodeTxnOp") else {
            return
        }
        var node = NodeDefinition(name: "")
        var verb = ""
        var index: UInt64 = 0
        for member in members {
            switch GoDecode.folded(member.name) {
            case "verb":
                verb = try GoDecode.text(member.value, "NodeTxnOp.Node.Verb")?.text ?? verb
            case "node": (node, index) = try CatalogFields.node(member.value)
            default: throw GoDecode.unknown(member.name)
            }
        }
        guard let known = catalogVerb(verb, "Node", place) else { return }
        if node.name.bytes.isEmpty && known != .get {
            incomplete.append(Problem(operation: place, text: "Must provide node"))
        }
        add(.node(known, node, index: index), place)
    }

    private mutating func readService(_ value: JSONValue, _ place: Int) throws(DecodeError) {
        let members = try GoDecode.members(value, "TxnOp.Service", "api.ServiceTxnOp")
        guard let members else { return }
        var body = ServiceBody()
        var node: ByteString = ""
        var verb = ""
        for member in members {
            let field = "ServiceTxnOp.Service.\(member.name)"
            switch GoDecode.folded(member.name) {
            case "verb": verb = try GoDecode.text(member.value, field)?.text ?? verb
            case "node": node = try GoDecode.text(member.value, field) ?? node
            case "service":
                body = try ServiceBody(json: member.value, form: .transaction)
            default: throw GoDecode.unknown(member.name)
            }
        }
        guard let known = catalogVerb(verb, "Service", place) else { return }
        if known != .get, body.name.bytes.isEmpty, !body.id.bytes.isEmpty {
            incomplete.append(
                Problem(operation: place, text: "Must provide service name with ID")
            )
        }
        add(.service(known, node: node, body.definition(), index: body.modifyIndex), place)
    }

    private mutating func readCheck(_ value: JSONValue, _ place: Int) throws(DecodeError) {
        let members = try GoDecode.members(value, "TxnOp.Check", "api.CheckTxnOp")
        guard let members else { return }
        var body = CheckBody()
        var verb = ""
        for member in members {
            switch GoDecode.folded(member.name) {
            case "verb":
                verb = try GoDecode.text(member.value, "CheckTxnOp.Check.Verb")?.text ?? verb
            case "check": body = try CheckBody(json: member.value, form: .transaction)
            default: throw GoDecode.unknown(member.name)
            }
        }
        guard let known = catalogVerb(verb, "Check", place) else { return }
        let check = body.catalogCheck()
        if known == .set && check.id.bytes.isEmpty {
            let text = "failed inserting check: object missing primary index"
            return futile.append(Problem(operation: place, text: text))
        }
        add(.check(known, check, index: body.modifyIndex), place)
    }
}

extension KeyTransactionVerb {
    /// The verb by Consul's name.
    public init?(consul name: String) {
        switch name {
        case "set": self = .set
        case "cas": self = .setIfUnchanged
        case "lock": self = .lock
        case "unlock": self = .unlock
        case "get": self = .get
        case "get-or-empty": self = .getOrEmpty
        case "get-tree": self = .getTree
        case "check-index": self = .checkIndex
        case "check-session": self = .checkSession
        case "check-not-exists": self = .checkNotExists
        case "delete": self = .delete
        case "delete-tree": self = .deleteTree
        case "delete-cas": self = .deleteIfUnchanged
        default: return nil
        }
    }

    var isWrite: Bool {
        switch self {
        case .set, .setIfUnchanged, .lock, .unlock, .delete, .deleteTree, .deleteIfUnchanged: true
        case .get, .getOrEmpty, .getTree, .checkIndex, .checkSession, .checkNotExists: false
        }
    }
}

extension CatalogTransactionVerb {
    init?(consul name: String) {
        switch name {
        case "get": self = .get
        case "set": self = .set
        case "cas": self = .setIfUnchanged
        case "delete": self = .delete
        case "delete-cas": self = .deleteIfUnchanged
        default: return nil
        }
    }
}
