"""No byte is read behind the bytes that are there: they end at the end of a page, and the next cannot be read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.subjects import DEEP

ROOT = Path(__file__).parents[2]


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_exact_buffers() -> None:
    found = _python("-m", "tests.conformance.exact", "guard", *(("20000", "1") if DEEP else ("60", "6")))
    assert found.returncode == 0, found.stderr[-2000:]
    runs = re.search(r"(\d+) runs over exact buffers", found.stdout)
    assert runs
    assert int(runs[1]) > 30_000


@pytest.mark.parametrize("over", [0, 1])
def test_the_guard_page_works(over) -> None:
    """Reading up to the end is fine, one byte further kills the process."""
    code = "from tests.conformance.exact import *; v = Guarded().place(b'abc'); ctypes.string_at(Guarded().end - 3, 3 + %d)"
    assert (_python("-c", code % over).returncode == 0) is (over == 0)
