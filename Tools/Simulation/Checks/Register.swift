/// What a register's users did and saw, and whether one order of it explains all.
///
/// The search is Wing and Gong's with Lowe's memory of configurations, as in Porcupine: operations
/// are put in order one by one, none before one that had ended when it began; a dead end is left
/// at the last choice. A register's history is independent of every other's (Herlihy and Wing's
/// locality), so each key is judged by itself.
package struct Register {
    package struct Operation: Sendable {
        package enum Kind: Sendable {
            /// 0 deletes.
            case write(Int64)
            /// Writes `new` if the value is `expected`; 0 is no value.
            case swap(expected: Int64, new: Int64)
            case read
        }

        package var kind: Kind
        package var called: Int64
        /// Nil: it was never answered, and may happen at any time from its call on.
        package var returned: Int64?
        /// What a read saw.
        package var observed: Int64 = 0
        /// What a swap said; nil: it was not answered.
        package var succeeded: Bool?
        /// Writes that nobody answered, and whose values nobody saw, that may have been there
        /// before it was done.
        var unseenWritesBefore = 0

        package init(kind: Kind, called: Int64, returned: Int64? = nil) {
            self.kind = kind
            self.called = called
            self.returned = returned
        }

        /// The value that it writes; nil if it writes none.
        var newValue: Int64? {
            switch kind {
            case .write(let value): value == 0 ? nil : value
            case .swap(_, let new): new
            case .read: nil
            }
        }

        /// Some value that nobody ever saw.
        static let unseen: Int64 = -1

        /// The register after it; nil if it cannot happen then. An unseen write explains one swap
        /// that failed though the value was the expected one, and is used up by it.
        func apply(to state: State) -> State? {
            var next = state
            switch kind {
            case .write(let new): next.value = new
            case .read: return observed == state.value ? state : nil
            case .swap(let expected, let new):
                let isExpected = state.value == expected
                if isExpected, succeeded != false {
                    next.value = new
                } else if isExpected {
                    guard unseenWritesBefore > state.unseenWrites else { return nil }
                    next = State(value: Operation.unseen, unseenWrites: state.unseenWrites + 1)
                } else if succeeded == true {
                    return nil
                }
            }
            return next
        }
    }

    /// What a register holds at one point of an order.
    struct State: Hashable {
        var value: Int64 = 0
        /// Unseen writes that were put in the order so far.
        var unseenWrites = 0
    }

    package enum Verdict: Hashable, Sendable {
        case linearizable
        case violated
        /// The search was given up.
        case undecided
    }

    package init() {}

    package private(set) var operations: [Operation] = []

    package mutating func add(_ operation: Operation) {
        // A read that nobody answered says nothing.
        if case .read = operation.kind, operation.returned == nil { return }
        operations.append(operation)
    }

    package func judge(stepsMax: Int = 2_000_000) -> Verdict {
        var search = Search(simplified)
        return search.run(stepsMax: stepsMax)
    }

    /// The same history with fewer open ends. An unanswered write whose value was seen came before
    /// whoever saw it first. One whose value nobody saw explains nothing but a swap that failed, so
    /// it is taken out, and such swaps are told that there was one.
    private var simplified: [Operation] {
        let closed = closingSeenWrites
        var kept: [Operation] = []
        var unseen: [Int64] = []
        for operation in closed {
            if operation.returned == nil, operation.newValue != nil {
                unseen.append(operation.called)
            } else {
                kept.append(operation)
            }
        }
        for position in kept.indices where kept[position].succeeded == false {
            let returned = kept[position].returned ?? .max
            kept[position].unseenWritesBefore = unseen.count { $0 < returned }
        }
        return kept
    }

    /// Ends open writes whose values were seen. A swap that is ended so has seen a value itself.
    private var closingSeenWrites: [Operation] {
        var operations = self.operations
        var isChanged = true
        while isChanged {
            isChanged = false
            let seenBy = Register.firstSightings(in: operations)
            for position in operations.indices where operations[position].returned == nil {
                guard let value = operations[position].newValue, let seen = seenBy[value] else {
                    continue
                }
                operations[position].returned = max(seen, operations[position].called)
                if case .swap = operations[position].kind { operations[position].succeeded = true }
                isChanged = true
            }
        }
        return operations
    }

    /// By value: when the first one who saw it was done.
    private static func firstSightings(in operations: [Operation]) -> [Int64: Int64] {
        var first: [Int64: Int64] = [:]
        for operation in operations {
            guard let returned = operation.returned else { continue }
            var seen: Int64?
            switch operation.kind {
            case .read: seen = operation.observed
            case .swap(let expected, _): if operation.succeeded == true { seen = expected }
            case .write: break
            }
            if let seen, seen != 0 { first[seen] = min(first[seen] ?? .max, returned) }
        }
        return first
    }
}

