import Bytes
import Commands
import ConsulProtocol
import NIOCore
import Replica
import StateMachine

/// /v1/session/
enum SessionHandler {
    static func create(_ request: Request, _ loop: ConsulLoop) -> Step {
        var body = SessionBody()
        if request.body != nil {
            do throws(DecodeError) {
                body = try SessionBody(json: request.json(loop.limits))
            } catch {
                return .answer(.text(400, "Request decode failed: \(error.text)"))
            }
        }
        if body.node?.bytes.isEmpty == true { return .answer(.text(500, "Must provide Node")) }
        do throws(DecodeError) {
            let session = SessionDefinition(
                id: loop.newIdentifier(),
                name: body.name,
                node: body.node ?? ByteString(loop.settings.nodeName),
                nodeChecks: body.allNodeChecks,
                serviceChecks: body.serviceChecks,
                lockDelayNanoseconds: body.lockDelay?.nanoseconds ?? 15_000_000_000,
                behavior: try SessionRules.behavior(body.behavior),
                ttlText: body.ttl,
                ttlMilliseconds: try SessionRules.ttlMilliseconds(body.ttl, limits: loop.limits)
            )
            let payload = CreateConsulSession(session).encode(request.commandHeader)
            return .propose([payload], .sessionCreate(id: session.id))
        } catch {
            return .answer(.text(500, error.text))
        }
    }

    static func destroy(_ request: Request, _ loop: ConsulLoop) -> Step {
        if let refusal = identifierRefusal(request) { return .answer(refusal) }
        let command = DestroyConsulSession(id: request.suffixName)
        return .propose([command.encode(request.commandHeader)], .catalogWrite)
    }

    /// A renewal is a sign of life, not a log entry. It is as fresh as a read: a session that was
    /// made through another server is found, and one that has ended is not renewed, since clients
    /// conclude from the answer what became of their locks.
    static func renew(_ request: Request, _ loop: ConsulLoop) -> Step {
        if let refusal = identifierRefusal(request) { return .answer(refusal) }
        if let step = ReadStep.wait(request, loop, for: .leader) { return step }
        do throws(StateError) {
            let id = request.suffixName
            let record = try loop.port.read { view throws(StateError) in
                try view.consulSession(id)
            }
            guard let record else {
                return .answer(.text(404, "Session id '\(id)' not found"))
            }
            if record.definition.ttlMilliseconds > 0 {
                loop.port.touch(consulSession: record.definition.id)
            }
            var json = JSONWriter()
            json.beginArray()
            json.session(record)
            json.endArray()
            return .answer(.json(json.bytes))
        } catch {
            return .answer(.text(500, "\(error)"))
        }
    }

    static func info(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing session")) }
        if let reason = UUIDText.lookupError(request.suffix) {
            var answer = Answer.text(500, ErrorTexts.sessionLookup(reason))
            answer.head.metadata = AnswerMetadata(index: 1, knowsLeader: false)
            return .answer(answer)
        }
        return ReadStep.make(request, loop, .session(request.suffixName), saysConsistency: false)
    }

    static func node(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing node name")) }
        let subject = Question.Subject.nodeSessions(request.suffixName)
        return ReadStep.make(request, loop, subject, saysConsistency: false)
    }

    static func list(_ request: Request, _ loop: ConsulLoop) -> Step {
        ReadStep.make(request, loop, .sessions, saysConsistency: false)
    }

    static func identifierRefusal(_ request: Request) -> Answer? {
        if request.suffix.isEmpty { return .text(400, "Missing session") }
        guard let reason = UUIDText.lookupError(request.suffix) else { return nil }
        return .text(500, ErrorTexts.sessionLookup(reason))
    }
}
