"""Writes facts.json: what real Java decodes, invokes and raises where the formats leave room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.processes import java

from . import facts_bolt, facts_dubbo, facts_sofa


def gather(logs: Path) -> dict[str, Any]:
    """Asks the real implementations; the result is JSON."""
    with (
        java("BoltServer", logs / "facts-bolt-server.log", "0") as server,
        java("BoltClient", logs / "facts-bolt-client.log") as client,
        java("SofaServer", logs / "facts-sofa-server.log", "0") as sofa,
        java("SofaClient", logs / "facts-sofa-client.log") as sofa_client,
    ):
        bolt = {
            "source": "com.alipay.sofa:bolt 1.6.11, com.alipay.sofa:sofa-rpc-all 5.12.0",
            "header_blocks": facts_bolt.header_blocks(server),
            "sofarpc_resolution": facts_sofa.disagreements(sofa, sofa_client),
            "client_statuses": facts_bolt.client_statuses(client),
        }
    with (
        java("DubboProvider", logs / "facts-provider.log", "0") as provider,
        java("DubboConsumer", logs / "facts-consumer.log") as consumer,
    ):
        dubbo = {
            "source": "org.apache.dubbo:dubbo 3.2.16",
            "resolution": facts_dubbo.disagreements(provider),
            "consumer_statuses": facts_dubbo.consumer_statuses(consumer),
            "consumer_events": facts_dubbo.consumer_events(consumer),
        }
    return {"bolt": bolt, "dubbo": dubbo}


def write(file: Path, logs: Path) -> int:
    """Writes the facts and returns how many there are."""
    facts = gather(logs)
    file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return sum(len(part) for side in facts.values() for part in side.values() if isinstance(part, list))
