"""The faults that a seed chooses: which, on how many nodes, and for how long."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# How often each is chosen. injury.py says what each does.
KINDS = {
    "kill": 10, "vanish": 5, "pause": 10, "restart": 5, "kill-all": 2,
    "isolate": 10, "cut-off": 6, "deaf": 5, "mute": 5, "split": 8, "bridge": 3, "pair": 5,
    "slow-net": 6, "lossy-net": 6, "slow-sync": 6, "hung-sync": 6, "failed-sync": 5,
    "full-disk": 6, "transfer": 4,
}
WHOLE_CLUSTER = {"kill-all", "split", "bridge", "slow-net", "lossy-net", "transfer"}
TOGETHER = [55, 33, 12]
HOLD_SECONDS = (0.5, 7.0)
CALM_SECONDS = (0.1, 2.0)


@dataclass(frozen=True)
class Fault:
    kind: str
    leader: bool  # the first victim is whoever leads when it strikes
    victims: tuple[int, ...]
    dice: int

    def __str__(self) -> str:
        if self.kind in WHOLE_CLUSTER:
            return self.kind
        names = [f"n{v}" for v in self.victims]
        if self.leader:
            names[0] = "leader"
        return f"{self.kind} {'+'.join(names)}"


@dataclass(frozen=True)
class Step:
    faults: tuple[Fault, ...]
    hold_seconds: float
    calm_seconds: float


def steps(seed: int, nodes: int, only: list[str] | None = None) -> Iterator[Step]:
    """Without end; the same for the same seed. Most faults leave a majority, some do not."""
    dice = random.Random(f"plan/{seed}")
    kinds = {k: w for k, w in KINDS.items() if not only or k in only}
    minority = (nodes - 1) // 2
    while True:
        count = dice.choices([1, 2, 3], TOGETHER)[0]
        spare = minority if dice.random() < 0.8 else nodes
        faults = []
        victims = dice.sample(range(1, nodes + 1), min(spare, nodes))
        for kind in dice.choices(list(kinds), list(kinds.values()), k=count):
            struck = tuple(dice.sample(victims, dice.randint(1, len(victims))))
            leader = dice.random() < 0.45 and not faults
            faults.append(Fault(kind, leader, struck, dice.randrange(1 << 30)))
        yield Step(tuple(faults), dice.uniform(*HOLD_SECONDS), dice.uniform(*CALM_SECONDS))
