"""The judges of Tools/faults: they pass what is right, and find what is wrong, in histories made by
hand. Clusters made wrong on purpose are judged by `Tools/faults --wrongs`."""

import itertools
import time

import pytest

from faults.checks import EXCUSE_SECONDS, excuse, judge_appended, judge_histories, judge_indexes
from faults.checks import judge_vanished
from faults.clients.ephemerals import Ending
from faults.history import UNKNOWN, History, Operation
from faults.linear import REFUSED, Search
from faults.models import (BAD_VERSION, NO_NODE, NODE_EXISTS, key_step, lock_step, znode_step)
from faults.plan import KINDS, steps

pytestmark = pytest.mark.roost_only


def op(kind, called, returned, result=None, *arguments, key="key/k", zxid=0):
    return Operation(key, kind, arguments, called, "c", returned, result, zxid)


def put(value, called, returned=UNKNOWN):
    return op("put", called, returned, True if returned != UNKNOWN else None, value)


def read(value, called, returned, mode="?consistent", **more):
    return op("read", called, returned, value, mode, **more)


def cas(expected, value, called, returned, result):
    return op("cas", called, returned, result, expected, value)


GOOD_KEYS = {
    "nothing": [],
    "one after the other": [put("a", 0, 1), read("a", 2, 3), put("b", 4, 5), read("b", 6, 7)],
    "a read beside a write sees either": [put("a", 0, 1), put("b", 2, 5), read("a", 3, 4),
                                          read("b", 3, 4.5)],
    "a write of unknown outcome happens late": [put("a", 0, 1), put("b", 2), read("a", 3, 4),
                                                read("b", 9, 10)],
    "or never": [put("a", 0, 1), put("b", 2), read("a", 3, 4), read("a", 9, 10)],
    "swaps": [put("a", 0, 1), cas("a", "b", 2, 5, True), cas("a", "c", 2, 5, False),
              read("b", 6, 7)],
    "a swap that failed for a write that nobody saw": [put("a", 0, 1), put("b", 2),
                                                       cas("a", "c", 3, 4, False)],
    "a delete of nothing": [op("delete-cas", 0, 1, True, "a"), read(None, 2, 3)],
}
BAD_KEYS = {
    "a lost write": [put("a", 0, 1), read(None, 2, 3)],
    "a stale read": [put("a", 0, 1), put("b", 2, 3), read("a", 4, 5)],
    "a read goes back": [put("a", 0, 1), put("b", 2, 9), read("b", 3, 4), read("a", 5, 6)],
    "an unknown write is undone": [put("a", 0, 1), put("b", 2), read("b", 3, 4), read("a", 5, 6)],
    "a value that nobody wrote": [put("a", 0, 1), read("x", 2, 3)],
    "two swaps of one value": [put("a", 0, 1), cas("a", "b", 2, 5, True),
                               cas("a", "c", 2, 5, True)],
    "a swap that must have succeeded": [put("a", 0, 1), cas("a", "b", 2, 3, False)],
    "a deleted key comes back": [put("a", 0, 1), op("delete", 2, 3, True), read("a", 4, 5)],
    "two readers disagree on the order": [put("a", 0, 9), put("b", 0, 9), read("a", 1, 2),
                                          read("b", 3, 4), read("a", 5, 6)],
}


@pytest.mark.parametrize("name", GOOD_KEYS)
def test_a_history_that_some_order_explains_passes(name):
    assert Search(GOOD_KEYS[name], key_step, None).run().holds


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_history_that_no_order_explains_is_found(name):
    verdict = Search(BAD_KEYS[name], key_step, None).run()
    assert not verdict.holds and verdict.decided
    assert "not linearizable" in str(verdict)


def zset(value, expected, called, returned, result):
    return op("set", called, returned, result, value, expected, key="znode/z")


def zread(value, version, called, returned):
    return op("read", called, returned, None if value is None else (value, version),
              key="znode/z")


