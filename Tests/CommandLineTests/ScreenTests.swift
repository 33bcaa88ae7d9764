import Foundation
import Testing

@testable import roost

@Suite struct TreeTests {
    @Test func `strokes show which node is the last of its parent`() {
        var branches = Branches()
        let nodes = [(0, 2), (1, 1), (2, 0), (1, 2), (2, 0), (2, 0)]
        let lines = nodes.map { branches.prefix($0.0, children: $0.1) }
        #expect(lines == ["", "├── ", "│   └── ", "└── ", "    ├── ", "    └── "])
    }

    @Test func `keys become a tree of their parts`() {
        let tree = KeyTree(["app/", "app/mode", "app/sub/x", "app/sub/y", "b"], below: "")
        #expect(
            tree.lines(depth: .max).map(\.text) == [
                ".", "├── app/", "│   ├── mode", "│   └── sub/", "│       ├── x",
                "│       └── y", "└── b",
            ]
        )
        #expect(tree.lines(depth: 1).map(\.text) == [".", "├── app/  (3 below)", "└── b"])
        #expect(tree.lines(depth: 1).map(\.key) == [nil, "app/", "b"])
    }

    @Test func `a prefix within a name begins at its part`() {
        let tree = KeyTree(["app/mode", "app/more"], below: "app/mo")
        #expect(tree.lines(depth: .max).map(\.text) == ["app/", "├── mode", "└── more"])
    }

    @Test func `keys that look the same are two`() {
        let tree = KeyTree(["a/\u{301}x", "a/e\u{301}", "a/\u{e9}"], below: "a/")
        let lines = tree.lines(depth: .max)
        #expect(lines.compactMap(\.key).map { Array($0.utf8) }.count == 3)
        #expect(
            lines.map { Array($0.text.utf8) }
                == [
                    "a/", "├── e\u{301}", "├── \u{e9}", "└── \u{301}x",
                ].map { Array($0.utf8) }
        )
    }

    @Test func `control characters in names are escaped`() {
        #expect(Terminal.printable("a\u{1b}[31mb\n") == "a\\u{1b}[31mb\\u{a}")
    }
}

@Suite struct ScreenTests {
    @Test func `a line is cut by what is seen of it`() {
        let line = "\u{1b}[2mserver\u{1b}[0m name"
        #expect(LiveScreen.cut(line, 8) == "\u{1b}[2mserver\u{1b}[0m n")
        #expect(LiveScreen.cut("plain", 80) == "plain")
    }

    @Test func `rates are those between two looks, and a restart is no negative rate`() throws {
        let time = Date(timeIntervalSince1970: 1_000)
        func scrape(_ reads: Int, _ seconds: Double) -> Scrape {
            Scrape(
                """
                # HELP x y
                roost_request_seconds_count{protocol="consul",kind="read"} \(reads)
                roost_log_flush_seconds_count 10
                """,
                taken: time.addingTimeInterval(seconds)
            )
        }
        let rates = try #require(Rates(scrape(10, 0), scrape(30, 2)))
        #expect(rates.reads == 10 && rates.writes == 0 && rates.flushSeconds == nil)
        #expect(try #require(Rates(scrape(10, 0), scrape(3, 2))).reads == 0)
        #expect(Rates(nil, scrape(3, 2)) == nil)
    }

    @Test func `a server is up since it began, and one of a thing is one`() {
        let scrape = Scrape(
            """
            process_start_time_seconds 100
            roost_up_seconds 61
            roost_state_znodes 4
            roost_state_keys 1
            roost_state_services 1
            roost_zookeeper_watches 1
            roost_consul_blocked_queries 1
            process_open_fds 1
            """,
            taken: Date(timeIntervalSince1970: 1_000)
        )
        let report = NodeReport(
            address: "http://a:1",
            node: "n1",
            version: "",
            datacenter: "dc1",
            leader: "",
            peers: [],
            figures: NodeReport.Figures(scrape)
        )
        let screen = NodeScreen(report, .plain).lines.joined(separator: "\n")
        #expect(screen.contains("up 1m1s"))
        #expect(screen.contains("4 znodes (? ephemeral), 1 key, 1 service;"))
        #expect(screen.contains("1 watch, 1 blocked query"))
        #expect(screen.contains("1 open file"))
        #expect(!screen.contains("open files"))
    }

    @Test(arguments: [
        (0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (3_145_728, "3.0 MiB"),
    ])
    func `bytes for people`(_ count: Int, _ text: String) {
        #expect(Figure.bytes(Double(count)) == text)
    }

    @Test(arguments: [("10s", 10.0), ("500ms", 0.5), ("2m", 120.0), ("1.5h", 5_400.0)])
    func `a lock's times are read`(_ text: String, _ seconds: Double) {
        #expect(LockCommand.seconds(text) == seconds)
    }

    @Test(arguments: ["", "10", "s", "-1s", "10 s", "ten s", "infs"])
    func `what is no time is none`(_ text: String) {
        #expect(LockCommand.seconds(text) == nil)
    }
}
