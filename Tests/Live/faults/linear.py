"""Is a history linearizable? Wing and Gong's search with the memory that Lowe gave it.

The search chooses one operation after the other to have taken effect, and only such as no other one
that is not chosen yet had ended before they began. It remembers each pair of (chosen operations,
state) that it has been at. An operation of unknown outcome may take effect at any time after its
call, or never. Other people's checkers leave a search that grows too long undecided; here that is
an answer of its own, which counts as a failure.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from faults.history import UNKNOWN, Operation

VISITS_MAX = 400_000
Step = Callable[[Hashable, Operation], Any]
REFUSED = object()


@dataclass
class Verdict:
    holds: bool
    decided: bool
    visits: int
    farthest: list[Operation]
    stuck: list[Operation]

    def __str__(self) -> str:
        if self.holds:
            return f"linearizable ({self.visits} visits)"
        if not self.decided:
            return f"undecided after {self.visits} visits"
        tail = "\n".join(f"    then {show(o)}" for o in self.farthest[-6:])
        next_ones = "\n".join(f"    but not {show(o)}" for o in self.stuck[:8])
        return (f"not linearizable; the longest order has {len(self.farthest)} operations:\n"
                f"{tail}\n{next_ones}")


def show(o: Operation) -> str:
    end = f"{o.returned:.4f}" if o.known else "?"
    return (f"{o.client} {o.kind}{o.arguments} = {o.result!r} "
            f"[{o.called:.4f}, {end}] at {o.node or '?'}")


class Search:
    """One key's operations. `step` answers the next state, or REFUSED where the result is wrong."""

    def __init__(self, operations: list[Operation], step: Step, initial: Hashable) -> None:
        self.known = sorted((o for o in operations if o.known), key=lambda o: o.called)
        self.unknown = sorted((o for o in operations if not o.known), key=lambda o: o.called)
        self.step, self.initial = step, initial
        self.everything = (1 << len(self.known)) - 1

    def candidates(self, chosen: int, first: int) -> list[tuple[int, Operation]]:
        """Those that may come next; of unknown outcome last, since most of them need not."""
        bound, found = UNKNOWN, []
        for number in range(first, len(self.known)):
            operation = self.known[number]
            if operation.called > bound:
                break
            if not chosen >> number & 1:
                bound = min(bound, operation.returned)
                found.append((number, operation))
        found = [pair for pair in found if pair[1].called <= bound]
        for number, operation in enumerate(self.unknown, len(self.known)):
            if operation.called > bound:
                break
            if not chosen >> number & 1:
                found.append((number, operation))
        return found

    def first_left(self, chosen: int, first: int) -> int:
        while chosen >> first & 1:
            first += 1
        return first

    def run(self, visits_max: int = VISITS_MAX) -> Verdict:
        chosen, first, state, visits = 0, 0, self.initial, 0
        seen = {(chosen, state)}
        path: list[Operation] = []
        farthest, stuck = [], []
        if not self.known:
            return Verdict(True, True, 0, [], [])
        frames = [(chosen, first, state, iter(self.candidates(chosen, first)))]
        while frames:
            chosen, first, state, left = frames[-1]
            for number, operation in left:
                after = self.step(state, operation)
                if after is REFUSED:
                    continue
                now = chosen | 1 << number
                if (now, after) in seen:
                    continue
                visits += 1
                if visits > visits_max:
                    return Verdict(False, False, visits, farthest, stuck)
                seen.add((now, after))
                path.append(operation)
                if now & self.everything == self.everything:
                    return Verdict(True, True, visits, path, [])
                front = self.first_left(now, first)
                following = self.candidates(now, front)
                if len(path) > len(farthest):
                    farthest, stuck = list(path), [o for _, o in following]
                frames.append((now, front, after, iter(following)))
                break
            else:
                frames.pop()
                if path:
                    path.pop()
        if not farthest:
            stuck = [o for _, o in self.candidates(0, 0)]
        return Verdict(False, True, visits, farthest, stuck)
