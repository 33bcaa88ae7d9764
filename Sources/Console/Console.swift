internal import Glibc

/// A terminal's modes and size, and commands run in process groups of their own: the calls of the
/// system that the command line needs, without unsafe code above.
///
/// What it must never do: print, decide when something ends, or know what a command is for.
///
/// Map: `TerminalModes` and `TerminalSize`, `SignalEar`, `ChildProcess`, `SystemError`.
package struct SystemError: Error, Sendable {
    package let code: Int32

    package var isMissing: Bool { code == ENOENT }

    package var text: String { unsafe String(cString: strerror(code)) }
}
