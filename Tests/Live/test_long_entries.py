"""One entry can be a lot of work: the log, and with it the heartbeats, must not wait for it."""

import threading
import time

import pytest

from cluster import Cluster
from jute import Session, create_body, multi_body, multi_results, operation, ustring
from servers import http_get

pytestmark = pytest.mark.roost_only

#: A debug build takes seconds to delete these.
EPHEMERALS = 200_000
BATCH = 500


@pytest.fixture
def three(tmp_path):
    made = Cluster(tmp_path / "three")
    yield made.start()
    made.discard()


class Questions(threading.Thread):
    """What the log's thread answers by itself, asked again and again."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.is_over, self.slowest, self.count = node, False, 0.0, 0

    def run(self):
        while not self.is_over:
            began = time.monotonic()
            assert http_get(f"{self.node.http}/v1/roost/members", 30)[0] == 200
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.count += 1


def elections(cluster):
    return sum(node.log().count("leadership changed") for node in cluster.nodes)


def test_the_log_does_not_wait_while_a_session_with_many_ephemerals_ends(three):
    leader = three.leader()
    session = Session(leader.zookeeper, timeout=40000)
    session.create("/many", b"")
    for start in range(0, EPHEMERALS, BATCH):
        steps = [operation("create", create_body(f"/many/{n}", b"", flags=1)) for n in range(start, start + BATCH)]
        answer = session.reply(session.send("multi", multi_body(*steps)), 60)
        assert all(code == 0 for _, code, _ in multi_results(answer.body))
    before = elections(three)
    questions = Questions(leader)
    questions.start()
    began = time.monotonic()
    session.close()
    took = time.monotonic() - began
    questions.is_over = True
    questions.join(30)
    for node in three.nodes:
        other = Session(node.zookeeper)
        other.must("sync", ustring("/many"))
        assert other.children("/many") == []
        other.close()
    print(f"{EPHEMERALS} ephemerals ended in {took:.1f} s; {questions.count} answers, the slowest after {questions.slowest:.3f} s")
    assert elections(three) == before
    if took < 1:
        pytest.skip("too quick to show anything")
    assert questions.count > 1 and questions.slowest < took / 2
