"""Which events a watch gives, in which order, and how often."""

import pytest

from jute import (ALL, CHANGED, CHILDREN, CREATED, DELETED, ERR, acl, create_body, delete_body, integer,
                  long, multi_body, operation, path_watch, set_body, ustring, vector)
from servers import eventually
from test_zookeeper_raw import digest, word

CHILDREN_WATCH, DATA_WATCH, ANY_WATCH, PERSISTENT_WATCH, RECURSIVE_WATCH = 1, 2, 3, 4, 5


def watch_request(path, kind):
    return ustring(path) + integer(kind)


def test_create_gives_created_then_the_parents_change_then_the_reply(session, root):
    s = session()
    s.exists(f"{root}/a", watch=True)
    s.children(root, watch=True)
    s.create(f"{root}/a")
    assert s.taken_events() == [(CREATED, f"{root}/a"), (CHILDREN, root)]
    s.create(f"{root}/b")
    assert s.quiet()


def test_delete_gives_one_deleted_then_the_parents_change_then_the_reply(session, root):
    s = session()
    s.create(f"{root}/a")
    s.get(f"{root}/a", watch=True)
    s.exists(f"{root}/a", watch=True)
    s.children(f"{root}/a", watch=True)
    s.children(root, watch=True)
    s.delete(f"{root}/a")
    assert s.taken_events() == [(DELETED, f"{root}/a"), (CHILDREN, root)]
    assert s.quiet()


def test_set_gives_changed_once(session, root):
    s = session()
    s.get(root, watch=True)
    s.exists(root, watch=True)
    s.set(root, b"1")
    s.set(root, b"2")
    assert s.taken_events() == [(CHANGED, root)]


def test_a_child_watch_ignores_data_and_grandchildren(session, root):
    s = session()
    s.create(f"{root}/a")
    s.children(root, watch=True)
    s.set(root, b"1")
    s.set(f"{root}/a", b"1")
    s.create(f"{root}/a/b")
    assert s.quiet()


def test_a_failed_read_sets_no_watch_but_exists_does(session, root):
    s = session()
    for kind in ("getData", "getChildren", "getChildren2"):
        assert s.error(kind, path_watch(f"{root}/a", True)) == ERR["noNode"]
    s.create(f"{root}/a")
    assert s.quiet()
    assert s.exists(f"{root}/b", watch=True) is None
    s.create(f"{root}/b")
    assert s.taken_events() == [(CREATED, f"{root}/b")]


def test_events_carry_the_writes_zxid_in_the_header(session, root):
    s = session()
    s.get(root, watch=True)
    reply = s.ask("setData", set_body(root, b"1"))
    assert [(f.xid, f.zxid, f.err) for f in s.events] == [(-1, reply.zxid, 0)]


def test_another_clients_event_comes_before_its_data(session, root):
    reader, writer = session(), session()
    for i in range(50):
        data, _ = reader.get(root, watch=True)
        writer.set(root, b"%d" % i)
        while reader.get(root)[0] == data:
            assert not reader.events
        assert reader.taken_events() == [(CHANGED, root)]


def test_persistent_watches_stay_and_see_the_path_alone(session, root):
    s = session()
    s.add_watch(root, 0)
    s.set(root, b"1")
    s.set(root, b"2")
    s.create(f"{root}/a")
    s.set(f"{root}/a", b"1")
    s.create(f"{root}/a/b")
    s.delete(f"{root}/a/b")
    s.delete(f"{root}/a")
    s.delete(root)
    s.create(root)
    assert s.taken_events() == [(CHANGED, root), (CHANGED, root), (CHILDREN, root), (CHILDREN, root),
                                (DELETED, root), (CREATED, root)]


def test_recursive_watches_see_all_below_but_no_child_events(session, root):
    s = session()
    s.add_watch(root, 1)
    s.create(f"{root}/a")
    s.create(f"{root}/a/b")
    s.set(f"{root}/a/b", b"1")
    s.create(f"{root}x")
    s.delete(f"{root}/a/b")
    s.delete(f"{root}/a")
    assert s.taken_events() == [(CREATED, f"{root}/a"), (CREATED, f"{root}/a/b"), (CHANGED, f"{root}/a/b"),
                                (DELETED, f"{root}/a/b"), (DELETED, f"{root}/a")]


