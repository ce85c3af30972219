"""What `xproto decode` prints, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xproto.decode.capture import Readable
from xproto.decode.inputs import opened
from xproto.decode.jsons import Json
from xproto.decode.run import Decoder, Totals
from xproto.decode.text import Text, total
from xproto.decode.values import OptionError, Values
from xproto.registry import Registered


def decoded(
    given: str,
    stdin: Readable,
    protocols: Mapping[str, Registered],
    only: Registered | None = None,
    *,
    idl: str | None = None,
    service: str | None = None,
    hessian: bool = False,
    as_json: bool = False,
    with_fields: bool = False,
    direction: int = 0,
) -> tuple[Iterator[str], Totals]:
    """Lines for the calls and problems in what `given` names, as they are found, and what they come to when all are taken.

    protocols: by name, in rank order. The rest is as the command has it. Raises `OptionError`, the lines as well.
    """
    values: list[Values] = []
    if idl is not None:
        from xproto.decode.thrift_values import ThriftValues

        values.append(ThriftValues(idl, service))
    elif service is not None:
        raise OptionError("--service says whose methods of an IDL: give --idl as well")
    if hessian:
        from xproto.decode.hessian_values import HessianValues

        values.append(HessianValues())
    known = {**protocols, **({only.protocol.name: only} if only is not None else {})}
    decoder = Decoder(known, only, direction, values)
    return _lines(decoder, given, stdin, as_json=as_json, with_fields=with_fields), decoder.totals


def _lines(decoder: Decoder, given: str, stdin: Readable, *, as_json: bool, with_fields: bool) -> Iterator[str]:
    with opened(given, stdin) as stream:
        if as_json:
            yield from map(Json(decoder.protocols, with_fields=with_fields).line, decoder.decode(stream))
            return
        yield from map(Text(decoder.protocols, with_fields=with_fields).lines, decoder.decode(stream))
        yield total(decoder.totals)


__all__ = ["OptionError", "decoded"]
