"""Who is in a room: joins, changes and leaves, each once, over several connections."""

from __future__ import annotations

from typing import Any

from livekit.protocol import models

from orchestrator.sources.activity import Activity
from orchestrator.sources.livekit.activity.bounds import LONGEST_VALUE, MOST_ATTRIBUTES
from orchestrator.sources.livekit.activity.roster import Roster

_STATE = models.ParticipantInfo.State
_KIND = models.ParticipantInfo.Kind
ME = "PA_me"


def info(identity: str, sid: str = "", **more: Any) -> models.ParticipantInfo:
    more = {"state": _STATE.ACTIVE} | more
    return models.ParticipantInfo(identity=identity, sid=sid or f"PA_{identity}", **more)


def gone(identity: str, sid: str = "") -> models.ParticipantInfo:
    reason = models.DisconnectReason.CLIENT_INITIATED
    return info(identity, sid, state=_STATE.DISCONNECTED, disconnect_reason=reason)


def short(activities: list[Activity]) -> list[tuple[str, str | None]]:
    return [
        (each.type, each.participant.identity if each.participant else None) for each in activities
    ]


def connected(
    roster: Roster, *infos: models.ParticipantInfo, again: bool = False
) -> list[Activity]:
    return list(roster.connected(ME, [info("me", ME), *infos], 1, again=again))


def updated(roster: Roster, *infos: models.ParticipantInfo) -> list[Activity]:
    return list(roster.update(infos, 2))


def test_who_is_there_has_joined_before_and_we_have_not() -> None:
    roster = Roster()
    first, *rest = connected(roster, info("ann", name="Ann"), info("bob"))
    assert (first.type, first.values) == ("roster", {"identities": ["ann", "bob"]})
    assert short(rest) == [("joined", "ann"), ("joined", "bob")]
    assert all(each.values == {"before": True} for each in rest)
    assert rest[0].participant is not None
    assert rest[0].participant.name == "Ann"
    assert updated(roster, info("me", ME, name="Recorder")) == []


def test_who_comes_later_has_not_been_there_before() -> None:
    roster = Roster()
    connected(roster)
    assert [each.values for each in updated(roster, info("ann"))] == [{}]
    assert updated(roster, info("ann")) == [], "an update without news"
    (left,) = updated(roster, gone("ann"))
    assert (left.type, left.values) == ("left", {"reason": "client_initiated"})
    assert updated(roster, gone("ann")) == [], "it has left"


def test_a_new_connection_says_only_what_changed_meanwhile() -> None:
    roster = Roster()
    connected(roster, info("ann"), info("bob"))
    again = connected(roster, info("ann", "PA_other"), info("carl"), again=True)
    assert short(again) == [("left", "bob"), ("joined", "carl")]
    assert again[0].values == {"unnoticed": True}
    assert again[1].values == {}
    assert updated(roster, gone("ann")) == [], "the sid of before"
    assert short(updated(roster, gone("ann", "PA_other"))) == [("left", "ann")]


def test_one_who_is_replaced_by_another_of_its_identity_has_left() -> None:
    roster = Roster()
    connected(roster, info("ann"))
    assert short(updated(roster, info("ann", "PA_2"))) == [("left", "ann"), ("joined", "ann")]
    assert updated(roster, gone("ann")) == [], "what the server says of the first one, late"


def test_changes_name_what_changed_and_old_news_is_none() -> None:
    roster = Roster()
    connected(roster, info("ann", attributes={"a": "1", "b": "2"}, version=3))
    (change,) = updated(roster, info("ann", name="Ann", attributes={"a": "3"}, version=4))
    assert change.values == {"name": "Ann", "attributes": {"a": "3", "b": ""}}
    assert change.participant is not None
    assert change.participant.name == "Ann"
    assert updated(roster, info("ann", name="Old", version=2)) == []


def test_kinds_are_told_apart() -> None:
    roster = Roster()
    permission = models.ParticipantPermission(recorder=True)
    found = connected(
        roster,
        info("agent", kind=_KIND.AGENT),
        info("phone", kind=_KIND.SIP),
        info("other", permission=permission),
        info("new", kind=77),
    )[1:]
    assert [each.participant and each.participant.kind for each in found] == [
        "agent",
        "sip",
        "recorder",
        "other",
    ]


def test_who_speaks_is_said_when_it_begins_and_ends() -> None:
    roster = Roster()
    connected(roster, info("ann"))
    loud = models.SpeakerInfo(sid="PA_ann", level=0.51234, active=True)
    quiet = models.SpeakerInfo(sid="PA_ann", active=False)
    unknown = models.SpeakerInfo(sid="PA_x", active=True)
    (speaking,) = roster.speakers([loud, unknown], 5)
    assert (speaking.type, speaking.values) == ("speaking", {"level": 0.512})
    assert list(roster.speakers([loud], 6)) == []
    assert [each.type for each in roster.speakers([quiet], 7)] == ["silent"]


def test_what_is_too_long_is_cut() -> None:
    roster = Roster()
    attributes = {f"key {number}": "x" * 9999 for number in range(100)}
    joined = connected(roster, info("ann", name="n" * 9999, attributes=attributes))[1]
    assert joined.participant is not None
    assert len(joined.participant.name) == 256
    assert len(joined.values["attributes"]) == MOST_ATTRIBUTES
    assert {len(value) for value in joined.values["attributes"].values()} == {LONGEST_VALUE}
    assert connected(roster, info("x" * 600), again=True)[1:] == []
