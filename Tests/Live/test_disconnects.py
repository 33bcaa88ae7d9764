"""Clients that vanish, dawdle, or talk nonsense: the server stays up and keeps no descriptor."""

import socket
import struct

import pytest

from jute import OP, Session, Wire, connect_body, create_body, integer, path_watch
from load import consul_connection, get_raw, put
from servers import eventually, open_files

SLACK = 12  # files that a server opens once, on first use


def address(server, kind):
    host, port = (server.zookeeper if kind == "zookeeper" else server.http.removeprefix("http://")).split(":")
    return host, int(port)


def connect(server, kind):
    s = socket.create_connection(address(server, kind), 15)
    s.settimeout(15)
    return s


def files(server):
    return sum(open_files(pid) for pid in server.pids())


def is_well(server, kind):
    if kind == "zookeeper":
        session = Session(server.zookeeper)
        assert session.exists("/") is not None
        session.close()
    else:
        connection = consul_connection(server.http)
        assert put(connection, "well", b"yes") == (200, b"true") and get_raw(connection, "well") == b"yes"
        connection.close()
    return server.alive()


def returns_to(server, before):
    def back():
        if server.zookeeper:
            Session(server.zookeeper).close()  # Java's selector frees closed sockets when it is next woken
        return files(server) <= before + SLACK
    eventually(back, 60, f"back to {before} open files", pause=0.1)


@pytest.fixture(params=["zookeeper", "http"])
def kind(request):
    return request.param


@pytest.fixture
def server(launch, kind):
    server = launch(kind)
    assert is_well(server, kind)
    return server


def test_thousands_of_connections_opened_and_closed(server, kind, is_long):
    before = files(server)
    for _ in range(20 if is_long else 5):
        sockets = [connect(server, kind) for _ in range(500)]
        for number, s in enumerate(sockets):
            if number % 3 == 0:  # a reset in place of a farewell
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif number % 3 == 1:
                s.sendall(b"\0\0" if kind == "zookeeper" else b"GET /v1/kv/x HT")
            s.close()
    assert is_well(server, kind)
    returns_to(server, before)


def test_random_bytes(server, kind, seeded):
    before = files(server)
    for _ in range(200):
        s = connect(server, kind)
        try:
            s.sendall(seeded.randbytes(seeded.choice([1, 4, 37, 500, 5000])))
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass  # the server may have hung up first
        finally:
            s.close()
    assert is_well(server, kind)
    returns_to(server, before)


def test_half_closed_clients_are_let_go(server, kind):
    before = files(server)
    sockets = [connect(server, kind) for _ in range(100)]
    for s in sockets:
        s.shutdown(socket.SHUT_WR)
    for s in sockets:
        assert s.recv(100) == b"", "the server closes its half too"
    for s in sockets:
        s.close()
    assert is_well(server, kind)
    returns_to(server, before)


@pytest.mark.roost_only  # Consul 1.8.7 keeps them until their wait ends
def test_blocked_queries_of_gone_clients_are_let_go(launch):
    server = launch("http")
    connection = consul_connection(server.http)
    put(connection, "awaited", b"1")
    connection.request("GET", "/v1/kv/awaited")
    reply = connection.getresponse()
    reply.read()
    before = files(server)
    sockets = [connect(server, "http") for _ in range(300)]
    question = f"GET /v1/kv/awaited?index={reply.headers['X-Consul-Index']}&wait=600s HTTP/1.1\r\nHost: x\r\n\r\n"
    for s in sockets:
        s.sendall(question.encode())
    eventually(lambda: files(server) >= before + 300, 30, "all are connected")
    for s in sockets:
        s.close()
    returns_to(server, before)


def test_a_client_that_never_reads_harms_nobody(server, kind):
    big = b"v" * (500 << 10)
    if kind == "zookeeper":
        session = Session(server.zookeeper)
        session.create("/big", big)
        lazy = Wire(server.zookeeper)
        lazy.send_frame(connect_body())
        lazy.read_frame()
        lazy = lazy.socket
        body = integer(1) + integer(OP["getData"]) + path_watch("/big")
        question = struct.pack(">i", len(body)) + body
    else:
        put(consul_connection(server.http), "big", big)
        lazy = connect(server, kind)
        question = b"GET /v1/kv/big?raw HTTP/1.1\r\nHost: x\r\n\r\n"
    lazy.settimeout(0.5)
    try:
        for _ in range(2000):
            lazy.sendall(question)
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        pass
    for _ in range(20):
        assert is_well(server, kind)
    lazy.close()
    assert is_well(server, kind)


def test_a_dawdler_does_not_hold_the_others_up(server, kind):
    start = struct.pack(">i", 45) if kind == "zookeeper" else b"GET / HTTP/1.1\r\n"
    dawdlers = [connect(server, kind) for _ in range(200)]
    for s in dawdlers:
        s.sendall(start)
    for _ in range(10):
        assert is_well(server, kind)
    for s in dawdlers:
        s.close()


# Frames of ZooKeeper

