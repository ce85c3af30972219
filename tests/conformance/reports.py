"""Reports with failures of every kind, for what draws them."""

from __future__ import annotations

from functools import cache

from conformance.generate.examples import curated
from conformance.suite import MAKING, Failure, Report, Result
from xproto.registry import Registered, load

HOSTILE = (
    "<script>document.title='taken'</script><img src=x onerror=alert(1)> &amp; ]]> \x1b[31mred\x1b[0m \0 \ud800 \u202e \uffff "
    "[bold]markup[/bold] \"quoted\" 'it'\nsecond line"
)


@cache
def registered(name: str) -> Registered:
    return load()[name]


@cache
def frame() -> bytes:
    """A request of Bolt v2 with a checksum: its id is at 6, its class name at 24, its headers at 37, its content at 158."""
    return curated(registered("bolt").lowered)[15]


@cache
def call() -> bytes:
    """A Dubbo call: its body begins at 16, with the dubbo version."""
    return curated(registered("dubbo").lowered)[0]


def of(name: str, *results: Result) -> Report:
    return Report(name, "built-in", f"xproto conformance {name}", list(results), registered(name).protocol)


def bolt() -> Report:
    good = frame()
    rewritten = good[:6] + bytes.fromhex("00091107") + good[10:]
    long = good[:20] + (20_000).to_bytes(4, "big") + good[24:-14] + bytes(20_000) + good[-4:]
    misplaced = "the id was written where it is not"
    ids = [
        Failure("ids", "java-v2", 0, misplaced, "id", ("expected: 7",), good, rewritten, good, good + b"z"),
        Failure("ids", "shrunk", 0, "bytes were lost", "", (), good[:40], good[:30] + good[33:], good, good),
    ]
    raised = "raised KeyError, which is none of the declared errors: 'x'"
    cut = "verify asks for what it has"
    read = [
        Failure("reading", "it's cut at 30", 0, cut, "class_name", ("More(30)",), good[:30], original=good),
        Failure("reading", "mutant 9", 1, raised, "", (), good[:3] + b"\0\x09" + good[5:]),
        Failure("reading", "20 kB", 0, "the content is cut", "content", (), long),
    ]
    return of(
        "bolt",
        Result("vectors", "golden vectors decode, and encode to the same bytes", 55, 0, 0.125),
        Result("ids", "only the id changes", 1200, 7, 1.5, failures=ids),
        Result("reading", "construct and the Plan agree", 174, 3, 0.5, failures=read),
        Result("hostile", HOSTILE, 1, 1, 0.1, failures=[Failure("hostile", HOSTILE, 0, HOSTILE, "content", (HOSTILE,), good)]),
        Result("sessions", "a connection begins with its handshake", lacks="it has no session"),
        Result("empty", "nothing to try"),
        Result("making", "whatever", 1, 1, 0.0, failures=[Failure("making", MAKING, 0, "raised ValueError: no", "", (), b"")]),
    )


def dubbo() -> Report:
    wrong = call()[:16] + b"\xff" + call()[17:]
    failures = [
        Failure("reading", "bad text", 0, "verify and construct differ", "body.dubbo", ("Complete(118)",), wrong),
        Failure("reading", "event", 0, "the kind is wrong", "flags.event", (), call()),
    ]
    return of("dubbo", Result("reading", "construct and the Plan agree", 20, 2, 0.25, failures=failures))


def sound(name: str) -> Report:
    return of(name, Result("vectors", "golden vectors", 10, 0, 0.1), Result("ids", "only the id changes", 100, 0, 0.3))


def every() -> list[Report]:
    """All built-in protocols, two of them failed."""
    return [bolt(), dubbo(), *(sound(name) for name in load() if name not in {"bolt", "dubbo"})]
