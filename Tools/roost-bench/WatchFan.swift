import NIOCore

/// `watchfan`: all connections but one watch one key; the last one writes it; a round ends when
/// every watcher has heard of the write.
extension Run {
    func watchFan() async throws -> Report {
        try await load()
        let lane = try await makeLane()
        let watchers = options.watchers
        try await lane.open(watchers + 1)
        try await lane.run { $0.work = .watchfan }
        try await learnIndexes(lane, watchers)
        var fan = Fan(watchers: watchers, rounds: options.rounds)
        var rounds: [Double] = []
        var writes: [Double] = []
        let before = ProcessSample.take(of: options.pids)
        for _ in 0..<options.rounds {
            try await arm(lane, watchers)
            let round = try await fire(lane, watchers)
            fan.missed += watchers - round.notified
            if let write = round.writeMilliseconds { writes.append(write) }
            guard round.notified == watchers else { continue }
            fan.fullRounds += 1
            rounds.append(round.milliseconds)
        }
        let after = ProcessSample.take(of: options.pids)
        try await lane.run { $0.isIssuing = false }
        let (tally, early) = try await lane.run { ($0.tally, $0.earlyCount) }
        try await lane.close()
        fan.spurious = early
        fan.roundMilliseconds = Spread(rounds)
        fan.writeMilliseconds = Spread(writes)
        var report = blankReport(connections: watchers + 1, depth: nil)
        report.fan = fan
        report.latency = Latency(tally.all)
        report.faults = tally.faults
        report.addResources(from: before, to: after)
        return report
    }

    /// Consul only: a blocking query needs the index of what was seen last.
    func learnIndexes(_ lane: LaneHandle<D>, _ count: Int) async throws {
        guard !D.armsAtOnce else { return }
        try await lane.run { lane in
            let now = Lane<D>.now()
            for connection in lane.connections.prefix(count) {
                connection.send(.learn(key: 0), at: now)
                connection.flush()
            }
        }
        let learned = try await lane.wait(seconds: 30) { $0.learnedCount >= count }
        guard learned else { throw BenchError.timedOut("the first reads of \(count) watchers") }
    }

    private func arm(_ lane: LaneHandle<D>, _ watchers: Int) async throws {
        let wanted = try await lane.run { lane in
            lane.armedCount = 0
            lane.notifiedCount = 0
            lane.roundStart = 0
            lane.writeAcknowledgedAt = 0
            let now = Lane<D>.now()
            var wanted = 0
            for connection in lane.connections.prefix(watchers) where !connection.isArmed {
                connection.isNotified = false
                connection.isArmed = !D.armsAtOnce
                connection.send(.arm(key: 0, index: connection.index), at: now)
                connection.flush()
                wanted += 1
            }
            return wanted
        }
        if D.armsAtOnce {
            let armed = try await lane.wait(seconds: 10) { $0.armedCount >= wanted }
            guard armed else { throw BenchError.timedOut("\(wanted) watches to be set") }
        }
        try await Task.sleep(for: .milliseconds(options.settleMilliseconds))
    }

    private struct Round: Sendable {
        var notified: Int
        var milliseconds: Double
        var writeMilliseconds: Double?
    }

    private func fire(_ lane: LaneHandle<D>, _ watchers: Int) async throws -> Round {
        try await lane.run { lane in
            lane.roundStart = Lane<D>.now()
            lane.connections[watchers].send(lane.newSet(), at: lane.roundStart)
            lane.connections[watchers].flush()
        }
        try await lane.wait(seconds: 10) {
            $0.notifiedCount >= watchers && $0.writeAcknowledgedAt > 0
        }
        return try await lane.run { lane in
            let start = lane.roundStart
            let acknowledged = lane.writeAcknowledgedAt
            return Round(
                notified: lane.notifiedCount,
                milliseconds: Double(max(lane.roundEnd, start) - start) / 1e6,
                writeMilliseconds: acknowledged > 0 ? Double(acknowledged - start) / 1e6 : nil
            )
        }
    }
}
