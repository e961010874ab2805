"""A source that doesn't decode, against a real server and a real publisher."""

from __future__ import annotations

import itertools
from statistics import median

import pytest

from orchestrator.media import LiveKitEndpoint, TrackKind
from orchestrator.sources.source import TimesSettled
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.sources.encoded import codes_of, samples_of
from tests.kit.sources.watcher import watching

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

FRAME_NS = 1e9 / 30


def endpoint(server: Server, room: str, identity: str = "recorder") -> LiveKitEndpoint:
    return LiveKitEndpoint(server.url, server.token(room, identity))


@pytest.mark.parametrize("codec", ["vp8", pytest.param("h264", marks=pytest.mark.all_only)])
async def test_encoded_frames_are_those_that_a_decoding_source_shows_at_the_same_times(
    livekit_server: Server, codec: str
) -> None:
    room = f"encoded-{codec}"
    async with (
        publish(livekit_server, room, video=codec),
        watching(endpoint(livekit_server, room, "decodes"), alone=False) as (decoding, shown),
        watching(endpoint(livekit_server, room), encoded=True, alone=False) as (source, watcher),
    ):
        await shown.until(lambda: len(shown.publications) == 2)
        await watcher.until(lambda: len(watcher.publications) == 2)
        await source.subscribe(frozenset(watcher.publications))
        await decoding.subscribe(frozenset(shown.publications))
        video, audio = watcher.sid(TrackKind.VIDEO), watcher.sid(TrackKind.AUDIO)
        await shown.until(lambda: shown.in_a_row() >= 60 and shown.of(TimesSettled), 30)
        await watcher.until(lambda: watcher.of(TimesSettled))
        await decoding.flush()
        theirs = dict(zip(shown.codes, shown.times[video], strict=True))
        await watcher.until(lambda: watcher.times[video][-1] > max(theirs.values()))
        counts = source.statistics()
        frames, times = watcher.encoded[video][:], watcher.times[video][:]
        packets = watcher.encoded[audio][:]
    codes = codes_of(frames)
    assert len(codes) == len(frames)
    assert {each.codec for each in frames} == {codec}
    assert (counts.frames_received, counts.frames_undecodable) == (len(frames) + len(packets), 0)
    off_ns = [at - theirs[code] for code, at in zip(codes, times, strict=True) if code in theirs]
    assert max(map(abs, off_ns)) < FRAME_NS
    assert set(list(theirs)[-60:]) <= set(codes)
    assert [1e9 * each / 48_000 for each in samples_of(packets)] == [
        each.duration_ns for each in packets
    ]
    steps = [b - a for a, b in itertools.pairwise(watcher.times[audio])]
    assert median(steps) == pytest.approx(packets[0].duration_ns, rel=0.05)


@pytest.mark.all_only
@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_across_mutes_and_publications_all_that_comes_can_be_decoded(
    livekit_server: Server, codec: str
) -> None:
    """The server ends a video with small black keyframes of its own."""
    room = f"encoded-mute-{codec}"
    async with (
        publish(livekit_server, room, video=codec) as publisher,
        watching(endpoint(livekit_server, room), encoded=True) as (source, watcher),
    ):
        await watcher.until(lambda: len(watcher.publications) == 2)
        first = watcher.sid(TrackKind.VIDEO)
        await source.subscribe(frozenset({first}))
        await watcher.until(lambda: len(watcher.encoded.get(first, ())) > 20)
        assert publisher.video_track is not None
        publisher.video_track.mute()
        await watcher.until(lambda: watcher.publications[first].muted)
        came = len(watcher.encoded[first])
        publisher.video_track.unmute()
        await watcher.until(lambda: len(watcher.encoded[first]) > came + 30)
        await publisher.unpublish()
        await watcher.until(lambda: not watcher.publications)
        await publisher.publish_video(codec)
        await watcher.until(lambda: watcher.publications)
        (second,) = watcher.publications
        await source.subscribe(frozenset({second}))
        await watcher.until(lambda: len(watcher.encoded.get(second, ())) > 20)
    for sid in (first, second):
        frames = watcher.encoded[sid]
        assert {(f.width, f.height) for f in frames if f.keyframe} == {(320, 180)}
        codes = codes_of(frames)
        assert len(codes) == len(frames)
        for (before, code), frame in zip(itertools.pairwise(codes), frames[1:], strict=True):
            assert frame.keyframe or code == (before or 0) + 1


async def test_keyframes_are_asked_for_when_wanted_and_as_often_as_set(
    livekit_server: Server,
) -> None:
    """With simulcast the SDK encodes, and sends keyframes when it is asked."""
    async with (
        publish(livekit_server, "keyframes", simulcast=True, audio=False) as publisher,
        watching(endpoint(livekit_server, "keyframes"), encoded=True, keyframe_interval_s=2) as (
            source,
            watcher,
        ),
    ):
        await watcher.until(lambda: watcher.publications)
        assert publisher.video is not None
        (sid,) = watcher.publications
        await source.request_keyframe(sid)
        await source.subscribe(frozenset({sid}))
        await watcher.until(lambda: watcher.encoded.get(sid), 25)

        def keyframes() -> list[int]:
            frames = zip(watcher.encoded[sid], watcher.times[sid], strict=True)
            return [at for frame, at in frames if frame.keyframe]

        await watcher.until(lambda: watcher.times[sid][-1] - keyframes()[0] > 5e9, 25)
        asked, came = source.statistics().keyframes_requested, len(keyframes())
        assert came >= 2
        assert 1 <= asked <= 5
        await source.request_keyframe(sid)
        await watcher.until(lambda: len(keyframes()) > came, 1.5)
        assert source.statistics().keyframes_requested == asked + 1
