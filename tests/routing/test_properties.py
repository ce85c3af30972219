"""The compiled table against the plainest matcher there is: a loop over routes and conditions.

The alphabet is tiny, so that texts nest, collide and share ends; values hold bytes that are not UTF-8.
"""

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing import RouteTable
from proxy.snapshot import HeaderMatch, Route

KEYS = ["service", "method", "x"]

# RE2 pattern -> its meaning, told by another engine on the decoded value.
REGEXES = ["", "a", "ab?", "a*", "[ab]+", "(a|b)*c", "é.?", "..", "a{2}", "b.*", ".*b", "[^a]+", "c|bc"]

texts = st.text("abcé", max_size=4)
values = st.one_of(
    st.none(),
    texts.map(str.encode),
    st.lists(st.sampled_from([b"a", b"b", b"c", "é".encode(), b"\xc3", b"\xff", b"\n", b"\0"]), max_size=5).map(b"".join),
)
conditions = st.one_of(
    st.builds(HeaderMatch, st.sampled_from(KEYS), st.sampled_from(["exact", "prefix", "suffix"]), texts, st.booleans()),
    st.builds(HeaderMatch, st.sampled_from(KEYS), st.just("regex"), st.sampled_from(REGEXES), st.booleans()),
    st.builds(HeaderMatch, st.sampled_from(KEYS), st.just("present"), st.just(""), st.booleans()),
)
routes = st.lists(
    st.builds(Route, st.just("r"), st.lists(conditions, min_size=0, max_size=4).map(tuple), st.just("c")), max_size=25
).map(tuple)


def holds(condition, value):
    if value is None:
        return condition.kind == "present" and condition.invert
    wanted = condition.value.encode()
    if condition.kind == "regex":
        try:
            result = re.fullmatch(condition.value, value.decode()) is not None
        except UnicodeDecodeError:
            result = False
    else:
        result = {
            "exact": value == wanted,
            "prefix": value[: len(wanted)] == wanted,
            "suffix": value[len(value) - len(wanted) :] == wanted if len(wanted) <= len(value) else False,
            "present": True,
        }[condition.kind]
    return result is not condition.invert


def naive(table, keyed):
    for at, route in enumerate(table):
        if all(holds(c, keyed[c.key]) for c in route.headers):
            return at
    return -1


@given(routes, st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, values)), min_size=1, max_size=8))
def test_decide_is_the_linear_match(table_routes, calls):
    table = RouteTable(table_routes)
    assert len(set(table.keys)) == len(table.keys)
    for keyed in calls:
        wanted = naive(table_routes, keyed)
        asked = tuple(keyed[key] for key in table.keys)
        assert table.decide(asked) == wanted
        assert next((v.at for v in table.explain(asked) if v.chosen), -1) == wanted


@given(routes, st.lists(st.binary(max_size=40) | st.none(), min_size=3, max_size=3))
def test_no_bytes_crash_it(table_routes, anything):
    table = RouteTable(table_routes)
    assert -1 <= table.decide(tuple(anything[: len(table.keys)])) < len(table_routes)


@given(
    st.lists(texts, min_size=1, max_size=60),
    st.sampled_from(["prefix", "suffix", "exact", "regex"]),
    st.booleans(),
    values,
)
def test_one_kind_at_a_time(words, kind, invert, value):
    # Enough of one kind on one key that the set and the dense masks are used.
    table_routes = tuple(
        Route("r", (HeaderMatch("service", kind, w + "+" if kind == "regex" and w else w, invert),), "c") for w in words
    )
    table = RouteTable(table_routes)
    assert table.decide((value,)) == naive(table_routes, {"service": value})
