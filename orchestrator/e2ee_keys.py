"""The keys of end-to-end encrypted rooms, as requests and settings give them.

Secrets: `repr` and errors don't show them. What is made of them is a matter of `sources.e2ee`.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

RING: Final = 16
"""Keys of one participant at a time, each with its index (livekit client-sdk-js, src/e2ee)."""

KEY_ADVICE: Final = (
    "Give the key of the room (`e2ee` of the request, --e2ee-passphrase-file, or the setting"
    " e2ee), then start again."
)
"""For whom something can't be decrypted."""

MOST_PARTICIPANTS: Final = 1000
LONGEST_IDENTITY: Final = 512
MOST_RATCHETS: Final = 64

Kdf = Literal["pbkdf2", "hkdf"]


def _passphrase(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not 1 <= len(text) <= 1024:
        raise ValueError("a passphrase has 1 to 1024 characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a passphrase is text that UTF-8 can hold")
    return value


def _key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        length = len(_raw(text)) if len(text) <= 1400 else 0
    except ValueError:
        raise ValueError("a key is base64, as of 32 random bytes") from None
    if not 1 <= length <= 1024:
        raise ValueError("a key has 1 to 1024 bytes, written as base64")
    return value


def _raw(text: str) -> bytes:
    """Base64, also of the alphabet for addresses and without padding (RFC 4648 §4, §5)."""
    standard = text.strip().translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


_CONFIG: Final = ConfigDict(
    frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
)


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class SecretKey(BaseModel):
    """One key: a passphrase, or bytes."""

    model_config = _CONFIG | _example({"passphrase": "correct horse", "key_index": 1})

    passphrase: Annotated[SecretStr, AfterValidator(_passphrase)] | None = None
    """The passphrase of the room, as given to LiveKit's clients as text."""
    key: Annotated[SecretStr, AfterValidator(_key)] | None = None
    """Instead of a passphrase: bytes in base64, as given to LiveKit's clients as an ArrayBuffer or
    bytes."""
    kdf: Kdf | None = None
    """How the key of a frame is derived from it. Null: pbkdf2 for a passphrase, hkdf for a key, as
    browsers have it; clients other than browsers use pbkdf2 for both unless told otherwise."""
    key_index: int = Field(0, ge=0, lt=RING)
    """Its index among the keys of a publisher."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.passphrase is not None and self.key is not None:
            raise ValueError("give a passphrase or a key, not both")
        if self.kdf is not None and self.material is None:
            raise ValueError("kdf is of use with a passphrase or a key only")
        return self

    @property
    def material(self) -> bytes | None:
        """What is derived from; None without a key."""
        if self.passphrase is not None:
            return self.passphrase.get_secret_value().encode()
        return None if self.key is None else _raw(self.key.get_secret_value())

    @property
    def derivation(self) -> Kdf:
        """How, with the default resolved."""
        return self.kdf or ("hkdf" if self.passphrase is None else "pbkdf2")


class ParticipantKeys(SecretKey):
    """The keys of one participant, or those that all share."""

    model_config = _CONFIG | _example({"key": "AAECAwQFBgcICQoLDA0ODw==", "kdf": "pbkdf2"})

    keys: list[SecretKey] = Field([], max_length=RING)
    """Further keys, each with another `key_index`, which publishers may change to."""

    @model_validator(mode="after")
    def _are_keys(self) -> Self:
        if any(each.material is None for each in self.keys):
            raise ValueError("each of keys needs a passphrase or a key")
        indexes = [each.key_index for each in self.all]
        if len(set(indexes)) < len(indexes):
            raise ValueError("each key needs a key_index of its own")
        if not self.all and self._needs_one:
            raise ValueError("give a passphrase or a key; neither may be empty")
        return self

    @property
    def _needs_one(self) -> bool:
        return True

    @property
    def all(self) -> list[SecretKey]:
        """Each key that there is."""
        own: list[SecretKey] = [] if self.material is None else [self]
        return [*own, *self.keys]


class E2eeKeys(ParticipantKeys):
    """The keys of an end-to-end encrypted LiveKit room."""

    model_config = _CONFIG | _example({"passphrase": "correct horse battery staple"})

    ratchet_window: int = Field(RING, ge=0, le=MOST_RATCHETS)
    """How many times further than known a publisher may have ratcheted its key."""
    participants: dict[
        Annotated[str, Field(min_length=1, max_length=LONGEST_IDENTITY)], ParticipantKeys
    ] = Field({}, max_length=MOST_PARTICIPANTS)
    """Keys of participants that don't share the others', by identity."""

    @property
    def _needs_one(self) -> bool:
        return not self.participants

    def covers(self, participant: str) -> bool:
        """Whether there is a key for it, by its identity."""
        return bool(self.participants.get(participant, self).all)

    def plain(self) -> str:
        """All of it as JSON, secrets in plain text: for sealing, or a worker's standard input."""
        return json.dumps(revealed(self))

    @classmethod
    def read(cls, text: str) -> E2eeKeys:
        """Reads what `plain` wrote."""
        return cls.model_validate_json(text)


def revealed(value: Any) -> Any:
    """A value of these models as JSON has it, secrets in plain text."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: revealed(each) for name, each in value if each is not None}
    if isinstance(value, dict):
        return {name: revealed(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(each) for each in value]
    return value
