import NIOCore

/// `idle`: connections that only stay - ZooKeeper sessions that ping, or blocked queries - and what
/// the server's memory grows by for each.
extension Run {
    func idleHold() async throws -> Report {
        try await load()
        try await Task.sleep(for: .milliseconds(500))
        let lane = try await makeLane()
        let before = ProcessSample.take(of: options.pids)
        let began = Lane<D>.now()
        try await lane.open(options.connections)
        try await lane.run { $0.work = .idle }
        try await armAll(lane)
        let openSeconds = Double(Lane<D>.now() - began) / 1e9
        try await Task.sleep(for: .seconds(1))
        let opened = try await lane.run { $0.aliveCount }
        let open = ProcessSample.take(of: options.pids)
        let pings = try await hold(lane)
        let end = ProcessSample.take(of: options.pids)
        let (alive, early, pongs) = try await lane.run { ($0.aliveCount, $0.earlyCount, $0.pongs) }
        try await lane.run { $0.work = .load }
        try await lane.close()
        let growth = Double(end.serverResidentKiB - before.serverResidentKiB)
        var report = blankReport(connections: options.connections, depth: nil)
        report.idle = Idle(
            opened: opened,
            aliveAtEnd: alive,
            openSeconds: Rounded.hundredths(openSeconds),
            pings: pings,
            pongs: pongs,
            earlyReturns: early,
            residentBeforeKiB: before.serverResidentKiB,
            residentOpenKiB: open.serverResidentKiB,
            residentEndKiB: end.serverResidentKiB,
            residentPerConnectionKiB: Rounded.hundredths(growth / Double(max(1, opened)))
        )
        report.faults = try await lane.run { $0.tally.faults }
        report.addResources(from: open, to: end)
        return report
    }

    private func armAll(_ lane: LaneHandle<D>) async throws {
        let count = try await lane.run { $0.aliveCount }
        try await learnIndexes(lane, count)
        guard !D.armsAtOnce || options.idleWatch else { return }
        try await lane.run { lane in
            let now = Lane<D>.now()
            for connection in lane.connections {
                connection.send(.arm(key: 0, index: connection.index), at: now)
                connection.flush()
            }
        }
        if D.armsAtOnce { try await lane.wait(seconds: 30) { $0.armedCount >= $0.aliveCount } }
    }

    /// Sessions must be heard from every third of their timeout; the number of pings sent.
    private func hold(_ lane: LaneHandle<D>) async throws -> Int {
        let end = Lane<D>.now() + UInt64(options.seconds * 1e9)
        let quietMax = UInt64(options.sessionMilliseconds) * 1_000_000 / 3
        var pings = 0
        while Lane<D>.now() < end {
            try await Task.sleep(for: .milliseconds(100))
            guard D.hasHandshake else { continue }
            pings += try await lane.run { lane in
                let now = Lane<D>.now()
                let quiet = lane.connections.filter {
                    $0.phase == .open && now - $0.lastSentAt > quietMax
                }
                for connection in quiet { connection.ping(at: now) }
                return quiet.count
            }
        }
        try await Task.sleep(for: .milliseconds(300))
        return pings
    }
}
