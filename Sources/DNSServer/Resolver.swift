import Bytes
import Commands
import DNSProtocol
import StateMachine

/// Whose name it is.
enum Zone {
    /// Below the domain; the labels before it, in lower case.
    case own([ByteString])
    case reverse
    case foreign

    init(of name: DomainName, _ settings: DNSSettings) {
        let labels = name.lowercased.labels
        let suffix = settings.domainLabels
        if labels.count >= suffix.count, labels.suffix(suffix.count).elementsEqual(suffix) {
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
    let sight: Sight
    /// Records beyond these are not told of; that there are more may be.
    var answersMax: Int
    let findings: Findings

    /// What the client may see of the catalog.
    enum Sight {
        case everything
        case nothing
        /// The operator's token for such clients is none that the cluster knows.
        case failure
    }

    mutating func answer(
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
    private mutating func lookUp(
        _ labels: [ByteString],
        _ name: DomainName,
        _ type: RecordType,
        depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        guard let subject = Subject(labels, type, datacenter: settings.datacenter) else {
            return nothing(.nameError)
        }
        if sight == .failure, subject.isOfCatalog { return .failure }
        switch subject {
        case .node(let node): return try self.node(node, name, type, depth, view)
        case .service(let service, let tag):
            return try self.service(service, tag, name, type, depth, view)
        case .address(let address):
            var response = Response()
            guard let owner = DomainName(labels: labels + settings.domainLabels), let address
            else { return response }
            response.answers = [
                Record(owner, secondsToLive: settings.nodeSecondsToLive, .address(address))
            ]
            return response
        }
    }

    private mutating func node(
        _ node: ByteString,
        _ name: DomainName,
        _ type: RecordType,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        guard [.any, .a, .aaaa, .txt].contains(type) else { return Response() }
        guard sight == .everything, let found = try view.node(node)?.definition else {
            return nothing(.nameError)
        }
        var response = Response()
        let seconds = settings.nodeSecondsToLive
        let text = AddressChoice.of(found.address, found.taggedAddresses, for: type)
        if type != .txt {
            if let address = Address(text) {
                let record = Record(name, secondsToLive: seconds, .address(address))
                if type == .any || record.data.type == type { response.answers = [record] }
            } else if let target = DomainName(found.address) {
                response.answers = try alias(name, to: target, seconds, depth, view)
            }
        }
        let metadata = Self.records(
            (found.metadata ?? []).map(MetadataText.text),
            name,
            seconds
        )
        if type == .any || type == .txt {
            response.answers += metadata
        } else {
            response.additional = metadata
        }
        return response
    }

    private static func records(
        _ texts: [ByteString],
        _ name: DomainName,
        _ seconds: UInt32
    ) -> [Record] {
        texts.map { Record(name, secondsToLive: seconds, .txt($0)) }
    }

    private mutating func service(
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

    private mutating func instances(
        of service: ByteString,
        tag: ByteString = "",
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        guard sight == .everything else { return [] }
        let all = try findings.instances(of: service, view)
        return tag.bytes.isEmpty ? all : all.filter { $0.has(tag) }
    }

    /// Puts any of the instances from `place` on there, so that each client begins with another one
    /// (Fisher and Yates).
    private func draw(_ instances: inout [Instance], _ place: Int) -> Instance {
        let left = UInt64(instances.count - place)
        instances.swapAt(place, place + Int(random().multipliedFullWidth(by: left).high))
        return instances[place]
    }

    /// What is the same for all instances of a service.
    private struct Asked {
        let name: DomainName
        let type: RecordType
        let depth: Int
    }

    /// Addresses, each once. A name is told only where there is no address, and one of them alone.
    private mutating func addresses(
        _ found: [Instance],
        _ asked: Asked,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        var response = Response()
        var instances = found
        var alias: DomainName?
        var told: Set<Address> = []
        var count = 0
        let seconds = settings.serviceSecondsToLive
        for place in instances.indices {
            switch draw(&instances, place).place(asked.type, asked.name) {
            case .node(let address), .address(let address):
                let data = RecordData.address(address)
                guard asked.type == data.type || asked.type == .any || asked.type == .txt else {
                    continue
                }
                count += 1
                guard told.insert(address).inserted else { continue }
                response.answers.append(Record(asked.name, secondsToLive: seconds, data))
            case .elsewhere(let name, _): alias = alias ?? name
            case nil: continue
            }
            if response.answers.count > answersMax { break }
            if count == settings.addressAnswersMax, count > 0 { break }
        }
        if response.answers.isEmpty, let alias {
            response.answers = try self.alias(asked.name, to: alias, seconds, asked.depth, view)
        }
        return response
    }

    /// SRV records, each instance's place and port once, and the addresses of their targets.
    private mutating func targets(
        _ found: [Instance],
        _ asked: Asked,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        var response = Response()
        var instances = found
        var told: Set<Instance.Identity> = []
        /// Where names lead that several instances share.
        var ends: [DomainName: [Record]] = [:]
        let seconds = settings.serviceSecondsToLive
        for place in instances.indices {
            let instance = draw(&instances, place)
            guard let place = instance.place(.srv, asked.name),
                told.insert(instance.identity).inserted,
                let target = target(place, instance)
            else { continue }
            response.answers.append(
                Record(
                    asked.name,
                    secondsToLive: seconds,
                    .srv(weight: instance.weight, port: instance.port, target: target)
                )
            )
            switch place {
            case .node(let address), .address(let address):
                response.additional.append(
                    Record(target, secondsToLive: seconds, .address(address))
                )
            case .elsewhere:
                if ends[target] == nil {
                    ends[target] = try follow(target, asked.depth, view)
                }
                response.additional += ends[target] ?? []
            }
            if let name = instance.node {
                response.additional += Self.records(instance.metadata, name, seconds)
            }
            if response.answers.count > answersMax { break }
        }
        return response
    }

    private func target(_ place: Instance.Place, _ instance: Instance) -> DomainName? {
        switch place {
        case .node: instance.node
        case .address: instance.addressName
        case .elsewhere(let name, _): name
        }
    }

    // MARK: Aliases

    /// A CNAME record, and what it leads to as far as this server knows.
    private mutating func alias(
        _ name: DomainName,
        to target: DomainName,
        _ seconds: UInt32,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> [Record] {
        let record = Record(name, secondsToLive: seconds, .cname(target))
        return [record] + (try follow(target, depth, view))
    }

    private mutating func follow(
        _ target: DomainName,
        _ depth: Int,
        _ view: borrowing StateView
    ) throws(StateError) -> [Record] {
        guard depth > 0, case .own(let labels) = Zone(of: target, settings) else { return [] }
        let before = answersMax
        answersMax = settings.datagram.plainAnswersMax
        defer { answersMax = before }
        let response = try lookUp(labels, target, .any, depth: depth - 1, view)
        let most = response.isDivisible ? settings.datagram.plainAnswersMax : response.answers.count
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
        let authority = StartOfAuthority(
            server: settings.server,
            mailbox: settings.mailbox,
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
    private mutating func nameServers(
        _ view: borrowing StateView
    ) throws(StateError) -> (servers: [Record], addresses: [Record]) {
        var found: (servers: [Record], addresses: [Record]) = ([], [])
        let seconds = settings.nodeSecondsToLive
        var instances = try instances(of: "consul", view)
        for place in instances.indices {
            let instance = draw(&instances, place)
            guard Self.isHostName(instance.nodeName),
                let name = instance.node?.lowercased
            else { continue }
            found.servers.append(Record(settings.domain, secondsToLive: seconds, .ns(name)))
            if let address = instance.nodeAddress {
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
    private mutating func reverse(
        _ query: Query,
        _ view: borrowing StateView
    ) throws(StateError) -> Response {
        guard sight == .everything, let address = Address(reverse: query.name.labels),
            let name = try findings.name(of: address, view)
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
}

/// What a name speaks of.
private enum Subject {
    case node(ByteString)
    case service(ByteString, tag: ByteString)
    /// nil: of a length that no address has.
    case address(Address?)

    var isOfCatalog: Bool {
        if case .address = self { false } else { true }
    }

    /// nil: of nothing that could be.
    ///
    /// The last label that names a kind divides the name; after it may stand the datacenter. Names
    /// that begin with "_" need no "service" when SRV records are asked for (RFC 2782).
    init?(_ labels: [ByteString], _ type: RecordType, datacenter: ByteString) {
        guard
            let place = labels.lastIndex(where: {
                Kind.byLabel[$0] != nil || type == .srv && Self.isUnderscored($0)
            })
        else { return nil }
        let kind = Kind.byLabel[labels[place]]
        let parts = kind == nil ? labels[...place] : labels[..<place]
        let suffix = labels[(place + 1)...]
        guard kind == .addr || suffix.isEmpty || suffix.elementsEqual([datacenter]),
            let last = parts.last
        else { return nil }
        switch kind ?? .service {
        case .node: self = .node(Self.joined(parts))
        case .service: self = Self.service(parts, last)
        case .addr:
            guard parts.count == 1 else { return nil }
            let address = Address(hexadecimal: last)
            // Consul looks at the digits only where there are 8 or 32, or one more.
            guard address != nil || ![4, 16].contains(last.bytes.count / 2) else { return nil }
            self = .address(address)
        // There is no mesh and no prepared query here.
        case .connect, .ingress, .query: return nil
        }
    }

    private static func service(
        _ parts: ArraySlice<ByteString>,
        _ last: ByteString
    ) -> Subject {
        guard parts.count == 2, parts.allSatisfy(isUnderscored), let first = parts.first else {
            return .service(last, tag: joined(parts.dropLast()))
        }
        let tag = ByteString(Array(last.bytes.dropFirst()))
        let service = ByteString(Array(first.bytes.dropFirst()))
        return .service(service, tag: tag == "tcp" ? "" : tag)
    }

    private static func isUnderscored(_ label: ByteString) -> Bool {
        label.bytes.first == UInt8(ascii: "_")
    }

    private static func joined(_ parts: ArraySlice<ByteString>) -> ByteString {
        ByteString(Array(parts.map(\.bytes).joined(separator: [UInt8(ascii: ".")])))
    }
}
