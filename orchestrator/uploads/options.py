"""Options of upload targets: which there are, and which of them a request may give. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import masked_url

Scheme = Literal["s3", "gs", "az", "file"]

SCHEMES: Final[Mapping[str, Scheme]] = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "azure": "az",
    "file": "file",
}
CLIENT: Final = frozenset({"allow_http"})
SETTINGS_ONLY: Final = frozenset({"proxy_url", "root_certificate", "allow_invalid_certificates"})
"""Options of the connection, not of the store."""

OF_REQUESTS: Final[Mapping[Scheme, frozenset[str]]] = {
    "s3": frozenset(
        {
            "access_key_id",
            "secret_access_key",
            "session_token",
            "region",
            "endpoint",
            "virtual_hosted_style_request",
            "server_side_encryption",
            "sse_kms_key_id",
            "sse_bucket_key_enabled",
            "request_payer",
        }
    ),
    "gs": frozenset({"service_account_key"}),
    "az": frozenset(
        {
            "account_name",
            "account_key",
            "sas_key",
            "endpoint",
            "client_id",
            "client_secret",
            "tenant_id",
        }
    ),
    "file": frozenset(),
}
"""What a request may say. Others read files of this machine, or ask addresses for keys: those are
for its settings."""

KEYS: Final[Mapping[Scheme, tuple[tuple[str, ...], ...]]] = {
    "s3": (("access_key_id", "secret_access_key"),),
    "gs": (("service_account_key",),),
    "az": (
        ("account_name", "account_key"),
        ("sas_key",),
        ("client_id", "client_secret", "tenant_id"),
    ),
    "file": (),
}
"""The complete sets, each of which is enough."""
TRUE: Final = frozenset({"1", "true", "yes", "on", "t", "y"})


def scheme_of(url: str, field: str = "url") -> Scheme:
    """Its kind of target; InvalidRequest if it is none, or has what an address mustn't have."""
    name = url.partition("://")[0].lower()
    if "://" not in url or name not in SCHEMES:
        raise InvalidRequest(
            f"{masked_url(url)[:100]!r} is no address of a target.",
            "Uploads go to s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or"
            " file:///folder.",
            field=field,
        )
    scheme = SCHEMES[name]
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _bad(url, str(error), field) from error
    if parts.username or parts.password or "@" in parts.netloc:
        raise InvalidRequest(
            "The address of an upload has keys in it.", "Give them as its options.", field=field
        )
    if parts.query or parts.fragment:
        raise _bad(url, "it has a query or a fragment", field)
    if (scheme == "file") != (not parts.netloc):
        raise _bad(url, "its bucket or folder is missing or too much", field)
    if any(part in (".", "..") for part in unquote(parts.path).split("/")):
        raise _bad(url, "its path has . or ..", field)
    return scheme


def _bad(url: str, why: str, field: str) -> InvalidRequest:
    return InvalidRequest(
        f"{masked_url(url)[:100]} can't be a target: {why}.",
        "Write it as s3://bucket/prefix or file:///folder.",
        field=field,
    )


def check_options(scheme: Scheme, options: Mapping[str, str], field: str = "options") -> None:
    """InvalidRequest for an option that a request may not give."""
    known = OF_REQUESTS[scheme] | CLIENT
    for name in options:
        if name not in known:
            raise InvalidRequest(
                f"An upload to {scheme}:// has no option {name[:64]!r} in a request.",
                f"It has {', '.join(sorted(known))}; whatever else there is can be given in the"
                " settings ([[outputs]]).",
                field=f"{field}.{name[:64]}",
            )
    _check_keys(scheme, options, field)


def _check_keys(scheme: Scheme, options: Mapping[str, str], field: str) -> None:
    """What the environment has of keys goes nowhere that a request names, nor with keys of it."""
    given = {name for name, value in options.items() if value}
    sets = KEYS[scheme]
    names_own = given & {"endpoint", *(name for one in sets for name in one)}
    if names_own and not any(given.issuperset(one) for one in sets):
        raise InvalidRequest(
            "A request that names an endpoint, an account or a key has to give all of its keys:"
            " those of the server's environment are not for it.",
            f"Give {', or '.join(' and '.join(one) for one in sets)}; or set it in the settings.",
            field=field,
        )
