import Bytes
import Commands
import ConsulProtocol
import NIOCore

/// /v1/kv/
enum KeyHandler {
    static func step(_ request: Request, _ loop: ConsulLoop) -> Step {
        let options: ReadOptions
        do throws(DecodeError) {
            options = try ReadOptions(
                request.parameters,
                cacheControl: request.cacheControl,
                limits: loop.limits
            )
        } catch {
            return .answer(.text(400, error.text))
        }
        guard request.suffix.count <= loop.limits.keyBytesMax else {
            return .answer(.text(413, "Key of \(request.suffix.count) bytes too large"))
        }
        do throws(DecodeError) {
            return switch request.method {
            case .get: get(request, options)
            case .put: try put(request)
            default: try delete(request)
            }
        } catch {
            return .answer(.text(500, error.text))
        }
    }

    private static let missingKey = Step.answer(.text(400, "Missing key name"))

    // MARK: Reading

    private static func get(_ request: Request, _ options: ReadOptions) -> Step {
        let parameters = request.parameters
        var question = Question(subject: .key(request.suffixName, raw: false))
        if !parameters.isEmpty {
            if parameters.has("keys") {
                let separator = ByteString(parameters.first("separator"))
                question.subject = .keys(request.suffixName, separator: separator)
            } else if parameters.has("recurse") {
                question.subject = .tree(request.suffixName)
            } else if parameters.has("raw") {
                question.subject = .key(request.suffixName, raw: true)
            }
        }
        if case .key(let key, _) = question.subject, key.bytes.isEmpty { return missingKey }
        return .ask(question, options)
    }

    // MARK: Writing

    private static func put(_ request: Request) throws(DecodeError) -> Step {
        if request.suffix.isEmpty { return missingKey }
        let parameters = request.parameters
        if parameters.isEmpty { return .propose([encode(request, .set)], .keyWrite) }
        if let conflict = conflict(parameters, ["cas", "acquire", "release"]) { return conflict }
        let flags =
            parameters.has("flags") ? try Strconv.parseUnsigned(parameters.first("flags")) : 0
        if parameters.has("cas") {
            let index = try Strconv.parseUnsigned(parameters.first("cas"))
            let payload = encode(request, .setIfUnchanged, flags: flags, index: index)
            return .propose([payload], .keyWrite)
        }
        for (name, verb) in [("acquire", KeyVerb.lock), ("release", .unlock)]
        where parameters.has(name) {
            let session = ByteString(parameters.first(name)).lowercased
            let payload = encode(request, verb, flags: flags, session: session)
            return .propose([payload], .keyWrite)
        }
        return .propose([encode(request, .set, flags: flags)], .keyWrite)
    }

    private static func delete(_ request: Request) throws(DecodeError) -> Step {
        let parameters = request.parameters
        if let conflict = conflict(parameters, ["recurse", "cas"]) { return conflict }
        if parameters.has("recurse") {
            return .propose([encode(request, .deleteTree)], .keyWrite)
        }
        if request.suffix.isEmpty { return missingKey }
        guard parameters.has("cas") else {
            return .propose([encode(request, .delete)], .keyWrite)
        }
        let index = try Strconv.parseUnsigned(parameters.first("cas"))
        return .propose([encode(request, .deleteIfUnchanged, index: index)], .keyWrite)
    }

    private static func conflict(_ parameters: QueryParameters, _ names: [String]) -> Step? {
        var count = 0
        for name in names where parameters.has(name) { count += 1 }
        guard count > 1 else { return nil }
        return .answer(.text(400, "Conflicting flags: " + parameters.encoded()))
    }

    private static func encode(
        _ request: Request,
        _ verb: KeyVerb,
        flags: UInt64 = 0,
        index: UInt64 = 0,
        session: ByteString = ""
    ) -> [UInt8] {
        let hasValue = request.method == .put
        let empty: [UInt8] = []
        guard hasValue, let body = request.body else {
            return KeyEncoder.encode(
                request.commandHeader,
                verb,
                key: request.suffix.rawSpan,
                value: empty.rawSpan,
                flags: flags,
                index: index,
                session: session
            )
        }
        return KeyEncoder.encode(
            request.commandHeader,
            verb,
            key: request.suffix.rawSpan,
            value: body.readableBytesSpan,
            flags: flags,
            index: index,
            session: session
        )
    }
}
