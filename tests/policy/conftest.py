"""The data path's own harness: `world` is a proxy with hand-driven peers and clock, test functions are coroutines."""

from tests.datapath.conftest import loop, pytest_pyfunc_call, world

__all__ = ["loop", "pytest_pyfunc_call", "world"]
