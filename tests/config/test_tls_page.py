"""docs/tls.md: its configuration is one, and it names every reason for which a handshake fails."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.config.loader import parse
from proxy.tls.failures import REASONS

PAGE = Path("docs/tls.md").read_text()


def test_its_configuration_is_valid() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    snapshot = parse(text, "/etc/xproto/proxy.yaml")
    assert [chain.name for chain in snapshot.listeners["mesh"].chains] == ["api", "default"]
    assert snapshot.clusters["orders"].tls_of("127.0.0.1:9003") is None


def test_every_reason_is_told() -> None:
    table = PAGE.partition("| reason | what happened |")[2]
    told = [name for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(REASONS)
