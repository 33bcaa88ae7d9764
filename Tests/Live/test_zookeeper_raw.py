"""Sessions, operations and errors of ZooKeeper's protocol, byte by byte."""

import base64
import hashlib
import struct
import time

import pytest

from jute import (ALL, CREATE, DELETE, ERR, OP, READ, Reader, Wire, acl, connect_body, create_body, delete_body,
                  integer, path_watch, set_body, ustring, vector)
from servers import eventually


# Connect and sessions

def test_the_connect_reply_has_37_bytes_or_36_without_the_read_only_flag(session):
    s = session()
    assert len(s.connect_reply) == 37 and s.connect_reply[-1] == 0
    assert Reader(s.connect_reply).int() == 0
    assert s.id != 0 and len(s.password) == 16
    assert len(session(read_only=None).connect_reply) == 36


@pytest.mark.parametrize("asked, given", [
    (0, 4000), (1, 4000), (4000, 4000), (10001, 10001), (40000, 40000), (40001, 40000), (1 << 30, 40000)])
def test_the_timeout_is_clamped(session, asked, given):
    assert session(timeout=asked).timeout == given


def test_session_ids_differ(session):
    assert len({session().id for _ in range(20)}) == 20


def refused(s):
    return (s.timeout, s.id, s.password) == (0, 0, bytes(16)) and s.closed()


def test_an_unknown_session_is_refused_with_zeros_and_closed(session):
    assert refused(session(session=0x123456789, password=bytes(16)))


def test_a_wrong_password_is_refused_and_drops_the_holder_but_not_the_session(session):
    holder = session()
    assert refused(session(session=holder.id, password=b"x" * 16))
    assert holder.closed()
    again = session(session=holder.id, password=holder.password)
    assert (again.id, again.password) == (holder.id, holder.password)


def test_a_take_over_closes_the_old_connection_and_keeps_the_ephemerals(session, root):
    old = session()
    old.create(f"{root}/e", flags=1)
    new = session(session=old.id, password=old.password)
    assert new.id == old.id and new.password == old.password
    assert old.closed()
    assert new.exists(f"{root}/e").owner == new.id


def test_a_client_that_has_seen_the_future_is_closed_without_a_reply(zookeeper):
    w = Wire(zookeeper.zookeeper)
    w.send_frame(connect_body(last_zxid=1 << 60))
    assert w.read_to_end() == b""


def test_close_session_is_answered_then_closed_and_the_session_is_gone(session, root):
    s = session()
    s.create(f"{root}/e", flags=1)
    frame = s.ask("closeSession")
    assert (frame.err, frame.body) == (0, b"")
    assert frame.zxid > 0
    assert s.closed()
    assert session().exists(f"{root}/e") is None
    assert refused(session(session=s.id, password=s.password))


def test_a_dropped_connection_keeps_its_session_until_it_expires(session, root):
    other = session(timeout=40000)
    s = session(timeout=4000)
    s.create(f"{root}/e", flags=1)
    other.exists(f"{root}/e", watch=True)
    started = time.monotonic()
    s.abandon()
    event = other.next_event(30)
    took = time.monotonic() - started
    assert event == (2, f"{root}/e")
    assert 2 <= took < 15, took
    assert refused(session(session=s.id, password=s.password))


def test_pings_keep_a_session_alive(session, root):
    s = session(timeout=4000)
    s.create(f"{root}/e", flags=1)
    deadline = time.monotonic() + 9
    while time.monotonic() < deadline:
        assert s.ask("ping", xid=-2).err == 0
        assert s.silent(1)
    assert s.exists(f"{root}/e").owner == s.id


def test_the_bytes_of_a_frame_may_come_one_by_one(zookeeper):
    w = Wire(zookeeper.zookeeper)
    body = connect_body()
    for byte in struct.pack(">i", len(body)) + body:
        w.send_raw(bytes([byte]))
    assert len(w.read_frame()) == 37


def test_requests_may_follow_the_connect_in_one_packet(zookeeper):
    w = Wire(zookeeper.zookeeper)
    body = connect_body()
    ping = integer(-2) + integer(OP["ping"])
    exists = integer(1) + integer(OP["exists"]) + path_watch("/")
    w.send_raw(b"".join(struct.pack(">i", len(b)) + b for b in (body, ping, exists)))
    assert len(w.read_frame()) == 37
    assert [Reader(w.read_frame()).int() for _ in range(2)] == [-2, 1]


