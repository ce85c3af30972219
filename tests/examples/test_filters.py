"""The examples of filters, run as they are."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import HTTP1, Answer, Asked, Call

FOLDER = Path("examples/filters")


class Example(Mesh):
    def get(self, path: str = "/", *, host: str = "h", body: bytes = b"", **fields: str) -> Answer:
        """Or a POST, with a body."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.ask("web", HTTP1, Call(path=path, host=host, body=body, headers=headers))

    def got(self) -> list[Asked]:
        """What came at the server since this was asked last."""
        return self.hosts["server"].came()


@contextlib.contextmanager
def example(name: str) -> Iterator[Example]:
    with Example.of("server") as made:
        server = made.hosts["server"]
        server.answers = Answer("ok", headers={"server": "test"})
        with running(FOLDER / f"{name}.yaml", PORT="0", BACKEND=server.address.rpartition(":")[2]) as proxy:
            made.doors = proxy.wait_ready()
            yield made


def test_there_is_a_test_for_each() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == ["audit", "fault", "rate_limit", "signature"]


def test_a_filter_of_ones_own() -> None:
    with example("audit") as web:
        assert web.get().code == 401
        assert "no token that is known" in web.get(x_token="wrong").text
        assert not web.got()
        assert web.get(x_token="secret").text == "ok"


def test_a_filter_that_reads_bodies() -> None:
    body = b'{"event": "paid"}'
    signature = hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    with example("signature") as web:
        assert web.get(host="hooks.test", body=body, x_signature=signature).text == "ok"
        assert web.get(host="hooks.test", body=body[:-1] + b" ", x_signature=signature).code == 401
        assert web.get(host="hooks.test", body=bytes(65)).code == 413
        assert web.get("/healthz", host="hooks.test").text == "ok"
        assert web.get(body=bytes(65)).text == "ok"
        assert web.get(body=bytes(65537)).code == 413


def test_a_rate_limit() -> None:
    with example("rate_limit") as web:
        assert [web.get(x_user="a").code for _ in range(4)] == [0, 0, 429, 429]
        assert web.get(x_user="b").ok, "another user has a bucket of its own"
        assert web.get("/healthz", x_user="a").ok


def test_faults_and_header_rules() -> None:
    with example("fault") as web:
        assert "this was injected" in web.get(x_fault="abort").text
        assert web.get(x_fault="delay").text == "ok"
        assert "x-was" not in web.get().headers
        answer = web.get(x_env="gray")
        assert answer.headers["x-was"] == "here"
        assert "server" not in answer.headers
        assert web.got()[-1].headers["x-seen-by"] == "xproto"
