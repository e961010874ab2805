"""Calls a layout: in a thread of its own, for a limited time, and checks what it returns."""

from __future__ import annotations

import ctypes
import sys
import threading
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


class LayoutRunner:
    """Calls one layout again and again.

    A layout that takes too long is ended and never called again: each further call fails at once.
    """

    def __init__(self, layout: Layout, limit_s: float = LIMIT_S) -> None:
        self._layout = layout
        self._limit_s = limit_s
        self._scenes: SimpleQueue[Scene | None] = SimpleQueue()
        self._results: SimpleQueue[Composition | LayoutBroken] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._given_up: LayoutBroken | None = None

    def compose(self, scene: Scene) -> Composition:
        """The layout's composition, checked. Blocks for `limit_s` at most; LayoutBroken."""
        if self._given_up is not None:
            raise self._given_up
        self._start()
        self._scenes.put(scene)
        try:
            result = self._results.get(timeout=self._limit_s)
        except Empty:
            raise self._give_up() from None
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

    def _give_up(self) -> LayoutBroken:
        """The error with the line that runs now. What is Python in the thread is ended."""
        ident = self._thread.ident if self._thread else None
        running = sys._current_frames().get(ident or 0)
        line = _line_in(running, self._layout.path) or self._layout.line
        message = f"layout() took more than {self._limit_s:g} s"
        self._given_up = broken(self._layout.name, self._layout.path, line, message)
        if ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(ident), ctypes.py_object(SystemExit)
            )
        self.close()
        return self._given_up


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
