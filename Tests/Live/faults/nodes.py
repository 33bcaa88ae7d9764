"""The nodes: real processes, each in a network namespace and on a small disk of its own."""

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from faults.network import CLIENTS, Network, address, compile_c, die_with_parent, run

# What is written stays, in the log and in the state, and a copy of the state needs room too.
DISK_MEBIBYTES, DISK_MEBIBYTES_PER_MINUTE = 160, 30
TERMINATION_SECONDS = 30
BALLAST_STEP = 1 << 20
# A sync failed while it served (FailureText.swift), or at its start (CommandFailure.swift).
ENDED_BY_SYNC = {74, 2}
ARGUMENTS = ["--four-letter-words=*", "--min-session-timeout-milliseconds=2000",
             "--snapshot-log-megabytes=1", "--dns-port=0", "--bind=0.0.0.0",
             "--max-client-cnxns=0", "--http-max-conns-per-client=0"]


class Node:
    def __init__(self, directory: Path, number: int, network: Network, binary: Path,
                 peers: str, library: Path, arguments: list[str], mebibytes: int) -> None:
        self.number, self.name = number, f"n{number}"
        self.network, self.binary = network, binary
        self.log_path = directory / f"{self.name}.log"
        self.trigger = directory / f"{self.name}.trigger"
        self.disk = directory / self.name
        self.data = self.disk / "data"
        self.ballast = self.disk / "ballast"
        self.library = library
        self.host = address(number)
        self.zookeeper = (self.host, 2181)
        self.http = (self.host, 8500)
        self.arguments = [f"--name={self.name}", f"--data-dir={self.data}", f"--cluster={peers}",
                          f"--advertise={self.host}", *ARGUMENTS, *arguments]
        self.process: subprocess.Popen | None = None
        self.paused = False
        self.told_to_end = False
        self.log_began = 0
        self._mount(directory / f"{self.name}.image", "tmpfs" if number % 3 == 2 else "ext4",
                    mebibytes)

    def _mount(self, image: Path, kind: str, mebibytes: int) -> None:
        self.disk.mkdir()
        self.kind = kind
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", self.disk)
            return
        with open(image, "wb") as file:
            file.truncate(mebibytes << 20)
        run("mkfs.ext4", "-q", "-m", "0", "-F", image)
        run("mount", "-o", "loop", image, self.disk)

    def start(self) -> None:
        self.paused = self.told_to_end = False
        self.log_began = self.log_path.stat().st_size if self.log_path.exists() else 0
        environment = dict(os.environ, LD_PRELOAD=str(self.library),
                           SYNCFAULT_TRIGGER=str(self.trigger))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.network.command(self.number), str(self.binary), "server", *self.arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment,
                preexec_fn=die_with_parent)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ended_alone(self) -> str:
        """What is wrong about its end, or "" where it runs or had cause to end."""
        if self.process is None or self.alive() or self.told_to_end:
            return ""
        said = self.log_path.read_bytes()[self.log_began:].decode(errors="replace")
        status = self.process.returncode
        if has_cause(status, said):
            return ""
        return f"{self.name} ended by itself with {status}: " + " | ".join(said.splitlines()[-3:])

    def kill(self) -> None:
        self.told_to_end = True
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """As an operator stops it; it must end by itself, and well."""
        self.told_to_end = True
        self.process.terminate()
        try:
            status = self.process.wait(TERMINATION_SECONDS)
        except subprocess.TimeoutExpired as failure:
            raise AssertionError(f"{self.name} still runs {TERMINATION_SECONDS} s after it was "
                                 "told to stop") from failure
        # Told before it was a server (two restarts in one step), it ends by the signal as any process does.
        if status == -signal.SIGTERM and self.log_path.stat().st_size == self.log_began:
            return
        if status != 0:
            raise AssertionError(f"{self.name} ended with {status} when it was told to stop")

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)
        self.paused = True

    def go_on(self) -> None:
        if self.paused and self.alive():
            os.kill(self.process.pid, signal.SIGCONT)
        self.paused = False

    def sync_as(self, text: str) -> None:
        """See syncfault.c. Written aside, so that no sync reads half a text."""
        aside = self.trigger.with_suffix(".aside")
        aside.write_text(text)
        aside.rename(self.trigger)

    def sync_well(self) -> None:
        self.trigger.unlink(missing_ok=True)

    def fill(self) -> int:
        """Leaves no room on its disk; the bytes that it took."""
        step, taken = BALLAST_STEP, 0
        with open(self.ballast, "ab") as file:
            while step >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), taken, step)
                    taken += step
                except OSError:
                    step //= 2
        return taken

    def make_room(self) -> None:
        self.ballast.unlink(missing_ok=True)

    def keep_data(self, directory: Path) -> None:
        """What lies in memory would go with its mount; the others' images stay."""
        if self.kind == "tmpfs" and self.data.exists():
            run("cp", "-a", "--sparse=always", self.data, directory / f"{self.name}.data")


