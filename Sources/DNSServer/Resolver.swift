import Bytes
import Commands
import DNSProtocol
import StateMachine

/// Whose name it is.
enum Zone: Equatable {
    /// Below the domain; the labels before it, in lower case.
    case own([ByteString])
    case reverse
    case foreign

    init(of name: DomainName, domain: DomainName) {
        let labels = name.lowercased.labels
        let suffix = domain.lowercased.labels
        if labels.count >= suffix.count, Array(labels.suffix(suffix.count)) == suffix {
            self = .own(Array(labels.dropLast(suffix.count)))
        } else {
            self = labels.last == "arpa" ? .reverse : .foreign
        }
    }
}

/// Answers a query from the catalog, as Consul 1.8.7 does: Tests/Live/golden_dns.py has its
/// answers.
struct Resolver {
    let settings: DNSSettings
    /// Of the zone: the time, in seconds.
    let serial: UInt32
    let random: () -> UInt64
    /// Whether the client may see nothing.
    let isHidden: Bool

    func answer(
        _ query: Query,
        _ zone: Zone,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        switch zone {
        case .foreign:
            var response = Response(.refused)
            response.isAuthoritative = false
            response.speaksEDNS = false
            return response
        case .reverse: return try reverse(query, view)
        case .own(let labels):
            var response = Response()
            switch query.type {
            case .soa:
                response.answers = [startOfAuthority]
                (response.authority, response.additional) = try nameServers(view)
                return response
            case .ns:
                (response.answers, response.additional) = try nameServers(view)
                return response
            case .axfr: return Response(.notImplemented)
            default:
                let depth = settings.limits.aliasDepthMax
                return try lookUp(labels, query.name, query.type, depth: depth, view)
            }
        }
    }

    // MARK: Names of the domain

    /// - Parameters:
    ///   - labels: what stands before the domain, in lower case.
    ///   - name: the name as it was asked for; the records are its own.
    ///   - depth: how often an alias may be followed.
    private func lookUp(
        _ labels: [ByteString],
        _ name: DomainName,
        _ type: RecordType,
        depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        guard let subject = Subject(labels, type, datacenter: settings.datacenter.lowercased)
        else { return nothing(.nameError) }
        switch subject {
        case .node(let node): return try self.node(node, name, type, depth, view)
        case .service(let service, let tag):
            return try self.service(service, tag, name, type, depth, view)
        case .address(let address):
            var response = Response()
            guard let owner = DomainName(labels: labels + settings.domain.lowercased.labels),
                let address
            else { return response }
            response.answers = [
                Record(owner, secondsToLive: settings.nodeSecondsToLive, .address(address))
            ]
            return response
        }
    }

    private func node(
        _ node: ByteString,
        _ name: DomainName,
        _ type: RecordType,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        guard [.any, .a, .aaaa, .txt].contains(type) else { return Response() }
        guard !isHidden, let found = try view.node(node)?.definition else {
            return nothing(.nameError)
        }
        var response = Response()
        let seconds = settings.nodeSecondsToLive
        let text = AddressChoice.of(found.address, found.taggedAddresses, for: type)
        if type != .txt {
            if let address = Address(text) {
                let record = Record(name, secondsToLive: seconds, .address(address))
                if type == .any || record.data.type == type { response.answers = [record] }
            } else {
                response.answers = try alias(name, to: found.address, seconds, depth, view)
            }
        }
        let metadata = metadata(of: found, name, seconds)
        if type == .any || type == .txt {
            response.answers += metadata
        } else {
            response.additional = metadata
        }
        return response
    }

    private func metadata(
        of node: NodeDefinition,
        _ name: DomainName,
        _ seconds: UInt32
    ) -> [Record] {
        (node.metadata ?? []).map {
            Record(name, secondsToLive: seconds, .txt(MetadataText.text(of: $0)))
        }
    }

    private func service(
        _ service: ByteString,
        _ tag: ByteString,
        _ name: DomainName,
        _ type: RecordType,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        let instances = try instances(of: service, tag: tag, view)
        guard !instances.isEmpty else { return nothing(.nameError) }
        let asked = Asked(name: name, type: type, depth: depth)
        var response =
            type == .srv
            ? try targets(instances, asked, view) : try addresses(instances, asked, view)
        response.isDivisible = true
        if response.answers.isEmpty { response.authority = [startOfAuthority] }
        return response
    }

    private func instances(
        of service: ByteString,
        tag: ByteString = "",
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        if isHidden { return [] }
        var instances = try Instance.all(
            of: service,
            tag: tag,
            isPassingOnly: settings.isPassingOnly,
            view
        )
        // Each client begins with another one (Fisher and Yates).
        for last in instances.indices.dropFirst().reversed() {
            let other = Int(random().multipliedFullWidth(by: UInt64(last + 1)).high)
            instances.swapAt(last, other)
        }
        return instances
    }

