import Bytes
import Commands
import DNSProtocol
import StateMachine

/// What was found in the catalog, as long as it is so, so that services that are asked for again
/// and again need not be read each time.
final class Findings {
    private let settings: DNSSettings
    /// Monotonic microseconds.
    private let now: () -> Int64
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
        /// Until when it may be used after a change.
        let patience: Int64
    }

    init(_ settings: DNSSettings, now: @escaping () -> Int64) {
        self.settings = settings
        self.now = now
    }

    /// Forgets everything that is of another state: a node whose state was found wrong gets a right
    /// one with the same indexes.
    func refresh(generation: UInt64) {
        guard generation != self.generation else { return }
        self.generation = generation
        forgetServices()
        names = nil
    }

    private func forgetServices() {
        services = [:]
        byteCount = 0
    }

    func instances(
        of name: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        let index = try view.serviceIndex(name, withChecks: true)
        if let known = services[name], known.index == index { return known.instances }
        let found = try Instance.all(of: name, settings, view)
        // A name that nobody has is anybody's to invent, and costs one look.
        if found.isKnown, found.isSteady {
            store(Service(index: index, instances: found.instances), of: name)
        }
        return found.instances
    }

    private func store(_ service: Service, of name: ByteString) {
        let bytes = Self.byteCount(service)
        if let former = services.removeValue(forKey: name) { byteCount -= Self.byteCount(former) }
        let limits = settings.limits
        guard bytes <= limits.findingsBytesMax / 2 else { return }
        if services.count >= limits.findingsMax || byteCount + bytes > limits.findingsBytesMax {
            forgetServices()
        }
        byteCount += bytes
        services[name] = service
    }

    private static func byteCount(_ service: Service) -> Int {
        service.instances.reduce(256) { $0 + $1.byteCount }
    }

    /// The first node of this address, else the first service.
    func name(
        of address: Address,
        _ view: borrowing StateView
    ) throws(StateError) -> DomainName? {
        let tables = try view.summary.indexes
        let indexes = [tables.nodes, tables.services]
        let began = now()
        if let names, names.indexes == indexes || began < names.patience {
            return names.names[address]
        }
        let found = try addressNames(view)
        let (ended, limits) = (now(), settings.limits)
        let took = ended - began
        let isFelt = took > limits.addressesFeltMicroseconds
        names = AddressBook(
            indexes: indexes,
            names: found,
            patience: isFelt ? ended + limits.addressesAgeFactor * took : ended
        )
        return found[address]
    }

    /// All of them are read at once: names are asked for by anybody, and one that is not there must
    /// not cost a look at everything each time.
    private func addressNames(
        _ view: borrowing StateView
    ) throws(StateError) -> [Address: DomainName] {
        var names: [Address: DomainName] = [:]
        func add(_ text: ByteString, _ kind: String, _ name: ByteString) {
            guard names.count < settings.limits.addressesMax, let address = Address(text),
                names[address] == nil
            else { return }
            names[address] = settings.name(under: kind, name)
        }
        for node in try view.nodes() { add(node.definition.address, "node", node.definition.name) }
        for service in try view.allServices() {
            add(service.definition.address, "service", service.definition.name)
        }
        return names
    }
}
