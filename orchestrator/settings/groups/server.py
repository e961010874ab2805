"""Settings of the HTTP server: its address, and who may use it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from orchestrator.settings.value_types import ApiKey, Listed, Network, Origin, PathPrefix


class ServerSettings(BaseModel):
    """The HTTP server."""

    host: str = Field("127.0.0.1", min_length=1, description="Address the server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP API; 0 picks a free one.")
    api_key: ApiKey | None = Field(
        None, description="Key that clients send as X-API-Key; at least 16 characters."
    )
    allowed_origins: Annotated[list[Origin], Listed] = Field(
        [],
        description="Origins of web pages that may call the whole API, e.g. http://localhost:5173.",
    )
    desktop_app: bool | None = Field(
        None,
        description="Let the Haven Player app call its routes; if empty, it may when discovery "
        "includes pumpfun and neither allowed_origins nor api_key is set.",
    )
    trusted_proxies: Annotated[list[Network], Listed] = Field(
        ["127.0.0.0/8", "::1/128"],
        description="Addresses or networks of proxies whose X-Forwarded-* headers are trusted.",
    )
    path_prefix: PathPrefix = Field(
        "",
        description="Path below which a reverse proxy serves the API, e.g. /recorder; empty: the "
        "root.",
    )
