"""Routes by path, host and method, from the file to the decision, against the plainest model of what they mean."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.conditions import conditions
from proxy.config.key_match import PATH_KINDS
from proxy.config.match import Match
from proxy.routing import RouteTable
from proxy.snapshot import Route

NAMES = ["a", "b.a", "c.b.a", "ab.a", "bxa", "*.a", "*.b.a"]
METHODS = ["GET", "PUT", "GETS", "M-SEARCH"]

paths = st.text("ab./", max_size=4).map("/{}".format)
asked = st.fixed_dictionaries(
    {},
    optional={
        "path": st.tuples(st.sampled_from([kind for kind in PATH_KINDS if kind not in ("regex", "template")]), paths),
        "host": st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
        "http_method": st.lists(st.sampled_from(METHODS), min_size=1, max_size=3),
    },
)
hosts = st.lists(st.sampled_from(["a", "b", "c", "ab"]), min_size=1, max_size=3).map(".".join) | st.just("bxa")
calls = st.none() | st.fixed_dictionaries({"path": paths, "host": hosts, "http_method": st.sampled_from(METHODS)})


def is_path(wanted, path):
    kind, text = wanted
    return {"exact": path == text, "prefix": path.startswith(text), "suffix": path.endswith(text)}[kind]


def is_host(name, host):
    return host.split(".", 1)[1:] != [] and host.endswith(name[1:]) if name.startswith("*") else host == name


def matches(wanted, call):
    if call is None:
        return wanted == {}
    return (
        ("path" not in wanted or is_path(wanted["path"], call["path"]))
        and ("host" not in wanted or any(is_host(name, call["host"]) for name in wanted["host"]))
        and ("http_method" not in wanted or call["http_method"] in wanted["http_method"])
    )


def route(wanted):
    written = {key: dict([value]) if key == "path" else value for key, value in wanted.items()}
    return Route("r", conditions(Match.model_validate(written)), "c")


@given(st.lists(asked, max_size=8), calls)
def test_the_first_route_that_means_the_call_is_chosen(table, call):
    compiled = RouteTable(tuple(map(route, table)))
    values = tuple(call[key.removeprefix(":")].encode() if call else None for key in compiled.keys)
    assert compiled.decide(values) == next((at for at, wanted in enumerate(table) if matches(wanted, call)), -1)
