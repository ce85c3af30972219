"""The helpers beside these tests are imported by their names; every test may decode what it made."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from xproto.decode.calls import Call, Problem
from xproto.decode.run import Decoder
from xproto.registry import Registered, load


@pytest.fixture(scope="session")
def protocols() -> dict[str, Registered]:
    return load()


@pytest.fixture
def decode(protocols: dict[str, Registered]) -> Any:
    """Bytes as (calls, problems)."""

    def decoded(data: bytes, name: str | None = None, **more: Any) -> tuple[list[Call], list[Problem]]:
        decoder = Decoder(protocols, protocols[name] if name else None, **more)
        found = list(decoder.decode(io.BytesIO(data)))
        return [each for each in found if isinstance(each, Call)], [each for each in found if isinstance(each, Problem)]

    return decoded
