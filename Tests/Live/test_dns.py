"""DNS in operation: what an operator may choose, clients that are many, slow or wrong, and clusters. What is answered: test_golden.py."""

import contextlib
import ctypes
import os
import signal
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

def test_a_client_that_is_told_that_there_is_more_asks_for_it(roost):
    """dig does over TCP, as every client. What settings change in answers: test_golden.py."""
    server = roost("--dns-enable-truncate=true")
    done = subprocess.run(["dig", "@127.0.0.1", "-p", str(server.dns), "+noedns", "+short", "many.service.consul"],
                          capture_output=True, text=True, timeout=20, check=True)
    assert sorted(done.stdout.split()) == sorted(f"10.2.0.{n}" for n in range(1, 61))


def test_every_instance_is_told_of_in_its_turn(roost):
    """Of sixty, three are told without EDNS: each as often as the others, or clients would all go to one."""
    server = roost()
    seen = {}
    for _ in range(400):
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(server.dns), "+noedns", "+short", "many.service.consul"],
                              capture_output=True, text=True, timeout=20, check=True)
        first = done.stdout.split()[0]
        seen[first] = seen.get(first, 0) + 1
    # Each is the first 6.7 times, on average; that one never is happens once in 800.
    assert len(seen) > 45 and max(seen.values()) < 30, seen


def test_a_port_that_is_off_or_taken(roost, tmp_path):
    server = Roost(tmp_path / "off", arguments=[])
    server.ports["dns"] = -1
    server.start()
    eventually(lambda: "http=" in server.log())
    assert "dns=" not in server.log()
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
        eventually(lambda: "dns=127.0.0.1:" in free.log())
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


def test_what_is_remembered_is_forgotten_with_any_change(roost):
    """Of an instance, its node, their checks, by every way that changes them."""
    server = roost(bodies=[node("n", "10.0.0.1", service("app", 1, Weights={"Passing": 1, "Warning": 2})), node("m", "10.0.0.2", service("other"))])

    def put(path, body=None):
        done = requests.put(f"{server.http}{path}", json=body, timeout=10)
        assert done.status_code == 200, done.text

    def sees(*records, question="app.service.consul SRV"):
        found = dig(server.dns, question)["records"]
        assert sorted(found.get("ANSWER", []) + found.get("ADDITIONAL", [])) == sorted(records), found

    srv, a = "app.service.consul. 0 IN SRV 1 {} {} n.node.dc1.consul.", "n.node.dc1.consul. 0 IN A {}"
    sees(srv.format(1, 1), a.format("10.0.0.1"))
    register(server, node("n", "10.0.0.3"))
    sees(srv.format(1, 1), a.format("10.0.0.3"))
    register(server, node("n", "10.0.0.3", NodeMeta={"k": "v"}))
    sees(srv.format(1, 1), a.format("10.0.0.3"), 'n.node.dc1.consul. 0 IN TXT "k=v"')
    register(server, node("n", "10.0.0.3", service("app", 2, Weights={"Passing": 5, "Warning": 2}), NodeMeta={}))
    sees(srv.format(5, 2), a.format("10.0.0.3"))
    register(server, node("n", "10.0.0.3", None, [("", "warning")]))
    sees(srv.format(2, 2), a.format("10.0.0.3"))
    put("/v1/txn", [{"Check": {"Verb": "delete", "Check": {"Node": "n", "CheckID": "c0"}}}])
    sees(srv.format(5, 2), a.format("10.0.0.3"))
    put("/v1/txn", [{"Node": {"Verb": "set", "Node": {"Node": "n", "Address": "10.0.0.4"}}}])
    sees(srv.format(5, 2), a.format("10.0.0.4"))
    sees("4.0.0.10.in-addr.arpa. 0 IN PTR n.node.dc1.consul.", question="-x 10.0.0.4")
    put("/v1/catalog/deregister", {"Node": "n", "ServiceID": "app"})
    assert dig(server.dns, "app.service.consul SRV")["status"] == "QUERY NXDOMAIN"
    put("/v1/catalog/deregister", {"Node": "n"})
    assert dig(server.dns, "-x 10.0.0.4")["status"] == "QUERY SERVFAIL"
    # A check of a service that has another name now: it bears the former one.
    register(server, node("n", "10.0.0.1", service("web", ID="s"), [("s", "critical")]))
    register(server, node("n", "10.0.0.1", service("api", ID="s")))
    assert dig(server.dns, "api.service.consul")["status"] == "QUERY NXDOMAIN"
    put("/v1/catalog/deregister", {"Node": "n", "CheckID": "c0"})
    assert answers(server, "api.service.consul") == ["api.service.consul. 0 IN A 10.0.0.1"]
    # The agent's ways: maintenance, and a check that nobody renews.
    put("/v1/agent/service/register", {"Name": "own", "Port": 3, "Check": {"TTL": "10s", "Status": "passing"}})
    own = "own.service.consul. 0 IN A 127.0.0.1"
    put("/v1/agent/check/pass/service:own")
    assert answers(server, "own.service.consul") == [own]
    eventually(lambda: dig(server.dns, "own.service.consul")["status"] == "QUERY NXDOMAIN", 60, "its check is critical")
    put("/v1/agent/service/register", {"Name": "own2", "Port": 3})
    assert len(answers(server, "own2.service.consul")) == 1
    put("/v1/agent/service/maintenance/own2?enable=true")
    assert not answers(server, "own2.service.consul")
    put("/v1/agent/service/maintenance/own2?enable=false")
    assert len(answers(server, "own2.service.consul")) == 1
    put("/v1/agent/maintenance?enable=true")
    assert not answers(server, "own2.service.consul")


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


