"""Filters that the golden answers are asked for: the grammar of go-bexpr, Go's strings and regular expressions, and their errors."""

from urllib.parse import quote

TEXTS = ["Foo", "foo", "foo bar", "k\u212a", "\u017ftraße", "a.b", "x\ny", "", "É", "é", "Ωω", "1234", "a{2}", "DŽ", "_a-"]
SELECTORS = ["Connect.Native", "Connect", "Proxy", "Proxy.DestinationServiceName", "Proxy.LocalServicePort", "Proxy.Config", "Proxy.MeshGateway",
             "Proxy.MeshGateway.Mode", "Proxy.Expose.Checks", "Proxy.Expose.Paths", "Proxy.Expose.Paths.Path", "Proxy.Expose.Paths.ListenerPort",
             "Proxy.Upstreams", "Proxy.Upstreams.DestinationName", "Proxy.Upstreams.LocalBindPort", "Proxy.Upstreams.Config", "Meta.none"]
ASKED = r"""
Meta.m == "a\"
Meta.m == "a\n"
Meta.m == "a\"b"
Meta.m == "x\ny"
Meta.m == "\x46oo"
Meta.m == "\q"
Meta.m == "\u00e9"
Meta.m matches "(?i)foo"
Meta.m matches `(?i)^k+$`
Meta.m matches `(?P<n>a)(?P<n>b)`
Meta.m matches `(?<n>a)`
Meta.m matches `(?P<n`
Meta.m matches `(?P<n y>a)`
Meta.m matches `\bbar`
Meta.m matches `\pLu`
Meta.m matches `\p{Lu}`
Meta.m matches `\p{Foo}`
Meta.m matches `[[:alpha:]]{3}`
Meta.m matches `[[:foo:]]`
Meta.m matches `[\W]`
Meta.m matches `a{2`
Meta.m matches `{2}`
Meta.m matches `*`
Meta.m matches `a**`
Meta.m matches `a*(?i)*`
Meta.m matches `\Qa{2}\E`
Meta.m matches `\C`
Meta.m matches `\8`
Meta.m matches `\x4`
Meta.m matches `\é`
Meta.m matches `(?i`
Meta.m matches `(?z)`
Meta.m matches `(?i-)`
Meta.m matches `(?-:a)`
Meta.m matches `(?m)^y`
Meta.m matches `(?s)x.y`
Meta.m matches `[a`
Meta.m matches `x[z-a]`
Meta.m matches `x[\z]`
Meta.m matches `a{1001}`
Meta.m matches `(a{100}){11}?`
Meta.m matches `(a`
Meta.m matches `a)`
Meta.m matches `[[:word:]\-]`
Meta["m"] == "foo\x20bar"
Meta.m == "foo" bar
Meta.m == `foo
Meta.m == "foo
Meta[m] == a
Meta["m" == a
Meta[ "m" ] == a
Meta[`m`] == foo
Meta["\q"] == foo
"\q" in Meta
"foo in Meta
Meta.m == "\q" and Meta.m == "\z"
Meta.m == "\q" and (Meta.m == "\z"
Meta.m == "\q" and Meta.m = a
(Meta.m == a
(Meta.m == a or
Meta["m
Meta.m == "\400"
Meta.m == "\101"
Meta.m == "\'"
Meta.m == "\ud800"
Meta.m == "\U00110000"
Meta.m == "a	b"
m in Meta
m not in Meta
Meta.m=="foo"
Meta.m in a
Meta.m == foo.bar
Meta.m == 12a
Meta.m == -1
Meta.m == 01
Meta.m == 0.5
Meta.m == 1.
Meta/x == a
Meta.m.x == a
Meta.1 == a
Meta is  empty
Meta is not  empty
Meta  is not empty
not(Meta.m == foo)
notMeta.m == foo
Meta.m == foo and not Meta.m == foo
Meta.m == foo andMeta.m == foo
Meta.m == foo and(Meta.m == foo)
(Meta.m == foo)and(Meta.m == foo)
(Meta.m == foo) and (Meta.m == foo) or Service == s01
((Meta.m == foo)
Meta.m == foo or
Meta.m ==
Meta.m
Meta.m matches a*
Meta.m matches foo
Meta.m not matches "foo"
Meta.m contains oo
Meta.m not contains oo
oo in Meta.m
foo in 1
foo not in 1
foo in
foo is nothing
foo is not nothing
foo not
foo not in Meta and
 Meta.m == foo 
 (Meta.m == foo) 
(
)
()
not
not not Meta.m == foo
and
Meta.m == (foo)
Meta.m == foo)
Meta.m == 1)
(Meta.m == 1) x
Meta.m==
Meta.m == foo["x"]
Meta.m == foo["x"
Meta.m ==foo[x]
é == foo
Meta.é == foo
Meta.m == é
Meta.m == "é" é
"" in Meta
`` in Meta
1 in Meta
-1 in Meta
- in Meta
0.5in Meta
Meta is empty and
Meta is emptyand Meta is empty
Meta.m contains
Meta.m matches
Meta.m contains(foo)
Meta.m contains"foo"
Meta.m ==  "foo"or Meta.m == "a"
"foo"in Meta
Meta["m"]["x"] == a
Meta[] == a
Meta["m"].x == a
Meta.m == foo  or  Meta.m == bar  
"""


def paths(base):
    """One question for each filter, and some of each selector."""
    asked = [line for line in ASKED.split("\n") if line]
    asked += [f"{name} {words}" for name in SELECTORS
              for words in ('== ""', '!= "x"', "== 0", "== false", "is empty", "contains x", "not contains x", 'matches "x"', 'not matches ""')]
    return [f"{base}?filter={quote(each, safe='')}" for each in asked]
