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

    /// What this process has used.
    static func resources() -> ProcessResources {
        var resources = ProcessResources()
        resources.openFiles = UInt64(names(in: "/proc/self/fd").count)
        resources.openFilesMax = SystemIdentity.openFilesMax().map { UInt64($0) }
        // Behind the name in brackets, which may hold anything: the state is field 3.
        let status = text("/proc/self/stat")
        let fields = status[(status.lastIndex(of: ")") ?? status.startIndex)...].split(
            separator: " "
        )
        func field(_ number: Int) -> Double {
            number - 2 < fields.count ? Double(fields[number - 2]) ?? 0 : 0
        }
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        resources.processorSeconds = (field(14) + field(15)) / ticks
        resources.residentBytes = UInt64(field(24)) * UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
        let boot = text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        resources.startSeconds = (boot.flatMap { Double($0.dropFirst(6)) } ?? 0) + field(22) / ticks
        return resources
    }

    private static func text(_ path: String) -> String {
        guard let bytes = try? FileSystem.contents(path) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
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

/// What a process has used; zeros where the system does not say.
struct ProcessResources: Sendable {
    var processorSeconds = 0.0
    var residentBytes: UInt64 = 0
    var openFiles: UInt64 = 0
    var openFilesMax: UInt64?
    var startSeconds = 0.0
}
