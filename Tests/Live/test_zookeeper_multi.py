"""multi and multiRead: what they answer and what they leave behind."""

from jute import (END, ERR, ALL, acl, create_body, delete_body, multi_body, multi_results, operation, path_watch,
                  set_body)


def check(path, version=-1):
    return operation("check", delete_body(path, version))


def test_an_empty_multi_is_answered_with_the_end_marker(session):
    frame = session().ask("multi", multi_body())
    assert (frame.err, frame.body) == (0, END)


def test_all_steps_share_one_zxid(session, root):
    s = session()
    frame = s.ask("multi", multi_body(
        operation("create", create_body(f"{root}/a", b"1")), operation("create2", create_body(f"{root}/b")),
        operation("createContainer", create_body(f"{root}/c", flags=4)),
        operation("setData", set_body(f"{root}/a", b"22", 0)), check(f"{root}/a", 1),
        operation("delete", delete_body(f"{root}/b"))))
    assert frame.err == 0
    results = multi_results(frame.body)
    assert [(kind, err) for kind, err, _ in results] == [(1, 0), (15, 0), (15, 0), (5, 0), (13, 0), (2, 0)]
    assert results[0][2] == f"{root}/a" and results[1][2][0] == f"{root}/b"
    assert results[3][2].version == 1 and results[3][2].length == 2
    a = s.exists(f"{root}/a")
    assert a.czxid == a.mzxid == frame.zxid
    assert s.children(root) == ["a", "c"]


def test_the_first_failure_undoes_all(session, root):
    s = session()
    before = s.exists(root)
    frame = s.ask("multi", multi_body(
        operation("create", create_body(f"{root}/a")), operation("setData", set_body(root, b"x")),
        check(root, 99), operation("create", create_body(f"{root}/b"))))
    assert frame.err == 0
    results = multi_results(frame.body)
    expected = [0, 0, ERR["badVersion"], ERR["runtimeInconsistency"]]
    assert results == [(-1, err, err) for err in expected]
    after = s.exists(root)
    assert after == before and s.children(root) == []
    assert s.create(f"{root}/s", flags=2) == f"{root}/s0000000000"


def test_a_failed_multi_has_its_own_zxid(session, root):
    s = session()
    before = s.ask("sync", "\0\0\0\0".encode()).zxid
    frame = s.ask("multi", multi_body(check(root, 99)))
    assert frame.zxid > before


def test_each_error_has_its_code(session, root):
    s = session()
    s.create(f"{root}/e", flags=1)
    cases = [
        (operation("create", create_body(root)), "nodeExists"),
        (operation("create", create_body(f"{root}/no/x")), "noNode"),
        (operation("create", create_body(f"{root}/e/x")), "noChildrenForEphemerals"),
        (operation("create", create_body(f"{root}/x", acls=[])), "invalidACL"),
        (operation("create", create_body("bad")), "badArguments"),
        (operation("delete", delete_body(f"{root}/no")), "noNode"),
        (operation("delete", delete_body(root)), "notEmpty"),
        (operation("delete", delete_body(f"{root}/e", 9)), "badVersion"),
        (operation("setData", set_body(f"{root}/no", b"")), "noNode"),
        (operation("setData", set_body(root, b"", 9)), "badVersion"),
        (check(f"{root}/no"), "noNode"), (check(root, 9), "badVersion"),
    ]
    got = [multi_results(s.ask("multi", multi_body(step)).body)[0][1] for step, _ in cases]
    assert got == [ERR[error] for _, error in cases]


def test_later_steps_see_earlier_ones(session, root):
    s = session()
    frame = s.ask("multi", multi_body(
        operation("create", create_body(f"{root}/a")), operation("create", create_body(f"{root}/a/s", flags=2)),
        operation("create", create_body(f"{root}/a/s", flags=2)), operation("create", create_body(f"{root}/a/e", flags=1)),
        check(f"{root}/a/e", 0), operation("delete", delete_body(f"{root}/a/e"))))
    assert [payload for _, _, payload in multi_results(frame.body)][:4] == [
        f"{root}/a", f"{root}/a/s0000000000", f"{root}/a/s0000000001", f"{root}/a/e"]
    assert s.children(f"{root}/a") == ["s0000000000", "s0000000001"]


def test_a_delete_after_its_children_in_one_multi(session, root):
    s = session()
    s.create(f"{root}/a")
    s.create(f"{root}/a/b")
    frame = s.ask("multi", multi_body(operation("delete", delete_body(f"{root}/a/b")),
                                      operation("delete", delete_body(f"{root}/a"))))
    assert [err for _, err, _ in multi_results(frame.body)] == [0, 0]
    assert s.children(root) == []


def test_permissions_hold_within_a_multi(session, root):
    s = session()
    s.create(f"{root}/shut", acls=[acl(ALL, "ip", "10.0.0.1")])
    results = multi_results(s.ask("multi", multi_body(
        operation("create", create_body(f"{root}/a")), operation("create", create_body(f"{root}/shut/x")))).body)
    assert [err for _, err, _ in results] == [0, ERR["noAuth"]]
    assert s.children(root) == ["shut"]


def test_a_thousand_creates_in_one_multi(session, root):
    s = session()
    steps = [operation("create", create_body(f"{root}/n{i:04d}", b"x" * 100)) for i in range(1000)]
    assert len(multi_results(s.ask("multi", multi_body(*steps)).body)) == 1000
    assert s.children(root) == [f"n{i:04d}" for i in range(1000)]


def test_multi_read_answers_each_part_on_its_own(session, root):
    s = session()
    s.create(f"{root}/a", b"data")
    s.create(f"{root}/shut", acls=[acl(ALL, "ip", "10.0.0.1")])
    frame = s.ask("multiRead", multi_body(
        operation("getData", path_watch(f"{root}/a")), operation("getChildren", path_watch(root)),
        operation("getData", path_watch(f"{root}/none")), operation("getData", path_watch(f"{root}/shut")),
        operation("getData", path_watch(f"{root}/a"))))
    assert frame.err == 0
    results = multi_results(frame.body)
    assert [(kind, err) for kind, err, _ in results] == [
        (4, 0), (8, 0), (-1, ERR["noNode"]), (-1, ERR["noAuth"]), (4, 0)]
    assert results[0][2][0] == b"data" and sorted(results[1][2]) == ["a", "shut"]
    assert results[2][2] == ERR["noNode"]
