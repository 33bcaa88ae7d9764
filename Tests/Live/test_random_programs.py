"""What Tools/compare-random does with two servers that are the same, and that it finds one made to differ on purpose."""

import pytest

from random_programs.consul import ConsulComparison, ConsulConversation, Side, ordered
from random_programs.consul_requests import Step
from random_programs.programs import Answers, Comparison, Outcome, Ranks, lines_of, run, shortest
from random_programs.zookeeper import Twin, ZooKeeperComparison
from servers import Roost

STEPS = 20
PROGRAMS = 300
PROTOCOLS = {"zookeeper": ZooKeeperComparison, "consul": ConsulComparison}


@pytest.fixture
def roosts(tmp_path):
    """Two Roosts in the place of the real server and Roost."""
    made = []

    def start(protocol):
        comparison = PROTOCOLS[protocol].__new__(PROTOCOLS[protocol])
        Comparison.__init__(comparison, Roost(tmp_path / "one"), Roost(tmp_path / "other"))
        made.append(comparison)
        comparison.start()
        return comparison

    yield start
    for comparison in made:
        comparison.discard()


def first_difference(comparison):
    for seed in range(1, PROGRAMS):
        outcome = run(comparison, comparison.program(seed, STEPS))
        if outcome.what:
            return outcome
    raise AssertionError(f"{PROGRAMS} programs and no difference")


def made_short(comparison, found):
    def differs(steps):
        outcome = run(comparison, steps)
        return outcome if outcome.what == found.what else None
    least = shortest(differs, found)
    print(*lines_of(comparison, least), sep="\n")
    return least.taken()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_program_follows_from_its_seed(protocol):
    program = lambda seed: list(map(str, PROTOCOLS[protocol].program(None, seed, STEPS)))
    assert program(7) == program(7) != program(8)


@pytest.mark.roost_only
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_that_are_the_same_do_not_differ(roosts, protocol):
    comparison = roosts(protocol)
    for seed in range(1, 16):
        outcome = run(comparison, comparison.program(seed, STEPS))
        assert not outcome.what, "\n".join(lines_of(comparison, outcome))
    assert comparison.requests > 15 * STEPS / 2


@pytest.mark.roost_only
def test_another_value_of_a_znode_is_found_by_a_write_and_a_read(roosts, monkeypatch):
    comparison = roosts("zookeeper")

    def send(twin, data):
        for wire, text in zip(twin.wires, (data, data.replace(b"hello", b"jelly"))):
            wire.send_raw(text)
    monkeypatch.setattr(Twin, "send", send)
    steps = made_short(comparison, first_difference(comparison))
    assert sum(len(step.requests) for step in steps) <= 3
    assert any("b'hello'" in str(step) for step in steps)


@pytest.mark.roost_only
def test_another_value_of_a_key_is_found_by_a_write_and_a_read(roosts, monkeypatch):
    comparison, send = roosts("consul"), Side.send

    def wrong_send(side, method, path, body):
        other = str(side.connection.port) in comparison.servers[1].http and body == "v"
        send(side, method, path, "w" if other else body)
    monkeypatch.setattr(Side, "send", wrong_send)
    steps = made_short(comparison, first_difference(comparison))
    assert len(steps) == 2 and steps[0].body == "v"


@pytest.mark.roost_only
def test_an_index_that_stands_still_is_found_by_one_write(roosts, monkeypatch):
    comparison, look = roosts("consul"), ConsulConversation.look

    def still(conversation, side):
        seen = look(conversation, side)
        if side is conversation.sides[1]:
            for reply in seen.values():
                reply.headers["x-consul-index"] = "5"
        return seen
    monkeypatch.setattr(ConsulConversation, "look", still)
    found = first_difference(comparison)
    assert "did not rise" in found.what
    assert len(made_short(comparison, found)) == 1


def test_a_check_keeps_its_names_unless_its_service_is_registered_again():
    check = '{"c": {"CheckID": "c", "ServiceID": "s", "ServiceName": "%s", "ServiceTags": ["%s"]}}'
    texts = [check % names for names in (("web", "a"), ("db", "a"), ("web", "b"))]
    assert len({ordered("/v1/agent/checks", text, {"t"}) for text in texts}) == 3
    assert len({ordered("/v1/agent/checks", text, {"s"}) for text in texts}) == 1


def test_a_service_is_registered_again_by_its_id_or_else_its_name():
    conversation = ConsulConversation([], "p")
    for body in ({"Name": "web", "ID": "s"}, {"Name": "web"}, "{", {"Name": "s"}):
        conversation.note_registration(Step("PUT", "/v1/agent/service/register", body))
    assert conversation.registered == {"s", "web"} and conversation.again == {"s"}


def test_ranks_tell_equality_and_order():
    ranks = Ranks()
    assert ranks.fit(10, 500) and ranks.fit(10, 500) and ranks.fit(7, 400) and ranks.fit(8, 450)
    assert not ranks.fit(10, 501) and not ranks.fit(9, 440) and not ranks.fit(11, 500) and not ranks.fit(12, 430)
    assert [ranks.rank(0, n) for n in (7, 8, 10, 11)] == [1, 2, 3, None]


class Word:
    """A step that has parts."""

    def __init__(self, text):
        self.text = text

    def smaller(self):
        return (Word(self.text[:at] + self.text[at + 1:]) for at in range(len(self.text)))


@pytest.mark.parametrize("needed", ["a", "ab", "bd"])
def test_nothing_is_left_that_the_difference_does_not_need(needed):
    def differs(steps):
        return outcome(steps) if set(needed) <= {c for step in steps for c in step.text} else None

    def outcome(steps):
        return Outcome(steps, [Answers([], [], "") for _ in steps[:-1]] + [Answers([], [], "it")])
    least = shortest(differs, outcome([Word(text) for text in ("xay", "zz", "xb", "", "cdc", "e" + needed[-1])]))
    assert sorted("".join(step.text for step in least.taken())) == sorted(needed)


def test_what_does_not_differ_again_is_told():
    assert shortest(lambda steps: None, Outcome([Word("a")])) is None
