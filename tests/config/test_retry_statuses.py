"""What a retry policy says of statuses and headers that the protocols of its table do not have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.config.fakes import SMALLEST, Registry, errors, protocol
from tests.config.test_retries import known, route, spoken

ON = "10: routes.main[0].retry.on"
WELL = "says of calls that went well"
WRONG = [
    ("bolt", "[9223372036854775808]", "[0]: no status is as large as this number; write one that answers have, such as 503"),
    ("bolt", f"['{'9' * 30}']", "[0]: no status is as large as this number; write one that answers have, such as 503"),
    ("bolt", f"[{'9' * 23}]", "[0]: no status is as large as this number; write one that answers have, such as 503"),
    ("bolt", "[65536]", "[0]: 65536 is no status of bolt; write 0 to 65535"),
    ("dubbo", "[503]", "[0]: 503 is no status of dubbo; write 0 to 255"),
    ("http1", "[600]", "[0]: 600 is no status of http1; write 100 to 599"),
    ("http1", "[-1]", "[0]: -1 is no status of http1; write 100 to 599"),
    ("http2", "[17]", "[0]: 17 is no status of http2 or grpc; write 100 to 599 or 0 to 16"),
    ("tars", "[2147483648]", "[0]: 2147483648 is no status of tars; write -2147483648 to 2147483647"),
    ("thrift", "[503]", "[0]: 503 is no status of thrift; write 1 to 4"),
    ("[bolt, dubbo]", "[65536]", "[0]: 65536 is no status of dubbo or bolt; write 0 to 255 or 0 to 65535"),
    (
        "auto",
        "[2147483648]",
        "[0]: 2147483648 is no status of any protocol of its listeners; write a status by its name (docs/retries.md)",
    ),
    ("http1", "[200]", f"[0]: 200 is what http1 {WELL}; write statuses of calls that failed"),
    ("bolt", "[0]", f"[0]: 0 is what bolt {WELL}; write statuses of calls that failed"),
    ("bolt", "[success]", f"[0]: 'success' is what bolt {WELL}; write statuses of calls that failed"),
    ("dubbo", "[ok]", f"[0]: 'ok' is what dubbo {WELL}; write statuses of calls that failed"),
    ("thrift", "[reply]", f"[0]: 'reply' is what thrift {WELL}; write statuses of calls that failed"),
    ("http2", "[0]", f"[0]: 0 is what grpc {WELL}; write a status by its name"),
    ("auto", "[2]", f"[0]: 2 is what thrift-twitter {WELL}; write a status by its name"),
    ("http1", "['503', 503]", ": 503 is listed twice; write it once"),
    ("http1", "[502, 0x1F6]", ": 502 is listed twice; write it once"),
    (
        "bolt",
        "[refused]",
        "[0]: 'refused' is said by HTTP/2 alone, not by bolt; write connect_failure, reset, or a status",
    ),
]


@pytest.mark.parametrize(("protocols", "on", "said"), WRONG, ids=[f"{case[0]} {case[1]:.20}" for case in WRONG])
def test_statuses_that_are_refused(protocols: str, on: str, said: str) -> None:
    assert errors(spoken(protocols, f"{{on: {on}}}"), known) == [f"{ON}{said}"]


@pytest.mark.parametrize(
    ("protocols", "on"),
    [
        ("http1", "[100, 404, 599]"),
        ("http2", "[16, 503, 14]"),
        ("tars", "[-2147483648]"),
        ("bolt", "[65535]"),
        ("[http1, bolt]", "[503, refused]"),
        ("http1", "[refused]"),
    ],
)
def test_statuses_that_are_not(protocols: str, on: str) -> None:
    assert errors(spoken(protocols, f"{{on: {on}}}"), known) == []


def test_statuses_of_a_protocol_that_gives_several_a_name() -> None:
    declared = SimpleNamespace(name="morse", statuses={"ok": (0, 1), "bad": range(2, 5)}, carries=())
    morse = Registry(morse=SimpleNamespace(**vars(protocol()), protocol=declared))
    assert errors(spoken("morse", "{on: [2, 4, bad]}"), morse) == []
    well = f"{ON}[0]: 1 is what morse {WELL}; write statuses of calls that failed"
    assert errors(spoken("morse", "{on: [1]}"), morse) == [well]
    assert errors(spoken("morse", "{on: [5]}"), morse) == [f"{ON}[0]: 5 is no status of morse; write 0 to 4"]


def test_headers_of_answers_that_have_none() -> None:
    said = "answers of dubbo have no headers; write statuses under on, or leave it out"
    at = "10: routes.main[0].retry.retriable_headers"
    assert errors(spoken("dubbo", "{retriable_headers: [x-again]}"), known) == [f"{at}: {said}"]
    for protocols in ("[dubbo, bolt]", "tars", "http1", "http2", "thrift-header"):
        assert errors(spoken(protocols, "{retriable_headers: [x-again]}"), known) == []


def test_numbers_that_nothing_can_hold() -> None:
    said = "is a number of 24000 bits; write one that means something, or quote it"
    assert errors(route(f"{{on: [0x{'f' * 6000}]}}"), known) == [f"9: routes.main[0].retry.on[0]: {said}"]
    assert errors(f"{SMALLEST}drain_timeout: 0x{'f' * 6000}\n") == [f"12: drain_timeout: {said}"]
