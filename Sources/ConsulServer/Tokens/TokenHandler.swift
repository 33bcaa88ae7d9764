import Bytes
import Commands
import ConsulProtocol
import NIOCore
import Replica
import StateMachine

/// /v1/acl/: tokens, and the one policy that there is. All of it is for management, but for the
/// bootstrap, a client's own token, and what says nothing.
enum TokenHandler {
    static func step(
        _ request: Request,
        _ authority: Authority,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        switch request.endpoint {
        case .aclBootstrap: return try bootstrap(request, loop)
        case .aclReplication: return .answer(TokenAnswers.replication)
        case .aclTokenSelf:
            let secret = request.secret(loop.settings.tokens)
            return read(request, loop, .ownToken(secret: secret))
        case .aclTokenCreate: return create(request, authority, loop)
        case .aclToken: return try one(request, authority, loop)
        default: break
        }
        guard authority.isManagement else { return TokenGate.refused(request, authority) }
        switch request.endpoint {
        case .aclTokens: return read(request, loop, .tokens(selection(request)))
        case .aclPolicies: return try policies(loop)
        case .aclPolicy where request.method == .get:
            return try policy(request.suffixName == TokenDefinition.management, loop)
        case .aclPolicyByName: return try policy(request.suffixName == BuiltinPolicy.name, loop)
        case .aclEmptyList:
            return .answer(.json(Array("[]".utf8), metadata: loop.metadata(index: 1)))
        default:
            let text = "this Roost has no ACL policies, roles and methods of its own, but for "
            return .answer(.text(501, text + "the policy \(BuiltinPolicy.name)"))
        }
    }

    // MARK: Reading

    private static func read(
        _ request: Request,
        _ loop: ConsulLoop,
        _ subject: Question.Subject
    ) -> Step {
        ReadStep.make(request, loop, subject, saysConsistency: false)
    }

    private static func selection(_ request: Request) -> Question.TokenSelection {
        let parameters = request.parameters
        for name in ["role", "authmethod"] where !parameters.first(name).isEmpty { return .none }
        let policy = parameters.first("policy")
        return policy.isEmpty ? .all : .ofPolicy(ByteString(policy))
    }

    private static func policies(_ loop: ConsulLoop) throws(StateError) -> Step {
        let index = try firstIndex(loop)
        var json = JSONWriter()
        json.beginArray()
        TokenAnswers.policy(createIndex: index, withRules: false, &json)
        json.endArray()
        return .answer(.json(json.bytes, metadata: loop.metadata(index: index)))
    }

    private static func policy(_ isThere: Bool, _ loop: ConsulLoop) throws(StateError) -> Step {
        let index = try firstIndex(loop)
        guard isThere else {
            var answer = Answer.text(403, ErrorTexts.unknownToken)
            answer.head.metadata = loop.metadata(index: index)
            return .answer(answer)
        }
        var json = JSONWriter()
        TokenAnswers.policy(createIndex: index, withRules: true, &json)
        return .answer(.json(json.bytes, metadata: loop.metadata(index: index)))
    }

    private static func firstIndex(_ loop: ConsulLoop) throws(StateError) -> UInt64 {
        try table(loop).firstIndex
    }

    private static func table(_ loop: ConsulLoop) throws(StateError) -> TokenTable {
        try loop.port.read { view throws(StateError) in try view.tokenTable }
    }

    // MARK: The first token