def test_both_kinds_may_stand_on_one_path(session, root):
    s = session()
    s.add_watch(root, 0)
    s.add_watch(root, 1)
    s.create(f"{root}/a")
    assert s.taken_events() == [(CREATED, f"{root}/a"), (CHILDREN, root)]


def test_add_watch_answers_an_error_result_and_needs_no_node(session, root):
    s = session()
    frame = s.ask("addWatch", watch_request(f"{root}/none", 0))
    assert (frame.err, frame.body) == (0, integer(0))
    s.create(f"{root}/none")
    assert s.taken_events() == [(CREATED, f"{root}/none")]
    assert s.error("addWatch", watch_request(root, 7)) == ERR["marshalling"]


def test_one_shot_and_persistent_watches_on_one_path_give_one_event(session, root):
    s = session()
    s.add_watch(root, 0)
    s.get(root, watch=True)
    s.set(root, b"1")
    assert s.taken_events() == [(CHANGED, root)]
    s.set(root, b"2")
    assert s.taken_events() == [(CHANGED, root)]


@pytest.mark.parametrize("setter, kind, others", [
    ("data", DATA_WATCH, [CHILDREN_WATCH, PERSISTENT_WATCH, RECURSIVE_WATCH]),
    ("children", CHILDREN_WATCH, [DATA_WATCH, PERSISTENT_WATCH, RECURSIVE_WATCH]),
    ("persistent", PERSISTENT_WATCH, [RECURSIVE_WATCH]),
    ("recursive", RECURSIVE_WATCH, [PERSISTENT_WATCH]),
])
@pytest.mark.parametrize("remover", ["own", "any"])
def test_watches_are_checked_and_removed_by_kind(session, root, setter, kind, others, remover):
    s = session()
    missing = [(op, s.error(op, watch_request(root, k)))
               for op in ("checkWatches", "removeWatches") for k in (kind, ANY_WATCH)]
    assert {err for _, err in missing} == {ERR["noWatcher"]}
    {"data": lambda: s.get(root, watch=True), "children": lambda: s.children(root, watch=True),
     "persistent": lambda: s.add_watch(root, 0), "recursive": lambda: s.add_watch(root, 1)}[setter]()
    assert [s.error("checkWatches", watch_request(root, k)) for k in others] == [ERR["noWatcher"]] * len(others)
    assert s.error("checkWatches", watch_request(root, kind)) == 0
    assert s.error("removeWatches", watch_request(root, kind if remover == "own" else ANY_WATCH)) == 0
    assert s.error("checkWatches", watch_request(root, kind)) == ERR["noWatcher"]
    s.set(root, b"1")
    s.create(f"{root}/a")
    assert s.quiet()


def set_watches(s, relative, data=(), exist=(), child=(), persistent=None, recursive=None):
    body = long(relative) + b"".join(vector([ustring(p) for p in part]) for part in (data, exist, child))
    kind = "setWatches"
    if persistent is not None:
        kind = "setWatches2"
        body += b"".join(vector([ustring(p) for p in part]) for part in (persistent, recursive))
    return s.ask(kind, body, xid=-8)


def make_history(s, root):
    """Nodes whose fate before and after the returned zxid differs."""
    for path in ("changed", "same", "gone", "parent", "quiet", "emptied"):
        s.create(f"{root}/{path}")
    zxid = s.ask("sync", ustring(root)).zxid
    s.set(f"{root}/changed", b"1")
    s.delete(f"{root}/gone")
    s.create(f"{root}/new")
    s.create(f"{root}/parent/child")
    return zxid


@pytest.mark.parametrize("newer", [False, True])
def test_set_watches_tells_what_was_missed_before_its_reply(session, root, newer):
    s = session()
    zxid = make_history(s, root)
    more = dict(persistent=[], recursive=[]) if newer else {}
    reply = set_watches(
        s, zxid, data=[f"{root}/changed", f"{root}/same", f"{root}/gone"],
        exist=[f"{root}/new", f"{root}/absent"], child=[f"{root}/parent", f"{root}/quiet", f"{root}/gone"], **more)
    assert (reply.xid, reply.err, reply.body) == (-8, 0, b"")
    assert {f.zxid for f in s.events} == {-1}
    events = s.taken_events()
    assert [e for e in events if e.path != f"{root}/gone"] == [
        (CHANGED, f"{root}/changed"), (CREATED, f"{root}/new"), (CHILDREN, f"{root}/parent")]
    assert set(e for e in events if e.path == f"{root}/gone") == {(DELETED, f"{root}/gone")}


