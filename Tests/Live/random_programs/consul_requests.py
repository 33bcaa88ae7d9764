"""The random programs for Consul: keys, sessions and transactions; the catalog; an agent's services; watched indexes.

{P} stands for the prefix of keys that a run has for itself, {s0} for the first session that it made, {index} for the last
ModifyIndex that it was told.
"""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from golden_consul import NO_SESSION
from random_programs.filters import Filters

KINDS = {"ranked": 4, "plain": 3, "settled": 1, "watched": 1}
KEYS = ["a", "b", "a/b", "a/", "a/b/c", "ab", "b/x", "c", "a%2Fb", "sp%20c", "pl+us", "%E2%82%AC", "a.b", "A", "%22q%22",
        "x%3Fy", "a%25", "a;x", "z~!$&'()*,;=:@"]
VALUES = ["", "1", "v", "<&>", "é", "x" * 3000, "null", '"q"', "{}"]
SESSIONS = ["{s0}", "{s0}", "{s1}"]
SERVICES = ["web", "db", "Web", "nope", "a%2Fb"]
NODES = ["n-a", "n-b", "N-A", "nope", "n-c"]
META = [{"k": "v"}, {"k": "w", "x": "1"}, {}, {"K": "v"}, {"k": ""}]
TAGS = [["a"], ["a", "b"], ["B", "a"], [], ["a", "a"], ["t=1"], ["é"]]
ADDRESSES = ["10.0.0.1", "10.0.0.2", "::1", "host.example"]
STATES = ["passing", "warning", "critical"]
FILTERS = {
    "node": ['Node == "n-a"', "Meta.k == v", "Meta is empty", 'Address matches "^10"', "lan in TaggedAddresses",
             'not Node == "n-a"', 'Node == "n-a" or Meta.k == w', "Datacenter != dc1", "Node == n-a", "Nope == 1", "("],
    "instance": ["ServicePort == 80", "a in ServiceTags", "ServiceTags contains b", "ServiceTags is empty", "NodeMeta.k == v",
                 "ServiceMeta.k == v", "ServiceID != s1", "ServiceAddress != host", "ServiceEnableTagOverride == true",
                 "ServiceTaggedAddresses.lan.Port == 5", "ServiceName == web and not (ServicePort == 80)",
                 "ServiceWeights.Passing == 10", 'Node matches "[ab]$"', "ServicePort == x"],
    "service": ["Service == web", "Port == 80", "a in Tags", "Tags is empty", "Meta.k == v", "ID != s1", "b not in Tags",
                'Address == "10.0.0.1"', "Weights.Warning == 1", "EnableTagOverride == false", "Tags == a"],
    "check": ["Status == passing", "CheckID == c1", "ServiceID == s2", 'Name matches "n."', "ServiceName == web",
              "Output != o", "a in ServiceTags", 'Status != passing and Node == "n-a"', "Status =="],
    "health": ["Service.Port == 80", "Node.Meta.k == v", "Checks.Status == critical", "Checks is empty", "a in Service.Tags",
               'Node.Node == "n-a"', "Service.Meta.k == v", "Checks.Name == n1 or Service.ID == s1",
               "not Checks.Status == passing"],
}
AGENT_IDS = ["s1", "s2", "s/3", "s 4", "é"]
AGENT_CHECKS = ["c1", "c2", "c/3", "service:s1", "service:s2", "service:s1:1", "service:s1:2", "nope", "service:web"]
VERBS = ["set", "cas", "lock", "unlock", "get", "get-tree", "check-index", "check-session", "check-not-exists", "delete",
         "delete-tree", "delete-cas"]


