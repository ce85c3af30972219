"""What is done with a call, for people: a line for each thing that is done, and whose word it is where that can be others'."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from proxy.config.actions import GRPC_CODES
from proxy.config.edits import ROLES
from proxy.config.reference import render_duration

Data = dict[str, Any]
BODY_SHOWN = 40
"""Characters of a direct response."""


def lines(told: Data) -> Iterator[str]:
    """All but where the call goes, which is `goes`."""
    if "timeout" in told:
        yield from _carried(told)
    if told["filters"]:
        yield f"filters: {'; '.join(_filter(each) for each in told['filters'])}"


def goes(action: Data) -> str:
    """Where the call goes, as the end of a sentence about its route."""
    match action["kind"]:
        case "cluster":
            return f"to cluster {action['cluster']}"
        case "clusters":
            return "to cluster " + " or ".join(f"{each['name']} ({each['percent']:.3g} %)" for each in action["clusters"])
        case "cluster_from":
            return _named(action)
        case "redirect":
            return f"redirected with {action['status']}: {', '.join(_redirect(action))}"
        case "direct_response":
            return f"answered here with {_answer(action)}"
        case _:
            return f"and has none: {action['why']}"


def _named(action: Data) -> str:
    key, named, found = action["key"].lstrip(":"), action["named"], action["cluster"]
    if found is not None and found == named:
        return f"to cluster {found}, which {key} names"
    why = f"{key} names none" if named is None else f"there is no cluster {named!r}, as {key} says"
    return f"and to no cluster: {why}" if found is None else f"to cluster {found}, the default: {why}"


def _redirect(action: Data) -> Iterator[str]:
    yield from (f"{name} {action[name]}" for name in ("scheme", "host", "port", "path") if action[name] is not None)
    if action["prefix"] is not None:
        yield f"prefix becomes {action['prefix']}"
    if action["strip_query"]:
        yield "without the query"


def _answer(action: Data) -> str:
    body = action["body"]
    shown = repr(body if len(body) <= BODY_SHOWN else body[:BODY_SHOWN] + "…") if body else ""
    if "fault" in action:
        what = f"the error {action['fault']}"
    elif "grpc_status" in action:
        what = f"status {GRPC_CODES[action['grpc_status']]}"
    else:
        what = f"status {action['status']}"
    return f"{what}, {shown}" if shown else what


def _carried(told: Data) -> Iterator[str]:
    yield f"timeout: {_timeout(told['timeout'])}"
    if told["oneway"]:
        yield "oneway: nobody waits for an answer"
    if told["retry"] is not None:
        yield f"retry: {_retry(told['retry'])} ({told['retry']['of']})"
    if told["rewrite"]:
        yield f"rewrite: {', '.join(_rewrite(told['rewrite']))}"
    for key, name in (("request_headers", "request headers"), ("response_headers", "response headers")):
        for of, edits in groupby(told[key], lambda each: each["of"]):
            yield f"{name}: {', '.join(_edit(each) for each in edits)} ({of})"
    if told["mirror"]:
        yield "mirror: " + ", ".join(f"{each['percent']:g} % to {each['cluster']}" for each in told["mirror"])
    if told["hash_policy"]:
        yield "host by the hash of: " + ", ".join(f"{each['key']} ({_value(each['value'])})" for each in told["hash_policy"])
    if told["metadata_match"]:
        yield "hosts with: " + ", ".join(f"{name}={value}" for name, value in told["metadata_match"].items())


def _value(value: str | None) -> str:
    return "absent" if value is None else repr(value)


def _timeout(given: Data) -> str:
    if given["seconds"] is None:
        return "the cluster's"
    return f"{render_duration(given['seconds']) if given['seconds'] else 'none'} ({given['of']})"


def _retry(retry: Data) -> str:
    causes = [*map(str, retry["on"]), *(f"header {name}" for name in retry["retriable_headers"])]
    if not causes:
        return "off"
    parts = [f"on {', '.join(causes)}", f"{retry['attempts']} {'time' if retry['attempts'] == 1 else 'times'} at most"]
    if retry["per_try_timeout"] is not None:
        parts.append(f"{render_duration(retry['per_try_timeout'])} a try")
    base, most = (render_duration(retry["back_off"][key]) for key in ("base", "max"))
    parts.append(f"pauses of up to {base}, later {most}")
    given = retry["idempotent"]
    plain = {True: "all calls", False: "none", None: "as HTTP's method says"}
    parts.append(f"idempotent: {', '.join(given) if isinstance(given, list) else plain[given]}")
    return "; ".join(parts)


def _rewrite(given: Data) -> Iterator[str]:
    yield from (f"{role} becomes {given[role]}" for role in ROLES if role in given)
    if "prefix" in given:
        yield f"prefix of the path becomes {given['prefix']}"
    if "regex" in given:
        yield f"{given['regex']} in the path becomes {given['substitution']}"


def _edit(edit: Data) -> str:
    return f"{edit['op']} {edit['name']}" if edit["value"] is None else f"{edit['op']} {edit['name']}: {edit['value']}"


def _filter(given: Data) -> str:
    if not given["asked"]:
        return f"{given['name']} off ({given['of']})"
    settings = {name: value for name, value in given["settings"].items() if value is not None}
    return f"{given['name']} {json.dumps(settings)} ({given['of']})" if settings else f"{given['name']} ({given['of']})"
