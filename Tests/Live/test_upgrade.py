"""Versions after each other: data of an older one, and a cluster that is upgraded under load.

What older versions have written is recorded (recorded.py says how). The rolling upgrade needs an
older binary: ROOST_OLD_BIN, which Tools/upgrade-test builds from the last landed commit.
"""

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

import recorded
from cluster import Node, members
from load import consul_connection, put
from rolling import Population
from servers import Roost, eventually, http_get
from test_rolling import caught_up

pytestmark = pytest.mark.roost_only

# An older server refuses a variable of this name that it does not know.
OLD = os.environ.pop("ROOST_OLD_BIN", None)
needs_old = pytest.mark.skipif(not OLD, reason="no ROOST_OLD_BIN; run Tools/upgrade-test")


def tool(server, *words, code=0):
    beside = Path(server.binary).with_name("roost-log")
    done = subprocess.run([beside, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


@pytest.mark.parametrize("name", sorted(p.name.split(".")[0] for p in recorded.FOLDER.glob("*.tar.xz")))
def test_data_of_an_older_version_is_served_as_it_was(name, tmp_path):
    with tarfile.open(recorded.FOLDER / f"{name}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    expected = json.loads((tmp_path / "expected.json").read_text())
    server = Roost(tmp_path / "server", data=tmp_path / "data")
    # Of a copied directory: the state is rebuilt from snapshot and log, by this version's rules,
    # and must come to the digest that the older version's snapshots have.
    tool(server, "verify", "--replay", "--data-dir", server.data)
    try:
        server.start()
        assert recorded.observe(server) == expected
        assert put(consul_connection(server.http), "new", b"word") == (200, b"true")
        server.stop()
        server.start()
        assert http_get(f"{server.http}/v1/kv/new?raw") == (200, b"word")
        assert recorded.observe(server)["znodes"] == expected["znodes"]
        server.stop()
        tool(server, "verify", "--replay", "--data-dir", server.data)
    finally:
        server.discard()


class Versioned(Node):
    """Begins with the older binary."""

    version = OLD

    @property
    def binary(self):
        return self.version or super().binary

    def upgrade(self):
        self.version = None


@needs_old
def test_a_cluster_is_upgraded_node_by_node_under_load(cluster):
    three = cluster(3, kind=Versioned)
    with Population(three.nodes, pinned=three.nodes) as clients:
        clients.work_on()
        for node in [*three.followers(), three.leader()]:
            node.departing = True
            assert node.stop() == 0, node.log()[-2000:]
            node.upgrade()
            node.start()
            node.departing = False
            eventually(lambda node=node: caught_up(three, node), 30, f"{node.name} has caught up")
            clients.work_on()
    print(clients.report())
    assert not clients.failures()
    eventually(lambda: all_agree(three), 30, "all states were compared and are equal")


def all_agree(three):
    found = members(three.leader())
    return len(found) == 3 and all(m["Data"] == "good" for m in found.values())


@needs_old
def test_a_state_of_the_older_version_is_backed_up_and_restored_by_this_one(cluster, tmp_path):
    """A node that is upgraded saves what the older one wrote."""
    three = cluster(3, kind=Versioned)
    assert put(consul_connection(three.leader().http), "of", b"before") == (200, b"true")
    node = three.followers()[0]
    assert node.stop() == 0
    node.upgrade()
    node.start()
    file, data = tmp_path / "saved.snap", tmp_path / "restored/data"
    for words in (["save", file, "--address", node.http], ["verify", file],
                  ["restore", file, "--data-dir", data]):
        subprocess.run([node.binary, "snapshot", *map(str, words)], check=True, timeout=60)
    again = Roost(tmp_path / "restored", data=data)
    try:
        again.start()
        assert http_get(f"{again.http}/v1/kv/of?raw") == (200, b"before")
    finally:
        again.discard()
