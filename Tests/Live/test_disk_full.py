"""A full disk: clear errors, reads and deletes go on, and writes return with the room."""

import contextlib
import errno
import os
import random
import re
import subprocess
import threading

import pytest
from kazoo.client import KazooClient

from jute import Reader, Session, create_body, delete_body, path_watch
from load import consul_connection, get_raw, put
from servers import Roost, eventually, http_get

MEBIBYTE = 1 << 20
SIZE_MEBIBYTES = 64
BALLAST_BYTES = 16 * MEBIBYTE
VALUE = b"v" * (64 << 10)


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request, tmp_path):
    """A file system of 64 MiB, of which a ballast file holds 16."""
    if request.param == "tmpfs":
        place = request.getfixturevalue("memory_disk")(SIZE_MEBIBYTES)
        (place / "ballast").write_bytes(bytes(BALLAST_BYTES))
        yield place
        return
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    place, image = tmp_path / "disk", tmp_path / "image"
    place.mkdir()
    with open(image, "wb") as f:
        f.truncate(SIZE_MEBIBYTES * MEBIBYTE)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    (place / "ballast").write_bytes(bytes(BALLAST_BYTES))
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_the_small_disk_is_really_small(small_disk):
    with pytest.raises(OSError) as failure, open(small_disk / "file", "wb", buffering=0) as f:
        for _ in range(SIZE_MEBIBYTES):
            assert f.write(bytes(MEBIBYTE)) == MEBIBYTE or f.write(b"x") == 0
    assert failure.value.errno == errno.ENOSPC


@pytest.fixture
def server(small_disk, tmp_path, request):
    server = Roost(tmp_path / "server", data=small_disk / "data")
    yield server
    server.discard()


def fill(connection):
    """Writes until the server refuses; the keys it took, and its refusal."""
    taken = []
    for number in range(4000):
        status, body = put(connection, f"big-{number}", VALUE)
        if status != 200:
            return taken, status, body.decode()
        assert body == b"true"
        taken.append(f"big-{number}")
    pytest.fail("250 MiB were acknowledged on a disk of 64 MiB")


def fill_znodes(session):
    for number in range(1000):
        frame = session.ask("create", create_body(f"/big-{number}", VALUE))
        if frame.err:
            return number, frame.err
    pytest.fail("62 MiB were acknowledged on a full disk")


@pytest.mark.roost_only
def test_a_full_disk_refuses_writes_and_recovers(server, small_disk):
    server.start()
    connection = consul_connection(server.http)
    session = Session(server.zookeeper, timeout=40000)
    session.create("/early", b"here")
    session.create("/victim", b"")
    taken, status, text = fill(connection)
    assert status == 500
    assert re.search(r"no space|disk.*full|full.*disk|out of space|map.*full", text, re.I), text
    assert server.alive(), server.log()[-2000:]
    made, error = fill_znodes(session)
    assert error < 0 and server.alive()

    assert get_raw(connection, taken[0]) == VALUE
    assert session.get("/early")[0] == b"here"
    connection.request("DELETE", f"/v1/kv/{taken[1]}")
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (200, b"true"), "a delete on a full disk"
    assert session.error("delete", delete_body("/victim")) == 0
    assert get_raw(connection, taken[1]) is None and session.exists("/victim") is None

    (small_disk / "ballast").unlink()
    eventually(lambda: put(connection, "after", b"room") == (200, b"true"), 60, "writes return", pause=0.2)
    assert session.create("/after", b"room") == "/after"
    connection.close()
    server.kill()
    server.start()
    connection = consul_connection(server.http)
    assert [key for key in taken if key != taken[1] and get_raw(connection, key) != VALUE] == []
    assert get_raw(connection, taken[1]) is None and get_raw(connection, "after") == b"room"
    session = Session(server.zookeeper)
    assert session.get("/after")[0] == b"room" and session.exists("/victim") is None
    for number in range(made):
        assert Reader(session.ask("getData", path_watch(f"/big-{number}")).body).buffer() == VALUE


PAIRS = 20_000


def ephemerals(server):
    status, body = http_get(f"{server.http}/v1/agent/metrics?format=prometheus", 10)
    return -1 if status != 200 else int(re.search(rb"^roost_state_ephemerals (\d+)$", body, re.M)[1])


@pytest.fixture
def wide_disk(memory_disk):
    """One of 256 MiB in memory, of which a ballast file holds 64."""
    place = memory_disk(256)
    (place / "ballast").write_bytes(bytes(64 * MEBIBYTE))
    return place


