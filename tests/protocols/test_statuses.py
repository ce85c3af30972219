"""The status of an answer: what the kernel reads is what construct reads, and names stand for the numbers that they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from construct import Int8ub, Int32ub, Struct, this
from xproto.kernel.status import StatusReader

from conformance.golden import load as load_vectors
from xproto.errors import SpecError
from xproto.lower import lower
from xproto.lower.status import Range, ranges_of
from xproto.registry import load
from xproto.spec import Kind, Order, Pool, Protocol, header

REGISTRY = load()
VECTORS = Path("conformance/vectors")
FRAMED = [name for name, each in REGISTRY.items() if not each.codec.headed and not each.codec.carried]


@pytest.mark.parametrize("name", FRAMED)
def test_the_kernel_reads_what_construct_reads(name: str) -> None:
    protocol, reader = REGISTRY[name].protocol, StatusReader(REGISTRY[name].lowered)
    seen = 0
    for vector in load_vectors(VECTORS / name):
        if vector.direction == 1 and vector.kind == "response":
            parsed = protocol.frame.parse(vector.data, from_upstream=1)
            assert reader.read_bytes(vector.data) == int(protocol.status(parsed) or 0), vector.name
            seen += 1
    assert seen


def test_no_status_in_what_is_no_frame() -> None:
    assert StatusReader(REGISTRY["bolt"].lowered).read_bytes(b"\x01\x00") is None


def test_names_and_numbers_become_ranges() -> None:
    http = REGISTRY["http1"].protocol
    assert ranges_of(("5xx", 499, "nobody's"), http) == [Range(499, 599, unprocessed=False)]
    assert ranges_of((428, "too_many_requests", 430), http) == [
        Range(428, 428, unprocessed=False), Range(429, 429, unprocessed=True), Range(430, 430, unprocessed=False),
    ]  # fmt: skip


def test_the_page_has_all_of_them() -> None:
    page = Path("docs/retries.md").read_text()
    for registered in REGISTRY.values():
        for protocol in (registered.protocol, *registered.protocol.carries):
            for name in protocol.statuses:
                said = f"**{name}**" if name in protocol.unprocessed else name
                assert said in page, f"{protocol.name}: {said}"


def declared(**roles: object) -> Protocol:
    layout = Struct("id" / Int32ub, "kind" / Int8ub, "code" / Int8ub)
    kinds = {Kind.REQUEST: this.kind == 0, Kind.RESPONSE: this.kind == 1}
    return Protocol(name="p", frame=layout, kind=kinds, id=this.id, pool=Pool.MULTIPLEXED, order=Order.BY_ID, **roles)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"statuses": {"a": 1}}, "p: statuses: names of a status that no field holds; name the field: status=this.…"),
        (
            {"status": this.code, "statuses": {"a": "1"}},
            "p: statuses: 'a' is '1'; give a number, or several: {'busy': 4}",
        ),
        (
            {"status": this.code, "statuses": {"a": 1}, "unprocessed": ("b",)},
            "p: unprocessed: 'b' is no name of a status; add it to statuses",
        ),
        ({"status": header("x")}, "p: status: a header, but the protocol declares no headers; add headers=this.…"),
        ({"status": "code"}, "p: status: 'code' is not a field; name the field: status=this.…, or header('…')"),
    ],
)
def test_a_wrong_declaration(roles: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        lower(declared(**roles))
    assert str(caught.value) == message
