"""What data packets and streams say, as activities (livekit_models.proto). Pure.

Topics that LiveKit's own components use: `lk.chat` and, before 2025, `lk-chat-topic` with JSON;
`lk.transcription`, whose attributes say of which track and segment it is (docs.livekit.io, "Text
streams", "Transcriptions").
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from livekit.protocol import models

from orchestrator.sources.activity import Activity
from orchestrator.sources.livekit.activity import bounds
from orchestrator.sources.livekit.activity.roster import Roster
from orchestrator.sources.livekit.activity.streams import DataStream

CHAT: Final = "lk.chat"
OLD_CHAT: Final = ("lk-chat-topic", "lk-chat-update-topic")
TRANSCRIPTION: Final = "lk.transcription"
CHAPTER: Final = "haven.chapter"
"""A message with this topic is a marker: its text is the title of a chapter."""

_TRACK: Final = "lk.transcribed_track_id"
_SEGMENT: Final = "lk.segment_id"
_FINAL: Final = "lk.transcription_final"

_KNOWN_CHATS: Final = 512
"""Ids of chat messages that are remembered: clients send some in two forms."""

_OPERATIONS: Final = {1: {"edited": True}, 2: {"deleted": True}, 3: {"reaction": True}}
"""DataStream.OperationType."""


class How:
    """How a packet came."""

    def __init__(self, came_ns: int, *, lossy: bool = False, encrypted: bool = False) -> None:
        self.came_ns = came_ns
        self.marks: dict[str, Any] = {"lossy": True} if lossy else {}
        if encrypted:
            self.marks["encrypted"] = True


class Messages:
    """Reads them; `roster` knows the participants."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._chats: OrderedDict[tuple[str, str], str] = OrderedDict()

    def user(self, packet: models.UserPacket, sender: str, how: How) -> Iterator[Activity]:
        """A data message."""
        if packet.topic in OLD_CHAT and (chat := _old_chat(packet.payload)) is not None:
            yield from self._old_chat(chat, sender, how)
            return
        content = bounds.content(packet.payload)
        if packet.topic == CHAPTER and "text" in content:
            yield self._made("chapter", sender, how, title=_title(content["text"]))
            return
        yield self._made("data", sender, how, **_topic(packet.topic), **content)

    def chat(self, message: models.ChatMessage, sender: str, how: How) -> Iterator[Activity]:
        """A chat message of its own packet."""
        edited = message.HasField("edit_timestamp") and message.edit_timestamp > 0
        more = {"edited": edited, "deleted": message.deleted, "generated": message.generated}
        said = {key: True for key, value in more.items() if value}
        yield from self._chat(message.id, message.message, sender, how, said)

    def transcription(
        self, packet: models.Transcription, sender: str, how: How
    ) -> Iterator[Activity]:
        """Segments of a packet, each one activity."""
        who = packet.transcribed_participant_identity or sender
        for segment in packet.segments[:100]:
            yield self._made(
                "transcription",
                who,
                how,
                **_by(sender, who),
                **_given(track=packet.track_id, segment=segment.id, language=segment.language),
                final=segment.final,
                **bounds.text(segment.text),
            )

    def dtmf(self, packet: models.SipDTMF, sender: str, how: How) -> Iterator[Activity]:
        """A key of a telephone."""
        yield self._made("dtmf", sender, how, digit=packet.digit[:1], code=packet.code)

    def stream(self, stream: DataStream, how: How) -> Iterator[Activity]:
        """A stream that has ended."""
        topic, content = stream.header.topic, self._content(stream)
        if topic == CHAT and "text" in content:
            operation = _OPERATIONS.get(stream.header.text_header.operation_type, {})
            more = {key: value for key, value in content.items() if key != "text"} | operation
            reply = stream.header.text_header.reply_to_stream_id
            more |= _given(reply_to=reply)
            yield from self._chat(
                stream.header.stream_id, content["text"], stream.sender, how, more
            )
        elif topic == TRANSCRIPTION and "text" in content:
            yield self._transcription(stream, content, how)
        elif topic == CHAPTER and "text" in content:
            yield self._made("chapter", stream.sender, how, title=_title(content["text"]))
        else:
            yield self._other(stream, content, how)

    # -- inside

    def _content(self, stream: DataStream) -> dict[str, Any]:
        content = bounds.content(stream.content(), size_bytes=stream.size_bytes)
        return content if stream.complete else {**content, "complete": False}

    def _transcription(self, stream: DataStream, content: dict[str, Any], how: How) -> Activity:
        attributes = stream.attributes
        return self._made(
            "transcription",
            stream.sender,
            how,
            began_ns=stream.began_ns,
            **_given(
                track=attributes.get(_TRACK, ""),
                segment=attributes.get(_SEGMENT) or stream.header.stream_id,
            ),
            final=attributes.get(_FINAL, "true").lower() != "false",
            **content,
        )

    def _other(self, stream: DataStream, content: dict[str, Any], how: How) -> Activity:
        header, type = stream.header, "text" if stream.is_text else "file"
        named = {} if stream.is_text else _given(file_name=header.byte_header.name)
        attributes = bounds.attributes(stream.attributes)
        return self._made(
            type,
            stream.sender,
            how,
            began_ns=stream.began_ns,
            **_topic(header.topic),
            **named,
            **_given(mime_type=header.mime_type),
            **({"attributes": attributes} if attributes else {}),
            **content,
        )

    def _old_chat(self, chat: dict[str, Any], sender: str, how: How) -> Iterator[Activity]:
        """livekit components-js: with `ignoreLegacy` the same comes as a text stream, too."""
        if chat.get("ignoreLegacy") is True:
            return
        edited = {"edited": True} if chat.get("editTimestamp") else {}
        yield from self._chat(str(chat.get("id", "")), str(chat["message"]), sender, how, edited)

    def _chat(
        self, id: str, message: str, sender: str, how: How, more: dict[str, Any]
    ) -> Iterator[Activity]:
        key, id = (sender, id), bounds.name(id)
        if id and self._chats.get(key) == message and "deleted" not in more:
            return  # in its other form
        self._chats[key] = message[: bounds.MOST_CONTENT_BYTES]
        if len(self._chats) > _KNOWN_CHATS:
            self._chats.popitem(last=False)
        yield self._made("chat", sender, how, **_given(id=id), **bounds.text(message), **more)

    def _made(self, type: str, sender: str, how: How, **values: Any) -> Activity:
        return Activity(type, how.came_ns, self._roster.find(sender), {**values, **how.marks})


def _old_chat(payload: bytes) -> dict[str, Any] | None:
    if len(payload) > bounds.MOST_CONTENT_BYTES:
        return None
    try:
        chat = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return chat if isinstance(chat, dict) and isinstance(chat.get("message"), str) else None


def _title(text: str) -> str:
    return bounds.name(" ".join(text.split()))


def _topic(topic: str) -> dict[str, str]:
    return _given(topic=topic)


def _by(sender: str, who: str) -> dict[str, str]:
    """Who wrote down what another said."""
    return _given(by=sender) if sender != who else {}


def _given(**names: str) -> dict[str, str]:
    """Those that aren't empty."""
    return {key: bounds.name(value) for key, value in names.items() if value}
