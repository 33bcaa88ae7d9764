import ConsulProtocol
import Logging
import NIOCore

/// Has the state copied for a connection and sends the copy, the next piece when the last one is
/// out: what a client does not take is not read. Used on the channel's loop; it ends with its
/// connection.
final class ExportPump {
    enum Step {
        case refused(Answer)
        /// The head of the answer; the pieces follow by themselves.
        case begins(Answer)
        case ended
    }

    private let channel: any Channel
    private let loop: ConsulLoop
    private let tell: (Step) -> Void

    init(_ channel: any Channel, _ loop: ConsulLoop, tell: @escaping (Step) -> Void) {
        self.channel = channel
        self.loop = loop
        self.tell = tell
    }

    func start(isStale: Bool) {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        loop.settings.export(isStale) { answer in
            bound.eventLoop.execute { bound.value.begin(answer) }
        }
    }

    private func begin(_ answer: ExportAnswer) {
        guard channel.isActive else { return }
        guard case .exported(let exported) = answer else {
            return tell(.refused(SnapshotHandler.failure(answer)))
        }
        tell(.begins(SnapshotHandler.answer(exported, loop)))
        askForPiece(of: exported)
    }

    private func askForPiece(of exported: Exported) {
        guard channel.isActive else { return }
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        exported.next { piece in
            bound.eventLoop.execute { bound.value.send(piece, of: exported) }
        }
    }

    private func send(_ result: Result<[UInt8]?, any Error>, of exported: Exported) {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        switch result {
        case .success(let piece?):
            channel.writeAndFlush(ByteBuffer(bytes: piece)).whenSuccess {
                bound.value.askForPiece(of: exported)
            }
        case .success(nil): tell(.ended)
        case .failure(let error):
            // The length was told: only a connection that ends says that this is not all.
            loop.logger.error("a snapshot cannot be read", metadata: ["reason": "\(error)"])
            channel.close(promise: nil)
        }
    }
}