# Frames

@pytest.mark.parametrize("length", [5 << 20, 1 << 20, -1, 0x7fffffff, -(1 << 31)])
def test_a_frame_of_impossible_length_closes_the_connection(session, length):
    s = session()
    s.send_raw(struct.pack(">i", length))
    assert s.closed()


def test_data_just_under_one_mebibyte_is_accepted(session, root):
    s = session()
    data = bytes(range(256)) * 4096
    data = data[:(1 << 20) - 100 - len(root)]
    s.create(f"{root}/big")
    s.set(f"{root}/big", data)
    assert s.get(f"{root}/big")[0] == data


def test_a_truncated_request_is_a_marshalling_error_and_the_connection_stays(session):
    s = session()
    assert s.error("getData", b"\0\0\0\7/a") == ERR["marshalling"]
    assert s.error("create", ustring("/x")) == ERR["marshalling"]
    assert s.exists("/") is not None


@pytest.mark.parametrize("op", ["check", 42, 9999])
def test_check_alone_and_unknown_operations_are_unimplemented_and_close(session, op):
    s = session()
    frame = s.ask(op, delete_body("/"))
    assert (frame.err, frame.zxid, frame.body) == (ERR["unimplemented"], -1, b"")
    assert s.closed()


# Special xids

def test_ping_has_xid_minus_two_and_the_last_zxid(session, root):
    s = session()
    zxid = s.ask("setData", set_body(root, b"1")).zxid
    frame = s.ask("ping", xid=-2)
    assert (frame.xid, frame.err, frame.body) == (-2, 0, b"")
    assert frame.zxid >= zxid


def test_auth_has_xid_minus_four_and_zxid_zero(session):
    assert session().authenticate("digest", b"bob:secret") == (-4, 0, 0, b"")


def test_a_digest_without_a_colon_is_accepted(session):
    assert session().authenticate("digest", b"bob").err == 0


def test_a_bad_auth_scheme_fails_and_closes(session):
    s = session()
    frame = s.authenticate("nonsense", b"x")
    assert (frame.err, frame.zxid) == (ERR["authFailed"], 0)
    assert s.closed()


def test_replies_carry_the_writes_zxid_and_reads_the_last_one(session, root):
    s = session()
    first = s.ask("create", create_body(f"{root}/a"))
    second = s.ask("create", create_body(f"{root}/b"))
    assert second.zxid > first.zxid > 0
    assert s.exists(f"{root}/a").czxid == first.zxid
    assert s.ask("exists", path_watch(root)).zxid >= second.zxid


def test_a_thousand_pipelined_requests_are_answered_in_order(session, root):
    s = session()
    kinds = [("create", create_body(f"{root}/n", flags=2)), ("exists", path_watch(root)),
             ("setData", set_body(root, b"x")), ("getChildren", path_watch(root)), ("sync", ustring(root))]
    sent = [s.send(*kinds[i % len(kinds)]) for i in range(1000)]
    replies = [s.read() for _ in sent]
    assert [r.xid for r in replies] == sent
    assert {r.err for r in replies} == {0}
    zxids = [r.zxid for r in replies]
    assert zxids == sorted(zxids)
    names = [Reader(r.body).ustring() for r in replies[::5]]
    assert names == [f"{root}/n{i:010d}" for i in range(200)]
    counts = [Reader(r.body).int() for r in replies[3::5]]
    assert counts == list(range(1, 201))


# Paths and errors

@pytest.mark.parametrize("path", ["", "a", "//a", "/.", "/..", "/a\0b", "/a\1b", "/a\x7fb", "/a\ue000b"])
def test_an_invalid_path_is_bad_arguments_for_create(session, path):
    assert session().error("create", create_body(path)) == ERR["badArguments"]


@pytest.mark.parametrize("last", ["", ".", "..", "a\0"])
def test_an_invalid_name_is_bad_arguments_where_the_parent_exists(session, root, last):
    assert session().error("create", create_body(f"{root}/{last}")) == ERR["badArguments"]


