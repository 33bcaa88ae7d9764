"""Ten thousand blocked queries and as many watches, woken by one write: none missed, none doubled."""

import asyncio
import statistics
import struct
import time

import pytest

from jute import CHANGED, OP, Reader, Session, connect_body, integer, path_watch, set_body, ustring
from load import consul_connection, put
from servers import eventually, resident_kib

SECONDS = 120


@pytest.fixture
def count(is_long):
    return 10_000 if is_long else 2_000


def unread_bytes(port):
    """What the kernel holds for the server behind the port and it has not read yet."""
    total = 0
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            _, local, _, _, queues = line.split()[:5]
            if int(local.split(":")[1], 16) == port:
                total += int(queues.split(":")[1], 16)
    return total


async def in_parts(work, items, size=200):
    """Runs work(item) for all, so many at a time, so that no backlog overflows."""
    results = []
    for start in range(0, len(items), size):
        results += await asyncio.gather(*(work(item) for item in items[start:start + size]))
    return results


def report(what, count, before, parked, took):
    print(f"{count} {what}: {(parked - before) / count:.1f} KiB each, server {parked // 1024} MiB; woken within "
          f"median {statistics.median(took) * 1000:.0f} ms, last {max(took) * 1000:.0f} ms")


def memory(server):
    return sum(resident_kib(pid) for pid in server.pids())


async def http_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    body = await reader.readexactly(int(headers["content-length"]))
    return head.split(" ")[1], headers, body


async def hold_queries(server, count, key):
    host, port = server.http.removeprefix("http://").split(":")
    port = int(port)
    control = consul_connection(server.http, SECONDS)
    assert put(control, key, b"before") == (200, b"true")
    assert put(control, f"{key}-other", b"other") == (200, b"true")
    control.request("GET", f"/v1/kv/{key}")
    reply = control.getresponse()
    index = int(reply.headers["X-Consul-Index"])
    reply.read()
    before = memory(server)
    streams = await in_parts(lambda _: asyncio.open_connection(host, port), range(count))
    for _, writer in streams:
        writer.write(f"GET /v1/kv/{key}?index={index}&wait=300s HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.gather(*(writer.drain() for _, writer in streams))
    eventually(lambda: unread_bytes(port) == 0, SECONDS, "the server has read every question")
    answers = [asyncio.create_task(http_answer(reader)) for reader, _ in streams]
    await asyncio.sleep(0)
    # A write to another key is answered, and wakes none of them.
    assert put(control, f"{key}-other", b"again") == (200, b"true")
    done, _ = await asyncio.wait(answers, timeout=0.5)
    assert not done, f"{len(done)} answers before the write"
    parked = memory(server)
    started = time.monotonic()
    took = []
    for task in answers:
        task.add_done_callback(lambda _: took.append(time.monotonic() - started))
    assert put(control, key, b"after") == (200, b"true")
    results = await asyncio.wait_for(asyncio.gather(*answers), SECONDS)
    assert {status for status, _, _ in results} == {"200"}
    assert all(b'"YWZ0ZXI="' in body for _, _, body in results), "an answer does not carry the new value"
    indexes = {headers["x-consul-index"] for _, headers, _ in results}
    assert len(indexes) == 1 and int(indexes.pop()) > index
    report("blocked queries", count, before, parked, took)

    async def next_answer(stream):
        reader, writer = stream
        writer.write(f"GET /v1/kv/{key}-other?raw HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status, _, body = await asyncio.wait_for(http_answer(reader), SECONDS)
        writer.close()
        return status, body
    assert set(await in_parts(next_answer, streams)) == {("200", b"again")}, "an answer came twice"


def test_every_blocked_query_is_woken_once(launch, count, name):
    asyncio.run(hold_queries(launch("http"), count, name))


async def frame(reader):
    size = struct.unpack(">i", await reader.readexactly(4))[0]
    return await reader.readexactly(size)


def framed(body):
    return struct.pack(">i", len(body)) + body


async def hold_watches(server, count, path, recursive):
    host, port = server.zookeeper.split(":")
    control = Session(server.zookeeper, timeout=40000)
    control.create(path)
    before = memory(server)

    async def watch(_):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(framed(connect_body(timeout=40000)))
        assert len(await frame(reader)) == 37
        if recursive:
            writer.write(framed(integer(1) + integer(OP["addWatch"]) + ustring(path) + integer(1)))
        else:
            writer.write(framed(integer(1) + integer(OP["getData"]) + path_watch(path, True)))
        header = Reader(await frame(reader))
        assert (header.int(), header.long() > 0, header.int()) == (1, True, 0)
        return reader, writer
    streams = await in_parts(watch, range(count))
    parked = memory(server)
    events = [asyncio.create_task(frame(reader)) for reader, _ in streams]
    done, _ = await asyncio.wait(events, timeout=0.2)
    assert not done, "an event before the write"
    started = time.monotonic()
    took = []
    for task in events:
        task.add_done_callback(lambda _: took.append(time.monotonic() - started))
    zxid = control.ask("setData", set_body(path, b"after")).zxid
    for body in await asyncio.wait_for(asyncio.gather(*events), SECONDS):
        reader = Reader(body)
        assert (reader.int(), reader.long(), reader.int()) == (-1, zxid, 0)
        assert (reader.int(), reader.int(), reader.ustring()) == (CHANGED, 3, path)
    report("watches", count, before, parked, took)

    async def next_answer(stream):
        reader, writer = stream
        writer.write(framed(integer(-2) + integer(OP["ping"])))
        xid = Reader(await asyncio.wait_for(frame(reader), SECONDS)).int()
        writer.close()
        return xid
    assert set(await in_parts(next_answer, streams)) == {-2}, "an event came twice"


@pytest.mark.parametrize("recursive", [False, True], ids=["one-shot", "recursive"])
def test_every_watch_is_woken_once(launch, count, name, recursive):
    asyncio.run(hold_watches(launch("zookeeper"), count, f"/{name}", recursive))
