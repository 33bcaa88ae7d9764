public import Bytes
public import Commands

/// Records as the answers have them: names and order of Go's structs (agent/structs, api).
extension JSONWriter {
    public mutating func member(_ name: String, _ value: ByteString) {
        self.name(name)
        string(value)
    }

    public mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        bool(value)
    }

    public mutating func member(_ name: String, _ value: UInt64) {
        self.name(name)
        integer(value)
    }

    public mutating func member(_ name: String, _ value: Int) {
        self.name(name)
        integer(value)
    }

    public mutating func texts(_ values: [ByteString]) {
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    mutating func metadata(_ values: [Metadatum]?) {
        guard let values else { return null() }
        beginObject()
        for value in values {
            name(escaping: value.key)
            string(value.value)
        }
        endObject()
    }

    /// One entry of KV; without `withValue` the value is null, as transactions have it.
    public mutating func key(_ record: KeyRecord, withValue: Bool = true) {
        beginKey(record.key.bytes.rawSpan, lockIndex: record.lockIndex, flags: record.flags)
        if withValue { data(record.value.rawSpan) } else { null() }
        endKey(
            session: record.session.bytes.rawSpan,
            createIndex: record.createIndex,
            modifyIndex: record.modifyIndex
        )
    }

    /// The hot path's way: what comes before the value, which the caller then writes.
    public mutating func beginKey(_ key: RawSpan, lockIndex: UInt64, flags: UInt64) {
        beginObject()
        out.append("\"LockIndex\":")
        Decimal.append(lockIndex, to: &out)
        out.append(",\"Key\":")
        string(key)
        out.append(",\"Flags\":")
        Decimal.append(flags, to: &out)
        out.append(",\"Value\":")
    }

    public mutating func endKey(session: RawSpan, createIndex: UInt64, modifyIndex: UInt64) {
        if session.byteCount > 0 {
            out.append(",\"Session\":")
            string(session)
        }
        out.append(",\"CreateIndex\":")
        Decimal.append(createIndex, to: &out)
        out.append(",\"ModifyIndex\":")
        Decimal.append(modifyIndex, to: &out)
        out.append("}")
    }

    public mutating func session(_ record: SessionRecord) {
        let session = record.definition
        beginObject()
        member("ID", session.id)
        member("Name", session.name)
        member("Node", session.node)
        member("LockDelay", Int(session.lockDelayNanoseconds))
        member("Behavior", session.behavior == .delete ? "delete" : "release" as ByteString)
        member("TTL", session.ttlText)
        name("NodeChecks")
        if let checks = session.nodeChecks { texts(checks) } else { null() }
        name("ServiceChecks")
        serviceChecks(session.serviceChecks)
        member("CreateIndex", record.createIndex)
        member("ModifyIndex", record.modifyIndex)
        endObject()
    }

    private mutating func serviceChecks(_ references: [ServiceCheckReference]?) {
        guard let references else { return null() }
        beginArray()
        for reference in references {
            beginObject()
            member("ID", reference.id)
            member("Namespace", reference.namespace)
            endObject()
        }
        endArray()
    }

    public mutating func node(_ record: NodeRecord) {
        beginObject()
        nodeFields(record, metadataName: "Meta")
        member("CreateIndex", record.createIndex)
        member("ModifyIndex", record.modifyIndex)
        endObject()
    }

    private mutating func nodeFields(_ record: NodeRecord, metadataName: String) {
        let node = record.definition
        member("ID", node.id)
        member("Node", node.name)
        member("Address", node.address)
        member("Datacenter", node.datacenter)
        name("TaggedAddresses")
        metadata(node.taggedAddresses?.map { Metadatum(key: $0.name, value: $0.address) })
        name(metadataName)
        metadata(node.metadata)
    }

    /// `structs.NodeService`. Transactions have null where lists have [].
    public mutating func service(_ record: ServiceRecord, emptyTags: Bool = true) {
        let service = record.definition
        beginObject()
        if !service.kind.bytes.isEmpty { member("Kind", service.kind) }
        member("ID", service.id)
        member("Service", service.name)
        name("Tags")
        tags(service.tags, emptyTags: emptyTags)
        member("Address", service.address)
        taggedAddresses(service.taggedAddresses, named: "TaggedAddresses")
        name("Meta")
        metadata(service.metadata)
        member("Port", Int(service.port))
        if !service.socketPath.bytes.isEmpty { member("SocketPath", service.socketPath) }
        name("Weights")
        weights(service)
        member("EnableTagOverride", service.enableTagOverride)
        name("Proxy")
        mesh(service.proxy, or: "{\"MeshGateway\":{},\"Expose\":{}}")
        name("Connect")
        mesh(service.connect, or: "{}")
        member("CreateIndex", record.createIndex)
        member("ModifyIndex", record.modifyIndex)
        endObject()
    }

    private mutating func mesh(_ stored: [UInt8], or standard: String) {
        raw(stored.isEmpty ? Array(standard.utf8) : stored)
    }

    private mutating func tags(_ tags: [ByteString]?, emptyTags: Bool) {
        if let tags, emptyTags || !tags.isEmpty { return texts(tags) }
        if emptyTags { texts([]) } else { null() }
    }

    private mutating func weights(_ service: ServiceDefinition) {
        beginObject()
        member("Passing", Int(service.weightPassing))
        member("Warning", Int(service.weightWarning))
        endObject()
    }

    /// Left out when there are none.
    private mutating func taggedAddresses(_ addresses: [TaggedAddress]?, named title: String) {
        guard let addresses, !addresses.isEmpty else { return }
        name(title)
        beginObject()
        for tagged in addresses {
            name(escaping: tagged.name)
            beginObject()
            member("Address", tagged.address)
            member("Port", Int(tagged.port))
            endObject()
        }
        endObject()
    }

    /// `structs.ServiceNode`: /v1/catalog/service.
    public mutating func catalogService(_ record: ServiceRecord, on node: NodeRecord) {
        let service = record.definition
        beginObject()
        nodeFields(node, metadataName: "NodeMeta")
        member("ServiceKind", service.kind)
        member("ServiceID", service.id)
        member("ServiceName", service.name)
        name("ServiceTags")
        texts(service.tags ?? [])
        member("ServiceAddress", service.address)
        taggedAddresses(service.taggedAddresses, named: "ServiceTaggedAddresses")
        name("ServiceWeights")
        weights(service)
        name("ServiceMeta")
        metadata(service.metadata ?? [])
        member("ServicePort", Int(service.port))
        if !service.socketPath.bytes.isEmpty { member("ServiceSocketPath", service.socketPath) }
        member("ServiceEnableTagOverride", service.enableTagOverride)
        name("ServiceProxy")
        mesh(service.proxy, or: "{\"MeshGateway\":{},\"Expose\":{}}")
        name("ServiceConnect")
        mesh(service.connect, or: "{}")
        member("CreateIndex", record.createIndex)
        member("ModifyIndex", record.modifyIndex)
        endObject()
    }

    /// `structs.HealthCheck`.
    public mutating func check(_ record: CheckRecord, emptyTags: Bool = true) {
        let check = record.definition
        checkFields(check, tags: check.serviceTags, type: check.type, emptyTags: emptyTags)
        name("Definition")
        mesh(check.definition, or: "{}")
        member("CreateIndex", record.createIndex)
        member("ModifyIndex", record.modifyIndex)
        endObject()
    }

    private mutating func checkFields(
        _ check: CheckDefinition,
        tags list: [ByteString]?,
        type: ByteString,
        emptyTags: Bool
    ) {
        beginObject()
        member("Node", check.node)
        member("CheckID", check.id)
        member("Name", check.name)
        member("Status", check.status.text)
        member("Notes", check.notes)
        member("Output", check.output)
        member("ServiceID", check.serviceID)
        member("ServiceName", check.serviceName)
        name("ServiceTags")
        tags(list, emptyTags: emptyTags)
        member("Type", type)
    }

    /// A check as /v1/agent/checks has it: the agent's own copy knows no index.
    public mutating func agentCheck(_ record: CheckRecord) {
        var local = record
        local.createIndex = 0
        local.modifyIndex = 0
        local.definition.definition = []
        check(local)
    }

    /// A check as /v1/agent/health/service has it (api.HealthCheck without its own marshaller).
    public mutating func aggregatedCheck(_ record: CheckRecord) {
        let check = record.definition
        checkFields(check, tags: check.serviceTags, type: "", emptyTags: false)
        name("Definition")
        let definition =
            "{\"Interval\":\"0s\",\"Timeout\":\"0s\",\"DeregisterCriticalServiceAfter\":\"0s\","
            + "\"HTTP\":\"\",\"Header\":null,\"Method\":\"\",\"Body\":\"\","
            + "\"TLSSkipVerify\":false,\"TCP\":\"\"}"
        raw(Array(definition.utf8))
        member("CreateIndex", UInt64(0))
        member("ModifyIndex", UInt64(0))
        endObject()
    }

    /// `api.AgentService`: /v1/agent/services and /v1/agent/service.
    public mutating func agentService(_ service: ServiceDefinition, contentHash: String? = nil) {
        beginObject()
        if !service.kind.bytes.isEmpty { member("Kind", service.kind) }
        member("ID", service.id)
        member("Service", service.name)
        name("Tags")
        texts(service.tags ?? [])
        name("Meta")
        metadata(service.metadata ?? [])
        member("Port", Int(service.port))
        member("Address", service.address)
        taggedAddresses(service.taggedAddresses, named: "TaggedAddresses")
        name("Weights")
        weights(service)
        member("EnableTagOverride", service.enableTagOverride)
        if let contentHash { member("ContentHash", ByteString(contentHash)) }
        if !service.connect.isEmpty {
            name("Connect")
            raw(service.connect)
        }
        endObject()
    }
}
