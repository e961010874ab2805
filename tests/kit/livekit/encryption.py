"""End-to-end encryption as the `livekit` SDK does it, for publishers of the tests."""

from __future__ import annotations

from typing import Any, Final

from livekit import rtc
from livekit.rtc import e2ee
from livekit.rtc._proto.e2ee_pb2 import KeyDerivationFunction

from orchestrator.e2ee_keys import E2eeKeys
from tests.kit.livekit.rooms import Publisher

PASSPHRASE: Final = "what the people of the tests agreed on"


def shared(passphrase: str = PASSPHRASE, *, hkdf: bool = False) -> rtc.E2EEOptions:
    """A key that all share; the SDK derives it by PBKDF2 unless told otherwise."""
    kdf = KeyDerivationFunction.HKDF if hkdf else KeyDerivationFunction.PBKDF2
    options = e2ee.KeyProviderOptions(passphrase.encode(), key_derivation_function=kdf)
    return rtc.E2EEOptions(key_provider_options=options)


def given(passphrase: str = PASSPHRASE, **more: Any) -> E2eeKeys:
    """The same for a recording."""
    return E2eeKeys.model_validate({"passphrase": passphrase} | more)


def own() -> rtc.E2EEOptions:
    """Each participant has a key of its own, which `set_key` gives it."""
    return rtc.E2EEOptions(key_provider_options=e2ee.KeyProviderOptions())


def provider(publisher: Publisher) -> e2ee.KeyProvider:
    """What holds its keys."""
    held = publisher.room.e2ee_manager.key_provider
    assert held is not None
    return held


def use_index(publisher: Publisher, index: int) -> None:
    """Encrypts with the key of another index from now on."""
    for cryptor in publisher.room.e2ee_manager.frame_cryptors():
        if cryptor.participant_identity == publisher.room.local_participant.identity:
            cryptor.set_key_index(index)
