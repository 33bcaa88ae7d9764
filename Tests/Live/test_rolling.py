"""All nodes are restarted, and all nodes are replaced, under load: no client hears of it.

What each client's library may retry by itself, and what counts as a failure, says rolling.py.
"""

import pytest

from cluster import Node, members, roost
from rolling import Population
from servers import eventually

pytestmark = pytest.mark.roost_only


def caught_up(cluster, node):
    """Whether the leader hears from the node, and it lacks next to nothing of the log."""
    there = members(cluster.leader()).get(node.name, {})
    return there.get("Voter") and there["LastContactMilliseconds"] < 500 and there["Lag"] < 100


def restart(cluster, node):
    node.departing = True
    assert node.stop() == 0, node.log()[-2000:]
    node.start()
    node.departing = False
    eventually(lambda: caught_up(cluster, node), 30, f"{node.name} has caught up")


def replace(cluster, old, new):
    """As Operating.md says: the new one joins, the old one stops, and then is removed."""
    new.arguments = [f"--join={cluster.leader().peer}"]
    cluster.joined.append(new)
    new.start()
    eventually(lambda: caught_up(cluster, new), 30, f"{new.name} votes")
    old.departing = True
    assert old.stop() == 0, old.log()[-2000:]
    code, text = roost(new, "raft", "remove", old.name)
    assert code == 0, text


def test_all_nodes_are_restarted_under_load(cluster, is_long):
    three = cluster()
    with Population(three.nodes, pinned=three.nodes) as clients:
        clients.work_on()
        for _ in range(20 if is_long else 3):
            for node in three.nodes:
                restart(three, node)
                clients.work_on()
    print(clients.report())
    assert not clients.failures()


def test_all_nodes_are_replaced_under_load(cluster, tmp_path, is_long):
    three = cluster()
    rounds = 5 if is_long else 1
    names = [f"n{4 + n}" for n in range(3 * rounds)]
    newcomers = [Node(tmp_path / name, name, []) for name in names]
    with Population([*three.nodes, *newcomers], pinned=[]) as clients:
        clients.work_on()
        serving = list(three.nodes)
        for new in newcomers:
            replace(three, serving.pop(0), new)
            serving.append(new)
            clients.work_on()
    print(clients.report())
    assert not clients.failures()
    assert sorted(members(serving[0])) == sorted(n.name for n in serving)
