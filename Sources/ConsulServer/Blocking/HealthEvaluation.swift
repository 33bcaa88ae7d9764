import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// Reads of /v1/health.
enum HealthEvaluation {
    static func node(
        _ name: ByteString,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        let checks = try view.checks(node: name)
        let index = try view.summary.indexes.checks
        return Evaluation(answer: list(checks, question), index: index)
    }

    static func checks(
        _ service: ByteString,
        _ selection: Question.Selection,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        let checks = try admitted(try view.checks(service: service), selection, view)
        let index = try view.serviceIndex(service, withChecks: true)
        return Evaluation(answer: list(checks, question), index: index)
    }

    static func state(
        _ state: ByteString,
        _ selection: Question.Selection,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        let all = try admitted(try view.allChecks(), selection, view)
        let checks = state == "any" ? all : all.filter { $0.definition.status.text == state }
        let index = try selection.index(view.summary.indexes.checks, view)
        return Evaluation(answer: list(checks, question), index: index)
    }

    /// Instances of a service, each with its node, its node's checks and its own.
    static func service(
        _ name: ByteString,
        _ selection: Question.Selection,
        _ passingOnly: Bool,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var list = FilteredList(question, Schemas.serviceHealth)
        var index = try view.serviceIndex(name, withChecks: true)
        let services = try view.services(named: name)
        for service in question.sorted(services, by: { $0.node }) {
            guard let node = try view.node(service.node) else { continue }
            index = max(index, node.modifyIndex)
            guard selection.admits(service), selection.admits(node) else { continue }
            let all = try view.checks(node: service.node)
            for check in all where check.definition.serviceID.bytes.isEmpty {
                index = max(index, check.modifyIndex)
            }
            let checks =
                all.filter { $0.definition.serviceID.bytes.isEmpty }
                + all.filter {
                    $0.definition.serviceID.equalsIgnoringCase(service.definition.id)
                }
            if passingOnly, checks.contains(where: { $0.definition.status != .passing }) {
                continue
            }
            list.append { write(node, service, checks, &$0) }
        }
        return Evaluation(
            answer: .json(list.finished()),
            index: index,
            isMissing: services.isEmpty
        )
    }

    private static func write(
        _ node: NodeRecord,
        _ service: ServiceRecord,
        _ checks: [CheckRecord],
        _ json: inout JSONWriter
    ) {
        json.beginObject()
        json.name("Node")
        json.node(node)
        json.name("Service")
        json.service(service)
        json.name("Checks")
        json.beginArray()
        for check in checks { json.check(check) }
        json.endArray()
        json.endObject()
    }

    private static func admitted(
        _ checks: [CheckRecord],
        _ selection: Question.Selection,
        _ view: borrowing StateView
    ) throws(StateError) -> [CheckRecord] {
        if selection.nodeMetadata.isEmpty { return checks }
        var result: [CheckRecord] = []
        for check in checks {
            guard let node = try view.node(check.definition.node), selection.admits(node) else {
                continue
            }
            result.append(check)
        }
        return result
    }

    private static func list(_ checks: [CheckRecord], _ question: Question) -> Answer {
        var list = FilteredList(question, Schemas.check)
        for check in question.sorted(checks, by: { $0.definition.node }) {
            list.append { $0.check(check) }
        }
        return .json(list.finished())
    }
}
