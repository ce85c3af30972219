"""Every target for a second: nothing is found, and the edges that are counted are the kernel's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.fuzz import launch
from conformance.fuzz.__main__ import told

SECONDS = 1
"""Of fuzzing, besides the seeds."""
AT_ONCE = 2
BEACON = str(Path(__file__).parents[1] / "protocols" / "beacon.py")
OWN = {
    "bolt": {"keyvalues": 15, "checksum": 8},
    "beacon": {"keyvalues": 15, "checksum": 8},
    "dubbo": {"hessian": 120, "hessian_text": 50},
    "tars": {"jce": 100},
    "thrift-unframed": {"thrift": 60},
    "thrift-unframed-compact": {"thrift": 60},
    "thrift-header": {"thrift": 25},
    "thrift-twitter": {"thrift": 50, "ttwitter": 30},
    "http1": {"http1": 100, "http1_line": 60, "http1_chunked": 25, "http1_forward": 50},
    "http2": {"http2": 50, "http2_control": 90, "http2_text": 35, "hpack_decode": 45},
    "detector": {"detector": 12},
}
"""Edges of the module that is a protocol's own, which a run must at least have taken: about half of what it takes."""
TARGETS = (*launch.TARGETS, "beacon")
COMMON = {"program": 50, "scanner": 8, "codec": 30}


@pytest.fixture(scope="module")
def runs(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(
                launch.fuzz, name, ["-seed=1"], folder=built, own=folder / name, seconds=SECONDS,
                paths=[BEACON] if name == "beacon" else [],
            )
            for name in TARGETS
        }  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(runs, name) -> None:
    run = runs[name].result()
    assert run.crash is None, f"{told(run)}\n{run.output[-4000:]}"
    assert run.executed > 100
    taken = {module.name: module.taken for module in run.modules}
    for module, least in (COMMON | OWN.get(name, {})).items():
        assert taken[module] >= least, f"{name} takes {taken[module]} edges of {module}"
    assert run.taken >= run.seeded


def test_edges_guide(built, tmp_path) -> None:
    """From no seed at all, inputs that take new edges are kept and changed on: the kernel is seen into."""
    run = launch.fuzz("thrift-unframed-compact", ["-seed=1", "-runs=4000"], folder=built, own=tmp_path, inputs=[])
    assert run.crash is None
    assert run.seeded < run.taken
    assert len(list((tmp_path / "corpus").iterdir())) > 10
