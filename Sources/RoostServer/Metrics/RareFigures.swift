import CoreMetrics

/// Figures of what happens seldom, by swift-metrics' interface: here a handler costs nothing that
/// anybody would notice.
struct RareFigures: Sendable {
    private let taken: Counter
    private let failed: Counter
    private let takeTime: Timer
    private let takenBytes: Gauge
    private let installed: Counter
    private let installTime: Timer
    private let slow: Counter
    private let backups: Counter
    private let failedBackups: Counter
    private let backupTime: Timer
    private let backupBytes: Gauge
    private let backupClock: Gauge

    static let takeTimeName = "roost.snapshot.take_seconds"
    static let installTimeName = "roost.snapshot.install_seconds"

    init(_ registry: MetricsRegistry) {
        func counter(_ name: String, _ help: String) -> Counter {
            registry.describe(name, help)
            let counter = Counter(label: name, dimensions: [], factory: registry)
            counter.increment(by: 0)
            return counter
        }
        func timer(_ name: String, _ help: String) -> Timer {
            registry.describe(name, help)
            return Timer(
                label: name,
                dimensions: [],
                preferredDisplayUnit: .seconds,
                factory: registry
            )
        }
        taken = counter("roost.snapshot.taken_total", "Snapshots of this node's own state.")
        failed = counter("roost.snapshot.failed_total", "Snapshots that could not be taken.")
        takeTime = timer(Self.takeTimeName, "How long taking a snapshot took.")
        registry.describe("roost.snapshot.bytes", "The size of the last snapshot that was taken.")
        takenBytes = Gauge(label: "roost.snapshot.bytes", dimensions: [], factory: registry)
        installed = counter("roost.snapshot.installed_total", "Snapshots of a leader's, installed.")
        slow = counter("roost.slow_operations_total", "Requests that took as long as is logged.")
        installTime = timer(Self.installTimeName, "How long installing a leader's snapshot took.")
        backups = counter("roost.backup.written_total", "Scheduled backups that were written.")
        failedBackups = counter("roost.backup.failed_total", "Scheduled backups that failed.")
        backupTime = timer("roost.backup.write_seconds", "How long writing a backup took.")
        registry.describe("roost.backup.bytes", "The size of the last scheduled backup.")
        backupBytes = Gauge(label: "roost.backup.bytes", dimensions: [], factory: registry)
        let clockName = "roost.backup.last_timestamp_seconds"
        registry.describe(clockName, "When the last scheduled backup was written, since 1970.")
        backupClock = Gauge(label: clockName, dimensions: [], factory: registry)
    }

    func snapshotTaken(milliseconds: Int64, bytes: Int) {
        taken.increment()
        takeTime.recordMilliseconds(milliseconds)
        takenBytes.record(bytes)
    }

    func snapshotFailed() { failed.increment() }

    func slowOperation() { slow.increment() }

    /// One that was there at the start, in seconds since 1970.
    func backupFound(at time: Double) { backupClock.record(time) }

    func backupFailed() { failedBackups.increment() }

    func backupWritten(milliseconds: Int64, bytes: Int, at time: Int64) {
        backups.increment()
        backupTime.recordMilliseconds(milliseconds)
        backupBytes.record(bytes)
        backupClock.record(time / 1_000)
    }

    func snapshotInstalled(milliseconds: Int64) {
        installed.increment()
        installTime.recordMilliseconds(milliseconds)
    }
}
