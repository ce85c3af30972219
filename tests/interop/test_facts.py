"""The recorded facts about the real implementations still hold, and the proxy reads frames as they do.

First the same questions are put to the live peers; then the same frames go through the proxy, which must send each
call where the real server would have taken it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.mesh import BOLT_SERVICE, OTHER, Mesh
from harness.rpc_facts import bolt_facts, dubbo_facts
from harness.wire import ask
from recording import facts_bolt, facts_dubbo, facts_sofa

FACTS = json.loads((Path(__file__).resolve().parent.parent / "vectors" / "facts.json").read_text(encoding="utf-8"))
RESOLUTION = {fact["name"]: fact for fact in FACTS["dubbo"]["resolution"]}
# Frames that only Java is lenient with: the proxy may refuse them, but must not read them in another way.
UNSOUND = ("key without a value", "one byte", "three bytes", "runs past the end", "length -2", "least length")
NO_ROUTE = 60


def test_java_still_reads_header_blocks_so(mesh: Mesh) -> None:
    assert facts_bolt.header_blocks(mesh.peer("bolt_server")) == FACTS["bolt"]["header_blocks"]


def test_sofarpc_still_resolves_services_so(mesh: Mesh) -> None:
    found = facts_sofa.disagreements(mesh.peer("sofa_server"), mesh.peer("sofa_client"))
    assert found == FACTS["bolt"]["sofarpc_resolution"]


def test_java_still_understands_statuses_so(mesh: Mesh) -> None:
    assert facts_bolt.client_statuses(mesh.peer("bolt_client")) == FACTS["bolt"]["client_statuses"]


def test_dubbo_still_resolves_services_so(mesh: Mesh) -> None:
    assert facts_dubbo.disagreements(mesh.peer("dubbo_provider")) == FACTS["dubbo"]["resolution"]


def test_dubbo_still_understands_statuses_so(mesh: Mesh) -> None:
    consumer = mesh.peer("dubbo_consumer")
    assert facts_dubbo.consumer_statuses(consumer) == FACTS["dubbo"]["consumer_statuses"]
    assert facts_dubbo.consumer_events(consumer) == FACTS["dubbo"]["consumer_events"]


def outcome(address: str, request: bytes) -> dict[str, Any]:
    """The headers of a good answer, or how the request was refused."""
    try:
        answer = bolt_facts(ask(address, request, 5))
    except ConnectionError:
        return {"refused": "closed"}
    if answer["status"] == 0:
        return dict(answer["headers"])
    return {"refused": answer["status"]}


@pytest.mark.parametrize("name", list(facts_bolt.BLOCKS))
def test_the_proxy_reads_header_blocks_as_java_does(mesh: Mesh, name: str) -> None:
    request = facts_bolt.request(facts_bolt.pairs("service", BOLT_SERVICE) + facts_bolt.BLOCKS[name])
    # Only this one names a service itself, and what is last wins: nobody's.
    expected = {"refused": 6} if "routing key" in name else outcome(mesh.peer("bolt_server").address, request)
    if name == "key in another case":
        expected = {"refused": 6}  # its lower-case "service" comes last
    seen = outcome(mesh.proxy.address, request)
    if any(word in name for word in UNSOUND):
        assert "refused" in seen or seen == expected
    else:
        assert seen == expected


@pytest.mark.parametrize(
    ("services", "reached"),
    [
        ((BOLT_SERVICE,), True),
        (("com.test.Nobody:1.0", BOLT_SERVICE), True),
        ((BOLT_SERVICE, "com.test.Nobody:1.0"), False),
        ((BOLT_SERVICE, None), True),
        ((None, BOLT_SERVICE), True),
        ((BOLT_SERVICE, ""), False),
        ((None,), False),
    ],
)
def test_the_last_service_header_routes(mesh: Mesh, services: tuple[str | None, ...], reached: bool) -> None:
    block = b"".join(facts_bolt.pairs("service", service) for service in services) + facts_bolt.METHOD
    assert ("refused" not in outcome(mesh.proxy.address, facts_bolt.request(block))) is reached


@pytest.mark.parametrize("name", list(facts_dubbo.CASES))
def test_the_proxy_routes_as_the_provider_resolves(mesh: Mesh, name: str) -> None:
    fact = RESOLUTION[name]
    try:
        answer = ask(mesh.proxy.address, facts_dubbo.CASES[name], 5)
    except ConnectionError:
        assert "answer" not in fact, "the connection was closed for a call that the provider answers"
        return
    status = dubbo_facts(answer)["status"]
    if str(fact.get("answer", "")).startswith(OTHER):
        assert status == NO_ROUTE, "a call for a service without a route went through"
    elif "answer" in fact:
        assert (status, facts_dubbo.short_value(answer[17:])) == (20, fact["answer"])
    else:
        assert status != 20
