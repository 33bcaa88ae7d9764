"""A node whose state is not the others': found by the nodes, stopped, refilled.

The state goes wrong as it would by a faulty disk: bytes in the file of a running node change under it. Nothing in
the server knows of that, so these tests need no build of their own.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster import Cluster, Node, members, roost
from jute import Closed, Session, set_body
from load import consul_connection, get_raw, put
from servers import eventually, http_get
from test_roost_log import run_tool

pytestmark = pytest.mark.roost_only

GOOD = b"the-value-that-is-everybodys"
WRONG = b"the-value-of-a-broken-disk!!"
FOUND_SECONDS = 15
# Snapshots are taken at every MiB of log, so that there are some of the wrong state.
SMALL_SNAPSHOTS = ["--snapshot-log-megabytes=1"]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path / "cluster", 3, arguments=SMALL_SNAPSHOTS).start()
    yield started
    print(started.log())
    started.discard()


def spoil(node: Node) -> None:
    """Changes the value in the pages that the node has mapped."""
    with open(node.data / "state/data.mdb", "r+b", buffering=0) as file:
        pages = file.read(64 << 20)
        place, count = pages.find(GOOD), 0
        while place >= 0:
            file.seek(place)
            file.write(WRONG)
            place, count = pages.find(GOOD, place + 1), count + 1
    assert count > 0, "the value is not in the file"
    assert get_stale(node, "spoilt") == WRONG


def get_stale(node: Node, key: str) -> bytes:
    status, body = http_get(f"{node.http}/v1/kv/{key}?raw&stale", 5)
    return body if status == 200 else b"%d: " % (status or 0) + bytes(body)


def write_many(node: Node, count: int, value: bytes = b"x" * 500) -> None:
    """Pipelined, so that the walk over the records comes by everywhere."""
    session = Session(node.zookeeper)
    name = f"/many-{time.monotonic_ns()}"
    session.create(name, b"")
    for _ in range(0, count, 100):
        sent = [session.send("setData", set_body(name, value)) for _ in range(100)]
        for xid in sent:
            assert session.reply(xid).err == 0
    session.close()


def fill(cluster: Cluster) -> None:
    leader = cluster.leader()
    assert put(consul_connection(leader.http), "spoilt", GOOD) == (200, b"true")
    for node in cluster.nodes:
        eventually(lambda node=node: get_stale(node, "spoilt") == GOOD, 10, "every node has it")


def is_stopped(node: Node) -> bool:
    status, body = http_get(f"{node.http}/v1/kv/spoilt?stale", 5)
    return status == 500 and b"the state of this node is not the cluster's" in body


def four_letters(node: Node, word: bytes) -> bytes:
    host, port = node.zookeeper.split(":")
    with socket.create_connection((host, int(port)), 5) as s:
        s.sendall(word)
        answer = b""
        while chunk := s.recv(4096):
            answer += chunk
    return answer


def is_called_wrong(node: Node) -> bool:
    status, body = http_get(f"{node.http}/v1/agent/metrics?format=prometheus", 5)
    assert status == 200, body
    return b"\nroost_state_is_wrong 1\n" in body


def failed_snapshots(node: Node) -> int:
    _, body = http_get(f"{node.http}/v1/agent/metrics?format=prometheus", 5)
    return int(body.split(b"\nroost_snapshot_failed_total ")[1].split()[0])


def refuses_sessions(node: Node) -> bool:
    try:
        Session(node.zookeeper)
    except (OSError, Closed):
        return True
    return False


def wait_in_background(url: str) -> tuple[threading.Thread, list[tuple[int, bytes]]]:
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(http_get(url, 60)))
    thread.start()
    return thread, answers


def refill(asked: Node, victim: Node) -> None:
    code, text = roost(asked, "raft", "refill", victim.name)
    assert code == 0, text
    eventually(lambda: get_stale(victim, "spoilt") == GOOD, 30, "it serves what the others have")
    victim.wait_until_serving()


def is_level(cluster: Cluster, index: Callable[[dict], int]) -> bool:
    """Whether every member's state was compared at or behind an index, and is good."""
    known = members(cluster.leader())
    return all(m["Data"] == "good" and m["EqualAt"] >= index(known) for m in known.values())


def wait_until_level(cluster: Cluster) -> None:
    leader = cluster.leader()
    last = json.loads(http_get(f"{leader.http}/v1/roost/members")[1])["LastIndex"]
    eventually(lambda: is_level(cluster, lambda _: last), 20, f"all states are equal at {last}: {members(leader)}")