    /// What is the same for all instances of a service.
    private struct Asked {
        let name: DomainName
        let type: RecordType
        let depth: Int
    }

    /// Addresses, each once. A name is told only where there is no address, and one of them alone.
    private func addresses(
        _ instances: [Instance],
        _ asked: Asked,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        var response = Response()
        var alias: [Record] = []
        var told: Set<Record> = []
        var count = 0
        for instance in instances {
            switch place(of: instance, asked) {
            case .node(let address), .address(let address):
                let data = RecordData.address(address)
                guard [.any, .txt, data.type].contains(asked.type) else { continue }
                let seconds = settings.serviceSecondsToLive
                let record = Record(asked.name, secondsToLive: seconds, data)
                if told.insert(record).inserted { response.answers.append(record) }
                count += 1
            case .elsewhere(let text) where alias.isEmpty:
                let seconds = settings.serviceSecondsToLive
                alias = try self.alias(asked.name, to: text, seconds, asked.depth, view)
            case .elsewhere, nil: continue
            }
            if count == settings.addressAnswersMax, count > 0 { break }
        }
        if response.answers.isEmpty { response.answers = alias }
        return response
    }

    /// SRV records, each instance's place and port once, and the addresses of their targets.
    private func targets(
        _ instances: [Instance],
        _ asked: Asked,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        var response = Response()
        var told: Set<[ByteString]> = []
        let seconds = settings.serviceSecondsToLive
        for instance in instances {
            let service = instance.service
            let own = AddressChoice.of(service.address, service.taggedAddresses, for: .srv)
            let port = UInt16(clamping: service.port)
            guard told.insert([instance.node.name, own, ByteString("\(port)")]).inserted,
                let place = place(of: instance, asked),
                let target = target(place, instance)
            else { continue }
            response.answers.append(
                Record(
                    asked.name,
                    secondsToLive: seconds,
                    .srv(weight: instance.weight, port: port, target: target)
                )
            )
            switch place {
            case .node(let address), .address(let address):
                response.additional.append(
                    Record(target, secondsToLive: seconds, .address(address))
                )
            case .elsewhere: response.additional += try follow(target, asked.depth, view)
            }
            if let name = nodeName(instance.node.name) {
                response.additional += metadata(of: instance.node, name, seconds)
            }
        }
        return response
    }

    /// Where an instance is.
    private enum Place {
        /// At its node's address.
        case node(Address)
        /// At an address of its own.
        case address(Address)
        /// Where this name leads.
        case elsewhere(ByteString)
    }

    private func place(of instance: Instance, _ asked: Asked) -> Place? {
        let (node, service) = (instance.node, instance.service)
        let own = AddressChoice.of(service.address, service.taggedAddresses, for: asked.type)
        let address = AddressChoice.of(node.address, node.taggedAddresses, for: asked.type)
        let nodeAddress = Address(address)
        if own.bytes.isEmpty {
            guard let nodeAddress else {
                return address.bytes.isEmpty ? nil : .elsewhere(address)
            }
            return address == node.address ? .node(nodeAddress) : .address(nodeAddress)
        }
        if let ownAddress = Address(own) { return .address(ownAddress) }
        // A service whose address is its own name here.
        if let nodeAddress, DomainName(own) == asked.name { return .node(nodeAddress) }
        return .elsewhere(own)
    }

    private func target(_ place: Place, _ instance: Instance) -> DomainName? {
        switch place {
        case .node: nodeName(instance.node.name)
        case .address(let address): name(under: "addr", address.hexadecimal)
        case .elsewhere(let text): DomainName(text)
        }
    }

    /// A node's own name may have dots.
    private func nodeName(_ node: ByteString) -> DomainName? { name(under: "node", node) }

    private func name(under kind: String, _ first: ByteString) -> DomainName? {
        let labels = ByteString("\(first).\(kind).\(settings.datacenter)")
        guard let front = DomainName(labels) else { return nil }
        return DomainName(labels: front.labels + settings.domain.labels)
    }

    // MARK: Aliases

