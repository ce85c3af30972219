"""Why a handshake failed: one of a few reasons that can be counted, and a line for people.

OpenSSL says what happened in the words of its error queue; what an operator needs is whose fault it is. The reasons are a
closed list, so that a metric has a bounded number of series whatever peers do.
"""

from __future__ import annotations

import ssl

REASONS = (
    "protocol",  # it is not TLS, or TLS that is broken
    "version",  # no version that both accept
    "cipher",  # no cipher or group that both accept
    "no_chain",  # no filter chain for its server name and protocols
    "no_certificate",  # a certificate is required, and none came
    "untrusted",  # not by a root that is trusted
    "expired",
    "not_yet_valid",
    "revoked",
    "name",  # none of its names is one that is wanted
    "verifier",  # an extension refused it
    "alert",  # the peer broke off, by an alert
    "plaintext",  # TLS is required
    "timeout",
    "closed",  # the peer went away
    "overload",  # too many handshakes at once
    "other",
)


class RejectedError(Exception):
    """A peer that OpenSSL accepts and this proxy does not. `reason` is one of `REASONS`."""

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        super().__init__(why)


_VERIFY = {
    9: "not_yet_valid",
    10: "expired",
    11: "untrusted",  # CRL not yet valid
    12: "revoked",  # a list that is out of date cannot say that it is not
    23: "revoked",
    3: "revoked",  # there is no list for its issuer
    62: "name",
    63: "name",
    64: "name",
}
"""X509_V_ERR_* of OpenSSL's x509_vfy.h; all others are a matter of trust."""

_ERRORS = {
    "UNSUPPORTED_PROTOCOL": "version",
    "VERSION_TOO_LOW": "version",
    "WRONG_SSL_VERSION": "version",
    "NO_PROTOCOLS_AVAILABLE": "version",
    "INAPPROPRIATE_FALLBACK": "version",
    "NO_SHARED_CIPHER": "cipher",
    "NO_SHARED_GROUP": "cipher",
    "NO_SUITABLE_KEY_SHARE": "cipher",
    "NO_SHARED_SIGNATURE_ALGORITHMS": "cipher",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "cipher",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no_certificate",
}


_WORDS = {
    "WRONG_VERSION_NUMBER": "it speaks no TLS: wrong version number",
    "HTTP_REQUEST": "it speaks plain HTTP: http request",
}
"""Where OpenSSL's own words say little."""


def explain(error: Exception) -> tuple[str, str]:
    """The reason and the line. `error` is what a handshake, a read or a judgement raised."""
    if isinstance(error, RejectedError):
        return error.reason if error.reason in REASONS else "verifier", str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, "untrusted"), f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        said = error.reason or ""
        words = _WORDS.get(said) or said.replace("_", " ").lower() or str(error)
        if "ALERT" in said:
            return "alert", f"it broke off: {words}"
        return _ERRORS.get(said, "protocol"), words
    return "other", str(error) or type(error).__name__
