"""/v1/agent/metrics in both formats, and mntr: strictly read, true to what was done, and under the
real servers' names."""

import json
import math
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from kazoo.client import KazooClient

from cluster import Cluster
from jute import Wire
from servers import Roost, Server, eventually, free_port, http_get

HERE = Path(__file__).parent
PROMETHEUS = HERE.parents[1] / ".build-live/prometheus/usr/bin"
GOLDEN = json.loads((HERE / "Golden/metrics.json").read_text())
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')

SUFFIXES = {"gauge": [""], "counter": [""], "histogram": ["_bucket", "_sum", "_count"],
            "summary": ["", "_sum", "_count"]}

pytestmark = pytest.mark.roost_only

# A name, and its labels in order.
Key = tuple[str, tuple[tuple[str, str], ...]]


def scrape(server: Server) -> str:
    answer = requests.get(f"{server.http}/v1/agent/metrics?format=prometheus", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


def parse(text: str) -> tuple[dict[str, str], dict[Key, float]]:
    """Every sample by name and labels; anything that the format does not allow fails."""
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    values: dict[Key, float] = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in kinds, f"{family} comes twice"
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == family and kind in ("gauge", "counter", "histogram", "summary")
            kinds[name] = kind
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, labels, value = match.groups()
        pairs = LABEL.findall(labels or "")
        assert ",".join(f'{k}="{v}"' for k, v in pairs) == (labels or ""), line
        assert name in [family + s for s in SUFFIXES[kinds[family]]], line
        key = (name, tuple(sorted(pairs)))
        assert key not in values, line
        values[key] = float(value)
    check_histograms(kinds, values)
    return kinds, values


def check_histograms(kinds: dict[str, str], values: dict[Key, float]) -> None:
    """Buckets only grow, and the last one is the count."""
    for name in (n for n, kind in kinds.items() if kind == "histogram"):
        rows: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        for (sample, labels), value in values.items():
            if sample == f"{name}_bucket":
                rest = tuple(pair for pair in labels if pair[0] != "le")
                rows.setdefault(rest, []).append((float(dict(labels)["le"]), value))
        assert rows, name
        for rest, buckets in rows.items():
            bounds = [bound for bound, _ in buckets]
            counts = [count for _, count in buckets]
            assert bounds == sorted(bounds) and math.isinf(bounds[-1]), name
            assert counts == sorted(counts), (name, rest)
            assert counts[-1] == values[(f"{name}_count", rest)], (name, rest)


def value(server: Server, name: str, **labels: str) -> float:
    return parse(scrape(server))[1].get((name, tuple(sorted(labels.items()))), 0)


def word(server: Server, text: bytes) -> str:
    wire = Wire(server.zookeeper)
    wire.send_raw(text)
    return wire.read_to_end(10).decode()


def mntr(server: Server) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in word(server, b"mntr").splitlines())


def settle(node: Roost) -> None:
    """Until the entries of the start are there: the leader's first, the node's registration, and, half
    a second later, the leader's word that it is alive."""
    eventually(lambda: value(node, "roost_raft_applied_index") >= 3, 20, "the node in the catalog, alive")


def promtool(text: str) -> tuple[int, list[str]]:
    checked = subprocess.run([PROMETHEUS / "promtool", "check", "metrics"], input=text, text=True,
                             capture_output=True)
    return checked.returncode, (checked.stdout + checked.stderr).splitlines()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Roost]:
    server = Roost(tmp_path / "n1").start()
    yield server
    server.discard()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made.start()
    made.discard()


def test_promtool_finds_nothing_wrong(node: Roost) -> None:
    """But the names that Consul chose: they are not in snake case, and count without "_total"."""
    requests.put(f"{node.http}/v1/kv/a", data="1", timeout=10)
    text = scrape(node)
    blocks = re.split(r"(?=^# HELP )", text, flags=re.M)
    own = "".join(block for block in blocks if not block.startswith("# HELP consul_"))
    assert "roost_raft_commit_index" in own and "\nconsul_" not in own
    assert promtool(own) == (0, [])
    status, complaints = promtool(text)
    assert status in (0, 3), complaints
    assert [line for line in complaints if not line.startswith("consul_")] == []


def test_promtool_sees_a_broken_text() -> None:
    assert promtool("# TYPE a gauge\na{b=} 1\n")[0] == 1
    assert promtool("# HELP a_count Help.\n# TYPE a_count gauge\na_count 1\n")[0] == 3


