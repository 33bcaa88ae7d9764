"""The answers to a fixed list of requests are those that the real servers gave."""

import json
from pathlib import Path

import pytest

from golden_requests import CONSUL, record_consul, record_zookeeper, zookeeper_requests

GOLDEN = Path(__file__).parent / "Golden"


def compare(request, file, answers):
    if request.config.getoption("--record"):
        if request.config.getoption("--server") != "peers":
            pytest.fail("golden answers come from the peers alone")
        lines = ",\n".join(json.dumps(answer, sort_keys=True) for answer in answers)
        (GOLDEN / file).write_text(f"[\n{lines}\n]\n")
        return
    golden = json.loads((GOLDEN / file).read_text())
    answers = json.loads(json.dumps(answers))
    assert len(answers) == len(golden)
    wrong = [(expected, got) for expected, got in zip(golden, answers) if expected != got]
    for expected, got in wrong:
        print(json.dumps(expected.get("ask") or [expected["op"], expected["request"]]))
        for key in expected.keys() | got.keys():
            if expected.get(key) != got.get(key):
                print(f"   {key}: expected {json.dumps(expected.get(key))}\n   {' ' * len(key)}       got {json.dumps(got.get(key))}")
    assert not wrong, f"{len(wrong)} of {len(golden)} answers differ from the real server's (printed above)"


def test_consul_answers_as_recorded(launch, request):
    compare(request, "consul.json", record_consul(launch("http").http))


def test_zookeeper_answers_as_recorded(launch, request):
    compare(request, "zookeeper.json", record_zookeeper(launch("zookeeper").zookeeper))


def test_the_lists_are_long_enough_to_mean_something():
    assert len(CONSUL) > 200 and len(zookeeper_requests("/x")) > 130
