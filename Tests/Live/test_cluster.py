"""Three and more Roost processes: what clients see of a cluster, and what it survives."""

import itertools
import json
import shutil
import socket
import statistics
import threading
import time

import pytest
from kazoo.client import KazooClient

from cluster import Node, free_address, members, roost
from jute import Session, set_body, ustring
from load import consul_connection, get_raw, put
from servers import eventually, http_get

pytestmark = pytest.mark.roost_only


def put_anywhere(nodes, key, value, seconds=20):
    """Writes by whichever node takes it, as a client with a list of servers does."""
    turn = itertools.cycle(nodes)

    def attempt():
        try:
            return put(consul_connection(next(turn).http, 10), key, value) == (200, b"true")
        except OSError:
            return False
    eventually(attempt, seconds, f"{key} is written")


def test_every_node_serves_both_protocols(cluster):
    three = cluster()
    for node in three.nodes:
        assert put(consul_connection(node.http), f"by/{node.name}", node.name.encode()) == (200, b"true")
        session = Session(node.zookeeper)
        session.create(f"/by-{node.name}", node.name.encode())
        session.close()
    for node in three.nodes:
        for other in three.nodes:
            assert get_raw(consul_connection(node.http), f"by/{other.name}") == other.name.encode()
        status, body = http_get(f"{node.http}/v1/status/peers")
        assert sorted(json.loads(body)) == sorted(n.peer for n in three.nodes)
        session = Session(node.zookeeper)
        synced(session)
        assert {f"by-{n.name}" for n in three.nodes} <= set(session.children("/"))
        session.close()
    modes = sorted(mode_of(node) for node in three.nodes)
    assert modes == ["follower", "follower", "leader"]


def synced(session):
    """What this node reads from now on is not older than what any node acknowledged before."""
    session.must("sync", ustring("/"))


def write_many(node, count):
    """More entries than stay in the log behind a snapshot, pipelined."""
    session = Session(node.zookeeper)
    session.create("/many", b"")
    for start in range(0, count, 100):
        sent = [session.send("setData", set_body("/many", str(n).encode())) for n in range(start, start + 100)]
        for xid in sent:
            assert session.reply(xid).err == 0
    session.close()


def mode_of(node):
    host, port = node.zookeeper.split(":")
    with socket.create_connection((host, int(port)), 5) as s:
        s.sendall(b"srvr")
        answer = b""
        while chunk := s.recv(4096):
            answer += chunk
    return next(l.split()[1] for l in answer.decode().splitlines() if l.startswith("Mode:"))


def test_a_watch_on_one_node_sees_a_write_by_another(cluster):
    three = cluster()
    first, second = (KazooClient(three.nodes[n].zookeeper, timeout=10) for n in (0, 1))
    first.start()
    second.start()
    seen = []
    first.create("/watched", b"0")

    @first.DataWatch("/watched")
    def note(data, stat):
        seen.append(data)
    second.sync("/watched")
    second.set("/watched", b"1")
    eventually(lambda: seen == [b"0", b"1"], 10, f"the event; seen: {seen}")
    first.stop()
    second.stop()


def test_a_session_and_its_ephemeral_move_to_another_node(cluster):
    three = cluster()
    leader = three.leader()
    others = [n for n in three.nodes if n is not leader]
    client = KazooClient(",".join(n.zookeeper for n in [leader, *others]), timeout=20, randomize_hosts=False)
    client.start()
    client.create("/mine", b"", ephemeral=True)
    before = client.client_id[0]
    leader.kill()
    eventually(lambda: client.connected and client.retry(client.exists, "/mine"), 20, "the client is on another node")
    assert client.client_id[0] == before
    assert client.exists("/mine").owner_session_id == before
    client.stop()
    session = Session(others[0].zookeeper)
    synced(session)
    assert session.exists("/mine") is None
    session.close()


def writes_during_failover(three, key, act):
    """From the moment of `act(leader)` until a survivor takes a write, in milliseconds."""
    leader = three.leader()
    survivors = [n for n in three.alive() if n is not leader]
    act(leader)
    started = time.monotonic()
    put_anywhere(survivors, key, b"after")
    return leader, (time.monotonic() - started) * 1000


