"""The promises that are judged when a run is over, from what its clients wrote down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from faults.clients.ephemerals import Ending
from faults.history import History, Operation
from faults.linear import Search, Step
from faults.models import key_step, lock_step, znode_step

# Guarantees.md: what a default read may be late by where another leader comes early.
EXCUSE_SECONDS = 0.4
ELECTION_NEAR_SECONDS = 2.0
# A node that is cut off answers its clients for this long before it sends them away.
CUT_OFF_SECONDS = 2.0
SLACK_SECONDS = 1.0
MODELS: dict[str, tuple[Step, object]] = {
    "key": (key_step, None), "znode": (znode_step, None), "lock": (lock_step, (None, None))}
DEFAULT_READS = {"", "blocking"}


@dataclass
class Judgement:
    violations: list[str]
    facts: dict[str, int]


def judge_histories(history: History, elections: list[float]) -> Judgement:
    """Each key, znode and lock by itself: linearizability is compositional."""
    judgement = Judgement([], {})
    for key, operations in sorted(history.by_key().items()):
        relevant = [o for o in operations if o.known or o.kind != "read"]
        step, initial = MODELS[key.split("/")[0]]
        verdict = Search(relevant, step, initial).run()
        count(judgement, "histories", 1)
        count(judgement, "operations judged", len(relevant))
        count(judgement, "of unknown outcome", sum(not o.known for o in relevant))
        if verdict.holds:
            continue
        excused = excuse(relevant, elections)
        if excused and Search(excused, step, initial).run().holds:
            count(judgement, "histories with a late default read at an election", 1)
            continue
        judgement.violations.append(f"{key}: {verdict}")
    return judgement


def count(judgement: Judgement, fact: str, by: int) -> None:
    judgement.facts[fact] = judgement.facts.get(fact, 0) + by


def excuse(operations: list[Operation], elections: list[float]) -> list[Operation] | None:
    """The same with default reads near an election called earlier; None if there are none."""
    def near(o: Operation) -> bool:
        return any(o.called - ELECTION_NEAR_SECONDS < at < o.returned + ELECTION_NEAR_SECONDS
                   for at in elections)

    late, excused = 0, []
    for o in operations:
        if o.kind == "read" and o.arguments and o.arguments[0] in DEFAULT_READS and near(o):
            o = Operation(o.key, o.kind, o.arguments, o.called - EXCUSE_SECONDS, o.client,
                          o.returned, o.result, o.zxid, o.node)
            late += 1
        excused.append(o)
    return excused if late else None


def judge_indexes(history: History) -> list[str]:
    """A value has one ModifyIndex (mzxid), and what was written later has a greater one."""
    violations = []
    for key, operations in sorted(history.by_key().items()):
        numbered = [o for o in operations if o.known and o.zxid and tells_of_write(o)]
        violations += two_indexes(key, numbered)
        strict = [o for o in numbered if not (o.arguments and o.arguments[0] in DEFAULT_READS)]
        violations += going_back(key, strict, lambda o: o.zxid, "index")
        if key.startswith("lock/"):
            reads = [o for o in strict if o.kind == "read"]
            violations += going_back(key, reads, lambda o: o.arguments[1], "LockIndex")
    return violations


def tells_of_write(o: Operation) -> bool:
    """Its zxid is that of the newest write, and not only of a request that was refused."""
    return o.kind == "read" or (o.result >= 0 if o.kind == "set" else o.result == 0)


def two_indexes(key: str, operations: Iterable[Operation]) -> list[str]:
    """Of reads and acknowledged sets, which tell of the write of a value."""
    known: dict[object, int] = {}
    violations = []
    for o in operations:
        value = o.result if o.kind == "read" else (
            (o.arguments[0], o.result) if o.kind == "set" and o.result >= 0 else None)
        if value is None or (key.startswith("lock/")):
            continue
        if known.setdefault(value, o.zxid) != o.zxid:
            violations.append(f"{key}: {value} was written at {known[value]} and at {o.zxid}")
    return violations


def going_back(key: str, operations: list[Operation], index: Callable[[Operation], int],
               name: str) -> list[str]:
    """Whatever was called after another one had returned has no smaller index."""
    events = [(o.returned, 0, o) for o in operations] + [(o.called, 1, o) for o in operations]
    highest: Operation | None = None
    for _, calls, o in sorted(events, key=lambda e: e[:2]):
        if not calls:
            if highest is None or index(o) > index(highest):
                highest = o
        elif highest is not None and index(o) < index(highest):
            return [f"{key}: the {name} went back from {index(highest)} ({highest.client} at "
                    f"{highest.node}) to {index(o)} ({o.client} at {o.node})"]
    return []


def judge_vanished(history: History, endings: list[Ending]) -> list[str]:
    """An ephemeral does not go while its session is known to be alive: at the earliest a timeout
    after its client's last word, less the time that a node goes on alone."""
    seen = history.by_key()
    violations = []
    for ending in endings:
        earliest = ending.contact + ending.timeout_ms / 1000 - CUT_OFF_SECONDS - SLACK_SECONDS
        created = ending.created.returned
        for o in seen.get(f"znode{ending.path}", []):
            missing = o.kind == "read" and o.known and o.result is None and o.called > created
            if missing and o.returned < earliest:
                violations.append(
                    f"{ending.path} was gone {o.returned - ending.contact:.1f} s after its "
                    f"session's last word; its timeout is {ending.timeout_ms} ms")
                break
    return violations


def judge_appended(acknowledged: dict[str, list[str]], there: dict[str, set[str]]) -> list[str]:
    """By node: what was acknowledged and is not on it."""
    violations = []
    for kind, names in acknowledged.items():
        for node, present in sorted(there.items()):
            if lost := [n for n in names if f"{kind} {n}" not in present]:
                violations.append(f"{node} lost {len(lost)} of {len(names)} acknowledged {kind}s: "
                                  f"{lost[:3]}")
    return violations
