"""Which server the tests speak to, and how long they may take."""

import os
import random
import re
import resource
import signal
import subprocess
from pathlib import Path

import pytest

import servers
from cluster import Cluster
from jute import Session


def pytest_addoption(parser):
    parser.addoption("--server", choices=["roost", "peers"], default="roost")
    parser.addoption("--long", action="store_true", help="the full sizes, and the slow tests")
    parser.addoption("--record", action="store_true", help="rewrite the golden answers (with --server peers)")
    parser.addoption("--rounds", type=int, default=0, help="rounds of the kill -9 loop")
    parser.addoption("--seed", type=int, default=0, help="repeat a random test")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: runs only with --long")
    config.addinivalue_line("markers", "roost_only: says something of Roost that no peer promises")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Under nohup, or in a shell's background, servers would be born deaf to what is sent to them here.
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="needs --long"))
        if item.get_closest_marker("roost_only") and config.getoption("--server") != "roost":
            item.add_marker(pytest.mark.skip(reason="a promise of Roost alone"))


@pytest.fixture(autouse=True)
def no_test_hangs(is_long):
    """A test that waits for ever fails, and says where it stood."""
    seconds = 1200 if is_long else int(os.environ.get("LIVE_TEST_SECONDS", 150))

    def fail(signum, frame):
        raise AssertionError(f"the test still ran after {seconds} s")
    previous = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(scope="session")
def is_long(request):
    return request.config.getoption("--long")


@pytest.fixture
def seeded(request):
    """A generator whose seed, and the command that repeats it, are printed."""
    seed = request.config.getoption("--seed") or random.SystemRandom().randrange(1, 1 << 31)
    server = request.config.getoption("--server")
    test = f"{request.node.fspath.basename}::{request.node.name}"
    print(f"seed {seed}; repeat: Tests/Live/run --server {server} --seed {seed} {test}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def shared(request, tmp_path_factory):
    """Starts each kind of server once for the whole run."""
    roost = request.config.getoption("--server") == "roost"
    running = {}

    def get(kind):
        key = servers.Roost if roost else {"zookeeper": servers.ZooKeeper, "http": servers.Consul}[kind]
        if key not in running:
            running[key] = key(tmp_path_factory.mktemp(key.kind)).start()
        return running[key]

    yield get
    for server in running.values():
        server.discard()


@pytest.fixture
def zookeeper(shared):
    server = shared("zookeeper")
    if not server.alive():
        pytest.fail(f"the server has died:\n{server.log()[-3000:]}")
    return server


@pytest.fixture
def consul(shared):
    server = shared("http")
    if not server.alive():
        pytest.fail(f"the server has died:\n{server.log()[-3000:]}")
    return server


@pytest.fixture
def launch(request, tmp_path):
    """Starts servers that belong to one test: launch("zookeeper"), launch("http"), launch()."""
    roost = request.config.getoption("--server") == "roost"
    started = []

    def start(kind="both", **options):
        directory = tmp_path / f"server{len(started)}"
        peers = {"zookeeper": servers.ZooKeeper, "http": servers.Consul, "both": servers.Pair}
        server = (servers.Roost if roost else peers[kind])(directory, **options)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.discard()


@pytest.fixture
def memory_disk(tmp_path):
    """Makes file systems in memory, of so many MiB, which are gone after the test. Needs root."""
    made = []

    def make(mebibytes):
        if os.geteuid() != 0:
            pytest.skip("needs root to mount")
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", place], check=True)
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    built = tmp_path_factory.mktemp("syncfault") / "syncfault.so"
    source = Path(__file__).parent / "faults/syncfault.c"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", built, source, "-ldl"], check=True)
    return built


@pytest.fixture
def name(request):
    """A word that no other test uses."""
    return re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-") + f"-{random.SystemRandom().randrange(16**6):06x}"


@pytest.fixture
def session(zookeeper):
    """Opens raw ZooKeeper sessions, and closes their sockets after the test."""
    opened = []

    def connect(**options):
        opened.append(Session(zookeeper.zookeeper, **options))
        return opened[-1]

    yield connect
    for s in opened:
        s.abandon()


@pytest.fixture
def root(session, name):
    """A node of this test's own, with a session that made it."""
    path = f"/{name}"
    session().create(path)
    return path


@pytest.fixture
def cluster(tmp_path):
    """Starts clusters that end with the test: cluster(3), cluster(5, arguments=[...])."""
    started = []

    def start(count=3, **options):
        started.append(Cluster(tmp_path / f"cluster{len(started)}", count, **options))
        return started[-1].start()

    yield start
    for one in started:
        print(one.log())
        one.discard()
