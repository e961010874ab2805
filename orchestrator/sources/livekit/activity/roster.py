"""Who is in a room, across all connections to it: what changes becomes activities. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from livekit.protocol import models

from orchestrator.sources.activity import Activity, Participant
from orchestrator.sources.livekit.activity import bounds
from orchestrator.sources.livekit.room import LONGEST_NAME, MOST_PARTICIPANTS

_GONE: Final = models.ParticipantInfo.State.DISCONNECTED


@dataclass(slots=True)
class _Known:
    sid: str
    version: int
    participant: Participant
    metadata: str
    attributes: dict[str, str]
    speaking: bool = False


class Roster:
    """The participants, by identity."""

    def __init__(self) -> None:
        self._by_identity: dict[str, _Known] = {}
        self._identities: dict[str, str] = {}
        """By sid."""
        self._me = ""

    def find(self, identity: str) -> Participant | None:
        """One by its identity; None for the empty one, which the server has."""
        known = self._by_identity.get(identity)
        if known is not None:
            return known.participant
        return Participant(bounds.name(identity), kind="unknown") if identity else None

    def connected(
        self, me: str, infos: Sequence[models.ParticipantInfo], now_ns: int, *, again: bool
    ) -> Iterator[Activity]:
        """A connection begins: all who are there. `again`: not the first one.

        The first one begins with `roster`, which names all who are there.
        Who was there before and still is brings nothing, whatever its sid is now.
        """
        self._me = me
        if not again:
            identities = [info.identity for info in infos if info.sid != me]
            yield Activity("roster", now_ns, None, {"identities": identities[:MOST_PARTICIPANTS]})
        there = [info for info in infos if info.sid != me and info.state != _GONE]
        stayed = {info.identity for info in there}
        for identity in self._by_identity.keys() - stayed:
            yield self._left(identity, now_ns, {"unnoticed": True})
        for info in there:
            known = self._by_identity.get(info.identity)
            if known is not None:
                self._move(known, info)
            yield from self._seen(info, now_ns, {} if again else {"before": True})

    def update(self, infos: Iterable[models.ParticipantInfo], now_ns: int) -> Iterator[Activity]:
        """Takes in what changed."""
        for info in infos:
            if info.sid == self._me:
                continue
            known = self._by_identity.get(info.identity)
            if info.state == _GONE:
                if known is not None and known.sid == info.sid:
                    yield self._left(info.identity, now_ns, _reason(info))
                continue
            if known is not None and known.sid != info.sid:
                # Another of this identity took its place; of the first nothing is said any more.
                yield self._left(info.identity, now_ns, {"reason": "duplicate_identity"})
            yield from self._seen(info, now_ns, {})

    def speakers(self, infos: Iterable[models.SpeakerInfo], now_ns: int) -> Iterator[Activity]:
        """Who speaks now, and who doesn't any more."""
        for info in infos:
            known = self._by_identity.get(self._identities.get(info.sid, ""))
            if known is None or known.speaking == info.active:
                continue
            known.speaking = info.active
            if info.active:
                level = {"level": round(info.level, 3)}
                yield Activity("speaking", now_ns, known.participant, level)
            else:
                yield Activity("silent", now_ns, known.participant)

    # -- inside

    def _seen(
        self, info: models.ParticipantInfo, now_ns: int, how: dict[str, Any]
    ) -> Iterator[Activity]:
        known = self._by_identity.get(info.identity)
        if known is not None:
            if info.version >= known.version and (changed := _update(known, info)):
                yield Activity("updated", now_ns, known.participant, changed)
            return
        too_many = len(self._by_identity) >= MOST_PARTICIPANTS
        if too_many or max(len(info.sid), len(info.identity)) > LONGEST_NAME:
            return
        self._by_identity[info.identity] = known = _Known(
            info.sid, info.version, _participant(info), "", {}
        )
        self._identities[info.sid] = info.identity
        more = {key: value for key, value in _update(known, info).items() if key != "name"}
        yield Activity("joined", now_ns, known.participant, {**how, **more})

    def _left(self, identity: str, now_ns: int, how: dict[str, Any]) -> Activity:
        known = self._by_identity.pop(identity)
        self._identities.pop(known.sid, None)
        return Activity("left", now_ns, known.participant, how)

    def _move(self, known: _Known, info: models.ParticipantInfo) -> None:
        if known.sid != info.sid:
            self._identities.pop(known.sid, None)
            self._identities[info.sid] = info.identity
            known.sid, known.version = info.sid, info.version


def _participant(info: models.ParticipantInfo) -> Participant:
    return Participant(info.identity, bounds.name(info.name), _kind(info))


def _kind(info: models.ParticipantInfo) -> str:
    kind: str = models.ParticipantInfo.Kind.Name(info.kind).lower() if _is_known(info) else "other"
    return "recorder" if info.permission.recorder and kind == "standard" else kind


def _is_known(info: models.ParticipantInfo) -> bool:
    return info.kind in models.ParticipantInfo.Kind.values()


def _reason(info: models.ParticipantInfo) -> dict[str, str]:
    if info.disconnect_reason not in models.DisconnectReason.values():
        return {}
    name = models.DisconnectReason.Name(info.disconnect_reason).lower()
    return {} if name == "unknown_reason" else {"reason": name}


def _update(known: _Known, info: models.ParticipantInfo) -> dict[str, Any]:
    """What differs from before, and is known from now on; attributes that are gone are empty."""
    now, changed = bounds.attributes(info.attributes), dict[str, Any]()
    if known.participant.name != (name := bounds.name(info.name)):
        known.participant = replace(known.participant, name=name)
        changed["name"] = name
    if known.metadata != (metadata := info.metadata[: bounds.LONGEST_METADATA]):
        known.metadata = changed["metadata"] = metadata
    if known.attributes != now:
        before, known.attributes = known.attributes, now
        gone = dict.fromkeys(before.keys() - now.keys(), "")
        new = {key: value for key, value in now.items() if before.get(key) != value}
        changed["attributes"] = {**new, **gone}
    known.version = info.version
    return changed
