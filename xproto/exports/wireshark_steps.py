"""A layout's nodes as calls of the prelude's reader, one for each, in Lua."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xproto.exports.lua import Expressions, UntranslatedError, options, string, table
from xproto.exports.wireshark_fields import WHOLE, Fields
from xproto.exports.wireshark_sizes import read_by, rest_of
from xproto.lower import Lowered
from xproto.lower.model import (
    Bits,
    Branch,
    Column,
    Compute,
    Ended,
    Expr,
    Literal,
    Load,
    Mark,
    Node,
    Peek,
    Primitive,
    Require,
    Section,
    Take,
    Value,
)
from xproto.plan import LITTLE, SIGNED, Form, OpCode, Result

_SIMPLE = {
    OpCode.HESSIAN_TEXT: "hessian_text",
    OpCode.HESSIAN_MAP: "hessian_map",
    OpCode.THRIFT_INFO: "thrift_info",
    OpCode.JCE_REST: "jce_rest",
    OpCode.TTWITTER_HEADER: "ttwitter_header",
}
_TAGGED = {OpCode.JCE_TEXT: "jce_text", OpCode.JCE_BYTES: "jce_bytes", OpCode.JCE_MAP: "jce_map"}


class Steps:
    """Writes the body of a dissector's `read`. `missing` is what has no translation, for people."""

    def __init__(self, lowered: Lowered, fields: Fields, padding: str) -> None:
        self.fields, self.padding = fields, padding
        self.keys: Mapping[int, str] = {number: key for key, number in lowered.registers.numbers.items()}
        self.expressions = Expressions(self.variable)
        self.lines: list[str] = []
        self.missing: list[str] = []
        self.known: set[int] = set()

    def key(self, value: Value) -> str:
        return self.keys.get(value.reg, value.path)

    def variable(self, value: Value) -> str:
        """The Lua variable that holds this field's number."""
        return "r.direction" if value.reg == Result.DIRECTION else f"v[{string(self.key(value))}]"

    def write(self, nodes: list[Node], indent: str = "    ", *, depth: int = 0, following: Sequence[Node] = ()) -> None:
        """The steps of these nodes. One that has no translation ends its section: nothing behind it can be found.

        depth: how many sections are around them. following: what comes behind them at the root.
        """
        for index, node in enumerate(nodes):
            behind = [*nodes[index + 1 :], *following]
            try:
                self._one(node, indent, depth, behind)
            except UntranslatedError as error:
                self.missing.append(f"{_path(node)}: {error}; the rest of its section is shown as bytes")
                self.lines.append(f"{indent}r:untranslated()")
                return
            self.known |= read_by([node])

    def _one(self, node: Node, indent: str, depth: int, behind: list[Node]) -> None:
        match node:
            case Section(value, size, body):
                number, rest = self.expressions.number(size), self._rest(behind, depth)
                self.lines.append(f"{indent}r:section({string(value.path)}, {number}, {rest}, function()")
                self.write(body, f"{indent}    ", depth=depth + 1)
                self.lines.append(f"{indent}end)")
            case Branch(_, test, then, other):
                self._branch(self.expressions.test(test), then, other, indent, depth, behind)
            case Take(value, size) if value.columns and size is not None:
                columns = table(_column(column) for column in value.columns)
                self.lines.append(f"{indent}r:records({string(value.path)}, {self.expressions.number(size)}, {columns})")
            case Take(value, size):
                self.lines.append(f"{indent}r:{self._take(value, size, self._rest(behind, depth))}")
            case _:
                self.lines.append(f"{indent}r:{self._call(node, depth)}")

    def _rest(self, behind: list[Node], depth: int) -> str:
        """How many bytes follow at the root, where that can be told."""
        return ("nil" if depth else rest_of(behind, self.known, self.expressions)) or "nil"

    def _branch(self, test: str, then: list[Node], other: list[Node], indent: str, depth: int, behind: list[Node]) -> None:
        if not then:
            test, then, other = f"not ({test})", other, then
        if not then:
            return
        self.lines.append(f"{indent}if {test} then")
        self.write(then, f"{indent}    ", depth=depth, following=behind)
        if other:
            self.lines.append(f"{indent}else")
            self.write(other, f"{indent}    ", depth=depth, following=behind)
        self.lines.append(f"{indent}end")

    def _take(self, value: Value, size: Expr | None, rest: str) -> str:
        given: dict[str, str | bool | None] = {"text": value.kind == "bytes" and value.path in self.fields.texts}
        if value.path not in self.fields.by_path or value.kind == "nothing":
            given = {"field": string(self.padding)}
        given["rest"] = None if rest == "nil" else rest
        number = "nil" if size is None else self.expressions.number(size)
        return f"bytes({string(value.path)}, {number}, {options(**given)})"

    def _call(self, node: Node, depth: int) -> str:
        number = self.expressions.number
        match node:
            case Load():
                return self._load(node)
            case Bits(value, word, shift, mask, members, checked):
                known = self.fields.by_path.get(value.path)
                given = self._checks(value, members, checked)
                given["plain"] = known is None or not known.mask
                given["hidden"] = known is None
                width = mask.bit_length()
                return f"bits({string(value.path)}, {string(self.key(word))}, {shift}, {width}, {options(**given)})"
            case Literal(path, data):
                shown = "true" if path in self.fields.by_path else "false"
                return f"literal({string(path)}, {string(data)}, {shown})"
            case Compute(value, expr):
                return f"computed({string(value.path)}, {number(expr)}, {self._options(value)})"
            case Require(path, expr):
                return f"require({string(path)}, {self.expressions.test(expr)}, {string(repr(expr))})"
            case Ended(path):
                return f"ended({string(path)})"
            case Mark(value):
                return f"computed({string(value.path)}, r.at - r.start, {self._options(value)})"
            case Peek(value, data):
                return f"ahead({string(value.path)}, {string(data)}, {'true' if depth == 0 else 'false'})"
            case Primitive():
                return self._primitive(node)
        raise UntranslatedError(f"a {type(node).__name__}")

    def _options(self, value: Value) -> str:
        key = self.key(value)
        return options(key=string(key) if key != value.path else None, hidden=self.fields.hidden(value, key))

    def _checks(self, value: Value, members: frozenset[int] | None, checked: bool) -> dict[str, str | bool | None]:
        key = self.key(value)
        return {
            "lo": str(value.lo) if checked else None,
            "hi": str(value.hi) if checked else None,
            "members": table(f"[{each}] = true" for each in sorted(members)) if members is not None else None,
            "key": string(key) if key != value.path else None,
        }

    def _load(self, node: Load) -> str:
        value, path = node.value, string(node.value.path)
        given = self._checks(value, node.members, node.checked)
        given["hidden"] = self.fields.hidden(value, self.key(value))
        if node.tag is not None:
            return f"jce_integer({path}, {self.expressions.number(node.tag)}, {options(**given)})"
        if node.form is Form.VARINT:
            return f"variable({path}, {node.most}, {options(**given)})"
        given["little"], given["signed"] = bool(node.flags & LITTLE), bool(node.flags & SIGNED)
        return f"integer({path}, {node.width}, {options(**given)})"

    def _primitive(self, node: Primitive) -> str:
        code, path = OpCode(node.opcode), string(node.value.path)
        little, signed = (str(bool(node.flags & flag)).lower() for flag in (LITTLE, SIGNED))
        if code in _SIMPLE:
            return f"{_SIMPLE[code]}({path})"
        if code in _TAGGED:
            return f"{_TAGGED[code]}({path}, {node.width})"
        match code:
            case OpCode.KEYVALUES:
                return f"key_values({path}, {node.width}, {little}, {signed})"
            case OpCode.CHUNKS:
                return f"chunks({path}, {node.width}, {little})"
            case OpCode.UNTIL:
                return f"delimited({path}, {string(node.data)}, {node.most})"
            case OpCode.CRC32:
                return f"checksum({path}, {little})"
            case OpCode.THRIFT_STRUCT:
                return f"thrift_struct({path}, {'true' if node.width else 'false'})"
            case OpCode.HESSIAN_ARGS if node.argument is not None:
                return f"hessian_arguments({path}, {string(node.argument.path)})"
            case OpCode.HTTP_HEAD | OpCode.HTTP_BODY:
                outer = ", ".join(string(self.key(value)) for value in (*node.outputs, *node.inputs))
                return f"{code.name.lower()}({path}, {outer})"
        raise UntranslatedError(f"the primitive {code.name.lower()}")


def _column(column: Column) -> str:
    labels = sorted((number, label) for label, number in (column.labels or {}).items())
    given = options(
        name=string(column.name) if column.name else None,
        little=bool(column.flags & LITTLE),
        signed=bool(column.flags & SIGNED),
        labels=table(f"[{number}] = {string(label)}" for number, label in labels) if labels else None,
    )
    return table((str(column.width), given))


def _path(node: Node) -> str:
    if isinstance(node, Literal | Branch | Require | Ended):
        return node.path
    return getattr(getattr(node, "value", None), "path", WHOLE)
