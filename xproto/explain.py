"""A protocol in words: its fields, its roles, its Plan, and what stays interpreted by construct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xproto.lower.expressions import path_names
from xproto.lower.identity import IdField
from xproto.lower.model import Value
from xproto.plan import Form
from xproto.registry import Registered
from xproto.spec import Header, Kind


def explain(registered: Registered) -> str:
    """The text of `xproto explain NAME`."""
    return "\n".join(_lines(registered)) + "\n"


def _lines(registered: Registered) -> Iterator[str]:
    lowered = registered.lowered
    protocol = lowered.protocol
    yield f"{protocol.name}  ({registered.source})"
    yield from (line for line in protocol.doc.strip().splitlines()[:1])
    yield ""
    yield "Fields"
    yield from _fields(lowered.scope.fields, "  ")
    yield ""
    yield "Roles"
    yield "  id        " + (", and again ".join(_id(each) for each in lowered.identity.fields) or "none")
    yield f"  kinds     {', '.join(Kind(kind).name.lower() for kind in protocol.kind)}"
    yield f"  pool      {protocol.pool}, answers {protocol.order.replace('_', ' ')}"
    for name in ("service", "method"):
        sources = " else ".join(s.path + (f"[{s.key}]" if s.key else "") for s in lowered.texts.key(name))
        yield f"  {name:9} {sources or 'none'}"
    yield f"  timeout   {_timeout(protocol.timeout)}"
    yield f"  variant   {', '.join(v.path for v in lowered.variant.fields) or 'none'}"
    yield f"  echo      {', '.join(v.path for v in lowered.echo.fields) or 'none'}"
    yield f"  replies   {', '.join(fault.name.lower() for fault in protocol.reply) or 'none'}"
    yield f"  limit     {protocol.limits.frame} bytes a frame"
    yield ""
    yield "Signature (the byte values at each offset that begin a frame)"
    for cube in registered.cubes:
        yield "  " + " ".join(byte_set(allowed) for allowed in cube)
    yield ""
    yield str(lowered.scan)
    yield ""
    yield str(lowered.verify)
    yield ""
    yield str(lowered.lookup(("service", "method")).plan)
    yield ""
    yield "Interpreted by construct: " + (", ".join(lowered.opaque) or "nothing")
    for path, role in lowered.texts.interpreted():
        yield f"  {path} is read in the data path, for each call that is routed by its {role}"


def _timeout(source: Any) -> str:
    if source is None:
        return "none"
    return f"header {source.name}" if isinstance(source, Header) else ".".join(map(str, path_names(source)[1]))


def _id(found: IdField) -> str:
    if found.form is Form.FIXED:
        return f"{found.path}, {found.bits} bits"
    return f"{found.path}, {found.form.name.lower()} of {found.bits} bits in {found.width} bytes"


def _fields(fields: dict[str, Value], indent: str) -> Iterator[str]:
    for name, value in fields.items():
        if value.kind == "struct":
            yield f"{indent}{name}"
            yield from _fields(value.fields, indent + "  ")
            continue
        bounds = f" {value.lo}..{value.hi}" if value.kind == "integer" else ""
        labels = f" {', '.join(f'{k}={v}' for k, v in value.labels.items())}" if value.labels else ""
        when = f"  if {' and '.join(sorted(value.guards))}" if value.guards else ""
        kind = "interpreted" if value.kind == "opaque" else value.kind
        yield f"{indent}{name:24} {kind}{bounds}{labels}{when}"


def byte_set(allowed: int) -> str:
    """The bytes of one offset of a signature: ranges in hexadecimal, `*` for any."""
    values = [b for b in range(256) if allowed >> b & 1]
    if len(values) == 256:
        return "*"
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]:02x}" if len(run) == 1 else f"{run[0]:02x}-{run[-1]:02x}" for run in runs)
