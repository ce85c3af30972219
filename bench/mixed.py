"""A table of many routes of all kinds, and what a decision costs that no cache has: each key a new one.

Half of the routes are regexes, of four forms; 5 % are expressions in CEL; the rest is exact, prefix and suffix. All look at
the service, the expressions at headers too. The last one takes the load's calls.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import measure
import ours
from processes import Ports, cpu_nanoseconds, free_ports, running

ROUTES = 10_000
CALLS = 20_000
BATCH = 50
"""Calls that are under way at once."""
ROUNDS = 5
REGEXES = (
    r"com\.test\.Other{i}\..*", "com[.]test[.]Other{i}.*", r".*\.Other{i}Service", r"com\.test\.v[0-9]+\.other{i}x.*",
)  # fmt: skip
EXPRESSIONS = (
    "service == 'com.test.Cel{i}' && headers['env'] == 'gray'",
    "service.startsWith('com.test.Cel{i}.') && int(headers['weight']) > 3",
    "headers['tenant'] == 't{i}' && !('debug' in headers)",
    "service in ['com.test.Cel{i}', 'com.test.Cel{i}:1.0'] && headers['env'] != 'prod'",
)
CHEAP = ("service: com.test.Plain{i}:1.0", "service: {{prefix: com.test.Plain{i}.}}", "service: {{suffix: .Plain{i}:1.0}}")
CONFIG = """\
listeners:
  - {{name: front, address: "127.0.0.1:{front}", protocols: bolt, routes: front}}
routes:
  front:
{routes}
clusters:
  echo: {{hosts: ["127.0.0.1:{backend}"]}}
"""


def match(index: int) -> str:
    """Of the route with this number."""
    if index % 20 == 7:
        return f'{{expression: "{EXPRESSIONS[index // 20 % 4].format(i=index)}"}}'
    if index % 2 == 0:
        return f"{{service: {{regex: '{REGEXES[index // 2 % 4].format(i=index)}'}}}}"
    return f"{{{CHEAP[index // 2 % 3].format(i=index)}}}"


def table(proto: str, routes: int) -> str:
    """So many routes, of which the last matches the load's calls."""
    lines = [f"    - {{match: {match(i)}, cluster: echo}}" for i in range(routes - 1)]
    return "\n".join([*lines, f"    - {{match: {ours.MATCH[proto]}, cluster: echo}}"])


# -- decisions alone ------------------------------------------------------------------------------------------------


def strangers() -> dict[str, Iterator[str]]:
    """Services that no route has seen, by what they are like; what an attacker sends would be one of them."""
    dice = random.Random(1)
    return {
        "unlike any route": (f"org.example.Service{i}" for i in range(CALLS)),
        "like the regexes": (f"com.test.Other{i}Z" for i in range(CALLS)),
        "like the expressions": (f"com.test.Cel{i}" for i in range(CALLS)),
        "100 digits": ("com.test.v" + "".join(dice.choices("0123456789x.", k=100)) for _ in range(CALLS)),
        "400 bytes": (f"com.test.v{i}." + "other" * 78 for i in range(CALLS)),
    }


def decide_costs(folder: Path, routes: int) -> dict[str, float]:
    """Microseconds of `RouteTable.decide`, the median of the calls of each kind. The table is the configuration's own."""
    from proxy.config.loader import load
    from proxy.routing import RouteTable

    path = folder / "mixed.yaml"
    path.write_text(CONFIG.format(front=1, backend=2, routes=table("bolt", routes)))
    made = RouteTable(load(str(path)).routes["front"])
    costs = {}
    for name, services in strangers().items():
        took = []
        for number, service in enumerate(services):
            given = {":service": service, "env": f"gray{number}", "weight": "5", "tenant": f"t{number}"}
            values = tuple(given[key].encode() if key in given else None for key in made.keys)
            start = time.perf_counter_ns()
            made.decide(values)
            took.append(time.perf_counter_ns() - start)
        costs[name] = median(took) / 1000
    return costs


# -- through the proxy ----------------------------------------------------------------------------------------------


def bolt(service: str) -> bytes:
    """A call of Bolt with three headers that expressions look at."""
    pairs = {"service": service, "env": "gray", "weight": "5", "tenant": "t0"}
    block = b"".join(struct.pack(">i", len(text)) + text.encode() for pair in pairs.items() for text in pair)
    return struct.pack(">BBHBIBiHHI", 1, 1, 1, 1, 7, 1, 0, 0, len(block), 0) + block


def call_costs(command: str, folder: Path, routes: int) -> dict[str, float]:
    """Processor microseconds of the proxy for a call, where all have one key, and where each has a new one.

    No route takes them, so that an answer is the proxy's own, and the difference is the decision, its cache, and no upstream.
    """
    front, backend = free_ports(2)
    path = folder / "misses.yaml"
    path.write_text(CONFIG.format(front=front, backend=backend, routes=table("bolt", routes)))
    echo = measure.backend("bolt", Ports(backend, front), folder)
    costs: dict[str, list[float]] = {"one key": [], "new keys": []}
    with (
        running(echo, backend, folder / "backend.log"),
        running(ours.words(command, path), front, folder / "misses.log") as proxy,
        socket.create_connection(("127.0.0.1", front)) as client,
    ):
        for number in range(ROUNDS):
            for name in costs if number % 2 else reversed(costs):
                service = "com.test.Other0Z" if name == "one key" else f"com.test.Other{number}y{{}}Z"
                frames = [bolt(service.format(i)) for i in range(CALLS)]
                before = cpu_nanoseconds(proxy.pid)
                _send(client, frames)
                costs[name].append((cpu_nanoseconds(proxy.pid) - before) / 1000 / CALLS)
    return {name: median(values) for name, values in costs.items()}


def _send(client: socket.socket, frames: list[bytes]) -> None:
    for at in range(0, len(frames), BATCH):
        batch = frames[at : at + BATCH]
        client.sendall(b"".join(batch))
        missing = 20 * len(batch)  # an answer of Bolt's that says no more than its status
        while missing > 0:
            missing -= len(client.recv(65536))


def lines(routes: int, decided: dict[str, float], calls: dict[str, float]) -> list[str]:
    known, new = calls["one key"], calls["new keys"]
    return [
        f"{routes:,} routes, half regexes, 5 % CEL; every key a new one:",
        *(f"  RouteTable.decide, services {name}: {cost:.1f} us" for name, cost in decided.items()),
        f"  a call without a route: {known:.2f} us with one key, {new:.2f} with new ones, so {new - known:.1f} us for a miss",
    ]
