"""TLS between the nodes: who is taken for one, and clusters that change over while they serve."""

import http.client
import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from certificates import Authority, Paper, arguments
from cluster import Cluster, Node, members
from jute import Session, set_body
from load import consul_connection, get_raw, put
from servers import eventually
from test_long_away import pipelined

pytestmark = pytest.mark.roost_only


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def build(tmp_path, authority):
    """Makes clusters whose nodes have certificates of their own, and does not start them."""
    made = []

    def prepare(mode: str = "require", count: int = 3, extra: tuple[str, ...] = ()) -> Cluster:
        cluster = Cluster(tmp_path / f"c{len(made)}", count, arguments=list(extra))
        for node in cluster.nodes:
            node.paper = authority.node(node.name, folder=f"{tmp_path.name}-{len(made)}")
            node.arguments += [f"--peer-tls={mode}", *arguments(node.paper, authority)]
        made.append(cluster)
        return cluster
    yield prepare
    for cluster in made:
        print(cluster.log())
        cluster.discard()


def newcomer(cluster: Cluster, words: list[str], name: str = "n4") -> Node:
    """A node that asks to join, not waited for."""
    node = Node(cluster.directory / name, name, [f"--join={cluster.nodes[0].peer}", *words])
    cluster.joined.append(node)
    node.spawn()
    return node


def write(node: Node, key: str, value: bytes = b"v") -> bool:
    try:
        status, body = put(consul_connection(node.http), key, value)
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and body.strip() == b"true"


def holds(cluster: Cluster, key: str, value: bytes = b"v") -> None:
    """Every node serves, and has what was written by any."""
    for node in cluster.alive():
        eventually(lambda: get_raw(consul_connection(node.http), key) == value)


def is_whole(cluster: Cluster) -> bool:
    """The leader hears from all, and they have all of its log."""
    there = members(cluster.leader())
    return len(there) >= len(cluster.nodes) and all(
        m["Lag"] == 0 and m["LastContactMilliseconds"] < 500 for m in there.values())


def restart(cluster: Cluster, node: Node) -> None:
    node.stop()
    node.spawn()
    node.wait_until_serving()
    eventually(lambda: is_whole(cluster), 20, "all nodes hear of each other")


# MARK: A cluster that speaks TLS

def test_three_nodes_speak_nothing_but_tls(build, authority):
    """Writes by all nodes, a leader that dies, a snapshot for one that was away."""
    three = build(extra=("--snapshot-log-megabytes=1",)).start()
    for node in three.nodes:
        assert eventually(lambda: write(node, f"by-{node.name}"))
        holds(three, f"by-{node.name}")
    away = three.followers()[0]
    away.kill()
    session = Session(three.leader().zookeeper, timeout=30000)
    session.create("/small")
    small = (("setData", set_body("/small", b"%d" % n)) for n in range(12_000))
    pipelined(session, small, 256)
    # The leader keeps 32 MiB of entries in memory besides.
    large = (("setData", set_body("/small", bytes([n % 256]) * 60_000)) for n in range(700))
    pipelined(session, large, 16)
    session.close()
    away.spawn()
    away.wait_until_serving()
    eventually(lambda: is_whole(three))
    assert "snapshot is installed" in away.log()
    three.leader().kill()
    other = three.leader()
    assert eventually(lambda: write(other, "after"))
    holds(three, "after")
    # What the peer port says to who does not speak TLS is nothing.
    for node in three.alive():
        with socket.create_connection(("127.0.0.1", node.ports["peer"]), 5) as stream:
            stream.sendall(b"\0\0\0\x10\x01\x01\0\0" + b"\0" * 24)
            stream.settimeout(5)
            assert stream.recv(1) == b""
        eventually(lambda: "the peer port: a connection was refused" in node.log()
                   and "it does not speak TLS" in node.log())


def test_a_node_joins_by_its_certificate(build, authority):
    three = build().start()
    paper = authority.node("n4")
    node = newcomer(three, ["--peer-tls=require", *arguments(paper, authority)])
    node.wait_until_serving()
    eventually(lambda: members(three.leader()).get("n4", {}).get("Role") in ("voter", "follower"))
    assert eventually(lambda: write(node, "by-n4"))
    holds(three, "by-n4")


