"""DNS in operation: what an operator may choose, clients that are many, slow or wrong, and clusters. What is answered: test_golden.py."""

import socket
import struct
import subprocess
import time

import pytest
import requests

from cluster import Cluster
from golden_dns import CATALOG, NAME, dig, fill, head, node, service
from servers import Roost, eventually, http_get, open_files

pytestmark = pytest.mark.roost_only


@pytest.fixture
def roost(tmp_path):
    """Starts servers with these flags and a catalog."""
    made = []

    def start(*flags, bodies=CATALOG, waits=True):
        server = Roost(tmp_path / f"r{len(made)}", arguments=list(flags))
        made.append(server)
        server.spawn()
        if waits:
            server.wait_until_serving()
        for body in bodies:
            register(server, body)
        return server
    yield start
    for server in made:
        server.discard()


def register(server, body, **more):
    done = requests.put(f"{server.http}/v1/catalog/register", json=body, timeout=10, **more)
    assert done.status_code == 200, done.text


def answers(server, question):
    return dig(server.dns, question)["records"].get("ANSWER", [])


def asked(type=1, edns=None):
    """web.service.consul, as a message."""
    message = head(0x100, 1, 0, 0, int(edns is not None)) + NAME + struct.pack(">2H", type, 1)
    return message + (struct.pack(">BHHIH", 0, 41, edns, 0, 0) if edns is not None else b"")


def framed(message):
    return struct.pack(">H", len(message)) + message


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            return None
        data += more
    return data


def told(stream):
    """The next message; None at the end."""
    length = exactly(stream, 2)
    return length and exactly(stream, struct.unpack(">H", length)[0])


# MARK: What an operator chooses

def test_the_domain_the_times_and_what_is_left_out(roost):
    server = roost("--dns-domain=svc.example", "--dns-node-ttl-seconds=30", "--dns-service-ttl-seconds=10", "--dns-only-passing=true")
    assert answers(server, "web1.node.svc.example") == ["web1.node.svc.example. 30 IN A 10.1.0.1"]
    # The one that warns is left out.
    found = dig(server.dns, "web.service.dc1.svc.example SRV")["records"]
    assert found["ANSWER"] == ["web.service.dc1.svc.example. 10 IN SRV 1 1 83 web4.node.dc1.svc.example.",
                               "web.service.dc1.svc.example. 10 IN SRV 1 7 80 web1.node.dc1.svc.example."]
    assert "web1.node.dc1.svc.example. 10 IN A 10.1.0.1" in found["ADDITIONAL"]
    assert dig(server.dns, "web.service.consul")["status"] == "QUERY REFUSED"
    assert dig(server.dns, "svc.example SOA")["records"]["ANSWER"][0].startswith("svc.example. 0 IN SOA ns.svc.example. hostmaster.svc.example. SERIAL")
    assert dig(server.dns, "svc.example NS")["records"]["ADDITIONAL"] == ["n1.node.dc1.svc.example. 30 IN A 127.0.0.1"]


def test_how_much_a_datagram_carries(roost):
    server = roost("--dns-udp-answer-limit=5", "--dns-enable-truncate=true")
    plain = dig(server.dns, "many.service.consul +noedns")
    assert (plain["flags"], plain["counts"]) == ("qr aa tc rd", "QUERY: 1, ANSWER: 5, AUTHORITY: 0, ADDITIONAL: 0")
    assert dig(server.dns, "many.service.consul +bufsize=4096")["flags"] == "qr aa rd"
    # dig asks again over TCP, as every client does.
    done = subprocess.run(["dig", "@127.0.0.1", "-p", str(server.dns), "+noedns", "+short", "many.service.consul"],
                          capture_output=True, text=True, timeout=20, check=True)
    assert sorted(set(done.stdout.split())) == sorted(f"10.2.0.{n}" for n in range(1, 61))


def test_how_many_addresses_are_told(roost):
    server = roost("--dns-address-limit=2")
    assert len(answers(server, "many.service.consul +bufsize=4096")) == 2
    assert len(answers(server, "many.service.consul SRV +bufsize=4096")) > 20


def test_every_instance_is_told_of_in_its_turn(roost):
    """Of sixty, three are told without EDNS: each as often as the others, or clients would all go to one."""
    server = roost()
    seen = {}
    for _ in range(400):
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(server.dns), "+noedns", "+short", "many.service.consul"],
                              capture_output=True, text=True, timeout=20, check=True)
        first = done.stdout.split()[0]
        seen[first] = seen.get(first, 0) + 1
    # 400 of 60 with 6.7 each: that one is never the first is likely, that 15 are never is not (1 in 10^6).
    assert len(seen) > 45 and max(seen.values()) < 30, seen


