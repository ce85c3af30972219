"""As in tests/datapath: a proxy in the test's process, its peers and its clock in the test's hands."""

from __future__ import annotations

from tests.datapath.conftest import loop, pytest_pyfunc_call, world

__all__ = ["loop", "pytest_pyfunc_call", "world"]
