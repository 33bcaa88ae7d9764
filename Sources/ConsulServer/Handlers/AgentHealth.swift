import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// /v1/agent/health/service/: the worst of a service's and its node's checks, as a status code.
enum AgentHealth {
    /// In the order of gravity.
    private enum Status: Int, Comparable {
        case passing
        case warning
        case critical
        case maintenance

        static func < (left: Status, right: Status) -> Bool { left.rawValue < right.rawValue }

        var name: String { "\(self)" }

        var code: Int {
            switch self {
            case .passing: 200
            case .warning: 429
            case .critical, .maintenance: 503
            }
        }
    }

    static func byID(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Answer {
        if request.suffix.isEmpty { return .text(500, "Bad request: Missing serviceID") }
        let id = request.suffixName
        let found = try AgentHandler.localServices(loop).first { $0.definition.id == id }
        guard let found else {
            return notFound(id, request)
        }
        var json = JSONWriter()
        let status = write(found, try AgentHandler.localChecks(loop), &json)
        return answer(json.bytes, status.code, status.name, text: status.name, request)
    }

    /// In text form the reason comes as JSON, as the real server has it.
    private static func notFound(_ id: ByteString, _ request: Request) -> Answer {
        let reason = "ServiceId \(id) not found"
        var json = JSONWriter()
        if request.parameters.first("format") == "text" {
            json.string(reason)
        } else {
            json.beginObject()
            json.member("AggregatedStatus", "critical" as ByteString)
            json.name("Service")
            json.null()
            json.name("Checks")
            json.null()
            json.endObject()
        }
        var answer = Answer.json(json.bytes)
        answer.head.status = 404
        answer.head.extra = .reason(reason)
        return answer
    }

    static func byName(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Answer {
        if request.suffix.isEmpty { return .text(500, "Bad request: Missing service Name") }
        let name = request.suffixName
        let services = try AgentHandler.localServices(loop).filter { $0.definition.name == name }
        let checks = try AgentHandler.localChecks(loop)
        var worst = Status.passing
        var json = JSONWriter()
        json.beginArray()
        for service in services { worst = max(worst, write(service, checks, &json)) }
        json.endArray()
        if services.isEmpty {
            let reason = "ServiceName \(name) Not Found"
            return answer(json.bytes, 404, reason, text: reason, request)
        }
        return answer(json.bytes, worst.code, worst.name, text: worst.name, request)
    }

    private static func answer(
        _ json: [UInt8],
        _ code: Int,
        _ reason: String,
        text: String,
        _ request: Request
    ) -> Answer {
        var answer: Answer
        if request.parameters.first("format") == "text" {
            answer = Answer(
                head: AnswerHead(status: code, content: .text),
                body: Array(text.utf8)
            )
        } else {
            answer = .json(json)
            answer.head.status = code
        }
        answer.head.extra = .reason(reason)
        return answer
    }

    private static func write(
        _ service: ServiceRecord,
        _ all: [CheckRecord],
        _ json: inout JSONWriter
    ) -> Status {
        let checks = all.filter {
            $0.definition.serviceID.bytes.isEmpty
                || $0.definition.serviceID == service.definition.id
        }
        let status = checks.map { self.status($0.definition) }.max() ?? .passing
        json.beginObject()
        json.member("AggregatedStatus", ByteString(status.name))
        json.name("Service")
        json.agentService(service.definition)
        json.name("Checks")
        json.beginArray()
        for check in checks { json.aggregatedCheck(check) }
        json.endArray()
        json.endObject()
        return status
    }

    private static func status(_ check: CheckDefinition) -> Status {
        if check.id == AgentMaintenance.nodeCheck { return .maintenance }
        if check.id.text.hasPrefix(AgentMaintenance.servicePrefix) { return .maintenance }
        switch check.status {
        case .passing: return .passing
        case .warning: return .warning
        default: return .critical
        }
    }
}
