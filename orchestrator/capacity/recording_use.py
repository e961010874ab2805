"""What a recording's row says of its CPU: encoder input, reserved and measured cores. Pure."""

from __future__ import annotations

from orchestrator.capacity.cpu_budget import ASSUMED, AUDIO_ONLY, Costs, CpuUse, EncoderInput
from orchestrator.catalog.models import Recording
from orchestrator.pipes.frame_rate import USUAL_FPS
from orchestrator.recordings.figures import LiveFigures, VideoFigures
from orchestrator.recordings.states import RecordingState


def use_of(row: Recording, costs: Costs) -> CpuUse:
    """What the recording reserved and uses; rows of an older version reserved nothing."""
    figures = LiveFigures.of(row)
    measured, ahead = figures.measured_cores, _steps_ahead(row, figures)
    reserved = row.reserved_cores if row.reserved_cores is not None else measured or 0.0
    if measured is not None and not _is_representative(measured, reserved, ahead):
        measured = None
    encoder_input = _encoder_input(row, figures.video)
    cores_by_step = _cores_by_step(row, costs, encoder_input)
    if not cores_by_step:
        return CpuUse(row.pipeline, reserved, measured, video=encoder_input.video)
    # What was measured at a faster step holds for that step: going there frees nothing more.
    measured_at = 0 if measured is None else ahead
    listed = cores_by_step[min(measured_at, len(cores_by_step) - 1)]
    keeps_step = row.speed_pinned or row.state == RecordingState.STOPPING
    faster = () if keeps_step else tuple(min(c / listed, 1.0) for c in cores_by_step[1:])
    return CpuUse(row.pipeline, reserved, measured, faster, listed, encoder_input.video)


def encoder_input_of(row: Recording) -> EncoderInput:
    """What its encoder gets, as far as is known: by the directory, later by its worker."""
    return _encoder_input(row, LiveFigures.of(row).video)


def _encoder_input(row: Recording, video: VideoFigures) -> EncoderInput:
    if not (video.width and video.height):
        return AUDIO_ONLY if row.stream.get("video") is False else ASSUMED
    if not video.published:
        return AUDIO_ONLY
    return EncoderInput(video.width, video.height, video.planned_fps or USUAL_FPS)


def _steps_ahead(row: Recording, figures: LiveFigures) -> int:
    """How many steps faster it runs than was reserved; below 0: it is still at a slower step."""
    running = figures.speed_step
    return 0 if running is None or row.speed_step is None else running - row.speed_step


def _is_representative(measured: float, reserved: float, ahead: int) -> bool:
    """Whether the measured cores tell what it will take."""
    # It fell behind, and takes more even at a faster step. At a slower one it is about to change.
    return ahead == 0 or (ahead > 0 and measured > reserved)


def _cores_by_step(row: Recording, costs: Costs, encoder_input: EncoderInput) -> list[float]:
    """Cores of its step and each faster one by the cost table; empty for an unknown pipeline."""
    if row.pipeline not in costs.steps or row.speed_step is None:
        return []
    steps = range(row.speed_step, costs.steps_for(row.pipeline, encoder_input))
    return [costs.cores(row.pipeline, step, encoder_input) for step in steps]