    /// A CNAME record, and what it leads to as far as this server knows.
    private func alias(
        _ name: DomainName,
        to text: ByteString,
        _ seconds: UInt32,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> [Record] {
        guard let target = DomainName(text) else { return [] }
        let record = Record(name, secondsToLive: seconds, .cname(target))
        return [record] + (try follow(target, depth, view))
    }

    private func follow(
        _ target: DomainName,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> [Record] {
        guard depth > 0, case .own(let labels) = Zone(of: target, domain: settings.domain) else {
            return []
        }
        let response = try lookUp(labels, target, .any, depth: depth - 1, view)
        let most = response.isDivisible ? settings.datagram.answersMax : response.answers.count
        let told = response.answers.prefix(most).filter {
            switch $0.data {
            case .cname, .address: true
            default: false
            }
        }
        return Array(told.prefix(settings.limits.aliasRecordsMax))
    }

    // MARK: The zone itself

    private var startOfAuthority: Record {
        func under(_ label: ByteString) -> DomainName {
            DomainName(labels: [label] + settings.domain.labels) ?? settings.domain
        }
        let authority = StartOfAuthority(
            server: under("ns"),
            mailbox: under("hostmaster"),
            serial: serial
        )
        return Record(settings.domain, secondsToLive: 0, .soa(authority))
    }

    private func nothing(_ code: ResponseCode) -> Response {
        var response = Response(code)
        response.authority = [startOfAuthority]
        return response
    }

    /// Some of the servers, and their addresses.
    private func nameServers(
        _ view: borrowing StateView
    ) throws(StateError) -> (servers: [Record], addresses: [Record]) {
        var found: (servers: [Record], addresses: [Record]) = ([], [])
        let seconds = settings.nodeSecondsToLive
        for instance in try instances(of: "consul", view) {
            let node = instance.node
            guard Self.isHostName(node.name), let name = nodeName(node.name)?.lowercased else {
                continue
            }
            found.servers.append(Record(settings.domain, secondsToLive: seconds, .ns(name)))
            if let address = Address(node.address) {
                found.addresses.append(Record(name, secondsToLive: seconds, .address(address)))
            }
            if found.servers.count == settings.limits.nameServersMax { break }
        }
        return found
    }

    /// Letters, digits and hyphens.
    private static func isHostName(_ name: ByteString) -> Bool {
        name.bytes.allSatisfy {
            switch $0.lowercased {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    // MARK: Names of addresses

    /// The first node of this address, else the first service.
    private func reverse(
        _ query: Query,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        guard let address = Address(reverse: query.name.labels),
            let name = try name(of: address, view)
        else {
            var response = Response.failure
            response.isAuthoritative = false
            response.offersRecursion = true
            return response
        }
        var response = Response()
        response.answers = [Record(query.name, secondsToLive: 0, .ptr(name))]
        if query.type == .soa { response.authority = [startOfAuthority] }
        return response
    }

    private func name(
        of address: Address,
        _ view: borrowing StateView
    ) throws(StateError) -> DomainName? {
        if isHidden { return nil }
        for node in try view.nodes() where Address(node.definition.address) == address {
            return nodeName(node.definition.name)
        }
        for service in try view.allServices()
        where Address(service.definition.address) == address {
            return name(under: "service", service.definition.name)
        }
        return nil
    }
}

/// What a name speaks of.
private enum Subject {
    case node(ByteString)
    case service(ByteString, tag: ByteString)
    /// nil: of a length that no address has.
    case address(Address?)

    /// nil: of nothing that could be.
    ///
    /// The last label that names a kind divides the name; after it may stand the datacenter. Names
    /// that begin with "_" need no "service" when SRV records are asked for (RFC 2782).
    init?(_ labels: [ByteString], _ type: RecordType, datacenter: ByteString) {
        let kinds: [ByteString] = ["service", "connect", "ingress", "node", "query", "addr"]
        let underscore = UInt8(ascii: "_")
        guard
            let place = labels.lastIndex(where: {
                kinds.contains($0) || type == .srv && $0.bytes.first == underscore
            })
        else { return nil }
        let isKind = kinds.contains(labels[place])
        let kind = isKind ? labels[place] : "service"
        let parts = isKind ? labels[..<place] : labels[...place]
        let suffix = Array(labels[(place + 1)...])
        if kind == "addr" {
            guard parts.count == 1, let digits = parts.first else { return nil }
            let address = Address(hexadecimal: digits)
            // Consul looks at the digits only where there are 8 or 32, or one more.
            guard address != nil || ![4, 16].contains(digits.bytes.count / 2) else { return nil }
            self = .address(address)
            return
        }
        guard let last = parts.last, suffix.isEmpty || suffix == [datacenter] else { return nil }
        func joined(_ parts: ArraySlice<ByteString>) -> ByteString {
            ByteString(Array(parts.map(\.bytes).joined(separator: [UInt8(ascii: ".")])))
        }
        switch kind {
        case "node": self = .node(joined(parts))
        case "service":
            if parts.count == 2, parts.allSatisfy({ $0.bytes.first == underscore }),
                let first = parts.first
            {
                let tag = ByteString(Array(last.bytes.dropFirst()))
                let service = ByteString(Array(first.bytes.dropFirst()))
                self = .service(service, tag: tag == "tcp" ? "" : tag)
            } else {
                self = .service(last, tag: joined(parts.dropLast()))
            }
        // There is no mesh and no prepared query here.
        default: return nil
        }
    }
}
