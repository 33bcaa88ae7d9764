import Disk
import Foundation
import RaftStore
import ZooKeeperProtocol

/// What the operating system says of this process, for the four-letter words.
enum ProcessProbe {
    static func facts(dataDirectory: String) -> ProcessFacts {
        var facts = ProcessFacts()
        facts.dataDirectory = URL(fileURLWithPath: dataDirectory).path
        facts.logDirectory = DataDirectory.logPath(facts.dataDirectory)
        facts.hostName = ProcessInfo.processInfo.hostName
        facts.osArchitecture = kernel("arch")
        facts.osVersion = kernel("osrelease")
        facts.userName = NSUserName()
        facts.userHome = NSHomeDirectory()
        facts.workingDirectory = FileManager.default.currentDirectoryPath
        return facts
    }

    static func usage(dataDirectory: String) -> ProcessUsage {
        var usage = ProcessUsage()
        usage.logBytes = bytes(below: DataDirectory.logPath(dataDirectory))
        usage.dataBytes = bytes(below: dataDirectory) - usage.logBytes
        usage.openFiles = names(in: "/proc/self/fd").count
        if let limit = SystemIdentity.openFilesMax() { usage.maxFiles = limit }
        return usage
    }

    private static func kernel(_ name: String) -> String {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/\(name)", encoding: .utf8)
        return (text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }

    /// The blocks that the files take. Their sizes, which the real server adds up, would say
    /// hundreds of gigabytes: a map's file is as long as the map may grow, and mostly a hole.
    private static func bytes(below directory: String) -> UInt64 {
        let key = URLResourceKey.totalFileAllocatedSizeKey
        let files = FileManager.default.enumerator(
            at: URL(fileURLWithPath: directory),
            includingPropertiesForKeys: [key]
        )
        var total: UInt64 = 0
        while let file = files?.nextObject() as? URL {
            let values = try? file.resourceValues(forKeys: [key])
            total += UInt64(values?.totalFileAllocatedSize ?? 0)
        }
        return total
    }
}
