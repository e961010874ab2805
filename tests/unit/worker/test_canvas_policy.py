"""The canvas follows a source that has grown or turned, and stays when layers come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import Publication, TrackKind
from orchestrator.pipes.canvas import DEFAULT_CANVAS, CanvasSize, SizeLimits
from orchestrator.worker.tracks.canvas_policy import (
    HOLD_S,
    LONGEST_S,
    PER_DAY,
    PER_MINUTE,
    PROMISE_S,
    REFUSED_S,
    CanvasPolicy,
)

SMALL, HD, FULL = (480, 270), (1280, 720), (1920, 1080)


def video(size: tuple[int, int] = (0, 0)) -> Publication:
    return Publication("v", TrackKind.VIDEO, width=size[0], height=size[1])


class Source:
    """Sends frames, ten a second; the canvas is changed whenever that is due."""

    def __init__(self, canvas: CanvasSize | None = None, *, follows: bool = True) -> None:
        self.now_s = 1000.0
        self.canvas_policy = CanvasPolicy(canvas, follows=follows, clock=lambda: self.now_s)
        self.changes: list[CanvasSize] = []

    def send(self, size: tuple[int, int] | None, seconds: float, **announced: object) -> None:
        publication = video(announced.get("announced", (0, 0)))  # type: ignore[arg-type]
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            if size is not None:
                self.canvas_policy.saw(size, publication)
            self.look()

    def look(self) -> None:
        if (due := self.canvas_policy.due()) is not None:
            self.canvas_policy.changed(due)
            self.changes.append(due)

    @property
    def canvas(self) -> tuple[int, int]:
        assert self.canvas_policy.canvas is not None
        return self.canvas_policy.canvas.width, self.canvas_policy.canvas.height


def begun(size: tuple[int, int], *, follows: bool = True) -> Source:
    source = Source(follows=follows)
    source.send(size, 0.1)
    source.canvas_policy.begin(None)
    assert source.canvas == size
    return source


def test_the_first_frame_gives_the_size() -> None:
    source = begun(SMALL)
    assert source.canvas_policy.begin(video(FULL)) == CanvasSize(*SMALL)


def test_what_comes_while_the_beginning_is_waited_for_counts() -> None:
    source = Source()
    source.send(SMALL, 1)
    source.send(HD, 0.5)
    source.send(SMALL, 0.5)
    assert source.canvas_policy.begin(video()) == CanvasSize(*HD)
    source.send(SMALL, 10)
    assert source.changes == []


def test_a_muted_track_s_announcement_gives_it() -> None:
    source = Source()
    assert source.canvas_policy.begin(video(FULL)) == CanvasSize(*FULL)
    source.send(FULL, 3, announced=FULL)
    assert source.changes == []


def test_without_either_it_is_the_default_until_one_comes() -> None:
    source = Source()
    assert source.canvas_policy.begin(None) == source.canvas_policy.begin(video()) == DEFAULT_CANVAS
    source.canvas_policy.announced(None)
    source.canvas_policy.announced(video())
    source.look()
    assert source.canvas == (1280, 720)
    source.canvas_policy.announced(video((720, 1280)))
    source.look()
    assert source.canvas == (720, 1280), "at once: only black frames stand on the other"
    source.send((720, 1280), 3, announced=(720, 1280))
    assert len(source.changes) == 1


def test_what_was_not_announced_is_followed_at_its_first_frame() -> None:
    for size in (FULL, (640, 360), (720, 1280)):
        source = Source()
        source.canvas_policy.begin(None)
        source.send(size, 0.1)
        assert source.canvas == size
        source.send(size, 10)
        assert source.changes == [CanvasSize(*size)]


def test_growth_is_followed_after_two_seconds() -> None:
    source = begun(SMALL)
    source.send(FULL, HOLD_S)
    assert source.canvas == SMALL
    source.send(FULL, 0.2)
    assert source.canvas == FULL


def test_a_turn_is_followed_whatever_its_size() -> None:
    source = begun(HD)
    source.send((720, 1280), 2.2)
    assert source.canvas == (720, 1280)
    source.send((400, 300), 2.2)
    assert source.canvas == (400, 300)


def test_layers_that_come_and_go_change_nothing() -> None:
    source = begun(HD)
    for _ in range(5):
        source.send((320, 180), 5)
        source.send((640, 360), 5)
        source.send(HD, 5)
    source.send((341, 192), 5)  # its sides are rounded
    source.send((1278, 720), 5)
    assert source.changes == []
    assert source.canvas_policy.warnings() == []


def test_what_lasts_for_a_moment_is_not_followed() -> None:
    source = begun(SMALL)
    for _ in range(5):
        source.send(FULL, 1.5)
        source.send(SMALL, 0.5)
    assert source.changes == []


def test_a_held_frame_counts_as_long_as_video_is_expected() -> None:
    source = begun(SMALL)
    source.send(FULL, 0.1)
    source.send(None, 2.2)
    assert source.canvas == FULL
    source.send((720, 1280), 0.1)
    source.canvas_policy.stopped()
    source.send(None, 5)
    assert source.canvas == FULL
    assert source.canvas_policy.warnings() == []


def test_a_size_that_changes_all_the_time_is_waited_for_but_not_for_ever() -> None:
    source = begun((160, 90))
    for step in range(100):
        source.send((200 + 4 * step, 300), 0.3)
    # Six seconds after it fits no more, and so on: 30 s.
    assert 3 <= len(source.changes) <= PER_MINUTE
    assert LONGEST_S * len(source.changes) <= 30


def test_a_ramp_up_is_followed_once_it_rests() -> None:
    source = begun((160, 90))
    for size in ((320, 180), (480, 270), (640, 360), (960, 540)):
        source.send(size, 1)
    source.send(HD, 3)
    assert source.changes == [CanvasSize(1280, 720)]


def test_changes_are_bounded() -> None:
    source = begun(SMALL)
    for _ in range(5):
        source.send((300, 400), 3)
        source.send((400, 300), 3)
    assert len(source.changes) == PER_MINUTE
    source.send((600, 400), 3)
    assert "changed too often" in source.canvas_policy.warnings()[0]
    source.send((600, 400), 60)
    assert source.canvas == (600, 400), "later"
    for n in range(PER_DAY + 30):
        source.send((300, 400) if n % 2 else (400, 300), 20)
    assert len(source.changes) == PER_DAY


def test_a_promise_that_is_not_kept_is_not_waited_for() -> None:
    source = Source()
    source.canvas_policy.begin(video(FULL))
    source.send((480, 270), 1, announced=FULL)
    source.send((960, 540), 1, announced=FULL)
    source.send((480, 270), PROMISE_S - 2.5, announced=FULL)
    assert source.canvas == FULL
    source.send((480, 270), 1, announced=FULL)
    assert source.canvas == (960, 540)
    source.send((480, 270), 60, announced=FULL)
    assert source.changes == [CanvasSize(960, 540)]
    source.send(FULL, 2.2, announced=FULL)
    assert source.canvas == FULL


def test_a_promise_that_is_kept_stays() -> None:
    source = Source()
    source.canvas_policy.begin(video(FULL))
    source.send((480, 270), 3, announced=FULL)
    source.send(FULL, 0.5, announced=FULL)
    source.send((480, 270), 60, announced=FULL)
    assert source.changes == []


def test_no_room_is_reported_and_tried_again() -> None:
    source = begun(SMALL)
    for _ in range(22):
        source.now_s += 0.1
        source.canvas_policy.saw(FULL, video())
    assert source.canvas_policy.due() == CanvasSize(*FULL)
    assert source.canvas_policy.warnings() == [], "it is about to follow"
    source.canvas_policy.refused("There is no room.")
    assert source.canvas_policy.due() is None
    assert source.canvas_policy.warnings() == [
        "The video arrives as 1920x1080 and is recorded scaled down in 480x270: There is no room."
    ]
    source.send(FULL, REFUSED_S + 0.2)
    assert source.canvas == FULL
    assert source.canvas_policy.warnings() == []


def test_a_fixed_canvas_stays_and_says_so() -> None:
    source = begun(HD, follows=False)
    source.send((720, 1280), 10)
    assert source.canvas == HD
    (warning,) = source.canvas_policy.warnings()
    assert "720x1280" in warning
    assert "ORCHESTRATOR_CANVAS" in warning


def test_a_new_worker_goes_on_with_the_canvas() -> None:
    source = Source(CanvasSize(*HD))
    source.canvas_policy.begin(video(FULL))
    source.canvas_policy.announced(video(FULL))
    source.send((640, 360), 10)
    assert source.canvas == HD
    source.send(FULL, 2.2)
    assert source.canvas == FULL


def test_the_encoder_s_limit_is_kept_to_and_told() -> None:
    source = Source()
    source.send((5120, 1440), 0.1)
    assert source.canvas == (5120, 1440)
    source.canvas_policy.limit(SizeLimits(4096, 4096, 4096 * 4096))
    assert source.canvas == (4096, 1152)
    source.send((5120, 1440), 10)
    assert source.changes == []
    (warning,) = source.canvas_policy.warnings()
    assert warning.startswith(
        "The video arrives as 5120x1440 and is recorded scaled down in 4096x1152"
    )
    assert "4096x4096" in warning


@given(st.lists(st.tuples(st.integers(2, 4000), st.integers(2, 4000)), min_size=1, max_size=12))
def test_whatever_rests_long_enough_stands_on_the_canvas(sizes: list[tuple[int, int]]) -> None:
    source = Source()
    for size in sizes:
        source.send(size, 1)
    source.send(sizes[-1], 70)
    assert source.canvas_policy.canvas is not None
    assert source.canvas_policy.canvas.holds(*sizes[-1])
    # A side that is rounded up to an even number is another shape, where it has few pixels.
    assert source.canvas_policy.warnings() == [] or min(sizes[-1]) < 32
