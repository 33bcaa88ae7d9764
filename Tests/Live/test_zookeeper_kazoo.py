"""kazoo, the Python client: the founding example, its recipes, and what it does when the server restarts."""

import subprocess
import sys
import threading

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoAuthError, NodeExistsError, NoNodeError, NotEmptyError
from kazoo.protocol.states import EventType, KazooState
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.security import make_acl, make_digest_acl
from servers import eventually

SECONDS = 20


@pytest.fixture
def connect(zookeeper):
    """Opens kazoo clients and closes them after the test."""
    opened = []

    def start(address=None, timeout=10.0, **options):
        client = KazooClient(address or zookeeper.zookeeper, timeout=timeout, **options)
        opened.append(client)
        client.start(SECONDS)
        return client

    yield start
    for client in opened:
        client.stop()
        client.close()


@pytest.fixture
def path(name):
    return f"/{name}"


def together(work, count):
    """Runs work(0..count-1) in threads, and fails with what failed in one."""
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=guarded, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures, failures
    assert not any(t.is_alive() for t in threads), "a thread hangs"


def test_the_founding_example(connect):
    client = connect()
    assert client.create("/example", b"", ephemeral=True) == "/example"
    assert client.exists("/example").ephemeralOwner == client.client_id[0]
    assert "example" in client.get_children("/")
    client.delete("/example")
    assert client.exists("/example") is None


def test_an_ephemeral_vanishes_when_its_client_closes(connect):
    owner, other = connect(), connect()
    owner.create("/example", ephemeral=True)
    assert other.exists("/example")
    owner.stop()
    assert other.exists("/example") is None