def test_a_real_prometheus_scrapes_it(node: Roost, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(f"""
scrape_configs:
  - job_name: roost
    scrape_interval: 1s
    metrics_path: /v1/agent/metrics
    params: {{format: [prometheus]}}
    static_configs: [{{targets: ["{node.http.removeprefix('http://')}"]}}]
""")
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(
            [PROMETHEUS / "prometheus", f"--config.file={tmp_path}/prometheus.yml",
             f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log)
    try:
        def query(expression: str) -> float | None:
            status, body = http_get(f"http://127.0.0.1:{port}/api/v1/query?query={expression}", 5)
            found = json.loads(body)["data"]["result"] if status == 200 else []
            return float(found[0]["value"][1]) if found else None
        eventually(lambda: query("up") == 1, 60, f"a scrape; its log: {tmp_path}/log", 0.2)
        assert query("roost_raft_commit_index") >= 1
        assert query("consul_raft_last_index") >= 1
    finally:
        server.kill()
        server.wait()


def test_counts_move_by_what_was_done(node: Roost) -> None:
    settle(node)
    before = parse(scrape(node))[1]
    for i in range(7):
        assert requests.put(f"{node.http}/v1/kv/k{i}", data="x" * 100, timeout=10).text == "true"
    for i in range(5):
        assert requests.get(f"{node.http}/v1/kv/k{i}", timeout=10).status_code == 200
    assert requests.get(f"{node.http}/v1/kv/k0?consistent", timeout=10).status_code == 200
    assert requests.delete(f"{node.http}/v1/kv/k6", timeout=10).text == "true"
    client = KazooClient(hosts=node.zookeeper)
    client.start()
    try:
        for i in range(6):
            client.create(f"/z{i}", b"v")
        events: list[object] = []
        client.get("/z0", watch=events.append)
        client.set("/z0", b"w")
        eventually(lambda: events, 10, "the watch's event")
        after: dict[Key, float] = {}

        def moved(name: str, **labels: str) -> float:
            key = (name, tuple(sorted(labels.items())))
            return after.get(key, 0) - before.get(key, 0)

        def is_measured() -> bool:
            """An answer goes out before its batch has been measured."""
            after.update(parse(scrape(node))[1])
            return moved("roost_apply_batch_entries_sum") >= 16
        eventually(is_measured, 20, "the last batch")

        assert moved("roost_request_seconds_count", protocol="consul", kind="write") == 8
        assert moved("consul_kvs_apply_count") == 8
        assert moved("consul_http_PUT_v1_kv___count") == 7
        assert moved("consul_http_GET_v1_kv___count") == 6
        assert moved("consul_http_DELETE_v1_kv___count") == 1
        assert moved("consul_rpc_query") == 6
        assert moved("consul_rpc_consistentRead_count") == 1
        # The session's own, six znodes, and the change.
        assert moved("roost_request_seconds_count", protocol="zookeeper", kind="write") == 8
        assert moved("roost_request_seconds_count", protocol="zookeeper", kind="read") >= 1
        assert moved("roost_raft_proposed_total") == 16
        assert moved("consul_raft_apply") == 16
        assert moved("roost_raft_committed_total", origin="own") == 16
        assert moved("roost_log_commit_entries_sum") == 16
        assert moved("roost_apply_batch_entries_sum") == 16
        assert moved("roost_raft_commit_index") == 16 == moved("roost_raft_applied_index")
        assert moved("roost_zookeeper_events_total") == 1
        assert moved("roost_wake_seconds_count", protocol="zookeeper") == 1
        assert moved("roost_sessions", protocol="zookeeper") == 1
        assert moved("roost_connections", protocol="zookeeper") == 1
        assert moved("roost_state_keys") == 6
        assert moved("roost_state_znodes") == 6
        assert moved("roost_log_flush_seconds_count") >= 1
    finally:
        client.stop()
        client.close()


def test_latencies_are_those_that_were(node: Roost) -> None:
    """All writes together cannot have taken longer than the time in which they were made."""
    client = requests.Session()
    before = parse(scrape(node))[1]
    count = 40
    spent = 0.0
    for i in range(count):
        answer = client.put(f"{node.http}/v1/kv/t{i}", data="1", timeout=10)
        spent += answer.elapsed.total_seconds()
    after = parse(scrape(node))[1]
    key: Key = ("roost_request_seconds_sum", (("kind", "write"), ("protocol", "consul")))
    told = after[key] - before[key]
    key = ("roost_log_flush_seconds_sum", ())
    flushes = after[key] - before[key]
    assert 0 < flushes < told < spent


def test_blocked_queries_are_told_and_their_wakes_measured(node: Roost) -> None:
    url = f"{node.http}/v1/kv/w"
    requests.put(url, data="1", timeout=10)
    index = requests.get(url, timeout=10).headers["X-Consul-Index"]
    waiters = [subprocess.Popen(["curl", "-s", f"{url}?index={index}&wait=60s"],
                                stdout=subprocess.PIPE) for _ in range(5)]
    eventually(lambda: value(node, "roost_consul_blocked_queries") == 5, 20, "five that wait")
    assert value(node, "consul_rpc_queries_blocking") == 5
    # One question, which every event loop with a client of it asks for itself.
    assert 1 <= value(node, "roost_consul_questions") <= 5
    requests.put(f"{node.http}/v1/kv/w", data="2", timeout=10)
    for waiter in waiters:
        assert b"Mg==" in waiter.communicate(timeout=20)[0]
    assert value(node, "roost_consul_blocked_queries") == 0
    assert value(node, "roost_consul_answered_queries_total") == 5
    assert value(node, "roost_wake_seconds_count", protocol="consul") == 5


def test_json_is_of_go_metrics_shape_and_of_whole_intervals(node: Roost) -> None:
    keys = GOLDEN["json"]

    def body() -> dict:
        return requests.get(f"{node.http}/v1/agent/metrics", timeout=10).json()

    settle(node)
    # The first interval may be a short one; the one that is told when the next has begun is whole. What is done
    # right after that beginning falls into one interval.
    starts = {body()["Timestamp"]}
    eventually(lambda: starts.add(body()["Timestamp"]) or len(starts) >= 2, 40, "the next interval", 0.1)
    for _ in range(20):
        requests.put(f"{node.http}/v1/kv/a", data="1", timeout=10)
    eventually(lambda: starts.add(body()["Timestamp"]) or len(starts) >= 3, 40, "a whole interval", 0.1)
    last = body()
    assert set(last) == set(keys) | {"Timestamp"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d0 \+0000 UTC", last["Timestamp"])
    for kind in ("Gauges", "Counters", "Samples"):
        names = [row["Name"] for row in last[kind]]
        assert names == sorted(names) and names
        assert all(sorted(row) == keys[kind] for row in last[kind])
    writes = next(row for row in last["Samples"] if row["Name"] == "consul.kvs.apply")
    assert writes["Count"] > 1 and writes["Labels"] == {}
    assert 0 < writes["Min"] <= writes["Mean"] <= writes["Max"]
    assert writes["Sum"] == pytest.approx(writes["Mean"] * writes["Count"])
    assert writes["Rate"] == pytest.approx(writes["Sum"] / 10, rel=0.05)
    applied = next(row for row in last["Counters"] if row["Name"] == "consul.raft.apply")
    assert applied["Count"] == applied["Sum"] == writes["Count"] == 20
    # As the real agent does with a format that it does not know.
    other = requests.get(f"{node.http}/v1/agent/metrics?format=x", timeout=10).json()
    assert other["Points"] == []


def test_consuls_names_are_the_real_ones(node: Roost) -> None:
    """Every consul_ name is one of the real server's, and of its kind there."""
    requests.put(f"{node.http}/v1/kv/a", data="1", timeout=10)
    # A leader tells of itself from its next tick on.
    eventually(lambda: value(node, "consul_autopilot_healthy") == 1, 20, "a leader that is well")
    kinds = {n: k for n, k in parse(scrape(node))[0].items() if n.startswith("consul_")}
    # Documented, and not told by one real server alone that has taken no snapshot.
    others = {"consul_raft_leader_lastContact", "consul_raft_rpc_appendEntries_storeLogs",
              "consul_raft_snapshot_takeSnapshot", "consul_raft_fsm_restore"}
    strange = {n: k for n, k in kinds.items()
               if n not in others and not n.startswith("consul_http_")
               and GOLDEN["consul"].get(n) != k}
    assert strange == {}
    for wanted in ("raft_apply", "raft_commitTime", "raft_leader_dispatchLog", "kvs_apply",
                   "txn_apply", "session_apply", "session_renew", "catalog_register",
                   "catalog_deregister", "rpc_queries_blocking", "rpc_query", "http_PUT_v1_kv__",
                   "raft_state_leader", "autopilot_healthy", "raft_applied_index"):
        assert f"consul_{wanted}" in kinds


# What mntr of the real server says and this one cannot truthfully; see Operating.md.
LEFT_OUT = re.compile(
    r"zk_((avg|min|max|cnt|sum|p50|p95|p99|p999)_)?("
    r"node_\w+_watch_count|\w*commit_?proc\w*|\w*session_queue\w*|\w*final_proc\w*|prep_proc\w*"
    r"|sync_process\w*(queue|time)\w*|proposal_(process_time|latency|ack_creation_latency)"
    r"|propagation_latency|commit_(process_time|propagation_latency)|\w*committed_time_ms|om_\w+"
    r"|dead_watchers\w*|add_dead_watcher_stall_time|startup_\w+|dbinittime|restore_\w+"
    r"|(follower|observer)_sync_time|(leader_)?unavailable_time|socket_closing_time"
    r"|connection_(token_deficit|revalidate_count)|revalidate_count|netty_\w+|jvm_pause_time_ms"
    r"|close_session_prep_time|inflight_\w+|response_packet_\w+|request_(throttle\w*|commit_queued)"
    r"|stale_\w+|throttled_ops|insecure_admin_count|ensemble_auth_\w+|(diff|snap)_count"
    r"|requests_not_forwarded\w*|skip_learner\w*|outstanding_changes_\w+|quit_leading\w*"
    r"|unsuccessful_handshake|tls_handshake_exceeded|cnxn_closed_without\w*"
    r"|snapshot_(error_count|rate_limited_count)|learner_request_processor_queue_size"
    r"|digest_mismatches_count|pending_session_queue_size)")


def check_names(found: dict[str, str], mode: str) -> None:
    real = GOLDEN["mntr"]["standalone"]
    if mode != "standalone":
        real = real + GOLDEN["mntr"][mode]
    assert [k for k in found if k not in real] == []
    missing = [k for k in real if k not in found]
    assert [k for k in missing if not LEFT_OUT.fullmatch(k)] == []
    assert [k for k in found if LEFT_OUT.fullmatch(k)] == []


def test_mntr_has_the_real_servers_names(node: Roost) -> None:
    pairs = mntr(node)
    check_names(pairs, "standalone")
    for key in ("zk_fsynctime", "zk_updatelatency"):
        prefix, name = key.split("_", 1)
        low, mean, high = (float(pairs[f"{prefix}_{part}_{name}"])
                           for part in ("min", "avg", "max"))
        assert low <= mean <= high + 1
    assert int(pairs["zk_cnt_fsynctime"]) >= 1


def test_a_node_is_up_since_its_server_began(node: Roost) -> None:
    """The process may be older: it may have waited for something, and then become the server."""
    before = int(mntr(node)["zk_uptime"])
    up = parse(scrape(node))[1]["roost_up_seconds", ()] * 1_000
    assert 0 < before <= round(up) <= int(mntr(node)["zk_uptime"])


def test_mntr_and_srvr_count_what_was_done(node: Roost) -> None:
    settle(node)
    client = KazooClient(hosts=node.zookeeper)
    client.start()
    try:
        before = mntr(node)
        for i in range(9):
            client.create(f"/m{i}", b"v")
        for i in range(4):
            client.get(f"/m{i}")
        after = mntr(node)
        moved = {k: int(after[k]) - int(before[k]) for k in before if before[k].isdigit()}
        assert moved["zk_cnt_updatelatency"] == 9
        assert 4 <= moved["zk_cnt_readlatency"] <= 6
        assert moved["zk_proposal_count"] == 9 == moved["zk_commit_count"]
        assert moved["zk_sum_sync_processor_batch_size"] == 9
        assert moved["zk_znode_count"] == 9
        assert float(after["zk_avg_updatelatency"]) <= int(after["zk_max_updatelatency"]) + 1
        line = word(node, b"srvr").split("avg/max: ")[1].splitlines()[0]
        low, mean, high = line.split("/")
        assert float(low) <= float(mean) <= float(high)
    finally:
        client.stop()
        client.close()


def test_a_cluster_tells_lags_and_roles(cluster: Cluster) -> None:
    leader = cluster.leader()
    for i in range(5):
        assert requests.put(f"{leader.http}/v1/kv/c{i}", data="1", timeout=10).text == "true"
    names = {n.name for n in cluster.nodes} - {leader.name}

    def even() -> dict[Key, float] | None:
        values = parse(scrape(leader))[1]
        lags = [values.get(("roost_raft_peer_lag_entries", (("peer", n),))) for n in names]
        return values if lags == [0, 0] else None
    values = eventually(even, 20, "no lag")
    last = values[("roost_raft_last_index", ())]
    matches = {values[("roost_raft_peer_match_index", (("peer", n),))] for n in names}
    assert matches == {last}
    assert values[("roost_raft_role", (("role", "leader"),))] == 1
    assert values[("consul_autopilot_healthy", ())] == 1
    assert values[("consul_autopilot_failure_tolerance", ())] == 1
    assert values[("consul_raft_leader_lastContact_count", ())] > 0
    assert values[("roost_raft_voters", ())] == 3
    check_names(mntr(leader), "leader")
    assert int(mntr(leader)["zk_synced_followers"]) == 2 == int(mntr(leader)["zk_learners"])
    follower = cluster.followers()[0]
    values = parse(scrape(follower))[1]
    assert values[("roost_raft_role", (("role", "follower"),))] == 1
    assert values[("roost_raft_received_total", ())] >= 5
    assert ("roost_raft_leader_contact_age_seconds", ()) in values
    assert not [key for key in values if key[0].startswith("roost_raft_peer_")]
    check_names(mntr(follower), "follower")
    changes = values[("roost_raft_leader_changes_total", ())]
    leader.kill()
    cluster.leader()
    eventually(lambda: value(follower, "roost_raft_leader_changes_total") > changes, 20,
               "the change of leaders")
    assert value(follower, "roost_raft_leaderless_total") >= 2
    living = cluster.leader()
    eventually(lambda: value(living, "roost_raft_peer_contact_age_seconds", peer=leader.name) > 1,
               20, "the silence of the dead")
    assert value(living, "consul_autopilot_healthy") == 0
    eventually(lambda: int(mntr(living)["zk_synced_followers"]) == 1, 20, "one follower")
    cluster.followers()[0].kill()
    answer = requests.put(f"{living.http}/v1/kv/alone", data="1", timeout=60)
    assert answer.status_code == 500
    refused = sum(value(living, "roost_requests_refused_total", reason=reason)
                  for reason in ("no_leader", "timed_out"))
    assert refused >= 1
    eventually(lambda: value(living, "roost_raft_has_leader") == 0, 20, "that nobody leads")


def documented() -> dict[str, str]:
    """The kinds of the names in the table of Operating.md."""
    text = (HERE.parents[1] / "Sources/RoostServer/Docs.docc/Operating.md").read_text()
    table = text.split("| roost_... |")[1].split("\n\n")[0]
    kinds = {}
    for line in table.splitlines()[2:]:
        names, kind = line.strip("|").split("|")[:2]
        for name in re.findall(r"`(\w+)[^`]*`", names):
            kinds[f"roost_{name}"] = kind.strip()
    return kinds


def test_the_documents_have_every_name(cluster: Cluster) -> None:
    leader = cluster.leader()
    # A leader tells of itself and of the others from its next tick on.
    eventually(lambda: "roost_raft_leases" in parse(scrape(leader))[0], 20, "its tick")
    found = {name: kind for node in (leader, cluster.followers()[0])
             for name, kind in parse(scrape(node))[0].items() if name.startswith("roost_")}
    told = documented()
    assert {name: told.get(name) for name in found} == found
    # Not before there was a snapshot, or a backup.
    late = {"roost_snapshot_bytes", "roost_snapshot_last_index", "roost_backup_bytes",
            "roost_backup_last_timestamp_seconds"}
    assert set(told) - set(found) <= late


def test_snapshots_are_told(tmp_path: Path) -> None:
    server = Roost(tmp_path / "n1", arguments=["--snapshot-log-megabytes=1"]).start()
    try:
        client = requests.Session()
        for i in range(60):
            client.put(f"{server.http}/v1/kv/s{i % 3}", data="x" * 100_000, timeout=10)
        eventually(lambda: value(server, "roost_snapshot_taken_total") >= 1, 30, "a snapshot")
        values = parse(scrape(server))[1]
        taken = values[("roost_snapshot_taken_total", ())]
        assert values[("roost_snapshot_take_seconds_count", ())] == taken
        assert values[("consul_raft_snapshot_takeSnapshot_count", ())] == taken
        assert values[("roost_snapshot_bytes", ())] > 100_000
        assert values[("roost_snapshot_failed_total", ())] == 0
        assert int(mntr(server)["zk_cnt_snapshottime"]) >= taken
        eventually(lambda: value(server, "roost_snapshot_last_index") > 1, 20, "that it is known")
    finally:
        server.discard()


def test_metrics_are_told_while_the_disk_stalls(tmp_path: Path, library: Path) -> None:
    trigger = tmp_path / "trigger"
    server = Roost(tmp_path / "n1", preload=library,
                   environment={"SYNCFAULT_TRIGGER": str(trigger)}).start()
    try:
        trigger.write_text("3000")
        writer = subprocess.Popen(["curl", "-s", "-X", "PUT", "-d", "1", f"{server.http}/v1/kv/s"],
                                  stdout=subprocess.PIPE)
        eventually(lambda: value(server, "roost_raft_tick_age_seconds") > 1, 20, "an old tick")
        trigger.unlink()
        assert writer.communicate(timeout=30)[0] == b"true"
    finally:
        server.discard()
