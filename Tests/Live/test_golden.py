"""The answers to a fixed list of requests are those that the real servers gave."""

import json
from pathlib import Path

import pytest

from golden_consul import is_deliberate, record_families
from golden_dns import record_choices, record_dns
from golden_requests import CONSUL, record_consul, record_zookeeper, zookeeper_requests

GOLDEN = Path(__file__).parent / "Golden"


def deliberate(expected, number, golden):
    """Where Roost differs on purpose: it takes 128 operations a transaction, as newer Consuls do
    (1.8.7: 64), and refuses a check of the type TTL with a TTL of 0, which 1.8.7 silently leaves
    out, registering the service without it (seen in the two lists that follow)."""
    if "family" in expected and is_deliberate(expected):
        return True
    ask = expected.get("ask") or [""] * 3
    if expected.get("body") == "Transaction contains too many operations (65 > 64)":
        return True
    zero = [i for i, answer in enumerate(golden) if '"TTL":"0s"' in str(answer.get("ask"))]
    return bool(zero) and zero[0] <= number and ask[1] in (
        "/v1/agent/service/register", "/v1/agent/services", "/v1/catalog/services")


def compare(request, file, answers):
    if request.config.getoption("--record"):
        if request.config.getoption("--server") != "peers":
            pytest.fail("golden answers come from the peers alone")
        lines = ",\n".join(json.dumps(answer, sort_keys=True) for answer in answers)
        (GOLDEN / file).write_text(f"[\n{lines}\n]\n")
        return
    golden = json.loads((GOLDEN / file).read_text())
    answers = json.loads(json.dumps(answers))
    for answer in golden + answers:  # a hash of Go's own making over Go's own structures
        if isinstance(answer.get("body"), dict):
            answer["body"].pop("ContentHash", None)
        answer.get("headers", {}).pop("X-Consul-Contenthash", None)
    assert len(answers) == len(golden)
    wrong = [(expected, got) for number, (expected, got) in enumerate(zip(golden, answers))
             if expected != got and not deliberate(expected, number, golden)]
    for expected, got in wrong:
        print(json.dumps(expected.get("ask") or expected.get("message") or [expected["op"], expected["request"]]))
        for key in expected.keys() | got.keys():
            if expected.get(key) != got.get(key):
                print(f"   {key}: expected {json.dumps(expected.get(key))}\n   {' ' * len(key)}       got {json.dumps(got.get(key))}")
    assert not wrong, f"{len(wrong)} of {len(golden)} answers differ from the real server's (printed above)"


def test_consul_answers_as_recorded(launch, request):
    compare(request, "consul.json", record_consul(launch("http").http))


def test_consul_answers_a_wide_table_as_recorded(launch, request):
    server = launch("http")
    families = record_families(server.http, settles=request.config.getoption("--server") == "peers")
    compare(request, "consul-wide.json", [{"family": name, **answer} for name, answers in families.items() for answer in answers])


def test_dns_answers_as_recorded(launch, request):
    compare(request, "dns.json", record_dns(launch("http")))


def test_dns_answers_as_recorded_by_what_an_operator_chooses(launch, request):
    compare(request, "dns-choices.json", record_choices(launch))


def test_zookeeper_answers_as_recorded(launch, request):
    compare(request, "zookeeper.json", record_zookeeper(launch("zookeeper").zookeeper))


def test_the_lists_are_long_enough_to_mean_something():
    assert len(CONSUL) > 200 and len(zookeeper_requests("/x")) > 130
