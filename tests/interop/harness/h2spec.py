"""h2spec: a client that does everything that a server of HTTP/2 may be sent, right and wrong, and says what it did not like."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from .processes import PEERS
from .programs import run

PROGRAM = PEERS / "h2spec" / "build" / "h2spec"
SECONDS = "2"
"""How long it waits for an answer, and for the lack of one."""


class Case(NamedTuple):
    """name: section, and what it demands. outcome: passed, skipped, or what was expected and what came."""

    name: str
    outcome: str


def h2spec(address: str, folder: Path, *, tls: bool) -> list[Case]:
    """All its cases, the strict ones too."""
    host, port = address.split(":")
    report = folder / "h2spec.xml"
    secure = ["-t", "-k"] if tls else []
    done = run([str(PROGRAM), "-h", host, "-p", port, *secure, "--strict", "-o", SECONDS, "-j", str(report)], ok=False)
    assert report.exists(), done.stdout.decode() + done.stderr.decode()
    return [_case(suite, case) for suite in ET.parse(report).iter("testsuite") for case in suite.iter("testcase")]


def _case(suite: ET.Element, case: ET.Element) -> Case:
    name = f"{suite.get('package')}: {case.get('classname')}"
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return Case(name, " ".join((found.text or kind).split()))
    return Case(name, "passed" if case.find("skipped") is None else "skipped")
