"""Third parties' code, called so that nothing comes out of it but values and words that are safe to show."""

from __future__ import annotations

from proxy.tls.providers import Provider


def failure(what: str, error: BaseException) -> str:
    """Says where it happened, not what the error says: that may be anything, a key too."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" in {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else ""
    return f"{what}: {type(error).__name__}{place}; its message is not shown, a MaterialError's would be"


def version_of(provider: Provider) -> object:
    """The provider's version; if it fails, one that is equal to that of the same failure only."""
    try:
        return provider.version()
    except Exception as error:  # noqa: BLE001 (whatever a third party does)
        return type(error)


def places_of(provider: Provider) -> dict[str, str]:
    try:
        return {str(field): str(place) for field, place in provider.places().items()}
    except Exception:  # noqa: BLE001 (whatever a third party does)
        return {}
