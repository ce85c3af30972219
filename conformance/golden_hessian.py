"""Golden values of Hessian2: bytes that another implementation wrote, and the value that they stand for.

The files are in ``conformance/vectors/hessian``, with protocol, source and vectors as in `conformance.golden`; a vector has
`name`, `meaning`, `hex` and `value`. Null, booleans, integers, doubles and texts are YAML's own. The others are maps:

- ``{date: milliseconds}``, ``{bytes: hexadecimal}``, ``{double: NaN}`` (or an infinity);
- ``{text: x, times: 1024}`` for a long text, ``{units: hexadecimal}`` for UTF-16 that is no Unicode;
- ``{list: […], type: …}``, ``{map: [[key, value]…], type: …}``, ``{object: class, fields: [[name, value]…]}``: `type` is the
  class of the writer's own language, whether or not it is in the bytes;
- ``{ref: n}`` for the list, map or object that was opened as the n-th, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.golden import FOLDER, VectorError, read

HESSIAN = FOLDER / "hessian"


@dataclass(frozen=True)
class HessianVector:
    """One value, and its bytes."""

    name: str
    data: bytes
    value: Any
    meaning: str
    source: str


def load(folder: Path = HESSIAN) -> list[HessianVector]:
    """The values of every YAML file in the folder, by file name; raises `VectorError`."""
    return [vector for path in sorted(folder.glob("*.yaml")) for vector in _file(path)]


def _file(path: Path) -> list[HessianVector]:
    text = read(path)
    try:
        return [
            HessianVector(
                f"{path.stem}-{entry['name']}", bytes.fromhex(entry["hex"]), entry["value"], entry["meaning"], text["source"]
            )
            for entry in text["vectors"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise VectorError(f"{path}: {type(error).__name__}: {error}") from error