CREATED = op("create", 0, 1, 0, "a", key="znode/z")
GOOD_ZNODES = {
    "versions count": [CREATED, zset("b", -1, 2, 3, 1), zset("c", 1, 4, 5, 2),
                       zread("c", 2, 6, 7)],
    "errors": [op("create", 2, 3, NODE_EXISTS, "x", key="znode/z"), CREATED,
               zset("b", 7, 4, 5, BAD_VERSION), op("delete", 6, 7, 0, 0, key="znode/z"),
               zset("c", -1, 8, 9, NO_NODE), zread(None, 0, 10, 11)],
    "a session that ended at some time": [CREATED, op("expire", 2, UNKNOWN, key="znode/z"),
                                          zread("a", 0, 3, 4), zread(None, 0, 8, 9)],
}
BAD_ZNODES = {
    "a write was done twice": [CREATED, zset("b", -1, 2, 3, 1), zread("b", 2, 4, 5)],
    "a version was left out": [CREATED, zset("b", -1, 2, 3, 2)],
    "a wrong version was taken": [CREATED, zset("b", -1, 2, 3, 1), zset("c", 0, 4, 5, 2)],
    "made twice": [CREATED, op("create", 2, 3, 0, "b", key="znode/z")],
    "an ephemeral outlives its closed session": [CREATED, op("delete", 2, 3, 0, -1, key="znode/z"),
                                                 zread("a", 0, 4, 5)],
    "an ephemeral is gone while its session lives": [CREATED, zread(None, 0, 2, 3)],
    "it comes back": [CREATED, op("expire", 2, UNKNOWN, key="znode/z"), zread(None, 0, 3, 4),
                      zread("a", 0, 5, 6)],
}


@pytest.mark.parametrize("name", GOOD_ZNODES)
def test_good_znodes_pass(name):
    assert Search(GOOD_ZNODES[name], znode_step, None).run().holds


@pytest.mark.parametrize("name", BAD_ZNODES)
def test_bad_znodes_are_found(name):
    verdict = Search(BAD_ZNODES[name], znode_step, None).run()
    assert not verdict.holds and verdict.decided


def acquire(session, value, called, returned, result):
    return op("acquire", called, returned, result, session, value, key="lock/l")


def release(session, value, called, returned, result):
    return op("release", called, returned, result, session, value, key="lock/l")


def ended(session, called, returned=UNKNOWN):
    return op("end", called, returned, None, session, key="lock/l")


GOOD_LOCKS = {
    "held, refused, released, taken": [
        acquire("s", "a", 0, 1, True), acquire("t", "b", 2, 3, False),
        release("s", "c", 4, 5, True), acquire("t", "d", 6, 7, True)],
    "taken after the session's end": [acquire("s", "a", 0, 1, True), ended("s", 2, 3),
                                      acquire("t", "b", 4, 5, True)],
    "taken after a session that ended unseen": [acquire("s", "a", 0, 1, True), ended("s", 2),
                                                acquire("t", "b", 9, 10, True)],
    "taken again by its holder": [acquire("s", "a", 0, 1, True), acquire("s", "b", 2, 3, True)],
}
BAD_LOCKS = {
    "two holders": [acquire("s", "a", 0, 1, True), acquire("t", "b", 2, 3, True)],
    "two holders after a reader saw one": [acquire("s", "a", 0, 1, True), ended("s", 9),
                                           acquire("t", "b", 4, 5, True)],
    "a release of what another one holds": [acquire("s", "a", 0, 1, True),
                                            release("t", "b", 2, 3, True)],
    "refused though it was free": [acquire("t", "a", 0, 1, False)],
    "held by a session that has ended": [acquire("s", "a", 0, 1, True), ended("s", 2, 3),
                                         op("read", 4, 5, ("s", "a"), key="lock/l")],
}


@pytest.mark.parametrize("name", GOOD_LOCKS)
def test_good_locks_pass(name):
    assert Search(GOOD_LOCKS[name], lock_step, (None, None)).run().holds


@pytest.mark.parametrize("name", BAD_LOCKS)
def test_bad_locks_are_found(name):
    verdict = Search(BAD_LOCKS[name], lock_step, (None, None)).run()
    assert not verdict.holds and verdict.decided


def by_all_orders(operations, step, initial):
    """The definition itself, for histories so small that every order can be tried."""
    known = [o for o in operations if o.known]
    doubtful = [o for o in operations if not o.known]
    for count in range(len(doubtful) + 1):
        for happened in itertools.combinations(doubtful, count):
            for order in itertools.permutations([*known, *happened]):
                if any(b.returned < a.called for a, b in itertools.combinations(order, 2)):
                    continue
                state = initial
                for o in order:
                    state = step(state, o)
                    if state is REFUSED:
                        break
                else:
                    return True
    return False


def random_operation(dice, number):
    called = dice.uniform(0, 6)
    returned = UNKNOWN if dice.random() < 0.2 else called + dice.uniform(0.1, 4)
    kind = dice.choice(["read", "put", "cas", "delete"])
    values = ["v0", "v1", "v2", None]
    if kind == "read":
        return read(dice.choice(values), called, called + dice.uniform(0.1, 4))
    if kind == "put":
        return put(f"v{number}", called, returned)
    if kind == "delete":
        return op("delete", called, returned, True)
    result = None if returned == UNKNOWN else dice.random() < 0.5
    return cas(dice.choice(values), f"v{number}", called, returned, result)