@pytest.mark.parametrize("first", [0, 1, -1, -(1 << 31), 0x7fffffff, 5 << 20, 0xfff4fffd - (1 << 32)])
def test_an_odd_first_frame_closes(zookeeper, first):
    w = Wire(zookeeper.zookeeper)
    w.send_raw(struct.pack(">i", first) + bytes(1))
    w.socket.shutdown(socket.SHUT_WR)
    w.read_to_end(20)
    assert is_well(zookeeper, "zookeeper")


def test_frames_of_random_content_never_end_the_server(zookeeper, session, seeded):
    ops = sorted(set(OP.values()) - {OP["closeSession"]})
    for _ in range(300):
        w = session()
        body = seeded.randbytes(seeded.randrange(0, 60))
        w.send_frame(integer(1) + integer(seeded.choice(ops)) + body)
        w.socket.shutdown(socket.SHUT_WR)
        w.read_to_end()
        w.abandon()
    assert is_well(zookeeper, "zookeeper")


@pytest.mark.roost_only  # ZooKeeper 3.9.3 hangs up at once: it answered 0, 1 or 3 of six such requests
def test_what_was_asked_before_a_half_close_is_answered(session, root):
    s = session()
    asked = [s.send("create", create_body(f"{root}/n", bytes(50_000), flags=2)) for _ in range(40)]
    asked += [s.send("getData", path_watch(f"{root}/n{i:010d}", True)) for i in range(40)]
    s.socket.shutdown(socket.SHUT_WR)
    replies = [s.read() for _ in asked]
    assert [(r.xid, r.err) for r in replies] == [(xid, 0) for xid in asked]
    assert s.closed()


def test_a_word_of_a_client_that_says_no_more_is_answered(zookeeper):
    for word in (b"ruok", b"srvr", b"mntr"):
        w = Wire(zookeeper.zookeeper)
        w.send_raw(word)
        w.socket.shutdown(socket.SHUT_WR)
        assert len(w.read_to_end()) > 3


def test_all_answers_come_before_the_end_of_a_session(session, root):
    s = session()
    s.create(f"{root}/big", bytes(1 << 19))
    asked = [s.send("getData", path_watch(f"{root}/big")) for _ in range(20)] + [s.send("closeSession")]
    assert [s.read().xid for _ in asked] == asked
    assert s.closed()


@pytest.mark.parametrize("count", [-2, 1 << 20, 0x7fffffff])
def test_an_absurd_count_within_a_frame_is_refused(zookeeper, session, count):
    s = session()
    s.send("create", create_body("/x")[:-20] + integer(count))
    s.socket.shutdown(socket.SHUT_WR)
    s.read_to_end()
    assert is_well(zookeeper, "zookeeper")


# HTTP

def status_of(server, data):
    """The status of each answer until the server closes; the client says no more after data."""
    s = connect(server, "http")
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    answer = b""
    try:
        while chunk := s.recv(65536):
            answer += chunk
    except ConnectionResetError:
        pass
    s.close()
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("data", [
    b"NONSENSE\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
    b"GET /v1/kv/a HTTP/1.1\r\n\r\n",
    b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"GET /v1/kv/\xff\xfe\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
])
def test_malformed_http_is_refused(consul, data):
    assert all(400 <= status < 600 for status in status_of(consul, data)), status_of(consul, data)
    assert is_well(consul, "http")


@pytest.mark.parametrize("header", [
    b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 30",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity"])
def test_no_second_request_is_smuggled_in_a_body(consul, name, header):
    hidden = f"PUT /v1/kv/{name}-smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx".encode()
    status_of(consul, f"PUT /v1/kv/{name} HTTP/1.1\r\nHost: x\r\n".encode() + header +
              b"\r\n\r\n%x\r\n" % len(hidden) + hidden + b"\r\n0\r\n\r\n")
    assert get_raw(consul_connection(consul.http), f"{name}-smuggled") is None


def test_chunked_bodies_are_read(consul, name):
    assert status_of(consul, f"PUT /v1/kv/{name} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".encode()) == [200]
    assert get_raw(consul_connection(consul.http), name) == b"abcde"


def test_pipelined_requests_are_answered_in_order(consul, name):
    assert put(consul_connection(consul.http), name, b"x") == (200, b"true")
    asked = [name if i % 3 else f"{name}-none" for i in range(60)]
    data = b"".join(f"GET /v1/kv/{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for key in asked[:-1])
    data += f"GET /v1/kv/{asked[-1]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    s = connect(consul, "http")
    s.sendall(data)
    answer = b""
    while chunk := s.recv(65536):
        answer += chunk
    statuses = [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200 if key == name else 404 for key in asked]


def test_a_header_without_end_is_refused(consul):
    s = connect(consul, "http")
    try:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for _ in range(4096):
            s.sendall(b"X-Filler: " + b"y" * 1000 + b"\r\n")
        answer = s.recv(100)
    except (ConnectionResetError, BrokenPipeError):
        answer = b""
    assert answer == b"" or b"431" in answer or b"400" in answer
    assert is_well(consul, "http")
