import Logging
import NIOCore

/// Sends the pieces of a snapshot over a connection, the next one when the last one is out: what a
/// client does not take is not read. Used on the channel's loop.
final class ExportPump {
    private let exported: Exported
    private let channel: any Channel
    private let logger: Logger
    private var whenDone: () -> Void = {}

    init(_ exported: Exported, _ channel: any Channel, _ logger: Logger) {
        self.exported = exported
        self.channel = channel
        self.logger = logger
    }

    /// - Parameter whenDone: is called after the last piece; never if the connection ends before.
    func start(_ whenDone: @escaping () -> Void) {
        self.whenDone = whenDone
        askForPiece()
    }

    private func askForPiece() {
        guard channel.isActive else { return }
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        exported.next { piece in
            bound.eventLoop.execute { bound.value.send(piece) }
        }
    }

    private func send(_ result: Result<[UInt8]?, any Error>) {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        switch result {
        case .success(let piece?):
            channel.writeAndFlush(ByteBuffer(bytes: piece)).whenSuccess {
                bound.value.askForPiece()
            }
        case .success(nil): whenDone()
        case .failure(let error):
            // The length was told: only a connection that ends says that this is not all.
            logger.error("a snapshot cannot be read", metadata: ["reason": "\(error)"])
            channel.close(promise: nil)
        }
    }
}
