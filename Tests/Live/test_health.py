"""/livez and /readyz, log levels that change while running, slow operations and traces."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from kazoo.client import KazooClient

from cluster import roost
from servers import Roost, eventually, http_get

pytestmark = pytest.mark.roost_only

TOKEN = "2b778dd9-f5f1-6f29-b4b4-9a5fa948757a"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def ready(node) -> tuple[int | None, str]:
    status, body = http_get(f"{node.http}/readyz", 5)
    return status, body.decode() if isinstance(body, bytes) else str(body)


def failed(node) -> list[str]:
    lines = ready(node)[1].splitlines()
    return [line[3:].split(" ")[0] for line in lines if line.startswith("[-]")]


def test_a_node_that_serves_is_alive_and_ready(launch):
    server = launch()
    for path in ("livez", "readyz", "livez/ping", "readyz/disk"):
        answer = requests.get(f"{server.http}/{path}", timeout=5)
        assert (answer.status_code, answer.text) == (200, "ok")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = requests.get(f"{server.http}/readyz?verbose&exclude=disk", timeout=5).text
    assert "[+]leader ok\n" in text and "[+]disk excluded: ok\n" in text
    assert text.endswith("readyz check passed\n")
    assert requests.get(f"{server.http}/readyz/nothing", timeout=5).status_code == 404
    # A load balancer's HEAD.
    assert requests.head(f"{server.http}/readyz", timeout=5).status_code == 200


def test_without_a_leader_a_node_is_alive_and_not_ready(cluster):
    three = cluster(3)
    for node in three.nodes:
        eventually(lambda node=node: ready(node) == (200, "ok"), 20, "ready")
    first, *others = three.nodes
    for node in others:
        node.kill()
    eventually(lambda: "leader" in failed(first), 20, "no leader")
    assert ready(first)[0] == 500
    assert http_get(f"{first.http}/livez", 5) == (200, b"ok")
    assert roost(first, "status", "--no-rates")[0] == 1
    others[0].start()
    eventually(lambda: ready(first) == (200, "ok"), 30, "ready again")


def test_a_leader_that_is_told_to_stop_is_not_ready_while_it_hands_over(cluster):
    three = cluster(3)
    leader = three.leader()
    others = [node for node in three.nodes if node is not leader]
    # They cannot take over, so that the leader tries for its two seconds.
    for node in others:
        node.process.send_signal(signal.SIGSTOP)
    try:
        leader.process.send_signal(signal.SIGTERM)
        eventually(lambda: "shutdown" in failed(leader), 5, "leaving", pause=0.005)
    finally:
        for node in others:
            node.process.send_signal(signal.SIGCONT)
    assert leader.process.wait(20) == 0


def test_a_stopped_process_gives_no_answer(launch):
    server = launch()
    server.process.send_signal(signal.SIGSTOP)
    assert http_get(f"{server.http}/livez", 1)[0] is None
    server.process.send_signal(signal.SIGCONT)
    eventually(lambda: http_get(f"{server.http}/livez", 1)[0] == 200, 5, "alive again")


def test_the_log_level_changes_while_running_and_goes_back(launch):
    server = launch()
    assert roost(server, "log-level") == (0, "info\n")
    code, text = roost(server, "log-level", "debug", "--for", "1s")
    assert code == 0 and text.startswith("debug (configured: info), for ")
    eventually(lambda: roost(server, "log-level") == (0, "info\n"), 10, "set back")
    assert "log level set back" in server.log()
    answer = requests.put(f"{server.http}/v1/roost/log-level?level=error", timeout=5)
    assert answer.json() == {"Level": "error", "Configured": "info", "RevertsInSeconds": 0}
    before = server.log()
    requests.put(f"{server.http}/v1/roost/log-level?level=warning", timeout=5)
    # The notice about it is below both levels.
    assert server.log() == before
    for query in ("", "?level=loud", "?level=info&duration=-1s", "?level=info&duration=ever"):
        answer = requests.put(f"{server.http}/v1/roost/log-level{query}", timeout=5)
        assert answer.status_code == 400
    assert requests.delete(f"{server.http}/v1/roost/log-level", timeout=5).status_code == 405


def slow_lines(server: Roost) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == "slow operation"]


@pytest.fixture
def disk(tmp_path) -> Path:
    """What is written to this file, the disk does: see faults/syncfault.c."""
    return tmp_path / "trigger"


def test_a_node_whose_disk_hangs_is_alive_and_not_ready(launch, library, disk):
    server = launch(preload=library, environment={"SYNCFAULT_TRIGGER": str(disk)})
    disk.write_text("hang")
    with pytest.raises(requests.Timeout):
        requests.put(f"{server.http}/v1/kv/key", data=b"x", timeout=1)
    eventually(lambda: "replica" in failed(server), 15, "not ready")
    assert http_get(f"{server.http}/livez", 5) == (200, b"ok")
    disk.unlink()
    eventually(lambda: ready(server) == (200, "ok"), 15, "ready again")


def test_slow_operations_are_logged_with_their_stages(launch, library, disk):
    """The log's disk takes 300 ms for each flush."""
    server = launch(
        preload=library, arguments=["--slow-operation-milliseconds=200", "--log-format=json"],
        environment={"SYNCFAULT_TRIGGER": str(disk)})
    disk.write_text("300")
    requests.put(f"{server.http}/v1/kv/slow/key", data=b"secret-value", timeout=20)
    client = KazooClient(server.zookeeper)
    client.start(30)
    client.create("/slow-znode", b"secret-value")
    # A read that waits for a write before it.
    write = client.set_async("/slow-znode", b"secret-value")
    read = client.get_async("/slow-znode")
    write.get(20)
    read.get(20)
    client.stop()
    lines = slow_lines(server)
    put = next(line for line in lines if line["subject"] == "slow/key")
    assert (put["protocol"], put["kind"]) == ("consul", "PUT /v1/kv/")
    assert float(put["milliseconds"]) >= 300 and float(put["in_log"]) >= 300
    parts = sum(float(value) for name, value in put.items() if name.startswith("in_"))
    assert parts == pytest.approx(float(put["milliseconds"]), abs=0.01)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", put["client"])
    kinds = {line["kind"]: line for line in lines if line["subject"] == "/slow-znode"}
    assert {"create", "setData", "getData"} <= set(kinds)
    assert kinds["create"]["protocol"] == "zookeeper"
    assert "secret-value" not in server.log()
    metrics = requests.get(f"{server.http}/v1/agent/metrics?format=prometheus", timeout=5).text
    assert int(re.search(r"^roost_slow_operations_total (\d+)$", metrics, re.M)[1]) >= len(lines)


