"""Protocols come from a tuple, from entry points, from files; what is wrong with one is said when it is loaded."""

from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from construct import this
from construct.expr import ExprMixin

from tests.xproto.small import declare
from xproto import registry
from xproto.codecs.bolt import BOLT
from xproto.codecs.dubbo import DUBBO
from xproto.codecs.http1 import HTTP1
from xproto.codecs.http2 import HTTP2
from xproto.codecs.tars import TARS
from xproto.codecs.thrift import THRIFTS
from xproto.errors import ChoiceError, SpecError, XprotoError
from xproto.registry import BUILT_IN, ENTRY_POINTS, find, load, strict_expressions

FILE = """
from construct import Enum, Int8ub, Int32ub, Struct, this
from xproto.spec import Kind, Protocol
from xproto.wire import Known

def protocol(name):
    return Protocol(
        name=name,
        frame=Struct("kind" / Known(Enum(Int8ub, request=0, response=1)), "id" / Int32ub),
        kind={Kind.REQUEST: this.kind == "request", Kind.RESPONSE: this.kind == "response"},
        id=this.id,
    )
"""


BUILT_INS = [protocol.name for protocol in BUILT_IN]


@pytest.fixture
def spec(tmp_path):
    """A spec file with this text behind the common beginning; its path."""

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(FILE + text)
        return str(path)

    return write


def told(caught):
    return caught.value.path, caught.value.wrong, caught.value.instead


def fails(*args, **kwargs):
    with pytest.raises(SpecError) as caught:
        load(*args, **kwargs)
    assert isinstance(caught.value, XprotoError)
    return told(caught)


# Built-ins


def test_built_ins_are_a_tuple_in_rank_order():
    assert (DUBBO, BOLT, TARS, *THRIFTS, HTTP1, HTTP2) == BUILT_IN
    found = load()
    assert list(found) == BUILT_INS
    assert found["dubbo"].protocol is DUBBO
    assert {r.source for r in found.values()} == {"built-in"}
    assert found["bolt"].protocol is BOLT
    assert found["bolt"].codec.name == "bolt"
    assert found["bolt"].codec.lowered is found["bolt"].lowered
    assert found["bolt"].lowered.opaque == found["dubbo"].lowered.opaque == (), "nothing stays interpreted"


# Files


def test_a_file_by_its_path(spec):
    path = spec("MINE = protocol('mine')\n")
    found = load([path])
    assert list(found) == [*BUILT_INS, "mine"]
    assert found["mine"].source == path
    assert found["mine"].codec.scan_bytes(b"\x01\x00\x00\x00\x05").id == 5


def test_a_file_with_two_protocols_and_other_names_for_them(spec):
    path = spec("A = protocol('a')\nB = ALIAS = protocol('b')\nfrom xproto.codecs.bolt import BOLT\n")
    assert list(load([path])) == [*BUILT_INS, "a", "b"], "BOLT was only imported"


def test_two_files(spec):
    first, second = spec("A = protocol('a')\n", "one.py"), spec("B = protocol('b')\n", "two.py")
    assert list(load([second, first])) == [*BUILT_INS, "b", "a"]


def test_one_file_twice(spec):
    path = spec("A = protocol('a')\n")
    assert fails([path, path]) == ("a", f"declared by {path} and by {path}", "rename one of them")


def test_a_name_that_is_taken(spec):
    path = spec("MINE = protocol('bolt')\n")
    assert fails([path]) == ("bolt", f"declared by built-in and by {path}", "rename one of them")


def test_two_protocols_of_one_name(spec):
    path = spec("A = protocol('a')\nB = protocol('a')\n")
    assert fails([path]) == ("a", f"declared by {path} and by {path}", "rename one of them")


def test_a_file_that_is_not_there(tmp_path):
    path = str(tmp_path / "nothing.py")
    found = fails([path])
    assert found[0] == path
    assert found[1].startswith("cannot be loaded: FileNotFoundError: ")
    assert found[2] == "mend the file"


