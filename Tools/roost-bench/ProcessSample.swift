import Foundation

/// CPU time and memory of the servers under load and of this process, from /proc.
struct ProcessSample: Sendable {
    var serverSeconds = 0.0
    var clientSeconds = 0.0
    var serverResidentKiB = 0

    static func take(of servers: [Int]) -> ProcessSample {
        var sample = ProcessSample()
        for server in servers {
            sample.serverSeconds += seconds(of: "\(server)")
            sample.serverResidentKiB += residentKiB(of: server)
        }
        sample.clientSeconds = seconds(of: "self")
        return sample
    }

    /// How many files this process may open; connections are files.
    static func openFilesMax() -> Int? {
        field("/proc/self/limits", "Max open files").flatMap { Int($0) }
    }

    private static let ticksPerSecond = 100.0

    /// User and system time: the 14th and 15th fields of `stat`, after the name in parentheses.
    private static func seconds(of process: String) -> Double {
        guard let text = read("/proc/\(process)/stat"), let name = text.lastIndex(of: ")") else {
            return 0
        }
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / ticksPerSecond
    }

    private static func residentKiB(of process: Int) -> Int {
        field("/proc/\(process)/status", "VmRSS:").flatMap { Int($0) } ?? 0
    }

    private static func field(_ path: String, _ name: String) -> Substring? {
        let line = read(path)?.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.dropFirst(name.count).split(whereSeparator: \.isWhitespace).first
    }

    private static func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
