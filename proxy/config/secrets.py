"""The secrets' section: where certificates, keys and roots come from. The rest of the file knows them by their names only.

What is in a file is not looked at here: files are read when the configuration goes into force, and again when they change
(`proxy.tls.store`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from proxy.config.model import Model
from proxy.config.types import GIVEN, Name, Options, Text, refuse

FILE = "file"
FILES = ("certificate", "private_key", "ca", "crl")
"""What the provider `file` is told: the fields that are paths."""


class Secret(Model):
    """A certificate with its key, roots to judge others by, or both: PEM files, or what another provider says."""

    certificate: Annotated[Text | None, GIVEN] = Field(
        default=None,
        description="A PEM file, relative to this file: the certificate, and behind it those that lead to a root.",
        examples=["tls/web.crt"],
    )
    private_key: Annotated[Text | None, GIVEN] = Field(
        default=None, description="A PEM file: the key of `certificate`, not encrypted.", examples=["tls/web.key"]
    )
    ca: Annotated[Text | None, GIVEN] = Field(
        default=None, description="A PEM file: roots that the certificates of peers are judged by.", examples=["tls/ca.pem"]
    )
    crl: Annotated[Text | None, GIVEN] = Field(
        default=None, description="A PEM file: what the roots in `ca` have revoked.", examples=["tls/ca.crl"]
    )
    provider: Name = Field(
        default=FILE, description="Who gives the secret: `file`, or one that is installed.", examples=["vault"]
    )
    settings: Options = Field(
        default_factory=dict,
        description="What a provider other than `file` is told, as it is.",
        examples=[{"path": "pki/web"}],
    )

    @model_validator(mode="after")
    def _whole(self) -> Secret:
        files = [name for name in FILES if getattr(self, name) is not None]
        if self.provider != FILE:
            if files:
                raise refuse(f"{files[0]} is a file's, not of provider {self.provider}; write it under settings")
            return self
        if self.settings:
            raise refuse(f"settings are for other providers; write which as provider, or files as {', '.join(FILES)}")
        if not files:
            raise refuse("there is nothing in it; write certificate and private_key, or ca")
        for name, needed in (("certificate", "private_key"), ("private_key", "certificate"), ("crl", "ca")):
            if name in files and needed not in files:
                raise refuse(f"{name} is of no use without {needed}; write both")
        empty = next((name for name in files if not getattr(self, name)), None)
        if empty is not None:
            raise refuse(f"{empty} names no file; write a path relative to this file")
        return self
