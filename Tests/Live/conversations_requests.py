"""What is asked of both servers and must be answered alike: requests, good and bad. See test_conversations.py."""

import base64
import hashlib

from jute import (ADMIN, ALL, CREATE, DELETE, END, OPEN, READ, WRITE, acl, buffer, create_body, delete_body, integer, long,
                  multi_body, operation, path_watch, set_body, ustring, vector)

NULL = integer(-1)
BOB = integer(0) + ustring("digest") + buffer(b"bob:secret")
TTL_MAX = 0xffffffffff  # 40 bits of milliseconds


def digest(user, password):
    return f"{user}:" + base64.b64encode(hashlib.sha1(f"{user}:{password}".encode()).digest()).decode()


def reopen(t, name="a"):
    """A new session where the last question cost the old one."""
    if name not in t.sessions:
        t.open(name)


def good_bodies(r):
    texts = vector([ustring(r + "/q")])
    return {
        "create": create_body(f"{r}/tr", b"abc"), "create2": create_body(f"{r}/tr2", b"abc"),
        "createContainer": create_body(f"{r}/trc", b"abc", flags=4),
        "createTTL": create_body(f"{r}/trt", b"", flags=5) + long(1000),
        "delete": delete_body(f"{r}/nope"), "exists": path_watch(r), "getData": path_watch(r),
        "setData": set_body(r, b"xyz"), "getACL": ustring(r), "setACL": ustring(r) + vector(OPEN) + integer(-1),
        "getChildren": path_watch(r), "getChildren2": path_watch(r), "sync": ustring(r), "check": delete_body(r),
        "multi": multi_body(operation("check", delete_body(r)), operation("setData", set_body(r, b"q"))),
        "multiRead": multi_body(operation("getData", path_watch(r)), operation("getChildren", path_watch(r))),
        "getEphemerals": ustring(r), "getAllChildrenNumber": ustring(r), "addWatch": ustring(r) + integer(0),
        "checkWatches": ustring(r) + integer(3), "removeWatches": ustring(r) + integer(3), "whoAmI": b"",
        "setWatches": long(0) + texts + vector([]) * 2, "setWatches2": long(0) + texts + vector([]) * 4,
        "reconfig": ustring("") * 3 + long(-1), "ping": b"", 102: buffer(b"x"),
    }


def truncated(t):
    """Each request cut after each of its bytes, whole, and with bytes to spare."""
    r = t.root
    t.open("a")
    t.ask("a", "create", create_body(r))
    for op, body in good_bodies(r).items():
        for size in range(len(body)):
            t.ask("a", op, body[:size], label=f"{op}[:{size - len(body)}]")
            reopen(t)
        t.ask("a", op, body + b"extra", label=f"{op}+5")
        reopen(t)


def nulls(t):
    r = t.root
    t.open("a")
    t.ask("a", "create", create_body(r))

    def identity(scheme, name):
        return ustring(r + "/x") + buffer(b"") + vector([integer(ALL) + scheme + name]) + integer(0)

    empty = buffer(b"")
    questions = {
        "create": NULL + empty + vector(OPEN) + integer(0),
        "create:no list": ustring(r + "/x") + empty + NULL + integer(0),
        "create:no scheme": identity(NULL, ustring("anyone")),
        "create:no id": identity(ustring("world"), NULL),
        "create:no digest": identity(ustring("digest"), NULL),
        "create:data -2": ustring(r + "/x") + integer(-2) + vector(OPEN) + integer(0),
        "create:path -5": integer(-5) + empty + vector(OPEN) + integer(0),
        "delete": NULL + integer(-1), "exists": NULL + b"\0", "exists:watch": NULL + b"\1", "getData": NULL + b"\0",
        "setData": NULL + empty + integer(-1), "setData:no data": ustring(r) + NULL + integer(-1), "getACL": NULL,
        "setACL": NULL + vector(OPEN) + integer(-1), "setACL:no list": ustring(r) + NULL + integer(-1),
        "getChildren": NULL + b"\0", "getChildren2": NULL + b"\0", "getEphemerals": NULL, "getAllChildrenNumber": NULL,
        "addWatch": NULL + integer(0), "checkWatches": NULL + integer(3), "removeWatches": NULL + integer(3),
        "setWatches": long(0) + NULL * 3, "setWatches2": long(0) + NULL * 5, "setWatches:-2": long(0) + integer(-2) * 3,
        "setWatches:no path": long(0) + vector([NULL]) + NULL * 2,
        "multi": operation("create", NULL + empty + vector(OPEN) + integer(0)) + END,
        "exists:bool 2": ustring(r) + b"\2", "exists:no UTF-8": ustring(b"/\xff\xfe") + b"\0",
        "create:no UTF-8": create_body((r + "/").encode() + b"\xff\xfe"), "create:4 bytes": create_body(r + "/\U0001F600"),
        "create:surrogate": create_body(r.encode() + b"/\xed\xa0\x80"), "exists:long": ustring("/" + "a" * 5000) + b"\0",
    }
    for label, body in questions.items():
        reopen(t)
        t.ask("a", label.split(":")[0], body, label=label, xid=-8 if label.startswith("setW") else None)
    reopen(t)
    t.ask("a", "getChildren", path_watch(r))