def test_the_leader_is_killed_and_succeeded_again_and_again(cluster, is_long):
    three = cluster()
    taken = []
    for number in range(50 if is_long else 5):
        acknowledged = f"before/{number}"
        put_anywhere(three.nodes, acknowledged, b"x")
        leader, milliseconds = writes_during_failover(three, f"after/{number}", lambda n: n.kill())
        taken.append(milliseconds)
        for node in three.alive():
            assert get_raw(consul_connection(node.http), acknowledged) == b"x"
        leader.start()
    print(f"leader killed: median {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms")
    assert statistics.median(taken) < 1000


def test_a_paused_leader_is_succeeded_and_comes_back_as_a_follower(cluster, is_long):
    three = cluster()
    taken = []
    for number in range(20 if is_long else 2):
        leader, milliseconds = writes_during_failover(three, f"paused/{number}", lambda n: n.pause())
        taken.append(milliseconds)
        survivors = [n for n in three.alive() if n is not leader]
        put_anywhere(survivors, "newest", str(number).encode())
        leader.go_on()
        # Its default reads must not be older than what was written while it was away.
        assert http_get(f"{leader.http}/v1/kv/newest?raw", 20) == (200, str(number).encode())
        eventually(lambda: leader.leader() and leader.leader() != leader.peer, 10, "it follows")
    print(f"leader paused: median {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms")


def test_a_leader_whose_disk_stalls_is_succeeded(cluster, library):
    """hashicorp/raft keeps such a leader: its heartbeats do not depend on its disk."""
    three = cluster(preload=library)
    put_anywhere(three.nodes, "newest", b"before")
    leader, milliseconds = writes_during_failover(three, "stalled", lambda n: n.trigger.write_text("4000"))
    print(f"leader's disk stalls: {milliseconds:.0f} ms")
    put_anywhere([n for n in three.nodes if n is not leader], "newest", b"after")
    # Whatever the stalled node says of the present, it must not be the past.
    status, body = http_get(f"{leader.http}/v1/kv/newest?raw", 20)
    assert status == 500 or body == b"after", (status, body)
    leader.trigger.unlink()
    eventually(lambda: leader.leader() and leader.leader() != leader.peer, 20, "it follows")
    assert get_raw(consul_connection(leader.http), "newest") == b"after"


def test_a_follower_whose_disk_fails_stops_and_the_others_go_on(cluster, library):
    three = cluster(preload=library)
    victim = three.followers()[0]
    victim.trigger.write_text("fail")
    put_anywhere(three.nodes, "without", b"it")
    eventually(lambda: not victim.alive(), 20, "it stops rather than vouch for a disk that it cannot trust")
    victim.trigger.unlink()
    victim.start()
    assert get_raw(consul_connection(victim.http), "without") == b"it"


def test_a_node_that_was_away_for_long_comes_back_by_snapshot(cluster):
    three = cluster(arguments=["--snapshot-log-megabytes=1"])
    away = three.followers()[0]
    away.kill()
    at = three.leader()
    write_many(at, 12_000)
    connection = consul_connection(at.http)
    for number in range(700):  # the leader keeps 32 MiB of entries in memory besides
        assert put(connection, f"big/{number % 40}", bytes([number % 256]) * 60_000) == (200, b"true")
    assert put(connection, "last", b"word") == (200, b"true")
    away.start()
    assert get_raw(consul_connection(away.http), "last") == b"word"
    assert "snapshot is installed" in away.log(), "it came back by the log alone"
    assert away.index("big/1") == at.index("big/1")
    away.stop()
    away.start()
    assert get_raw(consul_connection(away.http), "last") == b"word"


def test_a_node_with_an_emptied_disk_may_not_come_back_as_a_voter(cluster):
    three = cluster()
    put_anywhere(three.nodes, "kept", b"x")
    victim = three.followers()[0]
    victim.kill()
    shutil.rmtree(victim.data)
    victim.spawn()
    assert victim.process.wait(30) != 0
    assert "another data directory" in victim.log()
    put_anywhere(three.alive(), "goes-on", b"x")


def test_a_node_with_another_list_is_of_another_cluster(cluster, tmp_path):
    three = cluster()
    ports = [free_address(), free_address()]
    stranger = Node(tmp_path / "stranger", "n9", [])
    stranger.arguments = [f"--cluster=n9={stranger.peer},n2={three.nodes[1].peer},n3={ports[0]}"]
    stranger.spawn()
    try:
        eventually(lambda: "another cluster" in stranger.log(), 20, "it is told so")
        put_anywhere(three.nodes, "goes-on", b"x")
    finally:
        stranger.discard()


