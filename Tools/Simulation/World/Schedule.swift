import HeapModule

/// What is to happen, in the order of simulated time; at equal times, in the order in which it was
/// planned. Times are microseconds since the run began.
struct Schedule {
    struct Event {
        var time: Int64
        var order: UInt64
        /// What kind of event it is, for the digest of the run.
        var kind: UInt8
        /// The host that it happens on, if it is to wait while the host is paused, and to vanish
        /// when the process that planned it is gone.
        var place: Place?
        var action: () -> Void
    }

    struct Place {
        var host: Host
        var generation: UInt64
    }

    /// An event's place in the order, apart from the event: what is sifted is copied often.
    private struct Turn: Comparable {
        var time: Int64
        var order: UInt64
        var slot: Int

        static func < (left: Turn, right: Turn) -> Bool {
            left.time != right.time ? left.time < right.time : left.order < right.order
        }
    }

    private(set) var now: Int64 = 0
    private var turns: Heap<Turn> = []
    private var events: [Event?] = []
    private var freeSlots: [Int] = []
    private var planned: UInt64 = 0
    /// Depends on every event so far: equal runs have equal digests.
    private(set) var digest: UInt64 = 0
    private(set) var count = 0

    mutating func plan(
        at time: Int64,
        kind: UInt8,
        on place: Place?,
        _ action: @escaping () -> Void
    ) {
        planned += 1
        push(
            Event(
                time: max(time, now),
                order: planned,
                kind: kind,
                place: place,
                action: action
            )
        )
    }

    /// The next event that is due by `end`; those of paused hosts are put off meanwhile.
    mutating func next(until end: Int64) -> Event? {
        while let first = turns.min, first.time <= end {
            var event = pop()
            now = event.time
            if let place = event.place {
                guard place.generation == place.host.generation else { continue }
                if place.host.pausedUntil > now {
                    event.time = place.host.pausedUntil
                    push(event)
                    continue
                }
            }
            count += 1
            note(UInt64(bitPattern: event.time) << 8 | UInt64(event.kind))
            return event
        }
        now = max(now, end)
        return nil
    }

    /// Mixes something that happened into the digest.
    mutating func note(_ word: UInt64) {
        var mixed = digest ^ word
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        digest = mixed ^ (mixed >> 27) &+ 0x9E37_79B9_7F4A_7C15
    }

    // MARK: The heap

    private mutating func push(_ event: Event) {
        let slot = freeSlots.popLast() ?? events.count
        if slot == events.count { events.append(nil) }
        turns.insert(Turn(time: event.time, order: event.order, slot: slot))
        events[slot] = event
    }

    private mutating func pop() -> Event {
        let slot = turns.removeMin().slot
        guard let event = events[slot].take() else { preconditionFailure("a turn of no event") }
        freeSlots.append(slot)
        return event
    }
}
