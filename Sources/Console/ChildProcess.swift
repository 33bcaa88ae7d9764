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
    package func wait(_ tell: @escaping @Sendable (End) -> Void) throws(DiskError) {
        _ = try OwnThread(named: "roost-child") { tell(self.waitHere()) }
    }

    private func waitHere() -> End {
        var status: Int32 = 0
        while true {
            let found = unsafe waitpid(process, &status, WUNTRACED)
            if found < 0, errno == EINTR { continue }
            precondition(found == process, "waitpid of a child of ours failed: \(errno)")
            // As the macros of wait.h say it.
            if status & 0xff == 0x7f {
                kill(-process, SIGCONT)
                continue
            }
            isOver.withLock { $0 = true }
            if hasTerminal { tcsetpgrp(STDIN_FILENO, getpgrp()) }
            let signal = status & 0x7f
            return signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal)
        }
    }

    /// To all of its group, while it runs.
    package func send(_ signal: Int32) {
        isOver.withLock { isOver in
            // A group of a process that is gone may be somebody else's by now.
            if !isOver { kill(-process, signal) }
        }
    }
}
