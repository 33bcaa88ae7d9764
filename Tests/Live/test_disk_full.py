"""A full disk: clear errors, reads and deletes go on, and writes return with the room."""

import errno
import os
import re
import subprocess

import pytest

from jute import Reader, Session, create_body, delete_body, path_watch
from load import consul_connection, get_raw, put
from servers import Roost, eventually

MEBIBYTE = 1 << 20
SIZE_MEBIBYTES = 64
BALLAST_BYTES = 16 * MEBIBYTE
VALUE = b"v" * (64 << 10)


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request, tmp_path):
    """A file system of 64 MiB, of which a ballast file holds 16."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    place = tmp_path / "disk"
    place.mkdir()
    if request.param == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MEBIBYTES}m", "tmpfs", place]
    else:
        image = tmp_path / "image"
        with open(image, "wb") as f:
            f.truncate(SIZE_MEBIBYTES * MEBIBYTE)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", image], check=True)
        command = ["mount", "-o", "loop", image, place]
    subprocess.run(command, check=True)
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
