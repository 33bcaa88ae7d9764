"""Sends random programs to a real server and to Roost at once, compares every answer, and prints the shortest
program that differs. A program follows from its seed and its number of steps.

    Tools/compare-random --protocol zookeeper --minutes 5
    Tools/compare-random --protocol consul --programs 200 --steps 20
    Tools/compare-random --protocol zookeeper --seed 7            one program, with every step if it differs
    Tools/compare-random --protocol consul --seed 7 --minutes 5   programs 7, 8, 9, ...

Exit code: 0 no difference, 1 differences (or a server that ended), 69 it could not run here.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from random_programs.consul import ConsulComparison
from random_programs.programs import Comparison, Outcome, Step, Unusable, lines_of, run, shortest
from random_programs.zookeeper import ZooKeeperComparison

CANNOT_RUN = 69
PROGRESS_SECONDS = 10
STEPS = 60
# With more, some cause of many differences is to be mended first.
DIFFERENCES_MAX = 20
PROTOCOLS = {"zookeeper": ZooKeeperComparison, "consul": ConsulComparison}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Tools/compare-random", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=list(PROTOCOLS), required=True)
    parser.add_argument("--seed", type=int, default=0, help="the first program's; alone: this program only")
    parser.add_argument("--programs", type=int, default=0, help="how many")
    parser.add_argument("--minutes", type=float, default=0, help="how long; without any of the three: 1")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each program (default {STEPS})")
    parser.add_argument("--peers", default="", metavar="DIR", help="the folder of the tool that sets up the real "
                        "servers (default: shared/peers beside this repository)")
    options = parser.parse_args()
    if options.steps < 1 or options.seed < 0 or options.programs < 0 or options.minutes < 0:
        parser.error("a number below its least")
    if options.seed and not options.programs and not options.minutes:
        options.programs = 1
    if not options.programs and not options.minutes:
        options.minutes = 1
    return options


class Series:
    """Program after program, and what was found."""

    def __init__(self, comparison: Comparison, options: argparse.Namespace) -> None:
        self.comparison, self.options = comparison, options
        self.first = options.seed or random.SystemRandom().randrange(1, 1 << 31)
        self.alone = options.programs == 1
        self.began = self.told = time.monotonic()
        self.programs = self.steps = 0
        self.found: Counter[str] = Counter()

    def repeat(self, seed: int) -> str:
        steps = f" --steps {self.options.steps}" if self.options.steps != STEPS else ""
        return f"Tools/compare-random --protocol {self.options.protocol} --seed {seed}{steps}"

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", flush=True)

    def progress(self, seed: int) -> None:
        self.say(f"{self.programs} programs, {self.steps} steps, {self.comparison.requests} requests, "
                 f"{len(self.found)} differences; seed {seed}")
        self.told = time.monotonic()

    def over(self) -> bool:
        minutes, programs = self.options.minutes, self.options.programs
        return (bool(programs) and self.programs >= programs
                or bool(minutes) and time.monotonic() > self.began + minutes * 60
                or len(self.found) >= DIFFERENCES_MAX)

    def go(self) -> int:
        length = f" --programs {self.options.programs}" if self.options.programs > 1 else ""
        length += f" --minutes {self.options.minutes:g}" if self.options.minutes else ""
        print(f"the first seed is {self.first}; all of it again: {self.repeat(self.first)}{length}", flush=True)
        seed = self.first
        try:
            while not self.over():
                self.one(seed)
                if time.monotonic() > self.told + PROGRESS_SECONDS:
                    self.progress(seed)
                seed += 1
        except Unusable as failure:
            self.say(f"seed {seed}: {failure}\n  repeat it with: {self.repeat(seed)}")
            return 1
        self.progress(seed - 1)
        for what, count in self.found.most_common():
            print(f"  {count:4} programs: {what}")
        return 1 if self.found else 0

    def one(self, seed: int) -> None:
        outcome = run(self.comparison, self.comparison.program(seed, self.options.steps))
        self.programs += 1
        self.steps += len(outcome.answers)
        if not outcome.what:
            return
        self.found[outcome.what] += 1
        if self.found[outcome.what] == 1:
            self.tell(seed, outcome)

    def tell(self, seed: int, outcome: Outcome) -> None:
        self.say(f"seed {seed} differs: {outcome.what}\n  repeat it with: {self.repeat(seed)}")
        if self.alone:
            print("  the whole program to the difference:", *lines_of(self.comparison, outcome), sep="\n")
        least = shortest(self.same_again(outcome.what), outcome)
        if least:
            print("  the shortest that differs so:", *lines_of(self.comparison, least), sep="\n", flush=True)
            return
        last = Outcome(outcome.steps[len(outcome.answers) - 1:], outcome.answers[-1:])
        print("  IT DID NOT DIFFER AGAIN; its last step was:", *lines_of(self.comparison, last), sep="\n", flush=True)

    def same_again(self, what: str) -> Callable[[list[Step]], Outcome | None]:
        def differs(steps: list[Step]) -> Outcome | None:
            outcome = run(self.comparison, steps)
            return outcome if outcome.what == what else None
        return differs


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="roost-compare-", dir="/var/tmp") as directory:
        comparison = PROTOCOLS[options.protocol](Path(directory))
        with contextlib.ExitStack() as stack:
            stack.callback(comparison.discard)
            try:
                comparison.start()
            except (AssertionError, OSError) as failure:
                print(f"compare-random: the servers do not start: {failure}", file=sys.stderr)
                return CANNOT_RUN
            return Series(comparison, options).go()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