@pytest.mark.parametrize("path", ["/none/", "/none//b", "/./a", "/none/..", "/none/."])
def test_a_missing_parent_comes_before_an_invalid_name(session, path):
    assert session().error("create", create_body(path)) == ERR["noNode"]


def test_errors_by_operation(session, root):
    s = session()
    s.create(f"{root}/e", flags=1)
    s.create(f"{root}/full")
    s.create(f"{root}/full/child")
    cases = [
        ("exists", path_watch("a"), "noNode"),
        ("exists", path_watch(f"{root}/none"), "noNode"),
        ("getData", path_watch(f"{root}/none"), "noNode"),
        ("getChildren", path_watch(f"{root}/none"), "noNode"),
        ("getChildren2", path_watch(f"{root}/none"), "noNode"),
        ("getACL", ustring(f"{root}/none"), "noNode"),
        ("setACL", ustring(f"{root}/none") + vector([acl(ALL, "world", "anyone")]) + integer(-1), "noNode"),
        ("setACL", ustring(root) + vector([acl(ALL, "world", "anyone")]) + integer(7), "badVersion"),
        ("getAllChildrenNumber", ustring(f"{root}/none"), "noNode"),
        ("setData", set_body(f"{root}/none", b""), "noNode"),
        ("setData", set_body(root, b"", 7), "badVersion"),
        ("delete", delete_body(f"{root}/none"), "noNode"),
        ("delete", delete_body(f"{root}/full"), "notEmpty"),
        ("delete", delete_body(f"{root}/full/child", 3), "badVersion"),
        ("delete", delete_body("/"), "badArguments"),
        ("create", create_body("/"), "nodeExists"),
        ("create", create_body(root), "nodeExists"),
        ("create", create_body(f"{root}/none/child"), "noNode"),
        ("create", create_body(f"{root}/none/../x"), "noNode"),
        ("create", create_body(f"{root}/e/child"), "noChildrenForEphemerals"),
        ("create", create_body(f"{root}/x", flags=99), "badArguments"),
        ("create", create_body(f"{root}/x", flags=5), "unimplemented"),
        ("create", create_body(f"{root}/x", flags=-1), "badArguments"),
        ("create", create_body(f"{root}/x", acls=[]), "invalidACL"),
        ("create", create_body(f"{root}/x", acls=[acl(ALL, "auth", "")]), "invalidACL"),
        ("create", create_body(f"{root}/x", acls=[acl(ALL, "nonsense", "a")]), "invalidACL"),
        ("create", create_body(f"{root}/x", acls=[acl(ALL, "digest", "nocolon")]), "invalidACL"),
        ("create", create_body(f"{root}/x", acls=[acl(ALL, "ip", "not.an.ip")]), "invalidACL"),
    ]
    got = [(kind, s.error(kind, body)) for kind, body, _ in cases]
    assert got == [(kind, ERR[error]) for kind, _, error in cases]
    assert s.children(root) == ["e", "full"]


# Create in its modes, sequences, stat

def test_the_root_and_the_reserved_nodes(session):
    s = session()
    stat = s.exists("/")
    assert (stat.czxid, stat.mzxid, stat.ctime, stat.version, stat.owner) == (0, 0, 0, 0, 0)
    assert "zookeeper" in s.children("/")
    assert s.children("/zookeeper") == ["config", "quota"]
    assert s.get("/zookeeper/quota")[0] == b""


def test_stat_says_what_happened(session, root):
    s = session()
    before = time.time() * 1000
    made = s.ask("create2", create_body(f"{root}/a", b"12345"))
    reader = Reader(made.body)
    assert reader.ustring() == f"{root}/a"
    stat = reader.stat()
    reader.end()
    assert (stat.czxid, stat.mzxid, stat.pzxid) == (made.zxid,) * 3
    assert stat.ctime == stat.mtime and abs(stat.ctime - before) < 60000
    assert (stat.version, stat.cversion, stat.aversion, stat.owner, stat.length, stat.children) == (0, 0, 0, 0, 5, 0)
    changed = s.set(f"{root}/a", b"xy", 0)
    assert (changed.version, changed.length, changed.czxid) == (1, 2, stat.czxid)
    assert changed.mzxid > stat.mzxid and changed.pzxid == stat.pzxid
    s.create(f"{root}/a/b")
    s.create(f"{root}/a/c")
    s.delete(f"{root}/a/b")
    after = s.exists(f"{root}/a")
    assert (after.cversion, after.children, after.mzxid) == (3, 1, changed.mzxid)
    assert after.pzxid > changed.mzxid
    s.must("setACL", ustring(f"{root}/a") + vector([acl(ALL, "world", "anyone")]) + integer(0))
    assert s.exists(f"{root}/a").aversion == 1


