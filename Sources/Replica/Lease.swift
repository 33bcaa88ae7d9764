package import Bytes
package import Commands

/// What ends by itself when nobody renews it.
package enum Lease: Hashable, Sendable {
    case zooKeeper(SessionID)
    case consul(ByteString)
    case check(CheckKey)
}

/// A lease that the state gained, changed or lost.
package enum LeaseChange: Hashable, Sendable {
    case started(Lease, durationMilliseconds: Int64)
    case ended(Lease)
}
