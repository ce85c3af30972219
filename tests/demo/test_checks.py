"""The verdict is bad when anything is: each fact of a good scene spoilt in turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.demo import scenario
from proxy.demo.checks import verdict
from proxy.demo.metrics import Sample, parse
from proxy.demo.scene import BACK, Scene
from xproto.spec import Fault

MEDIA = '{cluster="media",host="m:1"}'
METRICS = """\
# HELP xproto_detected_total Connections by the protocol detected.
# TYPE xproto_detected_total counter
xproto_detected_total{listener="mesh",result="bolt"} 1
xproto_detected_total{listener="mesh",result="dubbo"} 0
xproto_calls_total{listener="mesh",protocol="bolt"} 5
xproto_calls_total{listener="mesh",protocol="http2"} 1
xproto_heartbeats_answered_total{listener="mesh"} 2
xproto_local_replies_total{listener="mesh",protocol="bolt",fault="closed"} 1
xproto_local_replies_total{listener="mesh",protocol="bolt",fault="no_route"} 1
xproto_tls_handshakes_total{listener="mesh"} 8
xproto_upstream_heartbeats_sent_total{cluster="echo",host="h:1"} 4
xproto_upstream_replies_total{cluster="echo",host="h:1"} 2
xproto_upstream_replies_total{cluster="echo",host="h:2"} 1
xproto_upstream_replies_total{cluster="media",host="m:1"} 1
xproto_upstream_calls_total{cluster="media",host="m:1"} 9
xproto_upstream_connections_total{cluster="media",host="m:1"} 1
xproto_upstream_connections_active{cluster="media",host="m:1"} 1
""" + "".join(f'xproto_route_calls_total{{table="main",route="{route.name}"}} 1\n' for route in scenario.ROUTES)


def good() -> Scene:
    scene = Scene(10.0, {("echo", "a"): "h:1", ("echo", "b"): "h:2", ("media", "b"): "m:1"}, sample=parse(METRICS))
    tally = scene.ledger.tallies["bolt"]
    tally.connections, tally.sent, tally.right, tally.answered, tally.excused = 1, 5, 4, 3, 1
    tally.heartbeats = tally.acks = 2
    for each in scene.ledger.tallies.values():
        each.secret = 1
    web = scene.ledger.tallies["http2"]
    web.sent = web.right = web.answered = 1
    scene.ledger.hosts.update({("echo", "a"): 2, ("echo", "b"): 1, ("media", "b"): 1})
    scene.ledger.own[Fault.NO_ROUTE] = 1
    scene.nodes["b"] = BACK
    return scene


def test_a_good_scene_passes() -> None:
    assert all(check.ok for check in verdict(good())), verdict(good())


def spoil(**values: int) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        for name, value in values.items():
            setattr(scene.ledger.tallies["bolt"], name, value)

    return change


def told(before: str, after: str) -> Callable[[Scene], None]:
    """One of the proxy's figures is another."""
    assert before in METRICS
    return lambda scene: setattr(scene, "sample", parse(METRICS.replace(before, after)))


@pytest.mark.parametrize(
    "change",
    [
        spoil(wrong=1),
        spoil(lost=1),
        spoil(extra=1),
        spoil(right=3),
        spoil(excused=0, right=5),
        spoil(oneways=1),
        spoil(connections=2),
        spoil(acks=1),
        spoil(secret=0),
        told('tls_handshakes_total{listener="mesh"} 8', 'tls_handshakes_total{listener="mesh"} 5'),
        lambda scene: scene.nodes.update(b="killed"),
        told(f"upstream_connections_active{MEDIA} 1", f"upstream_connections_active{MEDIA} 2"),
        told(f"upstream_connections_total{MEDIA} 1", f"upstream_connections_total{MEDIA} 3"),
        told(f"upstream_calls_total{MEDIA} 9", f"upstream_calls_total{MEDIA} 0"),
        lambda scene: scene.ledger.hosts.update({("echo", "a"): 1}),
        lambda scene: setattr(scene, "survivors_at_kill", 2),
        lambda scene: scene.victim_at_kill.update(bolt=1),
        lambda scene: scene.addresses.update({("accounts", "b"): "h:3"}),
        lambda scene: setattr(scene, "sample", Sample()),
    ],
)
def test_each_fault_is_noticed(change: Callable[[Scene], None]) -> None:
    scene = good()
    change(scene)
    assert not all(check.ok for check in verdict(scene))


def test_metrics_are_read() -> None:
    sample = parse('a_total{x="1\\"\\\\\\n",y="2"} 3\na_total{x="b",y="2"} 4.0\nxproto_n 1e3\n')
    assert sample.series["a_total"] == {(("x", '1"\\\n'), ("y", "2")): 3.0, (("x", "b"), ("y", "2")): 4.0}
    assert sample.total("n") == 1000
    assert parse(METRICS).by("fault", "local_replies_total", listener="mesh") == {"closed": 1, "no_route": 1}
