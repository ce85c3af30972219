"""Two readings of one frame are a hole: Dubbo's routing keys, spelled in every way that a provider understands.

The provider takes path and version from the attachments, the last pair of a key counting (tests/vectors/facts.json). A
spelling may be read as the provider reads it (`b` gets the call) or be refused; it must never go where the field alone
would send it.
"""

from __future__ import annotations

import pytest

from tests.hostile.peers import Client
from tests.hostile.wire import BAD_REQUEST, ECHO, NOT_FOUND, OTHER, attach, call_body, dubbo, pieces, short, string

pytestmark = pytest.mark.usefixtures("unharmed")

PATH, VERSION, GROUP = short(b"path"), short(b"version"), short(b"group")
LONG = b"x" * 65_535
"""As much scratch space as the worker has, less one byte."""

RESOLVED: dict[str, tuple[bytes, bytes | int]] = {
    # case: (body, who is called, or the status of the local reply)
    "path": (call_body(attachments=attach((PATH, short(OTHER)))), b"b"),
    "path, the other way round": (call_body(service=OTHER, attachments=attach((PATH, short(ECHO)))), b"a"),
    "path repeated, the last one counts": (
        call_body(attachments=attach((PATH, short(ECHO)), (PATH, short(OTHER)))), b"b"),
    "path null": (call_body(attachments=attach((PATH, b"N"))), NOT_FOUND),
    "path, then null": (call_body(attachments=attach((PATH, short(OTHER)), (PATH, b"N"))), NOT_FOUND),
    "path null, then one": (call_body(attachments=attach((PATH, b"N"), (PATH, short(OTHER)))), b"b"),
    "path that is no text": (call_body(attachments=attach((PATH, b"\x91"))), NOT_FOUND),
    "path that is a list": (call_body(attachments=attach((PATH, b"W\x01aZ"))), NOT_FOUND),
    "path in another case": (call_body(attachments=attach((short(b"Path"), short(OTHER)))), b"a"),
    "path of a nested map": (call_body(attachments=attach((short(b"a"), attach((PATH, short(OTHER)))))), b"a"),
    "path in an argument": (
        call_body(types=b"Ljava/util/Map;", arguments=attach((PATH, short(OTHER)))), b"a"),
    "interface decides nothing": (call_body(attachments=attach((short(b"interface"), short(OTHER)))), b"a"),
    "version": (call_body(version=short(b"1.0"), attachments=attach((VERSION, short(b"2.0")))), b"b"),
    "version null hides the field": (call_body(version=short(b"2.0"), attachments=attach((VERSION, b"N"))), b"a"),
    "version empty hides the field": (call_body(version=short(b"2.0"), attachments=attach((VERSION, b"\0"))), b"a"),
    "version of the field": (call_body(version=short(b"2.0")), b"b"),
    "group": (call_body(attachments=attach((GROUP, short(b"blue")))), b"b"),
    "group repeated": (call_body(attachments=attach((GROUP, short(b"blue")), (GROUP, short(b"red")))), b"a"),
    "a typed map": (call_body(attachments=b"M" + short(b"java.util.HashMap") + attach((PATH, short(OTHER)))[1:]), b"b"),
    "a map whose type is a reference": (
        call_body(types=b"I", arguments=b"M\x01a\x91\x91Z", attachments=b"M\x90" + attach((PATH, short(OTHER)))[1:]), b"b"),
    "a key that is a number first": (call_body(attachments=attach((b"\x91", b"\x91"), (PATH, short(OTHER)))), b"b"),
    "a null key first": (call_body(attachments=attach((b"N", short(ECHO)), (PATH, short(OTHER)))), b"b"),
    "a path of null": (call_body(path=b"N"), NOT_FOUND),
    "a path of null, overridden": (call_body(path=b"N", attachments=attach((PATH, short(OTHER)))), b"b"),
    # other spellings of the same text
    "the path as a long string": (call_body(path=string(OTHER)), b"b"),
    "the path in pieces": (call_body(path=pieces(b"com.", b"test", b".Other")), b"b"),
    "the path in pieces of one": (call_body(path=pieces(*(OTHER[i : i + 1] for i in range(len(OTHER))))), b"b"),
    "the path among empty pieces": (call_body(path=pieces(b"", b"", OTHER, b"", b"")), b"b"),
    "a compact last piece": (call_body(path=b"R\0\4com." + short(b"test.Other")), b"b"),
    "an attachment's value in pieces": (call_body(attachments=attach((PATH, pieces(b"com.test", b".Other")))), b"b"),
    "an attachment's key in pieces": (call_body(attachments=attach((pieces(b"pa", b"th"), short(OTHER)))), b"b"),
    "both in pieces": (call_body(attachments=attach((pieces(b"", b"path"), pieces(b"", OTHER)))), b"b"),
    "a key as a long string": (call_body(attachments=attach((string(b"path"), short(OTHER)))), b"b"),
    "a generic call's method in pieces": (
        call_body(method=b"$invoke", types=b"Ljava/lang/String;", arguments=pieces(b"sec", b"ret")), b"b"),
    "a generic call's method": (
        call_body(method=b"$invokeAsync", types=b"Ljava/lang/String;", arguments=short(b"secret")), b"b"),
    # scratch space, where texts in pieces are put together, is finite
    "a path that fits nowhere": (call_body(path=pieces(LONG, LONG)), BAD_REQUEST),
    "a value that fits nowhere": (call_body(attachments=attach((GROUP, pieces(LONG, LONG)))), BAD_REQUEST),
    "values that together fit nowhere": (
        call_body(attachments=attach((GROUP, pieces(LONG[1:], b"")), (PATH, pieces(b"com.test.", b"Other")))), BAD_REQUEST),
    "a long text that nobody asked for": (
        call_body(attachments=attach((short(b"a"), pieces(LONG, LONG)), (PATH, pieces(b"com.test.", b"Other")))), b"b"),
}  # fmt: skip


