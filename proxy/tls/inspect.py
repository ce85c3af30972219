"""Whether material is any good, and what it says of itself. Control's: workers know no `cryptography`.

What is judged good here can be used by a worker: besides all that is read of it, OpenSSL is asked, which has its own mind
about short keys and old digests. So a secret that cannot be used is refused before any worker hears of it.

What always holds: problems name the field and say what to do, and have nothing of the material in them: the words of
libraries' errors are not passed on. A key is handed to OpenSSL in a memfd (it reads keys from files only), never on a disk.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from proxy.tls import decode, pem
from proxy.tls.decode import UNREADABLE, public_key
from proxy.tls.facts import Facts
from proxy.tls.material import Material
from proxy.tls.providers import MaterialError, Problem

T = TypeVar("T")


def judge(given: Material) -> tuple[Material, Facts]:
    """The material without what does not belong in it, and what it says; raises `MaterialError` with all that is wrong."""
    found: list[Problem] = []
    chain = _read("certificate", given.certificate, "certificate", found)
    keys = _read("private_key", given.private_key, "key", found)
    trust = _read("ca", given.trust, "certificate", found)
    crls = _read("crl", given.crl, "crl", found)
    leaf_first = _parsed("certificate", chain, decode.certificate, found)
    roots = _parsed("ca", trust, decode.certificate, found)
    lists = _parsed("crl", crls, decode.crl, found)
    key = _key(keys, found)
    _whole(given, found)
    if not found:
        _pair([x for x, _ in leaf_first], key, found)
        _signed([x for x, _ in lists], [x for x, _ in roots], found)
    material = Material("".join(chain), "".join(keys), "".join(trust), "".join(crls))
    if not found:
        _ask_openssl(material, found)
    if found:
        raise MaterialError(*found)
    chain_facts, trust_facts = (tuple(facts for _, facts in each) for each in (leaf_first, roots))
    return material, Facts(chain_facts, trust_facts, tuple(facts for _, facts in lists))


def _read(field: str, text: str, kind: pem.Kind, found: list[Problem]) -> list[str]:
    """The blocks of a field; none is a problem where there is text."""
    try:
        blocks = pem.blocks(text, kind)
    except ValueError as error:
        found.append((field, f"{error}; write whole PEM blocks"))
        return []
    if text and not blocks:
        what = {"certificate": "certificate", "key": "private key", "crl": "revocation list"}[kind]
        found.append((field, f"has no {what} in PEM; write one"))
    return blocks


def _parsed(field: str, blocks: list[str], parse: Callable[[str], T], found: list[Problem]) -> list[T]:
    parsed: list[T] = []
    for number, block in enumerate(blocks, 1):
        try:
            parsed.append(parse(block))
        except UNREADABLE:
            found.append((field, f"block {number} of {len(blocks)} cannot be read; write it anew"))
    return parsed


def _key(blocks: list[str], found: list[Problem]) -> PrivateKeyTypes | None:
    if not blocks:
        return None
    if len(blocks) > 1:
        found.append(("private_key", f"has {len(blocks)} private keys; write the certificate's only"))
        return None
    if "-----BEGIN ENCRYPTED" in blocks[0] or ",ENCRYPTED" in blocks[0]:  # PKCS#8, and the forms before it
        found.append(("private_key", "is encrypted, and there is nobody to ask for the password; write it unencrypted"))
        return None
    try:
        return load_pem_private_key(blocks[0].encode(), None)
    except UNREADABLE:
        found.append(("private_key", "cannot be read; write it anew, as PKCS#8"))
    return None


def _whole(given: Material, found: list[Problem]) -> None:
    for field, one, other, missing in (
        ("certificate", given.certificate, given.private_key, "private_key"),
        ("private_key", given.private_key, given.certificate, "certificate"),
        ("crl", given.crl, given.trust, "ca"),
    ):
        if one and not other:
            found.append((field, f"has no {missing} beside it; give both"))
    if not (given.certificate or given.private_key or given.trust or given.crl):
        found.append(("", "is empty; give certificate and private_key, or ca"))


def _pair(chain: list[x509.Certificate], key: PrivateKeyTypes | None, found: list[Problem]) -> None:
    if not chain or key is None:
        return
    public = key.public_key()
    match next((number for number, each in enumerate(chain, 1) if public_key(each) == public), None):
        case 1:
            return
        case None:
            message = "is not the certificate's; write both of one pair (if both are being replaced, this passes)"
        case number:
            message = f"is that of certificate {number} of {len(chain)}; write the certificate of this key first"
    found.append(("private_key", message))


def _signed(lists: list[x509.CertificateRevocationList], roots: list[x509.Certificate], found: list[Problem]) -> None:
    """A list whose issuer is trusted has to be signed by it; one of an intermediate's cannot be judged here."""
    for number, each in enumerate(lists, 1):
        issuers = [root for root in roots if root.subject == each.issuer]
        if issuers and not any(_signs(root, each) for root in issuers):
            found.append(("crl", f"list {number} of {len(lists)} is not signed by its issuer in ca; write the issuer's own"))


def _signs(root: x509.Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        return crl.is_signature_valid(root.public_key())  # type: ignore[arg-type] # refuses the others by TypeError
    except (InvalidSignature, *UNREADABLE):
        return False


def _ask_openssl(material: Material, found: list[Problem]) -> None:
    try:
        if material.certificate:
            _load_pair(material)
    except ssl.SSLError as error:
        found.append(("certificate", f"OpenSSL does not take it or its key ({error.reason}); write what TLS allows today"))
    try:
        if material.trust:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=material.trust)
    except ssl.SSLError as error:
        found.append(("ca", f"OpenSSL does not take it ({error.reason}); write what TLS allows today"))


def _load_pair(material: Material) -> None:
    descriptor = os.memfd_create("xproto-secret", os.MFD_CLOEXEC)
    try:
        data = (material.private_key + material.certificate).encode()
        while data:
            data = data[os.write(descriptor, data) :]
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    finally:
        os.close(descriptor)