/// The search over one history.
private struct Search {
    private struct Event {
        var operation: Int
        var isCall: Bool
        /// The neighbours in the list of events that are left; 0 is the list's head.
        var next = 0
        var previous = 0
        /// Of a call: its return.
        var match = 0
    }

    private struct Configuration: Hashable {
        var done: [UInt64]
        var state: Register.State
    }

    private let operations: [Register.Operation]
    private var events: [Event]
    private var done: [UInt64]
    private var state = Register.State()
    private var visited: Set<Configuration> = []
    private var chosen: [(event: Int, state: Register.State)] = []

    init(_ operations: [Register.Operation]) {
        self.operations = operations
        done = [UInt64](repeating: 0, count: operations.count / 64 + 1)
        var points: [(time: Int64, isReturn: Bool, operation: Int)] = []
        for (number, operation) in operations.enumerated() {
            points.append((operation.called, false, number))
            points.append((operation.returned ?? .max, true, number))
        }
        points.sort { ($0.time, $0.isReturn ? 1 : 0) < ($1.time, $1.isReturn ? 1 : 0) }
        events = [Event(operation: -1, isCall: false)]
        var calls = [Int](repeating: 0, count: operations.count)
        for point in points {
            let place = events.count
            events.append(Event(operation: point.operation, isCall: !point.isReturn))
            events[place].previous = place - 1
            events[place - 1].next = place
            if point.isReturn {
                events[calls[point.operation]].match = place
            } else {
                calls[point.operation] = place
            }
        }
    }

    mutating func run(stepsMax: Int) -> Register.Verdict {
        var place = events[0].next
        var steps = 0
        while events[0].next != 0 {
            steps += 1
            if steps > stepsMax { return .undecided }
            if place != 0, events[place].isCall {
                place = tried(place) ? events[0].next : events[place].next
            } else {
                // An operation's end is reached and it has no place: the last choice was wrong.
                guard let last = chosen.popLast() else { return .violated }
                state = last.state
                mark(events[last.event].operation, false)
                restore(last.event)
                place = events[last.event].next
            }
        }
        return .linearizable
    }

    /// Puts a call next in the order, if that leads to something new.
    private mutating func tried(_ place: Int) -> Bool {
        let operation = events[place].operation
        guard let new = operations[operation].apply(to: state) else { return false }
        mark(operation, true)
        guard visited.insert(Configuration(done: done, state: new)).inserted else {
            mark(operation, false)
            return false
        }
        chosen.append((place, state))
        state = new
        remove(place)
        return true
    }

    private mutating func mark(_ operation: Int, _ isDone: Bool) {
        let bit: UInt64 = 1 << UInt64(operation % 64)
        if isDone { done[operation / 64] |= bit } else { done[operation / 64] &= ~bit }
    }

    private mutating func remove(_ place: Int) {
        for each in [place, events[place].match] {
            events[events[each].previous].next = events[each].next
            if events[each].next != 0 { events[events[each].next].previous = events[each].previous }
        }
    }

    private mutating func restore(_ place: Int) {
        for each in [events[place].match, place] {
            events[events[each].previous].next = each
            if events[each].next != 0 { events[events[each].next].previous = each }
        }
    }
}
