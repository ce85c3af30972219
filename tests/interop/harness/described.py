"""What a recorded frame must be read as, in the words of a vector file: kind, id, keys, fields, and a sentence.

All of it is read by the harness's own readers; nothing of the project takes part, since vectors exist to judge it.
Fields are named as the project's layouts name them.
"""

from __future__ import annotations

from typing import Any

from .http2_frames import http2_facts
from .http_vectors import FORMS, http_facts
from .rpc_facts import bolt_facts, dubbo_facts
from .tars import facts as tars_facts
from .thrift_vectors import thrift_facts
from .twitter_vectors import twitter_facts

Entry = dict[str, Any]
KINDS = {
    "request": "a call", "oneway": "a oneway", "response": "an answer", "heartbeat": "a heartbeat",
    "heartbeat_ack": "the answer to a heartbeat", "goaway": "a farewell", "handshake": "the question for TTwitter",
    "handshake_ack": "yes to TTwitter", "wrapped": "a compressed message",
}  # fmt: skip
BOLT_STATUSES = {
    0: "success", 1: "error", 2: "server exception", 3: "unknown", 4: "thread pool busy", 6: "no processor", 7: "timeout",
    8: "client send error", 17: "server serialization",
}  # fmt: skip
DUBBO_STATUSES = {20: "ok", 40: "bad request", 70: "service error", 100: "thread pool exhausted"}
FLAGS = ("an exception", "a value", "null")


def describe(protocol: str, data: bytes, direction: str) -> Entry:
    """The entry of a frame that went in that direction ("request", "response")."""
    if protocol == "bolt":
        return _bolt(bolt_facts(data))
    if protocol == "dubbo":
        return _dubbo(dubbo_facts(data))
    if protocol == "tars":
        return _tars(tars_facts(data, direction))
    if protocol == "http1":
        return _http(http_facts(data))
    if protocol == "http2":
        return _http2(http2_facts(data, direction))
    if protocol == "thrift-twitter":
        return _twitter(twitter_facts(data))
    return _thrift(thrift_facts(data, protocol), protocol)


def spoken(data: bytes) -> str:
    """What a frame of a connection to a Finagle server speaks: plain Thrift before, or without, the upgrade."""
    facts = twitter_facts(data)
    granted = facts["upgrade"] and facts["type"] != "exception"
    return "thrift-twitter" if granted or facts["header"] is not None else "thrift"


def _bolt(facts: dict[str, Any]) -> Entry:
    asked = facts["kind"] in {"request", "oneway"}
    fields = {"proto": int(facts["variant"][1:]), "ver1": facts["ver1"] or 0, "checked": int(facts["crc"])}
    fields |= {"codec": facts["codec"], "class_name": facts["class"], "content_len": facts["content_length"]}
    said = [f"of protocol {facts['variant']}" + (" with a CRC-32" if facts["crc"] else "")]
    entry: Entry = {"kind": facts["kind"], "id": facts["id"]}
    if asked:
        entry["service"] = facts["headers"].get("service")
        entry["method"] = facts["headers"].get("sofa_head_method_name")
    if "timeout" in facts:
        entry["timeout"] = facts["timeout"]
    if "status" in facts:
        fields["status"] = facts["status"]
        said.append(f"status {facts['status']} ({BOLT_STATUSES[facts['status']]})")
    entry |= {"headers": facts["headers"], "fields": fields}
    return _with_meaning(entry, said)


def _dubbo(facts: dict[str, Any]) -> Entry:
    kind = "goaway" if facts["kind"] == "readonly" else facts["kind"]
    entry: Entry = {"kind": kind, "id": facts["id"]}
    fields: dict[str, Any] = {"flags": {"serialization": {2: "hessian2"}[facts["serialization"]]}}
    said = ["READONLY: no more requests to this provider"] if kind == "goaway" else []
    if "status" in facts:
        fields["status"] = facts["status"]
        said.append(f"status {facts['status']} ({DUBBO_STATUSES[facts['status']]})")
    if "flag" in facts:
        said.append(FLAGS[facts["flag"] % 3] + (" with attachments" if facts["flag"] >= 3 else ""))
    attachments = facts.get("attachments") or {}
    if kind in {"request", "oneway"}:
        entry |= {"timeout": int(attachments["timeout"])} if "timeout" in attachments else {}
        entry["headers"] = attachments
    return _with_meaning({**entry, "fields": fields}, said)