def unknown(t):
    for op in (0, 10, 13, 23, 99, 102, 108, -1, -5, 1000):
        t.open("a")
        t.ask("a", op, delete_body("/"), label=f"op {op}")
        if "a" in t.sessions:
            t.quiet("a")


def special_xids(t):
    r = t.root
    t.open("a")
    t.ask("a", "create", create_body(r))
    for xid in (0, -1, -2, -4, -8, -3, 2**31 - 1, -2**31):
        for op, body in (("exists", path_watch(r)), ("ping", b""), ("setData", set_body(r, b""))):
            reopen(t)
            t.ask("a", op, body, xid=xid, label=f"{op} xid {xid}")
    t.ask("a", "auth", BOB, xid=7, label="auth xid 7")
    t.ask("a", "setWatches", long(0) + vector([]) * 3, xid=9, label="setWatches xid 9")


def authentication(t):
    t.open("a")
    for scheme, secret in (
            ("digest", b"bob:secret"), ("digest", b""), ("digest", b":"), ("digest", b"a:b:c"), ("digest", None), ("ip", b""),
            ("ip", b"1.2.3.4"), ("world", b""), ("auth", b""), ("super", b""), ("sasl", b""), ("x509", b""), ("", b""),
            ("DIGEST", b"a:b")):
        reopen(t)
        t.ask("a", "auth", integer(0) + ustring(scheme) + buffer(secret), xid=-4, label=f"auth {scheme} {secret}")
        if "a" in t.sessions:
            t.ask("a", "whoAmI")
    for size in range(0, len(BOB), 3):
        t.open("b")
        t.ask("b", "auth", BOB[:size], xid=-4, label=f"auth[:{size}]")
        if "b" in t.sessions:
            t.quiet("b")


LISTS = [
    [acl(ALL, "world", "anyone")], [acl(0, "world", "anyone")], [acl(READ, "world", "anyone")], [acl(-1, "world", "anyone")],
    [acl(63, "world", "anyone")], [acl(ALL, "world", "")], [acl(ALL, "auth", "")], [acl(ALL, "auth", "x")],
    [acl(ALL, "auth", ""), acl(READ, "world", "anyone")], [acl(ALL, "digest", digest("bob", "secret"))],
    [acl(ALL, "digest", "a:b:c")], [acl(ALL, "digest", "a:")], [acl(ALL, "digest", ":b")], [acl(ALL, "digest", "")],
    [acl(ALL, "ip", "127.0.0.1")], [acl(ALL, "ip", "127.0.0.1/0")], [acl(ALL, "ip", "0.0.0.0/0")],
    [acl(ALL, "ip", "127.0.0.1/32")], [acl(ALL, "ip", "127.0.0.1/33")], [acl(ALL, "ip", "127.0.0.1/-1")],
    [acl(ALL, "ip", "127.0.0.1/")], [acl(ALL, "ip", "127.0.0.1/a")], [acl(ALL, "ip", "256.0.0.1")], [acl(ALL, "ip", "127.1")],
    [acl(ALL, "ip", "127.0.0.1/8/8")], [acl(ALL, "super", "")], [acl(ALL, "x509", "CN=a")],
    [acl(ALL, "sasl", "a")], [acl(ALL, "", "")], [acl(READ, "world", "anyone"), acl(30, "digest", digest("bob", "secret"))],
    [acl(ADMIN, "world", "anyone")], [acl(READ, "world", "anyone")] * 2 + [acl(WRITE, "world", "anyone")],
    [acl(ALL, "world", "anyone"), acl(ALL, "nope", "x")], [acl(READ, "ip", "10.0.0.1"), acl(ALL, "ip", "127.0.0.0/8")],
    [acl(CREATE, "world", "anyone")], [acl(DELETE, "world", "anyone")], [],
]


