"""What was asked over HTTP/1.1, and what may become of it: the invariants of single exchanges.

* A request reaches a server at most once, but for one that may be made twice and was lost before its answer, whose body is
  empty or whose route retries, with the fields and the body that were sent, and with ours once each.
* It gets one final answer, in its turn, or the connection ends, and for a reason.
* An answer that is not the proxy's own is what a server sent for that very request.
* A body that is cut off is seen to be: bytes or chunks are missing, or there is a reset.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.http_speech import Form, Head

OURS = {"via", "x-forwarded-for", "x-forwarded-proto", "x-request-id", "connection"}
HERE = "1.1 xproto"


@dataclass(slots=True)
class Exchange:
    number: int
    method: str
    fields: tuple[str, ...]
    """Of the request, but those of the hop."""
    size: int
    form: Form
    old: bool = False
    """HTTP/1.0."""
    closes: bool = False
    """Its client wants no other behind it."""
    keeps: bool = False
    expects: bool = False
    lost: bool = False
    """There is no route for it."""
    begun: int = 0
    """Microseconds; 0: nothing was sent of it yet."""
    moved: int = 0
    """When the last piece of it was sent."""
    sent: bool = False
    """With its end."""
    released: bool = False
    """It need not wait for a 100 any more."""
    told_to: bool = False
    """It was told to send its body."""
    delivered: bool = False
    spoiled: bool = False
    """Its server did not answer it as it should."""
    status: int = 0
    """Of the server's answer; 0: it has sent none of it yet."""
    answer: bytes = b""
    answer_form: Form = "none"
    answer_fields: list[str] = field(default_factory=list)

    @property
    def idempotent(self) -> bool:
        return self.method in {"GET", "HEAD", "PUT", "DELETE"}

    @property
    def repeats(self) -> bool:
        """May it be sent once more, where its answer was lost with a connection? Its method is such, and it has no body."""
        return self.idempotent and self.form != "chunked" and self.size == 0

    @property
    def told(self) -> bool:
        """Has its server begun to answer?"""
        return self.status != 0


def checked_request(exchange: Exchange, found: Head) -> None:
    """What a server got is what was sent, and what this hop says, once."""
    theirs = sorted(f"{name}: {value}" for name, value in found.fields if name not in OURS)
    assert theirs == sorted(exchange.fields), f"request {exchange.number} is not what was sent: {theirs}"
    assert found.one("via") == HERE, f"request {exchange.number}: {found}"
    assert found.one("x-forwarded-proto") == "http", f"request {exchange.number}: {found}"
    assert len(found.one("x-request-id")) == 32, f"request {exchange.number}: {found}"
    assert "," not in found.one("x-forwarded-for"), f"request {exchange.number}: {found}"
    assert not found.all_of("connection"), f"request {exchange.number}: {found}"


def checked_answer(exchange: Exchange, found: Head, status: int) -> None:
    """What a client got is what its server sent."""
    theirs = sorted(f"{name}: {value}" for name, value in found.fields if name not in OURS)
    fields = exchange.answer_fields
    if exchange.old:
        fields = [each for each in fields if not each.startswith("transfer-encoding")]
    assert found.one("x-call") == str(exchange.number), f"exchange {exchange.number} got another's answer: {found}"
    assert status == exchange.status, f"exchange {exchange.number} got status {status} for {exchange.status}"
    assert theirs == sorted(fields), f"exchange {exchange.number} got {theirs} for {fields}"
    assert found.one("via") == HERE, f"exchange {exchange.number}: {found}"


def must_close(exchange: Exchange, local: bool) -> bool:
    """Can nothing follow this answer?"""
    plain = exchange.old and exchange.answer_form == "chunked"
    return exchange.closes or (not local and (plain or exchange.answer_form == "until close"))


def may_close(exchange: Exchange, local: bool) -> bool:
    """Is there a reason to let the client go behind this answer? One may be that its body may come, or not."""
    return must_close(exchange, local) or (exchange.expects and not exchange.told_to)
