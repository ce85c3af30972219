"""Tables of all kinds of conditions, of expressions and virtual hosts: what is decided is what is explained, and as a plain
reading of what the conditions mean.

The alphabet is tiny, so that texts nest, collide and share ends.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing import RouteTable
from proxy.routing.condition import compile_regex, holds, pattern_of
from proxy.routing.domains import Domains
from proxy.routing.expression import compiled
from proxy.routing.implied import implied
from proxy.routing.literals import beginning, ending
from proxy.snapshot import HeaderMatch, Route, VirtualHost

KEYS = ("service", ":service", "x", ":path", "source.address", "metadata.m")
REGEXES = [
    "/a.*",
    ".*/b",
    "/(a|b)/[0-9]+",
    "(?i)/A",
    "a+b",
    "/a/?",
    "é.*b",
    r"a\.b",
    "/a$",
    "^/b",
    "",
    "[/a]+b",
    "/a{2}b",
    r"\Qa\E/b",
]
NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "::/0", "fd00::/8", "::ffff:10.0.0.0/104"]

texts = st.text("/abAé1", max_size=4)
values = st.one_of(
    st.none(),
    texts.map(str.encode),
    st.integers(-3, 12).map(lambda number: b"%d" % number),
    st.sampled_from([b"10.1.2.3", b"10.9.0.0", b"fd00::1", b"::ffff:10.1.2.3", b"unix", b"+5", b"9" * 30, b"/a/12"]),
    st.lists(st.sampled_from([b"/a", b"a", b"b", b"\xc3", b"\xff", b"\n", b"\0"]), max_size=5).map(b"".join),
)
cheap = st.tuples(st.sampled_from(["exact", "prefix", "suffix"]), texts) | st.tuples(
    st.just("network"), st.sampled_from(NETWORKS)
)
ranges = st.tuples(st.integers(-3, 12), st.integers(1, 9)).map(lambda pair: f"{pair[0]}:{pair[0] + pair[1]}")
keys = st.sampled_from(KEYS)
templates = st.sampled_from(["/a/*", "/{x}/b", "/a/**", "/{x=a/*}/1"])
conditions = st.one_of(
    st.builds(lambda key, given, invert: HeaderMatch(key, *given, invert), keys, cheap, st.booleans()),
    st.builds(
        lambda key, kind, text, invert: HeaderMatch(key, kind, text.lower(), invert, ignore_case=True),
        keys, st.sampled_from(["exact", "prefix", "suffix", "contains"]), st.text("/abA1", max_size=4), st.booleans(),
    ),
    st.builds(HeaderMatch, keys, st.just("contains"), texts, st.booleans()),
    st.builds(HeaderMatch, keys, st.just("regex"), st.sampled_from(REGEXES), st.booleans()),
    st.builds(HeaderMatch, keys, st.just("template"), templates, st.booleans()),
    st.builds(HeaderMatch, keys, st.just("range"), ranges, st.booleans()),
    st.builds(HeaderMatch, keys, st.just("present"), st.just(""), st.booleans()),
    st.builds(
        lambda key, choices, invert: HeaderMatch(key, "any_of", invert=invert, choices=tuple(choices)),
        keys, st.lists(cheap, min_size=1, max_size=4), st.booleans(),
    ),
)  # fmt: skip
ATOMS = [
    "service == 'a'", "'/a' == path", "service != 'a'", "path.startsWith('/a')", "path.endsWith('b')", "service in ['a', 'ab']",
    "'x' in headers", "!('x' in headers)", "has(headers.x)", "headers['x'] == 'a'", "headers.x.contains('a')",
    "int(headers['x']) >= 3", "path.matches('^/a')", "service.matches('b$')", "service.matches('a')", "metadata['m'] == 'a'",
    "source.address == '10.1.2.3'", "service == '\ufffd'", "size(service) > 1", "[service, 'b'].exists(each, each == 'b')",
    "headers['service'] == 'b'", "service + path == 'a/a'", "(service == 'a' ? path : service) == 'b'", "true", "false",
]  # fmt: skip
atoms = st.sampled_from(ATOMS)
expressions = st.one_of(
    st.just(""),
    atoms,
    st.builds("{} && {}".format, atoms, atoms),
    st.builds("{} || {}".format, atoms, atoms),
    st.builds("({} || {}) && {}".format, atoms, atoms, atoms),
    st.builds("!({} && {})".format, atoms, atoms),
)
routes = st.lists(
    st.builds(
        lambda headers, text: Route("r", tuple(headers), "c", expression=text), st.lists(conditions, max_size=3), expressions
    ),
    max_size=12,
).map(tuple)
calls = st.lists(st.fixed_dictionaries(dict.fromkeys((*KEYS, ":authority"), values)), min_size=1, max_size=6)

DOMAINS = ["a", "a:1", "*.a", "*.a:1", "*b.a", "b.*", "b.*:1", "b.c.*", "*", "*:1", "b.a", "[::1]", "[::1]:1", "*a"]
authorities = st.sampled_from(
    [None, b"", b"a", b"a:1", b"b.a", b"b.a:1", b"c.b.a:2", b"b.c.d:1", b"x", b"x:1", b"[::1]:1", b"[::1]"]
)


def met(route, call):
    if not all(holds(condition, call[condition.key]) for condition in route.headers):
        return False
    expression = compiled(route.expression) if route.expression else None
    return expression is None or expression.holds([call[key] for key in expression.keys])


def check(table, call, first):
    asked = tuple(call[key] for key in table.keys)
    assert table.decide(asked) == first
    assert next((verdict.at for verdict in table.explain(asked) if verdict.chosen), -1) == first


@given(routes, calls)
def test_decide_is_explain_and_a_plain_reading(table_routes, called):
    table = RouteTable(table_routes)
    for call in called:
        check(table, call, next((at for at, route in enumerate(table_routes) if met(route, call)), -1))


@given(st.lists(routes, min_size=1, max_size=4), st.data())
def test_virtual_hosts(parts, data):
    domains = data.draw(st.permutations(DOMAINS))
    cut = len(domains) // len(parts)
    hosts = tuple(VirtualHost(str(at), tuple(domains[at * cut : (at + 1) * cut]), len(part)) for at, part in enumerate(parts))
    table = RouteTable(tuple(route for part in parts for route in part), hosts)
    for drawn in data.draw(calls):
        call = {**drawn, ":authority": data.draw(authorities)}
        at = Domains(hosts).find(call[":authority"])
        start = sum(len(part) for part in parts[:at])
        chosen = parts[at] if at >= 0 else ()
        check(table, call, next((start + i for i, route in enumerate(chosen) if met(route, call)), -1))


def rank(domain, authority):
    """How well a domain fits, by the rules as they are told; None: not at all."""
    name, port = (authority or "", "")
    if authority and authority[-1] != "]" and ":" in authority:
        name, port = authority.rsplit(":", 1)
    wanted, its_port = domain, ""
    if domain[-1] != "]" and ":" in domain:
        wanted, its_port = domain.rsplit(":", 1)
    if its_port and its_port != port:
        return None
    if wanted == "*":
        kind, length = 0, 0
    elif wanted.startswith("*"):
        kind, length = 2, len(wanted)
        if not (name.endswith(wanted[1:]) and len(name) >= len(wanted)):
            return None
    elif wanted.endswith("*"):
        kind, length = 1, len(wanted)
        if not (name.startswith(wanted[:-1]) and len(name) >= len(wanted)):
            return None
    elif wanted == name:
        kind, length = 3, 0
    else:
        return None
    return kind, length, bool(its_port)


@given(st.permutations(DOMAINS), st.integers(1, len(DOMAINS)), authorities)
def test_the_best_domain_wins_whatever_the_order(domains, count, authority):
    hosts = [VirtualHost(domain, (domain,), 0) for domain in domains[:count]]
    text = None if authority is None else authority.decode()
    ranked = {domain: rank(domain, text) for domain in domains[:count]}
    best = max((domain for domain in ranked if ranked[domain] is not None), key=lambda domain: ranked[domain], default=None)
    at = Domains(hosts).find(authority)
    assert (hosts[at].name if at >= 0 else None) == best


PIECES = [
    "a",
    "b",
    "/",
    r"\.",
    ".",
    "*",
    "+",
    "?",
    "(",
    ")",
    "|",
    "[ab]",
    "{2}",
    "^",
    "$",
    r"\d",
    r"\b",
    "(?:",
    "(?P<n>",
    "é",
    "(?i)",
    r"\x61",
    "[^]]",
]


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.text("ab/.A1é]", max_size=6))
def test_what_a_regex_implies_holds_where_it_does(pattern, text):
    try:
        regex = compile_regex(pattern)
    except ValueError:
        return
    for value in (text, text + "a", text * 2):
        if regex.fullmatch(value.encode()) is not None:
            assert value.encode().startswith(beginning(pattern))
            assert value.endswith(ending(pattern))


@given(conditions, values)
def test_what_a_condition_implies_holds_where_it_does(condition, value):
    if condition.kind in ("regex", "template", "contains") and holds(condition, value):
        assert all(holds(each, value) for each in implied(condition)), pattern_of(condition)


@given(expressions.filter(bool), st.fixed_dictionaries(dict.fromkeys(KEYS, values)))
def test_what_an_expression_implies_holds_where_it_does(text, call):
    expression = compiled(text)
    if expression.holds([call[key] for key in expression.keys]):
        assert all(holds(condition, call[condition.key]) for condition in expression.implied)


@pytest.mark.parametrize(
    ("pattern", "first", "last"),
    [
        ("/users/[0-9]+/orders", b"/users/", "/orders"),
        (r"^com\.test\..*Service$", b"com.test.", "Service"),
        ("(get|list).*", b"", ""),
        ("a|ab", b"a", ""),
        ("(?i)/admin/.*", b"/", ""),
        (".*", b"", ""),
        (r"/x\d+", b"/x", ""),
        ("é+x", "é".encode(), "x"),
    ],
)
def test_beginnings_and_endings(pattern, first, last):
    assert (beginning(pattern), ending(pattern)) == (first, last)
