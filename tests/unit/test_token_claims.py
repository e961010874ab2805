"""What a LiveKit token says."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from livekit import api

from orchestrator.token_claims import TokenClaims, claims_of, has_expired
from tests.kit.livekit.server import KEY, SECRET


def token_of(payload: Any) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, payload, "signature")
    encoded = (urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in encoded)


def test_a_real_token() -> None:
    grants = api.VideoGrants(room_join=True, room="Räume/💥 №1")
    life = timedelta(minutes=10)
    minted = api.AccessToken(KEY, SECRET).with_identity("viewer").with_grants(grants)
    token = minted.with_ttl(life).to_jwt()
    claims = claims_of(token)
    assert claims.room == "Räume/💥 №1"
    assert claims.expires_at is not None
    assert claims.expires_at == pytest.approx(time.time() + 600, abs=60)
    assert not has_expired(token, time.time())
    assert has_expired(token, claims.expires_at)


@pytest.mark.parametrize(
    ("payload", "claims"),
    [
        ({}, TokenClaims(None, None)),
        ({"video": {"room": ""}, "exp": "soon"}, TokenClaims(None, None)),
        ({"video": [], "exp": True}, TokenClaims(None, None)),
        ({"video": None, "exp": 10**400}, TokenClaims(None, None)),
        ({"video": {"room": "r"}, "exp": 7.5}, TokenClaims("r", 7.5)),
    ],
)
def test_claims_that_are_left_out(payload: Any, claims: TokenClaims) -> None:
    assert claims_of(token_of(payload)) == claims


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.💥.c", token_of([]), token_of(None)])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(ValueError, match="not a JWT"):
        claims_of(token)
    assert not has_expired(token, time.time())
