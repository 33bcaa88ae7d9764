"""A catalog, and what the real Consul's DNS interface was asked about it: by dig, and with messages that no client sends."""

import json
import re
import socket
import struct
import subprocess
import urllib.request


def node(name, address, service=None, checks=(), **more):
    """A registration; checks are pairs of the service's id ("": the node's own) and a status."""
    body = {"Node": name, "Address": address, **more}
    if service:
        body["Service"] = service
    body["Checks"] = [{"Node": name, "CheckID": f"c{n}", "Name": "c", "ServiceID": owner, "Status": status}
                      for n, (owner, status) in enumerate(checks)]
    return body


def service(name, port=1, **more):
    return {"ID": more.pop("ID", name), "Service": name, "Port": port, **more}


META = {"rack": "r1", "rfc1035-note": "just text", "RFC1035-b": "b=`", "a b": "c=d", " lead": "x`y", "trail  ": "t", "   ": "s", "q=`": "v", "e": ""}
CATALOG = [
    node("web1", "10.1.0.1", service("web", 80, ID="web-1", Tags=["Blue", "v1.2", "a_b"], Weights={"Passing": 7, "Warning": 3}), [("web-1", "passing")],
         NodeMeta=META),
    node("web2", "10.1.0.2", service("web", 81, ID="web-1", Tags=["green"], Address="10.9.0.2", Weights={"Passing": 8, "Warning": 4}),
         [("web-1", "warning")], NodeMeta={"rack": "r2"}),
    node("web3", "10.1.0.3", service("web", 82, ID="web-1"), [("web-1", "critical")]),
    node("web4", "10.1.0.4", service("other", 9), [("other", "critical")]), node("web4", "10.1.0.4", service("web", 83, ID="web-1")),
    node("six", "2001:db8::1", service("six", 6), NodeMeta={"k": "v"}),
    node("named", "host.example.com", service("ext", 443), NodeMeta={"k": "v"}),
    node("named2", "10.1.0.9", service("ext2", 443, Address="api.example.com")),
    node("alias", "10.1.0.10", service("al", Address="web1.node.consul")),
    node("dotted.name", "10.1.0.11", service("dot.svc")),
    node("self", "10.1.0.12", service("self", Address="self.service.consul")),
    node("UPPER", "10.1.0.13", service("Mixed", Tags=["BIG"])),
    *(node(f"many{n}", f"10.2.0.{n}", service("many", n, ID="m")) for n in range(1, 61)),
    *(node("dup", "10.3.0.1", service("dup", port, ID=f"d{n}")) for n, port in enumerate([1, 2, 2])),
    node("dup2", "10.3.0.1", service("dup", 2)),
    node("sick", "10.3.0.2", service("sick", 2), [("", "critical")]),
    node("ill", "10.3.0.3", service("ill", 2, Weights={"Passing": 5, "Warning": 2}), [("", "warning")]),
    node("mix1", "10.3.0.4", service("mix", 2, Address="b.example.com")),
    node("mix2", "10.3.0.5", service("mix", 3)),
    node("ext3", "10.3.0.6", service("ext3", 2, Address="web.service.consul")),
    node("ext4", "10.3.0.6", service("ext4", 2, Address="Web.Service.Dc1.Consul.")),
    node("ext5", "10.3.0.6", service("ext5", 2, Address="nothing.service.consul")),
    node("ext6", "10.3.0.6", service("ext6", 2, Address="0a000001.addr.consul")),
    node("ext7", "10.3.0.6", service("ext7", 2, Address="many.service.consul")),
    node("loop", "loop.node.consul", service("loop", 2)),
    node("chain1", "chain2.node.consul", service("chain", 2)), node("chain2", "chain3.node.consul"), node("chain3", "chain4.node.consul"),
    node("chain4", "10.3.0.60"),
    node("noport", "10.3.0.7", {"ID": "k", "Service": "noport"}),
    node("under_score", "10.3.0.11", service("under_score")),
    node("tagged", "10.3.0.12", service("tagged"), TaggedAddresses={"lan": "10.3.1.12", "wan": "1.2.3.4", "lan_ipv6": "2001:db8::77"}),
    node("t2", "10.4.0.1", service("t2"), TaggedAddresses={"lan_ipv4": "10.4.0.2", "lan_ipv6": "2001:db8::4"}, NodeMeta={"k": "v"}),
    node("t3", "10.4.0.1", service("t3", 2, Address="10.4.0.5", TaggedAddresses={
        "lan_ipv4": {"Address": "10.4.0.6", "Port": 66}, "lan_ipv6": {"Address": "2001:db8::6", "Port": 67}, "wan": {"Address": "1.1.1.1", "Port": 9}})),
    node("t4", "2001:db8::8", service("t4"), TaggedAddresses={"lan_ipv4": "10.4.0.8"}),
    node("t5", "10.4.0.9", service("t5", Address="2001:db8::9")),
    node("t6", "10.4.0.10", service("t6"), TaggedAddresses={"lan_ipv4": "host4.example.com", "lan_ipv6": "host6.example.com"}),
    node("weird", "not an ip", service("weird")),
    node("v4in6", "::ffff:10.3.0.13", service("vsix")),
    node("zone", "fe80::1%eth0", service("zone")),
    node("zeros", "010.003.000.014", service("zeros")),
    node("dots", "host.example.com.", service("dots")),
    node("maint", "10.3.0.20", service("maint"), [("", "maintenance"), ("maint", "passing")]),
]

