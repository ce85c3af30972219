"""What listeners and clusters say of secrets, and filter chains of each other. Over the data as read, as `references`.

A secret of another provider than `file` is taken to have whatever it is used for: what it has is known when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.config.build_tls import DEFAULT
from proxy.config.problems import Path
from proxy.config.raw import Found, items, mapping
from proxy.config.references import route_name
from proxy.config.secrets import FILE
from xproto.errors import suggest

_NEEDED = {"certificate": "certificate and private_key", "ca": "ca"}
"""What a secret must have, and what to write in it."""


def check(data: Any) -> Found:
    """Every secret and route table that is not there or not of use, and every chain that another one hides."""
    if not isinstance(data, dict):
        return
    secrets, tables = mapping(data, "secrets"), mapping(data, "routes")
    for index, listener in items(data.get("listeners")):
        path: Path = ("listeners", index)
        if listener.get("plaintext") is False and "tls" not in listener and not listener.get("filter_chains"):
            yield (*path, "plaintext"), "without TLS nothing else is taken; write tls or filter_chains, or leave it out"
        yield from _presented((*path, "tls"), listener.get("tls"), secrets)
        for place, chain in items(listener.get("filter_chains")):
            at = (*path, "filter_chains", place)
            yield from _presented((*at, "tls"), chain.get("tls"), secrets)
            routes = chain.get("routes")
            if isinstance(routes, str) and routes not in tables:
                yield (*at, "routes"), f"there is no route table {routes!r}; {suggest(routes, tables)}"
        yield from _names(path, listener)
        yield from _matches(path, listener)
    for name, cluster in mapping(data, "clusters").items():
        if isinstance(cluster, dict):
            yield from _wanted(("clusters", name, "tls"), cluster.get("tls"), secrets)
            for place, match in items(cluster.get("tls_matches")):
                yield from _wanted(("clusters", name, "tls_matches", place, "tls"), match.get("tls"), secrets)


def _presented(path: Path, tls: Any, secrets: dict[str, Any]) -> Found:
    """By a listener."""
    if not isinstance(tls, dict):
        return
    given = tls.get("certificates")
    yield from _secret((*path, "certificates"), given, "certificate", secrets)
    for position, name in enumerate(given if isinstance(given, list) else ()):
        yield from _secret((*path, "certificates", position), name, "certificate", secrets)
    yield from _secret((*path, "client", "ca"), mapping(tls, "client").get("ca"), "ca", secrets)


def _wanted(path: Path, tls: Any, secrets: dict[str, Any]) -> Found:
    """By a cluster."""
    if isinstance(tls, dict):
        for key in ("ca", "certificate"):
            yield from _secret((*path, key), tls.get(key), key, secrets)


def _secret(path: Path, name: Any, needed: str, secrets: dict[str, Any]) -> Found:
    if not isinstance(name, str):
        return
    if name not in secrets:
        yield path, f"there is no secret {name!r}; {suggest(name, secrets)}"
        return
    secret = secrets[name]
    if isinstance(secret, dict) and secret.get("provider", FILE) == FILE and needed not in secret:
        yield path, f"the secret {name!r} has no {needed}; name one that has, or write {_NEEDED[needed]} in it"


def _names(path: Path, listener: dict[str, Any]) -> Found:
    names: dict[str, int] = {}
    for place, chain in items(listener.get("filter_chains")):
        given = chain.get("name")
        name = route_name(place, given if isinstance(given, str) else None)
        at = (*path, "filter_chains", place)
        at = (*at, "name") if isinstance(given, str) else at
        if name == DEFAULT:
            yield at, f"{DEFAULT!r} is the chain of the listener's own tls; write another name"
        elif names.setdefault(name, place) != place:
            yield at, f"{name!r} is also the name of filter_chains[{names[name]}]; write another"


def _matches(path: Path, listener: dict[str, Any]) -> Found:
    """Chains that would take the same connections: of a server name and a protocol there is one chain at most."""
    takers = {("", ""): "tls"} if "tls" in listener else {}
    for place, chain in items(listener.get("filter_chains")):
        given = chain.get("name")
        who = f"{given!r} (filter_chains[{place}])" if isinstance(given, str) else f"filter_chains[{place}]"
        for wanted in _taken(chain.get("match", {})):
            taker = takers.setdefault(wanted, who)
            if taker != who:
                at = (*path, "filter_chains", place, *(("match",) if "match" in chain else ()))
                yield at, f"{who} takes {_describe(*wanted)}, and so does {taker}; write another match for one of them"
                break


def _taken(match: Any) -> Iterator[tuple[str, str]]:
    """Pairs of a server name and a protocol, either of them empty where the match says nothing of it."""
    if isinstance(match, dict):
        protocols = _texts(match.get("alpn"))
        yield from ((name.lower(), protocol) for name in _texts(match.get("server_names")) for protocol in protocols)


def _texts(value: Any) -> list[str]:
    """Nothing at all of what is malformed."""
    if value is None:
        return [""]
    listed = value if isinstance(value, list) else [value]
    return listed if all(isinstance(each, str) for each in listed) else []


def _describe(name: str, protocol: str) -> str:
    if not name and not protocol:
        return "every connection"
    return " with ".join((name or "every server name", *([protocol] if protocol else [])))
