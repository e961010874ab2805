"""Layouts: from who is in a room to rectangles on a canvas, and to what is drawn there.

What a layout's file uses is here; docs/layouts.md explains it. Everything but `loading` (files),
`running` (a thread) and `drawing` is pure.
"""

from orchestrator.layouts.canvas import Canvas, Rect
from orchestrator.layouts.composition import Composition, Fit, Tile, composition
from orchestrator.layouts.grid import GridSize, cells, even, grid, grid_size
from orchestrator.layouts.order import in_order, page
from orchestrator.layouts.scene import Look, Microphone, Participant, Scene, Speaking, Track
from orchestrator.layouts.stage import corner, halves, stage
from orchestrator.layouts.views import full_tile, speaker_view, tiles, whole

__all__ = [
    "Canvas",
    "Composition",
    "Fit",
    "GridSize",
    "Look",
    "Microphone",
    "Participant",
    "Rect",
    "Scene",
    "Speaking",
    "Tile",
    "Track",
    "cells",
    "composition",
    "corner",
    "even",
    "full_tile",
    "grid",
    "grid_size",
    "halves",
    "in_order",
    "page",
    "speaker_view",
    "stage",
    "tiles",
    "whole",
]
