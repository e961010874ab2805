"""Keys that publishers change: by index, by ratcheting, each its own."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from orchestrator.e2ee_keys import E2eeKeys, Kdf
from orchestrator.sources.e2ee import derivation, room_keys
from orchestrator.sources.e2ee.frame_layout import parts_of
from orchestrator.sources.e2ee.key_ring import EMPTY, SEARCHES, KeyRing, Undecryptable
from orchestrator.sources.e2ee.room_keys import RoomKeys
from tests.kit.clocks import HandClock
from tests.kit.encoded.encrypting import Encryptor

FIRST, SECOND = b"first key of 16+", b"another key here"
SILENCE = b"\xf8\xff\xfe"


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def room(**given: Any) -> RoomKeys:
    return RoomKeys(E2eeKeys.model_validate(given))


def opens(ring: KeyRing, sender: Encryptor) -> bool:
    frame = parts_of("OPUS", sender.encrypt("OPUS", SILENCE))
    assert frame is not None
    try:
        return ring.decrypt(frame) == SILENCE
    except Undecryptable:
        return False


def test_ratcheted_keys_are_found_up_to_the_window_and_from_there_on() -> None:
    ring, sender = room(key=encoded(FIRST), ratchet_window=3).ring("anna"), Encryptor(FIRST)
    assert opens(ring, sender)
    for step in (3, 1, 2):
        for _ in range(step):
            sender.ratchet()
        assert opens(ring, sender)
    for _ in range(4):
        sender.ratchet()
    assert not opens(ring, sender)


def test_without_a_window_nothing_is_ratcheted() -> None:
    ring, sender = room(key=encoded(FIRST), ratchet_window=0).ring("anna"), Encryptor(FIRST)
    assert opens(ring, sender)
    sender.ratchet()
    assert not opens(ring, sender)


def test_late_frames_and_a_publisher_that_begins_anew_are_taken() -> None:
    ring, sender, before = room(key=encoded(FIRST)).ring("anna"), Encryptor(FIRST), Encryptor(FIRST)
    for _ in range(5):
        sender.ratchet()
    assert opens(ring, sender)
    assert opens(ring, before)
    assert opens(ring, sender)


def test_each_participant_ratchets_the_shared_key_alone() -> None:
    keys = room(key=encoded(FIRST))
    anna, ben = keys.ring("anna"), keys.ring("ben")
    assert anna is not ben
    assert keys.ring("anna") is anna
    sender = Encryptor(FIRST)
    for _ in range(12):
        sender.ratchet()
    assert opens(anna, sender)
    assert opens(ben, Encryptor(FIRST))


def test_keys_of_participants_and_of_indexes() -> None:
    keys = room(
        key=encoded(FIRST),
        keys=[{"key": encoded(SECOND), "key_index": 5}],
        participants={"ben": {"key": encoded(SECOND)}},
    )
    assert opens(keys.ring("anna"), Encryptor(FIRST))
    assert opens(keys.ring("anna"), Encryptor(SECOND, index=5))
    assert not opens(keys.ring("anna"), Encryptor(SECOND))
    assert opens(keys.ring("ben"), Encryptor(SECOND))
    assert not opens(keys.ring("ben"), Encryptor(FIRST))


def test_who_has_no_key() -> None:
    keys = room(participants={"ben": {"passphrase": "x"}})
    assert keys.has_key("ben")
    assert not keys.has_key("anna")
    assert keys.ring("anna") is EMPTY
    assert not RoomKeys(None).has_key("anna")


def test_a_wrong_key_costs_little() -> None:
    clock = HandClock()
    keys = room(key=encoded(FIRST), ratchet_window=64)
    ring = KeyRing(keys._shared, 64, clock)
    wrong = Encryptor(SECOND)
    for _ in range(SEARCHES):
        assert not opens(ring, wrong)
    right = Encryptor(FIRST)
    for _ in range(9):
        right.ratchet()
    assert not opens(ring, right), "it isn't searched for with each frame"
    clock.now += 0.6
    assert opens(ring, right)


def test_a_passphrase_is_derived_in_another_thread() -> None:
    sender = Encryptor(b"correct horse", hkdf=False)
    frame = parts_of("OPUS", sender.encrypt("OPUS", SILENCE))
    assert frame is not None
    keys = room(passphrase="correct horse")
    ring = keys.ring("anna")
    with pytest.raises(Undecryptable) as not_yet:
        ring.decrypt(frame)
    assert not_yet.value.yet
    assert not_yet.value.untried
    assert "still being derived" in not_yet.value.why
    deadline = time.monotonic() + 20
    while not opens(ring, sender):
        assert time.monotonic() < deadline
    assert len(keys._shared[0].known) == 1, "nobody ratcheted it"


def test_a_right_key_does_not_wait_for_wrong_ones_to_be_ratcheted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[bytes] = []
    derived = derivation.derived

    def noted(kdf: Kdf, material: bytes, length: int) -> bytes:
        made.append(material)
        return derived(kdf, material, length)

    monkeypatch.setattr(derivation, "derived", noted)
    keys = room(
        passphrase="wrong",
        participants={"ben": {"passphrase": "wrong, too"}, "cleo": {"passphrase": "the right one"}},
    )
    sender = Encryptor(b"the right one", hkdf=False)
    wrong = [keys.ring("anna"), keys.ring("ben")]
    deadline = time.monotonic() + 20
    while not all(each[0].known for each in (keys._shared, keys._derived["ben"])):
        assert time.monotonic() < deadline
    assert not any(opens(ring, sender) for ring in wrong)
    ring = keys.ring("cleo")
    while not opens(ring, sender):
        assert time.monotonic() < deadline
    assert made.index(b"the right one") < 20, "of some 70"


def test_rings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_keys, "MOST_RINGS", 3)
    keys = room(key=encoded(FIRST))
    first = keys.ring("0")
    for number in range(3):
        keys.ring(str(number))
    assert keys.ring("0") is first
    keys.ring("3")
    assert len(keys._rings) == 3
    assert keys.ring("0") is first, "it was used last"


def test_keys_are_in_no_representation() -> None:
    keys = room(passphrase="s3cret", participants={"ben": {"key": encoded(b"s3cret")}})
    text = f"{keys} {keys._shared} {keys.ring('ben')!r} {E2eeKeys(passphrase='s3cret')!r}"
    assert not [word for word in ("s3cret", encoded(b"s3cret")) if word in text]
