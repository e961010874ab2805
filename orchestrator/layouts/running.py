"""Calls a layout: in a thread of its own, for a limited time, and checks what it returns."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Final

from orchestrator.errors import LayoutBroken
from orchestrator.layouts.checking import problem_of
from orchestrator.layouts.composition import Composition
from orchestrator.layouts.loading import Layout, broken
from orchestrator.layouts.order import in_order
from orchestrator.layouts.scene import Scene
from orchestrator.user_files import line_of, words

LIMIT_S: Final = 0.5
"""Of wall-clock time for one call; the built-in layouts take less than a millisecond."""


MOST_LATE_CALLS: Final = 3
"""In a row, until a layout is given up."""
MOST_LATE_LIMITS: Final = 10
"""How many times the limit a call may run until its layout is given up."""


class LayoutRunner:
    """Calls one layout again and again; used by one thread at a time.

    A call that takes too long fails, and so does each one that comes while it still runs. After
    three such in a row, or one that runs for ten times the limit, the layout is never called again:
    a busy machine makes a good layout late once, a bad one stays late.
    """

    def __init__(self, layout: Layout, limit_s: float = LIMIT_S) -> None:
        self._layout = layout
        self._limit_s = limit_s
        self._scenes: SimpleQueue[Scene | None] = SimpleQueue()
        self._results: SimpleQueue[Composition | LayoutBroken] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._late: LayoutBroken | None = None
        """The error of a call that still runs."""
        self._late_since_s = 0.0
        self._late_calls = 0
        """In a row."""
        self._given_up = False

    def compose(self, scene: Scene) -> Composition:
        """The layout's composition, checked. Blocks for `limit_s` at most; LayoutBroken."""
        self._refuse_while_late()
        self._start()
        begun_s = time.monotonic()
        self._scenes.put(scene)
        try:
            result = self._results.get(timeout=self._limit_s)
        except Empty:
            raise self._is_late(begun_s) from None
        self._late_calls = 0
        if isinstance(result, LayoutBroken):
            raise result
        return result

    def close(self) -> None:
        """Ends the thread, after the call that runs in it, if one does."""
        self._scenes.put(None)

    def _start(self) -> None:
        if self._thread is None:
            name = f"layout {self._layout.name}"
            self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while (scene := self._scenes.get()) is not None:
            self._results.put(self._result(scene))

    def _result(self, scene: Scene) -> Composition | LayoutBroken:
        try:
            return composed(self._layout, scene)
        except LayoutBroken as error:
            return error

    def _refuse_while_late(self) -> None:
        """Raises the error of the call before, if that still runs."""
        if self._late is None:
            return
        if self._given_up or self._results.empty():
            if time.monotonic() - self._late_since_s > MOST_LATE_LIMITS * self._limit_s:
                self._give_up()
            raise self._late
        self._results.get()
        self._late = None

    def _is_late(self, begun_s: float) -> LayoutBroken:
        """The error, with the line that runs now."""
        running = sys._current_frames().get(self._ident())
        line = _line_in(running, self._layout.path) or self._layout.line
        message = f"layout() took more than {self._limit_s:g} s"
        self._late = broken(self._layout.name, self._layout.path, line, message)
        self._late_since_s, self._late_calls = begun_s, self._late_calls + 1
        if self._late_calls >= MOST_LATE_CALLS:
            self._give_up()
        return self._late

    def _give_up(self) -> None:
        """Ends the thread: what is Python in it by an exception."""
        if not self._given_up:
            self._given_up = True
            ident, exception = ctypes.c_ulong(self._ident()), ctypes.py_object(SystemExit)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, exception)
            self.close()

    def _ident(self) -> int:
        return (self._thread and self._thread.ident) or 0


def composed(layout: Layout, scene: Scene) -> Composition:
    """What the layout makes of the scene, checked; LayoutBroken. Takes as long as it takes."""
    try:
        returned: Any = layout.function(scene)
        tracks = {track.id for track in in_order(scene)}
        problem = problem_of(returned, scene.canvas, tracks, may_overlap=layout.overlaps)
    # A boundary: a user's function may raise anything, or return what raises when it is looked at.
    except BaseException as error:
        line = line_of(error, layout.path) or layout.line
        raise broken(layout.name, layout.path, line, words(error)) from error
    if problem is not None:
        raise broken(layout.name, layout.path, layout.line, problem)
    checked: Composition = returned
    return checked


def _line_in(frame: FrameType | None, path: Path) -> int | None:
    """The innermost line of the file that a thread is in."""
    while frame is not None and frame.f_code.co_filename != str(path):
        frame = frame.f_back
    return frame.f_lineno if frame is not None else None
