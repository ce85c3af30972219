"""Dubbo frames that lie (WIRE.md, section 3), and the CVEs of its providers: refused here, or forwarded unread."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.golden import frame as recorded
from tests.hostile.fakes import Echo
from tests.hostile.peers import Client
from tests.hostile.process import Proxy, Watch
from tests.hostile.wire import BAD_REQUEST, ECHO, NOT_FOUND, READONLY, attach, call_body, dubbo, dubbo_answer, short

pytestmark = pytest.mark.usefixtures("unharmed")

EVIL = b"!evil"
EIGHT_MIB = 8 << 20

LIES: dict[str, tuple[bytes, str]] = {
    # case: (bytes, what the log says)
    "body length -1": (dubbo(length=-1), "length"),
    "least body length": (dubbo(length=-(2**31)), "length"),
    "body one over 8 MiB": (dubbo(length=EIGHT_MIB + 1), "length"),
    "body of 1 GB": (dubbo(length=10**9), "length"),
    "body of 2 GiB": (dubbo(length=2**31 - 1), "length"),
    "no resynchronising on a later magic": (b"\0" + dubbo(9, method=EVIL), "magic"),
    "half a magic": (b"\xda" + dubbo(9, method=EVIL), "magic"),
    "no telnet": (b"status -l\r\n", "magic"),
    "no telnet, invoke": (b"invoke com.test.Echo.!evil()\r\n", "magic"),
    "a Bolt frame": (b"\x01\x01\0\1\1" + bytes(20), "magic"),
    "READONLY, which is for consumers": (dubbo(9, flags=0xA2, body=READONLY), "kind"),
    "READONLY as a two-way event": (dubbo(9, flags=0xE2, body=READONLY), "kind"),
    "a response": (dubbo_answer(dubbo(9), EVIL), "kind"),
    "a two-way response": (dubbo(9, flags=0x42, body=EVIL), "kind"),
    **{
        f"serialization {number}, which is not allowed": (dubbo(9, flags=0xC0 | number, body=EVIL), "serialization")
        for number in (0, 1, 3, 4, 7, 8, 9, 10, 22, 31)
    },
    "a heartbeat in a serialization that is not allowed": (dubbo(9, flags=0xE7, body=b"N"), "serialization"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_closes_its_connection(client: Client, fakes: tuple[Echo, Echo], watch: Watch, case: str) -> None:
    data, said = LIES[case]
    assert client.call(dubbo(7)).who == b"a"
    client.send(data)
    assert client.ended(), "an orderly end without another byte: no acknowledgement, no answer"
    host, port = client.socket.getsockname()
    watch.logged(rf"downstream {host}:{port}: malformed, closed: dubbo: .*{said}")
    assert watch.grew("malformed_total", protocol="dubbo") == 1
    assert not any(EVIL in frame for fake in fakes for frame in fake.frames()), "nothing of it went upstream"


@pytest.mark.parametrize("case", [name for name in LIES if "magic" not in name and "telnet" not in name and "Bolt" not in name])
def test_a_lie_in_a_first_frame_closes_its_connection(client: Client, watch: Watch, case: str) -> None:
    client.send(LIES[case][0])
    assert client.ended()
    assert watch.grew("malformed_total", protocol="dubbo") == 1


# -- events ---------------------------------------------------------------------------------------------------------------


def test_a_heartbeat_is_answered_here(client: Client, fakes: tuple[Echo, Echo], watch: Watch) -> None:
    for id in (0, 1, 2**63, 2**64 - 1):
        client.send(dubbo(id, flags=0xE2, body=b"N"))
        assert client.receive() == dubbo(id, flags=0x22, status=20, body=b"N")
    assert watch.grew("heartbeats_answered_total") == 4


def test_an_acknowledgement_from_downstream_is_ignored(client: Client) -> None:
    client.send(dubbo(5, flags=0x22, status=20, body=b"N"))
    assert client.call(dubbo(6)).id == 6


@pytest.mark.parametrize("size", [16, 1000, EIGHT_MIB])
def test_an_event_with_a_body_over_15_bytes_is_refused(client: Client, watch: Watch, size: int) -> None:
    """The Java default, "rejected for security consideration"; what is announced is refused before it comes."""
    client.send(dubbo(5, flags=0xE2, body=b"N", length=size))
    assert client.ended()
    assert watch.grew("malformed_total", protocol="dubbo") == 1


@pytest.mark.parametrize("flags", [0xE2, 0xA2, 0x22, 0x62])
def test_an_event_that_is_no_heartbeat_is_not_taken_for_one(client: Client, watch: Watch, flags: int) -> None:
    """The provider does not answer it either, and goes on."""
    client.send(dubbo(5, flags=flags, body=b"\x01W") + dubbo(6))
    assert client.answer().id == 6
    assert watch.grew("heartbeats_answered_total") == 0


# -- serializations ---------------------------------------------------------------------------------------------------------


def test_an_allowed_serialization_is_routed_by_its_header_alone(client: Client, fakes: tuple[Echo, Echo]) -> None:
    """fastjson is allowed by option; its body is not looked at, whatever it claims, so no route by service takes it."""
    answer = client.call(dubbo(8, flags=0xC6, body=b'"2.0.2"\n"com.test.Echo"\nnull\n"!evil"\n'))
    assert (answer.id, answer.status) == (8, NOT_FOUND)
    assert json.loads(answer.body).startswith("xproto: no route"), "in the caller's serialization"
    assert not any(EVIL in frame for fake in fakes for frame in fake.frames())


def test_hessian_bytes_under_the_flag_of_another_serialization_are_not_read(client: Client) -> None:
    assert client.call(dubbo(8, flags=0xC6)).status == NOT_FOUND


GADGETS = [
    b"com.sun.rowset.JdbcRowSetImpl", b"javax.script.ScriptEngineManager", b"java.lang.ProcessBuilder", b"os.system",
    b"org.springframework.aop.support.DefaultBeanFactoryPointcutAdvisor", b"builtins.eval", b"java.util.HashMap",
]  # fmt: skip


@pytest.mark.parametrize("name", GADGETS)
def test_class_names_are_bytes_to_pass_on(client: Client, fakes: tuple[Echo, Echo], mesh: Proxy, name: bytes) -> None:
    """CVE-2019-17564, CVE-2020-11995, CVE-2021-43297, CVE-2023-23638: nothing here ever looks a class up."""
    definition = b"C" + short(name) + b"\x91" + short(b"dataSourceName") + b"\x60" + short(b"ldap://127.0.0.1:1/x")
    typed = b"M" + short(name) + short(b"a") + definition + b"Z"
    body = call_body(method=b"!gadget", types=b"Ljava/lang/Object;", arguments=typed)
    assert client.call(dubbo(3, body=body)).who == b"a"
    assert [frame[16:] for frame in fakes[0].frames()].count(body) == 1, "byte for byte"
    mesh.sound()


# -- bodies -----------------------------------------------------------------------------------------------------------------


def argument(value: bytes) -> bytes:
    """A call with this one argument."""
    return call_body(types=b"Ljava/lang/Object;", arguments=value)


def closed(opening: bytes, depth: int, inner: bytes = b"N") -> bytes:
    return opening * depth + inner + b"Z" * depth


UNREADABLE: dict[str, bytes] = {
    "empty": b"",
    "not Hessian2": b"{}",
    "an undefined lead byte": argument(b"\x40"),
    "path is a number": b"\x052.0.2" + b"\x91" + short(b"N") * 3,
    "path is a list": b"\x052.0.2" + b"\x57Z" + short(b"N") * 3,
    "a text past the end": call_body()[:8] + b"S\xff\xff",
    "half a character": short(b"2.0.2") + b"\x01\xc3",
    "a continuation byte first": short(b"2.0.2") + b"\x01\x80" + call_body(),
    "an overlong final chunk": short(b"2.0.2") + b"R\0\1a" + b"S\xff\xff",
    "a chunk that is no text": short(b"2.0.2") + b"R\0\1a" + b"\x91" + call_body(),
    "a descriptor that is none": call_body(types=b"Ljava/lang/Object"),
    "a descriptor of brackets": call_body(types=b"[[[["),
    "a descriptor with an unknown letter": call_body(types=b"Q"),
    "more types than bytes": call_body(types=b"I" * 1000),
    "fewer arguments than types": call_body(types=b"II", arguments=b"\x91", attachments=b""),
    "attachments that are no map": call_body(attachments=b"\x91"),
    "attachments as a reference": call_body(types=b"I", arguments=b"\x91", attachments=b"Q\x90"),
    "attachments as an object": call_body(attachments=b"C\x01a\x91\x01b\x60\x01c"),
    "attachments without an end": call_body(attachments=b"H\x01a\x01b"),
    "a key without a value": call_body(attachments=b"H\x01aZ"),
    "nothing after the arguments": call_body(attachments=b""),
    "deep nesting of lists": argument(closed(b"W", 100_000)),
    "deep nesting of typed lists": argument(closed(b"U\x01a", 50_000)),
    "deep nesting of maps": argument(closed(b"H\x91", 100_000)),
    "deep nesting in the attachments": call_body(attachments=b"H\x01k" + closed(b"W", 100_000) + b"Z"),
    "deep nesting without an end": argument(b"W" * 1_000_000),
    "a list of 2**31-1": argument(b"V\x01aI\x7f\xff\xff\xff" + bytes(100)),
    "an untyped list of 2**31-1": argument(b"XI\x7f\xff\xff\xff" + bytes(100)),
    "a list of -1": argument(b"X\x8f"),
    "a list of -2**31": argument(b"V\x01aI\x80\0\0\0"),
    "a class of 2**31-1 fields": argument(b"C\x01aI\x7f\xff\xff\xff" + bytes(100)),
    "a class of -1 fields": argument(b"C\x01a\x8f\x60"),
    "5000 classes": argument(b"C\x01a\x90" * 5000 + b"N"),
    "an object of no class": argument(b"\x60"),
    "an object of class 2**31-1": argument(b"OI\x7f\xff\xff\xff"),
    "an object of class -1": argument(b"O\x8f"),
    "lists that multiply": argument(b"C\x01a\xc8\xff" + b"\x01f" * 255 + b"\x60" * 20_000),
    "a binary past the end": argument(b"B\xff\xff"),
    "a long cut off": argument(b"L\0\0"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read(client: Client, fakes: tuple[Echo, Echo], mesh: Proxy, watch: Watch, case: str) -> None:
    before = mesh.processor_seconds()
    answer = client.call(dubbo(2**63 + 5, body=UNREADABLE[case]) + dubbo(6, method=EVIL))
    assert (answer.id, answer.status) == (2**63 + 5, BAD_REQUEST)
    assert b"xproto: the request cannot be read" in answer.body
    assert client.ended()
    assert watch.grew("malformed_total", protocol="dubbo") == 1
    assert watch.grew("local_replies_total", protocol="dubbo", fault="malformed") == 1
    assert mesh.processor_seconds() - before < 0.5, "cheap to refuse"
    assert not any(EVIL in frame for fake in fakes for frame in fake.frames())


def test_a_oneway_that_cannot_be_read_is_never_answered(client: Client, watch: Watch) -> None:
    client.send(dubbo(5, flags=0x82, body=b""))
    assert client.ended()
    assert watch.grew("malformed_total", protocol="dubbo") == 1


def test_a_body_cut_anywhere(mesh: Proxy, watch: Watch) -> None:
    """Whole frames whose body ends too soon: never routed by what is missing."""
    arguments = short(b"hello") + b"C\x01a\x91\x01b\x60\x91" + b"Y\0\0\0\1"
    types = b"Ljava/lang/String;Ljava/lang/Object;J"
    whole = call_body(types=types, arguments=arguments[:5] + arguments[5:], attachments=attach((short(b"k"), short(b"v"))))
    for size in range(len(whole)):
        with Client(mesh.address) as client:
            assert client.call(dubbo(1, body=whole[:size])).status == BAD_REQUEST, size
            assert client.ended()
    assert watch.grew("malformed_total", protocol="dubbo") == len(whole)


READABLE: dict[str, Callable[[], bytes]] = {
    "nested just below the limit": lambda: argument(closed(b"W", 500)),
    "a million lists of one, each in the other": lambda: argument(b"\x79" * 1_000_000 + b"N"),
    "a list that contains itself": lambda: argument(b"WQ\x90Z"),
    "a map that contains itself": lambda: argument(b"H\x01aQ\x90Z"),
    "a reference to nothing": lambda: argument(b"QI\x7f\xff\xff\xff"),
    "a thousand classes": lambda: argument(b"C\x01a\x90" * 1000 + b"N"),
    "100,000 attachments": lambda: call_body(attachments=b"H" + b"\x01k\x01v" * 100_000 + b"Z"),
    "bytes after the attachments": lambda: call_body() + b"\xff" * 100,
    "null for everything that may be": lambda: call_body(version=b"N", attachments=b"N"),
    "8 MiB less a bit": lambda: argument((b"A\xff\xff" + bytes(0xFFFF)) * 127 + b"B\0\0"),
}


@pytest.mark.parametrize("case", READABLE)
def test_a_strange_body_that_can_be_read_is_passed_on(client: Client, mesh: Proxy, case: str) -> None:
    body = READABLE[case]()
    before = mesh.processor_seconds()
    answer = client.call(dubbo(5, body=body))
    assert answer.who == b"a"
    assert answer.told == body, "byte for byte"
    assert mesh.processor_seconds() - before < 0.5


@pytest.mark.parametrize("name", ["java-any-cycle-request", "java-person-cyclic-request"])
def test_javas_own_cyclic_objects(client: Client, name: str) -> None:
    frame = recorded("dubbo", name)
    body = frame[16:].replace(b"\x14com.test.EchoService", b"\x14com.test.Echo.......")
    assert client.call(frame[:16] + body).status == NOT_FOUND, "read to its attachments; that service has no route"


def test_ids_are_the_callers_own(client: Client) -> None:
    ids = [0, 0, 1, 2**32, 2**63, 2**64 - 1, 2**64 - 1]
    client.send(b"".join(dubbo(id) for id in ids))
    assert sorted(client.answer().id for _ in ids) == sorted(ids)
    assert client.silent()


def test_the_method_cannot_be_forged_by_an_attachment(client: Client) -> None:
    body = call_body(attachments=attach((short(b"method"), short(b"secret")), (short(b"service"), short(b"com.test.Other"))))
    assert client.call(dubbo(1, body=body)).who == b"a"
    assert client.call(dubbo(1, body=call_body(method=b"secret", service=ECHO))).who == b"b"


def test_the_worker_is_the_same(mesh: Proxy) -> None:
    mesh.sound()
