import Disk
import Foundation
import Glibc

/// How far a long piece of work has come, on standard error, where somebody looks at it.
final class Progress {
    private let what: String
    private let isShown: Bool
    private let start = monotonicNanoseconds()
    private var last: UInt64
    private var isDirty = false

    private static let pauseNanoseconds: UInt64 = 250_000_000

    init(_ what: String) {
        self.what = what
        isShown = isatty(STDERR_FILENO) == 1
        last = start
    }

    /// Called often; shows something now and then.
    func note(_ done: UInt64, of all: UInt64) {
        guard isShown else { return }
        let now = monotonicNanoseconds()
        guard now - last >= Self.pauseNanoseconds else { return }
        last = now
        isDirty = true
        let share = all > 0 ? min(100, done * 100 / all) : 100
        let seconds = (now - start) / 1_000_000_000
        Self.write("\r\(what): \(done) of \(all) (\(share) %), \(seconds) s \u{1b}[K")
    }

    /// Takes the line away.
    func end() {
        guard isDirty else { return }
        isDirty = false
        Self.write("\r\u{1b}[K")
    }

    private static func write(_ text: String) {
        // What only shows that work goes on must not end it.
        try? StandardStream.error.write(text)
    }
}
