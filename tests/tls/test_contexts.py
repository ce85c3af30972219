"""Contexts of secrets: what is taken over by a new snapshot, what a rotation changes, and where keys never are."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.snapshot import Cluster, Listener, Snapshot
from proxy.tls.contexts import Contexts
from proxy.tls.material import Material
from proxy.tls.settings import ClientTls, Extension, FilterChain, Secret, ServerTls, TlsMatch
from proxy.tls.sides import Server
from tests.tls.authority import Authority

CA = Authority("mesh")
WEB = CA.issue("web", dns=["web.test"])
MATERIALS = {"web": Material(WEB.certificate, WEB.key), "ca": Material(trust=CA.certificate)}
CHAIN = FilterChain("default", ServerTls(("web",), verify="required", trust="ca"), "t", ("bolt",))


def snapshot(chain: FilterChain = CHAIN, **cluster: Any) -> Snapshot:
    cluster = {"tls": ClientTls("ca", server_name="web.test")} | cluster
    return Snapshot(
        {"in": Listener("in", "127.0.0.1:0", ("bolt",), "t", chains=(chain,))}, {},
        {"c": Cluster("c", ("127.0.0.1:1",), **cluster)}, secrets={name: Secret(name) for name in MATERIALS},
    )  # fmt: skip


def other(name: str = "web") -> Material:
    issued = CA.issue(name, dns=[f"{name}.test"])
    return Material(issued.certificate, issued.key)


def test_what_is_the_same_is_taken_over() -> None:
    before = Contexts(snapshot(), MATERIALS)
    after = Contexts(snapshot(timeout=7.0), MATERIALS, before)
    server, client = before.server("in", "default"), before.client("c", ClientTls("ca", server_name="web.test"))
    context = server.context
    after.commit()
    assert after.server("in", "default") is server
    assert after.client("c", ClientTls("ca", server_name="web.test")) is client
    assert server.context is context


def test_new_material_comes_with_the_commit_and_not_before() -> None:
    before = Contexts(snapshot(), MATERIALS)
    server = before.server("in", "default")
    context = server.context
    after = Contexts(snapshot(), MATERIALS | {"web": other()}, before)
    assert server.context is context
    after.commit()
    assert after.server("in", "default") is server
    assert server.context is not context


def test_another_description_is_another_side() -> None:
    before = Contexts(snapshot(), MATERIALS)
    changed = msgspec.structs.replace(CHAIN, tls=ServerTls(("web",)))
    after = Contexts(snapshot(changed), MATERIALS, before)
    assert after.server("in", "default") is not before.server("in", "default")


def test_rotation_renews_what_uses_the_secret_and_nothing_else() -> None:
    contexts = Contexts(snapshot(), MATERIALS)
    server, client = contexts.server("in", "default"), contexts.client("c", ClientTls("ca", server_name="web.test"))
    contexts_before = server.context, client.context
    assert asyncio.run(contexts.rotate({"web": MATERIALS["web"]})) == []
    assert (server.context, client.context) == contexts_before, "nothing is new"
    assert asyncio.run(contexts.rotate({"web": other()})) == []
    assert server.context is not contexts_before[0]
    assert client.context is contexts_before[1]


def test_hosts_have_exceptions() -> None:
    insecure = ClientTls(verify=False)
    found = snapshot(tls_matches=(TlsMatch({"a": "b"}, insecure), TlsMatch({"a": "c"}, None)))
    contexts = Contexts(found, MATERIALS)
    assert contexts.client("c", insecure).context.verify_mode is ssl.CERT_NONE
    cluster = msgspec.structs.replace(found.clusters["c"], metadata={"x": {"a": "b", "z": ""}, "y": {"a": "c"}})
    assert cluster.tls_of("x") == insecure
    assert cluster.tls_of("y") is None
    assert cluster.tls_of("z") == cluster.tls


@pytest.mark.parametrize(
    ("spec", "materials", "problem"),
    [
        (ServerTls(("none",)), {}, "secret none: it is not here"),
        (ServerTls(("ca",)), {}, "secret ca: its certificate cannot be used: "),
        (ServerTls(("web",), verify="required", trust="web"), {}, "secret web: its roots cannot be used: "),
        (ServerTls(("web",)), {"web": Material(WEB.certificate, WEB.encrypted_key("x"))},
         "secret web: its certificate cannot be used: the private key is encrypted"),
        (ServerTls(("web",)), {"web": Material(WEB.certificate, other("x").private_key)},
         "secret web: its certificate cannot be used: key values mismatch"),
        (ServerTls(("web",), verifiers=(Extension("none"),)), {}, "there is no verifier 'none'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(spec: ServerTls, materials: dict[str, Material], problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        Server(spec, MATERIALS | materials)
    assert "PRIVATE" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_keys_are_on_no_disk_and_in_no_descriptor() -> None:
    before = open_files()
    contexts = Contexts(snapshot(), MATERIALS)
    assert {each for each in open_files() - before if "xproto" in each} == set()
    assert "PRIVATE" not in repr(contexts.server("in", "default")) + repr(MATERIALS["web"])


def open_files() -> set[str]:
    return {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}


def test_a_rotation_that_fails_for_a_moment_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = Contexts(snapshot(), MATERIALS)
    server, new = contexts.server("in", "default"), other()
    before = server.context

    def fails(*_: object) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("os.memfd_create", fails)
        (problem,) = asyncio.run(contexts.rotate({"web": new}))
    assert "Too many open files" in problem
    assert server.context is before
    assert asyncio.run(contexts.rotate({})) == []
    assert server.context is not before


def test_what_is_older_than_a_commit_is_not_put_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation that takes long, and a reload with something newer meanwhile."""
    contexts = Contexts(snapshot(), MATERIALS)
    server, make = contexts.server("in", "default"), Server.make
    newer, context = other("newer"), contexts.server("in", "default").context

    def slowly(side: Server, materials: Any) -> ssl.SSLContext:
        contexts.materials["web"] = newer
        return make(side, materials)

    monkeypatch.setattr(Server, "make", slowly)
    assert asyncio.run(contexts.rotate({"web": other("older")})) == []
    assert server.context is context
