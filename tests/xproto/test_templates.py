"""Frames that the proxy makes itself: the right kind, the right status, the right id, whatever was made before."""

import itertools

import pytest

from xproto.registry import load
from xproto.spec import Fault, Kind

FAULTS = [fault for fault in Fault if fault is not Fault.MISDIRECTED]
"""Those of calls that name no host."""
WHATS = [*FAULTS, Kind.HEARTBEAT, Kind.HEARTBEAT_ACK]


def make(codec, what, id):
    if isinstance(what, Fault):
        return codec.reply(what, 0, 0, id)
    return codec.heartbeat(0, id) if what is Kind.HEARTBEAT else codec.heartbeat_ack(0, 0, id)


@pytest.mark.parametrize("name", ["bolt", "dubbo"])
def test_no_template_is_taken_for_another(name):
    """A Fault and a Kind of the same number are equal in Python; once their templates were, too."""
    alone = {what.name: make(load()[name].codec, what, 5) for what in WHATS}
    for order in (WHATS, WHATS[::-1]):
        codec = load()[name].codec
        assert {what.name: make(codec, what, 5) for what in order} == alone


@pytest.mark.parametrize("name", ["bolt", "dubbo"])
def test_kinds_and_ids(name):
    codec = load()[name].codec
    for what, id in itertools.product(WHATS, [0, 1, (1 << codec.id_bits) - 1]):
        frame = codec.scan_bytes(make(codec, what, id))
        assert frame.id == id
        assert frame.kind == (Kind.RESPONSE if isinstance(what, Fault) else what)


def test_bolt_statuses_are_those_that_java_knows():
    known = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18}
    bolt = load()["bolt"]
    for fault in FAULTS:
        status = bolt.protocol.frame.parse(bolt.codec.reply(fault, 0, 0, 1)).status
        assert status in known - {0}


def test_the_cache_is_bounded():
    codec = load()["bolt"].codec
    for echo in range(256):
        for fault in FAULTS:
            codec.reply(fault, 3 * (echo & 1), echo, 1)
    assert codec.cached_templates() <= 1024
