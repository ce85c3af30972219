"""What routes do: from the file to the snapshot, and every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.build_actions import nearest_fault
from proxy.snapshot import ClusterFrom, DirectResponse, Mirror, Redirect, WeightedClusters
from tests.config.cases_actions import ONE, route
from tests.config.fakes import errors, snapshot


@pytest.mark.parametrize(("text", "expected"), ONE, ids=[case[1].split(";")[0] for case in ONE])
def test_one_error_gives_one_line(text: str, expected: str) -> None:
    assert errors(text) == [expected]
    assert ";" in expected or "is missing" in expected


@pytest.mark.parametrize(
    ("written", "action"),
    [
        ("cluster: echo", None),
        (
            "clusters: [{name: echo, weight: 3}, {name: other, weight: 0}]",
            WeightedClusters((("echo", 3), ("other", 0))),
        ),
        ("cluster_from: x-cluster", ClusterFrom("x-cluster")),
        ("cluster_from: {header: x, default: echo}", ClusterFrom("x", "echo")),
        ("cluster_from: {variable: protocol}", ClusterFrom(":protocol")),
        ("cluster_from: {variable: tls.sni}", ClusterFrom("tls.sni")),
        ("cluster_from: {metadata: to}", ClusterFrom("metadata.to")),
        ("redirect: {host: A.example}", Redirect(301, host="a.example")),
        ("redirect: {status: 308, scheme: https, port: 8443, path: /a?b}", Redirect(308, "https", port=8443, path="/a?b")),
        ("redirect: {prefix: /v2/, strip_query: true}", Redirect(prefix="/v2/", matched=4, strip_query=True)),
        ("direct_response: {status: 503, body: gone}", DirectResponse(503, "gone", "overload", 14)),
        ("direct_response: {status: 404, grpc_status: Aborted, fault: timeout}", DirectResponse(404, "", "timeout", 10)),
        ("direct_response: {status: 200, grpc_status: 0}", DirectResponse(200, "", "no_route", 0)),
    ],
)
def test_what_a_file_says_is_what_the_snapshot_has(written: str, action: object) -> None:
    [made] = snapshot(route(written, "{path: {prefix: /v1/}}")).routes["main"]
    assert made.action == action
    assert made.cluster == ("echo" if action is None else "")


def test_mirrors_and_their_parts() -> None:
    [made] = snapshot(
        route("cluster: echo\n      mirror: [other, {cluster: third, percent: 0.25}]\n      timeout: 0") + THIRD
    ).routes["main"]
    assert made.mirrors == (Mirror("other", 100.0), Mirror("third", 0.25))
    assert made.timeout == 0


THIRD = "  third:\n    hosts: [127.0.0.1:9102]\n"


def test_a_body_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "down.txt").write_text("zurzeit außer Betrieb\n")
    text = route("direct_response: {status: 503, body_file: down.txt}")
    [made] = snapshot(text, file=str(tmp_path / "x.yaml")).routes["main"]
    assert made.action.body == "zurzeit außer Betrieb\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff", "down.txt is not UTF-8 (byte 0); write text"),
        (b"x" * 65537, "down.txt has over 65536 bytes; write a shorter one"),
    ],
)
def test_a_file_that_is_no_body(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "down.txt").write_bytes(content)
    text = route("direct_response: {status: 503, body_file: down.txt}")
    assert errors(text, file=str(tmp_path / "x.yaml")) == [f"9: routes.main[0].direct_response.body_file: {why}"]


def test_a_variable_that_is_no_text_is_no_body() -> None:
    told = errors(route("direct_response: {status: 503, body: '${DOWN}'}"), DOWN="\udc80")
    assert told == [
        "9: routes.main[0].direct_response: the body has half a character (a surrogate), which is no text; leave it out"
    ]


def test_statuses_of_http_for_gRPC_are_its_own_mapping() -> None:
    mapping = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14, 200: 2, 302: 2, 418: 2, 500: 2}
    for status, code in mapping.items():
        [made] = snapshot(route(f"direct_response: {{status: {status}}}")).routes["main"]
        assert made.action.grpc_status == code, status


def test_the_nearest_fault() -> None:
    found = {status: nearest_fault(status) for status in (200, 302, 400, 403, 404, 408, 429, 500, 502, 503, 504)}
    assert found == {
        200: "no_route", 302: "no_route", 400: "malformed", 403: "malformed", 404: "no_route", 408: "timeout",
        429: "overload", 500: "closed", 502: "closed", 503: "overload", 504: "timeout",
    }  # fmt: skip
