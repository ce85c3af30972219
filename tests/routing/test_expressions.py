"""What an expression makes of values, and what the tree of one is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from proxy.routing.cel_tree import Call, Const, Items, Name, Other, Select, read
from proxy.routing.expression import ExpressionError, _library, compiled
from proxy.snapshot import HeaderMatch


@pytest.mark.parametrize(
    ("text", "holding", "failing"),
    [
        ("service == 'a'", [{":service": b"a"}], [{":service": b"b"}, {}, {":service": b"a\0b"}, {":service": b"\xff"}]),
        ("!(service == 'a')", [{":service": b"b"}, {":service": b"\xff"}], [{":service": b"a"}, {}]),
        ("headers['x'] == '' || 'y' in headers", [{"x": b""}, {"y": b"1"}], [{}, {"x": b"1"}]),
        ("has(headers.x) && headers.x != 'a'", [{"x": b"b"}], [{"x": b"a"}, {}]),
        ("int(headers['n']) > 9", [{"n": b"10"}], [{"n": b"9"}, {"n": b"ten"}, {"n": b""}, {"n": b"9" * 40}, {}]),
        ("1 / int(headers['n']) == 1", [{"n": b"1"}], [{"n": b"0"}]),
        ("service.matches('b+')", [{":service": b"abc"}], [{":service": b"ac"}]),
        ("service.matches('^(a*)*b$')", [{":service": b"aab"}], [{":service": b"a" * 5000}]),
        ("size(service) == 1", [{":service": "é".encode()}], [{":service": b"ab"}]),
        ("query['a'] == 'b' && metadata.m == 'c'", [{":query.a": b"b", "metadata.m": b"c"}], [{"a": b"b", "m": b"c"}]),
        ("protocol == 'bolt'", [{":protocol": b"bolt"}], [{"protocol": b"bolt"}]),
        ("headers['protocol'] == 'bolt'", [{"protocol": b"bolt"}], [{":protocol": b"bolt"}]),
        ("source.address in ['::1', '10.0.0.1']", [{"source.address": b"::1"}], [{"source.address": b"unix"}]),
    ],
)
def test_what_holds(text: str, holding: list[dict[str, bytes]], failing: list[dict[str, bytes]]) -> None:
    expression = compiled(text)
    for given in holding:
        assert expression.holds([given.get(key) for key in expression.keys]), given
    for given in failing:
        assert not expression.holds([given.get(key) for key in expression.keys]), given


@pytest.mark.parametrize(
    ("text", "implied"),
    [
        ("service == 'a' && method.startsWith('b')", [(":service", "exact", "a"), (":method", "prefix", "b")]),
        ("service == 'a' || method == 'b'", []),
        ("service == 'a' || service.endsWith('b')", [(":service", (("exact", "a"), ("suffix", "b")))]),
        ("!(service == 'a')", [(":service", "present")]),
        ("service == 'a' ? true : false", []),
        ("headers['x'] in ['a', 'b']", [("x", (("exact", "a"), ("exact", "b")))]),
        ("'x' in headers && !('y' in headers)", [("x", "present")]),
        ("service.matches('^a.c')", [(":service", "prefix", "a")]),
        ("service.matches('a.c$')", [(":service", "suffix", "c")]),
        ("service.matches('abc')", [(":service", "present")]),
        ("service.matches('^a|b')", [(":service", "present")]),
        ("service == 'a\ufffd'", [(":service", "present")]),
        ("service == method", [(":method", "present"), (":service", "present")]),
        ("[1].exists(x, service == 'a')", []),
    ],
)
def test_what_is_implied(text: str, implied: list[tuple[str, ...]]) -> None:
    wanted = [
        HeaderMatch(key, given[0]) if isinstance(given[0], str) and len(given) == 1  # type: ignore[arg-type]
        else HeaderMatch(key, *given) if isinstance(given[0], str)  # type: ignore[arg-type]
        else HeaderMatch(key, "any_of", choices=given[0])
        for key, *given in implied
    ]  # fmt: skip
    assert list(compiled(text).implied) == wanted


def test_the_tree_has_every_kind_of_node() -> None:
    _, environment = _library()
    tree = read(environment.compile("has(headers.x) && service in ['a'] && {'k': [1].all(n, n > 0)}['k']").serialize())
    assert tree == Call(
        "_&&_",
        (
            Call(
                "_&&_", (Select(Name("headers"), "x", True), Call("@in", (Name("service"), Items((Const("a"),))), False)), False
            ),
            tree.parts[1],  # type: ignore[union-attr]
        ),
        False,
    )
    index = tree.parts[1]  # type: ignore[union-attr]
    assert (index.function, type(index.parts[0]), index.parts[1]) == ("_[_]", Other, Const("k"))


@pytest.mark.parametrize("data", [b"", b"\x12\x02\x12", b"\xff" * 12, b"\x12\x04\x22\x02\x7a\x00", b"\x0b"])
def test_what_is_no_tree(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read(data)


def test_the_library_is_imported_with_the_first_expression() -> None:
    script = (
        "import sys; from proxy.routing import RouteTable; from proxy.snapshot import Route; import proxy.worker.run;"
        "RouteTable((Route('a', (), 'c'),)); assert not any('cel_expr' in name for name in sys.modules);"
        "RouteTable((Route('a', (), 'c', expression='true'),)); assert any('cel_expr' in name for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2].all(x, [1, 2].exists(y, x == y))",
        "[[1], [2]].exists(x, x.all(y, y > 0)) || service == 'a'",
        "['a'].map(x, ['b'].filter(y, y == x)) == [['b']]",
        "{'k': [1].all(x, [2].exists_one(y, x == y))}['k']",
    ],
)
def test_comprehensions_inside_one_another_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"inside one another, since .*; write the inner one out"):
        compiled(text)


def test_as_much_as_can_be_written_is_never_stopped() -> None:
    numbers = f"[{','.join('1' * 1000)}]"
    text = f"{numbers}.map(x, x + 1).filter(x, x > 0).all(x, x == 2) && [1].all(x, x == 1) && service == 'a'"
    assert compiled(text).holds([b"a"])
    assert compiled(f"['a', 'b'].exists(x, x == service) && {numbers}.all(x, x == 1)").holds([b"b"])
