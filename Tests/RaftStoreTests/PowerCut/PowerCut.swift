import SeededRandom

/// What a power cut does to what was not synced: a way to choose, and chance.
struct PowerCut {
    enum Style: String, CaseIterable {
        /// Nothing of it reached the disk.
        case nothing
        /// All of it did.
        case everything
        /// Each write did or did not.
        case someWrites
        /// Each sector of each write did or did not.
        case someSectors
        /// All but one write of each file.
        case oneMissing
        /// All, but of one write of each file only some sectors.
        case oneTorn
        /// Of each file only the last write: LMDB's meta page, when a commit is over.
        case newestOnly
        /// Of each file all but the last write.
        case allButNewest
    }

    let style: Style
    private var generator: SeededGenerator

    init(_ style: Style, seed: UInt64) {
        self.style = style
        generator = SeededGenerator(seed: seed)
    }

    /// How many of a directory's changed names are kept; the first ones.
    mutating func keptNames(of count: Int) -> Int {
        switch style {
        case .nothing: 0
        case .everything: count
        default: Int.random(in: 0...count, using: &generator)
        }
    }

    mutating func content(
        of durable: [UInt8],
        _ pending: [SimulatedDisk.Change]
    ) -> [UInt8] {
        guard !pending.isEmpty, style != .nothing else { return durable }
        var bytes = durable
        let chosen = Int.random(in: 0..<pending.count, using: &generator)
        for (place, change) in pending.enumerated() {
            let isLast = place == pending.count - 1
            switch style {
            case .nothing: break
            case .everything: SimulatedDisk.apply(change, to: &bytes)
            case .someWrites where Bool.random(using: &generator):
                SimulatedDisk.apply(change, to: &bytes)
            case .someWrites: break
            case .someSectors: tear(change, &bytes)
            case .oneMissing where place == chosen: break
            case .oneTorn where place == chosen: tear(change, &bytes)
            case .oneMissing, .oneTorn: SimulatedDisk.apply(change, to: &bytes)
            case .newestOnly: if isLast { SimulatedDisk.apply(change, to: &bytes) }
            case .allButNewest: if !isLast { SimulatedDisk.apply(change, to: &bytes) }
            }
        }
        return bytes
    }

    private mutating func tear(_ change: SimulatedDisk.Change, _ bytes: inout [UInt8]) {
        guard case .write(let offset, let new) = change else {
            if Bool.random(using: &generator) { SimulatedDisk.apply(change, to: &bytes) }
            return
        }
        var start = 0
        while start < new.count {
            let sectorEnd = (offset + start) / SimulatedDisk.sectorBytes + 1
            let end = min(new.count, sectorEnd * SimulatedDisk.sectorBytes - offset)
            if Bool.random(using: &generator) {
                SimulatedDisk.copy(new, start..<end, to: &bytes, at: offset)
            }
            start = end
        }
    }
}
