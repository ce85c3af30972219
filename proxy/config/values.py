"""How durations, sizes and addresses are written.

Plain functions from what YAML gave to the canonical value, raising `WrongValueError` with both halves of the message;
the models in `schema` wrap them. What always holds: times come out as seconds, sizes as bytes, addresses as
``IP:PORT``, ``[IP]:PORT`` or ``unix:/path`` with the IP in its shortest form: equal addresses are equal strings.
"""

from __future__ import annotations

import ipaddress
import math
import re

UNITS_OF_TIME = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
UNITS_OF_SIZE = {
    "B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h)?$"
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)?(B|kB|MB|GB|KiB|MiB|GiB)?$"
MAX_DURATION = 7 * 24 * 3600.0
"""A week: more is a unit forgotten, and the timer wheel need not count further."""
MIN_DURATION = 1e-3
"""The datapath's clock ticks in milliseconds; less would be zero, which means something else."""
MAX_SIZE = 1 << 31
UNIX_PATH_MAX = 107
"""`sun_path` has 108 bytes, the last of which is zero."""

_DURATION = re.compile(DURATION_PATTERN)
_SIZE = re.compile(SIZE_PATTERN)
_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]+)")


class WrongValueError(ValueError):
    """A value that is refused; the message says what is wrong and what to write instead."""


def parse_duration(value: object, *, least: float = MIN_DURATION) -> float:
    """``1s``, ``250ms``, ``1.5`` (seconds) to seconds."""
    instead = "write seconds (1.5) or a number with us, ms, s, m or h (250ms)"
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if not found:
            raise WrongValueError(f"{value!r} is no duration; {instead}")
        number = float(value.rstrip("ushm")) * UNITS_OF_TIME[found[2] or "s"]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        raise WrongValueError(f"must be a duration, not {describe(value)}; {instead}")
    if not math.isfinite(number) or not least <= number <= MAX_DURATION:
        raise WrongValueError(f"{value} is out of range; write between {least:g}s and {MAX_DURATION:g}s")
    return number


def parse_size(value: object) -> int:
    """``64KiB``, ``1.5MB``, ``4096`` (bytes) to bytes."""
    instead = "write bytes (65536) or a number with KiB, MiB, GiB, kB, MB or GB (64KiB)"
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        if not found:
            raise WrongValueError(f"{value!r} is no size; {instead}")
        number = int(float(value.rstrip("BkKMGi")) * UNITS_OF_SIZE[found[2] or "B"])
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise WrongValueError(f"must be a size, not {describe(value)}; {instead}")
    if not 1 <= number <= MAX_SIZE:
        raise WrongValueError(f"{value} is out of range; write between 1 and {MAX_SIZE} bytes")
    return number


def parse_address(value: object, *, port_zero: bool = False) -> str:
    """``127.0.0.1:80``, ``[::1]:80`` or ``unix:/path`` to its canonical form; names are refused."""
    instead = "write IP:PORT, [IPv6]:PORT or unix:/path"
    if not isinstance(value, str):
        raise WrongValueError(f"must be an address, not {describe(value)}; {instead}")
    if value.startswith("unix:"):
        return "unix:" + _unix_path(value.removeprefix("unix:"))
    found = _ADDRESS.fullmatch(value)
    if not found:
        raise WrongValueError(_address_problem(value, instead))
    host = found["v6"] if found["v6"] is not None else found["host"]
    try:
        ip = ipaddress.IPv6Address(host) if found["v6"] is not None else ipaddress.IPv4Address(host)
    except ipaddress.AddressValueError:
        raise WrongValueError(_host_problem(host, found["port"], v6=found["v6"] is not None)) from None
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        raise WrongValueError(f"{host!r} has a zone, which is not supported; write the address without %{ip.scope_id}")
    port = int(found["port"])
    if port > 65535 or (port == 0 and not port_zero):
        zero = "0 (the kernel chooses) to" if port_zero else "1 to"
        raise WrongValueError(f"port {port} is out of range; write {zero} 65535")
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"


def parse_network(value: object) -> str:
    """``10.0.0.0/8``, ``::1``, or ``unix`` for peers of a unix socket; to its canonical form."""
    instead = "write a network (10.0.0.0/8), an address (10.0.0.1), or unix"
    if not isinstance(value, str):
        raise WrongValueError(f"must be a network, not {describe(value)}; {instead}")
    if value == "unix":
        return value
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        wide = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise WrongValueError(f"{value!r} is no network; {instead}") from None
    raise WrongValueError(f"{value!r} has bits beyond its prefix; write {wide}")


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a canonical address."""
    if address.startswith("unix:"):
        return True
    return ipaddress.ip_address(address.rpartition(":")[0].strip("[]")).is_loopback


def describe(value: object) -> str:
    """A YAML value for a message: its kind and, where short, itself."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return f"{str(value).lower()} (true or false)"
    if isinstance(value, int | float):
        return f"the number {value}"
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "...'"


def _unix_path(path: str) -> str:
    if not path.startswith("/"):
        raise WrongValueError(f"{path!r} is not an absolute path; write unix:/path")
    if len(path.encode()) > UNIX_PATH_MAX:
        raise WrongValueError(f"the path has {len(path.encode())} bytes; write at most {UNIX_PATH_MAX}")
    if "\0" in path or path.endswith("/"):
        raise WrongValueError(f"{path!r} names no socket; write unix:/path")
    return path


def _address_problem(value: str, instead: str) -> str:
    if value.count(":") > 1 and not value.startswith("["):
        return f"{value!r} is ambiguous; write an IPv6 address in brackets and quotes: '[::1]:9200'"
    if ":" not in value:
        return f"{value!r} has no port; {instead}"
    return f"{value!r} is no address; {instead}"


def _host_problem(host: str, port: str, *, v6: bool) -> str:
    if v6:
        return f"{host!r} is no IPv6 address; write [IPv6]:PORT, as [::1]:{port}"
    if host in ("", "*"):
        return f"the address is missing before the port; write 127.0.0.1:{port}, or 0.0.0.0:{port} for all interfaces"
    if re.search(r"[^0-9.]", host):
        local = " (127.0.0.1)" if host == "localhost" else ""
        return f"{host!r} is a name, and names are not resolved; write its IP address{local}"
    return f"{host!r} is no IPv4 address; write IP:PORT, as 127.0.0.1:{port}"
