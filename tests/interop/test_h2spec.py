"""h2spec's cases: what RFC 9113's predecessors and RFC 7541 demand of a server, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harness.h2spec import h2spec

if TYPE_CHECKING:
    from pathlib import Path

    from harness.http2 import Http2
    from harness.roads import Route

CASES = 146
NGHTTPD_FAILS = {"http2/5.1.1: Sends stream identifier that is numerically smaller than previous"}
"""nghttpd 1.52 answers the request."""


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_every_case(http2: Http2, route: Route, tls: bool, tmp_path: Path) -> None:
    cases = h2spec(route(http2.at("nghttpd", tls=tls), tls=tls), tmp_path, tls=tls)
    failed = {case.name: case.outcome for case in cases if case.outcome != "passed"}
    wrong = {name: outcome for name, outcome in failed.items() if name not in NGHTTPD_FAILS or not route.direct}
    assert not wrong, "\n" + "\n".join(f"{name}\n    {outcome}" for name, outcome in wrong.items())
    assert len(cases) == CASES
