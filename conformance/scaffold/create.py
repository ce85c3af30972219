"""Writes the files of a new protocol, and refuses what would not work: before anything is written, or leaving nothing."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.scaffold.answers import Answers, ScaffoldError
from conformance.scaffold.declaration import declaration
from conformance.scaffold.vectors import SERVICE, vectors
from xproto.autodetect.proof import prove
from xproto.errors import SpecError
from xproto.registry import Loaded, Registered, load

DETECTED_WITHIN = 64
"""Bytes, as a listener's default."""
_TAKEN = {*sys.stdlib_module_names, "construct", "conformance", "proxy", "pytest", "xproto"}

_TEST = '''"""{title} does what its declaration says: everything that the conformance kit tries."""

from pathlib import Path

from conformance import judge


def test_conformance() -> None:
    judge(str(Path(__file__).with_name("{name}.py"))).raise_for_failures()
'''

_NEXT = """\
Next:
    xproto explain {path}
    xproto conformance {path}
    python -m pytest {test}
To proxy it, save this as {folder}{name}.yaml, and then: xproto run {folder}{name}.yaml

protocol_specs: [./{name}.py]
listeners:
  - {{name: main, address: "127.0.0.1:9200", protocols: [{name}], routes: main}}
routes:
  main:
    - {{match: {{headers: {{service: {service}}}}}, cluster: servers}}
clusters:
  servers: {{hosts: ["127.0.0.1:9100"]}}
admin: 127.0.0.1:9901
"""


@dataclass(frozen=True)
class Created:
    """The files that were written, and in words what to do next."""

    files: tuple[Path, ...]
    next: str


@cache
def _known() -> Loaded:
    return load()


def _files(name: str, folder: Path) -> tuple[Path, Path, Path]:
    return folder / f"{name}.py", folder / "vectors" / name / "first.yaml", folder / f"test_{name}.py"


def refuse_name(name: str, folder: Path) -> None:
    """Raises `ScaffoldError` for a name that cannot be a protocol's, or whose files are there already."""
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name != name.lower():
        raise ScaffoldError(f"{name!r} cannot name a Python file; use small letters, digits and _, such as my_protocol")
    if name in _TAKEN:
        raise ScaffoldError(f"{name}.py would hide the Python module of that name; choose another name")
    known = _known()
    if name in known:
        raise ScaffoldError(f"there is a protocol {name} already ({known[name].source}); choose another name")
    there = [path for path in _files(name, folder) if path.exists()]
    if there:
        raise ScaffoldError(f"{there[0]} exists; remove it, or choose another name")


def create(answers: Answers, folder: Path) -> Created:
    """Writes the declaration, its vectors and its test; raises `ScaffoldError`, and then nothing is left."""
    refuse_name(answers.name, folder)
    path, frames, test = files = _files(answers.name, folder)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(declaration(answers), encoding="utf-8")
    try:
        found = _accepted(answers.name, path)
    except BaseException:
        path.unlink()
        raise
    frames.parent.mkdir(parents=True, exist_ok=True)
    frames.write_text(vectors(answers, found.lowered), encoding="utf-8")
    test.write_text(_TEST.format(name=answers.name, title=answers.name.capitalize()), encoding="utf-8")
    where = "" if folder == Path() else f"{folder}/"
    return Created(files, _NEXT.format(name=answers.name, path=path, test=test, folder=where, service=SERVICE))


def _accepted(name: str, path: Path) -> Registered:
    """What was declared; refuses a magic that another protocol's frames could begin with."""
    try:
        known = load([str(path)], before=_known())
    except SpecError as error:
        raise ScaffoldError(str(error)) from error
    findings = [found for found in prove(list(known.values()), DETECTED_WITHIN) if name in found.protocols]
    if findings:
        raise ScaffoldError(f"{findings[0].wrong}; choose another magic")
    return known[name]
