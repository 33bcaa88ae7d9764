import Commands
import Synchronization

/// Makes session ids, passwords and connection tokens, for all loops of a node.
package final class SessionNames: Sendable {
    private let serverID: UInt8
    private let next: Atomic<UInt64>
    private let randomWord: @Sendable () -> UInt64

    /// - Parameter wallMilliseconds: with which ids begin, so that they are new after a restart.
    package init(
        serverID: UInt8,
        wallMilliseconds: Int64,
        randomWord: @escaping @Sendable () -> UInt64
    ) {
        self.serverID = serverID
        self.randomWord = randomWord
        // SessionTrackerImpl.initializeNextSessionId: 40 bits of time, 16 of count.
        next = Atomic((UInt64(bitPattern: wallMilliseconds) << 24) >> 8)
    }

    func session() -> SessionID {
        let count = next.wrappingAdd(1, ordering: .relaxed).newValue
        let id = UInt64(serverID) << 56 | count & 0x00ff_ffff_ffff_ffff
        return SessionID(Int64(bitPattern: id))
    }

    /// The length of every password.
    static let passwordBytes = 16

    /// Unlike the real server's, passwords are not computed from the id.
    func password() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.passwordBytes)
        for word in [randomWord(), randomWord()] {
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return bytes
    }

    /// Says which connection a session belongs to; never 0.
    func connection() -> UInt64 { randomWord() | 1 }
}
