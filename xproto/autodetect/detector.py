"""The sniffer of one listener: its protocols, and what is recognised beside them.

Asked in rank order: the PROXY protocol where the listener reads it, then the declared protocols, then the strangers (see
`strangers`). A name that is answered may thus be one of `labels`: a protocol that is known, but that nobody here speaks.
The work is done by `xproto.kernel.detector`, from cubes alone: byte 0 decides what a Plan's four-byte load would wait for.

What always holds: answers depend only on the bytes, never on how they were cut; a stranger is never answered while a
declared protocol may still be the one; no answer needs more than `longest` bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from xproto.autodetect.strangers import PROXIES, STRANGERS
from xproto.kernel.detector import Judge

if TYPE_CHECKING:  # the registry reads signatures, which this package holds
    from xproto.registry import Registered


class Detector(Judge):
    """`names` are in rank order; `labels` those of them that are recognised and not spoken.

    proxy: whether the listener reads headers of the PROXY protocol.
    """

    labels: frozenset[str]

    def __new__(cls, protocols: Sequence[Registered], *, proxy: bool = False) -> Self:
        spoken = {each.protocol.name: each.cubes for each in protocols}
        forms = {**(PROXIES if proxy else {}), **spoken}
        forms |= {name: cubes for name, cubes in STRANGERS.items() if name not in forms}
        self = super().__new__(cls, tuple(forms), tuple(forms.values()))
        self.labels = frozenset(forms) - spoken.keys()
        return self
