import NIOCore

/// `write`, `create`, `read`, `mixed`: every connection keeps `depth` requests under way.
extension Run {
    func closedLoop() async throws -> Report {
        var report = blankReport(connections: options.connections, depth: options.depth)
        if work == .create {
            try await load(parentsOfCreations: true)
        } else if options.preload {
            report.preloadSeconds = Rounded.hundredths(try await load())
        }
        let lanes = try await openLanes()
        let began = Lane<D>.now() + UInt64(options.warmup * 1e9)
        let window = began..<began + UInt64(options.seconds * 1e9)
        let (work, depth) = (work, options.depth)
        for lane in lanes {
            try await lane.run { lane in
                lane.window = window
                lane.start(work, depth: depth)
            }
        }
        let before = try await sample(at: window.lowerBound)
        let after = try await sample(at: window.upperBound)
        let tally = try await stop(lanes)
        report.seconds = options.seconds
        report.operations = tally.all.count
        report.operationsPerSecond = (Double(tally.all.count) / options.seconds).rounded()
        report.latency = Latency(tally.all)
        if work == .mixed {
            report.readLatency = Latency(tally.reads)
            report.writeLatency = Latency(tally.writes)
        }
        report.longestGapMilliseconds = Rounded.hundredths(Double(tally.longestGap) / 1e6)
        report.faults = tally.faults
        report.addResources(from: before, to: after)
        return report
    }

    private func openLanes() async throws -> [LaneHandle<D>] {
        var lanes: [LaneHandle<D>] = []
        let (each, rest) = options.connections.quotientAndRemainder(dividingBy: options.loops)
        for number in 0..<options.loops {
            let lane = try await makeLane(number)
            try await lane.open(each + (number < rest ? 1 : 0))
            lanes.append(lane)
        }
        return lanes
    }

    private func sample(at moment: UInt64) async throws -> ProcessSample {
        let now = Lane<D>.now()
        if moment > now { try await Task.sleep(for: .nanoseconds(moment - now)) }
        return ProcessSample.take(of: options.pids)
    }

    /// No new requests, but those under way are answered, or counted as lost.
    private func stop(_ lanes: [LaneHandle<D>]) async throws -> Tally {
        var tally = Tally()
        for lane in lanes { try await lane.run { $0.isIssuing = false } }
        for lane in lanes {
            try await lane.wait(seconds: 5) { $0.pendingCount == 0 || $0.aliveCount == 0 }
            tally.merge(
                try await lane.run { lane in
                    lane.tally.faults.lost += lane.pendingCount
                    return lane.tally
                }
            )
            try await lane.close()
        }
        return tally
    }
}
