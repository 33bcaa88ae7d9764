"""What is asked of both servers and must be answered alike: watches, sessions, frames. See test_conversations.py."""

import random
import struct

from jute import (ALL, OPEN, acl, buffer, connect_body, create_body, delete_body, integer, long, path_watch, set_body, ustring,
                  vector)

BOB = integer(0) + ustring("digest") + buffer(b"bob:secret")
SECRET = [acl(ALL, "auth", "")]
FRAME_MAX = 0xfffff


def life(path):
    """A znode's life, with all that a watch may see."""
    return [
        ("create", create_body(path)), ("setData", set_body(path, b"1")), ("create", create_body(path + "/c")),
        ("setData", set_body(path + "/c", b"1")), ("delete", delete_body(path + "/c")),
        ("setACL", ustring(path) + vector(OPEN) + integer(-1)), ("delete", delete_body(path)),
        ("create", create_body(path)), ("delete", delete_body(path)),
    ]


def watches(t):
    """Each kind of watch alone and many together, through a znode's life, by the own hand and by another's."""
    r = t.root
    n = r + "/n"
    t.open("a")
    t.open("b")
    t.ask("a", "create", create_body(r))
    kinds = {
        "data": ("getData", path_watch(n, True)), "exist": ("exists", path_watch(n, True)),
        "child": ("getChildren", path_watch(n, True)), "child2": ("getChildren2", path_watch(n, True)),
        "persistent": ("addWatch", ustring(n) + integer(0)), "recursive": ("addWatch", ustring(n) + integer(1)),
        "recursive above": ("addWatch", ustring(r) + integer(1)), "persistent above": ("addWatch", ustring(r) + integer(0)),
        "child above": ("getChildren", path_watch(r, True)), "recursive root": ("addWatch", ustring("/") + integer(1)),
    }
    fixed = random.Random(5)
    sets = [[kind] for kind in kinds] + [fixed.sample(list(kinds), count) for count in (2, 2, 2, 3, 3, 4, 5, 6, 8, 10)]
    for chosen in sets:
        for is_there in (False, True):
            if is_there:
                t.ask("b", "create", create_body(n))
            for kind in chosen:
                t.ask("a", *kinds[kind], label=f"watch {kind}")
            for step in life(n):
                t.ask("b" if len(chosen) % 2 else "a", *step)
                t.quiet("a")
            for path in (n, r, "/"):
                for kind in (1, 2, 3, 4, 5):
                    t.ask("a", "checkWatches", ustring(path) + integer(kind), label=f"check {kind} {path}")
            for path in (n, r, "/"):
                for kind in (1, 2, 4, 5, 3):
                    t.ask("a", "removeWatches", ustring(path) + integer(kind), label=f"remove {kind} {path}")
    for kind in (0, 6, -1, 100):
        for op, number in (("checkWatches", kind), ("removeWatches", kind), ("addWatch", kind + 2)):
            t.ask("a", op, ustring(r) + integer(number))


def secret_watches(t):
    """Watches on what their owner may not read, and on what he may read no longer."""
    r = t.root
    s = r + "/s"
    t.open("b")
    t.ask("b", "auth", BOB, xid=-4)
    t.ask("b", "create", create_body(r))
    ways = {
        "exists": [("exists", path_watch(s, True))], "recursive": [("addWatch", ustring(r) + integer(1))],
        "persistent": [("addWatch", ustring(s) + integer(0)), ("addWatch", ustring(r) + integer(0))],
        "child": [("getChildren", path_watch(r, True))],
    }

    def write(op, body):
        t.ask("b", op, body)
        t.quiet("a")

    for chosen in [[way] for way in ways] + [list(ways)]:
        t.open("a")
        for way in chosen:
            for question in ways[way]:
                t.ask("a", *question)
        write("create", create_body(s, acls=SECRET))
        for op, body in (
                ("checkWatches", ustring(s) + integer(2)), ("checkWatches", ustring(r) + integer(1)),
                ("exists", path_watch(s, True)), ("getData", path_watch(s, True)), ("checkWatches", ustring(s) + integer(3))):
            t.ask("a", op, body)
        write("setData", set_body(s, b"1"))
        write("create", create_body(s + "/open"))
        write("setData", set_body(s + "/open", b""))
        write("delete", delete_body(s + "/open"))
        write("setACL", ustring(s) + vector(OPEN) + integer(-1))
        t.ask("a", "getData", path_watch(s, True))
        t.ask("a", "getChildren", path_watch(s, True))
        t.ask("b", "setACL", ustring(s) + vector(SECRET) + integer(-1))
        write("setData", set_body(s, b"2"))
        t.ask("a", "checkWatches", ustring(s) + integer(2))
        write("delete", delete_body(s))
        t.ask("a", "checkWatches", ustring(s) + integer(3))


