internal import Bytes
internal import Disk
internal import LMDB
package import Raft

extension WriteAheadLog {
    /// Whether a log was created in the directory.
    package static func exists(_ directory: String) -> Bool {
        FileSystem.exists("\(directory)/data.mdb")
    }

    /// Makes a new log with its first records, in one step: after a power cut the directory is
    /// there with all of them, or not at all.
    /// - Parameter standing: nil in a cluster of one.
    package static func create(
        _ directory: String,
        identity: NodeIdentity,
        standing: NodeStanding? = nil,
        memberships: [MembershipRecord],
        settings: LogSettings = .init()
    ) throws(StoreError) {
        let parent = parentDirectory(of: directory)
        let temporary = "\(directory).new"
        do {
            try FileSystem.removeDirectory(temporary)
            try FileSystem.makeDirectory(temporary)
        } catch { throw StoreError(error) }
        let known = standing ?? NodeStanding(ofOne: identity)
        try fill(temporary, identity, known, memberships, settings)
        do {
            try FileSystem.syncDirectory(temporary)
            try FileSystem.rename(temporary, to: directory)
            try FileSystem.syncDirectory(parent)
        } catch { throw StoreError(error) }
    }

    private static func fill(
        _ directory: String,
        _ identity: NodeIdentity,
        _ standing: NodeStanding,
        _ memberships: [MembershipRecord],
        _ settings: LogSettings
    ) throws(StoreError) {
        let environment = try openEnvironment(directory, settings)
        do {
            let table = try environment.mainTable()
            var records = StateRecords()
            var transaction = try LogTransaction(
                environment,
                table,
                path: directory,
                after: CommitRecord(),
                records
            )
            records.set(
                StoreKey.identity,
                try StateRecord.seal(identity.body, under: StoreKey.identity)
            )
            records.set(
                StoreKey.standing,
                try StateRecord.seal(standing.body, under: StoreKey.standing)
            )
            for (number, record) in memberships.enumerated() {
                let key = StoreKey.membership(number)
                let body = MembershipRecordCodec.body(record)
                records.set(key, try StateRecord.seal(body, under: key))
            }
            transaction.records = records
            _ = try transaction.finish()
            try environment.sync(force: true)
        } catch let error as LMDBError {
            throw StoreError(error, directory)
        } catch let error as StoreError {
            throw error
        } catch {
            throw .database("\(directory): \(error)")
        }
    }

    /// Opens the log: verifies it page by page first if the operating system has stopped since it
    /// was last written, and goes back to the commit before the newest if that one is torn.
    package static func open(
        _ directory: String,
        settings: LogSettings = .init()
    ) throws(StoreError) -> WriteAheadLog {
        try open(directory, settings: settings, bootID: SystemIdentity.bootID())
    }

    static func open(
        _ directory: String,
        settings: LogSettings,
        bootID: String
    ) throws(StoreError) -> WriteAheadLog {
        let marker = TrustMarker(directory: directory, bootID: bootID)
        let report = try LogRecovery.run(directory, verdict: marker.verdict())
        let environment = try openEnvironment(directory, settings)
        // A commit that a dead process had not synced yet becomes durable before it is used.
        do { try environment.sync(force: true) } catch { throw marker.flushFailed(error) }
        do { try environment.clearStaleReaders() } catch { throw StoreError(error, directory) }
        try marker.markOpen()
        let log = try WriteAheadLog(
            opened: environment,
            directory: directory,
            settings: settings,
            marker: marker,
            recovery: report
        )
        try log.growth.growAhead()
        return log
    }

    /// The recovery of `open` alone: whoever holds the directory goes back to the commit before the
    /// newest if that one is torn.
    package static func recover(_ directory: DataDirectory) throws(StoreError) {
        let path = directory.logPath
        _ = try LogRecovery.run(path, verdict: TrustMarker(directory: path).verdict())
    }

    private static func openEnvironment(
        _ directory: String,
        _ settings: LogSettings
    ) throws(StoreError) -> Environment {
        var options = EnvironmentOptions()
        options.isUnsynced = true
        if let mapBytes = settings.mapBytes {
            options.mapBytes = mapBytes
        } else {
            do { options.mapBytes = try mapBytes(at: directory) } catch { throw StoreError(error) }
        }
        do { return try Environment(path: directory, options: options) } catch {
            throw StoreError(error, directory)
        }
    }

    /// A map as large as the file system, so that the disk is the only bound.
    static func mapBytes(at directory: String) throws(DiskError) -> Int {
        let total = try FileSystem.space(at: directory).totalBytes
        return max(1 << 30, min(total, 1 << 43)) & ~((1 << 20) - 1)
    }
}

/// The directory that `path` lies in.
func parentDirectory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