def test_a_port_that_is_off_or_taken(roost, tmp_path):
    server = Roost(tmp_path / "off", arguments=[])
    server.ports["dns"] = -1
    server.start()
    assert "dns=" not in server.log() and "http=" in server.log()
    server.discard()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                other.listen()
            taken = Roost(tmp_path / f"taken{kind}")
            taken.ports["dns"] = other.getsockname()[1]
            taken.spawn()
            assert taken.process.wait(30) == 2
            assert "the DNS port" in taken.log() and str(taken.ports["dns"]) in taken.log(), taken.log()
    # Any free port is free for both kinds, and told.
    free = Roost(tmp_path / "free")
    free.ports["dns"] = 0
    try:
        free.start()
        port = int(free.log().split("dns=127.0.0.1:")[1].split()[0])
        for how in ("", " +tcp"):
            assert dig(port, f"consul.service.consul{how}")["records"]["ANSWER"] == ["consul.service.consul. 0 IN A 127.0.0.1"]
    finally:
        free.discard()


# MARK: What is found

def test_a_registration_is_found_at_once_and_one_that_goes_is_not(roost):
    server = roost(bodies=[])
    for number in range(20):
        register(server, node("n", f"10.0.0.{number}", service("app", number + 1)))
        assert answers(server, "app.service.consul SRV") == [f"app.service.consul. 0 IN SRV 1 1 {number + 1} n.node.dc1.consul."]
        assert answers(server, "n.node.consul") == [f"n.node.consul. 0 IN A 10.0.0.{number}"]
    register(server, node("n", "10.0.0.1", None, [("app", "critical")]))
    assert dig(server.dns, "app.service.consul")["status"] == "QUERY NXDOMAIN"
    register(server, node("n", "10.0.0.1", None, [("app", "passing")]))
    assert answers(server, "app.service.consul") == ["app.service.consul. 0 IN A 10.0.0.1"]
    requests.put(f"{server.http}/v1/catalog/deregister", json={"Node": "n"}, timeout=10)
    assert dig(server.dns, "app.service.consul")["status"] == "QUERY NXDOMAIN"


def test_what_consul_cannot_say_is_said(roost):
    """Long texts, backslashes and spaces: Consul sends no answer to the first, reads the second as
    escapes, and does not find the third (see Limits.md)."""
    long = "x" * 300
    server = roost(bodies=[node("long", "10.0.0.1", NodeMeta={"k": long}), node("slash", "10.0.0.2", NodeMeta={"k": "a\\b\\065\"é"}),
                           node("sp ace", "10.0.0.3", service("sp ace"))])
    assert answers(server, "long.node.consul TXT") == [f'long.node.consul. 0 IN TXT "k={long[:253]}" "{long[253:]}"']
    assert answers(server, "slash.node.consul TXT") == ['slash.node.consul. 0 IN TXT "k=a\\\\b\\\\065\\"\\195\\169"']
    assert answers(server, r"sp\032ace.service.consul") == [r"sp\032ace.service.consul. 0 IN A 10.0.0.3"]
    assert answers(server, r"sp\032ace.service.consul SRV") == [r"sp\032ace.service.consul. 0 IN SRV 1 1 1 sp\032ace.node.dc1.consul."]


def test_names_that_no_message_can_carry_are_left_out(roost):
    """A label has at most 63 bytes; the catalog takes more."""
    long = "n" * 64
    server = roost(bodies=[node(long, "10.0.0.1", service("app", 1)), node("short", "10.0.0.2", service("app", 2)),
                           node("elsewhere", "10.0.0.3", service("app", 3, Address=f"{long}.example.com"))])
    assert sorted(answers(server, "app.service.consul")) == ["app.service.consul. 0 IN A 10.0.0.1", "app.service.consul. 0 IN A 10.0.0.2"]
    assert answers(server, "app.service.consul SRV") == ["app.service.consul. 0 IN SRV 1 1 2 short.node.dc1.consul."]


def test_who_shows_no_token_sees_what_the_operator_lets_him(roost):
    flags = ["--acl-enabled=true", "--acl-default-policy=deny", "--acl-initial-management-token=secret-1"]
    headers = {"X-Consul-Token": "secret-1"}
    body = node("n", "10.0.0.1", service("app", 1))
    for more, sees in (([], False), (["--acl-default-token=secret-1"], True), (["--acl-default-token=none"], False)):
        server = roost(*flags, *more, bodies=[], waits=False)
        # The token is made after the start.
        eventually(lambda: http_get(f"{server.http}/v1/acl/token/self?token=secret-1")[0] == 200)
        register(server, body, headers=headers)
        for question in ("app.service.consul", "app.service.consul SRV", "n.node.consul"):
            found = dig(server.dns, question)
            assert found["status"] == ("QUERY NOERROR" if sees else "QUERY NXDOMAIN"), (question, found)
        assert dig(server.dns, "-x 10.0.0.1")["status"] == ("QUERY NOERROR" if sees else "QUERY SERVFAIL")
        assert dig(server.dns, "consul NS")["counts"].startswith(f"QUERY: 1, ANSWER: {int(sees)}")


