"""The examples of filters, run as they are."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import running
from tests.policy.web_server import Answering, ask

FOLDER = Path("examples/filters")


@pytest.fixture
def server() -> Iterator[Answering]:
    with contextlib.closing(Answering()) as made:
        yield made


@contextlib.contextmanager
def example(name: str, server: Answering) -> Iterator[str]:
    with running(FOLDER / f"{name}.yaml", PORT="0", BACKEND=str(server.port)) as proxy:
        yield proxy.wait_ready()["web"]


def test_there_is_a_test_for_each() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == ["audit", "fault", "rate_limit", "signature"]


def test_a_filter_of_ones_own(server: Answering) -> None:
    with example("audit", server) as address:
        assert ask(address).startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert b"no token that is known" in ask(address, "X-Token: wrong")
        assert not server.heads
        assert ask(address, "X-Token: secret").endswith(b"ok")


def test_a_filter_that_reads_bodies(server: Answering) -> None:
    body = b'{"event": "paid"}'
    signed = f"X-Signature: {hmac.new(b'hush', body, hashlib.sha256).hexdigest()}"
    with example("signature", server) as address:
        assert ask(address, signed, host="hooks.test", body=body).endswith(b"ok")
        assert ask(address, signed, host="hooks.test", body=body[:-1] + b" ").startswith(b"HTTP/1.1 401 ")
        assert ask(address, host="hooks.test", body=bytes(65)).startswith(b"HTTP/1.1 413 ")
        assert ask(address, host="hooks.test", path="/healthz").endswith(b"ok")
        assert ask(address, body=bytes(65)).endswith(b"ok")
        assert ask(address, body=bytes(65537)).startswith(b"HTTP/1.1 413 ")


def test_a_rate_limit(server: Answering) -> None:
    with example("rate_limit", server) as address:
        told = [ask(address, "X-User: a").split(b" ")[1] for _ in range(4)]
        assert told == [b"200", b"200", b"429", b"429"]
        assert ask(address, "X-User: b").startswith(b"HTTP/1.1 200 "), "another user has a bucket of its own"
        assert ask(address, "X-User: a", path="/healthz").startswith(b"HTTP/1.1 200 ")


def test_faults_and_header_rules(server: Answering) -> None:
    with example("fault", server) as address:
        assert b"this was injected" in ask(address, "X-Fault: abort")
        assert ask(address, "X-Fault: delay").endswith(b"ok")
        assert b"X-Was" not in ask(address).title()
        answer = ask(address, "X-Env: gray")
        assert b"x-was: here" in answer
        assert b"Server" not in answer
        assert b"x-seen-by: xproto" in server.heads[-1]
