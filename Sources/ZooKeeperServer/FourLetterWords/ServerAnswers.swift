import Bytes
import Commands
import LMDB
import Logging
package import Measures
import NIOCore
import Replica
import StateMachine
package import ZooKeeperProtocol

/// Words about the server as a whole: all loops are asked, one answers.
extension ZooKeeperFrontEnd {
    /// What `crst` and `srst` set back.
    enum Reset: Sendable {
        case connections
        case server
    }

    func snapshots(
        _ scope: LoopSnapshot.Scope,
        resets reset: Reset?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<[LoopSnapshot]> {
        let answers = loops.map { bound in
            bound.eventLoop.submit {
                bound.value.reset(reset)
                return LoopSnapshot(bound.value, scope)
            }
        }
        return EventLoopFuture.whenAllSucceed(answers, on: eventLoop)
    }
}

/// What the ZooKeeper side of a node has counted, for its metrics.
package struct ZooKeeperFigures: Sendable {
    package var traffic = TrafficCounts()
    package var times = RequestTimes()
    package var connectionCount = 0
    package var outstandingCount = 0
}

extension ZooKeeperFrontEnd {
    /// - Parameter beginsInterval: the recent extremes count anew from here on.
    package func figures(beginsInterval: Bool) async throws -> ZooKeeperFigures {
        var all = ZooKeeperFigures()
        for bound in loops {
            let snapshot = try await bound.eventLoop.submit {
                defer { if beginsInterval { bound.value.times.beginInterval() } }
                return LoopSnapshot(bound.value, [])
            }.get()
            all.traffic.merge(snapshot.traffic)
            all.times.merge(snapshot.times)
            all.connectionCount += snapshot.connectionCount
            all.outstandingCount += snapshot.outstandingCount
        }
        return all
    }
}

extension ZooKeeperLoop {
    fileprivate func reset(_ reset: ZooKeeperFrontEnd.Reset?) {
        switch reset {
        case .server: traffic = TrafficCounts()
        case .connections:
            for connection in connections.values { connection.resetHistory() }
        case nil: return
        }
    }
}

extension ZooKeeperConnection {
    fileprivate func resetHistory() {
        history.received = 0
        history.sent = 0
        history.lastOpcode = nil
        history.lastLatency = 0
        history.latency = LatencyCounts()
    }

    /// nil: the state cannot be read.
    func sharedText(_ word: FourLetterWord, _ snapshots: [LoopSnapshot]) -> String? {
        switch word {
        case .srvr: return serverReport(snapshots)?.serverText
        case .stat: return serverReport(snapshots)?.statusText(Self.connections(snapshots))
        case .mntr: return serverReport(snapshots)?.monitorText
        case .hash: return serverReport(snapshots)?.digestText
        case .cons: return Self.connections(snapshots).map { $0.full + "\n" }.joined() + "\n"
        case .dump: return dump(snapshots)?.text
        case .wchs: return Self.watches(snapshots).summaryText
        case .wchc: return Self.watches(snapshots).bySessionText
        case .wchp: return Self.watches(snapshots).byPathText
        case .crst: return "Connection stats reset.\n"
        case .srst: return "Server stats reset.\n"
        default: return ""
        }
    }

    private static func connections(_ snapshots: [LoopSnapshot]) -> [ConnectionReport] {
        snapshots.flatMap(\.connections)
    }

    private static func watches(_ snapshots: [LoopSnapshot]) -> WatchReport {
        var report = WatchReport()
        for snapshot in snapshots { report.pairs += snapshot.watches.pairs }
        return report
    }

    private func serverReport(_ snapshots: [LoopSnapshot]) -> ServerReport? {
        guard let summary = readState({ view throws(StateError) in try view.summary }) else {
            return nil
        }
        var report = ServerReport()
        report.zxid = summary.appliedIndex
        report.digest = summary.digest
        report.znodeCount = summary.znodeCount
        report.ephemeralCount = summary.ephemeralCount
        report.dataBytes = summary.znodeBytes
        report.sessionCount = summary.zooKeeperSessionCount
        report.uptimeMilliseconds = loop.now - frontEnd.startedAt
        let usage = loop.settings.usage()
        report.openFiles = usage.openFiles
        report.maxFiles = usage.maxFiles
        report.node = loop.settings.node()
        for snapshot in snapshots {
            report.traffic.merge(snapshot.traffic)
            report.times.merge(snapshot.times)
            report.connectionCount += snapshot.connectionCount
            report.outstandingCount += snapshot.outstandingCount
            report.watchCount += snapshot.watchCount
        }
        addRole(to: &report)
        return report
    }

    private func addRole(to report: inout ServerReport) {
        let status = port.status
        report.voterCount = max(1, status.peerAddresses.count)
        if report.voterCount > 1 { report.mode = status.isLeader ? .leader : .follower }
    }

    private func dump(_ snapshots: [LoopSnapshot]) -> DumpReport? {
        var report = DumpReport(wallMilliseconds: port.clock.wall())
        report.connections = Self.connections(snapshots)
        let state: DumpReport? = readState { view throws(StateError) in
            var report = report
            try view.forEachZooKeeperSession { session in
                report.sessions.append((session.id, session.timeoutMilliseconds))
            }
            for session in report.sessions {
                var paths: [ByteString] = []
                try view.forEachEphemeral(of: session.id, prefix: RawSpan()) { path in
                    paths.append(ByteString(copying: path))
                }
                if !paths.isEmpty { report.ephemerals.append((session.id, paths)) }
            }
            return report
        }
        return state
    }

    private func readState<Result>(
        _ body: (borrowing StateView) throws(StateError) -> Result
    ) -> Result? {
        do throws(LMDBError) { try port.begin() } catch {
            loop.logger.error("the state cannot be read", metadata: ["error": "\(error)"])
            return nil
        }
        defer { port.end() }
        do throws(StateError) {
            return try port.read(body)
        } catch {
            stateFailed(error)
            return nil
        }
    }
}
