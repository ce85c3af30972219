"""PEM texts taken apart, by their labels alone. Pure, and small: nothing here decodes what is in a block.

Whoever writes PEM files puts things together: chains with comments, a certificate and its key in one file, parameters of
curves in front of keys. Only the blocks that a field is for are taken, so that a key never gets where certificates go.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["certificate", "key", "crl"]

_LABELS: dict[Kind, re.Pattern[str]] = {
    "certificate": re.compile(r"(X509 )?CERTIFICATE"),
    "key": re.compile(r"([A-Z0-9]+ )?PRIVATE KEY"),
    "crl": re.compile(r"X509 CRL"),
}
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[^-]*(?:-(?!----)[^-]*)*-----END \1-----")
_BEGIN = re.compile(r"-----BEGIN ")


def blocks(text: str, kind: Kind) -> list[str]:
    """The blocks of that kind, in order, without what stands between them.

    Raises `ValueError` if one does not end: a file that is still being written must not be taken for a shorter one.
    """
    found = list(_BLOCK.finditer(text))
    if len(found) != len(_BEGIN.findall(text)):
        raise ValueError("a block begins and does not end as it should")
    return [each[0] + "\n" for each in found if _LABELS[kind].fullmatch(each[1])]
