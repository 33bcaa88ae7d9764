"""Random programs for Consul, and what of two servers' answers must be the same.

All must, but for what is each server's own: ids are named in the order of their first appearance; the indexes of keys and
sessions are compared by equality and order, those of the catalog by their being there; ports, hashes, and the order of what
Go keeps in maps are taken out. What the catalog says of an agent's services is asked until it is the same: the real agent
tells it in its own time. In programs of the kind "watched" Roost must also keep to the rule by which clients wait, unless the
real server breaks it in the same place: whatever changes an answer raises its X-Consul-Index, and nothing lowers it.

A request has one mistake at most: which of several is told first is each server's own (Docs.docc/Limits.md).
"""

import http.client
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from golden_consul import LEFT_OUT, NO_SESSION, UUID
from random_programs.consul_requests import Generator, Step
from random_programs.programs import Answers, Comparison, Ranks, Unusable
from servers import Consul, Roost, eventually

ANSWER_SECONDS = 8
SETTLE_SECONDS = 4
POLL_SECONDS = 0.02
# What {s0} stands for while no session was made.
UNMADE = "11111111-1111-1111-1111-111111111111"
# They move with other sessions and nodes too, at the real server.
MOVES_WITH_OTHERS = ("/v1/session/info", "/v1/catalog/node/", "/v1/health/node/")
# Their members or elements come in the order of a map, or of random ids.
UNORDERED = ("/v1/session", "/v1/agent/health", "/v1/agent/services", "/v1/agent/checks", "/v1/catalog/node/",
             "/v1/catalog/services")
OWN = re.compile(rf'({UUID.pattern})|("(?:Create|Modify)Index":\s*|current modify index )(\d+)(?: != \d+)?'
                 r'|("ContentHash":\s*")[0-9a-f]+|("(?:Port|ServicePort)":\s*)(?:2[2-9]|30)\d{3}\b')

# Where Roost differs on purpose, and why; Docs.docc/Limits.md says it to its readers. What is matched: "METHOD PATH BODY".
DELIBERATE: list[tuple[str, str]] = [
    (r"GET \S*filter=Node%20%3D%3D%20n-a\b", "a bare value may have any form: the meaning is plain"),
]

WATCHED = [
    *(f"/v1/catalog/{rest}" for rest in ("nodes", "nodes?node-meta=k:v", "services", "services?node-meta=k:v")),
    *(f"/v1/catalog/service/{name}{query}" for name in ("web", "db") for query in ("", "?tag=a", "?node-meta=k:v")),
    *(f"{path}{node}" for node in ("n-a", "n-b") for path in
      ("/v1/catalog/node/", "/v1/catalog/node-services/", "/v1/health/node/", "/v1/session/node/")),
    *(f"/v1/health/service/{name}{query}" for name in ("web", "db") for query in ("", "?passing", "?tag=a")),
    "/v1/health/checks/web", "/v1/health/checks/db", "/v1/health/state/any", "/v1/health/state/critical",
    "/v1/health/state/passing?node-meta=k:v", "/v1/session/list",
    *(f"/v1/kv/{{P}}{rest}" for rest in ("/l", "/a", "?recurse", "?keys", "/a?recurse", "/a?keys&separator=/")),
]


def is_deliberate(step: Step) -> bool:
    return any(re.match(pattern, str(step)) for pattern, _ in DELIBERATE)


@dataclass
class Reply:
    status: str
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def index(self) -> int:
        return int(self.headers.get("x-consul-index", 0))


