import Measures
import Testing

@Suite struct PrometheusTextTests {
    @Test func `numbers and labels`() {
        let metrics = [
            Metric.gauge("roost.raft.commit_index", 17, "The last entry\nthat is agreed on."),
            Metric(
                "roost.peer.lag",
                .gauge,
                "Entries \"behind\".",
                [
                    Metric.Sample(.real(0.5), labels: [Metric.Label("peer", "n\"2\\\n")]),
                    Metric.Sample(.whole(0), labels: [Metric.Label("peer", "n3")]),
                ]
            ),
            Metric("roost.nothing", .gauge, "Not shown without a value.", []),
        ]
        let expected = #"""
            # HELP roost_raft_commit_index The last entry\nthat is agreed on.
            # TYPE roost_raft_commit_index gauge
            roost_raft_commit_index 17
            # HELP roost_peer_lag Entries "behind".
            # TYPE roost_peer_lag gauge
            roost_peer_lag{peer="n\"2\\\n"} 0.5
            roost_peer_lag{peer="n3"} 0

            """#
        #expect(PrometheusText.text(metrics) == expected)
    }

    @Test func `a histogram of times counts what is below each bound`() {
        var values = Distribution()
        for value: UInt64 in [63, 64, 127, 2_000_000, 60_000_000] { values.add(value) }
        let text = PrometheusText.text([.times("roost.x.seconds", values, "Help.")])
        let lines = text.split(separator: "\n")
        #expect(lines[1] == "# TYPE roost_x_seconds histogram")
        #expect(lines[2] == #"roost_x_seconds_bucket{le="6.4e-05"} 1"#)
        #expect(lines[3] == #"roost_x_seconds_bucket{le="0.000128"} 3"#)
        #expect(lines[lines.count - 4] == #"roost_x_seconds_bucket{le="16.777216"} 4"#)
        #expect(lines[lines.count - 3] == #"roost_x_seconds_bucket{le="+Inf"} 5"#)
        #expect(lines[lines.count - 2] == "roost_x_seconds_sum 62.000254")
        #expect(lines[lines.count - 1] == "roost_x_seconds_count 5")
    }

    @Test func `a histogram of whole numbers has bounds that belong to it`() {
        var values = Distribution()
        for value: UInt64 in [1, 2, 3, 4] { values.add(value) }
        let metric = Metric(
            "roost.batch",
            .histogram,
            "Help.",
            [Metric.Sample(.distribution(values, .whole))]
        )
        let lines = PrometheusText.text([metric]).split(separator: "\n")
        #expect(lines[2] == #"roost_batch_bucket{le="1"} 1"#)
        #expect(lines[3] == #"roost_batch_bucket{le="3"} 3"#)
        #expect(lines[4] == #"roost_batch_bucket{le="7"} 4"#)
    }

    @Test func `a summary's quantiles are those of the last interval`() {
        var values = Distribution()
        values.add(1_500)
        values.add(9_000_000)
        var recent = Distribution()
        recent.add(1_500)
        let metric = Metric.summary("consul.raft.commitTime", values, "Help.")
        let shown = PrometheusText.text([metric], recent: ["consul.raft.commitTime": recent])
        let expected = """
            # HELP consul_raft_commitTime Help.
            # TYPE consul_raft_commitTime summary
            consul_raft_commitTime{quantile="0.5"} 1.5
            consul_raft_commitTime{quantile="0.9"} 1.5
            consul_raft_commitTime{quantile="0.99"} 1.5
            consul_raft_commitTime_sum 9001.5
            consul_raft_commitTime_count 2

            """
        #expect(shown == expected)
        #expect(PrometheusText.text([metric]).contains("quantile=\"0.5\"} NaN"))
    }

    @Test func `a name keeps letters, digits and underscores`() {
        #expect(PrometheusText.name("consul.http.GET.v1.kv._") == "consul_http_GET_v1_kv__")
        #expect(PrometheusText.name("a-b/cé") == "a_b_c_")
    }
}