def has_cause(status: int, said: str) -> bool:
    """A failed sync ends a process, and by the exit code that says so: by nothing else."""
    return "syncfault:" in said and status in ENDED_BY_SYNC


class Cluster:
    def __init__(self, directory: Path, count: int, seed: int, binary: Path,
                 arguments: list[str], seconds: float) -> None:
        self.directory = directory
        self.network = Network(directory, count, seed)
        library = compile_c(Path(__file__).parent / "syncfault.c", directory / "syncfault.so",
                            "-shared", "-fPIC")
        peers = ",".join(f"n{i}={address(i)}:8300" for i in range(1, count + 1))
        mebibytes = DISK_MEBIBYTES + int(seconds / 60 * DISK_MEBIBYTES_PER_MINUTE)
        self.nodes = [Node(directory, i, self.network, binary, peers, library, arguments,
                           mebibytes)
                      for i in range(1, count + 1)]

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    @property
    def majority(self) -> int:
        return len(self.nodes) // 2 + 1

    def node(self, number: int) -> Node:
        return self.nodes[number - 1]

    def fit(self) -> list[Node]:
        """Nodes of a majority that must serve: they run, reach each other and the clients."""
        sound = [n for n in self.nodes if n.alive() and not n.paused and not n.trigger.exists()
                 and not n.ballast.exists() and self.network.joined(CLIENTS, n.number)]
        groups = [[m for m in sound if m is n or self.network.joined(n.number, m.number)]
                  for n in sound]
        whole = [g for g in groups if len(g) >= self.majority and all(
            a is b or self.network.joined(a.number, b.number) for a in g for b in g)]
        return max(whole, key=len, default=[])

    def undo(self) -> list[str]:
        """Heals everything: network, disks, paused and ended processes; answers as revive."""
        self.network.mend()
        for node in self.nodes:
            node.sync_well()
            node.make_room()
            node.go_on()
        return self.revive()

    def revive(self) -> list[str]:
        """Starts what has ended; answers what had ended although nothing gave it cause."""
        found = []
        for node in self.nodes:
            if not node.alive():
                found.append(node.ended_alone())
                node.start()
        return [text for text in found if text]

    def discard(self) -> None:
        for node in self.nodes:
            if node.alive():
                node.kill()
            run("umount", "-l", node.disk)
        self.network.discard()


def leader_known_by(node: Node, seconds: float = 1) -> str:
    """The host that the node takes for the leader, or ""."""
    connection = http.client.HTTPConnection(*node.http, timeout=seconds)
    try:
        connection.request("GET", "/v1/status/leader")
        reply = connection.getresponse()
        body = reply.read()
        return json.loads(body).split(":")[0] if reply.status == 200 else ""
    except (OSError, http.client.HTTPException, ValueError):
        return ""
    finally:
        connection.close()


def leader(cluster: Cluster, seconds: float = 10) -> Node | None:
    """The node that a majority takes for the leader."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running = [n for n in cluster.nodes if n.alive() and not n.paused]
        named = [leader_known_by(n) for n in running]
        for node in cluster.nodes:
            if named.count(node.host) >= cluster.majority:
                return node
        time.sleep(0.05)
    return None