def access(t):
    """Lists good and bad, set by a stranger and by bob; then what each of them may do."""
    r = t.root
    t.open("a")
    t.open("bob")
    t.ask("bob", "auth", BOB, xid=-4)
    t.ask("a", "create", create_body(r))
    for number, entries in enumerate(LISTS):
        for owner in ("a", "bob"):
            path = f"{r}/{number}{owner}"
            made = t.ask(owner, "create", create_body(path, b"d", acls=entries), label=f"create {b' '.join(entries)!r}")
            if made.err:
                continue
            for who in ("a", "bob"):
                for op, body in (
                        ("getACL", ustring(path)), ("getData", path_watch(path)), ("exists", path_watch(path)),
                        ("setData", set_body(path, b"e")), ("create", create_body(path + "/c")),
                        ("getChildren2", path_watch(path)), ("delete", delete_body(path + "/c")),
                        ("multi", multi_body(operation("check", delete_body(path)))),
                        ("multiRead", multi_body(operation("getData", path_watch(path)),
                                                 operation("getChildren", path_watch(path)))),
                        ("getAllChildrenNumber", ustring(path)), ("sync", ustring(path))):
                    t.ask(who, op, body)
            t.ask(owner, "setACL", ustring(path) + vector(entries) + integer(0))
            for who in ("bob", "a"):
                t.ask(who, "setACL", ustring(path) + vector(OPEN) + integer(-1))
            t.ask("a", "getACL", ustring(path))


def modes(t):
    """Every create with every mode. createTTL with a mode that has no TTL is left out: it ends the real server."""
    r = t.root
    t.open("a")
    t.ask("a", "create", create_body(r))
    for op in ("create", "create2", "createContainer", "createTTL"):
        flags = (5, 6, 7, -1, 99) if op == "createTTL" else (0, 1, 2, 3, 4, 5, 6, 7, -1, 99)
        lives = (-1, 0, 1, 1000, TTL_MAX, TTL_MAX + 1, -2**63, 2**63 - 1) if op == "createTTL" else (None,)
        for flag in flags:
            for life in lives:
                tail = b"" if life is None else long(life)
                t.ask("a", op, create_body(f"{r}/{op}{flag}-{life}-", b"x", flags=flag) + tail, label=f"{op} {flag} {life}")
                reopen(t)
    t.ask("a", "getChildren2", path_watch(r))
    t.ask("a", "getEphemerals", ustring(r))
    t.ask("a", "getAllChildrenNumber", ustring(r))
    for name in ("create0", "createContainer4", "create1", "createContainer0", "create4"):
        path = f"{r}/{name}-None-"
        t.ask("a", "exists", path_watch(path))
        t.ask("a", "create", create_body(path + "/x", flags=1))
        t.ask("a", "create", create_body(path + "/s", flags=2))
        t.ask("a", "delete", delete_body(path))
        t.ask("a", "getChildren2", path_watch(path))


def paths(t):
    r = t.root
    t.open("a")
    t.ask("a", "create", create_body(r))
    t.ask("a", "create", create_body(r + "/k"))
    below = ["/", "//", "//k", "/k/", "/.", "/..", "/./k", "/../x", "/\0", "/\1", "/\x1f", "/\x7f", "/\x9f", "/\xa0", "/\ud7ff",
             "/\ue000", "/\uf8ff", "/\uf900", "/\ufff0", "/\uffef", "/é", "/...", "/.a", "/a.", "/\t", "/%", "/k/z/y"]
    for path in ["", "/", "a", " ", "/ ", "//"] + [r + end for end in below] + [
            "/zookeeper/", "/zookeeper/quota", "/zookeeper/nope", "/zookeeper/quota/x"]:
        wrong = delete_body(path, 77)
        for op, body in (
                ("create", create_body(path)), ("create", create_body(path, flags=2)), ("create2", create_body(path, flags=1)),
                ("exists", path_watch(path)), ("getData", path_watch(path)), ("getChildren2", path_watch(path)),
                ("setData", set_body(path, b"", 77)), ("getACL", ustring(path)),
                ("setACL", ustring(path) + vector(OPEN) + integer(77)), ("sync", ustring(path)),
                ("getEphemerals", ustring(path)), ("getAllChildrenNumber", ustring(path)),
                ("checkWatches", ustring(path) + integer(3)), ("removeWatches", ustring(path) + integer(3)),
                ("addWatch", ustring(path) + integer(0)), ("removeWatches", ustring(path) + integer(4)),
                ("multi", multi_body(operation("check", wrong))), ("multi", multi_body(operation("delete", wrong))),
                ("multi", multi_body(operation("create", create_body(path)), operation("check", delete_body(r, 77)))),
                ("multiRead", multi_body(operation("getData", path_watch(path)), operation("getChildren", path_watch(path)))),
                ("delete", wrong), ("delete", delete_body(path))):
            t.ask("a", op, body, label=f"{op} {path!r}")
            reopen(t)
    t.ask("a", "getChildren2", path_watch(r))


