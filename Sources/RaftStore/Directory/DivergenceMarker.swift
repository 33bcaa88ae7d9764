internal import Bytes
internal import Disk
package import Raft

/// Says that a state was found to be another than the cluster's, so that no start serves from it.
///
/// It lies in the state's directory and goes with it, when a snapshot of the leader's takes the
/// state's place. A text file:
///
///     roost-diverged 1
///     equal INDEX
///     different INDEX
package struct DivergenceMarker: Sendable {
    private let directory: String

    /// - Parameter directory: the state's.
    package init(directory: String) { self.directory = directory }

    private var path: String { "\(directory)/diverged" }

    /// Where the state was found equal, and where different; nil: nothing was found.
    package func read() throws(StoreError) -> (equalAt: LogIndex, differsAt: LogIndex)? {
        let contents: [UInt8]?
        do { contents = try FileSystem.contents(path) } catch { throw StoreError(error) }
        guard let contents else { return nil }
        let lines = String(decoding: contents, as: UTF8.self).split(separator: "\n")
        guard lines.count == 3, lines[0] == "roost-diverged 1",
            let equal = Self.index(lines[1], "equal "),
            let different = Self.index(lines[2], "different ")
        else {
            // Whatever it says, somebody marked the state.
            return (LogIndex.zero, LogIndex.zero)
        }
        return (equal, different)
    }

    private static func index(_ line: Substring, _ name: String) -> LogIndex? {
        guard line.hasPrefix(name) else { return nil }
        return UInt64(line.dropFirst(name.count)).map { LogIndex($0) }
    }

    /// Durable when it returns.
    package func write(equalAt: LogIndex, differsAt: LogIndex) throws(StoreError) {
        let text =
            "roost-diverged 1\nequal \(equalAt.rawValue)\ndifferent \(differsAt.rawValue)\n"
        do { try FileSystem.replace(path, with: Array(text.utf8), in: directory) } catch {
            throw StoreError(error)
        }
    }
}