def test_a_node_that_waits_to_join_takes_a_new_certificate(build, authority):
    three = build().start()
    paper = authority.expired("n5")
    words = ["--peer-tls=require", *arguments(paper, authority)]
    node = newcomer(three, words, "n5")
    eventually(lambda: "not taken into the cluster yet" in node.log())
    paper.replace(authority.node("n5", folder="renewed"))
    node.wait_until_serving()


# MARK: Who is refused

CASES = {
    "none": "it does not speak TLS, and this port speaks nothing else",
    "foreign": "is not trusted here: its issuer is CN=Roost CA ",
    "client": "is no node's: it lacks the name server.dc1.roost",
    "expired": "expired at",
    "another node's": "is not that of n4",
    "client called like a node": "does not have both serverAuth and clientAuth",
    "another datacenter's": "is no node's: it lacks the name server.dc1.roost",
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory, authority):
    """One cluster for all that is refused."""
    directory = tmp_path_factory.mktemp("serving")
    cluster = Cluster(directory, 3)
    for node in cluster.nodes:
        paper = authority.node(node.name, folder="serving")
        node.arguments += ["--peer-tls=require", *arguments(paper, authority)]
    cluster.start()
    eventually(lambda: is_whole(cluster), 20, "all nodes hear of each other")
    yield cluster
    cluster.discard()


def dialled(port: int, authority: Authority, paper: Paper | None) -> bytes:
    """What the peer port answers a client of TLS, by itself."""
    how = ssl.create_default_context(cafile=str(authority.certificate))
    how.check_hostname = False
    if paper:
        how.load_cert_chain(paper.certificate, paper.key)
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        with how.wrap_socket(raw) as stream:
            stream.settimeout(5)
            return stream.recv(1)


@pytest.mark.parametrize("kind", list(CASES))
def test_who_is_no_node_does_not_join(serving, authority, stranger, kind):
    """Both sides say why; the cluster does not notice."""
    papers = {
        "foreign": lambda: stranger.node("n4"), "expired": lambda: authority.expired("n4"),
        "another node's": lambda: authority.node("n2", folder="stolen"),
        "another datacenter's": lambda: Authority.issue(
            authority, "--node", "n4", "--datacenter", "dc2", folder="elsewhere"),
        "client": lambda: authority.client("bob"),
        "client called like a node": lambda: authority.client("n4.server.dc1.roost"),
    }
    before = {n.name: len(n.log()) for n in serving.nodes}

    def told():
        return any(CASES[kind] in n.log()[before[n.name]:] for n in serving.nodes)
    if kind in ("client", "client called like a node", "another datacenter's"):
        # No node starts with these: here the port itself is asked.
        try:
            assert dialled(serving.nodes[0].ports["peer"], authority, papers[kind]()) == b""
        except (ssl.SSLError, ConnectionError):
            pass
        eventually(told)
    else:
        words = []
        if kind != "none":
            # It trusts the cluster, so that it is the cluster that refuses.
            paper = papers[kind]()
            both = paper.certificate.with_name("both.pem")
            both.write_bytes(authority.certificate.read_bytes() + stranger.certificate.read_bytes())
            words = ["--peer-tls=require", f"--tls-cert={paper.certificate}",
                     f"--tls-key={paper.key}", f"--tls-ca={both}"]
        node = newcomer(serving, words)
        eventually(told)
        eventually(lambda: "not taken into the cluster" in node.log()
                   or "does not take this node in" in node.log())
        assert not node.serves()
        node.discard()
        serving.joined.remove(node)
        shutil.rmtree(node.directory)
    assert write(serving.leader(), "still")
    # A majority acknowledges: the third node may still be writing.
    eventually(lambda: is_whole(serving), 20, "all nodes have it")
    assert "peer lost" not in "".join(n.log()[before[n.name]:] for n in serving.nodes)


