"""roost for people: its terminal behaviour on a real pty, locks with everything that can go wrong
with them, trees, and the examples of CommandLine.md as they stand there."""

import contextlib
import fcntl
import http.server
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from cluster import roost
from servers import REPOSITORY, Server, eventually

DOCUMENT = REPOSITORY / "Sources/RoostServer/Docs.docc/CommandLine.md"
BINARY = os.environ.get("ROOST_BIN", str(REPOSITORY / ".build/debug/roost"))
ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


class Terminal:
    """A command on a pty of its own, as the leader of a session."""

    def __init__(self, words: list[str], server: Server, **variables: str) -> None:
        environment = dict(os.environ, ROOST_HTTP_ADDR=server.http, TERM="xterm", **variables)
        environment.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
        self.master, self.slave = pty.openpty()
        self.resize(24, 100)
        self.before = termios.tcgetattr(self.slave)
        self.output = b""

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            # As a login has it, also where the tests run in the background.
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
        self.process = subprocess.Popen(
            words, stdin=self.slave, stdout=self.slave, stderr=self.slave, env=environment,
            preexec_fn=own_terminal)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self) -> str:
        while select.select([self.master], [], [], 0)[0]:
            self.output += os.read(self.master, 65536)
        return self.output.decode(errors="replace")

    def shows(self, text: str, seconds: float = 20) -> str:
        return eventually(lambda: text in ESCAPES.sub("", self.read()) and self.read(), seconds,
                          f"the terminal shows {text!r}: {self.output[-500:]!r}")

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def ended(self, seconds: float = 10) -> int:
        code = self.process.wait(seconds)
        self.read()
        return code

    def is_as_it_was(self) -> bool:
        modes = termios.tcgetattr(self.slave) == self.before
        text = self.output.decode(errors="replace")
        cursor = text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")
        screen = text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
        return modes and cursor and screen

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal() -> Iterator[type]:
    opened: list[Terminal] = []

    def start(words: list[str], server: Server, **variables: str) -> Terminal:
        opened.append(Terminal(words, server, **variables))
        return opened[-1]
    yield start
    for one in opened:
        one.close()


def run(server: Server, *words: str, seconds: float = 60) -> subprocess.CompletedProcess:
    environment = dict(os.environ, ROOST_HTTP_ADDR=server.http)
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=seconds,
                          env=environment, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def running(server: Server, *words: str, under: Sequence[str] = ()) -> Iterator[subprocess.Popen]:
    environment = dict(os.environ, ROOST_HTTP_ADDR=server.http)
    process = subprocess.Popen([*under, BINARY, *words], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE, env=environment, stdin=subprocess.DEVNULL)
    yield process
    if process.poll() is None:
        # Its command too.
        process.terminate()
    process.communicate(timeout=30)


# The document.

