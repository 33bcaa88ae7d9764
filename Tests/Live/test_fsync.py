"""A sync that fails ends the process with a message, and nothing acknowledged is lost."""

import os
import re
import subprocess
import sys

import pytest

from load import Load, consul_connection, put
from servers import eventually


CALLS = {
    "fsync": "os.fsync(f.fileno())", "fdatasync": "os.fdatasync(f.fileno())",
    "msync": "mmap.mmap(f.fileno(), 4096).flush()",
}


@pytest.mark.parametrize("call", CALLS)
def test_the_library_fails_each_call_only_after_the_trigger(library, tmp_path, call):
    script = f"import os, mmap, sys; f = open(sys.argv[1], 'w+b'); f.truncate(4096); {CALLS[call]}"
    trigger = tmp_path / "trigger"

    def run():
        environment = dict(os.environ, LD_PRELOAD=str(library), SYNCFAULT_TRIGGER=str(trigger))
        return subprocess.run([sys.executable, "-c", script, tmp_path / "file"], env=environment,
                              capture_output=True, text=True)
    good = run()
    assert good.returncode == 0, good.stderr
    trigger.write_text("fail")
    bad = run()
    assert bad.returncode != 0 and f"syncfault: {call} fails with EIO" in bad.stderr
    assert "Input/output error" in bad.stderr


@pytest.fixture
def faulty(launch, library, tmp_path):
    trigger = tmp_path / "trigger"
    environment = {"SYNCFAULT_TRIGGER": str(trigger)}
    return launch(preload=library, environment=environment), trigger


@pytest.mark.roost_only
def test_a_failed_sync_stops_the_server_and_loses_nothing(faulty):
    server, trigger = faulty
    with Load(server, "sync", b"x" * 100) as load:
        eventually(lambda: min(load.acknowledged()) >= 200 or load.errors, 60, "the load writes")
        trigger.write_text("fail")
        eventually(lambda: not server.alive(), 30, "the server stops")
    assert not load.errors
    said = server.log()
    assert "syncfault:" in said, "no sync was asked of the kernel"
    assert server.process.returncode != 0
    message = [line for line in said.splitlines() if not line.startswith("syncfault:")]
    assert any(re.search(r"sync|I/O error|Input/output|EIO", line, re.I) for line in message[-40:]), said[-2000:]
    # What the flush did not write is in the page cache only, which the next start must not believe.
    assert (server.data / "wal" / "trust").read_text().endswith("\nunsynced\n")
    trigger.unlink()
    server.start()
    assert not load.missing()
    again = server.log()[len(said):]
    assert len(re.findall("a flush of it failed", again)) == 2, again
    assert (server.data / "wal" / "trust").read_text().endswith("\nopen\n")


@pytest.mark.roost_only
def test_a_server_whose_syncs_fail_does_not_serve(faulty):
    server, trigger = faulty
    server.kill()
    trigger.write_text("fail")
    server.spawn()

    def write_or_end():
        if not server.alive():
            return "ended"
        try:
            connection = consul_connection(server.http, 5)
            return "acknowledged" if put(connection, "k", b"v") == (200, b"true") else None
        except OSError:
            return None
    assert eventually(write_or_end, 60, "the server ends") == "ended"
    assert server.process.returncode != 0


@pytest.mark.roost_only
def test_slow_syncs_slow_the_writes_and_nothing_else(faulty):
    server, trigger = faulty
    with Load(server, "slow", b"x" * 100) as load:
        eventually(lambda: min(load.acknowledged()) >= 20, 60, "the load writes")
        trigger.write_text("300")
        eventually(lambda: server.serves(), 20, "reads are served")
        before = load.acknowledged()
        eventually(lambda: all(a > b for a, b in zip(load.acknowledged(), before)), 60, "writes go on")
        trigger.unlink()
        server.kill()
    assert not load.errors
    server.start()
    assert not load.missing()
