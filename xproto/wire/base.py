"""What a wire primitive is: a construct class that also names the kernel op that reads it.

The construct half is the reference (it parses and builds whole values, slowly); the op half is what runs on the wire.
A conformance check holds the two together. Anyone's protocol can use the primitives, and a new one is added here and
in the kernel, never in a codec.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from construct import Construct

from xproto.plan import OpCode

ValueKind = Literal["text", "block", "values", "chunks", "checksum", "bytes", "rest"]


class WirePrimitive(Construct):  # type: ignore[misc]
    """Base of the wire primitives.

    kind: what roles may do with the field: a *text* is one key's value, a *block* holds many keys, *values* begin with
    a text; *bytes* are one as well; of *chunks*, a *checksum* and the *rest* they make nothing.
    """

    opcode: ClassVar[OpCode]
    kind: ClassVar[ValueKind]
    needs_section: ClassVar[bool] = False
    """Whether the value lasts until its section ends, so that it must stand in FixedSized or Prefixed."""

    def operands(self) -> dict[str, Any]:
        """Fields of the kernel's op that this instance sets: width and flags."""
        return {}

    def argument(self) -> Any:
        """The `this` expression of a text field that the op reads from, or None."""
        return None