    /// Anybody may ask. What would be refused is therefore no entry of the log; and where a token
    /// is configured it is the first one, also while it is on its way.
    private static func bootstrap(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        let settings = loop.settings.tokens
        let last = try table(loop).bootstrapIndex
        let resetIndex = last > 0 ? settings.bootstrapReset() : 0
        if last > 0, resetIndex != last {
            let error: TokenError =
                resetIndex == 0
                ? .bootstrapped(index: last) : .otherBootstrap(named: resetIndex, index: last)
            return .answer(.text(403, ErrorTexts.text(error)))
        }
        if last == 0, !settings.initialManagement.isEmpty {
            return failure("the initial management token is not in the state yet")
        }
        var secret = loop.newIdentifier()
        if let body = request.body, body.readableBytes > 0 {
            do throws(DecodeError) {
                secret = try BootstrapBody(json: request.json(loop.limits)).secret ?? secret
            } catch {
                return .answer(.text(400, "Request decode failed: \(error.text)"))
            }
            if let reason = UUIDText.parseError(secret.bytes) {
                return .answer(.text(400, "Request decode failed: BootstrapSecret: \(reason)"))
            }
        }
        let token = TokenDefinition(
            accessor: loop.newIdentifier(),
            secret: secret,
            description: "Bootstrap Token (Global Management)",
            policies: [TokenDefinition.management]
        )
        let command = BootstrapTokens(
            token: token,
            resetIndex: resetIndex
        )
        return .propose([command.encode(request.commandHeader)], .token(hasID: true))
    }

    // MARK: One token

    private static let reserved = Array("00000000-0000-0000-0000-0000000000".utf8)

    private static func badRequest(_ text: String) -> Step {
        .answer(.text(400, "Bad request: \(text)"))
    }

    private static func failure(_ text: String) -> Step { .answer(.text(500, text)) }

    private static func body(_ request: Request, _ loop: ConsulLoop) throws(DecodeError)
        -> TokenBody
    {
        let body: TokenBody
        do throws(DecodeError) {
            body = try TokenBody(json: request.json(loop.limits))
        } catch {
            throw DecodeError("Token decoding failed: \(error.text)")
        }
        let bytes = body.description?.bytes.count ?? 0
        guard bytes <= loop.limits.tokenDescriptionBytesMax else {
            throw DecodeError("Description of \(bytes) bytes too large")
        }
        return body
    }

    private static func one(
        _ request: Request,
        _ authority: Authority,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        if request.suffix.isEmpty {
            return request.method == .put
                ? create(request, authority, loop) : badRequest("Missing token ID")
        }
        let clone = Array("/clone".utf8)
        guard request.method == .put, request.suffix.count > clone.count,
            request.suffix.suffix(clone.count).elementsEqual(clone)
        else {
            let accessor = request.suffixName.lowercased
            return switch request.method {
            case .get: self.get(accessor, request, authority, loop)
            case .put: update(accessor, request, authority, loop)
            default: delete(accessor, request, authority)
            }
        }
        let accessor = ByteString(Array(request.suffix.dropLast(clone.count))).lowercased
        return try self.clone(accessor, request, authority, loop)
    }

    private static func get(
        _ accessor: ByteString,
        _ request: Request,
        _ authority: Authority,
        _ loop: ConsulLoop
    ) -> Step {
        guard authority.isManagement else { return TokenGate.refused(request, authority) }
        if let reason = UUIDText.lookupError(accessor.bytes) {
            var answer = Answer.text(500, lookupFailed(reason))
            answer.head.metadata = AnswerMetadata(index: 1, knowsLeader: false)
            return .answer(answer)
        }
        return read(request, loop, .token(accessor: accessor))
    }

    private static func lookupFailed(_ reason: String) -> String {
        "failed acl token lookup: index error: \(reason)"
    }

    private static func create(
        _ request: Request,
        _ authority: Authority,
        _ loop: ConsulLoop
    ) -> Step {
        let body: TokenBody
        do throws(DecodeError) { body = try self.body(request, loop) } catch {
            return badRequest(error.text)
        }
        guard authority.isManagement else { return TokenGate.refused(request, authority) }
        // A secret is compared as it is shown, so it stays as it was chosen.
        let (accessor, secret) = (body.accessor.lowercased, body.secret)
        if let problem = identifierProblem(accessor, secret) { return failure(problem) }
        return set(
            TokenDefinition(
                accessor: accessor.bytes.isEmpty ? loop.newIdentifier() : accessor,
                secret: secret.bytes.isEmpty ? loop.newIdentifier() : secret,
                description: body.description ?? "",
                isLocal: body.isLocal
            ),
            isNew: true,
            body,
            request
        )
    }