def examples() -> list[tuple[str, str]]:
    """Commands and what they print, of all console blocks in their order."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.replace("<BLANKLINE>", "")))
    return found


@pytest.mark.roost_only
def test_the_document_s_examples_do_what_they_say(launch):
    server = launch()
    path = f"{Path(server.binary).parent}:{os.environ['PATH']}"
    environment = dict(os.environ, ROOST_HTTP_ADDR=server.http, PATH=path)
    assert len(examples()) >= 15
    for command, expected in examples():
        done = subprocess.run(["bash", "-c", f"({command}) 2>&1"], capture_output=True, text=True,
                              env=environment, timeout=60, stdin=subprocess.DEVNULL)
        wanted = ".*".join(re.escape(piece) for piece in expected.rstrip("\n").split("..."))
        assert re.fullmatch(wanted, done.stdout.rstrip("\n")), (
            f"{command}\n{done.stdout}\nwanted:\n{expected}")


# Status and top.

@pytest.mark.roost_only
def test_status_of_three_nodes_shows_members_lag_and_rates(cluster):
    three = cluster(3)
    for node in three.nodes:
        def whole(node=node) -> bool:
            code, text = roost(node, "status", "--json")
            report = json.loads(text) if code == 0 else {}
            return len((report.get("members") or {}).get("Members", [])) == 3
        eventually(whole, 20, "three members")
    code, text = roost(three.leader(), "status")
    assert code == 0 and "ready       yes\n" in text and "\x1b" not in text
    assert re.search(r"^rates       [\d.]+ reads, [\d.]+ writes", text, re.M)
    assert len(re.findall(r"^\d+ +n\d ", text, re.M)) == 3
    leader = three.leader()
    victim = next(node for node in three.nodes if node is not leader)
    victim.kill()
    assert run(victim, "status").returncode == 3


def test_status_of_any_consul(consul):
    done = run(consul, "status")
    assert done.returncode == 0 and re.search(r"^leader +.*127\.0\.0\.1:\d+", done.stdout, re.M)
    report = json.loads(run(consul, "status", "--json", "--no-rates").stdout)
    assert report["node"] == "n1" and report["leader"] and report["peers"]


def test_output_that_nobody_reads_to_its_end_is_no_crash(consul):
    """`roost ... | head -1` ended in a trap, since the pipe was closed under it."""
    script = f"{BINARY} status --address {consul.http} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert "Fatal" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] in ("0", "141")


@pytest.mark.parametrize("key", [b"q", b"\x03", b"\x1b", b"\x04"])
def test_top_draws_until_a_key_and_leaves_the_terminal_as_it_was(consul, terminal, key):
    screen = terminal([BINARY, "top", "--interval", "0.2"], consul)
    text = screen.shows("leader")
    assert "\x1b[1m" in text and "\x1b[?1049h" in text
    count = screen.read().count("\x1b[H")
    eventually(lambda: screen.read().count("\x1b[H") > count + 2, 10, "it draws again")
    screen.press(key)
    assert screen.ended() == 0
    assert screen.is_as_it_was()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_top_leaves_the_terminal_as_it_was_when_it_is_told_to_end(consul, terminal, number):
    screen = terminal([BINARY, "top"], consul)
    screen.shows("leader")
    screen.process.send_signal(number)
    assert screen.ended() == 128 + number
    assert screen.is_as_it_was()


def test_top_keeps_within_its_terminal(consul, terminal):
    screen = terminal([BINARY, "top", "--interval", "0.2"], consul, NO_COLOR="1")
    screen.shows("leader")
    screen.resize(4, 20)
    screen.process.send_signal(signal.SIGWINCH)
    time.sleep(0.5)
    frame = screen.read().rsplit("\x1b[H", 1)[1].split("\x1b[J")[0]
    lines = ESCAPES.sub("", frame).split("\r\n")
    assert len(lines) == 4 and all(len(line) <= 20 for line in lines)
    assert "\x1b[1m" not in screen.read()
    screen.press(b"q")
    assert screen.ended() == 0 and screen.is_as_it_was()


@pytest.mark.roost_only
def test_top_outlives_its_server(launch, terminal):
    server = launch()
    screen = terminal([BINARY, "top", "--interval", "0.2"], server)
    screen.shows("ready")
    server.kill()
    screen.shows("no answer from")
    server.start()
    mark = len(screen.read())
    eventually(lambda: "ready" in screen.read()[mark:], 20, "it is back")
    screen.press(b"q")
    assert screen.ended() == 0 and screen.is_as_it_was()


def test_without_a_terminal_top_prints_one_frame(consul):
    done = run(consul, "top")
    assert done.returncode == 0 and "leader" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_only_where_a_person_sees_them(consul, terminal, variables, coloured):
    screen = terminal([BINARY, "status", "--no-rates"], consul, **variables)
    assert screen.ended() == 0
    assert ("\x1b[" in screen.read()) == coloured
    assert "\x1b" not in run(consul, "status", "--no-rates").stdout


# Locks.

def held(server: Server, name: str) -> str | None:
    answer = requests.get(f"{server.http}/v1/kv/{name}/.lock?consistent", timeout=5)
    return answer.json()[0].get("Session") if answer.status_code == 200 else None


def sessions(server: Server, name: str) -> list[str]:
    all = requests.get(f"{server.http}/v1/session/list", timeout=5).json() or []
    return [s["ID"] for s in all if name in s["Name"]]


def test_a_lock_gives_the_command_s_code_and_leaves_nothing(consul, name):
    for code in (0, 3, 255):
        assert run(consul, "lock", name, "sh", "-c", f"exit {code}").returncode == code
    assert run(consul, "lock", name, "sh", "-c", "kill -9 $$").returncode == 128 + 9
    assert run(consul, "lock", name, "no-such-command").returncode == 127
    assert run(consul, "lock", name, "/etc").returncode == 126
    assert run(consul, "lock", name, "echo", "--ttl", "--", "-x").stdout == "--ttl -- -x\n"
    assert held(consul, name) is None and not sessions(consul, name)
    assert requests.get(f"{consul.http}/v1/kv/{name}/.lock", timeout=5).status_code == 404
    assert run(consul, "lock", name).returncode == 64


def test_two_never_hold_a_lock_at_once(consul, name, tmp_path):
    """Each command fails where another one has left its file."""
    script = f"set -e; mkdir {tmp_path}/busy; sleep 0.1; rmdir {tmp_path}/busy"
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(running(consul, "lock", name, "sh", "-c", script))
                   for _ in range(5)]
        for process in started:
            assert process.wait(60) == 0, process.stderr.read()
    assert not sessions(consul, name)


def test_a_lock_that_another_one_holds_is_waited_for_as_long_as_was_said(consul, name):
    with running(consul, "lock", name, "sleep", "60") as holder:
        eventually(lambda: held(consul, name), 20, "held")
        began = time.monotonic()
        done = run(consul, "lock", "--try", "1s", name, "true")
        assert done.returncode == 125 and "another's" in done.stderr
        assert 0.9 < time.monotonic() - began < 10
        with running(consul, "lock", name, "true") as waiter:
            eventually(lambda: len(sessions(consul, name)) == 2, 20, "two sessions")
            # One that waits gives up well.
            waiter.send_signal(signal.SIGTERM)
            assert waiter.wait(20) == 128 + 15
        assert len(sessions(consul, name)) == 1
        with running(consul, "lock", name, "true") as waiter:
            eventually(lambda: len(sessions(consul, name)) == 2, 20, "two sessions")
            holder.send_signal(signal.SIGTERM)
            assert holder.wait(20) == 128 + 15
            assert waiter.wait(20) == 0
    assert not sessions(consul, name)


def test_signals_reach_the_command_and_all_that_it_started(consul, name, tmp_path):
    seen, end = tmp_path / "seen", tmp_path / "end"
    below = (f"trap : USR1; trap \"echo child >>{seen}\" TERM;"
             f"while [ ! -e {end} ]; do sleep 0.1; done")
    script = (f"trap 'echo usr1 >>{seen}' USR1; trap 'echo term >>{seen}; exit 9' TERM;"
              f"sh -c '{below}' & echo ready >>{seen}; while :; do sleep 0.1; done")
    with running(consul, "lock", name, "sh", "-c", script) as process:
        eventually(lambda: seen.exists(), 20, "it runs")
        time.sleep(0.3)
        process.send_signal(signal.SIGUSR1)
        eventually(lambda: "usr1" in seen.read_text(), 10, "USR1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 9
        eventually(lambda: {"term", "child"} <= set(seen.read_text().split()), 10, "TERM")
        # The one that took no notice of TERM ends with the test.
        end.touch()
    assert not sessions(consul, name)


def test_a_signal_that_is_ignored_stays_so(consul, name, tmp_path):
    """As under nohup: neither the lock nor its command ends with the login."""
    ready = tmp_path / "ready"
    script = f"kill -HUP $$; touch {ready}; sleep 1; exit 4"
    with running(consul, "lock", name, "sh", "-c", script, under=["nohup"]) as process:
        eventually(ready.exists, 20, "it runs")
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 4


@pytest.mark.parametrize("how", ["lost", "signalled"])
def test_what_the_command_started_does_not_outlive_the_lock(consul, name, tmp_path, how):
    """The command ends at once, and the child that it leaves takes no notice of TERM."""
    alive, ready = tmp_path / "alive", tmp_path / "ready"
    below = f"trap : TERM; touch {ready}; while :; do date +%s.%N >{alive}; sleep 0.1; done"
    script = f"sh -c '{below}' & wait"
    times = ["--kill-after", "2s", "--lock-delay", "0s"]
    with running(consul, "lock", *times, name, "sh", "-c", script) as process:
        eventually(ready.exists, 20, "it runs")
        began = time.monotonic()
        if how == "lost":
            session = held(consul, name)
            requests.put(f"{consul.http}/v1/session/destroy/{session}", timeout=5)
        else:
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert held(consul, name), "the lock is held while the child runs"
        assert process.wait(20) == (125 if how == "lost" else 128 + 15)
        assert 1.8 < time.monotonic() - began < 10
        last = alive.read_text()
        time.sleep(0.5)
        assert alive.read_text() == last, "the child runs without the lock"


class SilentAtTheEnd(http.server.BaseHTTPRequestHandler):
    """Gives the lock to whoever asks, and leaves reads without an answer once it is given back."""

    asked: list[str] = []

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("X-Consul-Index", "7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(self.path)
        self.answer(b'{"ID": "s"}' if self.path.endswith("/create") else b"true")

    def do_GET(self) -> None:
        if "index=" in self.path or any("release=" in path for path in self.asked):
            threading.Event().wait(30)
        else:
            self.answer(b"", 404)


@pytest.mark.roost_only
def test_giving_a_lock_back_waits_for_no_server_for_long(name):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SilentAtTheEnd) as server:
        server.block_on_close = False
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"--address=127.0.0.1:{server.server_port}"
        done = subprocess.run([BINARY, "lock", address, name, "sh", "-c", "exit 5"],
                              capture_output=True, text=True, timeout=20)
        server.shutdown()
    assert done.returncode == 5 and "the lock's key stays" in done.stderr
    assert "/v1/session/destroy/s" in SilentAtTheEnd.asked


def test_what_a_command_leaves_that_ended_by_itself_is_left_alone(consul, name, tmp_path):
    after = tmp_path / "after"
    script = f"(sleep 1; touch {after}) >/dev/null 2>&1 & exit 7"
    assert run(consul, "lock", name, "sh", "-c", script).returncode == 7
    assert not after.exists()
    eventually(after.exists, 10, "it went on")


@pytest.mark.parametrize("how", ["destroy", "release", "delete"])
def test_a_lost_lock_ends_the_command(consul, name, tmp_path, how):
    seen = tmp_path / "seen"
    script = f"trap 'echo term >>{seen}' TERM; echo ready >>{seen}; while :; do sleep 0.1; done"
    times = ["--kill-after", "1s", "--lock-delay", "0s"]
    with running(consul, "lock", *times, name, "sh", "-c", script) as process:
        eventually(lambda: (tmp_path / "seen").exists(), 20, "it runs")
        session = held(consul, name)
        key = f"{consul.http}/v1/kv/{name}/.lock"
        if how == "destroy":
            requests.put(f"{consul.http}/v1/session/destroy/{session}", timeout=5)
        elif how == "release":
            requests.put(f"{key}?release={session}", timeout=5)
        else:
            requests.delete(key, timeout=5)
        began = time.monotonic()
        # It takes no notice of TERM, so it is killed.
        assert process.wait(20) == 125
        assert 0.8 < time.monotonic() - began < 10
        assert "is lost" in process.stderr.read()
    assert "term" in (tmp_path / "seen").read_text()
    assert not sessions(consul, name)


@pytest.mark.roost_only
def test_a_lock_survives_a_server_that_is_away_for_less_than_its_ttl(launch, name):
    server = launch()
    with running(server, "lock", "--ttl", "10s", name, "sleep", "8") as process:
        eventually(lambda: held(server, name), 20, "held")
        server.kill()
        time.sleep(2)
        server.start()
        assert process.wait(30) == 0, process.stderr.read()
    assert not sessions(server, name)


@pytest.mark.roost_only
def test_a_lock_is_lost_before_its_session_can_end_where_no_server_answers(launch, name, tmp_path):
    server = launch()
    ended = tmp_path / "ended"
    script = f"trap 'touch {ended}; exit' TERM; while :; do sleep 0.1; done"
    with running(server, "lock", "--ttl", "10s", name, "sh", "-c", script) as process:
        eventually(lambda: held(server, name), 20, "held")
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        eventually(ended.exists, 20, "the command is ended")
        assert time.monotonic() - began < 10
        assert process.wait(20) == 125
        server.process.send_signal(signal.SIGCONT)
        assert "renewed" in process.stderr.read()


def test_on_a_terminal_the_command_has_it_and_gives_it_back(consul, terminal, name):
    """The command reads, Ctrl-C is its own, and the shell reads again after it."""
    inner = (f"{BINARY} lock {name} sh -c 'read x; echo got $x; cat'; echo code $?;"
             "read y; echo then $y")
    shell = terminal(["bash", "-c", inner], consul)
    eventually(lambda: held(consul, name), 20, "held")
    shell.press(b"one\n")
    shell.shows("got one")
    # Until cat itself runs, Ctrl-C may meet the shell between fork and exec, and be nobody's.
    shell.press(b"again\n")
    shell.shows("again\r\nagain")
    shell.press(b"\x03")
    shell.shows("code 130")
    shell.press(b"two\n")
    shell.shows("then two")
    assert shell.ended() == 0
    assert not sessions(consul, name)


def test_ctrl_z_does_not_stop_what_holds_a_lock(consul, terminal, name):
    shell = terminal([BINARY, "lock", name, "sh", "-c", "read x; echo got $x"], consul)
    eventually(lambda: held(consul, name), 20, "held")
    time.sleep(0.3)
    shell.press(b"\x1a")
    time.sleep(0.3)
    shell.press(b"on\n")
    shell.shows("got on")
    assert shell.ended() == 0


@pytest.mark.skipif(not Path("/usr/bin/consul").exists() and not Path(
    "/var/tmp/roost-peers/consul/usr/bin/consul").exists(), reason="no consul command here")
def test_consul_lock_and_roost_lock_exclude_each_other(consul, name):
    command = next(p for p in ("/usr/bin/consul", "/var/tmp/roost-peers/consul/usr/bin/consul")
                   if Path(p).exists())
    with running(consul, "lock", name, "sleep", "60"):
        eventually(lambda: held(consul, name), 20, "held")
        words = [command, "lock", "-timeout=1s", f"-http-addr={consul.http}", name, "true"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0


# Trees.

@pytest.mark.roost_only
def test_a_tree_of_many_znodes_comes_in_pages(launch):
    server = launch()
    client = KazooClient(server.zookeeper)
    client.start(30)
    for parent in range(3):
        client.create(f"/tree/p{parent}", b"12345", makepath=True)
        results = [client.create_async(f"/tree/p{parent}/c{i:04}", b"x") for i in range(700)]
        for result in results:
            result.get(30)
    client.create("/tree/p1/ephemeral", b"", ephemeral=True)
    owner = f"{client.client_id[0]:x}"
    acl = [make_digest_acl("u", "p", all=True)]
    client.create("/tree/secret", b"s", acl=acl)
    client.add_auth("digest", "u:p")
    client.create("/tree/secret/below", b"")
    done = run(server, "tree", "/tree")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[0] == "/tree"
    assert len([line for line in lines if re.search(r"c\d{4}  1 B$", line)]) == 2100
    assert f"│   └── ephemeral  ephemeral 0x{owner}" in lines
    assert lines[-1] == "└── secret  1 B  (1 below)  not everybody's to read"
    assert "└── c0699  1 B" in lines[-2]
    text = run(server, "tree", "/tree", "--json").stdout
    nodes = [json.loads(line) for line in text.splitlines()]
    assert len(nodes) == len({n["Path"] for n in nodes}) == 1 + 3 + 2100 + 1 + 1
    assert next(n for n in nodes if n["Path"] == "/tree/p0")["Children"] == 700
    shallow = run(server, "tree", "/tree", "--depth", "1").stdout
    assert "├── p0  5 B  (700 below)\n" in shallow and "c0001" not in shallow
    few = run(server, "tree", "/tree", "--limit", "10")
    assert len(few.stdout.splitlines()) == 10 and "there is more" in few.stderr
    client.stop()


@pytest.mark.roost_only
def test_what_is_no_page_of_znodes_is_refused(launch):
    server = launch()
    url = f"{server.http}/v1/roost/znodes"
    for query in ("path=a", "path=/a/", "path=", "depth=-1", "limit=x", "path=/zookeeper&after=/a"):
        assert requests.get(f"{url}?{query}", timeout=5).status_code == 400, query
    assert requests.get(f"{url}?path=/none", timeout=5).status_code == 404
    page = requests.get(f"{url}?limit=2", timeout=5).json()
    assert [n["Path"] for n in page["Nodes"]] == ["/", "/zookeeper"]
    assert page["Next"] == "/zookeeper"
    rest = requests.get(f"{url}?after=/zookeeper", timeout=5).json()
    assert [n["Path"] for n in rest["Nodes"]] == ["/zookeeper/config", "/zookeeper/quota"]
    assert rest["Next"] == ""


def test_a_tree_of_keys(consul, name):
    for key in ("a", "b/", "b/c", "b/d/e"):
        requests.put(f"{consul.http}/v1/kv/{name}/{key}", data=b"12", timeout=5)
    done = run(consul, "tree", "--kv", f"{name}/")
    assert done.stdout.splitlines() == [
        f"{name}/", "├── a", "└── b/", "    ├── c", "    └── d/", "        └── e"]
    assert "├── a  2 B  #" in run(consul, "tree", "--kv", f"{name}/", "--long").stdout
    lines = run(consul, "tree", "--kv", f"{name}/", "--json").stdout.splitlines()
    keys = [json.loads(line)["Key"] for line in lines]
    assert keys == [f"{name}/{key}" for key in ("a", "b/", "b/c", "b/d/e")]
    assert run(consul, "tree", "--kv", f"{name}-none/").returncode == 1
    cut = run(consul, "tree", "--kv", f"{name}/", "--limit", "5")
    assert len(cut.stdout.splitlines()) == 5 and "there is more" in cut.stderr
    whole = run(consul, "tree", "--kv", f"{name}/", "--limit", "3", "--depth", "1")
    assert len(whole.stdout.splitlines()) == 3 and not whole.stderr


def test_keys_that_look_the_same_are_as_many_in_a_tree(consul, name):
    """One character in two ways; bytes that are no text; a mark that joins the slash before it."""
    for key in ("e%CC%81", "%C3%A9", "%FE", "%FF", "%CC%81x"):
        answer = requests.put(f"{consul.http}/v1/kv/{name}/{key}", data=b"12", timeout=5)
        assert answer.text.strip() == "true", key
    for words in ([], ["--long"]):
        done = run(consul, "tree", "--kv", f"{name}/", *words)
        assert done.returncode == 0, done.stderr
        # The two that are no text come as the same one.
        assert len(done.stdout.splitlines()) == 1 + 4
