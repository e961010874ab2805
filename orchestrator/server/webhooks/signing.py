"""Headers that prove to a receiver who calls it, and when. Pure.

`hmac` is Standard Webhooks' symmetric signature (standardwebhooks.com, "Signature scheme"), which
its libraries verify. `livekit` is what LiveKit's servers send (protocol `webhook/url_notifier.go`),
which the WebhookReceiver of its SDKs verifies.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import jwt

from orchestrator import __version__
from orchestrator.outputs.webhooks import Webhook, signing_key

VALID_S: Final = 300
"""How long LiveKit's token is valid; for Standard Webhooks receivers decide that, mostly alike."""


def headers(webhook: Webhook, id: str, body: bytes, now_s: int) -> Mapping[str, str]:
    """All headers of one attempt; `now_s` is Unix time."""
    key = None if webhook.key is None else webhook.key.get_secret_value()
    common = {
        "User-Agent": f"haven-recorder/{__version__}",
        "Accept-Encoding": "identity",
        "webhook-id": id,
        "webhook-timestamp": str(now_s),
    }
    if key is None:
        return common | {"Content-Type": "application/json"}
    if webhook.signature == "livekit":
        token = _livekit_token(key, body, now_s)
        return common | {"Content-Type": "application/webhook+json", "Authorization": token}
    signature = hmac_signature(signing_key(key), id, now_s, body)
    return common | {"Content-Type": "application/json", "webhook-signature": signature}


def hmac_signature(key: bytes, id: str, now_s: int, body: bytes) -> str:
    """`v1,` and base64 of the HMAC-SHA256 of id, timestamp and body, joined by full stops."""
    signed = b".".join((id.encode(), str(now_s).encode(), body))
    return "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()


def _livekit_token(key: str, body: bytes, now_s: int) -> str:
    name, _, secret = key.partition(":")
    digest = b64encode(hashlib.sha256(body).digest()).decode()
    claims = {"iss": name, "nbf": now_s, "exp": now_s + VALID_S, "sha256": digest}
    return jwt.encode(claims, secret, "HS256")
