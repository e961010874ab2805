"""Whole recordings of end-to-end encrypted rooms, with the SDK's encryption."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import EndToEndEncrypted
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import GUESTS, conference, microphones
from tests.kit.livekit.encryption import PASSPHRASE, given, own, provider, shared, use_index
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.copied import kinds
from tests.kit.recordings.waits import FPS, until, until_more, until_received
from tests.kit.signals.reading import Reading, read
from tests.kit.signals.tones import TONES

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

LATE = TONES[2]
SOON_S = 3.0
"""By then it is said that nothing can be decrypted, from the first such frame on."""
FRAMES_S = 1.0
"""By then frames come in a room that was joined, on a busy machine."""
OTHER = "another passphrase"


def asked(room: str, **more: object) -> StartRequest:
    return StartRequest(room, "mp4", None, "low", **more)  # type: ignore[arg-type]


def heard_in(file: Reading) -> set[int]:
    """The tones that are heard for a while."""
    return {tone for tone, spans in file.heard.items() if spans}


async def moment(manager: Manager, recording: Recording, kind: str) -> datetime:
    """When the first event of this kind was noted."""
    events = await manager.catalog.events(recording.id)
    return next(event.at for event in events if event.kind == kind)


async def until_warned(manager: Manager, room: str, words: str) -> None:
    await until(manager, room, lambda row: words in str(row.figures["warnings"]), True)


async def until_decrypted(manager: Manager, room: str) -> None:
    await until(manager, room, lambda row: "encrypted" not in str(row.figures["warnings"]), True)


def undecrypted(row: Recording) -> int:
    return int(row.figures["source"]["frames_undecryptable"])


async def test_three_publishers_share_a_passphrase_and_one_comes_late(
    manager: Manager, livekit_server: Server
) -> None:
    room = "e2ee shared"
    async with conference(livekit_server, room, encryption=shared()) as there:
        await manager.start(asked(room, e2ee=given()))
        await until_received(manager, room, 2 * FPS)
        await there.late.join()
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    file = read(Path(ended.output_path))
    assert (file.missing, file.unreadable, undecrypted(ended)) == (0, 0, 0)
    assert file.in_order
    assert file.beeps
    assert heard_in(file) >= {*GUESTS, LATE}
    assert "undecryptable" not in await kinds(manager, ended)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("no key", marks=pytest.mark.all_only),
        "a wrong key",
        pytest.param("no key of its index", marks=pytest.mark.all_only),
    ],
)
async def test_nothing_that_can_be_decrypted_is_an_error_that_says_so(
    manager: Manager, livekit_server: Server, how: str
) -> None:
    room = f"e2ee {how}"
    keys, words = {
        "no key": (None, "no key is given for it"),
        "a wrong key": (given(OTHER), r"\(key_index 0\) is not the right one"),
        "no key of its index": (given(key_index=7), "the key_index 0 that it is encrypted with"),
    }[how]
    async with publish(livekit_server, room, encryption=shared()):
        with pytest.raises(EndToEndEncrypted, match=words) as refused:
            await manager.start(asked(room, e2ee=keys))
    assert "Camera video of 'publisher' (VP8) is end-to-end encrypted" in refused.value.error
    assert "--e2ee-passphrase-file" in refused.value.detail
    (row,), _ = await manager.history(limit=1, offset=0)
    assert row.ended_at is not None
    joined = await moment(manager, row, "joined")
    assert (row.ended_at - joined).total_seconds() < SOON_S + FRAMES_S
    assert (row.state, row.error_code, row.e2ee) == ("failed", "end_to_end_encrypted", None)


@pytest.mark.all_only
async def test_a_wrong_key_is_said_in_time_though_the_video_never_comes(
    manager: Manager, livekit_server: Server
) -> None:
    room = "e2ee stalled"
    async with publish(livekit_server, room, encryption=shared()) as publisher:
        publisher.stalls.begin("video", 600)
        with pytest.raises(EndToEndEncrypted, match="is not the right one"):
            await manager.start(asked(room, e2ee=given(OTHER)))
    (row,), _ = await manager.history(limit=1, offset=0)
    assert row.ended_at is not None
    joined = await moment(manager, row, "joined")
    assert (row.ended_at - joined).total_seconds() < SOON_S + FRAMES_S
    assert "missing" not in await kinds(manager, row)


async def test_of_three_one_is_encrypted_and_the_others_are_recorded(
    manager: Manager, livekit_server: Server
) -> None:
    room = "e2ee one of three"
    async with (
        publish(livekit_server, room, audio=False),
        microphones(livekit_server, room, 1),
        microphones(livekit_server, room, 1, first=1, encryption=shared()),
    ):
        await manager.start(asked(room))
        await until_warned(manager, room, "'speaker-1' (OPUS) is end-to-end encrypted, and no key")
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    file = read(Path(ended.output_path))
    assert (file.missing, file.unreadable) == (0, 0)
    assert heard_in(file) == {GUESTS[0]}
    joined, said = [await moment(manager, ended, kind) for kind in ("joined", "undecryptable")]
    assert abs((said - joined).total_seconds()) < SOON_S


@pytest.mark.all_only
async def test_keys_change_while_it_is_recorded(manager: Manager, livekit_server: Server) -> None:
    room = "e2ee changes"
    keys = given(keys=[{"passphrase": "the second", "key_index": 1}])
    async with publish(livekit_server, room, encryption=shared()) as publisher:
        await manager.start(asked(room, e2ee=keys))
        await until_received(manager, room, FPS)
        provider(publisher).set_shared_key(b"the second", 1)
        use_index(publisher, 1)
        await until_more(manager, room, FPS)
        provider(publisher).ratchet_shared_key(1)
        await until_more(manager, room, FPS)
        provider(publisher).set_shared_key(OTHER.encode(), 1)
        await until_warned(manager, room, "(key_index 1) is not the right one")
        wrong = publisher.sent
        provider(publisher).set_shared_key(b"the second", 1)
        await until_decrypted(manager, room)
        right = publisher.sent
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    file = read(Path(ended.output_path))
    assert file.in_order
    assert file.unreadable == 0, "while nothing can be decrypted the last frame is held"
    assert [n for n in file.numbers if n > right], "it goes on with a keyframe"
    assert not [n for n in file.numbers if wrong <= n < right - 3 * FPS]
    assert [each for each in await kinds(manager, ended) if "decrypt" in each][-1] == "decrypted"
    assert undecrypted(ended) > 0


@pytest.mark.all_only
@pytest.mark.parametrize("pipeline", ["mp4", "copy"])
async def test_each_participant_has_a_key_of_its_own(
    manager: Manager, livekit_server: Server, pipeline: str
) -> None:
    room = f"e2ee own {pipeline}"
    keys = given(OTHER, participants={"publisher": {"passphrase": "of the publisher"}})
    async with (
        publish(livekit_server, room, encryption=own()) as publisher,
        microphones(livekit_server, room, 1, encryption=shared(OTHER)),
    ):
        provider(publisher).set_key("publisher", b"of the publisher", 0)
        await manager.start(StartRequest(room, None, pipeline, "low", e2ee=keys))
        await until_received(manager, room, 3 * FPS)
        ended = await manager.stop(room)
    file = read(Path(ended.output_path))
    assert (file.missing, file.unreadable) == (0, 0)
    assert len(file.numbers) > 2 * FPS
    assert "undecryptable" not in await kinds(manager, ended)


@pytest.mark.all_only
async def test_a_camera_that_can_be_decrypted_is_recorded_until_the_screen_can(
    manager: Manager, livekit_server: Server
) -> None:
    room = "e2ee screen"
    async with (
        publish(livekit_server, room, encryption=shared(), width=160, height=96),
        publish(
            livekit_server,
            room,
            identity="presenter",
            audio=False,
            source=3,  # type: ignore[arg-type]
            encryption=shared(OTHER),
        ) as presenter,
    ):
        await manager.start(asked(room, e2ee=given()))
        await until_warned(manager, room, "Screen_share video of 'presenter'")
        await until_more(manager, room, FPS)
        provider(presenter).set_shared_key(given().material or b"", 0)
        await until_decrypted(manager, room)
        await until_more(manager, room, FPS)
        ended = await manager.stop(room)
    assert "decrypted" in await kinds(manager, ended)


@pytest.mark.all_only
async def test_bytes_are_stretched_by_hkdf(manager: Manager, livekit_server: Server) -> None:
    room, key = "e2ee hkdf", "thirty-two bytes of randomness.."
    keys = E2eeKeys.model_validate({"key": base64.b64encode(key.encode())})
    async with publish(livekit_server, room, encryption=shared(key, hkdf=True)):
        await manager.start(asked(room, e2ee=keys))
        await until_received(manager, room, FPS)
        ended = await manager.stop(room)
    assert read(Path(ended.output_path)).numbers
    assert undecrypted(ended) == 0


@pytest.mark.all_only
async def test_av1_that_is_said_to_be_encrypted_is_refused(
    manager: Manager, livekit_server: Server
) -> None:
    room = "e2ee av1"
    async with publish(livekit_server, room, video="av1", audio=False, encryption=shared()):
        with pytest.raises(EndToEndEncrypted, match="AV1 can't be encrypted by LiveKit's clients"):
            await manager.start(asked(room, e2ee=given()))


@pytest.mark.all_only
async def test_a_setting_has_the_key(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    keys = {"passphrase": OTHER}
    streams = {"e2ee stream": {"e2ee": {"passphrase": PASSPHRASE}}}
    for room, words in (("e2ee stream", shared()), ("e2ee setting", shared(OTHER))):
        settings = settings_for(e2ee=keys, streams=streams)
        async with managing(settings) as manager, publish(livekit_server, room, encryption=words):
            await manager.start(asked(room))
            await until_received(manager, room, FPS)
            ended = await manager.stop(room)
            assert ended.e2ee is None
        assert read(Path(ended.output_path)).numbers