def test_many_slow_operations_are_few_lines(launch):
    """At a threshold of 0 nothing is logged; at 1 ms a burst is bounded."""
    server = launch(arguments=["--slow-operation-milliseconds=1", "--log-format=json"])
    client = KazooClient(server.zookeeper)
    client.start(30)
    client.create("/burst", b"")
    for result in [client.set_async("/burst", b"x" * 1000) for _ in range(3000)]:
        result.get(60)
    client.stop()
    lines = slow_lines(server)
    seconds: dict[int, int] = {}
    for line in lines:
        seconds[line["time"] // 1000] = seconds.get(line["time"] // 1000, 0) + 1
    assert lines and max(seconds.values()) <= 20
    quiet = launch(arguments=["--slow-operation-milliseconds=0", "--log-format=json"])
    requests.put(f"{quiet.http}/v1/kv/key", data=b"x", timeout=20)
    assert not slow_lines(quiet)


def spans(path: Path) -> list[dict]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [span for line in lines for resource in json.loads(line)["resourceSpans"]
            for scope in resource["scopeSpans"] for span in scope["spans"]]


def test_a_request_with_a_traceparent_becomes_spans(launch, tmp_path):
    path = tmp_path / "traces.json"
    server = launch(arguments=[f"--trace-file={path}"])
    url = f"{server.http}/v1/kv/traced"
    requests.put(url, data=b"x", headers={"traceparent": PARENT}, timeout=10)
    requests.get(url, headers={"traceparent": PARENT[:-2] + "00"}, timeout=10)
    requests.get(url, timeout=10)
    eventually(lambda: len(spans(path)) >= 6, 10, "spans are written")
    requests.get(url, headers={"traceparent": PARENT}, timeout=10)
    assert server.stop() == 0
    found = spans(path)
    assert {span["traceId"] for span in found} == {PARENT[3:35]}
    roots = [span for span in found if span["parentSpanId"] == PARENT[36:52]]
    assert [span["name"] for span in roots] == ["PUT /v1/kv/", "GET /v1/kv/"]
    children = [span for span in found if span["parentSpanId"] == roots[0]["spanId"]]
    stages = {"queue", "log", "agree", "wait", "apply", "answer"}
    assert {span["name"] for span in children} == stages
    for span in children:
        assert int(roots[0]["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
        assert int(span["endTimeUnixNano"]) <= int(roots[0]["endTimeUnixNano"])
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"


def test_one_of_so_many_requests_is_traced_of_both_protocols(launch, tmp_path):
    path = tmp_path / "traces.json"
    server = launch(arguments=[f"--trace-file={path}", "--trace-one-in=5", "--event-loops=1"])
    client = KazooClient(server.zookeeper)
    client.start(30)
    client.create("/traced", b"")
    for _ in range(20):
        client.set("/traced", b"x")
    client.stop()
    assert server.stop() == 0
    names = [span["name"] for span in spans(path) if span["kind"] == 2]
    assert 3 <= names.count("setData") <= 5


def test_a_trace_file_that_cannot_be_written_ends_the_start(tmp_path):
    server = Roost(tmp_path / "server", arguments=["--trace-file=/nowhere/at/all"])
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "/nowhere/at/all" in done.stderr


def test_a_prometheus_dashboard_finds_the_node_ready_metrics(launch):
    """What the probes say is also a metric, for alarms."""
    server = launch()
    text = requests.get(f"{server.http}/v1/agent/metrics?format=prometheus", timeout=5).text
    for name in ("roost_raft_has_leader 1", "roost_state_is_wrong 0", "roost_log_is_disk_full 0"):
        assert f"\n{name}\n" in text


@pytest.fixture
def guarded(tmp_path) -> Iterator[Roost]:
    """One that shows nothing to who has no token."""
    server = Roost(tmp_path / "guarded", arguments=[
        "--acl-enabled=true", "--acl-default-policy=deny",
        f"--acl-initial-management-token={TOKEN}"])
    server.spawn()
    eventually(lambda: ready(server) == (200, "ok"), 60, "ready")
    yield server
    server.discard()


def test_probes_need_no_token_and_the_log_level_needs_one(guarded):
    assert http_get(f"{guarded.http}/livez", 5) == (200, b"ok")
    for path in ("log-level", "znodes"):
        url = f"{guarded.http}/v1/roost/{path}"
        assert requests.get(url, timeout=5).status_code == 403
        answer = requests.get(url, headers={"X-Consul-Token": TOKEN}, timeout=5)
        assert answer.status_code == 200
    # What cannot be seen without a token is left out.
    code, text = roost(guarded, "status", "--no-rates")
    assert code == 0 and "ready       yes" in text and "disk" not in text
    code, text = roost(guarded, "status", "--no-rates", "--token", TOKEN)
    assert code == 0 and "disk" in text