def multis(t):
    """A failing step of each kind at each place among good ones; then the good ones alone; then what no multi may hold."""
    r = t.root
    t.open("a")
    for path, data, flags in ((r, b"", 0), (r + "/k", b"1", 0), (r + "/eph", b"", 1)):
        t.ask("a", "create", create_body(path, data, flags=flags))
    t.ask("a", "addWatch", ustring(r) + integer(1))
    good = [
        operation("create", create_body(f"{r}/m1", b"d")), operation("create2", create_body(f"{r}/m1/s", flags=2)),
        operation("setData", set_body(r + "/k", b"z")), operation("check", delete_body(r + "/k")),
        operation("createContainer", create_body(r + "/mc", flags=4)), operation("delete", delete_body(f"{r}/eph")),
        operation("create", create_body(f"{r}/eph", flags=1)),
    ]
    bad = {
        "version": ("check", delete_body(r + "/k", 999)), "no node": ("delete", delete_body(r + "/none")),
        "exists": ("create", create_body(r + "/k")), "no list": ("create", create_body(r + "/x", acls=[])),
        "path": ("create2", create_body("bad")), "not empty": ("delete", delete_body(r)),
        "ttl": ("createTTL", create_body(r + "/x", flags=5) + long(100)), "mode": ("create", create_body(r + "/x", flags=77)),
        "empty path": ("check", delete_body("")), "root": ("delete", delete_body("/")),
        "ephemeral": ("create", create_body(r + "/eph/x")), "set": ("setData", set_body("x", b"")),
    }
    for name, step in bad.items():
        for place in range(len(good) + 1):
            steps = good[:place] + [operation(*step)] + good[place:]
            t.ask("a", "multi", multi_body(*steps), label=f"multi {name} at {place}")
            reopen(t)
    t.ask("a", "multi", multi_body(*good))
    t.quiet("a")
    t.ask("a", "getChildren2", path_watch(r))
    foreign_steps(t, r)
    reads(t, r)
    t.ask("a", "multi", good[0], label="multi without an end")
    t.ask("a", "multi", multi_body(operation("delete", delete_body(r + "/none"))) + b"junk", label="multi with a tail")


def foreign_steps(t, r):
    for name, step in {
            "getData": ("getData", path_watch(r)), "77": (77, b""), "setACL": ("setACL", ustring(r) + vector(OPEN) + integer(-1)),
            "sync": ("sync", ustring(r)), "exists": ("exists", path_watch(r)), "error": (-1, integer(0)),
            "multi": ("multi", multi_body())}.items():
        for op in ("multi", "multiRead"):
            reopen(t)
            t.ask("a", op, multi_body(operation(*step)), label=f"{op} of {name}")
    reopen(t)


def reads(t, r):
    steps = [operation("getData", path_watch(r + "/k")), operation("getChildren", path_watch(r)),
             operation("getData", path_watch(r + "/none")), operation("getChildren", path_watch(r + "/none")),
             operation("getData", path_watch("bad")), operation("getData", path_watch(r + "/k", True))]
    t.ask("a", "multiRead", multi_body(*steps))
    t.ask("a", "multiRead", multi_body(*steps[::-1]))
    t.ask("a", "multiRead", multi_body(*(steps * 20)), label="multiRead of 120")
    t.ask("a", "setData", set_body(r + "/k", b"after"))
    t.quiet("a")
    t.ask("a", "multiRead", b"".join(steps), label="multiRead without an end")


def tree(t):
    """What is there from the start."""
    t.open("a")
    for path in ("/zookeeper", "/zookeeper/config", "/zookeeper/quota", "/zookeeper/quota/zookeeper", "/"):
        for op in ("exists", "getData", "getChildren2", "getACL"):
            t.ask("a", op, path_watch(path), label=f"{op} {path}")
    for op, body in (
            ("delete", delete_body("/zookeeper/config")), ("setData", set_body("/zookeeper/config", b"")),
            ("delete", delete_body("/zookeeper")), ("delete", delete_body("/zookeeper/quota", 7)),
            ("setACL", ustring("/zookeeper/config") + vector(OPEN) + integer(-1)),
            ("create", create_body("/zookeeper/config/x")), ("getData", path_watch("/zookeeper/config", True)),
            ("checkWatches", ustring("/zookeeper/config") + integer(2))):
        t.ask("a", op, body)


REQUESTS = (tree, truncated, nulls, unknown, special_xids, authentication, access, modes, paths, multis)
