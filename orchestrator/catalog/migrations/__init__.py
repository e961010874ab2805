"""The catalog's schema, revision by revision. Imports nothing: opening the catalog stays quick."""

from typing import Final

REVISIONS: Final = (
    *("0001", "0002", "0003", "0004", "0005"),
    *("0006", "0007", "0008", "0009", "0010"),
    *("0011", "0012", "0013"),
)
"""Every revision this program knows, oldest first; a test holds it equal to versions/."""