def test_a_file_that_is_not_python(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: b")
    assert fails([str(path)]) == (str(path), "is not a Python file", "give the path of a .py file")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1 / 0\n", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("import nothing_of_this_name\n", "cannot be loaded: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("Protocol('a')\n", "cannot be loaded: TypeError: Protocol.__init__() missing 2 required positional arguments: "  # noqa: ISC004
     "'frame' and 'kind'"),
        ("Protocol(nmae=1)\n", "cannot be loaded: TypeError: Protocol.__init__() got an unexpected keyword argument 'nmae'"),
    ],
)  # fmt: skip
def test_a_file_that_fails(spec, text, wrong):
    path = spec(text)
    line = len(Path(path).read_text().splitlines())
    assert fails([path]) == (path, f"{wrong}, line {line}", "mend the file")


def test_a_file_with_a_syntax_error(spec):
    path = spec("def (:\n")
    assert fails([path])[1].startswith("cannot be loaded: SyntaxError: ")


def test_a_file_without_a_protocol(spec):
    path = spec("")
    assert fails([path]) == (path, "declares no Protocol", "write NAME = Protocol(…) at module level")


def test_a_protocol_that_is_refused_says_where(spec):
    path = spec("from dataclasses import replace\nMINE = replace(protocol('mine'), id=this.kind)\n")
    assert fails([path])[0] == "mine: id"


LOST = ("`and`, `or`, `not` and chained comparisons lose a half", "use &, |, ~ and two comparisons")


@pytest.mark.parametrize(
    "expression", ["this.a == 1 and this.b == 2", "this.a or this.b", "not this.a", "1 < this.a < 9", "this.a in (1, 2)",
                   "this.a if this.b else this.c", "bool(this.a)", "[x for x in [this.a] if x]"],
)  # fmt: skip
def test_expressions_that_lose_a_half(spec, expression):
    path = spec(f"X = {expression}\n")
    assert fails([path]) == (f"{path}: expression", *LOST)
    assert "__bool__" not in vars(ExprMixin), "Python's truth is as it was"


def test_the_same_from_within_a_function_of_the_file(spec):
    path = spec("def both(a, b):\n    return a and b\nX = both(this.a, this.b)\n")
    assert fails([path]) == (f"{path}: expression", *LOST)


def test_truth_is_restored_whatever_fails(spec):
    assert bool(this.a) is True
    with pytest.raises(SpecError), strict_expressions():
        bool(this.a == 1)
    assert bool(this.a) is True
    kept = []
    for _ in range(2):  # an error that is kept alive keeps no half-read generator alive
        with pytest.raises(SpecError) as caught:
            load([spec("A = protocol('bolt')\n"), spec("B = protocol('other')\n", "other.py")])
        kept.append(caught.value)
    assert "__bool__" not in vars(ExprMixin)


# By name or by path


def not_found(*args):
    with pytest.raises(ChoiceError) as caught:
        find(*args)
    return told(caught)


def test_find_by_name_and_by_path(spec):
    path = spec("MINE = protocol('mine')\n")
    assert find("bolt").protocol is BOLT
    assert find(path).protocol.name == find("mine", [path]).protocol.name == "mine"
    assert find(path, [path]).source == path, "named twice, declared once"


def test_find_with_options():
    assert find("bolt", (), {"bolt": {"frame_limit": 4096}}).lowered.scan.limit == 4096


def test_find_what_is_not_there(spec):
    assert not_found("blot") == ("blot", "there is no protocol of this name", "did you mean bolt?")
    assert not_found("mime", [spec("MINE = protocol('mine')\n")])[2] == "did you mean mine?"
    assert not_found("zzz")[2] == f"write one of: {', '.join((*BUILT_INS, 'grpc'))}"


def test_find_in_a_file_with_several(spec):
    path = spec("A = protocol('a')\nB = protocol('b')\nfrom xproto.codecs.bolt import BOLT\n")
    assert not_found(path) == (path, "declares 2 protocols: a, b", f"choose by name: a --spec {path}")
    assert find("b", [path]).protocol.name == "b"


def test_find_in_a_file_that_only_imports(spec):
    assert find(spec("from xproto.codecs.bolt import BOLT\n")).protocol is BOLT


def test_find_in_a_file_that_is_wrong(spec, tmp_path):
    with pytest.raises(SpecError) as caught:
        find(spec("1 / 0\n"))
    assert not isinstance(caught.value, ChoiceError)
    with pytest.raises(SpecError):
        find(str(tmp_path / "nothing.py"))


