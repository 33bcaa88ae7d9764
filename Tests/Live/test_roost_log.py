"""roost-log on the data directory of a running server, and of one that was killed."""

import json
import os
import subprocess
import threading
from pathlib import Path

import consul
import pytest
import requests
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError

from load import consul_connection, put
from servers import REPOSITORY, eventually

pytestmark = pytest.mark.roost_only


def run_tool(*arguments, code=0, tool="roost-log", environment=None):
    beside = Path(os.environ.get("ROOST_BIN", REPOSITORY / ".build/debug/roost"))
    done = subprocess.run([beside.with_name(tool), *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def roost_log(server, *arguments, code=0):
    return run_tool(*arguments, f"--data-dir={server.data}", code=code)


def lines(server, *arguments, code=0):
    return [json.loads(line) for line in roost_log(server, *arguments, "--json", code=code).stdout.splitlines()]


def fingerprint(server):
    """What a change would show in. (The state's file is a terabyte of holes: its first 64 MiB stand for it.)"""
    print_of = {}
    for path in sorted(server.data.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                print_of[path] = (path.stat().st_size, path.stat().st_mtime_ns, hash(file.read(64 << 20)))
    return print_of


@pytest.fixture
def written(launch):
    """A server with some of everything in its log, and the indexes of what was written."""
    server = launch()
    client = KazooClient(hosts=server.zookeeper)
    client.start()
    server.session = f"{client.client_id[0]:#x}"
    client.create("/tree")
    server.zxids = [client.create(f"/tree/n{i}", b"x" * 50, include_data=True)[1].czxid for i in range(20)]
    client.set("/tree/n3", b"changed")
    client.create("/other", b"")
    for i in range(30):
        assert requests.put(f"{server.http}/v1/kv/app/k{i}", data=b"v", timeout=10).text == "true"
    big = os.urandom(400_000)
    assert requests.put(f"{server.http}/v1/kv/app/big", data=big, timeout=10).text == "true"
    server.consul_session = requests.put(f"{server.http}/v1/session/create", json={}, timeout=10).json()["ID"]
    requests.put(f"{server.http}/v1/kv/lock?acquire={server.consul_session}", data=b"l", timeout=10)
    client.stop()
    return server


def check_all(server):
    everything = lines(server, "dump")
    assert [e["index"] for e in everything] == list(range(1, len(everything) + 1))
    created = lines(server, "dump", "--path", "/tree/", "--prefix", "--kind", "createZnode")
    assert [e["index"] for e in created] == server.zxids
    assert [e["kind"] for e in lines(server, "dump", "--path", "/tree/n3")] == ["createZnode", "setData"]
    own = lines(server, "dump", "--session", server.session)
    assert len(own) >= 24 and all(e["session"] == server.session for e in own)
    held = lines(server, "dump", "--session", server.consul_session)
    assert [e["kind"] for e in held] == ["createConsulSession", "lockKey"]
    big = lines(server, "dump", "--key", "app/big")
    assert len(big) == 1 and big[0]["bytes"] > 400_000
    assert len(lines(server, "dump", "--key", "app/k", "--prefix", "--limit", "7")) == 7
    some = lines(server, "dump", "--from", "5", "--to", "9")
    assert [e["index"] for e in some] == [5, 6, 7, 8, 9]
    assert lines(server, "dump", "--since", "2000-01-01", "--until", "2001-01-01T00:00:00Z") == []
    assert {e["index"] for e in lines(server, "dump", "--since", "1h", "--key", "lock")} == {held[1]["index"]}
    table = roost_log(server, "dump").stdout.splitlines()
    # A running server notes something by itself now and then.
    assert len(table) >= len(everything) + 1 and table[0].startswith("INDEX")
    verdict = lines(server, "verify")[-1]
    assert verdict["verdict"] == "clean" and verdict["exitCode"] == 0, verdict
    assert roost_log(server, "verify").stdout.splitlines()[-1] == "clean"
    assert lines(server, "snapshots", "--verify") == []
    status = lines(server, "status")[0]
    assert status["lastIndex"] >= len(everything) and status["appliedIndex"] >= big[0]["index"]
    assert status["name"] == "n1" and status["term"] >= 1
    return status


def test_a_running_server_is_read_beside_its_work(written):
    status = check_all(written)
    assert status["served"]
    assert requests.put(f"{written.http}/v1/kv/after", data=b"1", timeout=10).text == "true"
    assert len(lines(written, "dump", "--key", "after")) == 1


def test_a_reader_that_is_gone_holds_nothing(written):
    """`roost-log dump | head` left its place in the table of readers, and the log kept every page since."""
    connection = consul_connection(written.http)
    for number in range(2_000):
        assert put(connection, f"long/{number:060}", b"v") == (200, b"true")
    beside = Path(os.environ.get("ROOST_BIN", REPOSITORY / ".build/debug/roost"))
    table = written.data / "wal/lock.mdb"
    command = [beside.with_name("roost-log"), "dump", "--json", f"--data-dir={written.data}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tool:
        number = tool.pid.to_bytes(4, "little")
        assert tool.stdout.read(1) == b"{"
        assert number in table.read_bytes(), "it has more to say than a pipe holds"
        tool.kill()
    eventually(lambda: number not in table.read_bytes(), 10, "its place is free again")


def test_verify_of_a_server_under_load_finds_nothing(written):
    load = subprocess.Popen(
        ["sh", "-c", f"while :; do curl -s -X PUT -d x {written.http}/v1/kv/load/$$ >/dev/null || exit; done"])
    try:
        for _ in range(10):
            assert lines(written, "verify")[-1]["verdict"] == "clean"
            assert lines(written, "dump", "--kind", "setKey")
    finally:
        load.kill()
        load.wait()


def test_a_killed_server_is_read_and_nothing_of_it_is_changed(written):
    written.kill()
    before = fingerprint(written)
    status = check_all(written)
    assert not status["served"] and status["stateTrusted"]
    assert fingerprint(written) == before
    written.start()
    assert requests.get(f"{written.http}/v1/kv/app/k1?raw", timeout=10).text == "v"


def test_damage_has_its_exit_code_and_the_rest_is_read(written):
    written.kill()
    log = written.data / "wal/data.mdb"
    content = bytearray(log.read_bytes())
    place = content.find(b"app/k11")
    assert place > 0
    while place > 0:
        content[place] ^= 1
        place = content.find(b"app/k11", place + 1)
    log.write_bytes(content)
    found = lines(written, "verify", code=3)
    assert found[-1]["verdict"] == "logDamage" and found[0]["index"] > 20, found
    damaged = roost_log(written, "dump", "--key", "app/k", "--prefix", code=3)
    assert "entr" in damaged.stderr and "checksum" in damaged.stderr
    left = lines(written, "dump", "--key", "app/k", "--prefix", code=3)
    assert 1 <= len(left) < 30


@pytest.fixture
def storied(launch):
    """A server on which a znode, a key and a service have had a history."""
    server = launch()
    client = KazooClient(hosts=server.zookeeper)
    client.start()
    server.session = f"{client.client_id[0]:#x}"
    client.create("/config", b"good")
    client.set("/config", b"better")
    server.before = client.get("/config")[1].mzxid
    other = KazooClient(hosts=server.zookeeper)
    other.start()
    server.culprit = f"{other.client_id[0]:#x}"
    other.create("/here", b"now", ephemeral=True)
    other.set("/config", b"bad")
    server.bad = client.get("/config")[1].mzxid
    with pytest.raises(BadVersionError):
        client.set("/config", b"late", version=1)
    other.stop()
    client.stop()
    host, port = server.http.removeprefix("http://").split(":")
    kv = consul.Consul(host=host, port=int(port))
    kv.kv.put("app/mode", "slow")
    index = int(kv.kv.get("app/mode")[1]["ModifyIndex"])
    assert kv.kv.put("app/mode", "fast", cas=index)
    assert not kv.kv.put("app/mode", "never", cas=index)
    lock = kv.session.create(behavior="delete", lock_delay=0)
    assert kv.kv.put("app/lock", "mine", acquire=lock)
    kv.session.destroy(lock)
    kv.kv.delete("app/", recurse=True)
    kv.agent.service.register("web", service_id="web1", port=80)
    kv.agent.service.register("web", service_id="web1", port=81)
    server.lock = lock
    return server


def changed(row):
    return row["index"], row["before"], row["after"]


def check_stories(server):
    rows = lines(server, "history", "/config", "--exact")
    assert [r["result"] for r in rows] == ["done", "done", "done", "refused: badVersion"]
    assert [r["index"] for r in rows][1:3] == [server.before, server.bad]
    worst = rows[2]
    assert worst["session"] == server.culprit and worst["client"].startswith("127.0.0.1:")
    assert (worst["before"]["value"], worst["after"]["value"]) == ("better", "bad")
    quick = lines(server, "history", "/config")
    assert [changed(r)[:2] for r in quick] == [changed(r)[:2] for r in rows]
    assert {r["result"] for r in quick} == {"likely"}
    gone = lines(server, "history", "/here", "--exact")
    assert [r["kind"] for r in gone] == ["createZnode", "closeSession"]
    assert gone[1]["after"] is None
    also = lines(server, "history", "/here")
    assert [r["kind"] for r in also] == ["createZnode", "closeSession"]
    own = lines(server, "history", server.culprit)
    assert own[0]["kind"] == "createSession" and own[-1]["kind"] == "closeSession"
    modes = lines(server, "history", "app/mode")
    refused = "refused: the index is not current"
    assert [r["result"] for r in modes] == ["done", "done", refused, "done"]
    assert [(r["before"] or {}).get("value") for r in modes] == [None, "slow", "fast", "fast"]
    exact = lines(server, "history", "app/mode", "--exact")
    assert [changed(r) for r in exact] == [changed(r) for r in modes]
    locked = lines(server, "history", "app/lock", "--exact")
    assert [r["kind"] for r in locked] == ["lockKey", "destroyConsulSession"]
    assert locked[1]["after"] is None
    session = lines(server, "history", server.lock, "--exact")
    kinds = ["createConsulSession", "lockKey", "destroyConsulSession"]
    assert [r["kind"] for r in session] == kinds
    service = lines(server, "history", "web", "--as", "service", "--exact")
    assert len(service) == 2 and "port=81" in service[1]["after"]["detail"]
    one = lines(server, "history", "/config", "--from", server.bad, "--to", server.bad)
    assert [r["index"] for r in one] == [server.bad]
    assert roost_log(server, "history", "/config").stdout.splitlines()[0].startswith("INDEX")
    check_past(server)


def check_past(server):
    then = lines(server, "state", "--at", server.before, "--path", "/config")
    assert [z["value"] for z in then] == ["better"]
    here = lines(server, "state", "--at", server.bad, "--session", server.culprit)
    assert [i["kind"] for i in here] == ["znode", "zooKeeperSession"]
    now = lines(server, "state", "--path", "/config")
    assert [z["value"] for z in now] == ["bad"]
    found = lines(server, "state", "--find", "bette", "--at", server.before)
    assert [k["name"] for k in found] == ["/config"]
    whole = lines(server, "state", "--from-log", "--summary")[0]
    assert whole["znodes"] > 4 and len(whole["digest"]) == 16
    other = lines(server, "diff", server.before, server.bad, "--path", "/config", code=6)
    assert other[0]["left"]["value"] == "better" and other[0]["right"]["value"] == "bad"
    assert lines(server, "diff", server.bad, server.bad)[-1]["text"].startswith("0 records")
    stat = lines(server, "stat")
    parts = {"znodes", "tables", "log", "entries", "minutes", "names", "largest"}
    assert parts <= {r["part"] for r in stat}
    busiest = [r["name"] for r in stat if r["part"] == "names"]
    assert busiest[0] in ("/config", "app/mode")
    assert lines(server, "verify", "--replay")[-1]["verdict"] == "clean"


def test_a_history_is_told_beside_a_running_server(storied):
    check_stories(storied)


def test_a_history_is_told_of_a_killed_server_and_nothing_is_changed(storied):
    storied.kill()
    before = fingerprint(storied)
    check_stories(storied)
    roost_log(storied, "repair")
    assert fingerprint(storied) == before


def test_a_new_cluster_starts_from_before_the_mistake(storied, launch, tmp_path):
    target = tmp_path / "before"
    written = lines(storied, "state", "--at", storied.before, "--write-directory", target)
    assert written[0]["index"] == storied.before
    roost_log(storied, "state", "--at", storied.bad, "--write-directory", target, code=1)
    assert lines(storied, "state", "--write-snapshot", tmp_path / "copies", "--at", storied.bad)
    copy = next((tmp_path / "copies").glob("*.mdb"))
    shown = run_tool("state", "--snapshot", copy, "--path", "/config", "--json").stdout
    assert json.loads(shown)["value"] == "bad"
    run_tool("verify", "--snapshot", copy)
    run_tool("diff", copy, next((target / "snapshots").glob("*.mdb")), code=6)
    restored = launch(data=target)
    client = KazooClient(hosts=restored.zookeeper)
    client.start()
    data, stat = client.get("/config")
    assert data == b"better" and stat.mzxid == storied.before and stat.version == 1
    client.set("/config", b"best")
    assert client.get("/config")[1].mzxid > storied.before
    client.stop()
    assert requests.put(f"{restored.http}/v1/kv/app/mode", data=b"new", timeout=10).text == "true"
    restored.kill()
    restored.start()
    assert requests.get(f"{restored.http}/v1/kv/app/mode?raw", timeout=10).text == "new"
    assert requests.get(f"{storied.http}/v1/status/leader", timeout=10).ok


def test_two_copies_of_a_node_are_compared(storied, tmp_path):
    storied.kill()
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", "--sparse=always", storied.data, copy], check=True)
    # The copy's files are others, so that its state is not trusted, and comes from the log.
    assert "0 records differ" in run_tool("diff", storied.data, copy).stdout
    storied.start()
    assert requests.put(f"{storied.http}/v1/kv/after", data=b"1", timeout=10).text == "true"
    storied.kill()
    found = run_tool("diff", storied.data, copy, code=0).stdout
    assert "log: equal in 1 to" in found, found


def test_copies_while_snapshots_are_taken_and_removed_are_whole(launch, library, tmp_path):
    # Each sync of the copier takes so long that the server goes on by a snapshot or two.
    (tmp_path / "trigger").write_text("150")
    slow = dict(os.environ, LD_PRELOAD=str(library), SYNCFAULT_TRIGGER=str(tmp_path / "trigger"))
    server = launch(arguments=["--snapshot-log-megabytes=1"])
    acknowledged, stopping = {}, threading.Event()

    def write():
        connection, number = consul_connection(server.http), 0
        while not stopping.is_set():
            key = f"app/{number % 40}"
            if put(connection, key, f"{number}".encode() + b" " + b"x" * 9000) == (200, b"true"):
                acknowledged[key] = number
            number += 1
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        seen, copies, before = set(), [], {}

        def is_over():
            copies.append(tmp_path / f"copy{len(copies)}")
            before.clear()
            before.update(acknowledged)
            run_tool("copy", copies[-1], f"--data-dir={server.data}", environment=slow)
            seen.update(path.stem for path in (copies[-1] / "snapshots").glob("*.manifest"))
            verdict = run_tool("verify", "--data-dir", copies[-1], "--json").stdout.splitlines()[-1]
            assert json.loads(verdict)["verdict"] == "clean", verdict
            return len(seen) >= 6
        eventually(is_over, 60, "six snapshots")
    finally:
        stopping.set()
        writer.join(30)
    assert len(list((server.data / "snapshots").glob("*.manifest"))) < len(seen), "none was removed"
    run_tool("state", "--write-directory", tmp_path / "new", f"--data-dir={copies[-1]}")
    again = launch(data=tmp_path / "new")
    for key, number in before.items():
        value = requests.get(f"{again.http}/v1/kv/{key}?raw", timeout=10).text
        assert int(value.split()[0]) >= number, key


def test_a_made_log_is_whole_and_its_two_ways_of_history_agree(tmp_path):
    made = tmp_path / "made"
    run_tool("--entries=20000", "--keys=200", "--snapshot-every=7000", made, tool="roost-fill")
    verdict = run_tool("verify", "--replay", "--data-dir", made, "--json").stdout.splitlines()[-1]
    assert json.loads(verdict)["verdict"] == "clean", verdict
    for subject in ("app/17", "/tree/p7/z7"):
        ways = []
        for way in ([], ["--exact"]):
            table = run_tool("history", subject, "--data-dir", made, "--json", *way).stdout
            rows = [json.loads(line) for line in table.splitlines()]
            ways.append([changed(r) for r in rows if r["before"] != r["after"]])
        assert len(ways[0]) > 10 and ways[0] == ways[1]


def test_wrong_usage_and_a_wrong_place_are_told_apart(written, tmp_path):
    roost_log(written, "dump", "--kind", "nonsense", code=64)
    written.data = tmp_path
    assert "no data directory" in roost_log(written, "status", code=1).stderr
