import ConsulProtocol
import Measures
import Testing

@Suite("What /v1/agent/metrics says as JSON")
struct MetricsBodyTests {
    @Test("gauges as they are, and of the interval what moved, by name")
    func body() {
        var times = Distribution()
        times.add(1_000)
        times.add(3_000)
        let label = Metric.Label("peer", "n\"2")
        let metrics: [Metric] = [
            .real("roost.b", 2.5, ""),
            .gauge("consul.a", 17, ""),
            Metric("roost.peer", .gauge, "", [Metric.Sample(.whole(1), labels: [label])]),
            .counter("consul.raft.apply", 4, ""),
            .counter("consul.rpc.query", 0, ""),
            .bytes("roost.sent_bytes_total", 900, ""),
            .summary("consul.kvs.apply", times, ""),
            .summary("consul.txn.apply", Distribution(), ""),
        ]
        let json = MetricsBody.json(
            began: 1_795_493_160,
            seconds: 10,
            gauges: metrics,
            changes: metrics
        )
        let expected =
            #"{"Timestamp":"2026-11-24 04:06:00 +0000 UTC","Gauges":["#
            + #"{"Name":"consul.a","Value":17,"Labels":{}},"#
            + #"{"Name":"roost.b","Value":2.5,"Labels":{}},"#
            + #"{"Name":"roost.peer","Value":1,"Labels":{"peer":"n\"2"}}],"Points":[],"Counters":["#
            + #"{"Name":"consul.raft.apply","Count":4,"Rate":0.4,"Sum":4,"Min":1,"Max":1,"Mean":1,"#
            + #""Stddev":0,"Labels":{}}],"Samples":["#
            + #"{"Name":"consul.kvs.apply","Count":2,"Rate":0.4,"Sum":4,"Min":1,"Max":3,"Mean":2,"#
            + #""Stddev":1.4142135623730951,"Labels":{}}]}"#
        #expect(String(decoding: json, as: UTF8.self) == expected)
    }

    @Test("an interval is what came since its beginning")
    func changes() {
        var times = Distribution()
        times.add(50)
        let before: [Metric] = [.counter("c", 5, ""), .times("t", times, ""), .gauge("g", 1, "")]
        times.beginInterval()
        times.add(7)
        let now: [Metric] = [.counter("c", 9, ""), .times("t", times, ""), .gauge("g", 2, "")]
        let changes = Metric.changes(of: now, since: before)
        #expect(changes.map(\.name) == ["c", "t"])
        #expect(changes[0].samples[0].value == .whole(4))
        guard case .distribution(let moved, _) = changes[1].samples[0].value else {
            Issue.record("\(changes[1])")
            return
        }
        #expect(moved.count == 1 && moved.sum == 7 && moved.least == 7 && moved.greatest == 7)
        let reset = Metric.changes(of: [.counter("c", 2, "")], since: now)
        #expect(reset[0].samples[0].value == .whole(2))
    }
}
