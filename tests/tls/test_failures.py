"""Every way in which a handshake fails has one of a few reasons, and a line that says what happened."""

from __future__ import annotations

import ssl

import pytest

from proxy.tls.failures import REASONS, RejectedError, explain


def error(reason: str) -> ssl.SSLError:
    made = ssl.SSLError(1, f"[SSL: {reason}] something (_ssl.c:1)")
    made.reason = reason
    return made


@pytest.mark.parametrize(
    ("given", "reason", "line"),
    [
        (RejectedError("name", "not you"), "name", "not you"),
        (error("NO_SHARED_CIPHER"), "cipher", "no shared cipher"),
        (error("UNSUPPORTED_PROTOCOL"), "version", "unsupported protocol"),
        (error("WRONG_VERSION_NUMBER"), "protocol", "it speaks no TLS: wrong version number"),
        (error("HTTP_REQUEST"), "protocol", "it speaks plain HTTP: http request"),
        (error("PEER_DID_NOT_RETURN_A_CERTIFICATE"), "no_certificate", "peer did not return a certificate"),
        (error("TLSV1_ALERT_UNKNOWN_CA"), "alert", "it broke off: tlsv1 alert unknown ca"),
        (error("SSLV3_ALERT_BAD_CERTIFICATE"), "alert", "it broke off: sslv3 alert bad certificate"),
        (error("SOMETHING_ELSE"), "protocol", "something else"),
        (ValueError("odd"), "other", "odd"),
        (KeyError(), "other", "KeyError"),
    ],
)
def test_explain(given: Exception, reason: str, line: str) -> None:
    assert explain(given) == (reason, line)
    assert reason in REASONS


@pytest.mark.parametrize(
    ("code", "reason"),
    [(10, "expired"), (9, "not_yet_valid"), (23, "revoked"), (20, "untrusted"), (62, "name"), (18, "untrusted")],
)
def test_verdicts_of_openssl(code: int, reason: str) -> None:
    made = ssl.SSLCertVerificationError(1, "certificate verify failed")
    made.verify_code, made.verify_message = code, "its words"
    assert explain(made) == (reason, "its certificate is refused: its words")
