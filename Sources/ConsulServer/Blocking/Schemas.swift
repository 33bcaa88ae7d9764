import ConsulProtocol

/// What can be filtered by, in the names of the answers.
enum Schemas {
    static let node = FilterSchema.record(nodeFields("Meta"))
    static let service = FilterSchema.record(serviceFields)
    static let check = FilterSchema.record(checkFields)
    static let serviceHealth = FilterSchema.record([
        "Node": node, "Service": service, "Checks": .list(check),
    ])
    static let agentService = service

    static let catalogService: FilterSchema = {
        var fields = nodeFields("NodeMeta")
        for (name, schema) in [
            ("ServiceKind", FilterSchema.text), ("ServiceID", .text), ("ServiceName", .text),
            ("ServiceTags", .list(.text)), ("ServiceAddress", .text),
            ("ServiceTaggedAddresses", .map(taggedAddress)), ("ServiceWeights", weights),
            ("ServiceMeta", .map(.text)), ("ServicePort", .integer),
            ("ServiceEnableTagOverride", .bool), ("ServiceProxy", proxy),
            ("ServiceConnect", connect),
        ] {
            fields[name] = schema
        }
        return .record(fields)
    }()

    private static let weights = FilterSchema.record(["Passing": .integer, "Warning": .integer])
    private static let taggedAddress = FilterSchema.record(["Address": .text, "Port": .integer])

    private static let connect = FilterSchema.record(["Native": .bool])
    private static let meshGateway = FilterSchema.record(["Mode": .text])

    private static let proxy = FilterSchema.record([
        "DestinationServiceName": .text, "DestinationServiceID": .text,
        "LocalServiceAddress": .text, "LocalServicePort": .integer, "MeshGateway": meshGateway,
        "Upstreams": .list(
            .record([
                "DestinationType": .text, "DestinationNamespace": .text, "DestinationName": .text,
                "Datacenter": .text, "LocalBindAddress": .text, "LocalBindPort": .integer,
                "MeshGateway": meshGateway,
            ])
        ),
        "Expose": .record([
            "Checks": .bool,
            "Paths": .list(
                .record([
                    "ListenerPort": .integer, "Path": .text, "LocalPathPort": .integer,
                    "Protocol": .text, "ParsedFromCheck": .bool,
                ])
            ),
        ]),
    ])

    private static func nodeFields(_ metadata: String) -> [String: FilterSchema] {
        [
            "ID": .text, "Node": .text, "Address": .text, "Datacenter": .text,
            "TaggedAddresses": .map(.text), metadata: .map(.text),
        ]
    }

    private static let serviceFields: [String: FilterSchema] = [
        "Kind": .text, "ID": .text, "Service": .text, "Tags": .list(.text), "Address": .text,
        "TaggedAddresses": .map(taggedAddress), "Meta": .map(.text), "Port": .integer,
        "Weights": weights, "EnableTagOverride": .bool, "Proxy": proxy, "Connect": connect,
    ]

    private static let checkFields: [String: FilterSchema] = [
        "Node": .text, "CheckID": .text, "Name": .text, "Status": .text, "Notes": .text,
        "Output": .text, "ServiceID": .text, "ServiceName": .text, "ServiceTags": .list(.text),
        "Type": .text,
    ]
}
