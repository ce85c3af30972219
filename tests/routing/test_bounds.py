"""How much of a large table is tried for a value that nobody has sent before: a few regexes and expressions, whatever it is.

Work is counted, not timed: each regex tried, each Set asked, each expression evaluated.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from proxy.routing import RouteTable, patterns
from proxy.routing.expression import Expression
from proxy.snapshot import HeaderMatch, Route

REGEXES = (r"com\.test\.Other{}\..*", "com[.]test[.]Other{}.*", r".*\.Other{}Service", r"com\.test\.v[0-9]+\.other{}x.*")
EXPRESSIONS = (
    "service == 'com.test.Cel{}' && headers['env'] == 'gray'",
    "service.startsWith('com.test.Cel{}.') && int(headers['n']) > 3",
    "headers['tenant'] == 't{}' && !('debug' in headers)",
)
ROUTES = 4000
dice = random.Random(7)
STRANGERS = [
    b"org.example.Service",
    b"com.test.Other1234",
    b"com.test.Other.Other99Z",
    b"com.test.v1." + b"other" * 80,
    b"com.test.v" + bytes(dice.choices(b"0123456789x.", k=400)),
    b"com.test." + bytes(dice.choices(b"Othervxs.", k=400)),
    b"com.test.Cel7.x",
    b"\xff" * 400,
    b"",
]


def route(index: int) -> Route:
    if index % 20 == 7:
        return Route(str(index), (), "c", expression=EXPRESSIONS[index // 20 % 3].format(index))
    if index % 2 == 0:
        return Route(str(index), (HeaderMatch(":service", "regex", REGEXES[index // 2 % 4].format(index)),), "c")
    kind = ("exact", "prefix", "suffix")[index // 2 % 3]
    return Route(str(index), (HeaderMatch(":service", kind, f"com.test.Plain{index}"),), "c")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def table() -> RouteTable:
    return RouteTable(tuple(map(route, range(ROUTES))))


@pytest.fixture
def tried(table: RouteTable, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counted: Counter[str] = Counter()
    found, holds = patterns.Chunk._found, Expression.holds

    def count_regexes(self: patterns.Chunk, value: bytes, asked: int) -> list[int]:
        counted["regexes" if asked.bit_count() <= patterns.FEW else "sets"] += min(asked.bit_count(), patterns.FEW)
        return list(found(self, value, asked))

    def count_expressions(self: Expression, values: list[bytes | None]) -> bool:
        counted["expressions"] += 1
        return holds(self, values)

    monkeypatch.setattr(patterns.Chunk, "_found", count_regexes)
    monkeypatch.setattr(Expression, "holds", count_expressions)
    return counted


@pytest.mark.parametrize("service", STRANGERS)
def test_few_are_tried(table: RouteTable, tried: Counter[str], service: bytes) -> None:
    given = {":service": service, "env": b"gray", "n": b"5", "tenant": b"t1", "debug": None}
    assert table.decide(tuple(given[key] for key in table.keys)) >= -1
    assert tried["regexes"] + tried["sets"] <= 20, tried
    assert tried["expressions"] <= 2, tried


def test_thousands_of_regexes_that_begin_alike(tried: Counter[str]) -> None:
    routes = [Route(str(i), (HeaderMatch("k", "regex", f"/api/v[0-9]+/item{i}/.*"),), "c") for i in range(2000)]
    alike = RouteTable(tuple(routes))
    assert alike.decide((b"/api/v1/item1999/x",)) == 1999
    assert alike.decide((b"/api/v1/item2000/x",)) == -1
    assert alike.decide((b"/api/v1/" + b"item" * 100,)) == -1
    assert tried["regexes"] + tried["sets"] <= 60, tried


def test_a_run_that_gave_up_rules_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = [Route(str(i), (HeaderMatch("k", "regex", f"/api/v[0-9]+/item{i}/.*"),), "c") for i in range(200)]
    alike = RouteTable(tuple(routes))
    [(_, prefilter)] = alike._prefilters

    class GivesUp:
        def Match(self, value: bytes, *, potential: bool) -> list[int]:
            return [3]

    prefilter._filter = GivesUp()
    assert alike.decide((b"/api/v1/item150/x",)) == 150
