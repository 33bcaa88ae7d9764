"""Network namespaces, and the switch between them. Runs in a network namespace of its own."""

import ctypes
import signal
import subprocess
from pathlib import Path

CLIENTS = 0
MTU = 9000
NETWORK = "10.77.0"


def address(port: int) -> str:
    """The clients' address is that of port 0, node N's that of port N."""
    return f"{NETWORK}.{port + 1}"


def run(*words: object) -> str:
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def compile_c(source: Path, target: Path, *flags: str) -> Path:
    run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o", target, source, "-ldl")
    return target


class Network:
    """One switch; a device for the clients here, and one in the namespace of each node."""

    def __init__(self, directory: Path, nodes: int, seed: int) -> None:
        self.nodes = nodes
        self.ports = range(nodes + 1)
        program = compile_c(Path(__file__).parent / "wire.c", directory / "wire")
        self.process = subprocess.Popen(
            [program, str(nodes + 1), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=die_with_parent)
        if (said := self.process.stdout.readline()) != "ready\n":
            raise RuntimeError(f"the switch did not start: {said!r}")
        self.cuts: set[tuple[int, int]] = set()
        self.changed: set[tuple[int, int]] = set()
        for port in self.ports:
            self._attach(port)

    def _attach(self, port: int) -> None:
        inside: list[str] = []
        if port != CLIENTS:
            run("ip", "netns", "add", f"n{port}")
            run("ip", "link", "set", f"wire{port}", "netns", f"n{port}")
            inside = ["-n", f"n{port}"]
        run("ip", *inside, "link", "set", "lo", "up")
        run("ip", *inside, "link", "set", f"wire{port}", "mtu", MTU, "up")
        run("ip", *inside, "address", "add", f"{address(port)}/24", "dev", f"wire{port}")

    @staticmethod
    def command(port: int) -> list[str]:
        """What runs a program in the namespace of node N, as the same process."""
        return ["nsenter", f"--net=/run/netns/n{port}", "--"]

    def _ask(self, line: str) -> str:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("not understood"):
            raise RuntimeError(f"the switch: {line}: {answer or 'has ended'}")
        return answer

    def cut(self, source: int, target: int) -> None:
        self._ask(f"cut {source} {target}")
        self.cuts.add((source, target))

    def cut_both(self, one: int, other: int) -> None:
        self.cut(one, other)
        self.cut(other, one)

    def spoil(self, source: int, target: int, delay_ms: float = 0, jitter_ms: float = 0,
              loss: int = 0, doubled: int = 0, swapped: int = 0) -> None:
        """Delays in milliseconds; loss, doubling and reordering in permille."""
        delay, jitter = round(delay_ms * 1000), round(jitter_ms * 1000)
        self._ask(f"link {source} {target} {delay} {jitter} {loss} {doubled} {swapped}")
        self.changed.add((source, target))

    def mend(self) -> None:
        for source, target in sorted(self.cuts):
            self._ask(f"mend {source} {target}")
        for source, target in sorted(self.changed):
            self._ask(f"link {source} {target} 0 0 0 0 0")
        self.cuts, self.changed = set(), set()

    def joined(self, one: int, other: int) -> bool:
        return (one, other) not in self.cuts and (other, one) not in self.cuts

    def discard(self) -> None:
        self.process.kill()
        self.process.wait()
        for port in range(1, self.nodes + 1):
            run("ip", "netns", "delete", f"n{port}")

    def counts(self) -> dict[str, int]:
        names = ("passed", "dropped", "delayed", "doubled", "swapped", "overflowed")
        return dict(zip(names, map(int, self._ask("count").split())))
