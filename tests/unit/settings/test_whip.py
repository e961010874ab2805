"""Settings of publishers: ports and addresses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchestrator.settings import Settings


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        (None, None),
        ("", None),
        ("50000", range(50_000, 50_001)),
        ("50000-50010", range(50_000, 50_011)),
        ("1024-65535", range(1024, 65_536)),
    ],
)
def test_ports(given: str | None, ports: range | None) -> None:
    assert Settings(whip_udp_ports=given).whip_ports == ports


@pytest.mark.parametrize("given", ["80", "50010-50000", "50000-", "a-b", "65535-65536", "-1"])
def test_ports_that_are_none(given: str) -> None:
    with pytest.raises(ValidationError, match="a port or a range like 50000-50010"):
        Settings(whip_udp_ports=given)


def test_addresses() -> None:
    given = Settings(whip_public_address="203.0.113.5, 2001:DB8::1")
    assert given.whip_public_address == ["203.0.113.5", "2001:db8::1"]
    with pytest.raises(ValidationError, match="is not an address"):
        Settings(whip_public_address=["recorder.example"])