def test_set_watches_arms_again_what_was_not_missed(session, root):
    s = session()
    zxid = make_history(s, root)
    set_watches(s, zxid, data=[f"{root}/same"], exist=[f"{root}/absent"], child=[f"{root}/quiet"])
    s.set(f"{root}/same", b"1")
    s.create(f"{root}/absent")
    s.create(f"{root}/quiet/x")
    assert s.taken_events() == [(CHANGED, f"{root}/same"), (CREATED, f"{root}/absent"), (CHILDREN, f"{root}/quiet")]
    s.set(f"{root}/same", b"2")
    assert s.quiet()


def test_set_watches_2_arms_persistent_watches_without_catching_up(session, root):
    s = session()
    zxid = make_history(s, root)
    set_watches(s, zxid, persistent=[f"{root}/changed"], recursive=[f"{root}/parent"])
    assert s.quiet()
    s.set(f"{root}/changed", b"2")
    s.create(f"{root}/parent/late")
    assert s.taken_events() == [(CHANGED, f"{root}/changed"), (CREATED, f"{root}/parent/late")]


def test_watches_die_with_the_connection_not_with_the_session(session, root):
    s = session()
    s.get(root, watch=True)
    again = session(session=s.id, password=s.password)
    assert s.closed()
    session().set(root, b"1")
    assert again.quiet()


def test_a_closed_session_fires_the_watches_on_its_ephemerals(session, root):
    watcher, owner = session(), session()
    for name in "abc":
        owner.create(f"{root}/{name}", flags=1)
        watcher.exists(f"{root}/{name}", watch=True)
    watcher.children(root, watch=True)
    owner.close()
    got = {watcher.next_event() for _ in range(4)}
    assert got == {(DELETED, f"{root}/{n}") for n in "abc"} | {(CHILDREN, root)}
    assert watcher.children(root) == [] and watcher.taken_events() == []


def test_a_multi_fires_events_in_the_order_of_its_steps(session, root):
    s = session()
    s.create(f"{root}/d")
    s.add_watch(root, 1)
    s.ask("multi", multi_body(
        operation("create", create_body(f"{root}/a")), operation("setData", set_body(f"{root}/a", b"1")),
        operation("delete", delete_body(f"{root}/d")), operation("delete", delete_body(f"{root}/a"))))
    assert s.taken_events() == [(CREATED, f"{root}/a"), (CHANGED, f"{root}/a"), (DELETED, f"{root}/d"),
                                (DELETED, f"{root}/a")]


def test_a_failed_multi_fires_nothing(session, root):
    s = session()
    s.add_watch(root, 1)
    s.ask("multi", multi_body(operation("create", create_body(f"{root}/a")),
                              operation("delete", delete_body(f"{root}/none"))))
    assert s.quiet()


def test_no_event_tells_of_a_node_that_the_client_may_not_read(session, root):
    bob, eve = session(), session()
    bob.authenticate("digest", b"bob:secret")
    eve.add_watch(root, 1)
    bob.create(f"{root}/own", acls=[acl(ALL, "digest", digest("bob", "secret"))])
    bob.set(f"{root}/own", b"1")
    bob.create(f"{root}/end")
    assert eve.next_event() == (CREATED, f"{root}/end")


def test_a_thousand_events_come_in_the_order_of_the_log(session, root):
    watcher, writer = session(), session()
    watcher.add_watch(root, 1)
    for i in range(1000):
        writer.send("create", create_body(f"{root}/n", flags=2))
    got = [watcher.next_event() for _ in range(1000)]
    assert got == [(CREATED, f"{root}/n{i:010d}") for i in range(1000)]


def test_the_server_counts_watches_and_forgets_those_of_the_gone(zookeeper, session, root):
    s = session()
    line = f"0x{s.id:x}\n"
    s.get(root, watch=True)
    assert line in word(zookeeper, b"wchc").decode()
    s.abandon()
    eventually(lambda: line not in word(zookeeper, b"wchc").decode(), what="the watch is gone")
