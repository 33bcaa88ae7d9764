/// The append messages to one follower that it has not answered: a ring of their last indices
/// and bytes, bounded by both (thesis §10.2.1, pipelining).
struct Inflights {
    private struct Slot {
        var last: LogIndex
        var bytes: Int
    }

    private var ring: [Slot] = []
    private var head = 0
    private(set) var count = 0
    private(set) var bytes = 0

    func isFull(countMax: Int, bytesMax: Int) -> Bool {
        count >= countMax || (count > 0 && bytes >= bytesMax)
    }

    mutating func add(last: LogIndex, bytes: Int) {
        if count == ring.count { grow() }
        ring[(head + count) % ring.count] = Slot(last: last, bytes: bytes)
        count += 1
        self.bytes += bytes
    }

    /// Frees every message whose entries the follower has.
    mutating func free(upTo match: LogIndex) {
        while count > 0, ring[head].last <= match {
            bytes -= ring[head].bytes
            head = (head + 1) % ring.count
            count -= 1
        }
    }

    mutating func removeAll() {
        head = 0
        count = 0
        bytes = 0
    }

    private mutating func grow() {
        let slots = (0..<count).map { ring[(head + $0) % ring.count] }
        let room = Slot(last: .zero, bytes: 0)
        ring = slots + Array(repeating: room, count: max(4, count))
        head = 0
    }
}
