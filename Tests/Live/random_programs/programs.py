"""What both protocols share: one program on both servers, the shortest that still differs, and numbers by their rank."""

import bisect
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from servers import Roost, Server

# A program of usual length is at its shortest after a few seconds; a step that waits for a closed connection takes longer.
SHORTEN_SECONDS = 90
LINE_MAX = 700


class Unusable(Exception):
    """A server ended, or does not answer what every server does: no program may bring that about."""


class Step(Protocol):
    """Printed, it says all that is sent."""

    def smaller(self) -> Iterator["Step"]: ...


@dataclass
class Answers:
    """What both servers said to one step, in lines; `what` names the first part that differs, if any does."""

    real: list[str]
    roost: list[str]
    what: str = ""


@dataclass
class Outcome:
    """A program as far as it was run: to its end, or to the first step whose answers differ."""

    steps: list[Step]
    answers: list[Answers] = field(default_factory=list)

    @property
    def what(self) -> str:
        return self.answers[-1].what if self.answers else ""

    def taken(self) -> list[Step]:
        return self.steps[:len(self.answers)]


class Conversation(Protocol):
    """One run of one program: what it has learned of both servers so far."""

    requests: int

    def take(self, step: Step) -> Answers: ...

    def end(self) -> None: ...


class Comparison:
    """A real server and Roost, and how programs for them are made and run."""

    real_name = ""

    def __init__(self, real: Server, roost: Roost) -> None:
        self.servers = [real, roost]
        self.runs = itertools.count(1)
        self.requests = 0

    def program(self, seed: int, count: int) -> list[Step]:
        raise NotImplementedError

    def begin(self, number: int) -> Conversation:
        """What a run leaves behind must not be seen by another: its number tells its names apart."""
        raise NotImplementedError

    def start(self) -> None:
        for server in self.servers:
            server.spawn()
        for server in self.servers:
            server.wait_until_serving()

    def discard(self) -> None:
        for server in self.servers:
            server.discard()

    def ended(self) -> str:
        return "; ".join(f"{server.kind} ended with {server.process.returncode}:\n{server.log()[-2000:]}"
                         for server in self.servers if not server.alive())


def run(comparison: Comparison, steps: list[Step]) -> Outcome:
    """To the first difference: what comes after it follows from it."""
    outcome = Outcome(steps)
    try:
        conversation = comparison.begin(next(comparison.runs))
        try:
            for step in steps:
                outcome.answers.append(conversation.take(step))
                if outcome.what:
                    break
        finally:
            conversation.end()
            comparison.requests += conversation.requests
    except (OSError, AssertionError) as failure:
        raise Unusable(comparison.ended() or repr(failure)) from failure
    return outcome


def shortest(differs: Callable[[list[Step]], Outcome | None], found: Outcome) -> Outcome | None:
    """Drops steps, then parts of steps, as long as the same thing differs; nothing where it does not differ again."""
    deadline = time.monotonic() + SHORTEN_SECONDS
    best = differs(found.taken())
    if best is None:
        return None
    size = max(1, len(best.taken()) // 2)
    while size and time.monotonic() < deadline:
        at = 0
        # The last step is the one that differs.
        while at < len(best.taken()) - 1 and time.monotonic() < deadline:
            steps = best.taken()
            tried = differs(steps[:at] + steps[min(at + size, len(steps) - 1):])
            best, at = (tried, at) if tried else (best, at + size)
        size //= 2
    return smallest_steps(differs, best, deadline)


def smallest_steps(differs: Callable[[list[Step]], Outcome | None], best: Outcome, deadline: float) -> Outcome:
    at = 0
    while at < len(best.taken()) and time.monotonic() < deadline:
        steps = best.taken()
        tries = (differs([*steps[:at], step, *steps[at + 1:]]) for step in steps[at].smaller())
        tried = next((outcome for outcome in tries if outcome), None)
        best, at = (tried, at) if tried else (best, at + 1)
    return best


class Ranks:
    """Numbers that two servers count differently: each of one server belongs to one of the other, in the same order."""

    def __init__(self) -> None:
        self.real: list[int] = []
        self.roost: list[int] = []

    def fit(self, real: int, roost: int) -> bool:
        at = bisect.bisect_left(self.real, real)
        if at < len(self.real) and self.real[at] == real:
            return self.roost[at] == roost
        if bisect.bisect_left(self.roost, roost) != at or roost in self.roost[at:at + 1]:
            return False
        self.real.insert(at, real)
        self.roost.insert(at, roost)
        return True

    def highest(self, side: int) -> int:
        numbers = (self.real, self.roost)[side]
        return numbers[-1] if numbers else 0

    def rank(self, side: int, number: int) -> int | None:
        numbers = (self.real, self.roost)[side]
        return numbers.index(number) + 1 if number in numbers else None


def excerpt(line: str, other: str) -> str:
    """The line, or of a long one what is around the first place where it is not as the other."""
    if len(line) <= LINE_MAX:
        return line
    at = next((at for at, (one, its) in enumerate(zip(line, other)) if one != its), 0)
    start = max(0, at - LINE_MAX // 2)
    return f"{'... ' if start else ''}{line[start:start + LINE_MAX]} ... of {len(line)} characters"


def lines_of(comparison: Comparison, outcome: Outcome) -> Iterator[str]:
    """Each step and what both answered: once where it is the same."""
    names = (comparison.real_name, "Roost")
    width = max(map(len, names))
    for number, (step, answers) in enumerate(zip(outcome.steps, outcome.answers), 1):
        yield excerpt(f"  {number:3} {step}", "")
        for one, other in itertools.zip_longest(answers.real, answers.roost, fillvalue=""):
            if one == other:
                yield f"        {'both':{width}}  {excerpt(one, other)}"
                continue
            yield from (f"        {name:{width}}  {excerpt(line, its)}"
                        for name, line, its in zip(names, (one, other), (other, one)) if line)
        if answers.what:
            yield f"        differs: {answers.what}"
