/// Every bound and timing of the assembly; the modules below have their own.
enum ServerLimits {
    /// Raft's tick.
    static let tickMilliseconds: Int64 = 50
    /// Entries that one state transaction applies at most.
    static let appliedEntriesMax = 8_192
    /// How long to wait before a batch that found no room is tried again.
    static let roomRetryMilliseconds: Int64 = 200
    /// Connections that wait to be accepted (net.core.somaxconn cuts it).
    static let listenBacklog: Int32 = 4_096
    /// Reads of one connection before its loop turns to the others.
    static let readsPerTurnMax: UInt = 4
    /// Until the node must serve after its start.
    static let startSeconds: Int64 = 60
}
