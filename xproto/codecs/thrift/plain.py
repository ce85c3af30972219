"""Thrift without an envelope: framed, where a length stands before each message, or unframed, where its fields end it."""

from __future__ import annotations

from typing import Any

from construct import Struct, this

from xproto.codecs.thrift.message import (
    MAX_FRAME,
    binary_exception,
    common,
    compact,
    compact_exception,
    framed,
    kinds,
    old,
    raw_replies,
    replies,
    strict,
)
from xproto.spec import Detect, Limits, Protocol
from xproto.wire import ThriftStruct
from xproto.wire.theader import varint

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"


def thrift(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Framed, strict binary; `max_frame` is in bytes."""
    layout = framed(max_frame, strict(), lambda context: 12 + len(context.name) + len(context.body))
    return common(
        "thrift", thrift, "Thrift: framed, strict binary.",
        frame=layout, id=this.seqid, kind=kinds(this.type), detect=Detect("type"), limits=Limits(frame=max_frame + 4),
        reply_base={"type": "exception"}, **replies(binary_exception),
    )  # fmt: skip


def thrift_old(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Framed, binary without a version; `max_frame` is in bytes."""
    layout = framed(max_frame, old(), lambda context: 9 + len(context.name) + len(context.body))
    return common(
        "thrift-old", thrift_old, "Thrift: framed, binary without a version (strictWrite off).",
        frame=layout, id=this.seqid, kind=kinds(this.type), detect=Detect("name_size", followed_by=LETTERS),
        limits=Limits(frame=max_frame + 4), reply_base={"type": "exception"}, **replies(binary_exception),
    )  # fmt: skip


def thrift_compact(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Framed, compact; `max_frame` is in bytes."""

    def size(context: Any) -> int:
        name = context.name
        return 2 + len(varint(context.seqid)) + len(varint(len(name))) + len(name) + len(context.body)

    return common(
        "thrift-compact", thrift_compact, "Thrift: framed, compact.",
        frame=framed(max_frame, compact(), size), id=this.seqid, length=this.size, kind=kinds(this.head.type),
        status=this.head.type, detect=Detect("head.version"), limits=Limits(frame=max_frame + 4),
        reply_base={"head": {"type": "exception"}}, **replies(compact_exception),
    )  # fmt: skip


def thrift_unframed(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Unframed, strict binary; `max_frame` is in bytes."""
    return common(
        "thrift-unframed", thrift_unframed, "Thrift: unframed, strict binary.",
        frame=Struct(*strict(), "body" / ThriftStruct()), id=this.seqid, kind=kinds(this.type), detect=Detect("type"),
        limits=Limits(frame=max_frame), reply_base={"type": "exception"}, **raw_replies(binary_exception),
    )  # fmt: skip


def thrift_unframed_old(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Unframed, binary without a version; `max_frame` is in bytes."""
    return common(
        "thrift-unframed-old", thrift_unframed_old, "Thrift: unframed, binary without a version.",
        frame=Struct(*old(), "body" / ThriftStruct()), id=this.seqid, kind=kinds(this.type),
        detect=Detect("name_size", followed_by=LETTERS), limits=Limits(frame=max_frame),
        reply_base={"type": "exception"}, **raw_replies(binary_exception),
    )  # fmt: skip


def thrift_unframed_compact(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Unframed, compact; `max_frame` is in bytes."""
    return common(
        "thrift-unframed-compact", thrift_unframed_compact, "Thrift: unframed, compact.",
        frame=Struct(*compact(), "body" / ThriftStruct(compact=True)), id=this.seqid, kind=kinds(this.head.type),
        status=this.head.type, detect=Detect("head.version"), limits=Limits(frame=max_frame),
        reply_base={"head": {"type": "exception"}}, **raw_replies(compact_exception),
    )  # fmt: skip
