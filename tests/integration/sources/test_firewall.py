"""Behind a firewall that lets no UDP through: by way of the server's TURN, over TLS."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kit.network import TURN_DOMAIN, walled, why_no_namespaces

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.livekit,
    pytest.mark.skipif(why_no_namespaces() is not None, reason=str(why_no_namespaces())),
]

PROGRAM = (sys.executable, "-m", "tests.kit.sources.firewalled")


def certify(folder: Path) -> Path:
    """A certificate for the TURN server, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TURN_DOMAIN)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TURN_DOMAIN)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "turn.key").write_bytes(secret)
    (folder / "turn.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "turn.crt"


async def test_without_udp_the_relay_by_tls_is_used_though_that_by_udp_is_first(
    tmp_path: Path,
) -> None:
    environment = os.environ | {"SSL_CERT_FILE": str(certify(tmp_path))}
    with walled() as wall:
        server = await asyncio.create_subprocess_exec(
            *(*wall.outside, *PROGRAM, "outside", str(tmp_path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            async with asyncio.timeout(40):
                url, token = (await server.stdout.readline()).decode().split()
            recorder = await asyncio.create_subprocess_exec(
                *(*wall.inside, *PROGRAM, "inside", url, token),
                stdout=asyncio.subprocess.PIPE,
                env=environment,
            )
            async with asyncio.timeout(60):
                output, _ = await recorder.communicate()
        finally:
            await server.communicate(b"")
    assert recorder.returncode == 0
    print(f"frames after {output.decode().strip()} s")
    assert float(output) < 5