def test_many_instances_take_no_longer_than_those_that_are_told(roost):
    """A service of 3,000: a datagram carries what fits, a connection what fits in a message."""
    server = roost(bodies=[])
    for start in range(0, 3_000, 60):
        operations = [{"Node": {"Verb": "set", "Node": {"Node": f"n{n}", "Address": f"10.1.{n // 250}.{n % 250}"}}} for n in range(start, start + 60)]
        operations += [{"Service": {"Verb": "set", "Node": f"n{n}", "Service": service("large", 80, Address="large2.service.consul")}}
                       for n in range(start, start + 60)]
        done = requests.put(f"{server.http}/v1/txn", json=operations, timeout=60)
        assert done.status_code == 200, done.text
    register(server, node("other", "10.9.0.1", service("large2")))
    counted = {}
    for how in ("+noedns", "+bufsize=1232", "+bufsize=4096", "+tcp"):
        found = dig(server.dns, f"large.service.consul SRV {how}")
        counted[how] = len(found["records"]["ANSWER"])
        # All lead to one name, whose address is told once a record.
        assert found["status"] == "QUERY NOERROR"
    assert counted["+noedns"] == 3 and 10 < counted["+bufsize=1232"] < counted["+bufsize=4096"] < 100 < counted["+tcp"], counted
    # More than the kernel keeps for a client that is slow to read, and has said all that it will say.
    question = framed(head(0x100, 1, 0, 0, 0) + b"\5large" + NAME[4:] + struct.pack(">2H", 33, 1))
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(60)
        slow.connect(("127.0.0.1", server.dns))
        slow.sendall(question * 140)
        slow.shutdown(socket.SHUT_WR)
        # Others are answered meanwhile.
        assert answers(server, "other.node.consul") == ["other.node.consul. 0 IN A 10.9.0.1"]
        lengths = [len(told(slow) or b"") for _ in range(129)]
        assert all(length > 50_000 for length in lengths[:-1]) and not lengths[-1], lengths


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
    for more, status in (([], "NXDOMAIN"), (["--acl-default-token=secret-1"], "NOERROR"), (["--acl-default-token=none"], "SERVFAIL")):
        sees = status == "NOERROR"
        server = roost(*flags, *more, bodies=[], waits=False)
        # The token is made after the start.
        eventually(lambda: http_get(f"{server.http}/v1/acl/token/self?token=secret-1")[0] == 200)
        register(server, body, headers=headers)
        for question in ("app.service.consul", "app.service.consul SRV", "n.node.consul"):
            found = dig(server.dns, question)
            assert found["status"] == f"QUERY {status}", (question, found)
        assert answers(server, "0a000001.addr.consul") == ["0a000001.addr.consul. 0 IN A 10.0.0.1"]
        assert dig(server.dns, "-x 10.0.0.1")["status"] == ("QUERY NOERROR" if sees else "QUERY SERVFAIL")
        assert dig(server.dns, "consul NS")["counts"].startswith(f"QUERY: 1, ANSWER: {int(sees)}")
        if not more:
            # What the anonymous token may see, who shows none may see: over HTTP, and by DNS.
            done = requests.put(f"{server.http}/v1/acl/token/00000000-0000-0000-0000-000000000002", headers=headers, timeout=10,
                                json={"Policies": [{"Name": "global-management"}]})
            assert done.status_code == 200, done.text
            assert answers(server, "app.service.consul") == ["app.service.consul. 0 IN A 10.0.0.1"]


