package import Disk
internal import Glibc
internal import Synchronization

/// A command in a process group of its own, so that it can be ended with all that it started. On a
/// terminal the group has the terminal's foreground while it runs, as under a shell: Ctrl-C is for
/// it alone, and it may read.
package final class ChildProcess: Sendable {
    private let process: pid_t
    private let hasTerminal: Bool
    private let isOver = Mutex(false)
    /// A signal to end was sent.
    private let isEnding = Atomic<Bool>(false)

    /// What is passed on to a command, unless it was ignored when this process was started.
    package static let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2]

    /// What a command is told to end by.
    private static let endings = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]

    package enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(Int32)

        /// As shells tell it.
        package var code: Int32 {
            switch self {
            case .exited(let code): code
            case .killed(let signal): 128 + signal
            }
        }
    }

    /// - Parameter environment: all of its variables.
    package static func start(
        _ command: [String],
        environment: [String: String]
    ) throws(SystemError) -> ChildProcess {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        // Others are ignored by libraries, for themselves.
        for number in signals where SignalEar.isIgnored(number) { unsafe sigdelset(&all, number) }
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        let hasTerminal = isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp()
        let settings = environment.map { "\($0.key)=\($0.value)" }
        var words = unsafe copies(command)
        var variables = unsafe copies(settings)
        defer {
            unsafe words.forEach { unsafe free($0) }
            unsafe variables.forEach { unsafe free($0) }
        }
        var process: pid_t = 0
        let code = unsafe posix_spawnp(
            &process,
            command[0],
            nil,
            &attributes,
            &words,
            &variables
        )
        guard code == 0 else { throw SystemError(code: code) }
        if hasTerminal {
            // To set it from the background stops the process otherwise.
            _ = signal(SIGTTOU, SIG_IGN)
            tcsetpgrp(STDIN_FILENO, process)
            // It may have tried to read already, and be stopped for it.
            kill(-process, SIGCONT)
        }
        return ChildProcess(process, hasTerminal)
    }

    /// As C has them, with an end; to be freed.
    private static func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        unsafe texts.map { unsafe strdup($0) } + [nil]
    }

    private init(_ process: pid_t, _ hasTerminal: Bool) {
        self.process = process
        self.hasTerminal = hasTerminal
    }

    /// Waits for its end on a thread of its own. One that was stopped (Ctrl-Z) goes on at once: a
    /// lock is held while it runs, and a stopped one would hold it for ever.
    ///
    /// Where a signal ended it, what it started and left is waited for too, and is killed after
    /// `restMilliseconds`.
    package func wait(
        restMilliseconds: Int64,
        _ tell: @escaping @Sendable (End) -> Void
    ) throws(DiskError) {
        _ = try OwnThread(named: "roost-child") { tell(self.waitHere(restMilliseconds)) }
    }

    private func waitHere(_ restMilliseconds: Int64) -> End {
        let end = firstEnd()
        if hasTerminal { tcsetpgrp(STDIN_FILENO, getpgrp()) }
        let isEnding =
            isEnding.load(ordering: .relaxed)
            || Self.endings.contains { end == .killed($0) }
        if isEnding { waitForRest(restMilliseconds) }
        isOver.withLock { isOver in
            isOver = true
            var status: Int32 = 0
            while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        return end
    }

    /// Waits for the end of the group's first process, and leaves it unreaped: so long the group's
    /// number is nobody else's.
    private func firstEnd() -> End {
        while true {
            var found = unsafe siginfo_t()
            let code = unsafe waitid(
                P_PID,
                id_t(process),
                &found,
                WEXITED | WSTOPPED | WNOWAIT
            )
            if code < 0, errno == EINTR { continue }
            precondition(code == 0, "waitid of a child of ours failed: \(errno)")
            let status = unsafe found._sifields._sigchld.si_status
            switch unsafe Int(found.si_code) {
            case CLD_EXITED: return .exited(status)
            case CLD_KILLED, CLD_DUMPED: return .killed(status)
            default:
                var taken = unsafe siginfo_t()
                unsafe _ = waitid(P_PID, id_t(process), &taken, WSTOPPED | WNOHANG)
                kill(-process, SIGCONT)
            }
        }
    }

    private func waitForRest(_ milliseconds: Int64) {
        let clock = ContinuousClock()
        let end = clock.now + .milliseconds(milliseconds)
        while hasRest {
            guard clock.now < end else { return send(SIGKILL) }
            usleep(50_000)
        }
    }

    /// Whether a process of the group runs. Where the system does not tell, one may.
    private var hasRest: Bool {
        do throws(DiskError) {
            for name in try FileSystem.list("/proc") where Int32(name) != nil {
                if isOfGroup(name) { return true }
            }
            return false
        } catch {
            return true
        }
    }

    private func isOfGroup(_ name: String) -> Bool {
        let bytes: [UInt8]?
        // One that is gone meanwhile is of no group.
        do throws(DiskError) { bytes = try FileSystem.contents("/proc/\(name)/stat") } catch {
            return false
        }
        // "PID (NAME) STATE PARENT GROUP"; the name may hold anything.
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        guard let bracket = text.lastIndex(of: ")") else { return false }
        let fields = text[bracket...].split(separator: " ")
        return fields.count > 3 && fields[1] != "Z" && fields[1] != "X"
            && Int32(fields[3]) == process
    }

    /// To all of its group, until it is over.
    package func send(_ signal: Int32) {
        if Self.endings.contains(signal) { isEnding.store(true, ordering: .relaxed) }
        isOver.withLock { isOver in
            // A group of a process that is gone may be somebody else's by now.
            if !isOver { kill(-process, signal) }
        }
    }
}
