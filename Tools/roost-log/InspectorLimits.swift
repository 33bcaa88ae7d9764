/// The bounds of what an inspection holds in memory or prints, in one place.
enum InspectorLimits {
    /// Entries and payload bytes that a replay applies in one step.
    static let replayEntriesMax = 8_192
    static let replayBytesMax = 8 << 20
    /// Entries of two logs whose fingerprints are held at a time.
    static let comparedEntries: UInt64 = 100_000
    /// Damaged places that a history names.
    static let historyDamageMax = 1_000
    /// Findings of a verification: all, flaws of one state, and records that differ from a replay.
    static let findingsMax = 1_000
    static let flawsMax = 100
    static let differingRecordsMax = 20
    /// Names, groups and minutes that are counted apart.
    static let countedNamesMax = 50_000
    static let groupsMax = 100_000
    static let minutesMax = 500_000
    /// Entries that are looked at for the newest time.
    static let newestMax: UInt64 = 1_000
    /// Bytes of a value that a table shows; JSON lines show all.
    static let shownValueBytesMax = 60
}