def test_a_minority_answers_no_one_in_the_name_of_the_cluster(cluster):
    three = cluster()
    put_anywhere(three.nodes, "k", b"1")
    alone = three.leader()
    client = KazooClient(alone.zookeeper, timeout=10)
    client.start()
    for node in three.nodes:
        if node is not alone:
            node.pause()
    eventually(lambda: alone.leader() == "", 10, "it knows that it leads no one")
    status, body = http_get(f"{alone.http}/v1/kv/k?consistent", 20)
    assert status == 500 and b"No cluster leader" in body, (status, body)
    status, body = http_get(f"{alone.http}/v1/kv/k?stale", 5)
    assert status == 200, (status, body)
    eventually(lambda: not client.connected, 20, "ZooKeeper's client is sent away")
    for node in three.nodes:
        node.go_on()
    eventually(lambda: client.connected, 20, "and comes back")
    client.stop()
    put_anywhere(three.nodes, "k", b"2")


def test_nothing_acknowledged_is_lost_while_nodes_are_killed(cluster, seeded, is_long):
    three = cluster()
    acknowledged, stopping, failures = {}, threading.Event(), []

    def write(worker):
        turn = itertools.cycle(three.nodes)
        connection, number = None, 0
        while not stopping.is_set():
            key = f"w{worker}/{number}"
            try:
                connection = connection or consul_connection(next(turn).http, 10)
                if put(connection, key, b"v") == (200, b"true"):
                    acknowledged[key] = True
                else:
                    connection = None
            except Exception:
                connection = None
            number += 1

    workers = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(40 if is_long else 6):
        victims = seeded.sample(three.nodes, seeded.choice([1, 1, 2, 3]))
        time.sleep(seeded.random() * 0.5)  # when the crash comes is the random part
        for victim in victims:
            victim.kill()
        for victim in victims:
            victim.spawn()
        for victim in victims:
            victim.wait_until_serving()
    stopping.set()
    for worker in workers:
        worker.join(30)
    for node in three.nodes:
        connection = consul_connection(node.http)
        connection.request("GET", "/v1/kv/?keys&consistent")
        there = set(json.loads(connection.getresponse().read()))
        lost = [k for k in acknowledged if k not in there]
        assert not lost, f"{node.name} lost {len(lost)} of {len(acknowledged)}: {lost[:3]}"
    print(f"{len(acknowledged)} acknowledged writes, none lost")
    assert len(acknowledged) > 100


@pytest.fixture
def join(tmp_path):
    """Starts nodes that join a cluster: join(cluster, "n4")."""
    def start(cluster, name, at=None):
        node = Node(tmp_path / f"{name}-{len(cluster.joined)}", name, [f"--join={(at or cluster.nodes[0]).peer}"])
        cluster.joined.append(node)
        node.start()
        eventually(lambda: members(node).get(name, {}).get("Voter"), 30, f"{name} becomes a voter")
        return node
    return start


def test_a_node_joins_votes_and_replaces_one_that_is_removed(cluster, join):
    three = cluster()
    put_anywhere(three.nodes, "before", b"x")
    gone, asked = three.followers()[0], three.followers()[1]
    fourth = join(three, "n4", at=asked)
    assert get_raw(consul_connection(fourth.http), "before") == b"x"
    assert {m["Role"] for m in members(asked).values()} == {"leader", "follower"}
    code, text = roost(asked, "raft", "remove", gone.name)
    assert code == 0, text
    assert sorted(members(fourth)) == sorted(n.name for n in [*three.nodes, fourth] if n is not gone)
    gone.kill()
    # With the newcomer the majority holds without one of the others.
    leader = three.leader()
    leader.kill()
    put_anywhere([n for n in [*three.nodes, fourth] if n.alive()], "after", b"y")
    fourth.stop()
    leader.start()
    fourth.start()
    assert get_raw(consul_connection(fourth.http), "after") == b"y"
    gone.spawn()
    eventually(lambda: "is no member of the cluster" in gone.log(), 20, "the removed node is told so")
    put_anywhere(three.alive(), "still", b"z")


