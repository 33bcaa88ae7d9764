import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// Signs of life of TTL checks. One that changes nothing is a heartbeat for the leader's clock and
/// no log entry.
enum AgentChecks {
    static func set(
        _ status: CheckStatus,
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        try set(status, output: request.parameters.first("note"), request, loop)
    }

    static func update(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        let body: CheckUpdateBody
        do throws(DecodeError) {
            body = try CheckUpdateBody(json: request.json(loop.limits))
        } catch {
            return .answer(.text(400, "Request decode failed: \(error.text)"))
        }
        guard AgentRegistration.isStatus(body.status) else {
            return .answer(.text(400, "Invalid check status: '\(body.status)'"))
        }
        let status = CheckStatus(body.status)
        return try set(status, output: body.output.text, request, loop)
    }

    private static func set(
        _ status: CheckStatus,
        output: String,
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        // That nothing changes is concluded from what there is now, not from what a follower has: a
        // check that the leader has just found critical is not passing yet.
        if let step = ReadStep.wait(request, loop, for: .leader) { return step }
        let node = AgentHandler.nodeName(loop)
        let id = request.suffixName
        let check = try loop.port.read { view throws(StateError) in
            try view.check(node: node, id: id)
        }
        guard let check, check.definition.ttlMilliseconds > 0 else {
            let text = ErrorTexts.text(.unknownCheck(id))
            return .answer(.text(500, text))
        }
        loop.port.touch(check: CheckKey(node: node, check: check.definition.id))
        let output = cut(output, loop.limits)
        if check.definition.status == status, check.definition.output == output {
            return .answer(.empty(200))
        }
        let command = UpdateCheck(
            node: node,
            checkID: check.definition.id,
            status: status,
            output: output
        )
        return .propose([command.encode(request.commandHeader)], .agentWrite)
    }

    private static func cut(_ output: String, _ limits: ConsulLimits) -> ByteString {
        let bytes = Array(output.utf8)
        let max = limits.checkOutputBytesMax
        guard bytes.count > max else { return ByteString(bytes) }
        let note = " ... (captured \(max) of \(bytes.count) bytes)"
        return ByteString(Array(bytes.prefix(max)) + Array(note.utf8))
    }
}
