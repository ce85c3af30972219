"""The kit notices wrong declarations: each slip fails the check that is for it, with a message that names the fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance import Profile, judge
from tests.conformance.broken.slips import SLIPS, Slip
from xproto.errors import SpecError

HERE = Path(__file__).with_name("broken")
SOUND = (HERE / "parcel.py").read_text()
SMALL = Profile("small", 40, 300, 100)
MORE = "from construct import Default, Int16ul, Int32ul\n"
"""What the slips need besides."""
VECTORS = HERE / "vectors" / "parcel"


def test_the_sound_declaration_passes() -> None:
    report = judge(str(HERE / "parcel.py"), profile=SMALL)
    report.raise_for_failures()
    assert report.cases > 1000
    assert [result.name for result in report.results if result.lacks] == []


def test_there_are_enough_slips() -> None:
    assert len(SLIPS) >= 20
    assert len({slip.name for slip in SLIPS}) == len(SLIPS)


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name.replace(" ", "-"))
def test_a_slip_is_noticed(slip: Slip, tmp_path) -> None:
    assert SOUND.count(slip.old) == 1, "the slip must change one place"
    path = tmp_path / "parcel.py"
    path.write_text(
        SOUND.replace("    Int32ub,\n", "    Int32ub,\n    Default,\n    Int16ul,\n    Int32ul,\n").replace(slip.old, slip.new)
    )
    if slip.check == "load":
        with pytest.raises(SpecError, match=slip.fault) as refused:
            judge(str(path), vectors=VECTORS, profile=SMALL, only=("golden",))
        assert slip.field in str(refused.value)
        return
    report = judge(str(path), vectors=VECTORS, profile=SMALL, only=(slip.check,))
    failures = {result.name: result.failures for result in report.results if result.failures}
    assert slip.check in failures, {name: [failure.fault for failure in found] for name, found in failures.items()}
    told = [(failure.field, failure.fault) for failure in failures[slip.check]]
    assert any(field == slip.field and re.search(slip.fault, fault) for field, fault in told), told
