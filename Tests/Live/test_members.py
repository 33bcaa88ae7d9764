"""Where members are, and whether they live: addresses that change, and what the catalog says."""

import json
import os
import shlex
import shutil
import subprocess
import time

import pytest

from cluster import Cluster, Node, members, roost
from jute import Closed, Session, path_watch
from load import consul_connection, get_raw, put
from servers import eventually, free_port, http_get

pytestmark = pytest.mark.roost_only


def is_followed(cluster, node):
    """Whether the leader hears from the node, and it has all of the log."""
    there = members(cluster.leader()).get(node.name, {})
    return there and there["LastContactMilliseconds"] < 500 and there["Lag"] == 0


# MARK: Addresses

class Named(Node):
    """Its peers know it by a name, which this file of hosts resolves."""

    hosts = None
    address = "127.0.0.1"

    def command(self):
        words = [w for w in super().command() if not w.startswith("--bind=")]
        server = shlex.join([*words, f"--bind={self.address}"])
        script = f"mount --bind {shlex.quote(str(self.hosts))} /etc/hosts && exec {server}"
        return ["unshare", "-m", "sh", "-c", script]

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.host = f"{self.name}.roost.test"

    @property
    def peer(self):
        return f"{self.host}:{self.ports['peer']}"

    def move(self, address):
        self.address = address
        self.zookeeper = f"{address}:{self.ports['zookeeper']}"
        self.http = f"http://{address}:{self.ports['http']}"


def write_hosts(path, nodes):
    """In place, so that it is seen where it is mounted."""
    path.write_text("127.0.0.1 localhost\n" + "".join(f"{n.address} {n.host}\n" for n in nodes))


@pytest.fixture
def named(tmp_path):
    """Three nodes that know each other by names."""
    if os.geteuid() or not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("needs root and mount namespaces (none in a chroot), for a file of hosts of its own")
    three = Cluster(tmp_path / "named", kind=Named)
    for number, node in enumerate(three.nodes, 1):
        node.move(f"127.0.0.{10 + number}")
        node.hosts = tmp_path / "hosts"
    write_hosts(tmp_path / "hosts", three.nodes)
    yield three.start()
    print(three.log())
    three.discard()


def test_a_node_is_found_again_when_its_name_has_a_new_address(named, tmp_path):
    for number, node in enumerate([named.followers()[0], named.leader()]):
        node.stop()
        connection = consul_connection(named.leader().http)
        assert put(connection, f"while-away/{number}", b"x") == (200, b"true")
        node.move(f"127.0.0.{20 + number}")
        write_hosts(tmp_path / "hosts", named.nodes)
        node.start()
        eventually(lambda: is_followed(named, node), 10, f"{node.name} is found again")
        assert get_raw(consul_connection(node.http), f"while-away/{number}") == b"x"


def test_a_member_that_joined_may_come_back_at_another_address(cluster, tmp_path):
    three = cluster()
    fourth = Node(tmp_path / "n4", "n4", [f"--join={three.leader().peer}"])
    three.joined.append(fourth)
    fourth.start()
    eventually(lambda: is_followed(three, fourth), 30, "it has joined")
    number = members(fourth)["n4"]["ID"]
    fourth.kill()
    fourth.ports["peer"] = free_port()
    assert put(consul_connection(three.leader().http), "while-away", b"x") == (200, b"true")
    fourth.start()
    eventually(lambda: is_followed(three, fourth), 10, "it is found again")
    for node in three.alive():
        eventually(lambda: members(node)["n4"]["Address"] == fourth.peer, 10, "all know where")
    assert members(fourth)["n4"]["ID"] == number and len(members(fourth)) == 4
    assert get_raw(consul_connection(fourth.http), "while-away") == b"x"
    fourth.stop()
    fourth.start()
    assert get_raw(consul_connection(fourth.http), "while-away") == b"x"


def test_a_removed_member_that_comes_back_at_another_address_is_not_taken_for_a_new_one(cluster, tmp_path):
    three = cluster()
    fourth = Node(tmp_path / "n4", "n4", [f"--join={three.leader().peer}"])
    three.joined.append(fourth)
    fourth.start()
    eventually(lambda: members(three.leader()).get("n4", {}).get("Voter"), 30, "it votes")
    fourth.stop()
    code, text = roost(three.leader(), "raft", "remove", "n4")
    assert code == 0, text
    fourth.ports["peer"] = free_port()
    fourth.spawn()
    eventually(lambda: "the new address was not told" in fourth.log(), 20, "it gives up")
    eventually(lambda: "was removed from the cluster" in fourth.log(), 10, "it says why")
    assert sorted(members(three.leader())) == sorted(n.name for n in three.nodes)


# MARK: Health

def serf_health(node, name):
    status, body = http_get(f"{node.http}/v1/health/node/{name}", 5)
    checks = json.loads(body) if status == 200 else []
    return next(((c["Status"], c["Output"]) for c in checks if c["CheckID"] == "serfHealth"), None)


ALIVE = ("passing", "Agent alive and reachable")
GONE = ("critical", "Agent not live or unreachable")


