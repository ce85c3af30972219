"""Builds what fuzzing needs, starts runs in processes of their own, and tells what came of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance.fuzz.seeds import DETECTOR, write, write_seeds, write_words
from xproto.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "fuzz"
TARGETS = (*(protocol.name for protocol in BUILT_IN), DETECTOR)
_BOOT = (
    "import os, sys, xproto.kernel; from pathlib import Path\n"
    "os.environ.pop('LD_PRELOAD')\n"
    "_, lib, name, own, paths, *arguments = sys.argv\n"
    "xproto.kernel.__path__.insert(0, lib + '/xproto/kernel')\n"
    "from {module} import main\n"
    "main(name, Path(own), paths.split(':') if paths else [], arguments)\n"
)
"""The instrumented kernel must be there before anything imports another. The symbolizer is to run without what is preloaded."""
_LOADING = threading.Lock()
"""Declarations are loaded by one thread at a time."""
_INITED = re.compile(r"^#\d+\s+INITED\s+cov: (\d+)", re.MULTILINE)
_LAST = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_KEPT = re.compile(r"Test unit written to (\S+)")


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
    """Builds the instrumented kernel and the driver; raises `CalledProcessError` where that fails, having said why."""
    if not (ROOT / "setup.py").exists():
        raise RuntimeError("the kernel to be fuzzed is built from its sources: use a checkout")
    script = str(Path(__file__).with_name("build.sh"))
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(["bash", script, str(folder)], check=True, env=environment)  # noqa: S603, S607 - our own script


def fuzz(
    name: str, arguments: Sequence[str] = (), *, paths: Sequence[str] = (), folder: Path = FOLDER, own: Path | None = None,
    module: str = "conformance.fuzz.child", seconds: int = 0, inputs: Iterable[bytes] | None = None, quiet: bool = True,
) -> Run:  # fmt: skip
    """Runs one target; raises `RuntimeError` where a run cannot begin.

    arguments: more of libFuzzer's. paths: of files that declare protocols. folder: what was built; own: of this run, for
    seeds, corpus, crashes. module: whose `main` makes the target. inputs: seeds, instead of those that belong to it.
    """
    own = own or folder / "runs" / name
    for below in ("corpus", "crashes", "seeds"):
        (own / below).mkdir(parents=True, exist_ok=True)
    (own / "edges").unlink(missing_ok=True)
    if inputs is None:
        with _LOADING:
            write(name, paths, own)
    else:
        write_seeds(own / "seeds", inputs)
        write_words(own / "words", ())
    options = [
        f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=4096", "-detect_leaks=0",
        "-print_final_stats=1", f"-artifact_prefix={own}/crashes/", f"-dict={own}/words", *arguments,
        f"{own}/corpus", f"{own}/seeds",
    ]  # fmt: skip
    code, output = _start(module, folder, own, name, paths, options, quiet=quiet)
    return outcome(name, own, output, code)


def repeat(name: str, files: Sequence[Path], *, paths: Sequence[str] = (), folder: Path = FOLDER) -> tuple[bool, str]:
    """Asks everything of given inputs, or of all in a folder. Returns whether they passed, and what was said."""
    code, output = _start("conformance.fuzz.once", folder, folder, name, paths, list(map(str, files)), quiet=True)
    return code == 0, output


def _start(
    module: str, folder: Path, own: Path, name: str, paths: Sequence[str], arguments: Sequence[str], *, quiet: bool
) -> tuple[int, str]:
    """Runs a module's `main` with the instrumented kernel; gives the exit code, and what it wrote to stderr."""
    given = (str(folder / "lib"), name, str(own), ":".join(paths), *arguments)
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", _BOOT.format(module=module), *given], cwd=ROOT, env=environment(folder),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip
    lines = []
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            lines.append(line)
            if not quiet:
                sys.stderr.write(line)
    return process.wait(), "".join(lines)


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
    inited, kept = _INITED.search(output), _KEPT.search(output)
    last = next(reversed(list(_LAST.finditer(output))), None)
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