def test_a_follower_whose_state_is_wrong_is_found_stopped_and_refilled(three: Cluster) -> None:
    fill(three)
    wait_until_level(three)
    leader, victim = three.leader(), three.followers()[0]
    client = Session(victim.zookeeper)
    index = victim.index("spoilt")
    waiter, answers = wait_in_background(f"{victim.http}/v1/kv/spoilt?stale&wait=60s&index={index}")
    spoil(victim)
    # More than a MiB: the victim takes snapshots of its wrong state before it is found.
    started = time.monotonic()
    write_many(leader, 3000)
    eventually(lambda: is_stopped(victim), FOUND_SECONDS, "it stops to serve")
    print(f"found {time.monotonic() - started:.1f} s after the first of 3000 writes began")
    client.closed()
    assert refuses_sessions(victim)
    assert four_letters(victim, b"srvr") == b"This ZooKeeper instance is not currently serving requests\n"
    assert put(consul_connection(victim.http), "by-victim", b"x")[0] == 500
    waiter.join(10)
    assert answers and answers[0][0] == 500 and b"not the cluster's" in answers[0][1]
    assert "the state of this node is not the cluster's: equal at index" in victim.log()
    assert [is_called_wrong(n) for n in (victim, leader)] == [True, False]
    told = run_tool("diff", victim.data, leader.data, code=6).stdout
    assert "spoilt" in told and str(WRONG)[2:-1] in told

    eventually(lambda: members(leader)[victim.name]["Data"] == "wrong", 10, "the leader knows")
    found = members(victim)[victim.name]
    assert 0 < found["EqualAt"] < found["DiffersAt"] <= found["EqualAt"] + 1024, found
    code, text = roost(leader, "members")
    assert code == 0 and f"wrong at {found['DiffersAt']}" in text, text
    code, text = roost(leader, "raft", "refill", three.followers()[1].name)
    assert code == 2 and "is not known to be wrong" in text, text

    # It goes on voting and storing: without it nothing could be decided now.
    other = next(n for n in three.nodes if n not in (leader, victim))
    other.kill()
    write_many(leader, 100)
    assert put(consul_connection(leader.http), "by-two", b"x") == (200, b"true")
    other.start()

    # Nor does it serve after a restart.
    victim.kill()
    victim.spawn()
    eventually(lambda: is_stopped(victim), 20, "it still does not serve")
    assert refuses_sessions(victim)

    leader = three.leader()
    refill(leader, victim)
    assert get_raw(consul_connection(victim.http), "by-two") == b"x"
    snapshots = sorted(p.name for p in (victim.data / "snapshots").glob("*.mdb"))
    assert len(snapshots) == 1 and (leader.data / "snapshots" / snapshots[0]).exists(), snapshots
    write_many(victim, 600)
    wait_until_level(three)
    victim.stop()
    victim.start()
    assert get_stale(victim, "spoilt") == GOOD
    assert not is_called_wrong(victim)
    wait_until_level(three)


def test_a_leader_whose_state_is_wrong_gives_up(three: Cluster) -> None:
    fill(three)
    wait_until_level(three)
    victim, others = three.leader(), three.followers()
    spoil(victim)
    write_many(others[0], 1500)
    eventually(lambda: is_stopped(victim), FOUND_SECONDS, "it stops to serve")
    leader = eventually(lambda: next((n for n in others if n.leader() == n.peer), None), 20, "another leads")
    assert get_raw(consul_connection(leader.http), "spoilt") == GOOD
    eventually(lambda: members(leader)[victim.name]["Data"] == "wrong", 10, "the new leader knows")
    code, text = roost(leader, "raft", "transfer", victim.name)
    assert code == 2 and "its state is wrong; refill it first" in text, text
    leader = three.leader()
    assert leader is not victim
    # The snapshot that is asked for cannot be taken at first; it was asked for once and never again.
    snapshots, aside = leader.data / "snapshots", leader.data / "snapshots.aside"
    snapshots.rename(aside)
    code, text = roost(leader, "raft", "refill", victim.name)
    assert code == 0, text
    eventually(lambda: "no snapshot could be taken" in leader.log(), 20, "the snapshot fails")
    assert is_stopped(victim)
    # It was tried ten times a second: on a disk with too little room each attempt fills it.
    time.sleep(2)
    assert failed_snapshots(leader) <= 2
    aside.rename(snapshots)
    eventually(lambda: get_stale(victim, "spoilt") == GOOD, 30, "it is refilled all the same")
    victim.wait_until_serving()
    write_many(victim, 300)
    wait_until_level(three)


def test_states_stay_equal_through_crashes_and_changes_of_the_leader(three: Cluster) -> None:
    """Nobody is accused who is right."""
    for _ in range(3):
        leader = three.leader()
        write_many(leader, 1000)
        leader.kill()
        survivor = next(n for n in three.nodes if n is not leader)
        eventually(lambda node=survivor: node.leader() not in ("", leader.peer), 20, "another leads")
        write_many(three.leader(), 1000)
        leader.start()
    wait_until_level(three)
    assert all("not the cluster's" not in node.log() for node in three.nodes)
