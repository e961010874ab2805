"""Data packets of a room as activities: what they say, what is left out; nothing raises."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.sources.activity import Activity
from orchestrator.sources.e2ee.derivation import derived
from orchestrator.sources.e2ee.room_keys import RoomKeys
from orchestrator.sources.livekit.activity import room_activity
from orchestrator.sources.livekit.activity.bounds import MOST_CONTENT_BYTES
from orchestrator.sources.livekit.activity.room_activity import RoomActivity

_D = models.DataStream
PASSPHRASE = "of the tests"


class Room:
    """A room with one participant, Ann, and what was said of it."""

    def __init__(self, keys: E2eeKeys | None = None) -> None:
        self.told: list[Activity] = []
        self.activity = RoomActivity(self.told.append, RoomKeys(keys))
        ann = models.ParticipantInfo(identity="ann", sid="PA_ann", name="Ann")
        self.activity.connected(rtc.JoinResponse(other_participants=[ann]))
        self.told.clear()

    def send(self, channel: str = "_reliable", **packet: Any) -> list[Activity]:
        """What comes of a packet."""
        before = len(self.told)
        data = models.DataPacket(participant_identity="ann", **packet)
        self.activity.data(channel, data.SerializeToString(), 7)
        return self.told[before:]

    def user(self, payload: bytes, topic: str = "t", channel: str = "_reliable") -> list[Activity]:
        packet = models.UserPacket(payload=payload, topic=topic)
        return self.send(channel, user=packet)

    def text(self, text: str, topic: str, id: str = "s", **attributes: str) -> list[Activity]:
        """A text stream."""
        named = {key.replace("__", "."): value for key, value in attributes.items()}
        head = _D.Header(stream_id=id, topic=topic, attributes=named, text_header=_D.TextHeader())
        return [
            *self.send(stream_header=head),
            *self.send(stream_chunk=_D.Chunk(stream_id=id, content=text.encode())),
            *self.send(stream_trailer=_D.Trailer(stream_id=id)),
        ]


async def test_a_data_message_is_text_or_base64() -> None:
    room = Room()
    (text,) = room.user("grüß".encode())
    assert (text.type, text.time_ns) == ("data", 7)
    assert text.values == {"topic": "t", "text": "grüß"}
    assert text.participant is not None
    assert text.participant.as_json() == {"identity": "ann", "name": "Ann", "kind": "standard"}
    (binary,) = room.user(b"\xff\x00", channel="_lossy")
    assert binary.values == {"topic": "t", "base64": "/wA=", "lossy": True}
    assert room.user(b"x", channel="_other") == []


async def test_a_message_that_is_too_long_is_cut_between_characters() -> None:
    (cut,) = Room().user(("x" + "ü" * MOST_CONTENT_BYTES).encode())
    assert cut.values["cut"] is True
    assert cut.values["size_bytes"] == 2 * MOST_CONTENT_BYTES + 1
    assert cut.values["text"] == "x" + "ü" * ((MOST_CONTENT_BYTES - 1) // 2)


async def test_chat_comes_once_in_whichever_form() -> None:
    room = Room()
    packet = models.ChatMessage(id="1", message="hi")
    (chat,) = room.send(chat_message=packet)
    assert (chat.type, chat.values) == ("chat", {"id": "1", "text": "hi"})
    assert room.text("hi", "lk.chat", id="1") == [], "the same as a text stream"
    (other,) = room.text("hi", "lk.chat", id="2")
    assert other.values == {"id": "2", "text": "hi"}
    old = json.dumps({"id": "3", "message": "old", "timestamp": 1}).encode()
    assert [each.values["text"] for each in room.user(old, "lk-chat-topic")] == ["old"]
    both = json.dumps({"id": "4", "message": "x", "ignoreLegacy": True}).encode()
    assert room.user(both, "lk-chat-topic") == [], "it comes as a text stream, too"
    packet = models.ChatMessage(id="1", message="hi!", edit_timestamp=5)
    (edited,) = room.send(chat_message=packet)
    assert edited.values == {"id": "1", "text": "hi!", "edited": True}


async def test_what_is_no_chat_of_the_old_kind_is_a_message() -> None:
    for payload in (b"{", b"[]", b'{"message": 1}', b"[" * 100_000):
        (data,) = Room().user(payload, "lk-chat-topic")
        assert data.type == "data"


async def test_transcriptions_of_both_kinds() -> None:
    room = Room()
    segment = models.TranscriptionSegment(id="a", text="hello", final=True, language="en")
    packet = models.Transcription(
        transcribed_participant_identity="bob", track_id="TR_1", segments=[segment, segment]
    )
    first, second = room.send(transcription=packet)
    assert first.values == second.values
    assert first.values == {
        "by": "ann",
        "track": "TR_1",
        "segment": "a",
        "language": "en",
        "final": True,
        "text": "hello",
    }
    assert first.participant is not None
    assert first.participant.identity == "bob"
    (interim,) = room.text(
        "hel", "lk.transcription", lk__segment_id="b", lk__transcription_final="false"
    )
    assert (interim.values["segment"], interim.values["final"]) == ("b", False)
    assert interim.values["began_ns"] == 7


async def test_markers_streams_files_and_keys_of_telephones() -> None:
    room = Room()
    (chapter,) = room.user(b" The \n beginning ", "haven.chapter")
    assert (chapter.type, chapter.values) == ("chapter", {"title": "The beginning"})
    (text,) = room.text("body", "notes", mood="good")
    assert (text.type, text.values["attributes"]) == ("text", {"mood": "good"})
    header = _D.Header(stream_id="f", topic="files", byte_header=_D.ByteHeader(name="a.png"))
    room.send(stream_header=header)
    (file,) = room.send(stream_trailer=_D.Trailer(stream_id="f"))
    assert (file.type, file.values["file_name"], file.values["text"]) == ("file", "a.png", "")
    (key,) = room.send(sip_dtmf=models.SipDTMF(code=5, digit="5"))
    assert (key.type, key.values) == ("dtmf", {"digit": "5", "code": 5})


async def test_a_stream_that_never_ends_is_incomplete_when_the_connection_does() -> None:
    room = Room()
    room.send(stream_header=_D.Header(stream_id="s", topic="t", text_header=_D.TextHeader()))
    room.send(stream_chunk=_D.Chunk(stream_id="s", content=b"half"))
    room.activity.disconnected()
    assert [each.values for each in room.told] == [
        {"began_ns": 7, "topic": "t", "text": "half", "complete": False}
    ]


async def test_what_is_for_others_brings_nothing() -> None:
    room = Room()
    assert room.send(rpc_ack=models.RpcAck(request_id="1")) == []
    assert room.send(speaker=models.ActiveSpeakerUpdate()) == []


def sealed(user: models.UserPacket, passphrase: str = PASSPHRASE) -> models.EncryptedPacket:
    iv = os.urandom(12)
    key = AESGCM(derived("pbkdf2", passphrase.encode(), 16))
    plain = models.EncryptedPacketPayload(user=user).SerializeToString()
    return models.EncryptedPacket(
        encryption_type=models.Encryption.Type.GCM,
        iv=iv,
        encrypted_value=key.encrypt(iv, plain, b""),
    )


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_encrypted_packets_wait_for_their_key_and_keep_their_order() -> None:
    room = Room(E2eeKeys.model_validate({"passphrase": PASSPHRASE}))
    for number in range(3):
        packet = sealed(models.UserPacket(payload=b"%d" % number))
        data = models.DataPacket(participant_identity="ann", encrypted_packet=packet)
        # As a datagram has it: the key is being derived in the first milliseconds.
        room.activity.data("_reliable", data.SerializeToString(), asyncio_now_ns())
    await until(lambda: len(room.told) == 3)
    assert [each.values["text"] for each in room.told] == ["0", "1", "2"]
    assert all(each.values["encrypted"] for each in room.told)


def asyncio_now_ns() -> int:
    import time

    return time.monotonic_ns()


@pytest.mark.parametrize(
    ("keys", "why"),
    [(None, "no key is given for it"), ("another", "is not the right one")],
)
async def test_what_can_not_be_decrypted_is_counted_and_said(keys: str | None, why: str) -> None:
    given_keys = E2eeKeys.model_validate({"passphrase": keys}) if keys else None
    room = Room(given_keys)
    for _ in range(3):
        room.send(encrypted_packet=sealed(models.UserPacket(payload=b"secret")))
    room.activity.disconnected()
    (left_out,) = room.told
    assert left_out.type == "left_out"
    assert left_out.values["count"] == 3
    assert why in left_out.values["reason"]
    assert left_out.problem is not None
    assert "'ann'" in left_out.problem


async def test_packets_that_are_not_of_their_kind_are_left_out() -> None:
    room = Room(E2eeKeys.model_validate({"passphrase": PASSPHRASE}))
    kinds = models.Encryption.Type
    room.send(encrypted_packet=models.EncryptedPacket(encryption_type=kinds.CUSTOM))
    bad = models.EncryptedPacket(encryption_type=kinds.GCM, iv=bytes(12), encrypted_value=b"short")
    room.send(encrypted_packet=bad)
    room.activity.data("_reliable", b"\xff\xff", 7)
    room.activity.disconnected()
    assert [each.values["count"] for each in room.told] == [1, 1, 1]


async def test_a_flood_is_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_activity, "PACKETS_AT_ONCE", 10)
    monkeypatch.setattr(room_activity, "PACKETS_PER_S", 0.001)
    room = Room()
    for _ in range(15):
        room.user(b"x")
    room.activity.disconnected()
    assert [each.type for each in room.told] == ["data"] * 10 + ["left_out"]
    assert room.told[-1].values["count"] == 5


async def test_what_is_left_out_is_said_while_the_connection_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room_activity, "REPORT_S", 0.01)
    room = Room()
    room.activity.data("_reliable", b"\xff\xff", 7)
    await until(lambda: room.told)
    assert room.told[0].values == {"count": 1, "reason": "they could not be read"}
    room.activity.disconnected()


async def test_a_fault_of_ours_does_not_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(room.activity, "_packet", fails)
    room.user(b"x")
    room.activity.disconnected()
    assert room.told[0].values["reason"] == "they could not be handled"


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_raise(messages: list[bytes]) -> None:
    async def take() -> None:
        room = Room()
        for each in messages:
            room.activity.data("_reliable", each, 7)
        room.activity.disconnected()
        json.dumps([dict(each.values) for each in room.told])

    asyncio.run(take())
