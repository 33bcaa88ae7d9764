"""roost-log on the data directory of a running server, and of one that was killed."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import requests
from kazoo.client import KazooClient

from servers import REPOSITORY

pytestmark = pytest.mark.roost_only


def roost_log(server, *arguments, code=0):
    beside = Path(os.environ.get("ROOST_BIN", REPOSITORY / ".build/debug/roost"))
    done = subprocess.run([beside.with_name("roost-log"), *arguments, f"--data-dir={server.data}"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


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
    assert len(table) == len(everything) + 1 and table[0].startswith("INDEX")
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


def test_wrong_usage_and_a_wrong_place_are_told_apart(written, tmp_path):
    roost_log(written, "dump", "--kind", "nonsense", code=64)
    written.data = tmp_path
    assert "no data directory" in roost_log(written, "status", code=1).stderr
