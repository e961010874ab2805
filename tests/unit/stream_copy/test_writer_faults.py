"""What goes wrong as packets are written costs one packet or one track, not the recording."""

from __future__ import annotations

from orchestrator.media import EncodedFrame
from orchestrator.stream_copy.track import Packet
from tests.unit.stream_copy.packets import MS, VOICE, heard, shot
from tests.unit.stream_copy.test_packet_writer import BOB, Bench, joined


def test_a_video_that_comes_seconds_behind_the_audio_is_written() -> None:
    bench = Bench()
    bench.put(heard(0), heard(5000), shot(1000, key=True), heard(5020), shot(1033))
    bench.queue.close()
    writer = joined(bench.writer())
    assert (writer.problem, bench.files[0].times()) == (None, [1000, 1033])


def test_a_disk_that_is_full_as_a_track_is_added_costs_no_packet() -> None:
    bench = Bench(may_add=True, refuses_tracks=OSError(28, "No space left on device"))
    bench.put(heard(0), heard(10, BOB), heard(20))
    writer = joined(bench.writer())
    assert isinstance(writer.problem, OSError)
    assert bench.rest() == [heard(10, BOB), heard(20)]


def test_a_track_that_no_file_can_have_ends_none() -> None:
    bench = Bench(may_add=True, refuses_tracks=ValueError("no parameter sets"))
    bench.put(heard(0), heard(10, BOB), heard(20))
    bench.queue.close()
    writer = joined(bench.writer())
    assert bench.files[0].times(VOICE) == [0, 20]
    assert (writer.blocked_by, writer.statistics().refused) == (None, 1)
    assert writer.left_out.reasons == {BOB: "no parameter sets"}


def test_whatever_goes_wrong_is_the_writers_problem() -> None:
    bench = Bench()
    bench.put(heard(0), Packet(VOICE, 20 * MS, EncodedFrame("opus", b"worse")), heard(40))
    writer = joined(bench.writer())
    assert isinstance(writer.problem, IndexError)
    assert (bench.files[0].closed, bench.events[-1], bench.rest()) == (True, "end", [heard(40)])