def test_the_search_answers_as_all_orders_do(seeded):
    seen = {True: 0, False: 0}
    for _ in range(400):
        history = [random_operation(seeded, n) for n in range(seeded.randint(1, 6))]
        right = by_all_orders(history, key_step, None)
        assert Search(history, key_step, None).run().holds == right, history
        seen[right] += 1
    assert min(seen.values()) > 20, seen


def test_a_search_that_grows_too_long_is_undecided_and_that_is_a_violation(monkeypatch):
    many = [put(f"v{n}", 0) for n in range(24)] + [put("last", 0, 1), read("never", 30, 31)]
    verdict = Search(many, key_step, None).run(visits_max=5_000)
    assert not verdict.holds and not verdict.decided
    monkeypatch.setattr("faults.linear.Search.run", lambda self: verdict)
    judged = judge_histories(History(operations=[put("a", 0, 1)]), [])
    assert "undecided" in judged.violations[0]


def test_a_long_history_with_doubt_is_decided_quickly(seeded):
    """As in a run: 160 operations by five clients on one key, some of unknown outcome."""
    value, history, now = None, [], 0.0
    for number in range(160):
        now += seeded.uniform(0.01, 0.05)
        span = seeded.uniform(0, 0.04)
        if seeded.random() < 0.5:
            history.append(read(value, now - span, now + span))
        else:
            unknown = seeded.random() < 0.08
            if not unknown or seeded.random() < 0.5:
                value = f"v{number}"
            history.append(put(f"v{number}", now - span, UNKNOWN if unknown else now + span))
    began = time.monotonic()
    verdict = Search(history, key_step, None).run()
    assert verdict.holds or verdict.decided, verdict
    assert time.monotonic() - began < 20


def test_a_late_default_read_is_excused_at_an_election_only():
    late = [put("a", 0, 1), put("b", 2, 3), read("a", 3.1, 3.2, mode="")]
    assert judge_histories(History(operations=late), []).violations
    assert judge_histories(History(operations=late), [20.0]).violations
    assert not judge_histories(History(operations=late), [2.9]).violations
    too_late = [*late[:2], read("a", 3 + EXCUSE_SECONDS + 0.1, 4, mode="")]
    assert judge_histories(History(operations=too_late), [2.9]).violations
    consistent = [*late[:2], read("a", 3.1, 3.2)]
    assert excuse(consistent, [2.9]) is None
    assert judge_histories(History(operations=consistent), [2.9]).violations


def test_indexes_that_double_or_go_back_are_found():
    def judged(*operations):
        return judge_indexes(History(operations=list(operations)))
    assert judged(read("a", 0, 1, zxid=5), read("b", 2, 3, zxid=7)) == []
    assert "at 5 and at 7" in judged(read("a", 0, 1, zxid=5), read("a", 2, 3, zxid=7))[0]
    assert "went back" in judged(read("b", 0, 1, zxid=7), read("a", 2, 3, zxid=5))[0]
    assert judged(read("b", 0, 3, zxid=7), read("a", 2, 4, zxid=5)) == []

    def held(index, called):
        o = op("read", called, called + 1, ("s", "a"), "?consistent", index, key="lock/l", zxid=9)
        return o
    assert "LockIndex went back" in judged(held(3, 0), held(2, 2))[0]


def test_an_ephemeral_that_goes_too_early_is_found():
    created = op("create", 0, 1, 0, "a", key="znode/e")
    ending = Ending("/e", created, 10.0, 0, 6000)
    for gone, wrong in ((11.0, True), (16.5, False)):
        seen = op("read", gone - 0.1, gone, None, key="znode/e")
        assert bool(judge_vanished(History(operations=[created, seen]), [ending])) == wrong


def test_additions_that_are_missing_on_one_node_are_found():
    there = {"n1": {"key a", "key b"}, "n2": {"key a"}}
    assert judge_appended({"key": ["a"], "znode": []}, there) == []
    lost = judge_appended({"key": ["a", "b"], "znode": []}, there)
    assert lost == ["n2 lost 1 of 2 acknowledged keys: ['b']"]


def test_a_seed_chooses_the_same_faults_again_and_all_of_them_in_time():
    def some(seed, count=400):
        return list(itertools.islice(steps(seed, 5), count))
    assert some(7) == some(7) != some(8)
    assert {f.kind for step in some(7) for f in step.faults} == set(KINDS)
