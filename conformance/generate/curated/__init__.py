"""Frames made by hand of each built-in protocol, one module a family: a few of every kind that either side sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from conformance.generate.curated import dubbo, http2
from conformance.generate.curated.bolt import bolt
from conformance.generate.curated.example import Example
from conformance.generate.curated.http1 import http1
from conformance.generate.curated.tars import tars
from conformance.generate.curated.thrift import FORMS
from conformance.generate.strategies import Override
from xproto.lower import Lowered

CURATED: Mapping[str, Callable[[Lowered, int], Sequence[Example]]] = {
    "bolt": bolt, "dubbo": dubbo.dubbo, "tars": tars, "http1": http1, "http2": http2.http2, **FORMS,
}  # fmt: skip
"""By the protocol's name; called with its lowering and the direction."""
OVERRIDES: Mapping[str, Mapping[str, Override]] = {"dubbo": dubbo.DRAWN, "http2": http2.DRAWN}
"""Strategies for fields, by the protocol's name and the field's path."""

__all__ = ["CURATED", "OVERRIDES", "Example"]
