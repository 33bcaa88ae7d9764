import Bytes

/// Counts by name in bounded memory: names that come often are counted exactly enough, by the
/// space-saving rule (Metwally, Agrawal, El Abbadi 2005): a new name takes the place of the rarest.
struct BusiestNames {
    private struct Slot {
        var count: Int
        /// How much of the count may belong to names that had the place before.
        var error: Int
    }

    private var slots: [ByteString: Slot] = [:]
    private let slotsMax: Int

    init(slotsMax: Int = InspectorLimits.countedNamesMax) { self.slotsMax = slotsMax }

    mutating func add(_ name: ByteString) {
        if slots[name] != nil {
            slots[name]?.count += 1
            return
        }
        if slots.count >= slotsMax { prune() }
        slots[name] = Slot(count: floor + 1, error: floor)
    }

    /// What any name that is not here may have been counted.
    private var floor = 0

    /// Lets go of the rarer half at once, so that it need not be searched for each time.
    private mutating func prune() {
        let counts = slots.values.map(\.count).sorted()
        let middle = counts[counts.count / 2]
        floor = max(floor, middle)
        slots = slots.filter { $0.value.count > middle }
    }

    func top(_ count: Int) -> [(name: ByteString, count: Int, error: Int)] {
        slots.map { (name: $0.key, count: $0.value.count, error: $0.value.error) }
            .sorted { ($0.count, $1.name) > ($1.count, $0.name) }
            .prefix(count).map { $0 }
    }
}

/// The largest of many, in bounded memory.
struct LargestValues {
    private(set) var all: [(kind: String, name: ByteString, bytes: Int)] = []
    private let countMax: Int

    init(_ countMax: Int) { self.countMax = countMax }

    /// Whether a value of this size would be among them.
    func wants(_ bytes: Int) -> Bool {
        all.count < countMax || bytes > all.last?.bytes ?? 0
    }

    mutating func add(_ kind: String, _ name: ByteString, _ bytes: Int) {
        guard wants(bytes) else { return }
        let place = all.firstIndex { $0.bytes < bytes } ?? all.count
        all.insert((kind: kind, name: name, bytes: bytes), at: place)
        if all.count > countMax { all.removeLast() }
    }
}

/// Counts and bytes by group, in bounded memory: groups that come late share one.
struct GroupedSizes {
    struct Sizes {
        var count = 0
        var bytes = 0
    }

    private(set) var groups: [ByteString: Sizes] = [:]
    private(set) var others = Sizes()

    mutating func add(_ group: ByteString, _ bytes: Int) {
        guard groups[group] != nil || groups.count < InspectorLimits.groupsMax else {
            others.count += 1
            others.bytes += bytes
            return
        }
        groups[group, default: Sizes()].count += 1
        groups[group]?.bytes += bytes
    }

    /// The beginning of a name, up to so many slashes after the first byte.
    static func group(_ name: RawSpan, depth: Int) -> ByteString {
        var left = depth
        var offset = 1
        while offset < name.byteCount {
            if name[byte: offset] == UInt8(ascii: "/") {
                left -= 1
                if left == 0 { break }
            }
            offset += 1
        }
        return ByteString(copying: name.extracting(0..<min(offset, name.byteCount)))
    }

    func top(_ count: Int) -> [(name: String, sizes: Sizes)] {
        var rows = groups.sorted { ($0.value.bytes, $1.key) > ($1.value.bytes, $0.key) }
            .prefix(count).map { (name: $0.key.text, sizes: $0.value) }
        if others.count > 0 { rows.append((name: "(others)", sizes: others)) }
        return rows
    }
}
