"""A small protocol to hang one field or role on, and construct as the oracle for it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from construct import Enum, Int8ub, Int32ub, Struct, this

from xproto.errors import MalformedError, NeedMore, SpecError
from xproto.kernel.codec import Codec
from xproto.lower import lower
from xproto.registry import register
from xproto.spec import Kind, Protocol
from xproto.wire import Known

KIND = {Kind.REQUEST: this.kind == "request", Kind.RESPONSE: this.kind == "response"}
LEAD = bytes((0, 0, 0, 0, 9))
"""A request with id 9: what comes before the fields under test."""


def layout(*fields: Any) -> Struct:
    return Struct("kind" / Known(Enum(Int8ub, request=0, response=1)), "id" / Int32ub, *fields)


def declare(*fields: Any, **roles: Any) -> Protocol:
    """A protocol named `t` with these fields behind its kind and id."""
    own = {"frame": layout(*fields), "kind": KIND, "id": this.id, **roles}
    return Protocol(name="t", **own)


def codec(*fields: Any, **roles: Any) -> Codec:
    return register(declare(*fields, **roles)).codec


def refusal(*fields: Any, **roles: Any) -> tuple[str, str, str]:
    """What a declaration is told: the path (without the protocol's name), what is wrong, what to write instead."""
    with pytest.raises(SpecError) as caught:
        register(declare(*fields, **roles))
    error = caught.value
    assert error.path.startswith("t: ")
    assert str(error) == f"{error.path}: {error.wrong}; {error.instead}"
    return error.path.removeprefix("t: "), error.wrong, error.instead


class _Short(BaseException):
    """Not an Exception, since construct catches those."""


class _Stream(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if size is not None and size >= 0 and len(data) < size:
            raise _Short
        return data


def expected(frame: Struct, data: bytes) -> int | str:
    """What construct makes of `data`: the frame's size, "need" or "bad"."""
    stream = _Stream(data)
    try:
        frame.parse_stream(stream)
    except _Short:
        return "need"
    except Exception:  # noqa: BLE001 - whatever an adapter or expression raises
        return "bad"
    return stream.tell()


def actual(under_test: Codec, data: bytes) -> int | str:
    """What the verify Plan makes of it."""
    try:
        found = under_test.verify_bytes(data)
    except MalformedError:
        return "bad"
    return "need" if isinstance(found, NeedMore) else found


def running(plan: Any) -> Codec:
    """A codec whose verify product is `plan`, so that tests can run any Plan."""
    return Codec(replace(lower(declare()), verify=plan))
