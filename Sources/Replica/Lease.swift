package import Bytes
package import Commands

/// What ends by itself when nobody renews it.
package enum Lease: Hashable, Sendable {
    case zooKeeper(SessionID)
    case consul(ByteString)
    case check(CheckKey)
    /// A critical check whose service goes with it when it stays critical (Consul's
    /// DeregisterCriticalServiceAfter). Nobody renews it.
    case critical(CheckKey)
}

/// A lease that the state gained, changed or lost.
package enum LeaseChange: Hashable, Sendable {
    /// - Parameter holder: who has it now, where it may pass from one to another: the connection of
    ///   a ZooKeeper session. 0 elsewhere.
    case started(Lease, durationMilliseconds: Int64, holder: UInt64 = 0)
    case ended(Lease)
}
