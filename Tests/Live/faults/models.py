"""What one key, one znode, one lock promises: from a state and an operation to the next state.

Every written value is unique in its history, so that a value tells which write is meant. Where an
operation's outcome is unknown (`known` is false), the step says what it does if it takes effect.
"""

from collections.abc import Hashable

from faults.history import Operation
from faults.linear import REFUSED


def key_step(state: Hashable, o: Operation) -> Hashable:
    """A Consul key: the state is its value, or None."""
    match o.kind:
        case "read":
            return state if state == o.result else REFUSED
        case "put":
            return o.arguments[0]
        case "delete":
            return None
        case "cas":  # the expected value (None: there is no key), and the new one
            expected, value = o.arguments
            if not o.known:
                return value if state == expected else REFUSED
            if o.result:
                return value if state == expected else REFUSED
            return state if state != expected else REFUSED
        case "delete-cas":
            if not o.known:
                return None if state == o.arguments[0] else REFUSED
            if o.result:  # also where there is no key, as in Consul (KVSDeleteCAS)
                return None if state in (o.arguments[0], None) else REFUSED
            return state if state not in (o.arguments[0], None) else REFUSED
    raise ValueError(o.kind)


NO_NODE, BAD_VERSION, NODE_EXISTS = -101, -103, -110


def znode_step(state: Hashable, o: Operation) -> Hashable:
    """A znode: the state is (value, version), or None. A result below 0 is ZooKeeper's error."""
    match o.kind:
        case "read":
            return state if state == o.result else REFUSED
        case "create":
            if state is not None:
                return state if o.result == NODE_EXISTS else REFUSED
            return (o.arguments[0], 0) if o.result in (0, None) else REFUSED
        case "set":
            value, expected = o.arguments
            return written(state, expected, o, lambda v: (value, v + 1))
        case "delete":
            return written(state, o.arguments[0], o, lambda v: None)
        case "expire":  # the end of its session, at some time or never
            return None
    raise ValueError(o.kind)


def written(state: Hashable, expected: int, o: Operation, after) -> Hashable:
    """`expected` is a version, or -1 for any; the result of a set is the new version."""
    if state is None:
        return None if o.result == NO_NODE else REFUSED
    if expected not in (-1, state[1]):
        return state if o.result == BAD_VERSION else REFUSED
    next_state = after(state[1])
    right = 0 if next_state is None else next_state[1]
    return next_state if not o.known or o.result == right else REFUSED


def lock_step(state: Hashable, o: Operation) -> Hashable:
    """A Consul lock without delay: the state is (holder, value), holder None when it is free."""
    holder, value = state
    match o.kind:
        case "read":
            return state if state == o.result else REFUSED
        case "acquire":
            session, new = o.arguments
            free = holder in (None, session)
            if not o.known:
                return (session, new) if free else REFUSED
            return ((session, new) if free else state) if free == o.result else REFUSED
        case "release":
            session, new = o.arguments
            held = holder == session
            if not o.known:
                return (None, new) if held else REFUSED
            return ((None, new) if held else state) if held == o.result else REFUSED
        case "end":  # the session was destroyed, or ran out of time
            return (None, value) if holder == o.arguments[0] else state
    raise ValueError(o.kind)
