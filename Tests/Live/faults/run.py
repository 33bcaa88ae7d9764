"""One run: a cluster, its clients, its faults, its end, and the verdict."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from faults.checks import judge_histories, judge_indexes, judge_vanished
from faults.clients.base import Client, Place, World
from faults.clients.ephemerals import EphemeralOwner, Nursery, Observer
from faults.clients.keys import KeyAppender, KeyClient, Registers
from faults.clients.locks import LockClient, Locks
from faults.clients.probes import ElectionWatch, KeyProbe, Signs, ZnodeProbe
from faults.clients.watchers import Blocker, Watcher
from faults.clients.znodes import ZnodeAppender, ZnodeClient
from faults.ending import finish, stop_well
from faults.history import History
from faults.injury import Injury
from faults.nodes import Cluster, Node
from faults.plan import Step, steps
from faults.wrong import WRONGS

PACE_SECONDS = 0.04
START_SECONDS = 60
# While a majority is well: until a node of it takes a write. After all is healed: until every
# node does, over both protocols.
RECOVERY_SECONDS = 10.0
HEALED_SECONDS = 20.0
POLL_SECONDS = 0.02
JOIN_SECONDS = 40
VERIFY_SECONDS = 120


@dataclass
class Options:
    binary: Path
    directory: Path
    nodes: int
    seed: int
    seconds: float
    pace_seconds: float = PACE_SECONDS
    only: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    wrong: str = ""
    quiet: bool = False
    keep: bool = False


@dataclass
class Times:
    """In seconds: after each fault with a majority left, and after each healing."""

    recovered: list[float] = field(default_factory=list)
    healed: list[float] = field(default_factory=list)


class Run:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.began = time.monotonic()
        self.history = History()
        self.times = Times()
        self.faults: dict[str, int] = {}
        self.steps_taken = 0
        self.packets: dict[str, int] = {}
        self.cluster = Cluster(options.directory, options.nodes, options.seed, options.binary,
                               options.arguments, options.seconds)
        places = [Place(n.name, n.zookeeper, n.http) for n in self.cluster.nodes]
        self.signs = Signs()
        probed = World(places, self.history, options.seed, 0.05)
        self.wrong = WRONGS[options.wrong](places) if options.wrong else None
        self.world = World(self.wrong.places if self.wrong else places, self.history,
                           options.seed, options.pace_seconds)
        self.plain = probed
        self._employ()

    def _employ(self) -> None:
        world, few = self.world, max(1, self.options.nodes // 3)
        self.nursery = Nursery()
        keys, znodes, locks = Registers("k", 4), Registers("z", 4), Locks(2)
        self.watchers = [Watcher(world, i, znodes) for i in range(3)]
        self.appenders = [KeyAppender(world, 0), ZnodeAppender(world, 0)]
        self.clients: list[Client] = [
            *[KeyClient(world, i, keys) for i in range(5 * few)],
            *[ZnodeClient(world, i, znodes) for i in range(5 * few)],
            *[LockClient(world, i, locks) for i in range(6)],
            *[EphemeralOwner(world, i, self.nursery) for i in range(3)],
            *[Observer(world, i, self.nursery) for i in range(2)],
            *[Blocker(world, i, keys) for i in range(2)],
            *self.watchers, *self.appenders]
        self.elections = ElectionWatch(self.plain, 0)
        self.probes: list[Client] = [self.elections]
        for number, place in enumerate(self.plain.places):
            self.probes += [KeyProbe(self.plain, number, place, self.signs),
                            ZnodeProbe(self.plain, number, place, self.signs)]

    def say(self, text: str) -> None:
        if not self.options.quiet:
            print(f"{time.monotonic() - self.began:7.1f}  {text}", flush=True)

    # The course.

    def go(self) -> dict:
        """The report; "violations" is empty where every promise was kept."""
        report: dict | None = None
        try:
            self.cluster.start()
            for probe in self.probes:
                probe.start()
            self.serve(self.cluster.nodes, time.monotonic(), START_SECONDS, "the start")
            self.say(f"{len(self.cluster.nodes)} nodes serve")
            for client in self.clients:
                client.start()
            healed = self.suffer()
            report = self.report(*self.end(healed))
            return report
        finally:
            self.world.stopping.set()
            self.plain.stopping.set()
            self.history.save(self.options.directory / "history.jsonl")
            if report is None or report["violations"] or self.options.keep:
                for node in self.cluster.nodes:
                    node.keep_data(self.options.directory)
            self.cluster.discard()

    def suffer(self) -> float:
        """Fault after fault; answers when the last one was healed."""
        until = time.monotonic() + self.options.seconds
        healed = time.monotonic()
        if self.wrong:
            self.wrong.act(self.cluster, self.options.seconds)
            return time.monotonic()
        for step in steps(self.options.seed, self.options.nodes, self.options.only):
            if time.monotonic() >= until or self.history.violations:
                break
            healed = self.take(step)
        return healed

    def take(self, step: Step) -> float:
        self.steps_taken += 1
        began = time.monotonic()
        for fault in step.faults:
            try:
                said = Injury(self.cluster, fault).strike()
            except AssertionError as broken:
                self.violate_all([str(broken), *self.cluster.undo()])
                return time.monotonic()
            self.faults[fault.kind] = self.faults.get(fault.kind, 0) + 1
            self.say(said)
        struck = time.monotonic()
        self.recover(struck)
        self.world.stopping.wait(max(0, began + step.hold_seconds - time.monotonic()))
        self.violate_all(self.cluster.undo())
        healed = time.monotonic()
        self.serve(self.cluster.nodes, healed, HEALED_SECONDS, "all was healed")
        self.times.healed.append(time.monotonic() - healed)
        self.say(f"healed, all serve after {self.times.healed[-1]:.2f} s")
        self.world.stopping.wait(step.calm_seconds)
        return healed

    def violate_all(self, texts: list[str]) -> None:
        for text in texts:
            self.history.violate(text)

    def recover(self, struck: float) -> None:
        """Where a majority is well, one of its nodes takes a write that was asked for after."""
        deadline = struck + RECOVERY_SECONDS
        while fit := self.cluster.fit():
            if any(self.signs.since("Consul", n.name, struck) for n in fit):
                self.times.recovered.append(time.monotonic() - struck)
                self.say(f"  recovered after {self.times.recovered[-1]:.2f} s")
                return
            if time.monotonic() > deadline:
                self.history.violate(f"{[n.name for n in fit]} took no write within "
                                     f"{RECOVERY_SECONDS} s")
                return
            time.sleep(POLL_SECONDS)

    def serve(self, nodes: list[Node], since: float, seconds: float, after: str) -> None:
        deadline = since + seconds
        while True:
            silent = [f"{n.name} ({protocol})" for n in nodes for protocol in
                      ("Consul", "ZooKeeper") if not self.signs.since(protocol, n.name, since)]
            if not silent:
                return
            if time.monotonic() > deadline:
                self.history.violate(f"{seconds} s after {after}, no writes by {silent}")
                return
            # A sync may have failed just before it was healed.
            if ended := self.cluster.revive():
                self.violate_all([f"after {after}: {text}" for text in ended])
                return
            time.sleep(POLL_SECONDS)

    def end(self, healed: float) -> tuple[dict, list[str]]:
        self.world.stopping.wait(2)
        self.world.stopping.set()
        for client in self.clients:
            client.join(JOIN_SECONDS)
            if client.is_alive():
                self.history.violate(f"{client.name} still waits {JOIN_SECONDS} s after the end")
        for watcher in self.watchers:
            watcher.last_look()
            watcher.leave()
        self.plain.stopping.set()
        for probe in self.probes:
            probe.join(JOIN_SECONDS)
        self.say("clients have stopped")
        try:
            facts, violations = finish(self.world, self.nursery, time.monotonic(),
                                       self.appenders)
        except AssertionError as failure:
            facts, violations = {}, [str(failure)]
        self.packets = self.cluster.network.counts()
        self.say("everything was read once more")
        violations += stop_well(self.cluster)
        violations += self.inspect()
        return facts, violations

    def inspect(self) -> list[str]:
        """What roost-log finds in the data directories; without it, it says so."""
        inspector = self.options.binary.parent / "roost-log"
        if not inspector.exists():
            self.say(f"no {inspector}: the data directories were not verified")
            return []
        violations = []
        for node in self.cluster.nodes:
            try:
                done = subprocess.run([str(inspector), "verify", "--data-dir", str(node.data)],
                                      capture_output=True, text=True, check=False,
                                      timeout=VERIFY_SECONDS)
            except subprocess.TimeoutExpired:
                violations.append(f"roost-log verify {node.name}: no end after {VERIFY_SECONDS} s")
                continue
            if done.returncode != 0:
                violations.append(f"roost-log verify {node.name}: {done.returncode} "
                                  f"{(done.stdout + done.stderr)[-400:]}")
        self.history.count("data directories verified", len(self.cluster.nodes))
        return violations

    # The verdict.

    def report(self, facts: dict, violations: list[str]) -> dict:
        judging = time.monotonic()
        judgement = judge_histories(self.history, self.elections.changes)
        violations = [*self.history.violations, *violations, *judgement.violations,
                      *judge_indexes(self.history),
                      *judge_vanished(self.history, self.nursery.endings)]
        return {
            "seed": self.options.seed, "nodes": self.options.nodes,
            "seconds": round(self.options.seconds), "steps": self.steps_taken,
            "faults": dict(sorted(self.faults.items())),
            "recovered_seconds": spread(self.times.recovered),
            "healed_seconds": spread(self.times.healed),
            "packets": self.packets, "facts": dict(sorted((self.history.facts | judgement.facts
                                                 | facts).items())),
            "judging_seconds": round(time.monotonic() - judging, 1),
            "violations": violations,
        }


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    return {"count": len(ordered), "median": round(ordered[len(ordered) // 2], 2),
            "worst": round(ordered[-1], 2)}
