"""Restart after kill -9 with many keys."""

import time

from jute import Session, create_body, multi_body, multi_results, operation

BATCH = 500


def load_znodes(server, count):
    """Creates /d0../dN with 1,000 nodes each, in multis, several in flight."""
    session = Session(server.zookeeper, timeout=40000)
    waiting = []

    def settle(most):
        while len(waiting) > most:
            frame = session.reply(waiting.pop(0), 120)
            assert frame.err == 0 and all(err == 0 for _, err, _ in multi_results(frame.body))
    for folder in range((count + 999) // 1000):
        waiting.append(session.send("multi", multi_body(operation("create", create_body(f"/d{folder}")))))
        for start in range(0, 1000, BATCH):
            steps = [operation("create", create_body(f"/d{folder}/k{start + i:04d}", b"v" * 100)) for i in range(BATCH)]
            waiting.append(session.send("multi", multi_body(*steps)))
        settle(8)
    settle(0)
    session.close()


def test_a_restart_with_many_keys_serves_within_a_second(launch, is_long):
    count = 1_000_000 if is_long else 100_000
    server = launch("zookeeper")
    started = time.monotonic()
    load_znodes(server, count)
    loaded = time.monotonic() - started
    server.kill()
    started = time.monotonic()
    server.spawn()
    server.wait_until_serving(60, pause=0.005)
    took = time.monotonic() - started
    print(f"{count} nodes loaded in {loaded:.1f} s; serving {took:.3f} s after the start that followed kill -9")
    session = Session(server.zookeeper)
    last = count // 1000 - 1
    assert len(session.children(f"/d{last}")) == 1000
    assert session.get(f"/d{last}/k0999")[0] == b"v" * 100
    if server.kind == "roost":
        assert took < 1
