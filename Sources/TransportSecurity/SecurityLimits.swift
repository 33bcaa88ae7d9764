/// Every bound and timing of connections that are not secure yet.
package struct SecurityLimits: Sendable {
    /// From a connection's beginning to the end of its handshake: Consul's
    /// `https_handshake_timeout`, and what ZooKeeper gives a client to begin with.
    package var handshakeMilliseconds: Int64 = 5_000
    /// Connections of one port that have not finished their handshake, of all clients and of one
    /// address; more are closed at once.
    package var handshakesMax = 1_000
    package var handshakesPerAddressMax = 100
    /// How long a closed connection waits for its client to agree.
    package var closingMilliseconds: Int64 = 1_000
    /// Refusals of one port that are logged in each interval; the others are counted.
    package var complaintsMax = 10
    package var complaintsMilliseconds: Int64 = 10_000
    /// What a file of certificates or a key may hold.
    package var fileBytesMax = 1 << 20
    /// Between two looks at the files, and between two warnings of a certificate's end.
    package var refreshMilliseconds = 1_000
    package var expiryWarningSeconds: Int64 = 30 * 86_400

    package init() {}
}
