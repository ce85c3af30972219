"""Asks everything of given inputs, the judges included, without libFuzzer: to repeat a failure, and to judge a corpus."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.fuzz.blocks import Block
from conformance.fuzz.child import target


def main(name: str, _own: Path, paths: Sequence[str], files: Sequence[str]) -> None:
    """Each input, in the order of their names; raises what the first one that fails raises."""
    found = target(name, paths, deep=True)
    for count, path in enumerate(_files(files), start=1):
        with Block(path.read_bytes()) as data:
            try:
                found.test(data)
            except BaseException:
                sys.stderr.write(f"failed: {path}\n")
                raise
        sys.stderr.write(f"\r{name}: {count} inputs judged")
    sys.stderr.write("\n")


def _files(given: Sequence[str]) -> Iterator[Path]:
    for path in map(Path, given):
        yield from sorted(path.iterdir()) if path.is_dir() else (path,)
