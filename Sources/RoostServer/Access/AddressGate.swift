import Logging
import NIOCore
import Synchronization

/// Counts the connections of each client's address, and refuses those above a bound
/// (`limits.http_max_conns_per_client`): one client must not take all that a server has.
final class AddressGate: Sendable {
    private let connectionsMax: Int
    private let protocolName: String
    private let logger: Logger
    private let counts = Mutex<[String: Int]>([:])
    private let pace = NoticePace()

    struct Refusal: Error {
        let address: String
    }

    /// - Parameters:
    ///   - connectionsMax: 0: there is no bound.
    ///   - protocolName: for messages.
    init(_ connectionsMax: Int, _ protocolName: String, _ logger: Logger) {
        self.connectionsMax = connectionsMax
        self.protocolName = protocolName
        self.logger = logger
    }

    /// Takes a connection in, until it closes. As in the real server, one too many is closed
    /// without a word.
    func admit(_ channel: any Channel) throws(Refusal) {
        guard connectionsMax > 0, let address = channel.remoteAddress?.ipAddress else { return }
        let isAdmitted = counts.withLock { counts in
            let count = counts[address, default: 0]
            guard count < connectionsMax else { return false }
            counts[address] = count + 1
            return true
        }
        guard isAdmitted else {
            tell(of: address)
            throw Refusal(address: address)
        }
        channel.closeFuture.whenComplete { [self] _ in release(address) }
    }

    private func release(_ address: String) {
        counts.withLock { counts in
            guard let count = counts[address] else { return }
            counts[address] = count > 1 ? count - 1 : nil
        }
    }

    private func tell(of address: String) {
        guard pace.isDue() else { return }
        logger.warning(
            "too many \(protocolName) connections from one address",
            metadata: ["address": "\(address)", "bound": "\(connectionsMax)"]
        )
    }
}
