import Disk
import Synchronization

/// Runs what blocks on a thread that is there for it alone. Whoever waits may be cancelled: the
/// thread goes on then, and what it makes is for nobody.
func onOwnThread<Value: Sendable>(
    named name: String,
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    let waiting = WaitingForThread<Value>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            waiting.begin(continuation)
            do throws(DiskError) {
                // It is detached, and ends with its body.
                _ = try OwnThread(named: name) { waiting.end(Result { try body() }) }
            } catch { waiting.end(.failure(error)) }
        }
    } onCancel: {
        waiting.end(.failure(CancellationError()))
    }
}

/// Who waits for a thread's result, which comes once or, with a cancellation, twice: the first
/// counts. A cancellation may also come before anybody waits.
private final class WaitingForThread<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Value, any Error>)
        case ended(Result<Value, any Error>)
        case told
    }

    private let state = Mutex(State.idle)

    func begin(_ continuation: CheckedContinuation<Value, any Error>) {
        let result: Result<Value, any Error>? = state.withLock { state in
            guard case .ended(let result) = state else {
                state = .waiting(continuation)
                return nil
            }
            state = .told
            return result
        }
        if let result { continuation.resume(with: result) }
    }

    func end(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .idle: state = .ended(result)
            case .waiting(let continuation):
                state = .told
                return continuation
            case .ended, .told: break
            }
            return nil
        }
        continuation?.resume(with: result)
    }
}