def test_an_ephemeral_vanishes_when_its_client_is_killed(connect, zookeeper, path):
    script = ("import sys, time; from kazoo.client import KazooClient; c = KazooClient(sys.argv[1], timeout=4.0);"
              "c.start(); c.create(sys.argv[2], ephemeral=True); print('made', flush=True); time.sleep(600)")
    other = connect()
    gone = threading.Event()
    with subprocess.Popen([sys.executable, "-c", script, zookeeper.zookeeper, path], stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"made\n"
        assert other.exists(path, watch=lambda event: event.type == EventType.DELETED and gone.set())
        owner.kill()
    assert gone.wait(30)
    assert other.exists(path) is None


def test_create_read_write_delete(connect, path):
    client = connect()
    made, stat = client.create(f"{path}/a/b", b"one", makepath=True, include_data=True)
    assert (made, stat.version, stat.dataLength) == (f"{path}/a/b", 0, 3)
    assert client.get(made)[0] == b"one"
    assert client.set(made, b"two", version=0).version == 1
    with pytest.raises(BadVersionError):
        client.set(made, b"three", version=0)
    with pytest.raises(NodeExistsError):
        client.create(made)
    with pytest.raises(NotEmptyError):
        client.delete(path)
    with pytest.raises(NoNodeError):
        client.get(f"{path}/none")
    assert client.sync(path) == path
    client.delete(path, recursive=True)
    assert client.exists(path) is None


def test_sequence_nodes_count_up(connect, path):
    client = connect()
    client.ensure_path(path)
    names = [client.create(f"{path}/n-", sequence=True, ephemeral=i % 2 == 0) for i in range(10)]
    assert names == [f"{path}/n-{i:010d}" for i in range(10)]


def test_transactions_are_all_or_nothing(connect, path):
    client = connect()
    client.ensure_path(path)
    good = client.transaction()
    good.check(path, -1)
    good.create(f"{path}/a", b"1")
    good.set_data(f"{path}/a", b"2")
    good.create(f"{path}/b", ephemeral=True, sequence=True)
    results = good.commit()
    assert results[0] is True and results[1] == f"{path}/a" and results[2].version == 1
    assert results[3] == f"{path}/b0000000001"
    bad = client.transaction()
    bad.create(f"{path}/c")
    bad.delete(f"{path}/none")
    bad.create(f"{path}/d")
    kinds = [type(r).__name__ for r in bad.commit()]
    assert kinds == ["RolledBackError", "NoNodeError", "RuntimeInconsistency"]
    assert client.exists(f"{path}/c") is None


def test_digest_acls_guard(connect, path):
    owner = connect(auth_data=[("digest", "bob:secret")])
    stranger = connect()
    owner.create(path, b"x", acl=[make_digest_acl("bob", "secret", all=True)])
    with pytest.raises(NoAuthError):
        stranger.get(path)
    stranger.add_auth("digest", "bob:secret")
    assert stranger.get(path)[0] == b"x"
    acls, stat = stranger.get_acls(path)
    assert acls == [make_digest_acl("bob", "secret", all=True)] and stat.aversion == 0
    stranger.set_acls(path, [make_acl("world", "anyone", read=True, delete=True)])
    with pytest.raises(NoAuthError):
        owner.set(path, b"y")


def test_a_client_gets_its_login_back_after_a_reconnect(connect, path, zookeeper):
    client = connect(auth_data=[("digest", "bob:secret")])
    client.create(path, b"x", acl=[make_digest_acl("bob", "secret", all=True)], ephemeral=True)
    session = client.client_id[0]
    states = []
    client.add_listener(states.append)
    client._connection._socket.shutdown(2)
    eventually(lambda: states[-2:] == [KazooState.SUSPENDED, KazooState.CONNECTED], what="reconnected")
    assert client.client_id[0] == session
    assert client.get(path)[0] == b"x"


def test_one_shot_watches(connect, path):
    client, other = connect(), connect()
    seen = []
    assert client.exists(path, watch=seen.append) is None
    other.create(path)
    eventually(lambda: [(e.type, e.path) for e in seen] == [(EventType.CREATED, path)])
    client.get(path, watch=seen.append)
    client.get_children(path, watch=seen.append)
    other.set(path, b"1")
    other.create(f"{path}/a")
    other.set(path, b"2")
    eventually(lambda: len(seen) == 3)
    assert {e.type for e in seen[1:]} == {EventType.CHANGED, EventType.CHILD}


def test_the_lock_lets_one_in_at_a_time(connect, path):
    clients = [connect() for _ in range(4)]
    inside, worst, order = [], [], []

    def work(number):
        for _ in range(5):
            with clients[number].Lock(path, f"c{number}"):
                inside.append(number)
                worst.append(len(inside))
                order.append(number)
                inside.remove(number)
    together(work, 4)
    assert max(worst) == 1 and sorted(order) == sorted(list(range(4)) * 5)


def test_a_lock_passes_on_when_its_holder_closes(connect, path):
    first, second = connect(), connect()
    assert first.Lock(path, "first").acquire(timeout=SECONDS)
    waiting = second.Lock(path, "second")
    assert not waiting.acquire(blocking=False)
    taken = threading.Event()
    threading.Thread(target=lambda: waiting.acquire(timeout=SECONDS) and taken.set(), daemon=True).start()
    eventually(lambda: len(second.get_children(path)) == 2)
    assert second.Lock(path, "x").contenders() == ["first", "second"]
    first.stop()
    assert taken.wait(SECONDS)
    waiting.release()


def test_readers_share_and_a_writer_excludes(connect, path):
    a, b, c = connect(), connect(), connect()
    readers = [a.ReadLock(path, "a"), b.ReadLock(path, "b")]
    for lock in readers:
        assert lock.acquire(timeout=SECONDS)
    writer = c.WriteLock(path, "c")
    assert not writer.acquire(blocking=False)
    for lock in readers:
        lock.release()
    assert writer.acquire(timeout=SECONDS)
    assert not a.ReadLock(path, "a").acquire(blocking=False)
    writer.release()


def test_a_semaphore_has_so_many_leases(connect, path):
    clients = [connect() for _ in range(3)]
    semaphores = [c.Semaphore(path, f"s{i}", max_leases=2) for i, c in enumerate(clients)]
    assert semaphores[0].acquire(timeout=SECONDS) and semaphores[1].acquire(timeout=SECONDS)
    assert not semaphores[2].acquire(blocking=False)
    assert sorted(semaphores[2].lease_holders()) == ["s0", "s1"]
    semaphores[0].release()
    assert semaphores[2].acquire(timeout=SECONDS)


def test_an_election_has_one_leader_after_the_other(connect, path):
    clients = [connect() for _ in range(3)]
    leading, led = [], []

    def lead(number):
        leading.append(number)
        assert leading == [number]
        led.append(number)
        leading.remove(number)
    together(lambda i: clients[i].Election(path, f"c{i}").run(lead, i), 3)
    assert sorted(led) == [0, 1, 2]


def test_a_queue_gives_in_order_of_priority_then_of_arrival(connect, path):
    producer, consumer = connect(), connect()
    queue = producer.Queue(path)
    for value, priority in ((b"c", 100), (b"d", 100), (b"a", 1), (b"b", 50)):
        queue.put(value, priority)
    other = consumer.Queue(path)
    assert len(other) == 4
    assert [other.get() for _ in range(5)] == [b"a", b"b", b"c", b"d", None]


def test_a_locking_queue_loses_and_doubles_nothing(connect, path):
    clients = [connect() for _ in range(3)]
    clients[0].LockingQueue(path).put_all([b"%d" % i for i in range(30)])
    got = []

    def consume(number):
        queue = clients[number].LockingQueue(path)
        while (value := queue.get(timeout=1)) is not None:
            got.append(int(value))
            assert queue.consume()
    together(consume, 3)
    assert sorted(got) == list(range(30))


def test_a_counter_counts_every_step(connect, path):
    clients = [connect() for _ in range(3)]

    def count(number):
        counter = clients[number].Counter(path)
        for _ in range(10):
            counter += 1
    together(count, 3)
    assert clients[0].Counter(path).value == 30


def test_a_barrier_holds_until_it_is_removed(connect, path):
    a, b = connect(), connect()
    barrier = a.Barrier(path)
    barrier.create()
    assert b.Barrier(path).wait(0.3) is False
    through = threading.Event()
    threading.Thread(target=lambda: b.Barrier(path).wait(SECONDS) and through.set(), daemon=True).start()
    barrier.remove()
    assert through.wait(SECONDS)


def test_a_double_barrier_lets_all_in_and_out_together(connect, path):
    clients = [connect() for _ in range(3)]
    entered, left = [], []

    def work(number):
        barrier = clients[number].DoubleBarrier(path, 3, f"c{number}")
        barrier.enter()
        assert barrier.participating
        entered.append(number)
        eventually(lambda: len(entered) == 3)
        barrier.leave()
        left.append(number)
    together(work, 3)
    assert sorted(left) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["Party", "ShallowParty"])