    /// What is wrong with the identifiers that a client has chosen.
    private static func identifierProblem(_ accessor: ByteString, _ secret: ByteString) -> String? {
        if !accessor.bytes.isEmpty {
            if let reason = UUIDText.lookupError(accessor.bytes) {
                return "Failed acl token lookup by accessor: \(lookupFailed(reason))"
            }
            if UUIDText.parseError(accessor.bytes) != nil {
                return "Invalid Token: AccessorID is not a valid UUID"
            }
        }
        if !secret.bytes.isEmpty, UUIDText.parseError(secret.bytes) != nil {
            return "Invalid Token: SecretID is not a valid UUID"
        }
        for chosen in [accessor, secret] where chosen.bytes.starts(with: reserved) {
            return "Invalid Token: UUIDs with the prefix \"\(ByteString(reserved))\" are reserved"
        }
        return nil
    }

    private static func update(
        _ accessor: ByteString,
        _ request: Request,
        _ authority: Authority,
        _ loop: ConsulLoop
    ) -> Step {
        let body: TokenBody
        do throws(DecodeError) { body = try self.body(request, loop) } catch {
            return badRequest(error.text)
        }
        guard body.accessor.bytes.isEmpty || body.accessor.lowercased == accessor else {
            return badRequest("Token Accessor ID in URL and payload do not match")
        }
        guard authority.isManagement else { return TokenGate.refused(request, authority) }
        if let reason = UUIDText.lookupError(accessor.bytes) {
            return failure("Failed acl token lookup by accessor: \(lookupFailed(reason))")
        }
        let token = TokenDefinition(
            accessor: accessor,
            secret: body.secret,
            description: body.description ?? "",
            isLocal: body.isLocal
        )
        return set(token, isNew: false, body, request)
    }

    private static func set(
        _ token: TokenDefinition,
        isNew: Bool,
        _ body: TokenBody,
        _ request: Request
    ) -> Step {
        if let problem = body.problem() { return failure(problem) }
        var token = token
        do throws(DecodeError) { token.policies = try body.policyIDs() } catch {
            return failure(error.text)
        }
        let command = SetToken(token, isNew: isNew)
        return .propose([command.encode(request.commandHeader)], .token(hasID: false))
    }

    /// Another token with the same rights.
    private static func clone(
        _ accessor: ByteString,
        _ request: Request,
        _ authority: Authority,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        let body: TokenBody
        do throws(DecodeError) { body = try self.body(request, loop) } catch {
            return badRequest(error.text)
        }
        guard authority.isManagement else { return TokenGate.refused(request, authority) }
        let found = try loop.port.read { view throws(StateError) in
            try view.token(accessor: accessor)
        }
        guard let found else { return .answer(.text(403, ErrorTexts.unknownToken)) }
        var token = found.definition
        token.accessor = loop.newIdentifier()
        token.secret = loop.newIdentifier()
        if let description = body.description, !description.bytes.isEmpty {
            token.description = description
        }
        let command = SetToken(token, isNew: true)
        return .propose([command.encode(request.commandHeader)], .token(hasID: false))
    }

    private static func delete(
        _ accessor: ByteString,
        _ request: Request,
        _ authority: Authority
    ) -> Step {
        guard case .management(let own) = authority else {
            return TokenGate.refused(request, authority)
        }
        if UUIDText.lookupError(accessor.bytes) != nil {
            return failure("Accessor ID is missing or an invalid UUID")
        }
        if accessor == TokenDefinition.anonymous {
            return failure("Delete operation not permitted on the anonymous token")
        }
        if accessor == own {
            return failure("Deletion of the request's authorization token is not permitted")
        }
        let command = DeleteToken(accessor: accessor)
        return .propose([command.encode(request.commandHeader)], .catalogWrite)
    }
}
