"""Whose certificates are believed: the bundled ffmpeg's OpenSSL looks where no system has them."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

import certifi


def authorities() -> Mapping[str, str]:
    """For ffmpeg's environment: SSL_CERT_FILE of ours, else of the system, else of certifi."""
    file = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return {"SSL_CERT_FILE": file or certifi.where()}
