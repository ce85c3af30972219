"""Hessian2 values by python-hessian: Dubbo's arguments, attachments and results, and Bolt's contents.

What always holds: the reference walk of `xproto.wire.hessian_skip` passes over a value first, and python-hessian must end
where that did; what it would drop or make a class of (long texts, objects) is read here in its place. Nothing is
instantiated: an object is its class's name and its fields.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

from xproto.decode.fields import at_path
from xproto.decode.message import Message
from xproto.decode.values import NotReadError, OptionError
from xproto.wire.hessian import count_types
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

MOST_SHOWN = 100_000
"""Values of a body that are shown: references may make few bytes stand for many."""
EXCEPTION, VALUE, NULL = 0, 1, 2
WITH_ATTACHMENTS = 3
"""Added to the flag of an answer behind whose value attachments follow."""
BOLT_HESSIAN = {1, 4}
"""Bolt's codecs: the draft of Hessian 2 that SOFARPC speaks, and Hessian 2."""


class HessianValues:
    """Needs the package python-hessian."""

    def __init__(self) -> None:
        try:
            import pyhessian  # noqa: F401
        except ImportError:
            raise OptionError("--hessian needs the package python-hessian: pip install 'xproto[decode]'") from None

    def reads(self, message: Message) -> bool:
        fields = message.fields
        if message.protocol == "bolt":
            return bool(message.body) and int(fields.codec) in BOLT_HESSIAN
        return message.protocol == "dubbo" and str(fields.flags.serialization) == "hessian2" and not fields.flags.event

    def read(self, message: Message) -> Any:
        if message.protocol == "bolt":
            return self._content(message)
        return self._answer(message) if message.direction else self._call(message)

    @staticmethod
    def _content(message: Message) -> Any:
        try:
            values = read_values(message.body, 1)
        except NotReadError as error:
            draft = "; SOFARPC's codec 1 is a draft of Hessian 2" if int(message.fields.codec) == 1 else ""
            raise NotReadError(f"{error}{draft}") from error
        return {"content": values[0]}

    @staticmethod
    def _call(message: Message) -> Any:
        # Read from the body's start, since classes and objects met there may be referred to behind it.
        body = message.plain[16:]
        try:
            count = count_types(at_path(message.fields, "body.types"))
        except BadValueError:
            raise NotReadError("the types of the arguments are no descriptor") from None
        values = read_values(body, 5 + count + 1)
        return {"arguments": values[5:-1], "attachments": values[-1]}

    @staticmethod
    def _answer(message: Message) -> Any:
        if int(message.fields.status) != 20:
            return {"error": read_values(message.body, 1)[0]}
        flag = read_values(message.body, 1, rest=True)[0]
        kind, attached = (flag - WITH_ATTACHMENTS, 1) if isinstance(flag, int) and flag > NULL else (flag, 0)
        if kind not in {EXCEPTION, VALUE, NULL}:
            raise NotReadError(f"an answer of kind {flag!r}")
        values = read_values(message.body, 1 + (kind != NULL) + attached)
        found = {"exception" if kind == EXCEPTION else "result": None if kind == NULL else values[1]}
        return found | ({"attachments": values[-1]} if attached else {})


def read_values(data: bytes, count: int, *, rest: bool = False) -> list[Any]:
    """So many values, as JSON has them; rest: more bytes may follow. Raises `NotReadError`."""
    walk = Reader(data)
    ends = []
    try:
        for _ in range(count):
            walk.skip()
            ends.append(walk.at)
    except BadValueError:
        raise NotReadError(f"no Hessian2 value, at offset {walk.at} of the body") from None
    except ShortError:
        raise NotReadError(f"a Hessian2 value runs past the end of the body, after offset {walk.at}") from None
    if walk.at != len(data) and not rest:
        raise NotReadError(f"{len(data) - walk.at} bytes are left over behind the Hessian2 values")
    return list(_read(data, ends))


def _read(data: bytes, ends: list[int]) -> Iterator[Any]:
    from xproto.decode.hessian_parser import parser

    stream = io.BytesIO(data)
    read = parser(stream)
    shown = _Shown()
    for end in ends:
        at = stream.tell()
        try:
            value = read()
        except RecursionError:
            raise NotReadError(f"python-hessian: nested too deeply, at offset {at} of the body") from None
        except Exception as error:
            raise NotReadError(f"python-hessian: {type(error).__name__}: {error}, at offset {at} of the body") from error
        if stream.tell() != end:
            raise NotReadError(f"python-hessian ends at offset {stream.tell()} where the value ends at {end}")
        try:
            yield shown.plain(value)
        except RecursionError:
            raise NotReadError(f"nested too deeply to be shown, at offset {at} of the body") from None


class _Shown:
    """Values as JSON has them. An object inside itself is named, not entered; more than MOST_SHOWN are not shown."""

    def __init__(self) -> None:
        self._around: set[int] = set()
        self._left = MOST_SHOWN

    def plain(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise NotReadError(f"more than {MOST_SHOWN} values")
        if isinstance(value, list | tuple | dict):
            return self._entered(value)
        if isinstance(value, dt.datetime):
            return value.isoformat() + "Z"
        if isinstance(value, bool | float | str) or value is None:
            return value
        return {"hex": value.hex()} if isinstance(value, bytes) else int(value)

    def _entered(self, value: Any) -> Any:
        from xproto.decode.hessian_parser import HessianObject

        if id(value) in self._around:
            return "(the object that this is in)"
        self._around.add(id(value))
        try:
            if isinstance(value, HessianObject):
                return {"class": value.name, **{name: self.plain(each) for name, each in value.items()}}
            if isinstance(value, dict):
                return {self._key(key): self.plain(each) for key, each in value.items()}
            return [self.plain(each) for each in value]
        finally:
            self._around.discard(id(value))

    def _key(self, key: Any) -> str:
        shown = self.plain(key)
        return shown if isinstance(shown, str) else str(shown)
