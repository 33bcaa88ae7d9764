package import Disk
internal import Glibc
internal import Synchronization

/// Signals of this process, told on a thread of its own in place of what they would do.
///
/// A handler writes each one's number into a pipe, which the thread reads. None is lost from the
/// return of `listen` on: libdispatch's sources, which are set up on another thread, lose those
/// that come before that is done. One process has one ear. A signal that whoever started this
/// process had ignored stays so: `nohup`, and shells for what runs in the background.
package enum SignalEar {
    /// - Parameter hear: called for each signal, until the process ends.
    package static func listen(
        _ numbers: [Int32],
        _ hear: @escaping @Sendable (Int32) -> Void
    ) throws(DiskError) {
        let ends = try File.pipe()
        let isFirst = writingEnd.exchange(ends.writing, ordering: .sequentiallyConsistent) < 0
        precondition(isFirst, "signals are listened to already")
        for number in numbers where !isIgnored(number) { _ = signal(number) { note($0) } }
        _ = try OwnThread(named: "roost-signals") { tell(ends.reading, numbers, hear) }
    }

    static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        return unsafe handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    private static func tell(
        _ pipe: Int32,
        _ numbers: [Int32],
        _ hear: @Sendable (Int32) -> Void
    ) {
        // Whichever threads there are, this one takes them.
        var wanted = sigset_t()
        unsafe sigemptyset(&wanted)
        for number in numbers { unsafe sigaddset(&wanted, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
        let file = File(adopting: pipe, path: "the pipe of signals")
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            do throws(DiskError) {
                for byte in bytes[..<(try file.readSome(into: &bytes))] { hear(Int32(byte)) }
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }
}

/// Where the handler writes; -1: nobody listens.
private let writingEnd = Atomic<Int32>(-1)

/// The handler; it may do what a handler may do, and no more.
private func note(_ number: Int32) {
    let before = errno
    var byte = UInt8(truncatingIfNeeded: number)
    unsafe _ = write(writingEnd.load(ordering: .relaxed), &byte, 1)
    errno = before
}
