"""Many regexes: sets, chunks, and what happens when RE2 gives up."""

import pytest

from proxy.routing import RouteTable, patterns
from proxy.snapshot import HeaderMatch, Route


def table_of(texts, **extra):
    return RouteTable(
        tuple(Route(name=str(at), headers=(HeaderMatch("k", "regex", t, **extra),), cluster="c") for at, t in texts)
    )


def test_many_chunks():
    table = table_of([(i, rf"svc\.{i}\..*") for i in range(1000)])
    assert len(table._chunks) == 1000 // patterns.CHUNK + 1
    for at in (0, 63, 64, 500, 999):
        assert table.decide((b"svc.%d.x" % at,)) == at
    assert table.decide((b"svc.1000.x",)) == -1
    assert table.decide((b"svc.1.\xff",)) == -1
    assert table.decide((None,)) == -1


def test_the_lowest_of_several_matches_wins_across_chunks():
    table = table_of([(i, f".*a{i}b.*") for i in range(300)])
    assert table.decide((b"a299b a70b a200b",)) == 70


def test_one_pattern_of_many_routes_is_one_pattern():
    routes = tuple(
        Route(name=str(i), headers=(HeaderMatch("k", "regex", "x+"), HeaderMatch("n", "exact", str(i))), cluster="c")
        for i in range(500)
    )
    table = RouteTable(routes)
    assert len(table._chunks) == 1
    assert table.decide((b"xx", b"499")) == 499
    assert table.decide((b"y", b"499")) == -1
    assert RouteTable(tuple(Route(r.name, r.headers[:1], "c") for r in routes)).decide((b"xx",)) == 0


def test_inverted_sets():
    table = table_of([(i, f"v{i}|w") for i in range(100)], invert=True)
    assert table.decide((b"v0",)) == 1
    assert table.decide((b"x",)) == 0
    assert table.decide((b"w",)) == -1
    assert table.decide((None,)) == -1


class GivesUp:
    def Match(self, value):
        return None


@pytest.mark.parametrize("group", [None, GivesUp()])
def test_a_set_that_gave_up_is_not_believed(monkeypatch, group):
    monkeypatch.setattr(patterns, "_compile", lambda _: group)
    table = table_of([(i, f"v{i}") for i in range(100)])
    assert table.decide((b"v99",)) == 99
    assert table.decide((b"v100",)) == -1


def test_patterns_too_large_for_one_set():
    # Each compiles alone; together they are over RE2's memory for one program.
    table = table_of([(i, rf".{{{i + 1},900}}x1") for i in range(60)])
    assert table._chunks[0][1]._set is None
    assert table.decide((b"a" * 30 + b"x1",)) == 0
    assert table.decide((b"x1",)) == -1


def test_a_route_ruled_out_by_its_other_keys_costs_no_regex():
    routes = tuple(
        Route(
            name=str(i),
            headers=(HeaderMatch("n", "exact", str(i)), HeaderMatch("k", "regex", f"v{i}.*")),
            cluster="c",
        )
        for i in range(200)
    )
    table = RouteTable(routes)

    class Untouchable:
        def Match(self, value):
            raise AssertionError

    for _, chunk in table._chunks:
        chunk._set = Untouchable()
    assert table.decide((b"199", b"v199x")) == 199
    assert table.decide((b"199", b"v198x")) == -1
