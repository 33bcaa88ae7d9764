"""A node that was away for long comes back to a state of GiBs, while the cluster serves.

    ROOST_BIN=.build/release/roost Tests/Live/run --long -s test_long_away.py

STATE_MIB chooses the size (1,024 unless told). It needs some ten times as much on the disk.
"""

import multiprocessing
import os
import shutil
import threading
import time

import pytest

from cluster import members
from jute import Session, create_body, set_body
from servers import die_with_parent, eventually

pytestmark = [pytest.mark.roost_only, pytest.mark.long]

STATE_MIB = int(os.environ.get("STATE_MIB", "1024"))
VALUE_BYTES, DEPTH, WRITERS = 64 << 10, 64, 2


def pipelined(session, requests, depth):
    """Sends them all, with so many in flight; each must succeed."""
    waiting = 0
    for kind, body in requests:
        session.send(kind, body)
        waiting += 1
        if waiting >= depth:
            assert session.read(60).err == 0
            waiting -= 1
    for _ in range(waiting):
        assert session.read(60).err == 0


def large_snapshot(node, mebibytes):
    """The node's newest snapshot, if it holds as much as that."""
    for manifest in sorted((node.data / "snapshots").glob("*.manifest"), reverse=True):
        copy = manifest.with_suffix(".mdb")
        if copy.exists() and copy.stat().st_size >= mebibytes << 20:
            return copy
    return None


def fill(nodes, mebibytes):
    """Values of 64 KiB, written until the log outweighs the state and snapshots are taken."""
    session = Session(nodes[0].zookeeper, timeout=40000)
    # More entries than stay in the log behind a snapshot.
    session.create("/big")
    pipelined(session, (("setData", set_body("/big", b"%d" % n)) for n in range(12_000)), 256)
    paths = [f"/big/{n:06d}" for n in range(mebibytes * 16)]
    filling = os.urandom(VALUE_BYTES)
    pipelined(session, (("create", create_body(p, filling)) for p in paths), 32)
    filling = os.urandom(VALUE_BYTES)
    for _ in range(3):
        for start in range(0, len(paths), 512):
            if all(large_snapshot(n, mebibytes) for n in nodes):
                session.close()
                return
            part = paths[start:start + 512]
            pipelined(session, (("setData", set_body(p, filling)) for p in part), 32)
    raise AssertionError("no snapshot was taken")


def write_small(address, number, counts):
    """Small writes, many in flight, counted as they are acknowledged."""
    die_with_parent()
    session = Session(address, timeout=40000)
    path = f"/small{number}"
    session.create(path)
    body = set_body(path, b"v" * 256)
    for _ in range(DEPTH):
        session.send("setData", body)
    while True:
        assert session.read(60).err == 0
        counts[number] += 1
        session.send("setData", body)


class Meter(threading.Thread):
    """How many writes were acknowledged in each quarter of a second."""

    def __init__(self, counts):
        super().__init__(daemon=True)
        self.counts, self.marks, self.stopping = counts, [], threading.Event()

    def run(self):
        while not self.stopping.is_set():
            self.marks.append((time.monotonic(), sum(self.counts)))
            self.stopping.wait(0.25)

    def rates(self, begin, end):
        """Writes a second, in each quarter of a second of the time between."""
        marks = [m for m in self.marks if begin <= m[0] <= end]
        return [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(marks, marks[1:])]


def mean(rates):
    return sum(rates) / len(rates)


@pytest.fixture
def roomy(cluster):
    """A cluster whose data goes with the test: pytest would keep it."""
    three = cluster()
    yield three
    three.discard()
    for node in three.nodes:
        shutil.rmtree(node.data)


def test_writes_go_on_while_a_node_comes_back_to_a_large_state(roomy):
    three = roomy
    away = three.followers()[0]
    away.kill()
    here = [three.leader(), next(n for n in three.alive() if n is not three.leader())]
    started = time.monotonic()
    fill(here, STATE_MIB)
    print(f"{STATE_MIB} MiB written twice in {time.monotonic() - started:.0f} s")
    counts = multiprocessing.Array("q", WRITERS, lock=False)
    writers = [multiprocessing.Process(target=write_small, args=(here[n].zookeeper, n, counts))
               for n in range(WRITERS)]
    meter = Meter(counts)
    try:
        for writer in writers:
            writer.start()
        meter.start()
        time.sleep(2)
        begin = time.monotonic()
        time.sleep(10)
        came = time.monotonic()
        away.spawn()
        eventually(lambda: is_level(three, away), 600, "it has caught up", pause=0.25)
        level = time.monotonic()
        time.sleep(5)
        end = time.monotonic()
    finally:
        meter.stopping.set()
        for writer in writers:
            writer.kill()
    assert "snapshot is installed" in away.log(), "it came back by the log alone"
    assert "no snapshot could be taken" not in away.log(), "the old state was to be copied"
    before, during = meter.rates(begin, came), meter.rates(came, level)
    sent = large_snapshot(away, STATE_MIB).stat().st_size >> 20
    print(f"back after {level - came:.1f} s by a snapshot of {sent} MiB; writes a second: "
          f"before {mean(before):,.0f}, meanwhile {mean(during):,.0f} "
          f"({mean(during) / mean(before):.0%}), the worst quarter of a second "
          f"{min(during):,.0f}, after {mean(meter.rates(level, end)):,.0f}")
    print("in thousands, by quarters of a second:", *(f"{rate / 1000:.0f}" for rate in during))
    assert mean(during) > mean(before) / 2
    assert all(w.exitcode is None or w.exitcode < 0 for w in writers), "a writer was refused"


def is_level(cluster, node):
    there = members(cluster.leader()).get(node.name, {})
    return there.get("State") == "replicate" and there["Lag"] < 2_000
