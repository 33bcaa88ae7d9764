import Console
import Disk
import Dispatch
import Foundation

/// A terminal that shows a screen of its own until it is left, and is then as it was: modes,
/// cursor, and what stood on it.
///
/// Its keys and the signals that would end the process come as events, so that leaving is never
/// missed. (SIGKILL leaves the terminal in its modes, as with every such program: `reset` helps.)
final class LiveScreen {
    enum Event: Sendable {
        case key(UInt8)
        /// Something new to show.
        case news([String])
        case resized
        /// SIGINT, SIGTERM, SIGHUP.
        case told(Int32)
        /// The terminal is gone.
        case hungUp
    }

    let events: AsyncStream<Event>
    let tell: AsyncStream<Event>.Continuation
    private let before: TerminalModes
    private var keys: (any DispatchSourceRead)?
    private var isLeft = false

    /// Nil where stdin or stdout is no terminal.
    init?() throws(DiskError) {
        guard Terminal.isOutput, let modes = TerminalModes() else { return nil }
        before = modes
        (events, tell) = AsyncStream<Event>.makeStream(bufferingPolicy: .bufferingNewest(64))
        // Before the modes change, so that no signal can leave them changed.
        try listen()
        guard modes.raw.set() else { return nil }
        Terminal.write(Data("\u{1b}[?1049h\u{1b}[?25l".utf8))
    }

    deinit { leave() }

    private func listen() throws(DiskError) {
        let tell = tell
        try SignalEar.listen([SIGINT, SIGTERM, SIGHUP, SIGWINCH]) { number in
            tell.yield(number == SIGWINCH ? .resized : .told(number))
        }
        let keys = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO)
        keys.setEventHandler {
            if let key = TerminalModes.readKey() {
                tell.yield(.key(key))
            } else {
                keys.cancel()
                tell.yield(.hungUp)
            }
        }
        keys.activate()
        self.keys = keys
    }

    /// Shows so many of the lines as fit, each cut where the terminal ends.
    func draw(_ lines: [String]) {
        let size = TerminalSize.output
        var text = "\u{1b}[H"
        let shown = lines.prefix(size.rows)
        for (place, line) in shown.enumerated() {
            text += Self.cut(line, size.columns) + "\u{1b}[K"
            if place < shown.count - 1 { text += "\n" }
        }
        Terminal.write(Data((text + "\u{1b}[J").utf8))
    }

    /// Colours take no place.
    static func cut(_ line: String, _ columns: Int) -> String {
        var cut = ""
        var left = columns
        var isEscape = false
        for character in line {
            if character == "\u{1b}" { isEscape = true }
            if isEscape {
                cut.append(character)
                if character == "m" { isEscape = false }
            } else if left > 0 {
                cut.append(character)
                left -= 1
            }
        }
        return cut
    }

    /// Gives the terminal back.
    func leave() {
        guard !isLeft else { return }
        isLeft = true
        keys?.cancel()
        Terminal.write(Data("\u{1b}[?25h\u{1b}[?1049l".utf8))
        before.set()
    }
}