def test_the_reply_to_create_2_names_the_owner_of_an_ephemeral(session, root):
    s = session()
    reader = s.must("create2", create_body(f"{root}/e", flags=1))
    assert (reader.ustring(), reader.stat().owner) == (f"{root}/e", s.id)


def test_null_data_is_kept_null(session, root):
    s = session()
    s.create(f"{root}/null", None)
    data, stat = s.get(f"{root}/null")
    assert (data, stat.length) == (None, 0)
    s.create(f"{root}/empty", b"")
    assert s.get(f"{root}/empty")[0] == b""


def test_the_sequence_counts_every_create_and_no_delete(session, root):
    s = session()
    s.create(f"{root}/plain")
    assert s.create(f"{root}/s-", flags=2) == f"{root}/s-0000000001"
    s.delete(f"{root}/s-0000000001")
    assert s.create(f"{root}/s-", flags=3) == f"{root}/s-0000000002"
    assert s.create(f"{root}/", flags=2) == f"{root}/0000000003"
    assert s.exists(f"{root}/s-0000000002").owner == s.id


def test_a_sequence_is_not_reused_after_its_session_is_gone(session, root):
    s = session()
    s.create(f"{root}/e-", flags=3)
    s.close()
    assert session().create(f"{root}/e-", flags=3) == f"{root}/e-0000000001"


def test_containers_are_created_by_their_own_operation(session, root):
    s = session()
    reader = s.must("createContainer", create_body(f"{root}/c", flags=4))
    assert reader.ustring() == f"{root}/c"
    assert reader.stat().owner == 0
    reader.end()
    assert s.exists(f"{root}/c").owner == 0, "the mark of a container is not told to clients"
    s.create(f"{root}/c/child")


@pytest.mark.long
def test_a_container_goes_after_its_last_child_and_one_never_used_stays(session, root):
    s = session(timeout=40000)
    for name in ("used", "unused"):
        s.must("createContainer", create_body(f"{root}/{name}", flags=4))
    s.create(f"{root}/used/child")
    s.delete(f"{root}/used/child")

    def children():
        s.ask("ping", xid=-2)
        return s.children(root) == ["unused"]
    eventually(children, 150, "the container is gone", pause=0.5)


def test_names_that_need_more_than_511_bytes_work(session, root):
    s = session()
    deep = root
    for _ in range(12):
        deep += "/" + "n" * 100
        s.create(deep, deep.encode())
    assert s.get(deep)[0] == deep.encode()
    long_name = f"{root}/" + "é" * 3000
    s.create(long_name)
    assert s.children(root) == sorted(["n" * 100, "é" * 3000])
    s.delete(long_name)
    assert s.children(root) == ["n" * 100]


def test_many_children_come_in_one_answer(session, root):
    s = session()
    sent = [s.send("create", create_body(f"{root}/child-{i:05d}")) for i in range(5000)]
    assert [s.read().err for _ in sent] == [0] * 5000
    assert s.children(root) == [f"child-{i:05d}" for i in range(5000)]


def test_sync_answers_its_path(session, root):
    reader = session().must("sync", ustring(root))
    assert reader.ustring() == root
    reader.end()


def test_get_children_2_answers_the_stat_too(session, root):
    s = session()
    s.create(f"{root}/a")
    reader = s.must("getChildren2", path_watch(root))
    assert reader.vector(reader.ustring) == ["a"]
    assert reader.stat().children == 1
    reader.end()


