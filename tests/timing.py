"""How true the times in a recording are: the file against what the publisher's own reports say.

`python -m tests.timing --scenario mute [--loss 5]` makes everything it needs (a LiveKit server, a
publisher, a second subscriber as the reference, a manager), records and prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import numpy as np

from orchestrator.catalog.models import Recording
from orchestrator.logs import configure
from orchestrator.media import LiveKitEndpoint, Publication, TrackKind
from orchestrator.recordings.manager import Manager, create_manager
from orchestrator.recordings.request import StartRequest
from orchestrator.sources.arrived import ArrivedFrame, ArrivedReport
from orchestrator.sources.clock import unwrap
from orchestrator.sources.livekit import LiveKitSession
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.reports import ntp_ns
from tests.codes import luma_of, read_code
from tests.network import UDP_PORT, Wire, lossy, wired
from tests.publishing import RemotePublisher, publishing
from tests.reading import LOUD, Reading, read
from tests.rooms import Server, server_binary, settings_of

FPS: Final = 30


@dataclass
class _Seen:
    """What a subscriber saw of one RTP stream."""

    rate: int
    codes: dict[int, int] = field(default_factory=dict)
    """RTP time of each picture, by number."""
    beeps: list[int] = field(default_factory=list)
    """RTP times."""
    reports: list[tuple[int, int]] = field(default_factory=list)
    """RTP and NTP (ns) of one moment each."""
    rtp: int = 0
    loud: int = -(1 << 62)

    def true_s(self, rtp: float) -> float:
        """The sender's time, from all its reports together: a line through them."""
        x = np.array([r for r, _ in self.reports], float)
        y = np.array([n / 1e9 for _, n in self.reports])
        x0, y0 = x.mean(), y.mean()
        spread = float(((x - x0) ** 2).sum())
        # Over a short time reports that differ by 10 ms say nothing of the rate.
        slope = 1 / self.rate
        if x.max() - x.min() > 60 * self.rate:
            slope = float(((x - x0) * (y - y0)).sum()) / spread
        return float(y0 + (rtp - x0) * slope)


class Reference(Receiver):
    """A second subscriber, which keeps the raw RTP times and reports: what is true."""

    def __init__(self) -> None:
        super().__init__(lambda event: None)
        self.seen: dict[tuple[TrackKind, int], _Seen] = {}

    def _of(self, arrived: ArrivedFrame | ArrivedReport) -> _Seen:
        return self.seen.setdefault((arrived.kind, arrived.stream), _Seen(arrived.rate))

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        seen = self._of(arrived)
        seen.rtp = arrived.rtp
        if isinstance(arrived.frame, av.VideoFrame):
            code = read_code(luma_of(arrived.frame))
            if code is not None:
                seen.codes.setdefault(code, arrived.rtp)
            return
        samples = np.asarray(arrived.frame.to_ndarray()).reshape(-1, 2)[:, 0]
        loud = np.flatnonzero(np.abs(samples.astype(int)) > LOUD)
        if len(loud):
            at = arrived.rtp + int(loud[0])
            if at - seen.loud > 0.5 * seen.rate:
                seen.beeps.append(at)
            seen.loud = arrived.rtp + int(loud[-1])

    def report_arrived(self, arrived: ArrivedReport) -> None:
        seen = self._of(arrived)
        if seen.rtp:
            seen.reports.append((unwrap(seen.rtp, arrived.rtp), ntp_ns(arrived.ntp)))

    def pictures(self) -> dict[int, float]:
        """The sender's time of each picture."""
        found: dict[int, float] = {}
        for (kind, _), seen in self.seen.items():
            if kind is TrackKind.VIDEO and seen.reports:
                found |= {code: seen.true_s(rtp) for code, rtp in seen.codes.items()}
        return found

    def beeps(self) -> list[float]:
        """The sender's time of each beep."""
        return [
            seen.true_s(rtp)
            for (kind, _), seen in self.seen.items()
            if kind is TrackKind.AUDIO and seen.reports
            for rtp in seen.beeps
        ]


@asynccontextmanager
async def observing(server: Server, room: str) -> AsyncIterator[Reference]:
    """A reference in the room."""
    reference = Reference()
    endpoint = LiveKitEndpoint(server.url, server.token(room, "reference"))
    session = LiveKitSession(endpoint, reference, connect_timeout_s=10)
    await session.start()
    follow = asyncio.create_task(_subscribe_to_all(session, reference))
    try:
        yield reference
    finally:
        follow.cancel()
        await session.close()