def test_a_follower_answers_and_so_does_a_node_without_a_leader(tmp_path):
    three = Cluster(tmp_path, 3)
    try:
        three.start()
        follower = three.followers()[0]
        register(three.leader(), node("n", "10.0.0.1", service("app", 1)))
        for each in three.nodes:
            eventually(lambda: answers(each, "app.service.consul") == ["app.service.consul. 0 IN A 10.0.0.1"])
        servers = dig(follower.dns, "consul NS")["records"]
        assert len(servers["ANSWER"]) == 3 and len(servers["ADDITIONAL"]) == 3
        for other in three.nodes:
            if other is not follower:
                other.kill()
        eventually(lambda: follower.leader() == "", 20, "it has lost its leader")
        assert answers(follower, "app.service.consul") == ["app.service.consul. 0 IN A 10.0.0.1"]
    finally:
        three.discard()


# MARK: Clients

def test_connections_end_after_a_while_and_after_many_queries(roost):
    server = roost()
    address = ("127.0.0.1", server.dns)
    before = open_files(server.process.pid)
    with socket.create_connection(address, 20) as silent, socket.create_connection(address, 20) as idle:
        began = time.monotonic()
        idle.sendall(framed(asked()))
        assert told(idle)[:2] == b"\0\7"
        assert silent.recv(1) == b"" and 1.5 < time.monotonic() - began < 7
        assert idle.recv(1) == b"" and 7.5 < time.monotonic() - began < 15
    with socket.create_connection(address, 20) as busy:
        busy.sendall(framed(asked()) * 300)
        # Those beyond the bound are read, so that the answers before them are not lost to a reset.
        count = 0
        while told(busy):
            count += 1
        assert count == 128
    # One that has said all that it will say gets its answers.
    with socket.create_connection(address, 20) as half:
        half.sendall(framed(asked()) * 3)
        half.shutdown(socket.SHUT_WR)
        assert [bool(told(half)) for _ in range(4)] == [True, True, True, False]
    eventually(lambda: open_files(server.process.pid) <= before, 20, "no connection is left")


def test_one_that_does_not_read_stops_nobody(roost):
    server = roost()
    address = ("127.0.0.1", server.dns)
    long = framed(head(0x100, 1, 0, 0, 0) + b"\4many" + NAME[4:] + struct.pack(">2H", 33, 1))
    streams = []
    for _ in range(20):
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.settimeout(20)
        stream.connect(address)
        stream.sendall(long * 128)
        streams.append(stream)
    for _ in range(20):
        assert len(answers(server, "many.service.consul +bufsize=4096")) == 60
    # Those who begin to read have all of what was asked of, unless their time is over.
    assert told(streams[0])[6:8] == b"\0\x3c"
    for stream in streams:
        stream.close()


def test_connections_from_one_address_are_bounded(roost):
    server = roost(bodies=[])
    address = ("127.0.0.1", server.dns)
    held = [socket.create_connection(address, 20) for _ in range(260)]
    # The bound is 200; who is beyond it is closed at once, the others after two seconds.
    began = time.monotonic()
    ends = []
    for stream in held:
        stream.settimeout(20)
        try:
            ended = stream.recv(1) == b""
        except ConnectionError:
            ended = True
        ends.append((ended, time.monotonic() - began))
        stream.close()
    assert all(ended for ended, _ in ends)
    assert "too many DNS connections from one address" in server.log()
    assert dig(server.dns, "consul.service.consul +tcp")["status"] == "QUERY NOERROR"


def test_noise_is_survived(roost, seeded):
    """Bytes of any kind by both ways; the server goes on, and has no file more than before."""
    server = roost(bodies=[])
    before = open_files(server.process.pid)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect(("127.0.0.1", server.dns))
        for _ in range(5_000):
            message = bytearray(asked(seeded.choice([1, 33, 255]), 4096))
            for _ in range(seeded.randrange(6)):
                message[seeded.randrange(len(message))] = seeded.randrange(256)
            end.send(bytes(message[:seeded.randrange(len(message) + 1)]))
        end.send(seeded.randbytes(65_000))
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.dns), 20) as stream:
            stream.sendall(seeded.randbytes(seeded.randrange(1, 2_000)))
    assert answers(server, "consul.service.consul") == ["consul.service.consul. 0 IN A 127.0.0.1"]
    eventually(lambda: open_files(server.process.pid) <= before, 20, "no connection is left")


def test_queries_are_counted(roost):
    server = roost()
    for question in ("web.service.consul", "nope.service.consul", "-x 10.1.0.1", "example.com"):
        dig(server.dns, question)
    text = requests.get(f"{server.http}/v1/agent/metrics?format=prometheus", timeout=10).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert (lines["consul_dns_domain_query_count"], lines["consul_dns_ptr_query_count"]) == ("3", "1")
    assert lines['roost_dns_answers_total{code="noerror"}'] == "2"
    assert lines['roost_dns_answers_total{code="nxdomain"}'] == lines['roost_dns_answers_total{code="refused"}'] == "1"


def test_a_node_that_stops_answers_what_was_asked(roost):
    server = roost()
    with socket.create_connection(("127.0.0.1", server.dns), 20) as stream:
        stream.sendall(framed(asked()))
        assert told(stream)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        assert stream.recv(1) == b""