def catching_up(t):
    """What a client that comes back with its watches is told, by what it has seen."""
    r = t.root
    t.open("b")
    for name in ("", "/d", "/d2", "/c", "/cd", "/g", "/gone", "/gonec"):
        t.ask("b", "create", create_body(r + name))
    seen = t.ask("b", "setData", set_body(r + "/g", b"z")).zxid
    for op, body in (
            ("setData", set_body(r + "/d", b"n")), ("create", create_body(r + "/c/k")), ("delete", delete_body(r + "/gone")),
            ("delete", delete_body(r + "/gonec")), ("create", create_body(r + "/new"))):
        t.ask("b", op, body)

    def below(*names):
        return vector([ustring(r + name) for name in names])

    one_shot = (below("/d", "/d2", "/gone", "/never"), below("/new", "/no", "/d"), below("/c", "/cd", "/gonec", "/nonec"))
    lasting = (below("/d", "/no", "/d2", ""), below("", "/c"))
    for since in (seen, 0, seen + 2**40, -1):
        t.open("a")
        t.ask("a", "setWatches", long(since) + b"".join(one_shot), xid=-8)
        t.quiet("a")
        for name in ("/d", "/d2", "/gone", "/never", "/new", "/no", "/c", "/cd", "/gonec", "/nonec"):
            for kind in (1, 2):
                t.ask("a", "checkWatches", ustring(r + name) + integer(kind), label=f"check {kind} {name}")
        lives(t, r, ("/d2", "/no", "/cd"))
        t.open("a")
        t.ask("a", "setWatches2", long(since) + b"".join(one_shot + lasting), xid=-8)
        t.quiet("a")
        lives(t, r, ("/d2", "/c", "/d", "/no"))
        t.ask("b", "delete", delete_body(r + "/no"))
        t.quiet("a")
    t.open("a")
    t.ask("a", "setWatches", long(-1) + vector([ustring(path) for path in ("", "bad", "/", "/zookeeper")]) * 3, xid=-8)
    t.quiet("a")


def lives(t, r, names):
    for name in names:
        for op, body in (("create", create_body(r + name)), ("setData", set_body(r + name, b"")),
                         ("create", create_body(r + name + "/x")), ("delete", delete_body(r + name + "/x"))):
            t.ask("b", op, body)
        t.quiet("a")


def sessions(t):
    for timeout in (-1, 0, 1, 3999, 4000, 4001, 39999, 40000, 40001, 2**31 - 1, -2**31):
        t.open("c", timeout=timeout)
        t.ask("c", "closeSession")
        t.closed("c")
    for read_only in (None, False, True):
        t.open("c", read_only=read_only)
    t.open("a")
    for password in (bytes(16), b"", None, b"short", b"x" * 17, b"x" * 2000):
        t.open("new", password=password)
        t.open("x", session=t.sessions["a"].id, password=password)
    for number, read_only in ((12345, True), (-1, False), (12345, None)):
        t.open("x", session=number, password=bytes(16), read_only=read_only)


def taken_over(t):
    """A session that another connection takes: with the password, without it, from the future."""
    r = t.root
    t.open("a")
    t.ask("a", "create", create_body(r))
    t.ask("a", "create", create_body(r + "/e", flags=1))
    t.ask("a", "getData", path_watch(r, True))
    t.open("b", like="a")
    t.closed("a")
    t.ask("b", "getEphemerals", ustring("/"))
    t.ask("b", "checkWatches", ustring(r) + integer(2))
    t.open("c", like="b", timeout=5000)
    t.closed("b")
    t.open("d", like="c", last_zxid=2**62)
    t.ask("c", "exists", path_watch(r + "/e"))
    t.open("w", like="c", password=bytes(16))
    t.closed("c")


def closed(t):
    """closeSession: what it deletes, what others see of it, and what stands after it in one packet."""
    r = t.root
    t.open("a")
    t.open("o")
    t.ask("o", "create", create_body(r))
    t.ask("a", "create", create_body(r + "/e", flags=1))
    t.ask("o", "exists", path_watch(r + "/e", True))
    t.ask("o", "getChildren", path_watch(r, True))
    number, password = t.sessions["a"].id, t.sessions["a"].password
    t.ask("a", "closeSession", xid=77)
    t.closed("a")
    t.quiet("o")
    t.ask("o", "exists", path_watch(r + "/e"))
    t.open("z", session=number, password=password)
    t.open("b")
    requests = (integer(1) + integer(-11), integer(2) + integer(1) + create_body(r + "/late"),
                integer(3) + integer(3) + path_watch(r))
    t.sessions["b"].send_raw(b"".join(struct.pack(">i", len(request)) + request for request in requests))
    t.hear_all("b")
    t.ask("o", "getChildren", path_watch(r))
    t.open("c")
    t.ask("c", "closeSession", b"extra bytes")
    t.closed("c")


def frames(t):
    """Connect requests cut short, and lengths that no frame may have."""
    r = t.root
    whole = connect_body()
    for size in range(len(whole)):
        t.note(f"connect[:{size}]: {t.raw(struct.pack('>i', size) + whole[:size])!r}")
    for length in (0, -1, -2**31, 2**31 - 1, FRAME_MAX + 1, 5 << 20):
        t.note(f"first length {length}: {t.raw(struct.pack('>i', length) + b'x' * 40)!r}")
    for length in (0, -1, -2**31, 2**31 - 1, FRAME_MAX + 1, 5 << 20, 1, 3, 4, 7):
        t.open("a")
        t.note(f"length {length}")
        t.sessions["a"].send_raw(struct.pack(">i", length) + b"\0" * max(0, min(length, 8)))
        t.closed("a")
    t.open("a")
    t.ask("a", "create", create_body(r))
    most = FRAME_MAX - 8 - len(ustring(r)) - 4 - 4
    for size in (most, most + 1):
        t.ask("a", "setData", set_body(r, b"x" * size), label=f"setData of the longest {size - most:+}")


SESSIONS = (watches, secret_watches, catching_up, sessions, taken_over, closed, frames)