def test_get_all_children_number_counts_below(session, root):
    s = session()
    for path in ("/a", "/a/b", "/a/b/c", "/d"):
        s.create(root + path)
    count = lambda path: s.must("getAllChildrenNumber", ustring(path)).int()
    assert [count(root), count(f"{root}/a"), count(f"{root}/d")] == [4, 2, 0]
    s.create(f"{root}a")
    assert count(root) == 4


def test_get_ephemerals_lists_the_callers_own_by_string_prefix(session, root):
    mine, other = session(), session()
    mine.create(f"{root}/e1", flags=1)
    mine.create(f"{root}/f1", flags=1)
    other.create(f"{root}/e2", flags=1)

    def ephemerals(s, prefix):
        reader = s.must("getEphemerals", ustring(prefix))
        return sorted(reader.vector(reader.ustring))
    both = [f"{root}/e1", f"{root}/f1"]
    assert ephemerals(mine, "") == ephemerals(mine, "/") == ephemerals(mine, root) == both
    assert ephemerals(mine, f"{root}/e") == [f"{root}/e1"]
    assert ephemerals(other, "/") == [f"{root}/e2"]


def test_who_am_i_lists_the_address_and_every_login(session):
    s = session()

    def ids():
        reader = s.must("whoAmI")
        return reader.vector(lambda: (reader.ustring(), reader.ustring()))
    assert ids() == [("ip", "127.0.0.1")]
    s.authenticate("digest", b"bob:secret")
    s.authenticate("digest", b"eve:pass")
    assert sorted(ids()) == [("digest", "bob"), ("digest", "eve"), ("ip", "127.0.0.1")]


# ACLs

def digest(user, password):
    return f"{user}:" + base64.b64encode(hashlib.sha1(f"{user}:{password}".encode()).digest()).decode()


def test_permissions_guard_each_operation(session, root):
    bob, eve = session(), session()
    bob.authenticate("digest", b"bob:secret")
    bob.create(f"{root}/own", b"x", acls=[acl(ALL, "digest", digest("bob", "secret"))])
    bob.create(f"{root}/own/child")
    no = ERR["noAuth"]
    checks = [("exists", path_watch(f"{root}/own")), ("getData", path_watch(f"{root}/own")),
              ("getChildren", path_watch(f"{root}/own")), ("setData", set_body(f"{root}/own", b"")),
              ("create", create_body(f"{root}/own/x")), ("delete", delete_body(f"{root}/own/child")),
              ("getACL", ustring(f"{root}/own")),
              ("setACL", ustring(f"{root}/own") + vector([acl(ALL, "world", "anyone")]) + integer(-1))]
    assert [(kind, eve.error(kind, body)) for kind, body in checks] == [(kind, no) for kind, _ in checks]
    assert [(kind, bob.error(kind, body)) for kind, body in checks] == [(kind, 0) for kind, _ in checks]


def test_scheme_auth_stands_for_the_callers_ids(session, root):
    s = session()
    s.authenticate("digest", b"bob:secret")
    s.create(f"{root}/a", acls=[acl(ALL, "auth", "")])
    assert s.must("getACL", ustring(f"{root}/a")).acls() == [(ALL, "digest", digest("bob", "secret"))]


def test_the_digest_is_masked_from_who_is_not_admin(session, root):
    s = session()
    s.create(f"{root}/a", acls=[acl(READ, "world", "anyone"), acl(ALL, "digest", digest("bob", "secret"))])
    assert s.must("getACL", ustring(f"{root}/a")).acls() == [
        (READ, "world", "anyone"), (ALL, "digest", "bob:x")]


def test_an_ip_acl_matches_the_address(session, root):
    s = session()
    s.create(f"{root}/in", b"x", acls=[acl(ALL, "ip", "127.0.0.0/8")])
    s.create(f"{root}/out", acls=[acl(ALL, "ip", "10.0.0.1")])
    assert s.get(f"{root}/in")[0] == b"x"
    assert s.error("getData", path_watch(f"{root}/out")) == ERR["noAuth"]


def test_duplicate_acl_entries_are_removed(session, root):
    s = session()
    s.create(f"{root}/a", acls=[acl(ALL, "world", "anyone")] * 3)
    assert s.must("getACL", ustring(f"{root}/a")).acls() == [(ALL, "world", "anyone")]


