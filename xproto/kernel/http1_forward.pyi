"""Types of the compiled module."""

def forwarded_bytes(
    data: bytes,
    *,
    response: bool = False,
    client: bytes | None = None,
    proto: bytes | None = None,
    via: bytes | None = None,
    request_id: bytes | None = None,
    certificate: bytes | None = None,
    believes: bool = False,
    upgrades: bool = False,
    closes: bool = False,
    old: bool = False,
) -> bytes: ...