# Entry points


@pytest.fixture
def installed(monkeypatch):
    """Pretends that packages with these entry points are installed."""

    def install(**values):
        def entry(name, value):
            point = EntryPoint(name=name, value=f"{name}_package:PROTOCOL", group=ENTRY_POINTS)
            return SimpleNamespace(name=name, value=point.value, load=value if callable(value) else lambda: value)

        def found(*, group):
            assert group == "xproto.protocols"
            return [entry(name, value) for name, value in values.items()]

        monkeypatch.setattr(registry, "entry_points", found)

    return install


def test_an_entry_point(installed, spec):
    installed(tee=declare())
    path = spec("MINE = protocol('mine')\n")
    found = load([path])
    assert [(name, r.source) for name, r in found.items()][len(BUILT_INS) :] == [
        ("t", "entry point tee_package:PROTOCOL"),
        ("mine", path),
    ]


def test_entry_points_come_in_the_order_of_their_names(installed, spec):
    def named(name):
        namespace = {}
        exec(FILE, namespace)
        return namespace["protocol"](name)

    installed(zebra=named("first"), ant=named("second"))
    assert list(load())[len(BUILT_INS) :] == ["second", "first"]


def test_an_entry_point_of_the_wrong_type(installed):
    installed(tee="a text")
    assert fails() == ("tee", "the entry point tee_package:PROTOCOL is not a Protocol", "point it at one")


def test_an_entry_point_of_a_taken_name(installed):
    installed(tee=BOLT, other=declare(), third=declare())
    wrong = "declared by entry point other_package:PROTOCOL and by entry point third_package:PROTOCOL"
    assert fails() == ("t", wrong, "rename one of them"), "BOLT itself is no second declaration"


def test_an_entry_point_that_cannot_be_loaded(installed):
    def broken():
        raise ImportError("no module named tee_package")

    installed(tee=broken)
    assert fails() == (
        "entry point tee", "cannot be loaded: ImportError: no module named tee_package", "mend or uninstall it",
    )  # fmt: skip


def test_an_entry_point_that_loses_a_half(installed):
    installed(tee=lambda: this.a and this.b)
    assert fails() == ("entry point tee: expression", *LOST)


def test_real_entry_points_are_asked():
    assert all(isinstance(point, EntryPoint) for point in registry.entry_points(group=ENTRY_POINTS))


# Options


def test_options_of_nobody():
    wrong = ("protocol_options.smtp", "no such protocol", f"there are: {', '.join(sorted(BUILT_INS))}")
    assert fails(options={"smtp": {"a": 1}}) == wrong
    assert fails(options={"smtp": {}}) == wrong


def test_options_for_a_protocol_without_any(installed):
    installed(tee=declare())
    assert fails(options={"t": {"a": 1}}) == ("protocol_options.t", "this protocol has no options", "remove them")
    assert "t" in load(options={"t": {}})


@pytest.mark.parametrize(
    ("name", "options", "wrong"),
    [
        ("bolt", {"goaawy": True}, "bolt() got an unexpected keyword argument 'goaawy'"),
        ("dubbo", {"serializations": ["pigeon"]}, "serializations: ['pigeon'] is not known; there are: hessian2, java, "),
        ("dubbo", {"serializations": []}, "serializations: none is not known; there are: hessian2, java, "),
    ],
)
def test_options_that_do_not_fit(name, options, wrong):
    path, found, instead = fails(options={name: options})
    assert (path, instead) == (f"protocol_options.{name}", "see xproto explain")
    assert found.startswith(wrong)


def test_options_that_the_lowerer_refuses():
    assert fails(options={"bolt": {"frame_limit": 0}}) == (
        "bolt: limits.frame", "0 is out of bounds", "choose 1..2147483647",
    )  # fmt: skip


def test_options_change_the_one_protocol():
    found = load(options={"bolt": {"frame_limit": 4096}})
    assert found["bolt"].lowered.scan.limit == 4096
    assert found["dubbo"].lowered.scan.limit == DUBBO.limits.frame
    assert found["bolt"].protocol.configure is not None
