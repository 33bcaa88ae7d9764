import Synchronization

/// When the last batches of the log were stored, agreed on and applied, so that a slow request can
/// be told where its time went. Written once a batch, from times that are taken anyway.
final class StageBook: Sendable {
    /// Entries that were stored by one commit of the log.
    struct Stored: Equatable {
        var first: UInt64
        var last: UInt64
        /// Microseconds of the monotonic clock, as all times here.
        var began: Int64
        var ended: Int64
        /// When a majority was known to have them; 0: not yet.
        var agreed: Int64 = 0
    }

    /// Entries that were applied by one transaction of the state.
    struct Applied: Equatable {
        var first: UInt64
        var last: UInt64
        var began: Int64
        /// 0: not known yet; whoever was woken by it may be here sooner.
        var ended: Int64 = 0
    }

    private let stored = Mutex(Ring<Stored>(ServerLimits.stageBatchesMax))
    private let applied = Mutex(Ring<Applied>(ServerLimits.stageBatchesMax))

    func note(_ batch: Stored) { stored.withLock { $0.append(batch) } }

    func note(_ batch: Applied) { applied.withLock { $0.append(batch) } }

    /// The batch that was noted last is applied.
    func note(appliedAt time: Int64) {
        applied.withLock { ring in
            ring.updateNewest { batch in
                batch.ended = time
                return false
            }
        }
    }

    /// Everything up to `index` is agreed on.
    func note(agreed index: UInt64, at time: Int64) {
        stored.withLock { ring in
            ring.updateNewest { batch in
                if batch.agreed != 0 { return false }
                if batch.last <= index { batch.agreed = time }
                return true
            }
        }
    }

    /// What is known of an entry; nil: it is too long ago, or came by a snapshot.
    func stages(of index: UInt64) -> Stages {
        Stages(
            stored: stored.withLock { $0.newest { $0.first <= index && index <= $0.last } },
            applied: applied.withLock { $0.newest { $0.first <= index && index <= $0.last } }
        )
    }

    struct Stages: Equatable {
        var stored: Stored?
        var applied: Applied?
    }
}

/// The newest so many values.
private struct Ring<Value> {
    private var values: [Value] = []
    private let countMax: Int
    /// Where the next value goes.
    private var place = 0

    init(_ countMax: Int) {
        self.countMax = countMax
        values.reserveCapacity(countMax)
    }

    mutating func append(_ value: Value) {
        if values.count < countMax {
            values.append(value)
        } else {
            values[place] = value
        }
        place = (place + 1) % countMax
    }

    /// Visits the values, the newest first, while `body` says so.
    mutating func updateNewest(_ body: (inout Value) -> Bool) {
        for step in 1...countMax where step <= values.count {
            guard body(&values[(place - step + countMax) % countMax]) else { return }
        }
    }

    func newest(_ isWanted: (Value) -> Bool) -> Value? {
        for step in 1...countMax where step <= values.count {
            let value = values[(place - step + countMax) % countMax]
            if isWanted(value) { return value }
        }
        return nil
    }
}
