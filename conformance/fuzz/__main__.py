"""What `make fuzz` runs.

    python -m conformance.fuzz build
    python -m conformance.fuzz run TARGET|path.py|all [--seconds 600] [-- options of libFuzzer]
    python -m conformance.fuzz repeat TARGET|path.py FILE

TARGET: a built-in protocol, or `detector`; `all`: each of them in turn, for as long. `repeat` asks everything of one input.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.fuzz import launch
from xproto.registry import load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.fuzz", description=__doc__.splitlines()[0] if __doc__ else "")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build the instrumented kernel")
    run = verbs.add_parser("run", help="fuzz")
    run.add_argument("target")
    run.add_argument("--seconds", type=int, default=600)
    run.add_argument("options", nargs="*", help="of libFuzzer, behind --")
    repeat = verbs.add_parser("repeat", help="ask everything of one input")
    repeat.add_argument("target")
    repeat.add_argument("file", type=Path)
    given = parser.parse_args()
    launch.build()
    if given.verb == "run":
        return _run(given.target, given.seconds, given.options)
    if given.verb == "repeat":
        return _repeat(given.target, given.file.resolve())
    return 0


def named(given: str) -> list[tuple[str, tuple[str, ...]]]:
    """Targets, each with the files that it needs."""
    if given == "all":
        return [(name, ()) for name in launch.TARGETS]
    if given.endswith(".py"):
        path = str(Path(given).resolve())
        return [(name, (path,)) for name, registered in load([path]).items() if registered.source == path]
    return [(given, ())]


def _run(given: str, seconds: int, options: list[str]) -> int:
    runs, failed = [], False
    for name, paths in named(given):
        sys.stdout.write(f"{name}: {seconds} s\n")
        runs.append(launch.fuzz(name, options, paths=paths, seconds=seconds, quiet=False))
        sys.stdout.write(f"{told(runs[-1], paths)}\n")
        passed, output = launch.repeat(name, [launch.FOLDER / "runs" / name / "corpus"], paths=paths)
        if not passed:
            sys.stdout.write(f"{name}: the judges refuse an input of the corpus\n{output}\n")
        failed |= not passed or runs[-1].crash is not None
    sys.stdout.write("\n" + "".join(f"{line(run)}\n" for run in runs))
    return int(failed)


def line(run: launch.Run) -> str:
    """A run in one line."""
    end = f"FAILED: {run.crash}" if run.crash else "no failure"
    return f"{run.target:24} {run.executed:>10,} inputs  {run.seeded:>5} edges by seeds, {run.taken:>5} now  {end}"


def told(run: launch.Run, paths: tuple[str, ...] = ()) -> str:
    """The edges of each module of the kernel, and of a failure the command that repeats it."""
    lines = [f"kernel edges that {run.target} takes, of those there are:"]
    lines += [f"  {each.name:16} {each.taken:>5} of {each.edges:>5}" for each in run.modules if each.taken]
    if run.crash:
        lines = [f"{run.target} failed. To repeat it:", f"  make fuzz-repeat PROTO={(*paths, run.target)[0]} FILE={run.crash}"]
    return "\n".join(lines)


def _repeat(given: str, file: Path) -> int:
    found = [launch.repeat(name, [file], paths=paths) for name, paths in named(given)]
    sys.stdout.write("".join(f"{output}\n{'no failure' if passed else 'FAILED'}\n" for passed, output in found))
    return int(not all(passed for passed, _ in found))


if __name__ == "__main__":
    sys.exit(main())
