"""Random filters: mostly well formed, of go-bexpr's grammar and Go's regular expressions, some cut or spoiled."""

import random

TEXTS = {
    "node": ["Node", "Address", "Meta.k", 'Meta["k"]', "Meta.nope", "TaggedAddresses.lan", "Datacenter", "ID"],
    "instance": ["Node", "ServiceID", "ServiceName", "ServiceAddress", "ServiceMeta.k", "NodeMeta.k", "ServiceKind",
                 "ServiceProxy.DestinationServiceName", "ServiceProxy.MeshGateway.Mode"],
    "service": ["ID", "Service", "Address", "Meta.k", "Meta[`k`]", "Kind", "Proxy.DestinationServiceID",
                "Proxy.Upstreams.DestinationName", "Proxy.Expose.Paths.Path"],
    "check": ["Node", "CheckID", "Name", "Status", "Notes", "Output", "ServiceID", "ServiceName"],
    "health": ["Node.Node", "Node.Meta.k", "Service.ID", "Service.Meta.k", "Checks.Status", "Checks.Name",
               "Service.Proxy.LocalServiceAddress"],
}
OTHERS = {
    "node": ["Meta", "TaggedAddresses", "Nope", "Meta.k.x"],
    "instance": ["ServiceTags", "ServicePort", "ServiceEnableTagOverride", "ServiceWeights.Passing", "ServiceMeta", "ServiceProxy",
                 "ServiceTaggedAddresses.lan", "ServiceTaggedAddresses.lan.Port", "ServiceConnect.Native", "ServiceProxy.Upstreams"],
    "service": ["Tags", "Port", "EnableTagOverride", "Weights", "Weights.Warning", "Meta", "Connect.Native", "Connect", "Proxy.Upstreams",
                "Proxy.Upstreams.LocalBindPort", "TaggedAddresses.lan.Address"],
    "check": ["ServiceTags", "Odd", "Node.x"],
    "health": ["Checks", "Service.Tags", "Service.Port", "Service", "Node", "Node.TaggedAddresses", "Service.Connect.Native"],
}
SPOILED = ["", "Meta[k]", 'Meta["k', 'Meta["k"', "Meta .k", "1x", "é", "Meta.", "Meta.é"]
VALUES = ["v", '"v"', "`v`", "a.b", "80", "-1", "0", "0.5", "1.", "01", '"a\\n"', '"\\q"', '"\\u00e9"', '"\\x76"', "é", '""', "a",
          "true", "false", "s1", 'v["x"]', '"v', "`v", "10.0.0.1", '"10.0.0.1"', "passing", "k", "c1", "(v)", "\u212a", '"0x50"', '"0120"', '"8_0"', '"+80"', '"08"']
SPACES = ["", " ", " ", " ", "  ", "\t", "\n"]
PLACES = ["^", "$", r"\A", r"\z", r"\b", r"\B"]
SCALARS = list("abkKsSvVnpw01.- _:/") + ["é", "É", "\u212a", "\u017f", "ω", "\n"]
ESCAPES = [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\n", r"\x41", r"\x{e9}", r"\x{110000}", r"\x4", r"\101", r"\0", r"\1", r"\8", r"\_",
           r"\.", r"\q", r"\Q.{\E", r"\Qab", r"\C", r"\Z", r"\a"]
CATEGORIES = [r"\pL", r"\PL", r"\p{Lu}", r"\p{^Lu}", r"\P{^Nd}", r"\pN", r"\p{Any}", r"\p{Ll}", r"\p{", r"\p{Xx}", r"\p", r"\pX"]
BRACKETED = ["a", "b", "a-f", "A-Z", "0-9", r"\d", r"\W", "[:alpha:]", "[:^digit:]", "[:upper:]", "[:x:]", "-", r"\-", r"\]", "^", "k", "s",
             r"\pL", r"\n", r"\x41", "[", "[:", "é", "z-a", "."]
GROUPS = ["", "?:", "?i:", "?i", "?-i:", "?s:", "?m:", "?im-s:", "?P<n>", "?P<n1", "?<n>", "?U:", "?z", "?-", "?i-:", "?P<é>", "?="]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0}", "{2,}", "{3,1}", "{1001}", "{,2}", "{2", "{02}", "{99999999999999999999}",
           "**", "{2}{2}"]


class Filters:
    def __init__(self, dice: random.Random, kind: str) -> None:
        self.dice, self.texts, self.all = dice, TEXTS[kind], TEXTS[kind] + OTHERS[kind]

    def text(self) -> str:
        """One filter; one in thirty is spoiled at one place."""
        text = self.expression(0)
        if text and self.dice.random() < 1 / 30:
            place = self.dice.randrange(len(text))
            text = text[:place] + self.dice.choice(["", " ", "(", ")", '"', ".", "[", "\n"]) + text[place + 1:]
        return text

    def space(self) -> str:
        return self.dice.choice(SPACES)

    def expression(self, depth: int) -> str:
        kind = self.dice.random()
        if depth > 3 or kind < 0.6:
            return self.condition()
        if kind < 0.82:
            word = self.dice.choice(["and", "or"])
            return f"{self.expression(depth + 1)}{self.space()}{word}{self.space()}{self.expression(depth + 1)}"
        if kind < 0.9:
            return f"not{self.space()}{self.expression(depth + 1)}"
        return f"({self.space()}{self.expression(depth + 1)}{self.space()}{self.dice.choice('))))) ')}"

    def condition(self) -> str:
        kind, dice = self.dice.random(), self.dice
        if kind < 0.4:
            word = dice.choice(["matches", "matches", "not matches"])
            return f"{dice.choice(self.texts)} {word} `{self.pattern(0)}`"
        selector = dice.choice(SPOILED) if dice.random() < 0.06 else dice.choice(self.all)
        if kind < 0.68:
            return f"{selector}{self.space()}{dice.choice(['==', '!='])}{self.space()}{dice.choice(VALUES)}"
        if kind < 0.78:
            return f"{selector} {dice.choice(['is empty', 'is not empty', 'is  empty', 'is full', 'isempty'])}"
        if kind < 0.88:
            word = dice.choice(["in", "not in", "in", "notin"])
            return f"{dice.choice(VALUES)}{self.space()}{word}{self.space()}{selector}"
        word = dice.choice(["contains", "not contains", "matches"])
        return f"{selector}{self.space()}{word}{self.space()}{dice.choice(VALUES)}"

    def pattern(self, depth: int) -> str:
        text = ""
        for _ in range(self.dice.randint(0, 4)):
            text += self.part(depth)
            if self.dice.random() < 0.25:
                text += self.dice.choice(REPEATS)
        return text

    def part(self, depth: int) -> str:
        kind, choice = self.dice.random(), self.dice.choice
        if kind < 0.36:
            return choice(SCALARS)
        if kind < 0.52:
            return choice([choice(PLACES), choice(ESCAPES), choice(CATEGORIES)])
        if kind < 0.62:
            within = "".join(choice(BRACKETED) for _ in range(self.dice.randint(0, 3)))
            return f"[{choice(['', '^', ''])}{within}{choice([']'] * 6 + [''])}"
        if kind < 0.76 and depth < 3:
            return f"({choice(GROUPS)}{self.pattern(depth + 1)}{choice([')'] * 6 + [''])}"
        return choice(["(?i)", "(?s)", "(?m)", "(?-i)", "(?i)(?-i)", "|", "|", ".", ".", "web", "n-"])
