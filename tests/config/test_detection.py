"""Listeners whose first bytes cannot tell what is spoken are refused, at the line that says what may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.loader import parse
from proxy.config.problems import ConfigurationError
from proxy.config.protocols import load_registry
from tests.config.fakes import SMALLEST

SPEC = """\
from construct import Bytes, Const, Int32ub, Struct, this

from xproto.spec import Detect, Kind, Limits, Protocol
from xproto.wire import Bounded


def framed(*, max_frame=0x00FFFFFF, before=()):
    return Protocol(
        name="framed",
        frame=Struct("length" / Bounded(Int32ub, 8, max_frame), "magic" / Const(b"\\x00\\x01"), "id" / Int32ub,
                     "rest" / Bytes(this.length - 8)),
        kind={Kind.REQUEST: this.id >= 0},
        id=this.id,
        detect=Detect("magic", before=tuple(before)),
        limits=Limits(frame=2**31 - 1),
        configure=framed,
    )


FRAMED = framed()
"""


def told(tmp_path: Path, listener: str, options: str = "", more: str = "") -> list[str]:
    """The problems of the smallest file with lines more in its listener (from line 5 on), and options of the protocol."""
    (tmp_path / "framed.py").write_text(SPEC)
    text = SMALLEST.replace("    routes: main\n", f"    routes: main\n{listener}", 1) + "protocol_specs: [framed.py]\n" + more
    text += f"protocol_options: {{framed: {{{options}}}}}\n" if options else ""
    try:
        parse(text, str(tmp_path / "x.yaml"), {}, load_registry)
    except ConfigurationError as error:
        return [line.partition("x.yaml:")[2] for line in error.render().splitlines()]
    return []


WIDE = "max_frame: 0x01ffffff"
AMBIGUOUS = (
    "5: listeners[0].protocols: bolt and framed both claim what begins with 01 00 00 00 00 01;"
    " leave max_frame of protocol_options.framed as it is by default, or name only one of them in protocols"
)


def test_what_can_be_told_apart_is_accepted(tmp_path: Path) -> None:
    assert told(tmp_path, "    protocols: auto\n") == []


def test_a_limit_that_makes_a_length_look_like_bolt_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, "    protocols: [bolt, framed]\n", WIDE) == [AMBIGUOUS]
    assert AMBIGUOUS in told(tmp_path, "    protocols: auto\n", WIDE)


def test_it_is_said_of_the_listener_where_that_names_no_protocols(tmp_path: Path) -> None:
    [problem] = told(tmp_path, "", WIDE)
    assert problem.startswith("2: listeners[0].protocols: bolt and framed both claim")


def test_one_explicit_protocol_is_not_checked(tmp_path: Path) -> None:
    assert told(tmp_path, "    protocols: framed\n    detect: {bytes: 1}\n", WIDE) == []


CHAINED = """\
    protocols: bolt
    tls: &web {certificates: web}
    filter_chains:
      - match: {server_names: a.test}
        protocols: [bolt, framed]
        tls: *web
"""
SECRETS = "secrets: {web: {provider: vault}}\n"


def test_inside_tls_it_is_the_same(tmp_path: Path) -> None:
    ambiguous = AMBIGUOUS.replace("5: listeners[0].", "9: listeners[0].filter_chains[0].")
    assert told(tmp_path, CHAINED, WIDE, SECRETS) == [ambiguous]
    assert told(tmp_path, CHAINED, "", SECRETS) == []
    [problem] = told(tmp_path, CHAINED + "    detect: {bytes: 5}\n", "", SECRETS)
    assert problem.startswith("11: listeners[0].detect.bytes: framed is known after 6 bytes")


def test_what_looks_like_tls_is_refused_beside_it(tmp_path: Path) -> None:
    mixed, alike = "    protocols: framed\n    tls: {certificates: web}\n    plaintext: true\n", "max_frame: 0x17000000"
    assert told(tmp_path, mixed, "", SECRETS) == []
    assert told(tmp_path, mixed.replace("true", "false"), alike, SECRETS) == []
    assert told(tmp_path, mixed + "    detect: {bytes: 1}\n", "", SECRETS) == []
    [problem] = told(tmp_path, mixed, alike, SECRETS)
    assert problem.startswith("5: listeners[0].protocols: framed and TLS both claim what begins with 16 03 00 01 00 01;")


def test_a_declared_rank_settles_it(tmp_path: Path) -> None:
    assert told(tmp_path, "    protocols: [bolt, framed]\n", f"{WIDE}, before: [bolt]") == []


@pytest.mark.parametrize(("allowed", "wrong"), [(6, []), (5, ["framed is known after 6 bytes"])])
def test_bytes_that_do_not_suffice_are_refused(tmp_path: Path, allowed: int, wrong: list[str]) -> None:
    found = told(tmp_path, f"    protocols: [bolt, framed]\n    detect:\n      bytes: {allowed}\n")
    assert [each.partition(", such as")[0] for each in found] == [f"7: listeners[0].detect.bytes: {each}" for each in wrong]
    assert all(problem.endswith(f"; allow {allowed + 1} bytes") for problem in found)