class Side:
    """One server, and what a program has learned of it."""

    def __init__(self, base: str) -> None:
        self.connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=ANSWER_SECONDS)
        self.sessions: list[str] = []
        self.index = 1
        self.names: dict[str, str] = {NO_SESSION: NO_SESSION}
        self.floor = 0

    def filled(self, text: str, prefix: str) -> str:
        def value(match: re.Match) -> str:
            word = match.group(1)
            if word in ("P", "index"):
                return prefix if word == "P" else str(self.index)
            number = int(word[1:])
            return self.sessions[number] if number < len(self.sessions) else UNMADE
        return re.sub(r"\{(P|index|s\d)\}", value, text.replace('"{index}"', "{index}"))

    def send(self, method: str, path: str, body: str | None) -> None:
        self.connection.putrequest(method, path, skip_accept_encoding=True)
        sent = None if body is None else body.encode()
        if sent is not None or method == "PUT":
            self.connection.putheader("Content-Length", str(len(sent or b"")))
        self.connection.endheaders(sent)

    def receive(self) -> Reply:
        try:
            reply = self.connection.getresponse()
            text = reply.read().decode("utf-8", "backslashreplace")
        except (TimeoutError, http.client.HTTPException, ConnectionResetError):
            self.connection.close()
            return Reply("no answer")
        kept = {name.lower(): value for name, value in reply.headers.items() if name.lower() not in LEFT_OUT}
        return Reply(str(reply.status), kept, text)

    def ask(self, method: str, path: str, body: str | None = None) -> Reply:
        self.send(method, path, body)
        return self.receive()

    def value(self, path: str):
        reply = self.ask("GET", path)
        if reply.status != "200":
            raise Unusable(f"GET {path}: {reply.status} {reply.text}")
        return json.loads(reply.text)

    def learn(self, path: str, reply: Reply) -> None:
        try:
            value = json.loads(reply.text)
        except ValueError:
            return
        if path.startswith("/v1/session/create") and isinstance(value, dict) and "ID" in value:
            self.sessions.append(value["ID"])
        first = value[0] if isinstance(value, list) and value else None
        if isinstance(first, dict) and "ModifyIndex" in first:
            self.index = first["ModifyIndex"]

    def comparable(self, text: str) -> tuple[str, list[int]]:
        """The text without what is the server's own, and the indexes in it."""
        indexes: list[int] = []

        def masked(match: re.Match) -> str:
            uuid, before_index, index, before_hash, before_port = match.groups()
            if uuid:
                return self.names.setdefault(uuid, f"uuid{len(self.names)}")
            if before_index:
                indexes.append(int(index))
                return f"{before_index}INDEX"
            return f"{before_hash}HASH" if before_hash else f"{before_port}PORT"
        return OWN.sub(masked, text), indexes


def ordered(path: str, text: str, again: set[str]) -> str:
    """The same for every order of what has none, and without what Roost tells differently on purpose.

    `again` are the agent's services that were registered more than once.
    """
    if path.startswith("/v1/txn"):
        return text.replace('Tags":[]', 'Tags":null')
    is_passing = path.startswith("/v1/health/service/") and "passing" in path
    if not path.startswith(UNORDERED) and not is_passing:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if is_passing and isinstance(value, list):
        return json.dumps(sorted(value, key=lambda entry: (entry["Node"]["Node"], entry["Service"]["ID"])))
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict) and isinstance(entry.get("Checks"), list) and path.startswith("/v1/agent"):
            entry["Checks"].sort(key=lambda check: check["CheckID"])
            forget_names(entry["Checks"], again)
    if path.startswith("/v1/agent/checks") and isinstance(value, dict):
        forget_names(value.values(), again)
    if isinstance(value, list):
        value.sort(key=lambda entry: (entry.get("CreateIndex", 0), entry.get("Service", {}).get("ID", "")))
    if path.startswith("/v1/catalog/services") and isinstance(value, dict):
        value = {name: sorted(tags) for name, tags in value.items()}
    return json.dumps(value, sort_keys=True)


def forget_names(checks: Iterable, again: set[str]) -> None:
    """Of a service that is registered again Roost's agent has what the catalog has, Consul's what the check came with."""
    for check in checks:
        if not isinstance(check, dict):
            continue
        if check.get("ServiceTags") == []:
            check["ServiceTags"] = None
        if check.get("ServiceID") in again:
            check.pop("ServiceName", None)
            check.pop("ServiceTags", None)