@dataclass(frozen=True)
class Step:
    method: str
    path: str
    body: object = None
    kind: str = "plain"

    def text(self) -> str | None:
        return self.body if self.body is None or isinstance(self.body, str) else json.dumps(self.body)

    def __str__(self) -> str:
        return " ".join([self.method, self.path, *([] if self.body is None else [self.text()])])

    def smaller(self) -> Iterator["Step"]:
        """Without a parameter, a member, or an operation."""
        path, *query = self.path.split("?", 1)
        parameters = query[0].split("&") if query else []
        for at in range(len(parameters)):
            rest = "&".join([*parameters[:at], *parameters[at + 1:]])
            yield replace(self, path=f"{path}?{rest}" if rest else path)
        if isinstance(self.body, list) and len(self.body) > 1:
            for at in range(len(self.body)):
                yield replace(self, body=[*self.body[:at], *self.body[at + 1:]])
        if isinstance(self.body, dict):
            for name in self.body:
                yield replace(self, body={key: value for key, value in self.body.items() if key != name})


def query(*parameters: str) -> str:
    given = [parameter for parameter in parameters if parameter]
    return f"?{'&'.join(given)}" if given else ""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Generator:
    """The program of a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"consul/{seed}")
        self.kind = self.dice.choices(list(KINDS), list(KINDS.values()))[0]

    def steps(self, count: int) -> list[Step]:
        if self.kind == "settled":
            return list(self.agent(count))
        make = {"ranked": self.keys, "plain": self.catalog, "watched": self.watched}[self.kind]
        return [replace(step, kind=self.kind) for step in make(count)]

    def often(self, probability: float) -> bool:
        return self.dice.random() < probability

    def some(self, **choices: tuple[float, list]) -> dict:
        """Each member by its own luck."""
        return {name: self.dice.choice(values) for name, (luck, values) in choices.items() if self.often(luck)}

    def read(self, path: str, *parameters: str) -> Step:
        """As it is asked: one option in common at most."""
        option = self.dice.choices(["", "pretty", "stale", "consistent"], [85, 5, 5, 5])[0]
        return Step("GET", path + query(*parameters, option))

    def put(self, path: str, body: object = None) -> Step:
        return Step("PUT", path, body)

    # Keys, sessions, transactions.

    def keys(self, count: int) -> Iterator[Step]:
        for _ in range(self.dice.randrange(3)):
            yield self.put("/v1/session/create", {"LockDelay": "0s", "Behavior": self.dice.choice(["release", "delete"])})
        wanted = self.dice.choices([self.key_put, self.key_delete, self.key_get, self.session, self.transaction],
                                   [35, 10, 20, 15, 20], k=count)
        yield from (make() for make in wanted)
        yield from (Step("GET", "/v1/kv/{P}?recurse"), Step("GET", "/v1/session/list"))

    def key(self) -> str:
        return "/v1/kv/{P}/" + self.dice.choice(KEYS)

    def key_put(self) -> Step:
        number, session = self.dice.choice(["0", "{index}", "{index}", "1"]), self.dice.choice(SESSIONS)
        right = ["", "", f"flags={self.dice.choice([5, 42, 2 ** 64 - 1])}", f"cas={number}", f"acquire={session}",
                 f"acquire={session}&flags=7", f"release={session}", f"cas={number}&flags=1"]
        wrong = ["flags=x", "flags=-1", "flags=18446744073709551616", "flags=0x10", "flags=1.5", "cas=x", "cas=-1", "cas=",
                 "acquire=", "acquire=x", f"acquire={NO_SESSION}", "release=x", f"release={NO_SESSION}"]
        return self.put(self.key() + query(self.dice.choice(wrong if self.often(0.12) else right)), self.dice.choice(VALUES))

    def key_delete(self) -> Step:
        rest = self.dice.choice(["", "", "recurse", "cas={index}", "cas={index}", "cas=0", "cas=x"])
        return Step("DELETE", self.key() + query(rest))

    def key_get(self) -> Step:
        path = self.key() if self.often(0.7) else "/v1/kv/{P}" + self.dice.choice(["", "/", "/none/", "/a"])
        separator = self.dice.choice(["/", "%2F", "a", "b/", "", "ab", "x"])
        return self.read(path, self.dice.choice(["", "", "recurse", "recurse", "keys", f"keys&separator={separator}", "raw"]))

    def session(self) -> Step:
        which = self.dice.choice([*SESSIONS * 2, "{s2}", NO_SESSION, "x"])
        return self.dice.choices([
            self.session_create(), self.put(f"/v1/session/destroy/{which}"), self.put(f"/v1/session/renew/{which}"),
            self.read(f"/v1/session/info/{which}"), self.read("/v1/session/list"),
            self.read(f"/v1/session/node/{self.dice.choice(['n1', 'nope'])}")], [40, 20, 10, 12, 9, 7])[0]

    def session_create(self) -> Step:
        wrong = [{"TTL": "9.9s"}, {"TTL": "x"}, {"TTL": "25h"}, {"Behavior": "odd"}, {"Node": "nope"}, {"LockDelay": "x"},
                 {"NodeChecks": ["nope"]}, "{", "[]"]
        if self.often(0.12):
            return self.put("/v1/session/create", self.dice.choice(wrong))
        body = self.some(Name=(0.4, ["a", "", '<é>"']), TTL=(0.3, ["10s", "15s", "86400s", "24h", ""]),
                         Behavior=(0.5, ["release", "delete", ""]), NodeChecks=(0.15, [[], ["serfHealth"]]))
        return self.put("/v1/session/create", {**body, "LockDelay": self.dice.choice(["0s"] * 9 + ["15s"])})

    def transaction(self) -> Step:
        wrong = [[{"KV": {"Verb": "odd", "Key": "{P}/a"}}], [{"KV": {"Verb": "set", "Key": "{P}/a", "Value": "%%"}}],
                 [{"KV": {"Verb": "set", "Key": ""}}], "[{", "x", "[]"]
        if self.often(0.06):
            return self.put("/v1/txn", self.dice.choice(wrong))
        return self.put("/v1/txn", [self.key_operation() for _ in range(self.dice.choice([1, 1, 2, 2, 3, 4, 5, 8]))])

    def key_operation(self) -> dict:
        verb = self.dice.choice(VERBS)
        body = {"Verb": verb, "Key": "{P}/" + self.dice.choice(["a", "b", "a/b", "c", "ab", "a/", "é", 'q"', "x<y"])}
        if verb in ("set", "cas", "lock", "unlock"):
            body |= {"Value": encoded(self.dice.choice(["", "x", "y", "<>"])), **self.some(Flags=(0.2, [0, 5, 2 ** 64 - 1]))}
        if verb in ("cas", "check-index", "delete-cas"):
            body["Index"] = self.dice.choice(["{index}", "{index}", 0, 1, 5])
        if verb in ("lock", "unlock", "check-session"):
            body["Session"] = self.dice.choice([*SESSIONS, NO_SESSION])
        return {"KV": body}

    # The catalog.

    def catalog(self, count: int) -> Iterator[Step]:
        wanted = self.dice.choices(
            [self.register, self.deregister, self.catalog_transaction, self.node_session, self.lock, self.catalog_read],
            [30, 10, 5, 3, 2, 50], k=count)
        yield from (make() for make in wanted)
        yield from (Step("GET", path) for path in ("/v1/catalog/nodes", "/v1/health/state/any", "/v1/catalog/services",
                                                   "/v1/health/service/web", "/v1/catalog/node/n-a"))

    def register(self) -> Step:
        known = {"Node": "n-a", "Address": "10.0.0.1"}
        wrong = [{"Node": "n-a"}, {"Node": "", "Address": "10.0.0.1"}, {**known, "Service": {"ID": "x"}},
                 {**known, "Check": {"CheckID": "c1", "Name": "n1", "ServiceID": "nope"}}, "{"]
        if self.often(0.06):
            return self.put("/v1/catalog/register", self.dice.choice(wrong))
        body = {"Node": self.dice.choice(["n-a", "n-a", "n-b", "n-b", "n-c"]), "Address": self.dice.choice(ADDRESSES)}
        body |= self.some(NodeMeta=(0.3, META), SkipNodeUpdate=(0.1, [True, False]),
                          TaggedAddresses=(0.2, [{"lan": "10.0.0.9"}, {"lan": "1.1.1.1", "wan": "2.2.2.2"}]))
        if self.often(0.6):
            body["Service"] = self.service()
        if self.often(0.4):
            whose = body.get("Service", {}).get("ID", "") if self.often(0.5) else ""
            body["Check"] = {**self.check(), **({"ServiceID": whose} if whose else {})}
        return self.put("/v1/catalog/register", body)

    def service(self) -> dict:
        return {"ID": self.dice.choice(["s1", "s2", "s3", "s/4"]),
                "Service": self.dice.choice(["web", "web", "db", "Web", "a/b"]),
                **self.some(Tags=(0.5, TAGS), Meta=(0.3, META), Port=(0.5, [80, 0, 8080]), Address=(0.4, ADDRESSES),
                            TaggedAddresses=(0.2, [{"lan": {"Address": "10.0.0.9", "Port": 5}}]),
                            Weights=(0.2, [{"Passing": 10, "Warning": 0}, {"Passing": 1, "Warning": 1}]),
                            EnableTagOverride=(0.15, [True, False]))}

    def service_of_transaction(self) -> dict:
        """Without what Consul leaves out there in silence."""
        return {name: value for name, value in self.service().items() if name != "TaggedAddresses"}

    def check(self) -> dict:
        return {"CheckID": self.dice.choice(["c1", "c2", "c/3"]), "Name": self.dice.choice(["n1", "n2", "<x>"]),
                "Status": self.dice.choice(STATES),
                **self.some(Notes=(0.2, ["n", "é"]), Output=(0.3, ["o", "x" * 200, "<&>"]))}

    def deregister(self) -> Step:
        what = self.dice.choice([{}, {"ServiceID": self.dice.choice(["s1", "s2", "s/4", "nope"])},
                                 {"CheckID": self.dice.choice(["c1", "c2", "c/3", "nope"])}])
        return self.put("/v1/catalog/deregister", {"Node": self.dice.choice(NODES), **what})

    def catalog_transaction(self) -> Step:
        return self.put("/v1/txn", [self.catalog_operation() for _ in range(self.dice.choice([1, 1, 2, 3]))])

    def catalog_operation(self) -> dict:
        verb, node = self.dice.choice(["set", "set", "get", "delete"]), self.dice.choice(["n-a", "n-b", "nope"])
        address = self.dice.choice(ADDRESSES)
        return self.dice.choice([
            {"Node": {"Verb": verb, "Node": {"Node": node, "Address": address, **self.some(Meta=(0.2, META))}}},
            {"Service": {"Verb": verb, "Node": node, "Service": self.service_of_transaction()}},
            {"Check": {"Verb": verb, "Check": {**self.check(), "Node": node}}}, self.key_operation()])

    def node_session(self) -> Step:
        return self.put("/v1/session/create", {
            "Node": self.dice.choice(["n-a", "n-b"]), "NodeChecks": self.dice.choice([[], ["c1"]]), "LockDelay": "0s",
            "Behavior": self.dice.choice(["delete", "release"])})

    def lock(self) -> Step:
        return self.put("/v1/kv/{P}/l?acquire={s0}", "x")

    def catalog_read(self) -> Step:
        dice, name, node = self.dice, self.dice.choice(SERVICES), self.dice.choice(NODES)
        path, selectors = dice.choice([
            ("/v1/catalog/nodes", "node"), ("/v1/catalog/services", ""), (f"/v1/catalog/service/{name}", "instance"),
            (f"/v1/catalog/service/{name}", "instance"), (f"/v1/catalog/node/{node}", "service"),
            (f"/v1/catalog/node-services/{node}", "service"), (f"/v1/health/node/{node}", "check"),
            (f"/v1/health/checks/{name}", "check"), (f"/v1/health/service/{name}", "health"),
            (f"/v1/health/service/{name}", "health"), (f"/v1/health/state/{dice.choice(['any', *STATES, 'odd'])}", "check"),
            ("/v1/session/list", ""), ("/v1/kv/{P}/l", "")])
        parameters = [f"filter={quote(self.filter(selectors), safe='')}"] if selectors and self.often(0.4) else []
        if "/node" not in path and "/v1/kv" not in path and self.often(0.12):
            parameters.append(f"node-meta={dice.choice(['k:v', 'k:w', 'k:', 'k', 'nope:x', 'x:1'])}")
        if path.startswith(("/v1/catalog/service/", "/v1/health/service/")):
            parameters += [f"tag={dice.choice(['a', 'b', 'A', 'nope', 't=1'])}" for _ in range(dice.choice([0, 0, 0, 1, 1, 2]))]
        if path.startswith("/v1/health/service/") and self.often(0.25):
            parameters.append(dice.choice(["passing", "passing", "passing=true", "passing=false", "passing=1"]))
        return self.read(path, *parameters)

    def filter(self, kind: str) -> str:
        return self.dice.choice(FILTERS[kind]) if self.often(0.3) else Filters(self.dice, kind).text()

    # The rule of the index: writes alone, each followed by a look at all that they may change.

    def watched(self, count: int) -> Iterator[Step]:
        for _ in range(max(1, count // 2)):
            yield self.dice.choices([self.register, self.deregister, self.node_session, self.lock, self.key_write],
                                    [35, 15, 8, 8, 34])[0]()

    def key_write(self) -> Step:
        key, value = "/v1/kv/{P}/" + self.dice.choice(["a", "b", "a/b", "a/c", "ab", "c/d", "c/", "l"]), self.dice.choice("12")
        return self.dice.choice([
            self.put(key, value), self.put(key, value), self.put(f"{key}?acquire={{s0}}", value),
            self.put(f"{key}?release={{s0}}", value), self.put(f"{key}?cas=0", value), self.put(f"{key}?flags=3", value),
            Step("DELETE", key), Step("DELETE", f"{key}?recurse"), self.put("/v1/session/destroy/{s0}"),
            self.put("/v1/session/create", {"LockDelay": "0s", "Behavior": self.dice.choice(["delete", "release"])}),
            self.put("/v1/txn", [self.key_operation(), self.key_operation()])])

    # An agent's services and checks.

    def agent(self, count: int) -> Iterator[Step]:
        wanted = self.dice.choices(
            [self.agent_service, self.agent_check, self.agent_deregister, self.agent_update, self.agent_maintenance,
             self.agent_read, self.agent_catalog], [18, 7, 8, 16, 4, 27, 20], k=max(1, count // 2))
        yield from (make() for make in wanted)
        yield from (Step("GET", path) for path in ("/v1/agent/services", "/v1/agent/checks"))
        yield from (Step("GET", path, kind="settled") for path in ("/v1/health/node/n1", "/v1/catalog/node/n1"))

    def ttl_check(self, **names: str) -> dict:
        return {"TTL": self.dice.choice(["600s", "10m", "1h"]), **names,
                **self.some(Notes=(0.25, ["hi", "é"]), Status=(0.3, STATES))}

    def agent_service(self) -> Step:
        wrong = [{}, {"Name": "web", "Check": {"TTL": "x"}}, {"Name": "web", "Port": "80"}, {"Name": "web", "Odd": 1},
                 {"Name": "web", "Weights": {"Passing": -1}}, {"Name": "web", "Meta": {"a b": "x"}}, "{", "x"]
        path = "/v1/agent/service/register" + self.dice.choice(["", "", "", "", "?replace-existing-checks=true"])
        if self.often(0.1):
            return self.put(path, self.dice.choice(wrong))
        body = {"Name": self.dice.choice(["web", "db", "a/b", "x y"]),
                **self.some(ID=(0.7, AGENT_IDS), Tags=(0.45, TAGS), Port=(0.4, [80, 0, 8080]), Address=(0.4, ADDRESSES),
                            Meta=(0.25, META), EnableTagOverride=(0.15, [True, False]),
                            TaggedAddresses=(0.2, [{"lan": {"Address": "10.0.0.9", "Port": 5}}]),
                            Weights=(0.2, [{"Passing": 10, "Warning": 1}, {"Passing": 1, "Warning": 0}]))}
        if self.often(0.35):
            body["Check"] = self.ttl_check(**self.some(CheckID=(0.4, ["c1", "c2", "c/3"]), Name=(0.5, ["n1", "<x>"])))
        elif self.often(0.25):
            body["Checks"] = [self.ttl_check() for _ in range(self.dice.randrange(1, 4))]
        return self.put(path, body)

    def agent_check(self) -> Step:
        wrong = [{"TTL": "9s"}, {"Name": "n1"}, {"Name": "n1", "TTL": "x"}, {"Name": "n1", "TTL": "9s", "ServiceID": "nope"},
                 {"Name": "n1", "TTL": "9s", "Status": "odd"}, {"Name": "n1", "TTL": "9s", "Odd": 1}, "{"]
        if self.often(0.15):
            return self.put("/v1/agent/check/register", self.dice.choice(wrong))
        return self.put("/v1/agent/check/register", self.ttl_check(Name=self.dice.choice(["n1", "n2", "<x>"]),
                                                                   **self.some(ID=(0.6, ["c1", "c2", "c/3"]))))

    def agent_deregister(self) -> Step:
        if self.often(0.6):
            return self.put(f"/v1/agent/service/deregister/{quote(self.dice.choice([*AGENT_IDS, 'web', 'nope']))}")
        return self.put(f"/v1/agent/check/deregister/{self.dice.choice(AGENT_CHECKS)}")

    def agent_update(self) -> Step:
        check = self.dice.choice(AGENT_CHECKS)
        if self.often(0.7):
            note = self.dice.choice(["", "", "note=hello", "note=%C3%A9", "note=a%20b", f"note={'x' * 50}"])
            return self.put(f"/v1/agent/check/{self.dice.choice(['pass', 'warn', 'fail'])}/{check}" + query(note))
        body = {"Status": self.dice.choice([*STATES * 3, "odd"]),
                **self.some(Output=(0.6, ["out", "", "<&>", "y" * 4096, "y" * 4097]))}
        return self.put(f"/v1/agent/check/update/{check}", body)

    def agent_maintenance(self) -> Step:
        enable = self.dice.choice(["true", "true", "false", "false", "x"])
        path = self.dice.choice(["/v1/agent/maintenance", *(f"/v1/agent/service/maintenance/{quote(i)}" for i in AGENT_IDS)])
        return self.put(path + query(f"enable={enable}", self.dice.choice(["", "reason=why"])))

    def agent_read(self) -> Step:
        one = quote(self.dice.choice([*AGENT_IDS, "web", "nope"]))
        name = self.dice.choice(["web", "db", "Web", "a/b", "x%20y", "nope"])
        return self.read(self.dice.choice([
            "/v1/agent/services", "/v1/agent/checks", f"/v1/agent/service/{one}", f"/v1/agent/health/service/id/{one}",
            f"/v1/agent/health/service/name/{name}"]), *(["format=text"] if self.often(0.2) else []))

    def agent_catalog(self) -> Step:
        name = self.dice.choice(["web", "db", "Web", "a/b"])
        return Step("GET", self.dice.choice([
            f"/v1/catalog/service/{name}", f"/v1/health/service/{name}", f"/v1/health/service/{name}?passing",
            f"/v1/health/checks/{name}", "/v1/health/node/n1", "/v1/catalog/node/n1",
            f"/v1/health/state/{self.dice.choice(['any', *STATES])}"]), kind="settled")
