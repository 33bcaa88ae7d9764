import Bytes
import Commands
import DNSProtocol
import StateMachine

/// What was found in the catalog, as long as it is so, so that services that are asked for again
/// and again need not be read each time.
struct Findings {
    private let settings: DNSSettings
    /// Which state it is of.
    private var generation: UInt64 = 0
    private var services: [ByteString: Service] = [:]
    private var byteCount = 0
    private var names: AddressBook?

    private struct Service {
        /// Of the service's last change: its instances', their nodes' and their checks'.
        let index: UInt64
        let instances: [Instance]
    }

    /// Every address that has a name.
    private struct AddressBook {
        /// Of the last change of any node and of any service.
        let indexes: [UInt64]
        let names: [Address: DomainName]
    }

    init(_ settings: DNSSettings) {
        self.settings = settings
    }

    /// Forgets everything that is of another state: a node whose state was found wrong gets a right
    /// one with the same indexes.
    mutating func refresh(generation: UInt64) {
        guard generation != self.generation else { return }
        self = Findings(settings)
        self.generation = generation
    }

    mutating func instances(
        of name: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        let index = try view.serviceIndex(name, withChecks: true)
        if let known = services[name], known.index == index { return known.instances }
        let instances = try Instance.all(of: name, settings, view)
        store(Service(index: index, instances: instances), of: name)
        return instances
    }

    private mutating func store(_ service: Service, of name: ByteString) {
        let bytes = Self.byteCount(service)
        if let former = services.removeValue(forKey: name) { byteCount -= Self.byteCount(former) }
        let limits = settings.limits
        guard bytes <= limits.findingsBytesMax / 2 else { return }
        if services.count >= limits.findingsMax || byteCount + bytes > limits.findingsBytesMax {
            services = [:]
            byteCount = 0
        }
        byteCount += bytes
        services[name] = service
    }

    private static func byteCount(_ service: Service) -> Int {
        service.instances.reduce(256) { $0 + $1.byteCount }
    }

    /// The first node of this address, else the first service.
    mutating func name(
        of address: Address,
        _ view: borrowing StateView
    ) throws(StateError) -> DomainName? {
        let tables = try view.summary.indexes
        let indexes = [tables.nodes, tables.services]
        if let names, names.indexes == indexes { return names.names[address] }
        let book = AddressBook(indexes: indexes, names: try addressNames(view))
        names = book
        return book.names[address]
    }

    /// All of them are read at once: names are asked for by anybody, and one that is not there must
    /// not cost a look at everything each time.
    private func addressNames(
        _ view: borrowing StateView
    ) throws(StateError) -> [Address: DomainName] {
        var names: [Address: DomainName] = [:]
        for record in try view.nodes() {
            let node = record.definition
            guard let address = Address(node.address), names[address] == nil else { continue }
            names[address] = settings.name(under: "node", node.name)
        }
        for record in try view.allServices() {
            let service = record.definition
            guard let address = Address(service.address), names[address] == nil else { continue }
            names[address] = settings.name(under: "service", service.name)
        }
        return names
    }
}
