import ConsulProtocol
package import Replica

/// /v1/snapshot: the whole state as a file, in the container of Consul's snapshots.
enum SnapshotHandler {
    static func step(_ request: Request) -> Step {
        .export(isStale: request.parameters.has("stale"))
    }

    /// Consul puts a snapshot in the place of what it serves. Here a restore makes a new cluster,
    /// and the file is not taken in first: it may be of any size.
    static func refusal(_ request: Request) -> Answer? {
        guard request.endpoint == .snapshot, request.method == .put else { return nil }
        return .text(
            501,
            "Roost restores a snapshot into a new cluster, never into one that serves: run "
                + "`roost snapshot restore FILE --data-dir DIR` and start a server on DIR"
        )
    }

    static func failure(_ answer: ExportAnswer) -> Answer {
        guard case .failure(let failure) = answer else { return .text(500, "no snapshot") }
        return .text(failure.status, String(decoding: failure.body, as: UTF8.self))
    }

    static func answer(_ exported: Exported, _ loop: ConsulLoop) -> Answer {
        var answer = Answer.empty(200)
        answer.head.content = .archive
        answer.head.metadata = loop.metadata(index: exported.index)
        if loop.isRetiring { answer.head.connection = .close }
        answer.followingBytes = exported.byteCount
        return answer
    }
}

/// A copy of the state on its way to a client.
package struct Exported: Sendable {
    /// Of the last entry in it.
    package var index: UInt64
    package var byteCount: Int
    /// Reads the next piece; nil after the last. The answer comes once, on any thread; one piece
    /// is asked for at a time.
    package var next: @Sendable (@escaping @Sendable (Result<[UInt8]?, any Error>) -> Void) -> Void

    package init(
        index: UInt64,
        byteCount: Int,
        next:
            @escaping @Sendable (@escaping @Sendable (Result<[UInt8]?, any Error>) -> Void) ->
            Void
    ) {
        self.index = index
        self.byteCount = byteCount
        self.next = next
    }
}

package enum ExportAnswer: Sendable {
    case failure(OperatorAnswer)
    case exported(Exported)
}
