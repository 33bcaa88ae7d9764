import CoreMetrics
import TransportSecurity

/// What is counted of TLS; all of it happens once for a connection or seldomer.
struct SecurityFigures: Sendable {
    private let registry: MetricsRegistry
    private let notAfter: Gauge

    private static let connections = "roost.tls.connections_total"
    private static let expiry = "roost.tls.certificate_not_after_seconds"

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        registry.describe(
            Self.connections,
            "Connections to ports with TLS: secured, or why they were refused."
        )
        registry.describe(Self.expiry, "When this node's certificate expires, since 1970.")
        notAfter = Gauge(label: Self.expiry, dimensions: [], factory: registry)
    }

    func read(_ credentials: Credentials) {
        notAfter.record(credentials.certificate.notAfter)
    }

    /// Counts the connections of one port.
    func counting(_ port: String) -> @Sendable (SecurePort.Outcome) -> Void {
        let counters = SecurePort.Outcome.allCases.map { outcome in
            let counter = Counter(
                label: Self.connections,
                dimensions: [("port", port), ("outcome", outcome.rawValue)],
                factory: registry
            )
            counter.increment(by: 0)
            return (outcome, counter)
        }
        return { outcome in
            for (which, counter) in counters where which == outcome { counter.increment() }
        }
    }
}
