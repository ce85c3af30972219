"""examples/policy/matching.yaml, run as it is: each of its conditions takes the calls that its comment says, and no others."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.started import started
from tests.policy.inside_tls import inside_tls
from tests.policy.mesh import Mesh
from tests.policy.speech.table import Call, Speech, over
from tests.tls.authority import Authority

FILE = Path("examples/policy/matching.yaml")
AUTHORITY = Authority("mesh")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = AUTHORITY.issue("web", dns=["web.test", "next.test", "*.next.test"]).write(folder, "web")
    files = {"CERTIFICATE": str(certificate), "KEY": str(key), "CA": str(AUTHORITY.write(folder, "ca"))}
    with started(FILE, "main", "next", "batch", "gold", "abroad", "java", **files) as made:
        yield made


def rest(speech: Speech) -> str:
    """Where its calls go if nothing else takes them."""
    return "java" if speech.name in {"dubbo", "thrift"} else "main"


@over("headers", variants=True)
@pytest.mark.parametrize(
    ("headers", "cluster"),
    [
        ({"x-tenant": "gold"}, "gold"),
        ({"x-tenant": "silver"}, ""),
        ({"metadata.tenant": "gold"}, ""),
        ({"user-agent": "GoogleBot/2.1"}, "batch"),
        ({"user-agent": "curl"}, ""),
        ({"x-user-hash": "4"}, "next"),
        ({"x-user-hash": "5"}, ""),
        ({"x-user-hash": "4a"}, ""),
        ({"x-region": "us"}, "abroad"),
        ({"x-region": "eu"}, ""),
        ({}, ""),
    ],
)
def test_headers_and_what_a_filter_makes_of_them(example: Mesh, speech: Speech, headers: dict[str, str], cluster: str) -> None:
    assert example.send("mesh", speech, Call(headers=headers)) == (cluster or rest(speech))


@over("service", variants=True)
def test_the_end_of_a_service(example: Mesh, speech: Speech) -> None:
    assert example.send("mesh", speech, Call(service="test.Echo.v2")) == "next"
    assert example.send("mesh", speech, Call(service="test.v2.Echo")) == rest(speech)


@over("query", variants=True)
def test_a_query(example: Mesh, speech: Speech) -> None:
    assert example.send("mesh", speech, Call(path="/a/b?c=d&preview=")) == "next"
    assert example.send("mesh", speech, Call(path="/a/preview?previews=1")) == "main"


@over(variants=True)
def test_the_server_name_and_the_certificate(example: Mesh, speech: Speech, tmp_path: Path) -> None:
    unknown, job, web = (ssl.create_default_context(cadata=AUTHORITY.certificate) for _ in range(3))
    for context, name in ((job, "jobs"), (web, "web")):
        issued = AUTHORITY.issue(name, uris=[f"spiffe://mesh/ns/{name}/sa/a"])
        context.load_cert_chain(*issued.write(tmp_path, name))

    async def taken(context: ssl.SSLContext, name: str) -> str:
        example.came()
        async with inside_tls(example.world, speech, example.doors["mesh"], context, name) as client:
            await client.ask()
            assert (await client.answer()).ok
        [name] = [name for name, calls in example.came().items() if calls]
        return name

    asked = [(unknown, "web.test"), (web, "web.test"), (unknown, "next.test"), (unknown, "eu.next.test"), (job, "next.test")]
    assert [example.run(taken(*each)) for each in asked] == [rest(speech), rest(speech), "next", "next", "batch"]