TYPES = ["A", "AAAA", "ANY", "SRV", "TXT", "MX", "CNAME"]
SERVICES = ["web", "six", "ext", "ext2", "al", "self", "ext3", "ext4", "ext5", "ext6", "ext7", "loop", "chain", "dup", "sick", "ill", "mix", "tagged", "t2", "t3",
            "t4", "t5", "t6", "weird", "vsix", "zone", "zeros", "dots", "noport", "under_score", "maint", "nope", "consul"]
NODES = ["web1", "six", "named", "alias", "loop", "chain1", "tagged", "t2", "t4", "t6", "weird", "v4in6", "zeros", "dots", "nope", "n1", "dotted.name"]
OTHERS = """
web.service.dc1.consul
web.service.DC1.consul SRV
web.service.dc2.consul
web.service.dc1.dc.consul
web.service.x.y.consul
web.service.consul. SOA
web.service.consul NS
blue.web.service.consul
BLUE.web.service.consul
v1.2.web.service.consul SRV
a_b.web.service.consul
foo.web.service.consul
a.b.web.service.consul SRV
_web._tcp.service.consul SRV
_web._udp.service.consul SRV
_web._blue.service.consul SRV
_web._v1.2.service.consul SRV
_web._tcp.consul SRV
_web._TCP.consul SRV
_WEB._Blue.consul SRV
_web._tcp.dc1.consul SRV
_web._tcp.dc2.consul SRV
_web._tcp.service.dc1.consul SRV
_web._tcp.service.consul A
_web._tcp.consul A
_web.service.consul
_web.service.consul SRV
_web.consul SRV
_tcp._web.consul SRV
a._web._tcp.service.consul SRV
_web._a._b.consul SRV
dot.svc.service.consul
svc.service.consul
mixed.service.consul
big.mixed.service.consul
MiXed.SerVice.Consul SRV
upper.node.consul
UPPER.NODE.CONSUL TXT
web1.node.dc1.consul
web1.node.dc2.consul
web1.node.dc1.x.consul
web1.node.consul SOA
a.node.service.consul
web.service.node.consul
web.node.service.consul
service.consul
node.consul
query.consul
addr.consul
connect.consul
consul A
consul ANY
consul SOA
consul NS
consul AXFR
web.service.consul IXFR=1
nothing.consul
nothing.consul SRV
x.query.consul
_x._tcp.query.consul SRV
x.query.dc2.consul
web.connect.consul
web.ingress.consul
0a000001.addr.consul
0A000001.addr.consul
0a000001.addr.consul AAAA
0a000001.addr.consul SRV
0a000001.addr.consul ANY
0a000001.addr.dc1.consul
0a000001.addr.dc9.x.consul
20010db8000000000000000000000001.addr.consul AAAA
20010db8000000000000000000000001.addr.consul A
0a0000.addr.consul
0a00000.addr.consul
0a0000011.addr.consul
zz000001.addr.consul
zz0000.addr.consul
a.0a000001.addr.consul
-x 10.1.0.1
-x 10.1.0.13
-x 10.9.0.2
-x 10.77.0.1
-x 10.3.0.13
-x 10.4.0.6
-x 10.4.0.8
-x 2001:db8::1
-x 2001:db8::9
-x 2001:db8::2
-x 127.0.0.1
1.0.1.10.in-addr.arpa SOA
1.0.1.10.in-addr.arpa A
1.0.1.10.IN-ADDR.ARPA PTR
0.1.10.in-addr.arpa PTR
in-addr.arpa PTR
arpa PTR
x.1.0.1.10.in-addr.arpa PTR
8.b.d.0.1.0.0.2.ip6.arpa PTR
example.com
example.com SOA
. NS
web.service.consul.example.com
notconsul
web.service.consul -c CH
web.service.consul +noedns
web.service.consul SRV +noedns
web.service.consul SOA +noedns
web.service.consul +bufsize=100
web.service.consul +bufsize=512
web.service.consul +bufsize=4096
web.service.consul +tcp
web.service.consul SRV +tcp
web.service.consul +norecurse
web.service.consul +cdflag +adflag
web.service.consul +dnssec
web.service.consul +edns=1
web.service.consul +nocookie
web.service.consul +ednsopt=65001:aabb
web.service.consul +subnet=1.2.3.0/24
web.service.consul +subnet=2001:db8::/56
web.service.consul +subnet=0
x.query.consul +subnet=1.2.3.0/24
example.com +subnet=1.2.3.0/24
many.service.consul
many.service.consul +noedns
many.service.consul +bufsize=512
many.service.consul +bufsize=4096
many.service.consul +tcp
many.service.consul SRV +noedns
many.service.consul SRV +bufsize=512
many.service.consul SRV +bufsize=4096
many.service.consul SRV +tcp
many.service.consul TXT +noedns
"""
QUESTIONS = [
    *(f"{name}.service.consul {type}" for name in SERVICES for type in TYPES),
    *(f"{name}.node.consul {type}" for name in NODES for type in TYPES),
    *(line for line in OTHERS.strip().splitlines()),
]

