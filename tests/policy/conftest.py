"""Test functions here are coroutines, and `world` is the proxy of the data path's tests."""

from __future__ import annotations

from tests.datapath.conftest import loop, pytest_pyfunc_call, world

__all__ = ["loop", "pytest_pyfunc_call", "world"]