def test_a_node_does_not_dial_an_impostor(build, authority, stranger):
    """The dialler looks too: whoever listens at a node's address with a foreign certificate, or a
    client's, hears nothing."""
    three = build().start()
    victim = three.followers()[0]
    victim.kill()
    heard = []
    for paper, reason in ((stranger.node(victim.name), "is not trusted here"),
                          (authority.client("eve"), "is not for a server"),
                          (authority.openssl("any", 9, "subjectAltName=DNS:any\n"), "is no node's"),
                          (authority.node("n9"), f"is not that of {victim.name}")):
        before = {n.name: len(n.log()) for n in three.alive()}
        with impostor(victim.ports["peer"], paper, heard):
            eventually(lambda: all(reason in n.log()[before[n.name]:] for n in three.alive()))
    assert not heard, heard
    assert write(three.leader(), "meanwhile")


class impostor:  # noqa: N801, used as a word
    """Listens with TLS as if it were a node, and keeps what it is told."""

    def __init__(self, port: int, paper: Paper, heard: list[bytes]) -> None:
        self.heard = heard
        self.how = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.how.load_cert_chain(paper.certificate, paper.key)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.how.wrap_socket(stream, server_side=True) as secured:
                    secured.settimeout(2)
                    if data := secured.recv(1 << 16):
                        self.heard.append(data)
            except OSError:
                continue

    def __enter__(self) -> "impostor":
        self.thread.start()
        return self

    def __exit__(self, *failure) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


def test_a_node_without_tls_is_told_by_one_without(cluster, authority):
    """A TLS dialler at a plain peer port: each side names the cause."""
    three = cluster()
    words = ["--peer-tls=require", *arguments(authority.node("n4", folder="plain"), authority)]
    node = newcomer(three, words)
    eventually(lambda: "TLS: it ended the connection during the handshake" in node.log())
    eventually(lambda: any("it speaks TLS, and this node does not" in n.log() for n in three.nodes))
    node.discard()


# MARK: Changing over

def test_a_running_cluster_changes_over_to_tls(build, authority):
    """off, accept, dial, require: one restart of each node a step, and writes all the time."""
    three = build("off").start()
    stop, failures, done = threading.Event(), [], []

    def load():
        count = 0
        while not stop.is_set():
            count += 1
            for attempt in range(200):
                if any(write(node, f"k{count}") for node in three.alive()):
                    done.append(f"k{count}")
                    break
                if stop.wait(0.05):
                    return
            else:
                failures.append(count)
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for mode in ("accept", "dial", "require"):
            for node in three.nodes:
                node.arguments = [w for w in node.arguments if not w.startswith("--peer-tls=")]
                node.arguments.append(f"--peer-tls={mode}")
                restart(three, node)
    finally:
        stop.set()
        thread.join(30)
    assert not failures and len(done) > 50
    for node in three.nodes:
        connection = consul_connection(node.http)
        assert all(get_raw(connection, key) == b"v" for key in done[::7])
    # And what is plain now stays out.
    plain = newcomer(three, [])
    eventually(lambda: "not taken into the cluster yet" in plain.log())
    assert not plain.serves()


def test_certificates_and_the_authority_are_replaced_while_links_stay(
        build, authority, tmp_path_factory):
    """First both authorities are trusted, then the nodes get certificates of the new one, then the
    old one goes: no node is restarted, no link lost; and then one is, and comes back."""
    three = build()
    new = Authority(tmp_path_factory.mktemp("new"))
    trusted = three.directory / "trusted.pem"
    trusted.write_bytes(authority.certificate.read_bytes())
    for node in three.nodes:
        node.arguments.append(f"--tls-ca={trusted}")
    three.start()
    eventually(lambda: is_whole(three))
    before = {n.name: len(n.log()) for n in three.nodes}

    def taken(times: int) -> bool:
        return all(n.log()[before[n.name]:].count("TLS has a new certificate") == times
                   for n in three.nodes)
    place(trusted, authority.certificate.read_bytes() + new.certificate.read_bytes())
    eventually(lambda: taken(1))
    for node in three.nodes:
        node.paper.replace(new.node(node.name, folder="renewed"))
    eventually(lambda: taken(2))
    place(trusted, new.certificate.read_bytes())
    eventually(lambda: taken(3))
    assert write(three.leader(), "replaced")
    assert "peer lost" not in "".join(n.log()[before[n.name]:] for n in three.nodes)
    for node in three.followers():
        restart(three, node)
    holds(three, "replaced")


def place(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)