def endpoint(step: Step) -> str:
    parts = step.path.split("?")[0].split("/")
    named = parts[2] in ("kv", "txn")
    deep = 5 if parts[2:4] in (["agent", "service"], ["agent", "check"]) and step.method == "PUT" else 4
    return f"{step.method} {'/'.join(parts[:3 if named else deep])}"


def place(real: str, roost: str) -> str:
    """A name for where two texts part: the last member before it, or else the texts without their numbers."""
    at = next((i for i, (one, other) in enumerate(zip(real, roost)) if one != other), min(len(real), len(roost)))
    if members := re.findall(r'"(\w+)":', real[:at]):
        return f"the body at {members[-1]}"
    return " / ".join(re.sub(r"\d+", "N", text)[:80] for text in (real, roost))


def broken(then: Reply, now: Reply) -> str:
    """How two answers to one question break the rule by which clients wait for the next."""
    if then.text != now.text and now.index <= then.index:
        return "the answer changed and X-Consul-Index did not rise"
    return "X-Consul-Index went back" if now.index < then.index else ""


class ConsulConversation:
    def __init__(self, bases: list[str], prefix: str) -> None:
        self.sides, self.prefix = [Side(base) for base in bases], prefix
        self.ranks = Ranks()
        self.seen: list[dict[str, Reply]] = []
        self.requests = 0
        self.uses_agent = False
        self.registered: set[str] = set()
        self.again: set[str] = set()
        for side in self.sides:
            side.ask("PUT", f"/v1/kv/floor-{prefix}", "")
            side.floor = side.ask("GET", f"/v1/kv/floor-{prefix}").index

    def take(self, step: Step) -> Answers:
        self.uses_agent = self.uses_agent or "/v1/agent" in step.path
        self.note_registration(step)
        if step.kind == "watched" and not self.seen:
            self.seen = [self.look(side) for side in self.sides]
        answers = self.asked(step)
        if step.kind == "settled":
            deadline = time.monotonic() + SETTLE_SECONDS
            while answers.what and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
                answers = self.asked(step)
        if answers.what and is_deliberate(step):
            return replace(answers, what="")
        return self.judged(answers) if step.kind == "watched" and not answers.what else answers

    def note_registration(self, step: Step) -> None:
        if step.path.startswith("/v1/agent/service/register") and isinstance(step.body, dict):
            service = step.body.get("ID") or step.body.get("Name", "")
            (self.again if service in self.registered else self.registered).add(service)

    def asked(self, step: Step) -> Answers:
        self.requests += 1
        paths = [side.filled(step.path, self.prefix) for side in self.sides]
        for side, path in zip(self.sides, paths):
            body = step.text()
            side.send(step.method, path, body if body is None else side.filled(body, self.prefix))
        replies = [side.receive() for side in self.sides]
        for side, path, reply in zip(self.sides, paths, replies):
            side.learn(path, reply)
        if what := self.difference(step, paths[0], *replies):
            real, roost = (f"{reply.status} index {reply.index} {reply.text}" for reply in replies)
            return Answers([real.replace(self.prefix, "P")], [roost.replace(self.prefix, "P")], f"{endpoint(step)}: {what}")
        same = f"{replies[0].status} {self.sides[0].comparable(replies[0].text)[0]}".replace(self.prefix, "P")
        return Answers([same], [same])

    def difference(self, step: Step, path: str, real: Reply, roost: Reply) -> str:
        if real.status != roost.status:
            return f"status {real.status} / {roost.status}"
        if names := sorted(real.headers.keys() ^ roost.headers.keys()):
            return f"only one has {', '.join(names)}"
        passed = {"x-consul-index", "x-consul-contenthash"}
        if path.startswith("/v1/agent/health/service/name/") and real.text.count('"AggregatedStatus"') > 1:
            # That of the instance that a map of Go gives last.
            passed.add("x-consul-reason")
        for name, value in real.headers.items():
            if name not in passed and value != roost.headers[name]:
                return f"{name} {value} / {roost.headers[name]}"
        texts, indexes = zip(*(side.comparable(ordered(path, reply.text, self.again))
                               for side, reply in zip(self.sides, (real, roost))))
        if texts[0] != texts[1]:
            return place(*texts)
        if step.kind == "ranked":
            if any(not self.fits(*pair) for pair in zip(*indexes)):
                return "the order of an index in the body"
            if real.index and not path.startswith(MOVES_WITH_OTHERS) and not self.fits(real.index, roost.index):
                return "the order of X-Consul-Index"
        return "X-Consul-Index" if bool(real.index) != bool(roost.index) else ""

    def fits(self, real: int, roost: int) -> bool:
        """What is older than the program has no order that both share."""
        older = [index <= side.floor for side, index in zip(self.sides, (real, roost))]
        if any(older):
            return all(older) and (real == 0) == (roost == 0)
        return self.ranks.fit(real, roost)

    # The rule of X-Consul-Index.

    def look(self, side: Side) -> dict[str, Reply]:
        self.requests += len(WATCHED)
        return {path: side.ask("GET", side.filled(path, self.prefix)) for path in WATCHED}

    def judged(self, answers: Answers) -> Answers:
        before, self.seen = self.seen, [self.look(side) for side in self.sides]
        for path in WATCHED:
            real, roost = (broken(then[path], now[path]) for then, now in zip(before, self.seen))
            if roost and not real:
                told = [[f"{word} {seen[path].index} {seen[path].text}" for word, seen in (("was at", then), ("is at", now))]
                        for then, now in zip(before, self.seen)]
                return Answers(answers.real + told[0], answers.roost + told[1], f"GET {path}: {roost}")
        return answers

    # Everything as it was.

    def end(self) -> None:
        for side in self.sides:
            for session in side.value("/v1/session/list"):
                side.ask("PUT", f"/v1/session/destroy/{session['ID']}")
            for node in side.value("/v1/catalog/nodes"):
                if node["Node"] != Roost.node:
                    side.ask("PUT", "/v1/catalog/deregister", json.dumps({"Node": node["Node"]}))
            side.ask("DELETE", f"/v1/kv/{self.prefix}?recurse")
            side.ask("DELETE", f"/v1/kv/floor-{self.prefix}")
            if self.uses_agent:
                self.clear_agent(side)
            side.connection.close()

    @staticmethod
    def clear_agent(side: Side) -> None:
        side.ask("PUT", "/v1/agent/maintenance?enable=false")
        for kind in ("service", "check"):
            for name in side.value(f"/v1/agent/{kind}s"):
                side.ask("PUT", f"/v1/agent/{kind}/deregister/{quote(name)}")
        eventually(lambda: list(side.value(f"/v1/catalog/node/{Roost.node}")["Services"]) == ["consul"]
                   and [c["CheckID"] for c in side.value(f"/v1/health/node/{Roost.node}")] == ["serfHealth"],
                   what="the catalog has none of the agent's services and checks")


class PromptConsul(Consul):
    """The real server, which tells the catalog of a check's output at once, as Roost does, and not within 5 minutes."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        config = self.directory / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "check_update_interval": "0s"}))


class ConsulComparison(Comparison):
    real_name = "Consul"

    def __init__(self, directory: Path) -> None:
        super().__init__(PromptConsul(directory / "consul"), Roost(directory / "roost"))

    def start(self) -> None:
        super().start()
        # The real agent tells the catalog of its node a while after it serves.
        real = Side(self.servers[0].http)
        eventually(lambda: real.value("/v1/catalog/nodes")[0]["TaggedAddresses"], what="the catalog knows the agent's node")
        real.connection.close()

    def program(self, seed: int, count: int) -> list[Step]:
        return Generator(seed).steps(count)

    def begin(self, number: int) -> ConsulConversation:
        return ConsulConversation([server.http for server in self.servers], f"p{number:07}")
