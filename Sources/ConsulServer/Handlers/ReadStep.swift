import Bytes
import ConsulProtocol

/// What all reads but KV's have in common.
enum ReadStep {
    /// - Parameter saysConsistency: whether the answer names its consistency, as catalog and health
    ///   do and sessions do not (1.8.7).
    static func make(
        _ request: Request,
        _ loop: ConsulLoop,
        _ subject: Question.Subject,
        filter schema: FilterSchema? = nil,
        saysConsistency: Bool = true
    ) -> Step {
        let options: ReadOptions
        switch self.options(request, loop) {
        case .success(let read): options = read
        case .failure(let error): return .answer(.text(400, error.text))
        }
        var question = Question(subject: subject)
        question.effective = saysConsistency ? options.consistency : nil
        question.isCached = options.isCached && subject.isCacheable
        question.near = near(request, loop)
        if let schema, !options.filter.isEmpty {
            do throws(DecodeError) {
                _ = try Filter(options.filter, schema: schema, limits: loop.limits)
            } catch {
                var answer = Answer.text(500, error.text)
                answer.head.metadata = AnswerMetadata(index: 1, knowsLeader: false)
                return .answer(answer)
            }
            question.filter = options.filter
        }
        return .ask(question, options)
    }

    /// What every read may be asked with; the error is the text of a 400.
    static func options(
        _ request: Request,
        _ loop: ConsulLoop
    ) -> Result<ReadOptions, DecodeError> {
        do throws(DecodeError) {
            let options = try ReadOptions(
                request.parameters,
                cacheControl: request.cacheControl,
                limits: loop.limits
            )
            return .success(options)
        } catch {
            return .failure(error)
        }
    }

    /// What a request that is answered from the state has to do first; nil: nothing.
    static func wait(
        _ request: Request,
        _ loop: ConsulLoop,
        for consistency: Consistency
    ) -> Step? {
        if request.hasWaited { return nil }
        if case .nothing = loop.wait(for: consistency) { return nil }
        return .wait(request, consistency)
    }

    private static func near(_ request: Request, _ loop: ConsulLoop) -> ByteString? {
        let name = request.parameters.isEmpty ? "" : request.parameters.first("near")
        if name.isEmpty { return nil }
        return name == "_agent" ? AgentHandler.nodeName(loop) : ByteString(name)
    }

    static func selection(_ request: Request) -> Question.Selection {
        var selection = Question.Selection()
        if request.parameters.isEmpty { return selection }
        selection.tags = request.parameters.all("tag").map { ByteString($0) }
        var keys: Set<ByteString> = []
        // A map in the real server: of two values for one key the later counts.
        for text in request.parameters.all("node-meta").reversed() {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let key = ByteString(String(parts[0]))
            guard keys.insert(key).inserted else { continue }
            selection.nodeMetadata.append([
                key, ByteString(parts.count > 1 ? String(parts[1]) : ""),
            ])
        }
        return selection
    }
}
