"""Clusters of Roost processes on this machine, one name and one set of ports each."""

import json
import os
import signal
import subprocess
import urllib.parse
from pathlib import Path

from servers import Roost, eventually, free_port, http_get, zookeeper_serves


class Node(Roost):
    """One member; `arguments` name the cluster."""

    def __init__(self, directory, name, arguments, preload=None, environment=None):
        super().__init__(directory, preload, environment)
        self.name = self.node = name
        self.arguments = list(arguments)
        self.starts = 0
        self.departing = False  # it was told to stop, or to leave the cluster

    def spawn(self):
        super().spawn()
        self.starts += 1

    def command(self):
        return [f"--name={self.name}" if word == "--name=n1" else word for word in super().command()]

    @property
    def trigger(self):
        """Of faults/syncfault.c, where it is loaded."""
        return Path(self.environment["SYNCFAULT_TRIGGER"])

    @property
    def peer(self):
        return f"127.0.0.1:{self.ports['peer']}"

    def serves(self):
        return zookeeper_serves(self.zookeeper) and http_get(f"{self.http}/v1/kv/none?consistent")[0] == 404

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def leader(self):
        """The peer address that the node takes for the leader's, or ""."""
        status, body = http_get(f"{self.http}/v1/status/leader", 2)
        return json.loads(body) if status == 200 else ""

    def index(self, key):
        """The key's ModifyIndex as this node has it, without asking the leader."""
        status, body = http_get(f"{self.http}/v1/kv/{urllib.parse.quote(key)}?stale", 5)
        return json.loads(body)[0]["ModifyIndex"] if status == 200 else None


class Cluster:
    """The first voters, told the same list."""

    def __init__(self, directory, count=3, arguments=(), preload=None, kind=Node):
        self.directory = directory
        self.nodes = [kind(directory / f"n{i}", f"n{i}", arguments, preload,
                           {"SYNCFAULT_TRIGGER": str(directory / f"n{i}.trigger")}) for i in range(1, count + 1)]
        self.list = ",".join(f"{n.name}={n.peer}" for n in self.nodes)
        for node in self.nodes:
            node.arguments.append(f"--cluster={self.list}")
        self.joined = []

    def start(self):
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait_until_serving()
        return self

    def alive(self):
        return [n for n in self.nodes + self.joined if n.process and n.alive()]

    def leader(self, seconds=20):
        """The node that a majority of the others takes for the leader."""
        def agreed():
            living = self.alive()
            named = [n.leader() for n in living]
            for node in living:
                if named.count(node.peer) * 2 > len(self.nodes):
                    return node
            return None
        return eventually(agreed, seconds, "a leader that a majority knows")

    def followers(self):
        leader = self.leader()
        return [n for n in self.alive() if n is not leader]

    def discard(self):
        for node in self.nodes + self.joined:
            if node.process and node.alive():
                node.go_on()
            node.discard()

    def log(self):
        return "\n".join(f"== {n.name}\n{n.log()[-3000:]}" for n in self.nodes + self.joined)


def free_address():
    return f"127.0.0.1:{free_port()}"


def roost(node, *words):
    """Roost's own command line, asked of this node."""
    done = subprocess.run([node.binary, *words, "--address", node.http],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def members(node):
    """By name; empty while the node does not answer."""
    code, text = roost(node, "members", "--json")
    return {m["Name"]: m for m in json.loads(text)["Members"]} if code == 0 else {}
