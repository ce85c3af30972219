"""Both ends of a handshake in memory, by the standard library alone."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.tls.authority import Authority, Issued

Ends = tuple[ssl.SSLObject, ssl.SSLObject]


def load(context: ssl.SSLContext, issued: Issued) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*issued.write(Path(folder), "x"))


def shaken(
    authority: Authority, *, client: Issued | None = None, alpn: Sequence[str] = (), resuming: Ends | None = None
) -> Ends:
    """Server and client, each trusting the authority; the server's name is a.test. Raises what either raises."""
    if resuming is not None:
        return drive(resuming[0].context, resuming[1].context, resuming[1].session)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(ours, authority.issue("a.test", dns=["a.test"]))
    ours.load_verify_locations(cadata=authority.certificate)
    ours.verify_mode = ssl.CERT_OPTIONAL
    theirs = ssl.create_default_context(cadata=authority.certificate)
    if client is not None:
        load(theirs, client)
    for context in (ours, theirs) if alpn else ():
        context.set_alpn_protocols(list(alpn))
    return drive(ours, theirs)


def drive(ours: ssl.SSLContext, theirs: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Ends:
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ours.wrap_bio(one, other, server_side=True)
    client = theirs.wrap_bio(other, one, server_hostname="a.test", session=session)
    for _ in range(4):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    server.write(b"x")
    client.read(1)  # the session of TLS 1.3 comes with it
    return server, client
