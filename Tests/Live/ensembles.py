"""Ensembles of real servers and of Roost, driven alike: who leads, kill, pause, bring back."""

import json
import os
import signal
from pathlib import Path

from cluster import Cluster
from servers import Consul, ZooKeeper, consul_serves, eventually, free_port, http_get, word


class ZooKeeperMember(ZooKeeper):
    """One of three; told who the others are once all have their ports."""

    def gather(self, number: int, members: list[str], tick: int) -> None:
        home = Path(f"{self.root}{self.inside}")
        (home / "data/myid").write_text(f"{number}\n")
        with open(home / "zoo.cfg", "a", encoding="utf-8") as file:
            # The last word counts; all but the tick is what ZooKeeper's documents give.
            file.write(f"tickTime={tick}\ninitLimit=10\nsyncLimit=5\npreAllocSize=65536\n")
            file.write("".join(f"server.{n}={m}\n" for n, m in enumerate(members, 1)))

    def is_leader(self) -> bool:
        return b"Mode: leader" in word(self.zookeeper, b"srvr")

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


class ConsulMember(Consul):
    """One of three, each on a loopback address of its own."""

    def gather(self, number: int, ports: dict[str, int], count: int) -> None:
        self.node, self.address = f"n{number}", f"127.0.0.{number}"
        self.http = f"http://{self.address}:{ports['http']}"
        self.server = f"{self.address}:{ports['server']}"
        path = self.directory / "config.json"
        settings = json.loads(path.read_text())
        settings.update(
            bootstrap_expect=count, node_name=self.node, bind_addr=self.address,
            client_addr=self.address, ports={**settings["ports"], **ports},
            retry_join=[f"127.0.0.{n}:{ports['serf_lan']}" for n in range(1, count + 1)],
            retry_interval="1s")
        path.write_text(json.dumps(settings))

    def serves(self) -> bool:
        return consul_serves(self.http, self.node)

    def is_leader(self) -> bool:
        status, body = http_get(f"{self.http}/v1/status/leader", 2)
        return status == 200 and json.loads(body) == self.server

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


class Ensemble:
    """Real servers that were told of each other."""

    def __init__(self, nodes: list) -> None:
        self.nodes = nodes

    def start(self) -> "Ensemble":
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait_until_serving()
        return self

    def leader(self, seconds: float = 60):
        def leading():
            return next((n for n in self.nodes if n.alive() and n.is_leader()), None)
        return eventually(leading, seconds, "a leader")

    def discard(self) -> None:
        for node in self.nodes:
            if node.process and node.alive():
                node.go_on()
            node.discard()


def zookeepers(directory: Path, count: int = 3, tick: int = 500) -> Ensemble:
    nodes = [ZooKeeperMember(directory / f"zookeeper{n}") for n in range(1, count + 1)]
    members = [f"127.0.0.1:{free_port()}:{free_port()}" for _ in nodes]
    for number, node in enumerate(nodes, 1):
        node.gather(number, members, tick)
    return Ensemble(nodes)


def consuls(directory: Path, count: int = 3) -> Ensemble:
    """With raft_multiplier 1, as `Consul` has it: the fastest that Consul's documents advise."""
    nodes = [ConsulMember(directory / f"consul{n}") for n in range(1, count + 1)]
    ports = {k: free_port() for k in ("http", "server", "serf_lan")}
    for number, node in enumerate(nodes, 1):
        node.gather(number, ports, count)
    return Ensemble(nodes)


ENSEMBLES = {"roost": Cluster, "zookeeper": zookeepers, "consul": consuls}
