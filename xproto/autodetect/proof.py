"""The proof that no two protocols of a listener claim the same bytes, and that none waits for bytes that may never come.

A signature is a finite union of cubes, so both can be decided: two cubes have a byte string in common if they have a byte
value in common at every offset that both have, and that string, as long as the longer one, is the example to show. The
length does not matter: a shorter cube is committed to before the longer one is decided. No frame is looked at, since the
detector sees none either.

What always holds: no findings means that whatever a client sends has one owner at most, but for pairs of which one was
declared to come before the other; and that every owner is known within `bytes_allowed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from xproto.autodetect.signature import Cube, signature
from xproto.autodetect.strangers import PROXIES, STRANGERS
from xproto.errors import SpecError
from xproto.lower import lower

if TYPE_CHECKING:  # the registry reads signatures, which this package holds
    from xproto.registry import Registered


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with speaking these protocols on one listener, and what to change."""

    protocols: tuple[str, ...]
    wrong: str
    example: bytes
    """Bytes that show it."""
    instead: str

    def __str__(self) -> str:
        return f"{self.wrong}; {self.instead}"


def prove(protocols: Sequence[Registered], bytes_allowed: int, *, proxy: bool = False, tls: bool = False) -> list[Finding]:
    """Everything that speaks against these protocols on one listener; they are in rank order.

    bytes_allowed: first bytes after which the answer must be known. proxy: the PROXY protocol may stand in front.
    tls: a connection that begins with a ClientHello is taken for TLS, whoever else claims it.
    """
    found = [*_before(protocols, "the PROXY protocol", PROXIES)] if proxy else []
    if tls:
        found.extend(_before(protocols, "TLS", {"tls": STRANGERS["tls"]}))
    for higher, lower_one in combinations(protocols, 2):
        example = common(higher.cubes, lower_one.cubes)
        if example is not None:
            found.extend(_pair(higher, lower_one, example))
    found.extend(finding for each in protocols if (finding := _too_long(each, bytes_allowed)))
    return found


@lru_cache(maxsize=1024)
def common(left: tuple[Cube, ...], right: tuple[Cube, ...]) -> bytes | None:
    """The shortest byte string that one cube of each side takes for its own; None where there is none."""
    strings = (_common(a, b) for a in left for b in right)
    return min((string for string in strings if string is not None), key=len, default=None)


def _common(left: Cube, right: Cube) -> bytes | None:
    shared = [a & b for a, b in zip(left, right, strict=False)]
    if not all(shared):
        return None
    longer = left if len(left) > len(right) else right
    return bytes((allowed & -allowed).bit_length() - 1 for allowed in (*shared, *longer[len(shared) :]))


def _pair(higher: Registered, other: Registered, example: bytes) -> Iterator[Finding]:
    names = higher.protocol.name, other.protocol.name
    if names[1] in higher.protocol.detect.before:
        yield from _waiting(higher, other)
        return
    wrong = f"{names[0]} and {names[1]} both claim what begins with {example.hex(' ')}"
    yield Finding(names, wrong, example, " ".join((*_remedies(higher, other), "name only one of them in protocols")))


def _remedies(higher: Registered, other: Registered) -> Iterator[str]:
    for each, against in ((higher, other), (other, higher)):
        if each.options and each.declared is not None and common(_plain(each), against.cubes) is None:
            given = ", ".join(map(str, each.options))
            yield f"leave {given} of protocol_options.{each.protocol.name} as it is by default, or"
            return
    for each, against in ((other, higher), (higher, other)):
        if each.source != "built-in":
            yield (
                f"give {each.protocol.name} a narrower signature (Detect.through, followed_by)"
                f" or a rank (Detect(before=({against.protocol.name!r},))), or"
            )
            return


def _plain(registered: Registered) -> tuple[Cube, ...]:
    """Its signature without its options."""
    assert registered.declared is not None
    detect = registered.declared.detect
    return signature(lower(registered.declared).scan, detect.through, detect.followed_by)


def _waiting(higher: Registered, other: Registered) -> Iterator[Finding]:
    """The one that comes first must not wait for more bytes than a frame of the other is sure to have."""
    for cube in higher.cubes:
        shared = [string for each in other.cubes if (string := _common(cube, each)) is not None]
        if shared and len(cube) > (sure := _sure(other, cube)):
            names = higher.protocol.name, other.protocol.name
            example = min(shared, key=len)[:sure]
            wrong = (
                f"{names[0]} is asked before {names[1]} and may wait for {len(cube)} bytes,"
                f" while {names[1]} need not send more than {sure}, such as {example.hex(' ')}"
            )
            yield Finding(names, wrong, example, f"give {names[0]} a shorter signature, or name only one of them in protocols")
            return


def _sure(registered: Registered, within: Cube) -> int:
    """Bytes that every frame of it has which begins with bytes of that cube, as far as they have a fixed place."""
    own = min(map(len, registered.cubes), default=0)
    try:
        return max(own, min(map(len, signature(registered.lowered.scan, None, within=within)), default=0))
    except (SpecError, ValueError):  # too many forms to look at
        return own


def _too_long(each: Registered, bytes_allowed: int) -> Finding | None:
    longest = max(each.cubes, key=len, default=())
    if len(longest) <= bytes_allowed:
        return None
    example = _common(longest, longest) or b""
    wrong = f"{each.protocol.name} is known after {len(longest)} bytes, such as {example.hex(' ')}, not after {bytes_allowed}"
    return Finding((each.protocol.name,), wrong, example, f"allow {len(longest)} bytes")


def _before(protocols: Sequence[Registered], what: str, forms: Mapping[str, tuple[Cube, ...]]) -> Iterator[Finding]:
    """Of something that is looked for before any protocol."""
    for each in protocols:
        for name, cubes in forms.items():
            if (example := common(cubes, each.cubes)) is not None:
                wrong = f"{each.protocol.name} and {what} both claim what begins with {example.hex(' ')}"
                yield Finding((name, each.protocol.name), wrong, example, "take the one or the other off this listener")
