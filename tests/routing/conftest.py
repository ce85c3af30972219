"""What the tests of `xproto explain-route` share: a module's `CONFIGURATION` in a file, and protocols that are read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.protocols import load_registry

LOADED = load_registry((), {})


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cli.explained.load_registry", lambda *_: LOADED)


@pytest.fixture(scope="module")
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("explain") / "proxy.yaml"
    made.write_text(request.module.CONFIGURATION)
    return made