def test_a_party_knows_its_members(connect, path, kind):
    a, b = connect(), connect()
    first, second = getattr(a, kind)(path, "a"), getattr(b, kind)(path, "b")
    first.join()
    second.join()
    assert sorted(first) == sorted(second) == ["a", "b"] and len(first) == 2
    b.stop()
    assert list(first) == ["a"]
    first.leave()
    assert len(first) == 0


def test_children_watch_sees_the_last_state(connect, path):
    client, other = connect(), connect()
    client.ensure_path(path)
    seen = []
    client.ChildrenWatch(path)(lambda children: seen.append(sorted(children)))
    for i in range(20):
        other.create(f"{path}/{i:02d}")
    eventually(lambda: seen and len(seen[-1]) == 20)
    assert all(len(a) < len(b) for a, b in zip(seen, seen[1:]))
    other.delete(f"{path}/07")
    eventually(lambda: len(seen[-1]) == 19)


def test_data_watch_sees_creation_changes_and_deletion(connect, path):
    client, other = connect(), connect()
    seen = []
    client.DataWatch(path)(lambda data, stat: seen.append(data))
    other.create(path, b"1")
    eventually(lambda: seen[-1] == b"1")
    other.set(path, b"2")
    eventually(lambda: seen[-1] == b"2")
    other.delete(path)
    eventually(lambda: seen[-1] is None)
    assert seen[0] is None


def test_a_tree_cache_follows_the_tree(connect, path):
    client, other = connect(), connect()
    client.ensure_path(path)
    ready = threading.Event()
    cache = TreeCache(client, path)
    cache.listen(lambda event: event.event_type == TreeEvent.INITIALIZED and ready.set())
    cache.start()
    assert ready.wait(SECONDS)
    other.create(f"{path}/a/b", b"1", makepath=True)
    eventually(lambda: cache.get_data(f"{path}/a/b") and cache.get_data(f"{path}/a/b").data == b"1")
    other.set(f"{path}/a/b", b"2")
    eventually(lambda: cache.get_data(f"{path}/a/b").data == b"2")
    assert cache.get_children(path) == {"a"}
    other.delete(f"{path}/a", recursive=True)
    eventually(lambda: cache.get_data(f"{path}/a") is None)
    cache.close()


def test_a_thousand_pipelined_calls_come_back_in_order(connect, path):
    client = connect()
    client.ensure_path(path)
    finished = []
    calls = [client.create_async(f"{path}/n", b"%d" % i, sequence=True) for i in range(1000)]
    for i, call in enumerate(calls):
        call.rawlink(lambda _, i=i: finished.append(i))
    assert [c.get(SECONDS) for c in calls] == [f"{path}/n{i:010d}" for i in range(1000)]
    eventually(lambda: len(finished) == 1000)
    assert finished == list(range(1000))
    reads = [client.get_async(f"{path}/n{i:010d}") for i in range(1000)]
    assert [r.get(SECONDS)[0] for r in reads] == [b"%d" % i for i in range(1000)]


def test_four_letter_words_through_kazoo(connect):
    client = connect()
    assert client.server_version() >= (3, 5, 0)
    assert client.command(b"ruok") == "imok"
    assert "Mode: standalone" in client.command(b"stat")
    assert "zk_znode_count" in client.command(b"mntr")


def test_a_session_and_its_ephemerals_outlive_a_restart_of_the_server(launch, connect, path):
    server = launch("zookeeper")
    client = connect(server.zookeeper, timeout=20.0)
    session = client.client_id
    client.create(path, b"kept", ephemeral=True)
    seen, states = [], []
    client.DataWatch(path)(lambda data, stat: seen.append(data))
    client.add_listener(states.append)
    server.kill()
    eventually(lambda: KazooState.SUSPENDED in states)
    server.start()
    eventually(lambda: states[-1] == KazooState.CONNECTED, 60, "the client is back")
    assert KazooState.LOST not in states and client.client_id == session
    assert client.get(path)[0] == b"kept"
    other = connect(server.zookeeper)
    other.set(path, b"changed")
    eventually(lambda: seen[-1] == b"changed", what="the watch was set again")
    client.stop()
    assert other.exists(path) is None
