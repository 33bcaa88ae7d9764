"""What each fault does. All of it is undone by Cluster.undo."""

import random
import subprocess

from faults.network import CLIENTS
from faults.nodes import Cluster, Node, leader
from faults.plan import Fault

TRANSFER_SECONDS = 15


class Injury:
    def __init__(self, cluster: Cluster, fault: Fault) -> None:
        self.cluster, self.fault = cluster, fault
        self.network = cluster.network
        self.dice = random.Random(fault.dice)
        self.victims = [cluster.node(number) for number in fault.victims]
        self.everyone = [n.number for n in cluster.nodes]

    def strike(self) -> str:
        """What was done, for the record."""
        kind = self.fault.kind
        if self.fault.leader and (first := leader(self.cluster, 2)):
            self.victims = [first, *[v for v in self.victims if v is not first]]
            self.victims = self.victims[:len(self.fault.victims)]
        if kind in CLUSTER_WIDE:
            return f"{kind} {CLUSTER_WIDE[kind](self)}".strip()
        for victim in self.victims:
            ON_ONE[kind](self, victim)
        led = "leader " if self.fault.leader else ""
        return f"{kind} {led}{'+'.join(v.name for v in self.victims)}"

    def others(self, node: Node) -> list[int]:
        return [n for n in self.everyone if n != node.number]

    # On one node.

    def kill(self, node: Node) -> None:
        if node.alive():
            node.kill()

    def vanish(self, node: Node) -> None:
        """As a machine that loses its power: nobody refuses its peers' connections."""
        self.cut_off(node)
        self.kill(node)

    def pause(self, node: Node) -> None:
        if node.alive():
            node.pause()

    def restart(self, node: Node) -> None:
        if node.alive() and not node.paused and not node.trigger.exists():
            node.terminate()
            node.start()

    def isolate(self, node: Node) -> None:
        for other in self.others(node):
            self.network.cut_both(node.number, other)

    def cut_off(self, node: Node) -> None:
        self.isolate(node)
        self.network.cut_both(node.number, CLIENTS)

    def deafen(self, node: Node) -> None:
        for other in self.others(node):
            self.network.cut(other, node.number)

    def mute(self, node: Node) -> None:
        for other in self.others(node):
            self.network.cut(node.number, other)

    def pair(self, node: Node) -> None:
        self.network.cut_both(node.number, self.dice.choice(self.others(node)))

    def slow_sync(self, node: Node) -> None:
        least = self.dice.choice([5, 20, 100, 300])
        node.sync_as(f"{least} {least * self.dice.choice([1, 2, 4])}")

    def hang_sync(self, node: Node) -> None:
        node.sync_as("hang")

    def fail_sync(self, node: Node) -> None:
        node.sync_as("fail")

    def fill_disk(self, node: Node) -> None:
        node.fill()

    # On all of them.

    def kill_all(self) -> str:
        for node in self.cluster.nodes:
            self.kill(node)
        return ""

    def halves(self) -> tuple[list[int], list[int]]:
        mixed = self.dice.sample(self.everyone, len(self.everyone))
        at = self.dice.randint(1, len(mixed) - 1)
        return mixed[:at], mixed[at:]

    def split(self) -> str:
        left, right = self.halves()
        for one in left:
            for other in right:
                self.network.cut_both(one, other)
        return f"{sorted(left)} from {sorted(right)}"

    def bridge(self) -> str:
        """Two halves that reach each other through one node only."""
        left, right = self.halves()
        middle = self.dice.choice(self.everyone)
        for one in left:
            for other in right:
                if middle not in (one, other):
                    self.network.cut_both(one, other)
        return f"{sorted(left)} and {sorted(right)} over {middle}"

    def spoil_links(self, **quality: float) -> None:
        for one in [CLIENTS, *self.everyone]:
            for other in [CLIENTS, *self.everyone]:
                if one != other:
                    self.network.spoil(one, other, **quality)

    def slow_net(self) -> str:
        delay = self.dice.choice([2, 10, 40])
        self.spoil_links(delay_ms=delay, jitter_ms=delay * self.dice.choice([0, 1, 2]))
        return f"{delay} ms"

    def lossy_net(self) -> str:
        loss = self.dice.choice([5, 20, 50])
        self.spoil_links(delay_ms=1, jitter_ms=1, loss=loss, doubled=loss, swapped=loss)
        return f"{loss} permille lost, doubled, swapped"

    def transfer(self) -> str:
        """Leadership is handed over; whether that succeeds is the operator's affair."""
        at = self.dice.choice(self.cluster.nodes)
        heir = self.dice.choice(self.cluster.nodes)
        command = [str(at.binary), "raft", "transfer", heir.name, "--address",
                   f"http://{at.host}:8500"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False,
                                  timeout=TRANSFER_SECONDS)
            return f"to {heir.name} by {at.name}: {done.returncode}"
        except subprocess.TimeoutExpired:
            return f"to {heir.name} by {at.name}: no answer"


ON_ONE = {
    "kill": Injury.kill, "vanish": Injury.vanish, "pause": Injury.pause,
    "restart": Injury.restart, "isolate": Injury.isolate, "cut-off": Injury.cut_off,
    "deaf": Injury.deafen, "mute": Injury.mute, "pair": Injury.pair,
    "slow-sync": Injury.slow_sync, "hung-sync": Injury.hang_sync,
    "failed-sync": Injury.fail_sync, "full-disk": Injury.fill_disk,
}
CLUSTER_WIDE = {
    "kill-all": Injury.kill_all, "split": Injury.split, "bridge": Injury.bridge,
    "slow-net": Injury.slow_net, "lossy-net": Injury.lossy_net, "transfer": Injury.transfer,
}
