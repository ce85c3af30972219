"""The `tls` sections of listeners, filter chains and clusters: what is presented to a peer, and what is wanted of it.

What always holds: nothing that was written to judge a peer is passed over. A key without a value is refused, where
elsewhere it would mean that the key is not there; so is a condition on a certificate that nobody asks for.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.model import Model
from proxy.config.sans import Sans
from proxy.config.tls_values import (
    Alpns,
    Ciphers,
    SecretNames,
    Sni,
    TlsVersion,
    VerifyClient,
)
from proxy.config.types import GIVEN, Flag, Name, Options, Text, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.tls.settings import MIN_VERSION

_ALPN = "Protocols to agree on (ALPN), the preferred one first. "
_HIGHEST = "The highest version of TLS; as OpenSSL has it if not given."
_CIPHERS = "OpenSSL's list of ciphers, for TLS 1.2; its default if not given. TLS 1.3 has good ones only."
_SAN = "Names of which the certificate must have one; "
_VERIFIERS = "Who else is asked, in this order, about a certificate that all this accepts; each may refuse."


class Verifier(Model):
    """Somebody who judges certificates by rules of their own. A bare string is the name."""

    short = "name"

    name: Name = Field(description="The verifier's name: built in, or installed.", examples=["spiffe"])
    settings: Options = Field(default_factory=dict, description="What it is told, as it is.", examples=[{"domain": "td"}])


class Client(Model):
    """What is wanted of clients' certificates."""

    verify: VerifyClient = Field(
        default="required",
        description="`required`: no connection without a certificate that is accepted; `optional`: a client may have none; "
        "`off`: none is asked for.",
        examples=["required"],
    )
    ca: Annotated[Name | None, GIVEN] = Field(
        default=None, description="The secret with the roots that certificates are judged by.", examples=["mesh-ca"]
    )
    san: Sans = Field(
        default=(), description=f"{_SAN}if not given, every one that the roots vouch for.", examples=[[{"suffix": ".mesh"}]]
    )
    verifiers: tuple[Verifier, ...] = Field(default=(), description=_VERIFIERS, examples=[["spiffe"]])

    @model_validator(mode="after")
    def _asked_for(self) -> Client:
        if self.verify != "off" and self.ca is None:
            raise refuse(f"verify: {self.verify} needs roots to judge by; write ca, the name of a secret")
        if self.verify == "off":
            _unasked(self, "verify: off", "verify: required")
        return self


def _unasked(section: Client | ClientTls, written: str, instead: str) -> None:
    for name in ("san", "verifiers"):
        if getattr(section, name):
            raise refuse(f"{name} has no effect with {written}; write {instead}, or leave {name} out")


class ServerTls(Model):
    """What is presented to clients, and what is wanted of them."""

    certificates: SecretNames = Field(
        description="Secrets with the certificates to present: one, or one for each kind of key (ECDSA, RSA).",
        examples=["web"],
    )
    client: Annotated[Client | None, GIVEN] = Field(
        default=None, description="What is wanted of clients' certificates; if not given, none is asked for."
    )
    alpn: Annotated[Alpns | None, GIVEN] = Field(
        default=None,
        description=f"{_ALPN}If not given: `h2` and `http/1.1`, those of HTTP's versions that are among the protocols.",
        examples=[["http/1.1"]],
    )
    min_version: TlsVersion = Field(default=MIN_VERSION, description="The lowest version of TLS.", examples=["1.2"])
    max_version: Annotated[TlsVersion | None, GIVEN] = Field(default=None, description=_HIGHEST, examples=["1.3"])
    ciphers: Ciphers = Field(default="", description=_CIPHERS, examples=["ECDHE+AESGCM"])
    session_tickets: Flag = Field(default=True, description="Lets clients that come again resume their session.")

    @model_validator(mode="after")
    def _ordered(self) -> ServerTls:
        _check_versions(self)
        return self


class ClientTls(Model):
    """What a cluster's hosts are wanted to present, and what is presented to them."""

    ca: Annotated[Name | None, GIVEN] = Field(
        default=None,
        description="The secret with the roots that hosts are judged by; the system's if not given.",
        examples=["mesh-ca"],
    )
    verify: Flag = Field(default=True, description="Whether hosts' certificates are judged. Without, anybody can be the host.")
    server_name: Annotated[Sni | None, GIVEN] = Field(
        default=None,
        description="The name that hosts are asked for (SNI), and must have a certificate of unless `san` says otherwise.",
        examples=["a.example.com"],
    )
    san: Sans = Field(default=(), description=f"{_SAN}if not given, `server_name`.", examples=[[{"uri": "spiffe://td/echo"}]])
    certificate: Annotated[Name | None, GIVEN] = Field(
        default=None, description="The secret with the certificate to present to hosts that ask for one.", examples=["web"]
    )
    alpn: Annotated[Alpns | None, GIVEN] = Field(
        default=None, description=f"{_ALPN}If not given: `h2` of hosts that speak it, else none.", examples=[["http/1.1"]]
    )
    min_version: TlsVersion = Field(default=MIN_VERSION, description="The lowest version of TLS.", examples=["1.2"])
    max_version: Annotated[TlsVersion | None, GIVEN] = Field(default=None, description=_HIGHEST, examples=["1.3"])
    ciphers: Ciphers = Field(default="", description=_CIPHERS, examples=["ECDHE+AESGCM"])
    session_reuse: Flag = Field(default=True, description="Resumes sessions with a host, which saves most of a handshake.")
    verifiers: tuple[Verifier, ...] = Field(default=(), description=_VERIFIERS, examples=[["spiffe"]])

    @model_validator(mode="after")
    def _judged(self) -> ClientTls:
        _check_versions(self)
        if not self.verify:
            _unasked(self, "verify: false", "verify: true")
        elif self.server_name is None and not self.san:
            raise refuse("no name is given that a host's certificate must have; write server_name or san, or verify: false")
        return self


def _check_versions(section: ServerTls | ClientTls) -> None:
    if section.max_version is not None and section.min_version > section.max_version:
        low, high = section.min_version, section.max_version
        raise refuse(f"min_version ({low}) is over max_version ({high}); write a min_version of at most max_version")


def _plaintext(value: Any) -> Any:
    if value == "plaintext":
        return None
    if not isinstance(value, dict):
        raise WrongValueError(f"must be plaintext or a mapping, not {describe(value)}; write plaintext, or how TLS is spoken")
    return value


def _or_plaintext(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"const": "plaintext"})


def _not_all(value: Any) -> Any:
    if value == {}:
        raise WrongValueError("every host would match; write the metadata of some, or tls for all")
    return value


class TlsMatch(Model):
    """An exception for some of a cluster's hosts. The first that matches a host counts, then the cluster's `tls`."""

    metadata: Annotated[dict[str, Text], Written("mapping to text"), BeforeValidator(checked(_not_all))] = Field(
        description="What a host's `metadata` has, all of it, for the exception to hold.", examples=[{"tls": "legacy"}]
    )
    tls: Annotated[ClientTls | None, Written("`plaintext`, or `clusters.NAME.tls`"), BeforeValidator(checked(_plaintext))] = (
        Field(
            description="How these hosts are spoken to: `plaintext`, or a section as the cluster's own.",
            examples=["plaintext"],
            json_schema_extra=_or_plaintext,
        )
    )
