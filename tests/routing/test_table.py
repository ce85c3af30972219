"""Tables read like the configuration: routes, values, which one wins."""

import tracemalloc

import pytest

from proxy.routing import RouteTable
from proxy.snapshot import HeaderMatch, Route


def route(*headers, name="r", cluster="c"):
    return Route(name=name, headers=tuple(HeaderMatch(*h) for h in headers), cluster=cluster)


def decide(table, **values):
    return table.decide(tuple(values.get(key) for key in table.keys))


def test_an_empty_table_matches_nothing():
    table = RouteTable(())
    assert table.keys == ()
    assert table.decide(()) == -1


def test_a_route_without_conditions_matches_everything():
    assert RouteTable((route(),)).decide(()) == 0


def test_the_first_route_in_list_order_wins_over_a_more_precise_one():
    table = RouteTable(
        (route(("service", "prefix", "com.")), route(("service", "exact", "com.test.Echo")), route()),
    )
    assert decide(table, service=b"com.test.Echo") == 0
    assert decide(table, service=b"org.Echo") == 2


def test_headers_are_anded():
    table = RouteTable((route(("service", "exact", "a"), ("method", "exact", "b")),))
    assert table.keys == ("service", "method")
    assert decide(table, service=b"a", method=b"b") == 0
    assert decide(table, service=b"a", method=b"c") == -1
    assert decide(table, service=b"a") == -1


def test_conditions_on_one_key_are_anded_too():
    table = RouteTable(
        (
            route(
                ("k", "prefix", "a"),
                ("k", "suffix", "z"),
                ("k", "regex", ".*b.*"),
                ("k", "regex", ".*c.*", True),
                ("k", "exact", "abbz", True),
            ),
        )
    )
    assert table.keys == ("k",)
    assert decide(table, k=b"abz") == 0
    for other in (b"abbz", b"abcz", b"az", b"ab", b"bz", None):
        assert decide(table, k=other) == -1


@pytest.mark.parametrize(
    ("condition", "matching", "others"),
    [
        (("exact", "ab"), [b"ab"], [b"", b"a", b"abc", b"AB", b"ab\xff", None]),
        (("exact", ""), [b""], [b"a", None]),
        (("exact", "é"), ["é".encode()], [b"\xe9", b"\xc3", None]),
        (("prefix", "ab"), [b"ab", b"abc", b"ab\xff\x00"], [b"", b"a", b"b", None]),
        (("prefix", ""), [b"", b"a", b"\xff"], [None]),
        (("suffix", "bc"), [b"bc", b"abc", b"\xffbc", b"x" * 100_000 + b"bc"], [b"", b"c", b"bcd", None]),
        (("suffix", ""), [b"", b"a"], [None]),
        (("regex", "a.c"), [b"abc", "aéc".encode()], [b"abcd", b"xabc", b"a\xffc", b"a\nc", b"", None]),
        (("regex", ".*"), [b"", b"abc"], [b"\xff", None]),
        (("regex", r"(?s)a\C*"), [b"a\xff\n", b"a"], [b"\xff", None]),
        (("regex", "a|ab"), [b"a", b"ab"], [b"abb", None]),
        (("present", ""), [b"", b"a", b"\xff"], [None]),
        (("exact", "ab", True), [b"", b"abc", b"\xff"], [b"ab", None]),
        (("prefix", "ab", True), [b"", b"a", b"\xff"], [b"abc", None]),
        (("suffix", "bc", True), [b"", b"c"], [b"abc", None]),
        (("regex", "a.c", True), [b"", b"a\xffc"], [b"abc", None]),
        (("present", "", True), [None], [b"", b"a"]),
    ],
)
def test_kinds(condition, matching, others):
    table = RouteTable((route(("k", *condition)),))
    for value in matching:
        assert decide(table, k=value) == 0, value
    for value in others:
        assert decide(table, k=value) == -1, value


def test_nested_prefixes_are_all_found():
    texts = ["", "a", "ab", "abc", "abd", "b", "ba", "\u00ff"]
    for suffix in (False, True):
        for only in texts:
            # Each in front of all the others, which must not hide it.
            kind = "suffix" if suffix else "prefix"
            ordered = [only, *(t for t in texts if t != only)]
            table = RouteTable(tuple(route(("k", kind, t[::-1] if suffix else t)) for t in ordered))
            for value in ("", "a", "aa", "ab", "abc", "abca", "abda", "b", "bab", "c", "\u00ff\u00ff"):
                expected = next((at for at, t in enumerate(ordered) if value.startswith(t)), -1)
                assert decide(table, k=(value[::-1] if suffix else value).encode()) == expected


def test_a_regex_that_re2_refuses_is_named():
    with pytest.raises(ValueError, match=r"regex '\(\?=x\)': invalid perl operator: \(\?="):
        RouteTable((route(("k", "regex", "a")), route(("k", "regex", "(?=x)"))))


def test_explain_says_why():
    table = RouteTable(
        (
            route(("service", "exact", "a"), ("method", "regex", "b+"), name="first"),
            route(("service", "prefix", "x", True), name="second", cluster="d"),
            route(name="rest"),
        )
    )
    first, second, rest = table.explain((b"a", None))
    failed = "method: regex 'b+' fails for absent"
    assert first == (0, "first", "c", False, False, first.conditions, "", failed)
    assert first.conditions == ("service: exact 'a' holds for b'a'", "method: regex 'b+' fails for absent")
    assert (second.matched, second.chosen, second.cluster) == (True, True, "d")
    assert second.conditions == ("service: not prefix 'x' holds for b'a'",)
    assert (rest.matched, rest.chosen, rest.conditions) == (True, False, ())
    assert table.decide((b"a", None)) == 1


def test_explain_quotes_only_the_beginning_of_a_value():
    (verdict,) = RouteTable((route(("k", "present", "")),)).explain((b"x" * 5000,))
    assert len(verdict.conditions[0]) < 120


def test_repr():
    assert repr(RouteTable((route(("k", "present", "")),))) == "RouteTable(1 routes, keys=('k',))"


def test_a_table_of_ten_thousand_routes_stays_small():
    routes = tuple(
        route(("service", "exact", f"com.test.Service{i}:1.0"), ("method", "prefix", f"m{i}")) for i in range(10_000)
    )
    tracemalloc.start()
    table = RouteTable(routes)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 12_000_000
    assert table.decide((b"com.test.Service9999:1.0", b"m9999")) == 9999
    assert table.decide((b"com.test.Service9999:1.0", b"m9998")) == -1
