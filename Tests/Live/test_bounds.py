"""What one client's address may take of a server, and ZooKeeper's superuser."""

import base64
import hashlib
import socket
import struct

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import ACL, Id

from servers import Roost, eventually, open_files, word

pytestmark = pytest.mark.roost_only
ASK = b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(address):
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 5)


def answers(connection, ask):
    """What comes back, or nothing where the server has closed the connection."""
    try:
        connection.settimeout(5)
        connection.sendall(ask)
        return connection.recv(4096)
    except OSError:
        return b""


def closed(connection):
    """Whether the server has closed it; without waiting."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def serves(address, count, ask, begins):
    """Whether so many connections are served, and of one more than these one is closed: any of them, as each of the
    server's loops takes its own in. One from before that is still counted may have taken the place of another."""
    held = [connect(address) for _ in range(count + 1)]
    try:
        eventually(lambda: any(map(closed, held)), what="one is closed")
        return sum(answers(c, ask).startswith(begins) for c in held) == count
    finally:
        for connection in held:
            connection.close()


@pytest.mark.parametrize("port, flag, ask, begins", [
    ("http", "--http-max-conns-per-client=3", ASK, b"HTTP/1.1 200"),
    ("zookeeper", "--max-client-cnxns=3", b"ruok", b"imok"),
])
def test_one_address_has_so_many_connections(launch, port, flag, ask, begins):
    server = launch(arguments=[flag])
    address = getattr(server, port)
    before = open_files(server.process.pid)

    def full():
        """Whether three connections are served, and a fourth beside them is closed. One from before that the server
        still counts may have taken the place of one of the three; a round that is over made room for the fourth."""
        held = [connect(address) for _ in range(3)]
        try:
            with connect(address) as one_more:
                is_refused = answers(one_more, ask) == b""
            return is_refused and all(answers(c, ask).startswith(begins) for c in held)
        finally:
            for connection in held:
                connection.close()
    eventually(full, what="a fourth connection is closed, and three are served")

    def served():
        with connect(address) as connection:
            return answers(connection, ask).startswith(begins)
    eventually(served, what="a place for the next one")
    eventually(lambda: open_files(server.process.pid) <= before, what="the descriptors of the refused ones are given back")


def frame_head(body_bytes, kind=1):
    """Of the peers' protocol, as PeerFrame.swift has it; the checksum is not looked at before the body is there."""
    return struct.pack(">IBBHQ", body_bytes, 1, kind, 0, 0)


def test_the_peer_port_holds_no_crowd_of_strangers(launch):
    server = launch()
    before = open_files(server.process.pid)
    address = f"127.0.0.1:{server.ports['peer']}"
    crowd = [connect(address) for _ in range(100)]

    eventually(lambda: sum(map(closed, crowd)) >= 36, seconds=2, what="those beyond the 64th are closed at once")
    eventually(lambda: all(map(closed, crowd)), seconds=10, what="those that do not greet are closed")
    with connect(address) as connection:
        connection.sendall(frame_head(1 << 20))
        connection.settimeout(2)
        assert connection.recv(1) == b"", "a stranger's large frame is not waited for"
    eventually(lambda: open_files(server.process.pid) <= before, what="all descriptors are given back")


def test_the_bounds_are_the_real_servers_defaults(tmp_path):
    server = Roost(tmp_path / "server")
    command = server.command
    server.command = lambda: [word for word in command() if not word.startswith(("--max-client", "--http-max"))]
    server.start()
    try:
        assert b"maxClientCnxns=60" in word(server.zookeeper, b"conf")
        eventually(lambda: serves(server.http, 200, ASK, b"HTTP/1.1 200"), what="of 201 connections 200 are served")
        assert "too many HTTP connections from one address" in server.log()
        eventually(lambda: serves(server.zookeeper, 60, b"ruok", b"imok"), what="of 61 connections 60 are served")
    finally:
        server.discard()


def digest(user, password):
    return f"{user}:" + base64.b64encode(hashlib.sha1(f"{user}:{password}".encode()).digest()).decode()


@pytest.fixture
def client(request):
    opened = []

    def start(server):
        opened.append(KazooClient(server.zookeeper))
        opened[-1].start(10)
        return opened[-1]

    yield start
    for one in opened:
        one.stop()
        one.close()


def test_the_superuser_reads_and_repairs_what_nobody_may(launch, client):
    server = launch(arguments=[f"--super-digest={digest('super', 'pass')}"])
    owner = client(server)
    owner.create("/closed", b"hush", acl=[ACL(31, Id("digest", digest("somebody", "gone")))])
    with pytest.raises(NoAuthError):
        owner.get("/closed")
    wrong = client(server)
    wrong.add_auth("digest", "super:other")
    with pytest.raises(NoAuthError):
        wrong.get("/closed")
    master = client(server)
    master.add_auth("digest", "super:pass")
    assert master.get("/closed")[0] == b"hush"
    master.set_acls("/closed", [ACL(31, Id("world", "anyone"))])
    assert owner.get("/closed")[0] == b"hush"


@pytest.mark.parametrize("flags, said", [
    (["--super-digest=super:short"], "super: and the base64 of a SHA-1"),
    (["--super-digest=super:5baa61e4c9b93f3f0682250b6c_="], "super: and the base64 of a SHA-1"),
    (["--acl-default-policy=never", "--acl-enabled=true"], "allow or deny"),
    (["--acl-enabled=yes"], "true or false"),
    (["--acl-default-policy=deny"], "--acl-enabled"),
    (["--acl-initial-management-token=hush-hush"], "--acl-enabled"),
])
def test_what_would_be_without_effect_or_wrong_is_refused_at_the_start(tmp_path, flags, said):
    server = Roost(tmp_path / "server", arguments=flags)
    server.spawn()
    assert server.process.wait(30) == 4
    assert said in server.log()
    assert "hush-hush" not in server.log()
