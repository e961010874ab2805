"""Which hosts the options of a target name, and whether a request may lead to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator.errors import InvalidRequest
from orchestrator.target_addresses import checked_addresses
from orchestrator.uploads.options import TRUE

_ADDRESSES_OF_KEY: Final = ("token_uri", "gcs_base_url")
"""In a service account's JSON."""


async def check_addresses(
    options: Mapping[str, str], field: str = "", *, private: bool = False
) -> list[str]:
    """Those of the hosts that can't be looked up now.

    InvalidRequest for one of this machine or a private network, unless `private`. `field`: what
    the names of its fields begin with.
    """
    unknown = []
    for name, address in _addresses(options, field).items():
        host = _host(address, options, name)
        if not await checked_addresses(host, name, private=private):
            unknown.append(host)
    return unknown


def _addresses(options: Mapping[str, str], field: str) -> dict[str, str]:
    """All that the target would be asked at, by the field that names it."""
    found = {f"{field}options.endpoint": options["endpoint"]} if "endpoint" in options else {}
    if (key := options.get("service_account_key")) is not None:
        values = _service_account(key, f"{field}options.service_account_key")
        name = f"{field}options.service_account_key"
        found |= {f"{name}.{one}": str(values[one]) for one in _ADDRESSES_OF_KEY if values.get(one)}
    return found


def _service_account(key: str, field: str) -> dict[str, Any]:
    try:
        values = json.loads(key)
    except ValueError:
        values = None
    if isinstance(values, dict):
        return values
    raise InvalidRequest(
        "service_account_key is no JSON of a service account.",
        "Give the whole content of its key file.",
        field=field,
    )


def _host(address: str, options: Mapping[str, str], field: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidRequest(
            f"{field} is no address of a server.", "Write it as https://host.", field=field
        )
    if parts.scheme == "http" and options.get("allow_http", "").lower() not in TRUE:
        raise InvalidRequest(
            f"{field} has no TLS: what is uploaded could be read on its way.",
            "Use https://, or set the option allow_http to true.",
            field=field,
        )
    return parts.hostname