def test_leadership_is_handed_over_and_the_leader_cannot_be_removed(cluster):
    three = cluster()
    leader, heir = three.leader(), three.followers()[0]
    code, text = roost(heir, "raft", "remove", leader.name)
    assert code == 2 and "hand leadership over first" in text, text
    code, text = roost(heir, "raft", "transfer", heir.name)
    assert code == 0, text
    assert three.leader() is heir
    code, text = roost(heir, "raft", "remove", "nobody")
    assert code == 2 and '"nobody" is no member of the cluster' in text, text


def test_a_node_that_lost_its_disk_is_removed_and_joins_anew(cluster, join):
    three = cluster()
    put_anywhere(three.nodes, "kept", b"x")
    victim = three.nodes[2]  # the greatest number: the next one must be another
    if three.leader() is victim:
        code, text = roost(victim, "raft", "transfer", "n1")
        assert code == 0, text
    victim.kill()
    shutil.rmtree(victim.data)
    code, text = roost(three.leader(), "raft", "remove", victim.name)
    assert code == 0, text
    again = join(three, victim.name, at=three.leader())
    assert get_raw(consul_connection(again.http), "kept") == b"x"
    assert members(again)[victim.name]["ID"] > 3


def test_a_name_that_is_taken_is_refused(cluster, tmp_path):
    three = cluster()
    stranger = Node(tmp_path / "stranger", "n2", [f"--join={three.nodes[0].peer}"])
    stranger.spawn()
    assert stranger.process.wait(30) != 0
    assert "is called n2 and has another data directory" in stranger.log()


def test_two_nodes_join_at_the_same_time(cluster, tmp_path):
    three = cluster()
    newcomers = [Node(tmp_path / name, name, [f"--join={three.nodes[0].peer}"]) for name in ("n4", "n5")]
    three.joined += newcomers
    for node in newcomers:
        node.spawn()
    for node in newcomers:
        node.wait_until_serving()
    eventually(lambda: [m["Voter"] for m in members(newcomers[0]).values()] == [True] * 5, 30, "five voters")
    for node in newcomers:
        assert put(consul_connection(node.http), node.name, b"x") == (200, b"true")


def test_a_node_that_was_away_meets_members_that_it_has_not_heard_of(cluster, join):
    """Else it would refuse the only leader that could tell it of them."""
    three = cluster()
    away = three.followers()[0]
    away.kill()
    fourth = join(three, "n4", at=three.leader())
    code, text = roost(fourth, "raft", "transfer", "n4")
    assert code == 0, text
    put_anywhere([fourth], "while-away", b"x")
    away.start()
    assert get_raw(consul_connection(away.http), "while-away") == b"x"
    eventually(lambda: away.leader() == fourth.peer, 10, "it knows the leader's address")


def test_a_removal_that_would_end_the_cluster_is_refused(cluster):
    three = cluster()
    leader, (first, second) = three.leader(), three.followers()
    second.kill()
    eventually(lambda: members(leader)[second.name]["LastContactMilliseconds"] >= 500, 10, "it is missed")
    code, text = roost(leader, "raft", "remove", first.name)
    assert code == 2 and "bring them back first" in text, text
    code, text = roost(leader, "raft", "remove", second.name)
    assert code == 0, text
    put_anywhere([leader, first], "goes-on", b"x")


def test_members_are_told_without_a_leader(cluster):
    three = cluster()
    alone, *others = three.nodes
    for node in others:
        node.pause()
    eventually(lambda: alone.leader() == "", 10, "it has no leader")
    code, text = roost(alone, "members")
    assert code == 0 and "no leader; this is what n1 knows" in text and "n3" in text, text


def test_a_leader_that_is_told_to_stop_hands_over(cluster, is_long):
    three = cluster()
    taken = []
    for number in range(20 if is_long else 3):
        leader = three.leader()
        survivors = [n for n in three.alive() if n is not leader]
        leader.process.terminate()
        started = time.monotonic()
        put_anywhere(survivors, f"handed/{number}", b"x")
        taken.append((time.monotonic() - started) * 1000)
        assert leader.process.wait(30) == 0, leader.log()[-2000:]
        leader.start()
    print(f"leader stopped: median {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms")
