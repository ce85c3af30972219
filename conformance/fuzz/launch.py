"""Builds what fuzzing needs, starts runs in processes of their own, and tells what came of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xproto.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "fuzz"
TARGETS = (*(protocol.name for protocol in BUILT_IN), "detector")
_BOOT = (
    "import sys, xproto.kernel; from pathlib import Path;"
    "xproto.kernel.__path__.insert(0, sys.argv[1] + '/lib/xproto/kernel');"
    "from {module} import main;"
    "main(sys.argv[2], Path(sys.argv[1]) / 'runs' / sys.argv[2], sys.argv[3].split(':') if sys.argv[3] else [], sys.argv[4:])"
)
_INITED = re.compile(r"^#\d+\s+INITED\s+cov: (\d+)", re.MULTILINE)
_LAST = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_KEPT = re.compile(r"Test unit written to (\S+)")
GRACE = 120
"""Seconds that a run may take beyond those it was given: seeds are made and run first."""


@dataclass(frozen=True)
class Module:
    """A module of the kernel: the edges that inputs took, and those there are."""

    name: str
    taken: int
    edges: int


@dataclass(frozen=True)
class Run:
    """What came of one run. seeded: edges that the seeds took. crash: the input that failed, None where all held."""

    target: str
    executed: int
    seeded: int
    taken: int
    modules: Sequence[Module] = field(default=(), repr=False)
    crash: Path | None = None
    output: str = field(default="", repr=False)

    @property
    def edges(self) -> int:
        return sum(module.edges for module in self.modules)


def build(folder: Path = FOLDER) -> None:
    """Builds the instrumented kernel and the driver; raises `CalledProcessError` with what went wrong."""
    script = str(Path(__file__).with_name("build.sh"))
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(["bash", script, str(folder)], check=True, env=environment)  # noqa: S603, S607 - our own script


def fuzz(
    name: str, arguments: Sequence[str] = (), *, paths: Sequence[str] = (), folder: Path = FOLDER, seconds: int = 0,
    module: str = "conformance.fuzz.child", seeded: bool = True, quiet: bool = True,
) -> Run:  # fmt: skip
    """Runs one target. arguments: more for libFuzzer. seeded: whether the vectors and what is derived of them come first."""
    own = folder / "runs" / name
    for below in ("corpus", "crashes", "seeds"):
        (own / below).mkdir(parents=True, exist_ok=True)
    (own / "edges").unlink(missing_ok=True)
    options = [
        f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1",
        f"-artifact_prefix={own}/crashes/", f"-dict={own}/words", *arguments,
    ]  # fmt: skip
    if not any(not each.startswith("-") for each in arguments):
        options += [f"{own}/corpus", *([f"{own}/seeds"] if seeded else [])]
    command = [sys.executable, "-c", _BOOT.format(module=module), str(folder), name, ":".join(paths), *options]
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, cwd=ROOT, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if not quiet:
            sys.stderr.write(line)
    code = process.wait()
    return outcome(name, own, "".join(lines), code)


def environment(folder: Path) -> dict[str, str]:
    """Of a process with the driver, libFuzzer and the address sanitizer."""
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(str(folder / name) for name in ("driver.so", "libfuzzer.so", "libasan.so")),
        # The driver stands before the sanitizer on purpose: it only forwards.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:verify_asan_link_order=0:quarantine_size_mb=64",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
    }


def outcome(name: str, own: Path, output: str, code: int) -> Run:
    """What libFuzzer said, in numbers."""
    last, inited, kept = None, _INITED.search(output), _KEPT.search(output)
    for last in _LAST.finditer(output):
        pass
    edges = own / "edges"
    modules = [_module(line) for line in edges.read_text().splitlines()] if edges.exists() else []
    if code and kept is None:
        raise RuntimeError(f"{name}: the run ended with {code}:\n{output[-4000:]}")
    return Run(
        name, int(last[1]) if last else 0, int(inited[1]) if inited else 0, int(last[2]) if last else 0, modules,
        Path(kept[1]) if kept else None, output,
    )  # fmt: skip


def _module(line: str) -> Module:
    taken, edges, path = line.split(" ", 2)
    return Module(Path(path).name.split(".")[0], int(taken), int(edges))
