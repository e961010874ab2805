"""Names that have to be escaped, in addresses with a signature.

obstore (0.12.1) escapes nothing in those for Google: one for `a#1.mp4` is for the object `a`. For
Azure it signs the escaped name, which Azure doesn't accept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_FIELDS: Final = ("si", "sip", "spr", "sv", "sr", "snapshot", "ses")
_FIELDS_OF_ANSWER: Final = ("rscc", "rscd", "rsce", "rscl", "rsct")
"""What is signed besides permissions, times and name, in this order, from version 2020-12-06 on:
learn.microsoft.com/rest/api/storageservices/create-service-sas."""


def escaped(name: str) -> str:
    """As the path of an address has it."""
    return quote(name, safe="/~")


def signed_for_azure(address: str, account: str, key: str, name: str) -> str:
    """The address with a signature over the name as it is.

    `name`: the container's, a slash, and the blob's; `key`: the account's, in base64.
    """
    parts = urlsplit(address)
    given = dict(parse_qsl(parts.query))
    fields = [given.get(one, "") for one in ("sp", "st", "se")]
    fields += [f"/blob/{account}/{name}"]
    fields += [given.get(one, "") for one in (*_FIELDS, *_FIELDS_OF_ANSWER)]
    digest = hmac.digest(base64.b64decode(key), "\n".join(fields).encode(), hashlib.sha256)
    query = urlencode(given | {"sig": base64.b64encode(digest).decode()})
    return urlunsplit(parts._replace(query=query))