@pytest.mark.parametrize("case", RESOLVED)
def test_routed_as_the_provider_reads_it(client: Client, case: str) -> None:
    body, expected = RESOLVED[case]
    answer = client.call(dubbo(5, body=body))
    assert answer.id == 5
    assert expected == (answer.who or answer.status)


HIDDEN: dict[str, bytes] = {
    "a key in pieces after a value that fills the scratch space": call_body(attachments=attach(
        (VERSION, pieces(LONG[:-1], b"")), (pieces(b"pa", b"th"), short(OTHER)), (VERSION, short(b"1.0")))),
    "an overlong key": call_body(attachments=attach((b"\x04\xc1\xb0ath", short(OTHER)))),
    "an overlong key of three bytes": call_body(attachments=attach((b"\x04\xe0\x81\xb0ath", short(OTHER)))),
    "an overlong key in pieces": call_body(attachments=attach((b"R\0\1\xc1\xb0S\0\3ath", short(OTHER)))),
    "a key whose continuation byte is none": call_body(attachments=attach((b"\x04\xc1\x30ath", short(OTHER)))),
    "an overlong value": call_body(attachments=attach((PATH, b"\x0e\xc1\xa3om.test.Other"))),
    "an overlong path": call_body(path=b"\x0e\xc1\xa3om.test.Other"),
    "an overlong version": call_body(version=b"\x03\xc0\xb2.0"),
    "an overlong group": call_body(attachments=attach((GROUP, b"\x04\xc1\xa2lue"))),
}  # fmt: skip


@pytest.mark.parametrize("case", HIDDEN)
def test_a_spelling_that_only_the_provider_would_understand_is_not_let_through(client: Client, case: str) -> None:
    """Java's Hessian2 decodes overlong UTF-8, and looks at no more than six bits of a continuation byte."""
    answer = client.call(dubbo(5, body=HIDDEN[case]))
    assert answer.who == b"b" or answer.status == BAD_REQUEST


@pytest.mark.parametrize(
    "types", [b"L1II;", b"La/1I;I", b"L;", b"L/a;", b"La//b;", b"L\xc2\xa0I;", b"La.I;", b"L I;", b"L[I;"],
    ids=["digit first", "digit after a slash", "empty", "slash first", "two slashes", "not ASCII", "dot", "space", "bracket"],
)  # fmt: skip
def test_a_descriptor_of_which_providers_count_different_types_is_refused(client: Client, types: bytes) -> None:
    """Providers *search* a descriptor for types, so ``L1II;`` is ``II`` to them: other arguments, another map."""
    answer = client.call(dubbo(5, body=call_body(types=types, arguments=b"\x91")))
    assert answer.status == BAD_REQUEST
