"""Test functions here are coroutines; `world` is a proxy with hand-driven peers and clock."""

from __future__ import annotations

from tests.datapath.conftest import loop, pytest_pyfunc_call, world

__all__ = ["loop", "pytest_pyfunc_call", "world"]
