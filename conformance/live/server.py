"""Driving a real server: the checks, and the order in which they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from conformance.bench import QUICK, Bench, Profile
from conformance.golden import Vector
from conformance.live import calls, errors, hostile
from conformance.live.target import LiveError, Target, refuse_streams
from conformance.live.wire import PATIENCE, Patience
from conformance.outcome import DisagreementError
from conformance.suite import MOST_FAILURES, Case, Check, Progress, Result, run
from xproto.registry import Registered

Cases = Callable[[Target], Iterable[Case]]
Lacks = Callable[[Target], str]


def _nothing(_target: Target) -> str:
    return ""


def _no_ids(target: Target) -> str:
    return "" if target.has_ids else "its frames have no id"


def _no_heartbeat(target: Target) -> str:
    return "" if target.registered.protocol.heartbeat is not None else "it has no heartbeat"


def _no_oneway(target: Target) -> str:
    return "" if target.oneways else "there is no vector of a oneway"


_CHECKS: tuple[tuple[str, str, Cases, Lacks], ...] = (
    ("answers", "every request vector is answered, with its id, by a frame that the codec reads", calls.answers, _nothing),
    ("ids", "answers carry the request's id: at the edges of its width, and around the wrap", calls.ids, _no_ids),
    ("splits", "a request in two segments, or byte by byte, is answered once it is whole", calls.splits, _nothing),
    ("coalesced", "requests in one segment are all answered", calls.coalesced, _nothing),
    ("trailing", "the beginning of a second request changes nothing for the first", calls.trailing, _nothing),
    ("interleaved", "two connections do not disturb each other", calls.interleaved, _nothing),
    ("heartbeats", "a heartbeat is acknowledged with its id", calls.heartbeats, _no_heartbeat),
    ("oneways", "a oneway is never answered", calls.oneways, _no_oneway),
    ("headers", "a request whose headers were edited is answered", errors.headers, errors.lacks_headers),
    ("names", "a service or method that nobody has is answered in the shape of the declared error", errors.names, _nothing),
    ("forms", "an unknown version or serialization gets an error, not silence", hostile.forms, _nothing),
    ("unasked", "answers that nobody asked for do no harm", hostile.unasked, _nothing),
    ("garbage", "bytes that begin no frame are refused", hostile.garbage, _nothing),
    ("truncated", "a client that ends in mid-frame is let go", hostile.truncated, _nothing),
    ("mutants", "a server survives frames with faults", hostile.mutants, _nothing),
    ("giants", "a giant announced length is refused", hostile.giants, _nothing),
)
NAMES = tuple(name for name, *_ in _CHECKS)


def check_server(
    registered: Registered,
    vectors: Sequence[Vector],
    host: str,
    port: int,
    profile: Profile = QUICK,
    *,
    only: Sequence[str] = (),
    patience: Patience = PATIENCE,
    most: int = MOST_FAILURES,
    progress: Progress = lambda _name, _done: None,
) -> Iterator[Result]:
    """Each check's result, as soon as it is known.

    vectors: the requests to ask the server with are those of clients. only: names of checks, all where there are none.
    most: failures after which a check asks no more, since each costs patience.
    Raises `LiveError` where nobody listens, `only` names no check, or the calls are streams.
    """
    refuse_streams(registered)
    unknown = [name for name in only if name not in NAMES]
    if unknown:
        raise LiveError(f"no such check: {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    target = Target(Bench(registered, vectors, profile=profile), host, port, patience)
    _reach(target)
    yield from run(target.bench, [_check(target, most, *each) for each in _CHECKS if not only or each[0] in only], progress)


def _reach(target: Target) -> None:
    try:
        target.open().sock.close()
    except DisagreementError as error:
        raise LiveError(f"{target.host}:{target.port}: {error.what}: {', '.join(error.found)}") from error
    if not target.requests:
        raise LiveError(f"{target.registered.protocol.name}: there is no request to ask with: no vector, and none can be drawn")


def _check(target: Target, most: int, name: str, about: str, cases: Cases, lacks: Lacks) -> Check:
    def lacking(_bench: Bench) -> str:
        if name != "answers" and not target.chosen:
            return "no request was answered"
        if target.gone():
            return "nobody listens any more"
        return lacks(target)

    return Check(name, about, lambda _bench: _until_clear(target, most, cases(target)), lacking)


def _until_clear(target: Target, most: int, cases: Iterable[Case]) -> Iterator[Case]:
    """The cases, until so many failed, or until the server is gone."""
    failed = 0

    def counted(case: Case, data: bytes) -> None:
        nonlocal failed
        try:
            case.test(data)
        except Exception:
            failed += 1
            raise

    for case in cases:
        yield replace(case, test=partial(counted, case))
        if failed >= most or (failed and target.gone()):
            return
