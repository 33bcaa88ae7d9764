import HeapModule

/// When each of many leases runs out, if nobody renews it: ZooKeeper's sessions, Consul's
/// sessions with a TTL, and TTL checks.
///
/// Only the leader keeps one; a new leader fills it anew and so gives every lease its full time.
/// Renewing costs one dictionary write. Leases wait in buckets of time; a bucket that comes due
/// looks each of its leases up and moves those that were renewed to their new bucket.
package struct ExpiryClock<Lease: Hashable> {
    private struct Term {
        var durationMilliseconds: Int64
        var deadlineMilliseconds: Int64
        var holder: UInt64
        /// Where it is filed; an entry in any other bucket is stale.
        var bucket: Int64 = 0
    }

    private var terms: [Lease: Term] = [:]
    private var buckets: [Int64: [Lease]] = [:]
    /// The numbers of the buckets, each once.
    private var order = Heap<Int64>()
    /// Entries of all buckets, the stale ones too.
    private(set) var filed = 0

    package init() {}

    /// How finely time is cut; a lease ends at most this much late.
    package static var bucketMilliseconds: Int64 { 50 }

    /// Entries that no lease has any more, beyond as many as there are leases.
    private static var staleMax: Int { 1_024 }

    package var count: Int { terms.count }

    /// Begins a lease, or begins it again with another duration or for another holder, who has just
    /// been heard. One that runs as it is said to is left alone: hearing of it is no sign of life.
    package mutating func start(
        _ lease: Lease,
        duration: Int64,
        holder: UInt64 = 0,
        now: Int64
    ) {
        if let term = terms[lease], term.durationMilliseconds == duration, term.holder == holder {
            return
        }
        terms[lease] = Term(
            durationMilliseconds: duration,
            deadlineMilliseconds: now + duration,
            holder: holder
        )
        file(lease, until: now + duration)
        forgetStale()
    }

    /// Gives a lease its full time again; false if there is none.
    @discardableResult
    package mutating func renew(_ lease: Lease, now: Int64) -> Bool {
        guard let place = terms.index(forKey: lease) else { return false }
        terms.values[place].deadlineMilliseconds =
            now + terms.values[place].durationMilliseconds
        return true
    }

    /// Who has it; 0: nobody in particular.
    package func holder(of lease: Lease) -> UInt64 { terms[lease]?.holder ?? 0 }

    package mutating func stop(_ lease: Lease) {
        terms[lease] = nil
        forgetStale()
    }

    package mutating func removeAll() {
        self = ExpiryClock()
    }

    /// The leases that ran out by `now`, each told once more after another full duration if it is
    /// still there then (the proposal that ends it may have been lost).
    package mutating func expired(now: Int64) -> [Lease] {
        var ended: [Lease] = []
        while let bucket = order.min, bucket * Self.bucketMilliseconds <= now {
            order.removeMin()
            let due = buckets.removeValue(forKey: bucket) ?? []
            filed -= due.count
            for lease in due where terms[lease]?.bucket == bucket {
                settle(lease, now: now, &ended)
            }
        }
        return ended
    }

    private mutating func settle(_ lease: Lease, now: Int64, _ ended: inout [Lease]) {
        guard let term = terms[lease] else { return }
        if term.deadlineMilliseconds <= now {
            ended.append(lease)
            renew(lease, now: now)
        }
        file(lease, until: max(terms[lease]?.deadlineMilliseconds ?? now, now))
    }

    private mutating func file(_ lease: Lease, until deadline: Int64) {
        let bucket = deadline / Self.bucketMilliseconds + 1
        terms[lease]?.bucket = bucket
        if buckets[bucket] == nil { order.insert(bucket) }
        buckets[bucket, default: []].append(lease)
        filed += 1
    }

    /// Leases that are begun and stopped leave entries behind until their time would have come,
    /// which may be days: when most entries are such, they go. Each lease keeps one.
    private mutating func forgetStale() {
        guard filed > 2 * terms.count + Self.staleMax else { return }
        for (bucket, leases) in buckets {
            var seen: Set<Lease> = []
            let kept = leases.filter {
                terms[$0]?.bucket == bucket && seen.insert($0).inserted
            }
            filed -= leases.count - kept.count
            buckets[bucket] = kept.isEmpty ? nil : kept
        }
        order = Heap(buckets.keys)
    }
}
