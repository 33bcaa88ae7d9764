public import Bytes
public import Commands
internal import Crypto

/// Keys of ACL tokens in the table `meta`:
///
/// ```
/// "token" 00 accessor                 TokenRecord
/// "secret" 00 SHA-256 of the secret   accessor
/// "tokens"                            TokenTable
/// ```
/// A secret is found by its hash, so that how long a search takes says nothing of the secrets that
/// there are.
enum TokenKey {
    static let tag = Array("token".utf8) + [0]
    static let secretTag = Array("secret".utf8) + [0]
    static let table = Array("tokens".utf8)

    static func token(_ accessor: ByteString) -> [UInt8] { tag + accessor.bytes }

    static func secret(_ secret: ByteString) -> [UInt8] {
        secretTag + Array(SHA256.hash(data: secret.bytes))
    }
}

/// What is known about all tokens together.
///
/// ```
/// index of the first entry about tokens, of the last bootstrap (0: none), of the last change;
/// how many tokens there are: UInt64 each
/// ```
public struct TokenTable: Equatable, Sendable {
    public internal(set) var firstIndex: UInt64 = 0
    public internal(set) var bootstrapIndex: UInt64 = 0
    public internal(set) var modifyIndex: UInt64 = 0
    public internal(set) var count: UInt64 = 0

    /// A list of all must fit an answer, and the state a memory.
    public static let countMax: UInt64 = 10_000

    public init() {}

    func encode(into writer: inout ByteWriter) {
        writer.integer(firstIndex)
        writer.integer(bootstrapIndex)
        writer.integer(modifyIndex)
        writer.integer(count)
    }

    init(decoding span: RawSpan) throws(StateError) {
        do throws(BytesError) {
            var reader = SpanReader(span)
            firstIndex = try reader.integer()
            bootstrapIndex = try reader.integer()
            modifyIndex = try reader.integer()
            count = try reader.integer()
        } catch { throw .damaged(table: "meta", detail: "tokens: \(error)") }
    }
}

/// CreateIndex varint, ModifyIndex varint, time zig-zag varint, the definition as in commands.
extension TokenRecord {
    func encode(into writer: inout ByteWriter) {
        writer.varint(createIndex)
        writer.varint(modifyIndex)
        writer.signedVarint(createTimeMilliseconds)
        definition.encode(into: &writer)
    }

    init(decoding span: RawSpan) throws(StateError) {
        do throws(BytesError) {
            var reader = SpanReader(span)
            let create = try reader.varint()
            let modify = try reader.varint()
            let time = try reader.signedVarint()
            self.init(
                definition: try TokenDefinition(from: &reader),
                createTimeMilliseconds: time,
                createIndex: create,
                modifyIndex: modify
            )
        } catch { throw .damaged(table: "meta", detail: "token: \(error)") }
    }
}

/// Reading tokens.
extension StateView {
    public func token(accessor: ByteString) throws(StateError) -> TokenRecord? {
        // No accessor is longer, and no key may be.
        guard accessor.bytes.count <= TokenDefinition.anonymous.bytes.count else { return nil }
        let key = TokenKey.token(accessor)
        guard let span = try get(key.rawSpan, in: tables.meta) else { return nil }
        return try TokenRecord(decoding: span)
    }

    public func token(secret: ByteString) throws(StateError) -> TokenRecord? {
        guard let accessor = try tokenHolder(of: secret) else { return nil }
        guard let token = try token(accessor: accessor) else {
            throw .damaged(table: "meta", detail: "a secret's token is not there")
        }
        return token
    }

    func tokenHolder(of secret: ByteString) throws(StateError) -> ByteString? {
        let key = TokenKey.secret(secret)
        guard let span = try get(key.rawSpan, in: tables.meta) else { return nil }
        return ByteString(copying: span)
    }

    /// All tokens, by accessor.
    public var tokens: [TokenRecord] {
        get throws(StateError) {
            var found: [TokenRecord] = []
            let tag = TokenKey.tag
            try scan(tag.rawSpan, in: tables.meta) { _, value throws(StateError) in
                found.append(try TokenRecord(decoding: value))
                return true
            }
            return found
        }
    }

    public var tokenTable: TokenTable {
        get throws(StateError) {
            let key = TokenKey.table
            guard let span = try get(key.rawSpan, in: tables.meta) else { return TokenTable() }
            return try TokenTable(decoding: span)
        }
    }
}