NAME = b"\x03web\x07service\x06consul\0"
ONE = NAME + struct.pack(">2H", 65280, 1)
OPT = struct.pack(">BHHIH", 0, 41, 4096, 0, 0)


def head(flags=0x0100, *counts):
    return struct.pack(">6H", 7, flags, *counts)


# Asked for a type that nothing has, so that the answer is always the same.
MESSAGES = {
    "nothing": b"", "two bytes": b"\0\1", "not a whole head": head(0x100, 1, 0, 0, 0)[:11], "a head alone": head(0x100, 1, 0, 0, 0),
    "half a name": head(0x100, 1, 0, 0, 0) + NAME[:8], "no class": head(0x100, 1, 0, 0, 0) + NAME + b"\xff\0",
    "two questions": head(0x100, 2, 0, 0, 0) + ONE + ONE, "no question": head(0x100, 0, 0, 0, 0),
    "an answer": head(0x8100, 1, 0, 0, 0) + ONE, "an answer that is announced": head(0x100, 1, 1, 0, 0) + ONE,
    "two answers": head(0x100, 1, 2, 0, 0) + ONE, "two authorities": head(0x100, 1, 0, 2, 0) + ONE, "three additional": head(0x100, 1, 0, 0, 3) + ONE,
    "an additional that is announced": head(0x100, 1, 0, 0, 1) + ONE, "more than announced": head(0x100, 1, 0, 0, 0) + ONE + b"xyz",
    "half a record": head(0x100, 1, 0, 0, 1) + ONE + OPT[:7], "a name that points to itself": head(0x100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
    "a label of an unknown kind": head(0x100, 1, 0, 0, 0) + b"\x80a\0\1\0\1", "notify": head(0x100 | 4 << 11, 1, 0, 0, 0) + ONE,
    "inverse query": head(0x100 | 1 << 11, 1, 0, 0, 0) + ONE, "status": head(0x100 | 2 << 11, 1, 0, 0, 0) + ONE,
    "update": head(0x100 | 5 << 11, 1, 0, 0, 0) + ONE, "all flags": head(0x07f0, 1, 0, 0, 0) + ONE, "all flags, two questions": head(0x07f0, 2, 0, 0, 0) + ONE,
    "a code": head(0x0103, 1, 0, 0, 0) + ONE, "any class": head(0x100, 1, 0, 0, 0) + NAME + struct.pack(">2H", 65280, 255),
    "type 0": head(0x100, 1, 0, 0, 0) + NAME + struct.pack(">2H", 0, 1), "two OPT": head(0x100, 1, 0, 0, 2) + ONE + OPT + OPT,
    "OPT of no bytes": head(0x100, 1, 0, 0, 1) + ONE + struct.pack(">BHHIH", 0, 41, 0, 0, 0),
    "OPT that wants DNSSEC": head(0x100, 1, 0, 0, 1) + ONE + struct.pack(">BHHIH", 0, 41, 4096, 0x8000, 0),
    "OPT whose option is cut": head(0x100, 1, 0, 0, 1) + ONE + struct.pack(">BHHIH", 0, 41, 4096, 0, 5) + struct.pack(">2H", 8, 9) + b"x",
    "a label of 63 bytes": head(0x100, 1, 0, 0, 0) + b"\x3f" + b"a" * 63 + ONE,
    "a name of 256 bytes": head(0x100, 1, 0, 0, 0) + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
}


def fill(http):
    for body in CATALOG:
        request = urllib.request.Request(f"{http}/v1/catalog/register", json.dumps(body).encode(), method="PUT")
        with urllib.request.urlopen(request) as answer:
            assert answer.read() == b"true"


def dig(port, question):
    """What dig makes of the answer: its head, and each section's records in their alphabetical order."""
    done = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+noall", "+comments", "+answer", "+authority", "+additional", "+ignore", "+tries=1",
                           "+time=20", *question.split()], capture_output=True, text=True, timeout=60, check=False)
    found = {"ask": question, "records": {}}
    for line in done.stdout.splitlines():
        if match := re.match(r";; ->>HEADER<<- opcode: (\w+), status: (\w+)", line):
            found["status"] = " ".join(match.groups())
        elif match := re.match(r";; flags: ([\w ]*); (.*)", line):
            found["flags"], found["counts"] = match.groups()
        elif match := re.match(r"; (EDNS|CLIENT-SUBNET): (.*)", line):
            found[match[1]] = match[2]
        elif match := re.match(r";; (\w+) SECTION:", line):
            section = found["records"].setdefault(match[1], [])
        elif line and not line.startswith(";"):
            section.append(settled(" ".join(line.split()), question))
    for records in found["records"].values():
        records.sort()
    return found


