"""Settings of publishers that send to us (WHIP)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field

from orchestrator.settings.value_types import Listed

_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def _ports(value: str) -> str:
    _range(value)
    return value


def _range(value: str) -> range:
    found = _PORTS.fullmatch(value)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1024 <= first <= last <= 65535:
        raise ValueError("should be a port or a range like 50000-50010, from 1024 to 65535")
    return range(first, last + 1)


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an address like 203.0.113.5") from None


class WhipSettings(BaseModel):
    """Publishers that send to this server."""

    max_publishers: int = Field(
        16, ge=1, le=1000, description="Most publishers that are connected at the same time."
    )
    whip_udp_ports: Annotated[str, AfterValidator(_ports)] | None = Field(
        None,
        description="UDP port or range of ports that publishers send to, e.g. 50000-50010, one for "
        "each publisher; empty: any.",
    )
    whip_public_address: Annotated[list[Annotated[str, AfterValidator(_address)]], Listed] = Field(
        [],
        description="Public addresses of this machine behind a router or in a container that "
        "forwards the same UDP ports.",
    )

    @property
    def whip_ports(self) -> range | None:
        """The UDP ports; None: any."""
        return None if self.whip_udp_ports is None else _range(self.whip_udp_ports)