def asked(node, method, path, body=None):
    connection = consul_connection(node.http)
    connection.request(method, path, body=body)
    reply = connection.getresponse()
    data = reply.read()
    assert reply.status == 200, (reply.status, data)
    return json.loads(data)


def test_a_silent_member_is_critical_until_it_is_heard_again(cluster):
    three = cluster()
    leader, (killed, paused) = three.leader(), three.followers()
    holder = asked(killed, "PUT", "/v1/session/create", '{"LockDelay": "0s"}')["ID"]
    assert put(consul_connection(leader.http), f"lock?acquire={holder}", b"") == (200, b"true")
    assert {serf_health(leader, n.name) for n in three.nodes} == {ALIVE}
    killed.kill()
    eventually(lambda: serf_health(leader, killed.name) == GONE, 15, "it is missed")
    assert serf_health(leader, paused.name) == serf_health(leader, leader.name) == ALIVE
    living = asked(leader, "GET", "/v1/health/service/consul?passing")
    assert sorted(s["Node"]["Node"] for s in living) == sorted([leader.name, paused.name])
    # What Consul promises of sessions, whose check serfHealth is by default.
    assert asked(leader, "GET", f"/v1/session/info/{holder}") == []
    assert "Session" not in asked(leader, "GET", "/v1/kv/lock")[0]
    killed.start()
    eventually(lambda: serf_health(leader, killed.name) == ALIVE, 10, "it is back")
    paused.pause()
    eventually(lambda: serf_health(leader, paused.name) == GONE, 15, "it is missed")
    paused.go_on()
    eventually(lambda: serf_health(leader, paused.name) == ALIVE, 10, "it is heard again")


def test_the_next_leader_misses_the_last_one(cluster):
    three = cluster()
    leader, others = three.leader(), three.followers()
    leader.kill()
    eventually(lambda: serf_health(others[0], leader.name) == GONE, 20, "it is missed")
    leader.start()
    eventually(lambda: serf_health(others[0], leader.name) == ALIVE, 10, "it is back")


def test_a_member_that_was_removed_is_not_in_the_catalog(cluster):
    three = cluster()
    leader, (gone, _) = three.leader(), three.followers()
    gone.stop()
    code, text = roost(leader, "raft", "remove", gone.name)
    assert code == 0, text
    names = [n["Node"] for n in asked(leader, "GET", "/v1/catalog/nodes")]
    assert sorted(names) == sorted(n.name for n in three.nodes if n is not gone)


# MARK: Clients of a node that cannot serve them

def is_closed(session):
    """Whether the server has ended the connection."""
    try:
        session.ask("exists", path_watch("/"))
    except (Closed, OSError):
        return True
    return False


def test_a_member_that_is_removed_while_it_serves_sends_its_clients_away(cluster):
    three = cluster()
    leader, (gone, _) = three.leader(), three.followers()
    session = Session(gone.zookeeper, timeout=10000)
    assert put(consul_connection(gone.http), "a", b"x") == (200, b"true")
    code, text = roost(leader, "raft", "remove", gone.name)
    assert code == 0, text
    eventually(lambda: "was removed from the cluster and serves nobody" in gone.log(), 10,
               "it says so")
    eventually(lambda: is_closed(session), 5, "ZooKeeper's client is sent away")
    for question in ("a", "a?stale", "a?consistent"):
        status, body = http_get(f"{gone.http}/v1/kv/{question}", 2)
        assert status == 500 and b"was removed from the cluster" in body, (status, body)
    began = time.monotonic()
    with pytest.raises((Closed, OSError)):
        Session(gone.zookeeper, timeout=10000)
    assert time.monotonic() - began < 2, "a client waits for an answer that cannot come"
    # The session is the cluster's, and goes on.
    moved = Session(leader.zookeeper, timeout=10000, session=session.id, password=session.password)
    assert moved.id == session.id


def configuration(node):
    """By name: whether it votes, and leads. Consul's own tools read this."""
    servers = asked(node, "GET", "/v1/operator/raft/configuration")["Servers"]
    ids = {n["Node"]: n["ID"] for n in asked(node, "GET", "/v1/catalog/nodes")}
    assert all(s["ID"] == ids[s["Node"]] for s in servers), (servers, ids)
    return {s["Node"]: (s["Voter"], s["Leader"]) for s in servers}


def test_a_learner_sends_its_clients_away_when_the_only_voter_is_gone(cluster, tmp_path):
    alone = cluster(1)
    voter = alone.nodes[0]
    learner = Node(tmp_path / "n2", "n2", [f"--join={voter.peer}"])
    alone.joined.append(learner)
    learner.start()
    eventually(lambda: members(voter).get("n2", {}).get("Voter"), 30, "it votes")
    assert configuration(voter) == {"n1": (True, True), "n2": (True, False)}
    code, text = roost(voter, "raft", "demote", "n2")
    assert code == 0, text
    eventually(lambda: is_followed(alone, learner), 10, "it knows")
    assert configuration(learner) == {"n1": (True, True), "n2": (False, False)}
    session = Session(learner.zookeeper, timeout=20000)
    voter.kill()
    eventually(lambda: is_closed(session), 10, "its client is sent away")
