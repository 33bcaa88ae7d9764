import NIOCore
import Synchronization

/// The accepted connections that no peer's greeting has come by, counted by address: whoever only
/// connects must not take the place of those who belong here.
final class Strangers: Sendable {
    private let perAddressMax: Int
    private let state = Mutex(State())

    private struct State {
        /// The address of each.
        var addresses: [ObjectIdentifier: String] = [:]
        var counts: [String: Int] = [:]
    }

    struct Refusal: Error {
        let address: String
    }

    init(perAddressMax: Int) {
        self.perAddressMax = perAddressMax
    }

    /// Counts a connection until it is known or closes.
    func admit(_ channel: any Channel) throws(Refusal) {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let isAdmitted = state.withLock { state in
            let count = state.counts[address, default: 0]
            guard count < perAddressMax else { return false }
            state.counts[address] = count + 1
            state.addresses[ObjectIdentifier(channel)] = address
            return true
        }
        guard isAdmitted else { throw Refusal(address: address) }
        channel.closeFuture.whenComplete { [self] _ in leave(channel) }
    }

    /// It is a peer's, or is gone.
    func leave(_ channel: any Channel) {
        state.withLock { state in
            guard let address = state.addresses.removeValue(forKey: ObjectIdentifier(channel)),
                let count = state.counts[address]
            else { return }
            state.counts[address] = count > 1 ? count - 1 : nil
        }
    }
}