def settled(record, question):
    """Without what differs from one time to the next: a zone's serial, and which of many are told."""
    record = re.sub(r"(SOA ns\.\S+ hostmaster\.\S+) \d+", r"\1 SERIAL", record)
    if question.startswith("consul.service."):
        record = re.sub(r"SRV 1 1 \d+", "SRV 1 1 PORT", record)
    if "many" in question or "ext7" in question:
        record = re.sub(r"SRV 1 1 \d+ many\d+", "SRV 1 1 N manyN", record)
        record = re.sub(r"^many\d+", "manyN", re.sub(r"10\.2\.0\.\d+", "10.2.0.N", record))
    return record


def spoken(port, name):
    """The bytes of the answer to one of the messages; null: there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.settimeout(10)
        end.connect(("127.0.0.1", port))
        end.send(MESSAGES[name])
        # One that is surely answered, by Consul perhaps before the other: what comes besides is the first one's answer.
        end.send(head(0x100, 1, 0, 0, 0).replace(b"\0\7", b"\0\x63", 1) + NAME + struct.pack(">2H", 65281, 1))
        answers = [end.recv(65535)]
        end.settimeout(0.3)
        try:
            answers.append(end.recv(65535))
        except TimeoutError:
            pass
    answer = next((a for a in answers if a[:2] != b"\0\x63"), None)
    return {"message": name, "answer": answer and re.sub(rb"(\x0ahostmaster\xc0.).{4}", rb"\1SERI", answer, flags=re.S).hex()}


# What an operator may choose, by Consul's names, and what is asked then.
OF_MANY = [line for line in OTHERS.strip().splitlines() if line.startswith("many")]
SOME = [*(f"{name}.service.consul {type}" for name in ("web", "six", "ext", "ill", "mix", "al", "t2", "consul") for type in TYPES),
        *(f"{name}.node.consul {type}" for name in ("web1", "six", "named") for type in TYPES), *OTHERS.strip().splitlines()]
CHOICES = [
    ({"domain": "svc.Example", "only_passing": True, "node_ttl": 30, "service_ttl": 10}, SOME),
    ({"udp_answer_limit": 5, "enable_truncate": True}, SOME),
    ({"udp_answer_limit": 8, "enable_truncate": True}, OF_MANY),
    ({"udp_answer_limit": 1}, OF_MANY),
    ({"a_record_limit": 2}, OF_MANY),
]


def record_choices(launch):
    """Asked for the domain that was chosen, and, where that is another one, for Consul's usual one too."""
    found = []
    for choice, questions in CHOICES:
        server = launch("http", dns=choice)
        fill(server.http)
        domain = choice.get("domain", "consul")
        for question in questions:
            asked = re.sub(r"\bconsul(?=\.? |\.?$)", domain, question)
            found += [{"choice": choice, **dig(server.dns, each)} for each in dict.fromkeys([asked, question])]
        server.discard()
    return found


def record_dns(server):
    fill(server.http)
    return [dig(server.dns, question) for question in QUESTIONS] + [spoken(server.dns, name) for name in MESSAGES]
