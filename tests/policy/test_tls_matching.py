"""What a route asks of a connection's TLS, in traffic: the server name that was asked for, and who the client is.

One table for all protocols, as `test_matching` has it: a case says which connections' calls meet a match and which do not.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.control.proxy_process import running
from tests.policy.inside_tls import inside_tls
from tests.policy.mesh import Mesh
from tests.policy.speech.table import Call, Speech, over
from tests.tls.authority import Authority

JOB, WEB, NAMED = "spiffe://mesh/ns/jobs/sa/nightly", "spiffe://mesh/ns/web/sa/a", "client.test"
CLIENTS: dict[str, dict[str, list[str]]] = {JOB: {"uris": [JOB], "dns": [NAMED]}, WEB: {"uris": [WEB]}, NAMED: {"dns": [NAMED]}}
"""Names in certificates, by the one that counts."""
FORGED = {"tls.sni": "shop.test", "tls.san": JOB}


class Case(NamedTuple):
    """`meets`, `fails`: the server name that is asked for, and the client's certificate; None: it has none."""

    match: dict[str, Any]
    meets: list[tuple[str, str | None]]
    fails: list[tuple[str, str | None]]


CASES = {
    "sni": Case(
        {"sni": ["shop.test", "*.shop.test"]},
        [("shop.test", None), ("SHOP.test", WEB), ("eu.shop.test", None)],
        [("web.test", JOB)],
    ),
    "sni-below": Case({"sni": "*.shop.test"}, [("eu.shop.test", None)], [("shop.test", None)]),
    "sni-variable": Case({"variables": {"tls.sni": {"prefix": "shop."}}}, [("shop.test", None)], [("eu.shop.test", None)]),
    "san": Case(
        {"variables": {"tls.san": {"prefix": "spiffe://mesh/ns/jobs/"}}},
        [("web.test", JOB)],
        [("web.test", WEB), ("web.test", NAMED), ("web.test", None)],
    ),
    "san-header": Case({"headers": {"tls.san": NAMED}}, [("web.test", NAMED)], [("web.test", JOB), ("web.test", None)]),
    "san-inverted": Case(
        {"variables": {"tls.san": {"exact": JOB, "invert": True}}}, [("web.test", WEB)], [("web.test", JOB), ("web.test", None)]
    ),
    "both": Case(
        {"sni": "shop.test", "variables": {"tls.san": {"present": True}}},
        [("shop.test", WEB)],
        [("shop.test", None), ("web.test", WEB)],
    ),
    "cel": Case(
        {"expression": "tls.sni == 'shop.test' || tls.san.startsWith('spiffe://mesh/ns/jobs/')"},
        [("shop.test", None), ("web.test", JOB)],
        [("web.test", None), ("web.test", WEB)],
    ),
}


class Secure(NamedTuple):
    mesh: Mesh
    contexts: dict[str | None, ssl.SSLContext]

    def send(self, door: str, speech: Speech, name: str, client: str | None) -> str:
        """Which host got a call by such a connection."""
        self.mesh.came()
        self.mesh.run(self._ask(self.mesh.doors[door], speech, self.contexts[client], name))
        [got] = [host for host, calls in self.mesh.came().items() if calls]
        return got

    async def _ask(self, door: str, speech: Speech, context: ssl.SSLContext, name: str) -> None:
        async with inside_tls(self.mesh.world, speech, door, context, name) as client:
            await client.ask()
            assert (await client.answer()).ok


def context_of(authority: Authority, folder: Path, names: dict[str, list[str]] | None) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=authority.certificate)
    if names is not None:
        made.load_cert_chain(*authority.issue("client", **names).write(folder, "client"))  # type: ignore[arg-type]
    return made


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A listener for each case, which takes TLS and plaintext; clusters are `here` and `there`."""
    folder, authority = tmp_path_factory.mktemp("tls"), Authority("mesh")
    authority.issue("web", dns=["web.test", "shop.test", "*.shop.test"]).write(folder, "web")
    authority.write(folder, "ca")
    tls = {"certificates": "web", "client": {"verify": "optional", "ca": "clients"}}
    listener = {"address": "127.0.0.1:0", "protocols": "auto", "plaintext": True, "tls": tls}
    with Mesh.of("here", "there") as mesh:
        configuration = {
            "secrets": {"web": {"certificate": "web.crt", "private_key": "web.key"}, "clients": {"ca": "ca.crt"}},
            "listeners": [{"name": name, "routes": name, **listener} for name in CASES],
            "routes": {name: [{"match": case.match, "cluster": "there"}, {"cluster": "here"}] for name, case in CASES.items()},
            "clusters": {name: {"hosts": [host.address], "http": "http2"} for name, host in mesh.hosts.items()},
        }
        file = folder / "proxy.yaml"
        file.write_text(yaml.safe_dump(configuration))
        with running(file) as proxy:
            mesh.doors = proxy.wait_ready()
            yield Secure(mesh, {name: context_of(authority, folder, CLIENTS.get(name or "")) for name in (None, *CLIENTS)})


@over(variants=True)
@pytest.mark.parametrize("name", CASES)
def test_a_condition(secure: Secure, name: str, speech: Speech) -> None:
    case = CASES[name]
    assert [secure.send(name, speech, *each) for each in case.meets] == ["there"] * len(case.meets)
    assert [secure.send(name, speech, *each) for each in case.fails] == ["here"] * len(case.fails)


@over(variants=True)
@pytest.mark.parametrize("name", CASES)
def test_no_header_poses_as_tls(secure: Secure, name: str, speech: Speech) -> None:
    assert secure.mesh.send(name, speech, Call(headers=FORGED)) == "here"
