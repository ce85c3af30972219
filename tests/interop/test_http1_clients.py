"""httpx and the JDK's HttpClient, straight to Node's server and through the proxy.

The JDK's client of Java 17 waits for ever when it asked to continue and is refused; curl is tested so instead.
"""

from __future__ import annotations

import json

import pytest
from harness.web import Web

BURST = 100


@pytest.fixture
def url(web: Web, via: str) -> str:
    return f"http://{web.at(via)}"


def test_httpx(web: Web, url: str) -> None:
    client = web.peer("python")
    said = client.ok("get", url=f"{url}/echo", headers={"Accept-Encoding": "gzip", "Cookie": "a=1; b=2"})
    sent = dict(json.loads(said["body"])["headers"])
    assert (sent["accept-encoding"], sent["cookie"]) == ("gzip", "a=1; b=2")
    posted = client.ok("post", url=f"{url}/echo", json={"text": "é😀"})
    assert json.loads(json.loads(posted["body"])["body"].encode("latin-1")) == {"text": "é😀"}


def test_httpx_streams_both_ways(web: Web, url: str) -> None:
    said = web.peer("python").ok("both", url=f"{url}/mirror", count=32)
    assert (said["status"], said["same"]) == (200, True)


def test_httpx_sends_many_at_once(web: Web, url: str) -> None:
    said = web.peer("python").ok("burst", url=f"{url}/echo", count=BURST, connections=10)
    assert said["right"] == BURST


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("expect", [False, True], ids=["at once", "100-continue"])
def test_java_posts(web: Web, url: str, chunked: bool, expect: bool) -> None:
    said = web.peer("java").ok("call", url=f"{url}/echo", method="POST", size=300_000, chunked=chunked, expect=expect)
    echoed = json.loads(said["body"])
    assert (said["status"], said["version"], echoed["length"]) == (200, "HTTP_1_1", 300_000)
    assert ("content-length" in dict(echoed["headers"])) is not chunked


def test_java_gets(web: Web, url: str) -> None:
    said = web.peer("java").ok("call", url=f"{url}/chunks?text=one%20two", method="GET")
    assert (said["status"], said["body"]) == (200, "onetwo")
    head = web.peer("java").ok("call", url=f"{url}/echo", method="HEAD")
    assert (head["status"], head["body"], head["headers"]["content-type"]) == (200, "", ["application/json"])


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_java_sends_many_at_once(web: Web, url: str, chunked: bool) -> None:
    burst = {"method": "POST", "size": 5000, "chunked": chunked, "count": BURST, "threads": BURST}
    assert web.peer("java").ok("burst", url=f"{url}/echo", **burst)["right"] == BURST


def test_javas_offer_of_http_2_goes_no_further(web: Web) -> None:
    said = web.peer("java").ok("call", url=f"http://{web.at('proxy')}/echo", method="GET", offer=True)
    assert (said["status"], said["version"]) == (200, "HTTP_1_1")
    sent = dict(json.loads(said["body"])["headers"])
    assert sent.keys().isdisjoint({"upgrade", "http2-settings"})
