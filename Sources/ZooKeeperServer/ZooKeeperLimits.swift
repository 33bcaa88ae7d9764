/// Every bound of the ZooKeeper front end, with the real server's default where it has one.
package struct ZooKeeperLimits: Sendable {
    /// `jute.maxbuffer`: a longer frame closes the connection.
    package var frameBytesMax = 0xfffff
    /// `globalOutstandingLimit`, here for each connection: at the bound nothing more is read from
    /// its socket. What all connections have under way is bounded by the replica.
    package var outstandingRequestsMax = 1_000
    /// Bytes of commands that one connection may have under way; the first may be longer.
    package var outstandingBytesMax = 8 << 20
    /// What a multiRead may answer; one that asks for more is a marshalling error. The real server
    /// ends at 2 GiB, its clients at jute.maxbuffer: 1 or 4 MiB unless told.
    package var multiReadBytesMax = 32 << 20
    /// `nio.sessionlessCnxnTimeout`: a connection without a session is closed after this.
    package var sessionlessMilliseconds: Int64 = 10_000
    /// `maxClientCnxns`, connections from one address; 0 is unlimited.
    package var connectionsPerAddressMax = 60
    /// Bytes that arrived and cannot be parsed yet, because an earlier write is under way. Above
    /// this the socket is not read until the write is answered.
    package var unparsedBytesMax = 256 << 10
    /// Answers and events that the client has not taken. Above this nothing more of its requests
    /// is read; above twice this (watch events go on coming) the connection is closed.
    package var unsentBytesMax = 1 << 20
    /// How long clients stay on a node that knows no leader: longer than an election, and well
    /// below the shortest session.
    package var leaderlessMilliseconds: Int64 = 2_000
    /// How long a client may leave a full socket unread before its connection is closed.
    package var unsentMilliseconds: Int64 = 30_000
    /// The leader hears of a session at most once in this time, however busy the client is.
    package var touchMilliseconds: Int64 = 100
    /// Watches of one connection; the real server has no bound.
    package var watchesPerConnectionMax = 1_000_000
    /// Bytes of the paths that they are on.
    package var watchPathBytesMax = 256 << 20
    /// Identities of one connection (auth requests that succeeded).
    package var identitiesMax = 64
    /// Bytes of all their ids. Every write carries them into the log.
    package var identityBytesMax = 4 << 10
    /// Send buffers that a loop keeps for reuse, and the largest that it keeps.
    package var pooledBuffers = 64
    package var pooledBufferBytesMax = 64 << 10

    package init() {}
}
