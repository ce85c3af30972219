"""One side of TLS, ready for handshakes: a filter chain's, a cluster's, and a cluster's towards one host.

A `Server` or `Client` is what the data path holds on to. Its context is made of the material of the moment and replaced as a
whole when that changes, so a handshake sees the old secret or the new one, never half of each, and connections that are
there keep what they have.

Private keys get into OpenSSL by way of a memfd, since the standard library reads keys from files only: no disk sees them.

What the standard library cannot: give several processes the same keys for session tickets. A session is resumed by the
worker that began it, until the secret changes.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping

from proxy.tls.failures import RejectedError
from proxy.tls.material import Material
from proxy.tls.peer import Identity, identify
from proxy.tls.settings import ClientTls, ServerTls
from proxy.tls.verifiers import SanVerifier, Verifier, make_verifiers

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Side:
    """What both sides have in common."""

    context: ssl.SSLContext

    def __init__(self, spec: ServerTls | ClientTls, secrets: Iterable[str | None]) -> None:
        self.spec = spec
        self.secrets = tuple(dict.fromkeys(name for name in secrets if name is not None))
        extensions = make_verifiers(spec.verifiers)
        self._verifiers: tuple[Verifier, ...] = ((SanVerifier(spec.sans),) if spec.sans else ()) + extensions

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {' '.join(self.secrets)}>"

    def make(self, materials: Mapping[str, Material]) -> ssl.SSLContext:
        """A context of this material, not in use. Raises `ValueError` where OpenSSL does not take it, or `OSError`."""
        raise NotImplementedError

    def use(self, context: ssl.SSLContext, materials: Mapping[str, Material]) -> None:
        """From now on. `materials` is what it was made of."""
        self.context = context
        self._made_of = {name: materials.get(name) for name in self.secrets}

    def is_stale(self, materials: Mapping[str, Material]) -> bool:
        """Is its context made of something else?"""
        return any(materials.get(name) != each for name, each in self._made_of.items())

    def judge(self, tls: ssl.SSLObject, server_name: str | None) -> Identity:
        """Who the peer is, when the handshake is over. Raises `RejectedError`."""
        identity = identify(tls, server_name)
        if self._verifiers and (identity.fingerprint or self._wants_certificate()):
            certificate = tls.getpeercert(binary_form=True)
            for verify in self._verifiers:
                try:
                    verify(identity, certificate)
                except RejectedError:
                    raise
                except Exception as error:
                    why = f"{type(verify).__name__} failed: {type(error).__name__}: {error}"
                    raise RejectedError("verifier", why) from error
        return identity

    def _wants_certificate(self) -> bool:
        return True


class Server(Side):
    """A filter chain's side."""

    def __init__(self, spec: ServerTls, materials: Mapping[str, Material]) -> None:
        super().__init__(spec, (*spec.certificates, spec.trust))
        self.spec: ServerTls = spec
        self.use(self.make(materials), materials)

    def make(self, materials: Mapping[str, Material]) -> ssl.SSLContext:
        spec = self.spec
        made = _context(ssl.PROTOCOL_TLS_SERVER, spec)
        for name in spec.certificates:
            _load_chain(made, name, materials)
        if spec.verify != "off":
            _load_trust(made, spec.trust, materials)
            made.verify_mode = ssl.CERT_REQUIRED if spec.verify == "required" else ssl.CERT_OPTIONAL
        if not spec.tickets:
            made.options |= ssl.OP_NO_TICKET
            made.num_tickets = 0
        made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        return made

    def wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        return self.context.wrap_bio(incoming, outgoing, server_side=True)

    def remember(self, tls: ssl.SSLObject) -> None:
        """Sessions are the clients' to remember."""

    def _wants_certificate(self) -> bool:
        return self.spec.verify == "required"


class Client(Side):
    """A cluster's side. Sessions are remembered by `Resumer`s, one for each host."""

    def __init__(self, spec: ClientTls, materials: Mapping[str, Material]) -> None:
        super().__init__(spec, (spec.certificate, spec.trust))
        self.spec: ClientTls = spec
        self.use(self.make(materials), materials)

    def make(self, materials: Mapping[str, Material]) -> ssl.SSLContext:
        spec = self.spec
        made = _context(ssl.PROTOCOL_TLS_CLIENT, spec)
        made.check_hostname = spec.verify and not spec.sans and bool(spec.server_name)
        made.verify_mode = ssl.CERT_REQUIRED if spec.verify else ssl.CERT_NONE
        made.options |= ssl.OP_NO_RENEGOTIATION
        if not spec.verify:
            made.check_hostname = False
        elif spec.trust is None:
            made.load_default_certs()
        else:
            _load_trust(made, spec.trust, materials)
        if spec.certificate is not None:
            _load_chain(made, spec.certificate, materials)
        return made

    def at(self) -> Resumer:
        """For one host."""
        return Resumer(self)

    def _wants_certificate(self) -> bool:
        return self.spec.verify


class Resumer:
    """A cluster's side towards one host: it resumes the last session that there was, if its context is still in use."""

    def __init__(self, client: Client) -> None:
        self.spec = client.spec
        self._client = client
        self._context = client.context
        self._session: ssl.SSLSession | None = None

    def wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        context = self._client.context
        if context is not self._context:
            self._context, self._session = context, None
        name = self.spec.server_name or None
        return context.wrap_bio(incoming, outgoing, server_side=False, server_hostname=name, session=self._session)

    def judge(self, tls: ssl.SSLObject, server_name: str | None) -> Identity:
        return self._client.judge(tls, server_name or self.spec.server_name or None)

    def remember(self, tls: ssl.SSLObject) -> None:
        """Called when something was read: with TLS 1.3 a session can be resumed from then on only."""
        if self.spec.resume and tls.context is self._context and (session := tls.session) is not None:
            self._session = session


def _context(side: int, spec: ServerTls | ClientTls) -> ssl.SSLContext:
    made = ssl.SSLContext(side)
    made.minimum_version = _VERSIONS[spec.min_version]
    if spec.max_version is not None:
        made.maximum_version = _VERSIONS[spec.max_version]
    if spec.ciphers:
        made.set_ciphers(spec.ciphers)
    if spec.alpn:
        made.set_alpn_protocols(list(spec.alpn))
    return made


def _load_chain(context: ssl.SSLContext, name: str, materials: Mapping[str, Material]) -> None:
    material = _of(name, materials)
    with _in_memory(material.certificate + "\n" + material.private_key) as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ValueError(f"secret {name}: its certificate cannot be used: {_said(error)}") from None


def _load_trust(context: ssl.SSLContext, name: str | None, materials: Mapping[str, Material]) -> None:
    material = _of(name or "", materials)
    try:
        context.load_verify_locations(cadata=material.trust)
        if material.crl:
            with _in_memory(material.crl) as path:
                context.load_verify_locations(path)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ValueError(f"secret {name}: its roots cannot be used: {_said(error)}") from None


def _of(name: str, materials: Mapping[str, Material]) -> Material:
    found = materials.get(name)
    if found is None:
        raise ValueError(f"secret {name}: it is not here")
    return found


def _no_password() -> str:
    raise ValueError("the private key is encrypted")


def _said(error: Exception) -> str:
    return (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """A path by which OpenSSL reads this; it is gone afterwards."""
    descriptor = os.memfd_create("xproto-secret", os.MFD_CLOEXEC)
    try:
        view = memoryview(text.encode())
        while view:
            view = view[os.write(descriptor, view) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
