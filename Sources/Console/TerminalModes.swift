internal import Glibc

/// How standard input, a terminal, treats what is typed; kept, to be set again.
package struct TerminalModes: Sendable {
    // A copy of plain numbers.
    private let modes: termios

    /// As they are; nil: standard input is no terminal.
    package init?() {
        var modes = termios()
        guard isatty(STDIN_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &modes) == 0 else {
            return nil
        }
        self.modes = modes
    }

    private init(_ modes: termios) {
        self.modes = modes
    }

    /// Without echo and lines, and with Ctrl-C as a key like any other.
    package var raw: TerminalModes {
        var raw = modes
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        return TerminalModes(raw)
    }

    /// Whether they are set.
    @discardableResult
    package func set() -> Bool {
        var modes = modes
        return unsafe tcsetattr(STDIN_FILENO, TCSANOW, &modes) == 0
    }

    /// Waits for a byte from standard input; nil: it has ended.
    package static func readKey() -> UInt8? {
        var byte: UInt8 = 0
        return unsafe read(STDIN_FILENO, &byte, 1) == 1 ? byte : nil
    }
}

/// Of the terminal that standard output is.
package struct TerminalSize: Sendable {
    package let rows: Int
    package let columns: Int

    /// That of old terminals where it is not known.
    package static var output: TerminalSize {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else {
            return TerminalSize(rows: 24, columns: 80)
        }
        return TerminalSize(rows: Int(size.ws_row), columns: Int(size.ws_col))
    }
}
