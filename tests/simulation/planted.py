"""``python -m tests.simulation.planted``: bugs on its input, as JSON, and what the simulation says of each on its output.

What all bugs need is made ready once, in one process: Cython, which has read all declarations (.pxd), and whatever a
simulation imports that no bug is in. It forks for each. The child applies the patch to a copy of the one module, has it
translated and compiled, and runs the simulation with the outcome in the place of the right one.

What always holds: the module that a bug is in is imported by the child, and nowhere before; a child ends by itself, or by
its alarm; what Cython makes of a module is to the byte what it would make of it alone.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from Cython.Compiler.Main import Context, compile_single
from Cython.Compiler.Options import CompilationOptions, default_options

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ("xproto/kernel", "proxy/datapath")
DIRECTIVES = {"boundscheck": True, "wraparound": False, "cdivision": True, "initializedcheck": True}
READY = ("tests.simulation.configuration", "proxy.filters.placed", "h2.connection", "pytest")
"""What simulations import, as far as no bug is in it."""
AT_ONCE = 2
PATIENCE = 120
"""Seconds for a bug."""
NOT_BUILT = 70
"""Exit code of a child that did not come to run anything."""
ENDINGS = {NOT_BUILT: "not built", -signal.SIGALRM: "never ended"}


class Planted(NamedTuple):
    patch: str
    words: tuple[str, ...]
    """A module and its arguments, as behind ``python -m``."""
    folder: str

    @property
    def name(self) -> str:
        return Path(self.patch).stem

    @property
    def said(self) -> Path:
        return Path(self.folder, "said")


class Declarations(Context):  # type: ignore[misc]
    """Declarations that have been read once, of which each module has those that it names, and what these name."""

    all_of_them: dict[str, Any] | None = None

    def read(self) -> None:
        for folder in COMPILED:
            for path in sorted((ROOT / folder).glob("*.pxd")):
                self.find_module(f"{folder.replace('/', '.')}.{path.stem}", need_pxd=True)

    def begin(self) -> None:
        """From now on they are for one module."""
        self.all_of_them, self.pxds = self.pxds, {}

    def find_module(self, *words: Any, **named: Any) -> Any:
        scope = super().find_module(*words, **named)
        if self.all_of_them is not None:
            self.name(scope)
        return scope

    def name(self, scope: Any) -> None:
        """In the order in which they would have been read: what it names itself comes first."""
        what = scope.qualified_name
        if what in self.all_of_them and what not in self.pxds:
            self.pxds[what] = None
            for each in scope.cimported_modules:
                self.name(each)
            del self.pxds[what]
            self.pxds[what] = self.all_of_them[what]


class InPlace(MetaPathFinder):
    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_file_location(fullname, self.path) if fullname == self.name else None


def declarations() -> Declarations:
    options = CompilationOptions(
        default_options, include_path=[str(ROOT)], compiler_directives=DIRECTIVES, language_level=3
    )
    made: Declarations = Declarations.from_options(options)
    made.read()
    return made


def build(bug: Planted, known: Declarations) -> tuple[str, Path]:
    """The module that the bug is in, with it: its name and its file."""
    (module,) = re.findall(r"^\+\+\+ b/(\S+\.pyx)$", Path(bug.patch).read_text(), re.MULTILINE)
    name = module.removesuffix(".pyx").replace("/", ".")
    assert name not in sys.modules, f"{name} was imported before: a bug in it would do nothing"
    source = Path(bug.folder, module)
    source.parent.mkdir(parents=True)
    source.write_bytes((ROOT / module).read_bytes())
    applied = subprocess.run(["git", "apply", bug.patch], cwd=bug.folder, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, f"{bug.name} does not apply any more: {applied.stderr}"
    known.begin()
    translated, made = source.with_suffix(".c"), source.with_suffix(".so")
    options = CompilationOptions(known.options, output_file=str(translated))
    assert compile_single(str(source), options, name, context=known).num_errors == 0
    linker, position, headers = map(sysconfig.get_config_var, ("LDSHARED", "CCSHARED", "INCLUDEPY"))
    compiler = [*linker.split(), *position.split(), "-O0", "-w", "-pipe", "-I", headers, "-I", str(ROOT / Path(module).parent)]
    subprocess.run([*compiler, str(translated), "-o", str(made)], check=True)
    return name, made


def simulate(bug: Planted, known: Declarations) -> None:
    """What it writes goes into the bug's folder. Does not return."""
    signal.alarm(PATIENCE)
    into = os.open(bug.said, os.O_WRONLY | os.O_CREAT)
    os.dup2(into, 1)
    os.dup2(into, 2)
    code: Any = NOT_BUILT
    try:
        sys.meta_path.insert(0, InPlace(*build(bug, known)))
        code, sys.argv = 1, list(bug.words)
        runpy.run_module(bug.words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - whatever it is, it is what came of this bug
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))


def main() -> None:
    bugs = [Planted(**each) for each in json.load(sys.stdin)]
    known = declarations()
    for each in READY:
        importlib.import_module(each)
    configuration = sys.modules["tests.simulation.configuration"]
    configuration.protocols()
    gc.collect()
    gc.freeze()  # children look at nothing of this again
    running: dict[int, Planted] = {}
    while bugs or running:
        if bugs and len(running) < AT_ONCE:
            bug = bugs.pop(0)
            if pid := os.fork():
                running[pid] = bug
            else:
                simulate(bug, known)
            continue
        pid, status = os.wait()
        bug, code = running.pop(pid), os.waitstatus_to_exitcode(status)
        said = f"{ENDINGS.get(code, f'exit {code}')}: {bug.said.read_text()}"
        sys.stdout.write(json.dumps((bug.name, said)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
