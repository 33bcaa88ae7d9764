"""kill -9 under write load: what was acknowledged is there, and sessions outlive the server."""

import json
import statistics
import time

from jute import Session
from load import Load, consul_connection, put
from servers import eventually, http_get


def create_consul_session(base):
    connection = consul_connection(base)
    connection.request("PUT", "/v1/session/create", body=json.dumps({"Name": "survivor", "LockDelay": "0s"}))
    return json.loads(connection.getresponse().read())["ID"]


def holder_of(base, key):
    status, body = http_get(f"{base}/v1/kv/{key}", 10)
    assert status == 200, (status, body)
    return json.loads(body)[0].get("Session")


def test_nothing_acknowledged_is_lost_by_kill_9(launch, seeded, request, is_long):
    rounds = request.config.getoption("--rounds") or (200 if is_long else 10)
    server = launch()
    owner = Session(server.zookeeper, timeout=40000)
    owner.create("/survivor", b"here", flags=1)
    lock = create_consul_session(server.http)
    assert put(consul_connection(server.http), f"survivor?acquire={lock}", b"held") == (200, b"true")
    restarts, written = [], 0
    for number in range(rounds):
        payload = seeded.randbytes(seeded.choice([0, 10, 100, 1000, 10000]))
        enough = seeded.randrange(1, 200)
        with Load(server, f"r{number}", payload) as load:
            eventually(lambda: min(load.acknowledged()) >= enough or load.errors, 60, "the load writes")
            time.sleep(seeded.random() * 0.05)  # the moment of the crash is the random part of this test
            server.kill()
        assert not load.errors
        started = time.monotonic()
        server.start()
        restarts.append(time.monotonic() - started)
        written += sum(load.acknowledged())
        lost = load.missing()
        assert not lost, f"round {number}: {len(lost)} of {sum(load.acknowledged())} lost, the first: {lost[:3]}"
        again = Session(server.zookeeper, timeout=40000, session=owner.id, password=owner.password)
        assert again.id == owner.id, f"round {number}: the session is gone"
        assert again.exists("/survivor").owner == owner.id
        again.abandon()
        assert holder_of(server.http, "survivor") == lock, f"round {number}: the lock is gone"
    print(f"{rounds} rounds, {written} acknowledged writes, restart "
          f"median {statistics.median(restarts):.3f} s, worst {max(restarts):.3f} s")
    assert written >= 2 * rounds


def test_a_clean_stop_loses_nothing_and_ends_with_zero(launch):
    server = launch()
    with Load(server, "clean", b"x" * 100) as load:
        eventually(lambda: min(load.acknowledged()) >= 100 or load.errors, 60)
        load.stopping.set()
    assert not load.errors
    code = server.stop()
    if server.kind == "roost":
        assert code == 0, server.log()[-2000:]
    server.start()
    assert not load.missing()