def _tars(facts: dict[str, Any]) -> Entry:
    entry: Entry = {key: facts[key] for key in ("kind", "id", "service", "method", "timeout", "headers") if key in facts}
    body = {"version": facts["version"], "oneway": facts["packet_type"]}
    said = ["in TUP"] if facts["variant"] == "tup" else []
    if "code" in facts:
        body["code"] = facts["code"]
        said.append(f"result {facts['code']}" + (f" ({facts['description']})" if facts["description"] else ""))
    return _with_meaning({**entry, "fields": {"body": body | ({"status": facts["status"]} if "status" in facts else {})}}, said)


def _thrift(facts: dict[str, Any], protocol: str) -> Entry:
    kind = "wrapped" if facts.get("transforms") else facts["kind"]
    entry: Entry = {"kind": kind, "id": facts["id"]}
    entry |= {key: facts[key] for key in ("service", "method") if key in facts}
    if "info" in facts:
        entry["headers"] = facts["info"]
    type_ = {"head": {"type": facts["type"]}} if protocol.endswith("-compact") else {"type": facts["type"]}
    entry["fields"] = {**type_, "seqid": facts["seqid"], "name": facts["message"]}
    said = [] if "service" in facts else [f"{facts['type']}, to {facts['message']}"]
    return _with_meaning(entry, said + (["by zlib"] if kind == "wrapped" else []))


def _twitter(facts: dict[str, Any]) -> Entry:
    if facts["upgrade"] and facts["type"] != "exception":
        kind = {"request": "handshake", "response": "handshake_ack"}[facts["kind"]]
        return _with_meaning({"kind": kind, "id": facts["id"]}, [])
    entry = _thrift(facts, "")
    header = facts["header"] or {}
    said = [] if facts["header"] is None else [f"behind a header of {facts['header_size']} bytes"]
    headers = {key: _text(bytes.fromhex(value)) for key, value in header.get("contexts", [])}
    if "client_id" in header:
        headers["client_id"] = header["client_id"]
    return _with_meaning({**entry, **({"headers": headers} if headers else {})}, said)


def _http(facts: dict[str, Any]) -> Entry:
    """HTTP's routing keys are more than its fields: `host` is without the port, so it is not among the headers here."""
    head = {key: facts[key] for key in ("line", "form", "minor", "closes", "upgrades", "awaits", "status")}
    headers = {key: _text(value.encode("latin-1")) if value else "" for key, value in facts["fields"].items() if key != "host"}
    if facts["kind"] == "request":
        method, target, _ = facts["line"].split(" ")
        headers["http_method"] = method
        if target.startswith("/"):
            headers["path"] = target.partition("?")[0]
    body = f"{FORMS[facts['form']]} body of {facts['body']} bytes" if facts["form"] else "no body"
    entry = {"kind": facts["kind"], "headers": headers, "fields": {"head": head}}
    return {**entry, "meaning": f"{facts['line']}, {body}"}


def _http2(facts: dict[str, Any]) -> Entry:
    if facts["type"] == "preface":
        return {"kind": facts["kind"], "fields": {"opens": 1}, "meaning": "the preface"}
    frame: dict[str, Any] = {"length": facts["length"], "type": facts["type"], "flags": dict.fromkeys(facts["flags"], 1)}
    said = [facts["type"].upper() + (f" of stream {facts['stream']}" if facts["stream"] else ""), *_said_of_flags(facts)]
    if "settings" in facts:
        said.append(", ".join(f"{number}={value}" for number, value in facts["settings"]) or "none")
    payload: dict[str, Any] = {name: f"hex:{facts[name].hex()}" for name in ("opaque", "debug") if name in facts}
    if "last" in facts:
        payload["last"] = {"id": facts["last"]}
    if "increment" in facts:
        payload["window"] = {"increment": facts["increment"]}
        said.append(f"{facts['increment']} bytes more")
    if "error" in facts:
        said.append(f"error {facts['error']}")
    frame[facts["type"]] = payload
    entry = {"kind": facts["kind"], "fields": {"frame": {key: value for key, value in frame.items() if value != {}}}}
    return {**entry, **({} if facts["stream"] is None else {"id": facts["stream"]}), "meaning": ", ".join(said)}


def _said_of_flags(facts: dict[str, Any]) -> list[str]:
    return ["ACK" if facts["stream"] is None else name.upper() for name in facts["flags"]]


def _text(value: bytes) -> str:
    """A value as text where it is some, else ``hex:…``."""
    if value and all(0x20 <= byte < 0x7F for byte in value) and not value.startswith(b"hex:"):
        return value.decode()
    return f"hex:{value.hex()}"


def _with_meaning(entry: Entry, said: list[str]) -> Entry:
    called = [entry[key] for key in ("service", "method") if entry.get(key)]
    parts = [KINDS[entry["kind"]] + (f" of {' '.join(called)}" if called else ""), *said]
    return {**entry, "meaning": ", ".join(parts)}
