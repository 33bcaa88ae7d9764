"""A cluster that lost its majority for ever: one survivor becomes a new cluster."""

import json
import subprocess
from pathlib import Path

import pytest

from cluster import Cluster, Node, members
from load import Load, consul_connection, put
from servers import Roost, eventually, http_get

pytestmark = pytest.mark.roost_only

UNCONFIRMED = 7


def recover(node, *words, code=0):
    tool = Path(node.binary).with_name("roost-log")
    done = subprocess.run([tool, "recover", "--data-dir", node.data, *map(str, words)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


@pytest.fixture
def three(tmp_path):
    cluster = Cluster(tmp_path / "old").start()
    yield cluster
    cluster.discard()


def test_a_survivor_becomes_a_cluster_that_others_join(three, tmp_path):
    survivor = three.followers()[0]
    with Load(survivor, "load", b"x" * 200) as load:
        eventually(lambda: min(load.acknowledged()) > 100, 30, "some writes")
    recover(survivor, code=1)  # it is running
    for node in three.nodes:
        node.kill()
    before = sorted((p, p.stat().st_size, p.stat().st_mtime_ns) for p in survivor.data.rglob("*"))
    shown = recover(survivor, code=UNCONFIRMED)
    assert "may be lost" in shown and "nothing was done" in shown and survivor.name in shown
    preview = json.loads(recover(survivor, "--json", code=UNCONFIRMED))
    assert preview["name"] == survivor.name and len(preview["others"]) == 2
    assert preview["committed"] <= preview["taken"] == preview["last"]
    assert not Path(preview["into"]).exists()
    new = tmp_path / "new"
    recover(survivor, "--into", new / "data", "--yes")
    assert sorted((p, p.stat().st_size, p.stat().st_mtime_ns) for p in survivor.data.rglob("*")) == before
    first = Node(new, survivor.name, [])
    second = Node(tmp_path / "second", "fresh", [])
    try:
        first.start()
        load.server = first
        assert load.missing() == []
        assert put(consul_connection(first.http), "goes", b"on") == (200, b"true")
        second.arguments = [f"--join={first.peer}"]
        second.start()
        eventually(lambda: members(first).get("fresh", {}).get("Voter"), 30, "the new node votes")
        assert sorted(members(first)) == sorted([survivor.name, "fresh"])
        assert http_get(f"{second.http}/v1/kv/goes?raw") == (200, b"on")
        # A node of the old cluster that comes back talks to the new one in vain.
        old = next(n for n in three.nodes if n is not survivor)
        old.spawn()
        assert put(consul_connection(first.http), "still", b"well") == (200, b"true")
        assert len(members(first)) == 2
    finally:
        first.discard()
        second.discard()


def test_what_is_not_known_to_be_committed_is_named_and_can_be_left_out(three, tmp_path):
    leader = three.leader()
    assert put(consul_connection(leader.http), "sure", b"1") == (200, b"true")
    for node in three.nodes:
        if node is not leader:
            node.pause()
    # Stored on the leader alone: nobody was told that it is done.
    with pytest.raises(OSError):
        put(consul_connection(leader.http, 0.5), "unsure", b"2")
    for node in three.nodes:
        node.kill()
    preview = json.loads(recover(leader, "--json", code=UNCONFIRMED))
    assert preview["uncertain"] >= 1, preview
    shown = recover(leader, code=UNCONFIRMED)
    assert "setKey" in shown or "key" in shown
    for words, status in (([], 200), (["--committed-only"], 404)):
        place = tmp_path / f"new{status}"
        recover(leader, "--into", place / "data", "--yes", *words)
        server = Roost(place, data=place / "data", arguments=[f"--name={leader.name}"])
        try:
            server.node = leader.name
            server.start()
            assert http_get(f"{server.http}/v1/kv/sure?raw") == (200, b"1")
            assert http_get(f"{server.http}/v1/kv/unsure")[0] == status
        finally:
            server.discard()