@pytest.mark.roost_only
def test_a_session_with_many_ephemerals_ends_on_a_full_disk(wide_disk, tmp_path):
    """The entry is a few bytes long, and touches more pages than were set aside for it: the server ended by SIGBUS, and at
    each start again."""
    server = Roost(tmp_path / "server", data=wide_disk / "data").start()
    try:
        client = KazooClient(server.zookeeper, timeout=30)
        client.start(30)
        for first in range(0, PAIRS, 500):
            batch = client.transaction()
            for number in range(first, first + 500):
                batch.create(f"/n{number:05}", b"p" * 1500)
                batch.create(f"/n{number:05}e", b"", ephemeral=True)
            assert not any(isinstance(result, Exception) for result in batch.commit())
        connection = consul_connection(server.http)
        _, status, _ = fill(connection)
        assert status == 500
        assert ephemerals(server) == PAIRS
        mark = len(server.log())
        threading.Thread(target=client.stop, daemon=True).start()
        eventually(lambda: not server.alive() or ephemerals(server) == 0 or "for the state" in server.log()[mark:], 20,
                   "the session ends, or waits for room")
        (wide_disk / "ballast").unlink()
        eventually(lambda: not server.alive() or ephemerals(server) == 0, 60, "they are gone")
        assert server.alive(), (server.process.returncode, server.log()[-1000:])
        eventually(lambda: put(connection, "after", b"room") == (200, b"true"), 60, "writes return", pause=0.2)
    finally:
        server.discard()


SESSIONS, EPHEMERALS_EACH, WIDE = 50, 84, 120_000


@pytest.mark.roost_only
def test_many_sessions_end_together_on_a_full_disk(memory_disk, tmp_path):
    """Each of their entries touches fewer pages than were looked at one by one, and all of them together far more than there
    was room for: the server ended by SIGBUS, and at each start again."""
    place = memory_disk(400)
    server = Roost(tmp_path / "server", data=place / "data", arguments=["--snapshot-log-megabytes=1000"]).start()
    dice = random.Random(50)

    def name():
        return f"/n/{dice.getrandbits(32):08x}"
    try:
        client = KazooClient(server.zookeeper, timeout=30)
        client.start(30)
        client.create("/n")
        names = list({name() for _ in range(WIDE)})
        for first in range(0, len(names), 500):
            batch = client.transaction()
            for path in names[first:first + 500]:
                batch.create(path, b"d" * 300)
            assert not any(isinstance(result, Exception) for result in batch.commit())
        client.stop()
        sessions = [Session(server.zookeeper) for _ in range(SESSIONS)]
        for session in sessions:
            for _ in range(EPHEMERALS_EACH):
                session.create(name() + "e", b"e" * 50, flags=1)
        with open(place / "ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)) == 4096:
                pass
        connection = consul_connection(server.http)
        taken = 0
        while put(connection, f"small-{taken}", b"y" * 20_000)[0] == 200:
            taken += 1
        assert ephemerals(server) == SESSIONS * EPHEMERALS_EACH
        for session in sessions:
            session.send("closeSession")
        counts = []

        def stands_still():
            counts.append(ephemerals(server))
            return not server.alive() or counts[-1] == 0 or len(counts) > 4 and len(set(counts[-4:])) == 1
        eventually(stands_still, 30, "all end, or wait for room", pause=0.5)
        assert server.alive(), (server.process.returncode, server.log()[-1000:])
        (place / "ballast").unlink()
        eventually(lambda: not server.alive() or ephemerals(server) == 0, 60, "they are gone")
        assert server.alive(), (server.process.returncode, server.log()[-1000:])
        eventually(lambda: put(connection, "after", b"room") == (200, b"true"), 60, "writes return", pause=0.2)
    finally:
        server.discard()


@pytest.mark.roost_only
def test_a_start_on_a_full_disk_says_so_or_serves_reads(server, small_disk):
    server.start()
    taken, _, _ = fill(consul_connection(server.http))
    server.kill()
    server.spawn()

    def settled():
        return not server.alive() or server.serves()
    eventually(settled, 60, "it serves, or has ended")
    if server.alive():
        assert get_raw(consul_connection(server.http), taken[0]) == VALUE
    else:
        assert re.search(r"space|full", server.log()[-3000:], re.I), server.log()[-3000:]
    (small_disk / "ballast").unlink()
    if not server.alive():
        server.start()
    connection = consul_connection(server.http)
    eventually(lambda: put(connection, "after", b"room") == (200, b"true"), 60, "writes return", pause=0.2)
    assert [key for key in taken if get_raw(connection, key) != VALUE] == []
