import Bytes
import Commands
import DNSProtocol
import StateMachine

/// What was found in the catalog, as long as it is so, so that services that are asked for again
/// and again need not be read each time.
///
/// What takes long to read is told for some time after it has changed, too, so that names that
/// anybody may ask for, of what changes all the time, do not keep the loop from everything else.
final class Findings {
    private let settings: DNSSettings
    /// Monotonic microseconds.
    private let now: () -> Int64
    /// Which state it is of.
    private var generation: UInt64 = 0
    private var services: [ByteString: Remembered<[Instance]>] = [:]
    private var byteCount = 0
    /// Every address that has a name.
    private var names: Remembered<[Address: DomainName]>?

    private struct Remembered<Value> {
        let value: Value
        /// The indexes of the last changes that would show in it.
        let indexes: (UInt64, UInt64)
        /// Until when it may be told in any case.
        let toldUntil: Int64
        let byteCount: Int

        func holds(_ indexes: (UInt64, UInt64), _ now: Int64) -> Bool {
            self.indexes == indexes || now < toldUntil
        }
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

    // MARK: Services

    func instances(
        of name: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> [Instance] {
        // That of the service's last change: of its instances, their nodes or their checks.
        let indexes = (try view.serviceIndex(name, withChecks: true), UInt64(0))
        let began = now()
        if let known = services[name], known.holds(indexes, began) { return known.value }
        let found = try Instance.all(of: name, settings, view)
        // A name that nobody has is anybody's to invent, and costs one look.
        guard found.rowCount > 0, found.isSteady else { return found.instances }
        let remembered = Remembered(
            value: found.instances,
            indexes: indexes,
            toldUntil: toldUntil(since: began, rows: found.rowCount),
            byteCount: found.instances.reduce(256) { $0 + $1.byteCount }
        )
        store(remembered, of: name)
        return found.instances
    }

    private func store(_ service: Remembered<[Instance]>, of name: ByteString) {
        byteCount -= services.removeValue(forKey: name)?.byteCount ?? 0
        let limits = settings.limits
        guard service.byteCount <= limits.findingsBytesMax else { return }
        if services.count >= limits.findingsMax
            || byteCount + service.byteCount > limits.findingsBytesMax
        {
            forgetServices()
        }
        byteCount += service.byteCount
        services[name] = service
    }

    private func toldUntil(since began: Int64, rows: Int) -> Int64 {
        guard rows > settings.limits.readRowsMax else { return began }
        let ended = now()
        return ended + settings.limits.toldFactor * (ended - began)
    }

    // MARK: Addresses

    /// The first node of this address, else the first service.
    func name(
        of address: Address,
        _ view: borrowing StateView
    ) throws(StateError) -> DomainName? {
        let tables = try view.summary.indexes
        let indexes = (tables.nodes, tables.services)
        let began = now()
        if let names, names.holds(indexes, began) { return names.value[address] }
        let (found, rows) = try addressNames(view)
        names = Remembered(
            value: found,
            indexes: indexes,
            toldUntil: toldUntil(since: began, rows: rows),
            byteCount: 0
        )
        return found[address]
    }

    /// All of them are read at once: names are asked for by anybody, and one that is not there must
    /// not cost a look at everything each time.
    private func addressNames(
        _ view: borrowing StateView
    ) throws(StateError) -> (names: [Address: DomainName], rows: Int) {
        var names: [Address: DomainName] = [:]
        func add(_ text: ByteString, _ kind: Kind, _ name: ByteString) {
            guard names.count < settings.limits.addressesMax, let address = Address(text),
                names[address] == nil
            else { return }
            names[address] = settings.name(under: kind, name)
        }
        let nodes = try view.nodes()
        for node in nodes { add(node.definition.address, .node, node.definition.name) }
        let services = try view.allServices()
        for service in services {
            add(service.definition.address, .service, service.definition.name)
        }
        return (names, nodes.count + services.count)
    }
}