def test_a_follower_answers_and_so_does_a_node_without_a_leader(tmp_path):
    three = Cluster(tmp_path, 3)
    try:
        three.start()
        follower = three.followers()[0]
        register(three.leader(), node("n", "10.0.0.1", service("app", 1)))
        for each in three.nodes:
            eventually(lambda: answers(each, "app.service.consul") == ["app.service.consul. 0 IN A 10.0.0.1"])
        # Each node registers itself.
        eventually(lambda: len(answers(follower, "consul NS")) == 3)
        assert len(dig(follower.dns, "consul NS")["records"]["ADDITIONAL"]) == 3
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
    began = time.monotonic()
    with socket.create_connection(address, 60) as silent, socket.create_connection(address, 60) as idle:
        idle.sendall(framed(asked()))
        assert told(idle)[:2] == b"\0\7"
        # Not before its time, however slow this machine is, and surely before the other's.
        assert silent.recv(1) == b"" and time.monotonic() - began >= 2
        assert idle.recv(1) == b"" and time.monotonic() - began >= 8
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


def test_a_sender_that_cannot_be_answered_takes_nobodys_answers(roost):
    """The kernel calls it an error of the socket when an answer has no way to go: NIO closed it, and
    no datagram was answered until the next start. Nothing can be sent to port 0."""
    if os.geteuid():
        pytest.skip("needs root for a raw socket")
    server = roost(bodies=[])
    message = asked()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        for _ in range(3):
            raw.sendto(struct.pack(">4H", 0, server.dns, 8 + len(message), 0) + message, ("127.0.0.1", 0))
    assert answers(server, "consul.service.consul") == ["consul.service.consul. 0 IN A 127.0.0.1"]
    assert "failed, and is bound again" not in server.log()
    assert server.stop() == 0


@contextlib.contextmanager
def own_network():
    """This process, and what it starts, in a network of its own."""
    name, libc = f"roost-dns-{os.getpid()}", ctypes.CDLL(None, use_errno=True)

    def enter(path):
        with open(path, "rb") as file:
            assert libc.setns(file.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())
    if os.geteuid() or subprocess.run(["ip", "netns", "add", name], check=False).returncode:
        pytest.skip("needs root and namespaces of the network")
    try:
        with open("/proc/self/ns/net", "rb") as former:
            enter(f"/run/netns/{name}")
            try:
                subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
                yield
            finally:
                assert libc.setns(former.fileno(), 0x40000000) == 0
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_the_socket_is_bound_again_after_an_error_of_the_kernels(roost):
    """NIO closes it when one answer is forbidden on its way; it is there again for all others."""
    def rule(*words):
        subprocess.run(["ip", "rule", *words], check=True)
    with own_network(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        server = roost(bodies=[])
        end.bind(("127.0.0.5", 0))
        for round in range(1, 3):
            os.kill(server.process.pid, signal.SIGSTOP)
            # It stands still when that has reached all its threads.
            os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
            end.sendto(asked(), ("127.0.0.1", server.dns))
            rule("add", "pref", "10", "to", "127.0.0.5", "prohibit")
            if round == 1:
                rule("add", "pref", "100", "lookup", "local")
                rule("del", "pref", "0")
            os.kill(server.process.pid, signal.SIGCONT)
            eventually(lambda: "failed, and is bound again" in server.log())
            eventually(lambda: answers(server, "consul.service.consul"), 30)
            rule("del", "pref", "10")
        end.settimeout(20)
        end.sendto(b"\0\x63" + asked()[2:], ("127.0.0.1", server.dns))
        assert end.recv(512)[:2] == b"\0\x63"
        assert server.stop() == 0


def test_connections_from_one_address_are_bounded(roost):
    server = roost(bodies=[])
    address = ("127.0.0.1", server.dns)
    held = []
    for _ in range(260):
        held.append(socket.create_connection(address, 20))
        with contextlib.suppress(ConnectionError):
            held[-1].sendall(framed(asked()))
    # The bound is 200; who is beyond it is closed without a word.
    served = 0
    for stream in held:
        with contextlib.suppress(ConnectionError):
            served += told(stream) is not None
    eventually(lambda: "too many DNS connections from one address" in server.log())
    assert 0 < served <= 200
    for stream in held:
        stream.close()
    eventually(lambda: dig(server.dns, "consul.service.consul +tcp").get("status") == "QUERY NOERROR")


def test_noise_is_survived(roost, seeded):
    """Bytes of any kind by both ways; the server goes on, and has no file more than before."""
    server = roost(bodies=[])
    before = open_files(server.process.pid)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect(("127.0.0.1", server.dns))
        for _ in range(100):
            # So few that the kernel keeps all of them.
            for _ in range(50):
                message = bytearray(asked(seeded.choice([1, 33, 255]), 4096))
                for _ in range(seeded.randrange(6)):
                    message[seeded.randrange(len(message))] = seeded.randrange(256)
                end.send(bytes(message[:seeded.randrange(len(message) + 1)]))
            assert answers(server, "consul.service.consul") == ["consul.service.consul. 0 IN A 127.0.0.1"]
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
