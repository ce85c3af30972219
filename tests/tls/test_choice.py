"""Which chain a hello is for, and whose a host is."""

from __future__ import annotations

import pytest

from proxy.tls.choice import Choice
from proxy.tls.settings import FilterChain, ServerTls

PLAIN, MUTUAL = ServerTls(("x",)), ServerTls(("x",), verify="required", trust="ca")


def chain(name: str, *server_names: str, alpn: tuple[str, ...] = (), tls: ServerTls = PLAIN) -> FilterChain:
    return FilterChain(name, tls, "table", ("http1",), server_names, alpn)


CHOICE = Choice(
    (
        chain("default"),
        chain("default h2", alpn=("h2",)),
        chain("exact", "a.test"),
        chain("exact h2", "a.test", alpn=("h2", "x")),
        chain("wild", "*.a.test"),
        chain("wilder", "*.test"),
        chain("deep", "*.b.a.test"),
        chain("several", "one.test", "*.two.test"),
    )
)


@pytest.mark.parametrize(
    ("server_name", "alpn", "found"),
    [
        ("a.test", (), "exact"), ("a.test", (b"h2",), "exact h2"), ("a.test", (b"y", b"x"), "exact h2"),
        ("a.test", (b"http/1.1",), "exact"), ("A.TEST", (), "exact"), ("a.test.", (), "exact"),
        ("x.a.test", (), "wild"), ("y.x.a.test", (), "wild"), ("x.b.a.test", (), "deep"), ("b.a.test", (), "wild"),
        ("other.test", (), "wilder"), ("test", (), "default"), ("other", (), "default"), (None, (), "default"),
        (None, (b"h2",), "default h2"), ("one.test", (), "several"), ("x.two.test", (), "several"), ("two.test", (), "wilder"),
        ("", (), "default"),
    ],
)  # fmt: skip
def test_find(server_name: str | None, alpn: tuple[bytes, ...], found: str) -> None:
    assert CHOICE.find(server_name, alpn) == found


def test_a_name_whose_chains_all_want_a_protocol_falls_to_the_next_that_does_not() -> None:
    choice = Choice((chain("h2", "a.test", alpn=("h2",)), chain("wild", "*.test")))
    assert choice.find("a.test", (b"h2",)) == "h2"
    assert choice.find("a.test", ()) == "wild"
    assert choice.find("b.other", ()) is None


def test_misdirected() -> None:
    choice = Choice((chain("open", "open.test"), chain("shut", "shut.test", "*.shut.test", tls=MUTUAL)))
    assert choice.guards
    assert choice.misdirected("shut.test", "open")
    assert choice.misdirected("SHUT.test.", "open")
    assert choice.misdirected("x.shut.test", None)
    assert not choice.misdirected("shut.test", "shut")
    assert not choice.misdirected("open.test", "shut")
    assert not choice.misdirected("unknown.test", "open")


def test_misdirected_where_a_hello_would_fall_through() -> None:
    """A name that is open for one protocol only: for all others it is the wildcard's, which wants a certificate."""
    choice = Choice(
        (chain("open"), chain("special", "api.test", alpn=("special",)), chain("shut", "*.test", tls=MUTUAL))
    )  # fmt: skip
    assert choice.find("api.test", ()) == "shut"
    assert choice.misdirected("api.test", "open")
    assert choice.misdirected("api.test", None)
    assert not choice.misdirected("api.test", "special")
    assert not choice.misdirected("api.test", "shut")


def test_misdirected_from_a_door_that_is_open_to_one_for_all_names() -> None:
    choice = Choice((chain("open", "open.test"), chain("rest", tls=MUTUAL)))
    assert choice.misdirected("anything", "open")
    assert not choice.misdirected("open.test", "open")
    assert not choice.misdirected("anything", None), "plaintext beside it was allowed by whoever configured both"
    assert not Choice((chain("open"),)).guards
