"""What a frame that is not all there can be asked for: its head, and the rest behind its chunks.

The *head* is the scan without the way to the frame's end: it stops behind the last field that a result needs, so that
a call is known long before its body is there. What always holds: it reads only bytes that are there, and none of its
ops looks at how many there are, so its results are those of the whole frame.

The *rest* is the scan from the chunks on. It exists where nothing behind the chunks needs what came before them, and is
of fixed size: then a frame can be passed on in pieces and its beginning be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xproto.errors import SpecError
from xproto.lower.model import (
    Bits,
    Branch,
    Compute,
    Literal,
    Load,
    Node,
    Num,
    Primitive,
    Require,
    Section,
    Table,
    Take,
)
from xproto.plan import MAX_CHUNKED, OpCode, Result

_WALKED = {OpCode.THRIFT_STRUCT, OpCode.TTWITTER_HEADER}
_PURE = Compute | Table | Bits | Require


def chunked_parts(nodes: list[Node]) -> int:
    """The most parts in chunks that one frame can have."""
    count = 0
    for node in nodes:
        match node:
            case Primitive(opcode=OpCode.CHUNKS):
                count += 1
            case Section():
                count += chunked_parts(node.body)
            case Branch():
                count += max(chunked_parts(node.then), chunked_parts(node.other))
    return count


def refuse_many_chunked(nodes: list[Node]) -> None:
    """A scan that goes on where it stopped keeps an offset for each chunked part, in a fixed number of places."""
    if (count := chunked_parts(nodes)) > MAX_CHUNKED:
        raise SpecError("frame", f"has {count} chunked parts", f"at most {MAX_CHUNKED}")


def refuse_many_structs(nodes: list[Node]) -> None:
    """A walk that goes on where it stopped is kept for one struct at the root."""
    found = [node for node in _flat(nodes) if isinstance(node, Primitive) and node.opcode in _WALKED]
    if len(found) > 1:
        wrong = "a second Thrift struct whose bytes may not be there yet"
        raise SpecError(found[1].value.path, wrong, "put it into FixedSized(length, …)")


def _flat(nodes: list[Node]) -> Iterator[Node]:
    """The nodes at the root, those of branches too."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from _flat([*node.then, *node.other])
        else:
            yield node


def head_nodes(nodes: list[Node]) -> list[Node] | None:
    """The head, from a scan pruned without its end; None where a result stands behind chunks."""
    return None if chunked_parts(nodes) else _hoisted(nodes)


def _hoisted(nodes: list[Node]) -> list[Node]:
    """Sections are entered only when all of their bytes are there: so what decides whether to enter is asked first."""
    out: list[Node] = []
    for node in nodes:
        if isinstance(node, Branch):
            out.append(replace(node, then=_hoisted(node.then), other=_hoisted(node.other)))
            continue
        if not isinstance(node, Section):
            out.append(node)
            continue
        body = _hoisted(node.body)
        while body and isinstance(body[0], _PURE):
            out.append(body.pop(0))
        match body:
            case []:
                pass
            case [Branch() as only]:
                then, other = (_hoisted([replace(node, body=side)]) for side in (only.then, only.other))
                out.append(replace(only, then=then, other=other))
            case _:
                out.append(replace(node, body=body))
    return out


def rest_nodes(scanned: list[Node]) -> list[Node] | None:
    """The chunks and what follows them, from a whole scan; None where that is not one body and a tail of fixed size."""
    at = next((i for i, node in enumerate(scanned) if isinstance(node, Primitive) and node.opcode == OpCode.CHUNKS), None)
    if at is None or chunked_parts(scanned) != 1:
        return None
    tail = [node for node in scanned[at + 1 :] if not _is_result(node)]
    return [scanned[at], *tail] if all(_fixed(node) for node in tail) else None


def _is_result(node: Node) -> bool:
    return isinstance(node, Compute | Table) and node.value.reg < len(Result)


def _fixed(node: Node) -> bool:
    match node:
        case Load() | Literal() | Primitive(opcode=OpCode.CRC32):
            return True
        case Take(_, Num()):
            return True
    return False