def test_delete_needs_the_parents_permission_alone(session, root):
    s = session()
    s.create(f"{root}/p", acls=[acl(READ | CREATE, "world", "anyone")])
    s.create(f"{root}/p/c")
    assert s.error("delete", delete_body(f"{root}/p/c")) == ERR["noAuth"]
    s.create(f"{root}/q", acls=[acl(READ | CREATE | DELETE, "world", "anyone")])
    s.create(f"{root}/q/c", acls=[acl(READ, "world", "anyone")])
    s.delete(f"{root}/q/c")


def test_a_login_survives_no_reconnect(session, root):
    s = session()
    s.authenticate("digest", b"bob:secret")
    s.create(f"{root}/a", acls=[acl(ALL, "digest", digest("bob", "secret"))])
    again = session(session=s.id, password=s.password)
    assert again.error("getData", path_watch(f"{root}/a")) == ERR["noAuth"]


# Four-letter words

def word(zookeeper, text, seconds=10):
    w = Wire(zookeeper.zookeeper)
    w.send_raw(text)
    return w.read_to_end(seconds)


def test_four_letter_words(zookeeper, session):
    s = session()
    assert word(zookeeper, b"ruok") == b"imok"
    assert word(zookeeper, b"isro") == b"rw"
    assert word(zookeeper, b"nope") == b""
    lines = word(zookeeper, b"srvr").decode().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Zookeeper version", "Latency min/avg/max", "Received", "Sent", "Connections", "Outstanding",
        "Zxid", "Mode", "Node count"]
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields["Mode"] == "standalone" and int(fields["Zxid"], 16) > 0
    assert int(fields["Connections"]) >= 2 and int(fields["Node count"]) >= 5
    low, average, high = map(float, fields["Latency min/avg/max"].split("/"))
    assert low <= average <= high
    assert word(zookeeper, b"envi").startswith(b"Environment:\nzookeeper.version=")
    version = word(zookeeper, b"envi").split(b"zookeeper.version=")[1].split(b"-")[0].split(b",")[0]
    assert tuple(int(n) for n in version.split(b".")[:3]) >= (3, 5, 0)
    assert f"0x{s.id:x}".encode() in word(zookeeper, b"cons")


def test_mntr_answers_tabbed_pairs(zookeeper):
    lines = word(zookeeper, b"mntr").decode().splitlines()
    pairs = dict(line.split("\t", 1) for line in lines)
    assert pairs["zk_server_state"] == "standalone"
    for key in ("version", "avg_latency", "max_latency", "min_latency", "packets_received", "packets_sent",
                "num_alive_connections", "outstanding_requests", "znode_count", "watch_count",
                "ephemerals_count", "approximate_data_size", "open_file_descriptor_count",
                "max_file_descriptor_count", "global_sessions", "uptime"):
        assert f"zk_{key}" in pairs
    assert int(pairs["zk_znode_count"]) >= 5


def test_words_about_watches_and_sessions(zookeeper, session, root):
    s = session()
    s.create(f"{root}/e", flags=1)
    s.get(root, watch=True)
    assert f"{root}\n\t0x{s.id:x}" in word(zookeeper, b"wchp").decode()
    assert f"0x{s.id:x}\n" in word(zookeeper, b"wchc").decode()
    total = word(zookeeper, b"wchs").decode()
    assert "connections watching" in total and "Total watches:" in total
    dump = word(zookeeper, b"dump").decode()
    assert f"0x{s.id:x}" in dump and f"{root}/e" in dump
    conf = dict(line.split("=", 1) for line in word(zookeeper, b"conf").decode().splitlines() if "=" in line)
    assert conf["clientPort"] == zookeeper.zookeeper.split(":")[1]
    assert (conf["tickTime"], conf["minSessionTimeout"], conf["maxSessionTimeout"]) == ("2000", "4000", "40000")
    assert b"Mode: standalone" in word(zookeeper, b"stat")


def test_a_word_is_a_command_only_as_the_first_bytes(session):
    s = session()
    s.send_raw(b"ruok")
    assert s.closed()


def test_a_socket_that_never_says_hello_is_closed(zookeeper):
    w = Wire(zookeeper.zookeeper)
    assert w.read_to_end(40) == b""
