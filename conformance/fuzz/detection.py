"""Detection: the compiled judge beside a plain one in Python, at every prefix; and the readers of what stands in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random

from conformance.fuzz.engine import choices
from conformance.generate.mutations import mutate
from conformance.outcome import DisagreementError
from conformance.subject import Subject
from xproto.autodetect import Cube, Detector, client_hello, proxy_protocol
from xproto.autodetect.strangers import PROXIES, STRANGERS
from xproto.errors import MalformedError
from xproto.kernel.codec import Frame
from xproto.registry import Registered

Forms = Mapping[str, tuple[Cube, ...]]
"""Who is recognised, in rank order, each by its cubes."""
LOOSE = {"http1", "tars"}
"""Not every frame of these is in the signature: a method may be unknown, a small number written wide."""


class DetectorTarget:
    """All protocols on one listener, with and without the PROXY protocol in front."""

    name = "detector"

    def __init__(self, protocols: Sequence[Registered]) -> None:
        self.subjects = [Subject.of(each) for each in protocols]
        cubes = {each.protocol.name: each.cubes for each in protocols}
        strangers = {name: forms for name, forms in STRANGERS.items() if name not in cubes}
        self.detectors = [
            (Detector(protocols, proxy=proxy), {**(PROXIES if proxy else {}), **cubes, **strangers}) for proxy in (False, True)
        ]
        # A signature may promise more than the layout does, and where there is a session only handshakes are detected.
        self.promised = {
            each.protocol.name
            for each in protocols
            if each.protocol.session is None and not each.protocol.detect.followed_by and each.protocol.name not in LOOSE
        }

    def mutate(self, data: bytes, rng: Random) -> bytes:
        return mutate(data, rng)

    def test(self, view: memoryview) -> None:
        data, rng = bytes(view), choices(view)
        for detector, forms in self.detectors:
            check_prefixes(detector, forms, data, rng)
        check_owner(self.subjects, self.promised, self.detectors[0], data)
        for read in (client_hello.read, proxy_protocol.read):
            with suppress(MalformedError):
                found = read(data)
                if isinstance(found, int) and found <= len(data):
                    raise DisagreementError(f"{read.__module__} asks for {found} bytes, having {len(data)}", data, found)


def check_prefixes(detector: Detector, forms: Forms, data: bytes, rng: Random) -> None:
    """The compiled judge says what the plain one says; an answer stays, and no wish is for bytes that are there."""
    said: object = 0
    last = min(len(data), detector.longest)
    compared = {last, *(rng.randrange(last + 1) for _ in range(3))}
    for size in range(last + 1):
        prefix = data[:size]
        found = detector.detect(prefix)
        if size in compared and not _agree(found, expected := plain(forms, prefix)):
            raise DisagreementError(f"detector: {size} bytes", prefix, f"plain: {expected}", f"kernel: {found}")
        if not isinstance(said, int) and found != said:
            raise DisagreementError(f"detector: {said} after {size - 1} bytes, {found} after {size}", prefix)
        if isinstance(found, int) and found <= size:
            raise DisagreementError(f"detector asks for {found} bytes, having {size}", prefix)
        said = found
    if not isinstance(said, int) and detector.detect(data) != said:
        raise DisagreementError("detector: an answer that later bytes change", data, said, detector.detect(data))


def _agree(found: str | int | None, expected: str | int | None) -> bool:
    """The same answer; or both wait, and the judge, who knows what can refute a signature, no longer than the plain one."""
    return found <= expected if isinstance(found, int) and isinstance(expected, int) else found == expected


def plain(forms: Forms, data: bytes) -> str | int | None:
    """The same answer by trying every cube, in rank order: a name, None for nobody, or how many bytes say more."""
    waiting: list[int] = []
    for name, cubes in forms.items():
        open_to = [cube for cube in cubes if all(allowed >> byte & 1 for allowed, byte in zip(cube, data, strict=False))]
        if any(len(cube) <= len(data) for cube in open_to):
            return min(waiting) if waiting else name
        waiting += [len(cube) for cube in open_to]
    return min(waiting, default=None)


def check_owner(subjects: Sequence[Subject], promised: set[str], detection: tuple[Detector, Forms], data: bytes) -> None:
    """Whoever has a whole frame in these bytes is who is detected, or comes behind who is."""
    detector, forms = detection
    found = detector.detect(data)
    for subject in subjects:
        if subject.name not in promised or not isinstance(subject.scan(data), Frame):
            continue
        names = list(forms)
        if not isinstance(found, str) or names.index(found) > names.index(subject.name):
            raise DisagreementError(f"detector: a frame of {subject.name} is taken for {found}", data, subject.scan(data))
