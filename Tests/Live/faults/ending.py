"""The end of a run: all is healed, all nodes serve, and all of them have the same data."""

import base64
import json
import random
import time

from faults.checks import judge_appended
from faults.clients.base import Client, Expired, Lost, Unasked, World
from faults.clients.ephemerals import Nursery
from faults.clients.znodes import ZooKeeperClient
from faults.nodes import Cluster
from jute import Reader, path_watch, ustring

EQUAL_SECONDS = 20
LOOKS_MIN = 3
GONE_SECONDS = 15
TRIES = 20
PIPELINE = 200


class LastReader(ZooKeeperClient):
    """Reads everything once more. Driven from outside: it is never started."""

    kind = "last-reader"

    def step(self) -> None:
        raise NotImplementedError

    def insist(self, what, *arguments):
        """All is healed: some node answers within a few tries."""
        for _ in range(TRIES):
            try:
                return what(*arguments)
            except (Lost, Unasked):
                self.move()
            except Expired:
                self.link.forget()
            time.sleep(0.1)
        raise AssertionError(f"{self.place.name} does not answer after all was healed")

    def read_all(self) -> None:
        for key in list(self.history.by_key()):
            kind, name = key.split("/", 1)
            if kind == "znode":
                self.insist(self.read_now, "/" + name)
            else:
                self.insist(self.read_entry, kind, name)

    def read_entry(self, kind: str, name: str) -> None:
        connection = self.connection(self.place)
        operation = self.history.begin(f"{kind}/{name}", "read", "?consistent", client=self.name,
                                       node=self.place.name)
        answer = self.ask(connection, self.place, "GET", f"/v1/kv/{name}?consistent")
        if answer.status not in (200, 404):
            raise Lost
        entry = answer.json()[0] if answer.status == 200 else None
        value = base64.b64decode(entry["Value"] or "").decode() if entry else None
        if kind == "lock":
            operation.arguments = ("?consistent", entry["LockIndex"] if entry else 0)
            value = (entry.get("Session"), value) if entry else (None, None)
        operation.told(value, entry["ModifyIndex"] if entry else 0)


class Dump(ZooKeeperClient):
    """All that one node has."""

    kind = "dump"

    def step(self) -> None:
        raise NotImplementedError

    def znodes(self) -> dict[str, tuple]:
        self.sound(self.link.ask("sync", ustring("/")))
        found, parents = {}, ["/"]
        while parents:
            parent = parents.pop()
            frame = self.sound(self.link.ask("getChildren", path_watch(parent)))
            reader = Reader(frame.body)
            names = sorted(reader.vector(reader.ustring))
            paths = [f"{parent.rstrip('/')}/{name}" for name in names]
            for start in range(0, len(paths), PIPELINE):
                found |= self.read_many(paths[start:start + PIPELINE], parents)
        return found

    def read_many(self, paths: list[str], parents: list[str]) -> dict[str, tuple]:
        sent = {self.link.send("getData", path_watch(p)): p for p in paths}
        found = {}
        for xid, path in sent.items():
            frame = self.sound(self.link.reply(xid), -101)
            if frame.err:
                continue
            reader = Reader(frame.body)
            data, stat = reader.buffer(), reader.stat()
            found[f"znode {path}"] = (data, *stat)
            if stat.children:
                parents.append(path)
        return found

    def keys(self) -> dict[str, tuple]:
        answer = self.send("GET", "/v1/kv/?recurse&stale")
        if answer.status not in (200, 404):
            raise Lost
        entries = answer.json() if answer.status == 200 else []
        return {f"key {e['Key']}": tuple(sorted((k, str(v)) for k, v in e.items()))
                for e in entries}

    def sessions(self) -> dict[str, tuple]:
        answer = self.send("GET", "/v1/session/list?stale")
        if answer.status != 200:
            raise Lost
        return {f"session {e['ID']}": (json.dumps(e, sort_keys=True),)
                for e in answer.json() or []}

    def everything(self) -> dict[str, tuple]:
        for _ in range(TRIES):
            try:
                return self.znodes() | self.keys() | self.sessions()
            except (Lost, Unasked):
                time.sleep(0.1)
            except Expired:
                self.link.forget()
        raise AssertionError(f"{self.place.name} cannot be read after all was healed")


def dumps(world: World) -> dict[str, dict[str, tuple]]:
    found = {}
    for number, place in enumerate(world.places):
        reader = Dump(world, number)
        reader.place = place
        found[place.name] = reader.everything()
        reader.leave()
    return found


def wait_for_equal(world: World) -> tuple[dict[str, dict[str, tuple]], list[str]]:
    """The nodes' data, and where they differ for good. After an hour of additions a look takes
    long, and a session with a TTL may end between two nodes' looks: one look is none."""
    deadline = time.monotonic() + EQUAL_SECONDS
    looks = 0
    while True:
        found = dumps(world)
        looks += 1
        first, *others = found.items()
        differing = [difference(first, other) for other in others if other[1] != first[1]]
        if not differing or looks >= LOOKS_MIN and time.monotonic() > deadline:
            return found, differing
        time.sleep(0.3)


def difference(one: tuple[str, dict], other: tuple[str, dict]) -> str:
    names = sorted(n for n in one[1].keys() | other[1].keys() if one[1].get(n) != other[1].get(n))
    shown = "; ".join(f"{n}: {one[1].get(n)} and {other[1].get(n)}" for n in names[:3])
    return f"{one[0]} and {other[0]} differ in {len(names)} places: {shown}"


def wait_for_gone(world: World, nursery: Nursery, since: float) -> tuple[float, list[str]]:
    """Ephemerals end with their sessions, at the latest a timeout and a bound after all is well.
    Answers how long after its session's timeout the last one went."""
    reader = LastReader(world, 1)
    longest, violations = 0.0, []
    for ending in nursery.endings:
        due = max(since, ending.abandoned) + ending.timeout_ms / 1000
        while reader.insist(reader.read_now, ending.path) is not None:
            if time.monotonic() > due + GONE_SECONDS:
                violations.append(f"{ending.path} is still there {GONE_SECONDS} s after its "
                                  "session's timeout")
                break
            time.sleep(0.1)
            longest = max(longest, time.monotonic() - due)
    reader.leave()
    return longest, violations


def finish(world: World, nursery: Nursery, healed: float, appenders: list[Client]
           ) -> tuple[dict[str, float], list[str]]:
    """Everything that is looked at when all clients have stopped."""
    late, violations = wait_for_gone(world, nursery, healed)
    reader = LastReader(world, 0)
    reader.dice = random.Random(world.seed)
    reader.read_all()
    reader.leave()
    found, differing = wait_for_equal(world)
    acknowledged = {"key": [], "znode": []}
    for appender in appenders:
        kind = "key" if appender.kind == "key-appender" else "znode"
        acknowledged[kind] += appender.acknowledged
    lost = judge_appended(acknowledged, {name: set(data) for name, data in found.items()})
    facts = {"acknowledged additions": sum(map(len, acknowledged.values())),
             "ephemerals gone seconds after their timeout": round(late, 1),
             "records equal on all nodes": len(next(iter(found.values())))}
    return facts, violations + differing + lost


def stop_well(cluster: Cluster) -> list[str]:
    """Each node ends by itself when it is told to."""
    violations = []
    for node in cluster.nodes:
        try:
            node.terminate()
        except Exception as failure:
            violations.append(f"{node.name}: {failure}")
    return violations
