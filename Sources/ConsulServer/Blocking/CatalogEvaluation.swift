import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// Reads of /v1/catalog.
enum CatalogEvaluation {
    static func nodes(
        _ selection: Question.Selection,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var list = FilteredList(question, Schemas.node)
        let nodes = question.sorted(try view.nodes()) { $0.definition.name }
        for node in nodes where selection.admits(node) {
            list.append { $0.node(node) }
        }
        let index = try view.summary.indexes.nodes
        return Evaluation(answer: .json(list.finished()), index: index)
    }

    /// Names of services with all tags of their instances.
    static func services(
        _ selection: Question.Selection,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var tagsByName: [ByteString: Set<ByteString>] = [:]
        var admitted: [ByteString: Bool] = [:]
        for service in try view.allServices() {
            if !selection.nodeMetadata.isEmpty {
                if admitted[service.node] == nil {
                    let node = try view.node(service.node)
                    admitted[service.node] = node.map { selection.admits($0) } ?? false
                }
                guard admitted[service.node] == true else { continue }
            }
            tagsByName[service.definition.name, default: []].formUnion(
                service.definition.tags ?? []
            )
        }
        var json = JSONWriter()
        json.beginObject()
        for name in tagsByName.keys.sorted() {
            json.name(escaping: name)
            json.texts((tagsByName[name] ?? []).sorted())
        }
        json.endObject()
        let index = try selection.index(view.summary.indexes.services, view)
        return Evaluation(answer: .json(json.bytes), index: index)
    }

    static func instances(
        _ name: ByteString,
        _ selection: Question.Selection,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var list = FilteredList(question, Schemas.catalogService)
        var index = try view.serviceIndex(name, withChecks: false)
        let services = try view.services(named: name)
        for service in question.sorted(services, by: { $0.node }) {
            guard let node = try view.node(service.node) else { continue }
            index = max(index, node.modifyIndex)
            guard selection.admits(service), selection.admits(node) else { continue }
            list.append { $0.catalogService(service, on: node) }
        }
        return Evaluation(
            answer: .json(list.finished()),
            index: index,
            isMissing: services.isEmpty
        )
    }

    static func node(
        _ name: ByteString,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        guard let node = try view.node(name) else {
            let index = try view.nodeIndex(name)
            return Evaluation(answer: .json(Array("null".utf8)), index: index, isMissing: true)
        }
        var json = JSONWriter()
        json.beginObject()
        json.name("Node")
        json.node(node)
        json.name("Services")
        json.beginObject()
        for service in try filtered(try view.services(node: name), question) {
            json.name(escaping: service.definition.id)
            json.service(service)
        }
        json.endObject()
        json.endObject()
        return Evaluation(answer: .json(json.bytes), index: try view.nodeIndex(name))
    }

    static func nodeServices(
        _ name: ByteString,
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var json = JSONWriter()
        json.beginObject()
        guard let node = try view.node(name) else {
            json.name("Node")
            json.null()
            json.name("Services")
            json.null()
            json.endObject()
            let index = try view.nodeIndex(name)
            return Evaluation(answer: .json(json.bytes), index: index, isMissing: true)
        }
        let services = try view.services(node: name)
        json.name("Node")
        json.node(node)
        json.name("Services")
        // As Go has it: no list at all, unless a filter has made one.
        if services.isEmpty && question.filter.isEmpty {
            json.null()
        } else {
            json.beginArray()
            for service in try filtered(services, question) { json.service(service) }
            json.endArray()
        }
        json.endObject()
        return Evaluation(answer: .json(json.bytes), index: try view.nodeIndex(name))
    }

    /// A service as this node's agent has it, with a hash of its contents to block on.
    static func agentService(
        _ id: ByteString,
        on node: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        let index = try view.nodeIndex(node)
        guard id != AgentHandler.ownService, let service = try view.service(node: node, id: id)
        else {
            return Evaluation(
                answer: .text(404, "unknown service ID: \(id)"),
                index: index,
                isMissing: true
            )
        }
        var contents = JSONWriter()
        contents.agentService(service.definition)
        let hash = Hexadecimal.text(XXH64.hash(contents.bytes))
        var json = JSONWriter()
        json.agentService(service.definition, contentHash: hash)
        var answer = Answer.json(json.bytes)
        answer.head.extra = .contentHash(hash)
        return Evaluation(answer: answer, index: index)
    }

    private static func filtered(
        _ services: [ServiceRecord],
        _ question: Question
    ) throws(StateError) -> [ServiceRecord] {
        if question.filter.isEmpty { return services }
        return services.filter { service in
            var list = FilteredList(question, Schemas.service)
            list.append { $0.service(service) }
            return list.count == 1
        }
    }
}

extension Question.Selection {
    /// Every tag that was asked for must be there; case does not count, as in Consul.
    func admits(_ service: ServiceRecord) -> Bool {
        tags.allSatisfy { wanted in
            (service.definition.tags ?? []).contains {
                $0.text.lowercased() == wanted.text.lowercased()
            }
        }
    }

    func admits(_ node: NodeRecord) -> Bool {
        nodeMetadata.allSatisfy { wanted in
            (node.definition.metadata ?? []).contains {
                $0.key == wanted[0] && $0.value == wanted[1]
            }
        }
    }
}
