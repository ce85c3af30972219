"""What the Thrift peers of both libraries share: the forms of the wire, the service's names, counting, bursts.

A server has every form on a port of its own and answers {"cmd":"ports"} with them. Behind one proxy they are told apart
by their names alone: the service of a form is NAME_form, and where calls are not multiplexed its methods carry that
name as a prefix: NAME_form__echo.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATIENCE_S = 10
REFUSAL = ("no", 7)
INNERS: list[dict[str, Any]] = [{"name": "one", "flags": [True, False]}, {"name": "", "flags": []}]
EVERY: dict[str, Any] = {
    "yes": True, "no": False, "tiny": -128, "small": -(2**15), "number": 2**31 - 1, "large": -(2**63), "real": -0.5,
    "text": "é😀", "data": bytes(range(256)), "flags": [True, False, True], "numbers": {3, -3, 2**31 - 1},
    "texts": [str(number) for number in range(20)], "empty": {}, "far": -1,
}
"""A value of every type; the struct has besides an `inner`, a `by_name` and an `inners`, made of `INNERS`."""


def service_of(name: str, form: str) -> str:
    return f"{name}_{form.replace('-', '_')}"


class Tally:
    """What came to one server, over all its forms: calls by method, connections."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.connections = 0
        self.news = threading.Condition()

    def connected(self) -> None:
        with self.news:
            self.connections += 1

    def called(self, method: str) -> None:
        with self.news:
            self.calls[method] += 1
            self.news.notify_all()

    def commands(self, ports: dict[str, int]) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "ports": lambda _: {"ok": True, "ports": ports},
            "stats": self._stats,
            "reset": self._reset,
            "wait": self._wait,
        }

    def _stats(self, _: dict[str, Any]) -> dict[str, Any]:
        with self.news:
            return {"ok": True, "calls": self.calls.total(), "connections": self.connections, "methods": dict(self.calls)}

    def _reset(self, _: dict[str, Any]) -> dict[str, Any]:
        with self.news:
            self.calls.clear()
            self.connections = 0
        return {"ok": True}

    def _wait(self, args: dict[str, Any]) -> dict[str, Any]:
        """Answers when so many calls of that method have come."""
        with self.news:
            if not self.news.wait_for(lambda: self.calls[args["method"]] >= args["count"], PATIENCE_S):
                raise TimeoutError(f"only these calls came: {self.calls}")
            return {"ok": True, "count": self.calls[args["method"]]}


class Echo:
    """The service itself; `refused` is the library's own declared exception."""

    def __init__(self, tally: Tally, refused: Callable[..., Exception]) -> None:
        self.tally = tally
        self.refused = refused

    def echo(self, text: str) -> str:
        self.tally.called("echo")
        return text

    def add(self, a: int, b: int) -> int:
        self.tally.called("add")
        return a + b

    def every(self, value: Any) -> Any:
        self.tally.called("every")
        return value

    def fail(self) -> str:
        self.tally.called("fail")
        raise self.refused(why=REFUSAL[0], code=REFUSAL[1])

    def note(self, text: str) -> None:
        self.tally.called("note")

    def slow(self, ms: int) -> int:
        self.tally.called("slow")
        time.sleep(ms / 1000)
        return ms

    def big(self, n: int) -> str:
        self.tally.called("big")
        return "b" * n


class Connections:
    """A client's connections by name, and the command `call` that uses them.

    {"cmd":"call", "target":"host:port", "form":f, "service":s, "multiplexed":bool, "method":name, "text", "a", "b",
    "ms", "n", "client":name, "timeout":ms, "zlib":bool, "info":{}, "count":n, "threads":n}. With a count the calls are
    echoes of different texts, in turn on as many connections as there are threads. {"cmd":"together", "calls":[…]} makes
    several at once. `connect` gives a callable of (method, values) with a `close`.
    """

    def __init__(self, connect: Callable[[dict[str, Any]], Any], told: Callable[[Exception], dict[str, Any] | None]) -> None:
        self._connect = connect
        self._told = told
        self._open: dict[str, Any] = {}

    def commands(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {"call": self.call, "together": self._together}

    def _together(self, args: dict[str, Any]) -> dict[str, Any]:
        """Several calls at once, each as `call` takes it."""
        with ThreadPoolExecutor(len(args["calls"])) as pool:
            return {"ok": True, "results": list(pool.map(self.call, args["calls"]))}

    def call(self, args: dict[str, Any]) -> dict[str, Any]:
        if args.get("count", 1) == 1:
            return self._one(args, args.get("client", ""), values_of(args))
        threads = args.get("threads", 1)
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda thread: self._many(args, thread, threads), range(threads)))
        faults = sum(parts, Counter[str]())
        right = faults.pop("right", 0)
        return {"ok": right == args["count"], "right": right, "faults": dict(faults)}

    def _many(self, args: dict[str, Any], thread: int, threads: int) -> Counter[str]:
        faults: Counter[str] = Counter()
        for index in range(thread, args["count"], threads):
            text = f"{args.get('text', '')}-{index}"
            result = self._one(args, f"{args.get('client', '')}#{thread}", (text,))
            faults["right" if result.get("value") == text else str(result)] += 1
        return faults

    def _one(self, args: dict[str, Any], client: str, values: tuple[Any, ...]) -> dict[str, Any]:
        key = "|".join(str(args.get(name)) for name in ("target", "form", "service", "multiplexed", "zlib")) + client
        try:
            if key not in self._open:
                self._open[key] = self._connect(args)
            return {"ok": True, **self._open[key](args["method"], values)}
        except Exception as error:
            if told := self._told(error):
                return {"ok": False, **told}
            if failed := self._open.pop(key, None):
                failed.close()
            return {"ok": False, "error": type(error).__name__, "message": str(error)}


def values_of(args: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a method, as the command says."""
    names = {"echo": ("text",), "note": ("text",), "add": ("a", "b"), "slow": ("ms",), "big": ("n",)}
    return tuple(args[name] for name in names.get(args["method"], ()))


def summary(value: Any) -> dict[str, Any]:
    """A result for the line: long texts by their length alone."""
    return {"length": len(value)} if isinstance(value, str) and len(value) > 1000 else {"value": value}
