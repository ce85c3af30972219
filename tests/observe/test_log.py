from __future__ import annotations

import pytest

from proxy.observe.log import LINE_MAX, Log, Ration, render_line


def test_a_line() -> None:
    assert render_line(1e9 + 0.25, "warning", "worker-0", "hello") == b"2001-09-09T01:46:40.250Z warning worker-0 hello\n"


@pytest.mark.parametrize("message", ["a\nb", "a\r\x1b[31m", "\x00", "\u2028", "\udc80"])
def test_a_message_is_one_line_whatever_a_peer_sends(message: str) -> None:
    line = render_line(0, "info", "w", message)
    assert line.count(b"\n") == 1
    assert not set(line[:-1]) & set(range(32))
    assert len(line.decode().splitlines()) == 1


def test_a_message_is_cut() -> None:
    assert len(render_line(0, "info", "w", "x" * 10**6)) < LINE_MAX + 100


def test_a_flood_is_rationed_and_counted() -> None:
    now, lines = [0.0], []
    log = Log("w", lines.append, lambda: now[0])
    for _ in range(1000):
        log.info("flood")
    assert len(lines) == 200
    now[0] = 1.0
    log.error("after")
    assert [line.split(b" ", 1)[1] for line in lines[200:]] == [b"warning w 800 lines left out\n", b"error w after\n"]


def test_a_ration_fills_up_again_but_not_beyond() -> None:
    ration = Ration(burst=2, rate=1)
    assert [ration.allow(100.0) for _ in range(3)] == [True, True, False]
    assert [ration.allow(1000.0) for _ in range(3)] == [True, True, False]
    assert ration.allow(999.0) is False


def test_a_reader_that_is_gone_is_no_reason_to_fail() -> None:
    def gone(_: bytes) -> None:
        raise BrokenPipeError

    Log("w", gone).warning("hello")
