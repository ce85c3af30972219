"""What the proxy reads and writes in heads on their way: fields of this hop, who asked, and which server it is for."""

from __future__ import annotations

from harness.web import FILES, Web
from harness.wire_http import Wire, ask

HOPS = ("Connection: X-Mine, keep-alive", "X-Mine: 1", "Keep-Alive: timeout=9", "Proxy-Connection: keep-alive", "TE: trailers")


def test_fields_of_an_answer(web: Web) -> None:
    """Fields for one hop stay there; what may come more than once keeps its order; Date is the server's."""
    answer = ask(web.at("proxy"), "/fields")
    assert (answer.all("set-cookie"), answer.get("x-kept"), answer.get("x-hop")) == (["a=1", "b=2"], "kept", "")
    assert answer.all("via") == ["1.1 xproto"]
    assert len(answer.all("date")) == 1
    assert "keep-alive" not in dict(ask(web.at("proxy"), "/echo").fields)


def test_fields_of_a_request(web: Web) -> None:
    """A client that is not trusted is not believed, and fields for one hop stay there."""
    lies = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Request-Id: mine")
    said = ask(web.at("proxy"), "/echo", *lies, *HOPS, "X-Twice: 1", "X-Twice: 2", "Via: 1.0 old").json
    sent = dict(said["headers"])
    assert (sent["x-forwarded-for"], sent["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert sent["x-request-id"] not in ("", "mine")
    assert [value for name, value in said["headers"] if name == "x-twice"] == ["1", "2"]
    assert ", ".join(value for name, value in said["headers"] if name == "via") == "1.0 old, 1.1 xproto"
    assert sent.keys().isdisjoint({"x-mine", "proxy-connection", "keep-alive"})
    assert "x-mine" not in sent.get("connection", "").lower()


def test_a_trusted_client_is_believed(web: Web) -> None:
    told = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Request-Id: mine")
    sent = ask(web.proxy.listeners["inner"], "/echo", *told).json["headers"]
    assert ", ".join(value for name, value in sent if name == "x-forwarded-for").replace(", ", ",") == "1.2.3.4,127.0.0.1"
    found = dict(sent)
    assert (found["x-forwarded-proto"], found["x-request-id"], found["via"]) == ("https", "mine", "1.1 inner")


def test_fields_that_the_proxy_writes_cannot_be_taken_away(web: Web) -> None:
    """A client names them in Connection, which drops its own."""
    named = "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Request-Id, Via"
    sent = dict(ask(web.at("proxy"), "/echo", named, "X-Forwarded-For: 1.2.3.4").json["headers"])
    assert (sent["x-forwarded-for"], sent["x-forwarded-proto"], sent["via"]) == ("127.0.0.1", "http", "1.1 xproto")
    assert sent["x-request-id"]


def test_two_requests_have_two_ids(web: Web) -> None:
    ids = {dict(ask(web.at("proxy"), "/echo").json["headers"])["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_routes(web: Web) -> None:
    """By host, whatever its case and port; by method and query; by path, which is not to be evaded."""
    front = web.at("proxy")
    by_host = ask(front, "/files/small.txt", host="A.Files.Test:8080")
    assert len(by_host.body) == FILES["small.txt"]
    assert ask(front, "/echo?to=nginx", method="PUT", body=b"").get("server").startswith("nginx")
    assert ask(front, "/echo?to=node", method="PUT", body=b"").json["method"] == "PUT"
    assert ask(front, "/echo", host="Node.Test:1").json["url"] == "/echo"
    with Wire(front) as wire:
        wire.send(b"GET http://node.test/echo?absolute HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n")
        said = wire.answer().json
    assert (said["url"].endswith("/echo?absolute"), dict(said["headers"])["host"]) == (True, "node.test")