async def _subscribe_to_all(session: LiveKitSession, reference: Reference) -> None:
    known: dict[str, Publication] = {}
    while True:
        if reference.publications.keys() != known.keys():
            known = dict(reference.publications)
            reference.wanted = frozenset(known)
            await session.subscribe(reference.wanted)
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Timing:
    """One recording against the truth; times in ms."""

    seconds: int
    """Flashes with a beep that both, file and reference, have."""
    offset_ms: float
    """Median of sound against picture, beyond the publisher's own."""
    spread_ms: float
    """Its 5th to 95th percentile."""
    trend_ms: float
    """Median of the last quarter less that of the first."""
    worst_ms: float
    own_ms: float
    """The publisher's own offset: its beeps against its flashes."""
    beeps_ms: float
    """Largest error of the distance between two beeps that follow each other."""
    beeps_missing: int
    frames_ms: float
    """95th percentile of the pictures' error."""
    frames_worst_ms: float
    frames_missing_percent: float
    freeze_s: float
    """Longest time between two pictures, held ones left out."""
    audio_gaps: int
    length_ms: float
    """Length of the sound less the time from the first picture to its end, by the truth."""


def compare(reading: Reading, reference: Reference) -> Timing:
    """The figures of one file."""
    true = reference.pictures()
    first = {code: at for at, code in reversed(reading.codes) if code in true}
    # One that had begun before the file did says nothing of when it began.
    heard = [beep for beep in reading.beeps if beep > 0.02]
    own, found = _offsets(first, true, heard, reference.beeps())
    off = [f - o for f, o in zip(found, own, strict=True)]
    shifts = np.array([first[code] - true[code] for code in sorted(first)])
    shift = float(np.median(shifts))
    errors = np.abs(shifts - shift) * 1e3
    quarter = max(1, len(off) // 4)
    beeps = _beep_errors(heard, [beep + shift for beep in reference.beeps()])
    sent = _sent(sorted(true), min(first), max(first))
    at = sorted(first.values())
    return Timing(
        seconds=len(off),
        offset_ms=1e3 * statistics.median(off),
        spread_ms=1e3 * float(np.percentile(off, 95) - np.percentile(off, 5)),
        trend_ms=1e3 * (statistics.median(off[-quarter:]) - statistics.median(off[:quarter])),
        worst_ms=1e3 * max(map(abs, off)),
        own_ms=1e3 * statistics.median(own),
        beeps_ms=max(beeps, default=0.0),
        beeps_missing=_beeps_missing(reading, [beep + shift for beep in reference.beeps()]),
        frames_ms=float(np.percentile(errors, 95)),
        frames_worst_ms=float(errors.max()),
        frames_missing_percent=100 * (1 - len(first.keys() & sent) / len(sent)),
        freeze_s=max((b - a for a, b in pairwise(at)), default=0.0),
        audio_gaps=reading.audio_gaps,
        length_ms=1e3 * (reading.audio_end_s - reading.video_end_s),
    )


def _sent(seen: list[int], first: int, last: int) -> set[int]:
    """The numbers that were sent: those seen, and those missing for less than half a second."""
    found = set(seen)
    for a, b in pairwise(seen):
        if b - a < FPS / 2:
            found.update(range(a, b))
    return {number for number in found if first <= number <= last}


def _offsets(
    first: dict[int, float], true: dict[int, float], beeps: list[float], true_beeps: list[float]
) -> tuple[list[float], list[float]]:
    """For each flash with a beep: how much later it sounds, in truth and in the file."""
    own, found = [], []
    for code in sorted(first):
        if code % FPS:
            continue
        truly, here = _nearest(true_beeps, true[code]), _nearest(beeps, first[code])
        if truly is not None and here is not None:
            own.append(truly)
            found.append(here)
    return own, found


def _nearest(beeps: list[float], flash: float) -> float | None:
    near = min((beep - flash for beep in beeps), key=abs, default=None)
    return near if near is not None and abs(near) < 0.4 else None


def _beep_errors(beeps: list[float], true_beeps: list[float]) -> list[float]:
    """Errors of the distances of neighbouring beeps, in ms."""
    pairs = [(beep, near + beep) for beep in beeps if (near := _nearest(true_beeps, beep))]
    return [1e3 * abs(b - a - (tb - ta)) for (a, ta), (b, tb) in pairwise(pairs) if b - a < 1.5]


def _beeps_missing(reading: Reading, true_beeps: list[float]) -> int:
    """True beeps within the recording that the file doesn't have."""
    inside = [beep for beep in true_beeps if 0.2 < beep < reading.audio_end_s - 0.2]
    return sum(_nearest(reading.beeps, beep) is None for beep in inside)


# -- what happens meanwhile


@dataclass(frozen=True)
class World:
    """What a scenario can meddle with."""

    publisher: RemotePublisher
    wire: Wire
    """The recorder's way to the server's signalling."""
    seconds: float
    """How long it is to take."""


async def plain(world: World) -> None:
    """Nothing happens."""
    await asyncio.sleep(world.seconds)


async def mute(world: World) -> None:
    """Sound, then picture, is muted for three seconds."""
    for kind in ("audio", "video"):
        await asyncio.sleep((world.seconds - 6) / 3)
        await world.publisher.do(f"mute-{kind}")
        await asyncio.sleep(3)
        await world.publisher.do(f"unmute-{kind}")
    await asyncio.sleep((world.seconds - 6) / 3)


async def rejoin(world: World) -> None:
    """The publisher leaves for three seconds."""
    await asyncio.sleep((world.seconds - 3) / 2)
    await world.publisher.do("leave")
    await asyncio.sleep(3)
    await world.publisher.do("join")
    await asyncio.sleep((world.seconds - 3) / 2)


async def republish(world: World) -> None:
    """Both tracks are unpublished and published again: the same transceivers, other streams."""
    await asyncio.sleep((world.seconds - 2) / 2)
    await world.publisher.do("unpublish")
    await asyncio.sleep(2)
    await world.publisher.do("publish")
    await asyncio.sleep((world.seconds - 2) / 2)


async def resize(world: World) -> None:
    """The picture comes in another size."""
    await asyncio.sleep(world.seconds / 2)
    await world.publisher.do("resize 640x360")
    await asyncio.sleep(world.seconds / 2)


async def reconnect(world: World) -> None:
    """The recorder loses the server for twenty seconds, a third of all at most, and joins anew."""
    outage_s = min(20, world.seconds / 3)
    await asyncio.sleep((world.seconds - outage_s) / 2)
    await world.wire.cut()
    await asyncio.sleep(outage_s)
    await world.wire.mend()
    await asyncio.sleep((world.seconds - outage_s) / 2)


async def everything(world: World) -> None:
    """One after the other."""
    each = replace(world, seconds=world.seconds / 5)
    for happens in (mute, republish, reconnect, rejoin, resize):
        await happens(each)


SCENARIOS: Final[dict[str, tuple[Callable[[World], Awaitable[None]], Sequence[str]]]] = {
    "plain": (plain, ()),
    "dtx": (plain, ("--audio", "dtx")),
    "drift": (plain, ("--drift-ppm", "200")),
    "mute": (mute, ()),
    "rejoin": (rejoin, ()),
    "republish": (republish, ()),
    "reconnect": (reconnect, ()),
    "resize": (resize, ()),
    "everything": (everything, ("--audio", "dtx")),
}
"""What happens, and the publisher's options."""


async def record(
    manager: Manager,
    server: Server,
    wire: Wire,
    scenario: str,
    *,
    seconds: float,
    size: str = "1280x720",
) -> tuple[Timing, Recording]:
    """Records a room in which that happens, and compares the file with the truth."""
    happens, options = SCENARIOS[scenario]
    room = f"timing {scenario}"
    prepare = str(round(seconds) + 20)
    async with (
        publishing(server, room, "--size", size, "--prepare", prepare, *options) as publisher,
        observing(server, room) as reference,
    ):
        await _until_seen(reference)
        await manager.start(StartRequest(room, "mp4", None, "medium"))
        await happens(World(publisher, wire, seconds))
        ended = await manager.stop(room)
        await asyncio.sleep(1)  # so that the last reports count for the last pictures
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    return compare(reading, reference), ended


async def _until_seen(reference: Reference) -> None:
    """Waits until pictures come; a publisher just begun drops some of its first."""
    began = time.monotonic()
    async with asyncio.timeout(30):
        while time.monotonic() - began < 3 or not reference.seen:
            await asyncio.sleep(0.05)


async def measure(scenario: str, *, seconds: float, size: str, folder: Path) -> Timing:
    """One scenario, with a server and a manager of its own."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    server = Server(binary, folder / "livekit.log", UDP_PORT)
    await asyncio.to_thread(server.start)
    async with wired(server.port) as wire:
        manager = create_manager(settings_of(f"ws://127.0.0.1:{wire.port}", folder))
        await manager.open()
        try:
            return (await record(manager, server, wire, scenario, seconds=seconds, size=size))[0]
        finally:
            await manager.close()
            await asyncio.to_thread(server.stop)


def main() -> None:
    """Measure one scenario; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, default="plain")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--loss", type=int, metavar="PERCENT", help="of the packets to subscribers")
    given = parser.parse_args()
    configure("warning", "console")  # to stderr: what is printed is read by programs
    if given.loss:
        again = [sys.executable, "-m", "tests.timing", "--scenario", given.scenario]
        again += ["--seconds", str(given.seconds), "--size", given.size]
        with lossy(given.loss) as inside:
            sys.exit(subprocess.run([*inside, *again], check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="haven-timing-") as folder:
        how = {"seconds": given.seconds, "size": given.size, "folder": Path(folder)}
        print(json.dumps(asdict(asyncio.run(measure(given.scenario, **how))), indent=1))


if __name__ == "__main__":
    main()
