"""Loading pipeline files: the built-in ones, a user's, and broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.api.schemas.start import StartBody
from orchestrator.encoding.pipeline.command import Pipeline, Pipelines, command
from orchestrator.encoding.pipeline.loading import LONGEST_NAME
from orchestrator.errors import InvalidRequest, PipelineBroken

HEAD = 'EXTENSION = "mp4"\nCONTAINER = "mp4"\nVIDEO_CODEC = "libx264"\nAUDIO_CODEC = "aac"\n'
BUILT_IN = {"av1", "av1-svt", "copy", "mp4", "webm"}


def load(folder: Path, text: str, name: str = "mine") -> Pipelines:
    (folder / f"{name}.py").write_text(text, "utf-8")
    return Pipelines.load(folder)


def built(pipeline: Pipeline) -> list[str]:
    return command(
        pipeline,
        ffmpeg="ffmpeg",
        source="in",
        output="out.mp4",
        width=320,
        height=180,
        video_bitrate_bps=1,
        audio_bitrate_bps=1,
    )


def test_the_built_in_ones() -> None:
    pipelines = Pipelines.load(None)
    assert not pipelines.failures
    assert set(pipelines.by_name) == BUILT_IN
    facts = {
        name: (p.format, p.extension, p.video_codec, p.audio_codec)
        for name, p in pipelines.by_name.items()
    }
    assert facts == {
        "av1": ("av1", "av1", "libaom-av1", "aac"),
        "mp4": ("mp4", "mp4", "libx264", "aac"),
        "webm": ("webm", "webm", "libvpx-vp9", "libopus"),
        "av1-svt": ("av1", "av1", "libsvtav1", "aac"),
        "copy": ("mkv", "mkv", "copy", "copy"),
    }
    for pipeline in pipelines.by_name.values():
        assert pipeline.description.endswith(".")
        assert pipeline.segment_suffix in {".mp4", ".webm", ".mkv"}


def test_a_users_pipeline_replaces_a_built_in_one(tmp_path: Path) -> None:
    pipelines = load(tmp_path, f'"""Mine."""\n{HEAD}def build(job): pass\n', name="mp4")
    assert pipelines.get("mp4").path == tmp_path / "mp4.py"
    assert pipelines.get("mp4").description == "Mine."
    assert pipelines.get("mp4").mime_type == "video/mp4"
    assert pipelines.get("mp4").speeds == ("default",)


def test_helpers_are_left_alone(tmp_path: Path) -> None:
    assert "_shared" not in load(tmp_path, "import nowhere", name="_shared").by_name


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\ndef build(job:\n", 2, "SyntaxError"),
        ("\n\nimport nowhere_at_all\n", 3, "No module named"),
        ("1 / 0\n", 1, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit"),
        (HEAD, None, "function build(job) is missing"),
        (HEAD + "build = 3\n", 5, "function build(job) is missing"),
        (HEAD.replace('"aac"', "7") + "def build(job): pass\n", 4, "AUDIO_CODEC"),
        (HEAD + f"FORMAT = {'x' * 65!r}\ndef build(job): pass\n", 5, "1 to 64 characters"),
        (HEAD + "FORMAT = ''\ndef build(job): pass\n", 5, "1 to 64 characters"),
        (HEAD + "FORMAT = 4\ndef build(job): pass\n", 5, "1 to 64 characters"),
        (HEAD + "SPEEDS = ()\ndef build(job): pass\n", 5, "SPEEDS"),
        (HEAD + "FIXED_RATE = 30\ndef build(job): pass\n", 5, "FIXED_RATE"),
        (HEAD + "LEAST_PIXELS = (1,)\ndef build(job): pass\n", 5, "LEAST_PIXELS"),
        (HEAD + "LEAST_PIXELS = (0, 9)\ndef build(job): pass\n", 5, "LEAST_PIXELS"),
        (HEAD + "LEAST_PIXELS = 'a'\ndef build(job): pass\n", 5, "LEAST_PIXELS"),
        (HEAD + "DEFAULT_SPEED: int = 9\ndef build(job): pass\n", 5, "DEFAULT_SPEED"),
        # What Python raises for these depends on its version; what is said doesn't.
        ("x = 1\n\x00", 2, "SyntaxError: source code"),
        ("x = " + "-" * 5000 + "1", None, "SyntaxError"),
        ("x = " + "9" * 5000, 1, "SyntaxError"),
        ("# coding: nowhere\n", None, "SyntaxError"),
    ],
)
def test_a_broken_file_is_reported_and_hides_no_other(
    tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    pipelines = load(tmp_path, text)
    (failure,) = pipelines.failures
    assert (failure.name, failure.path) == ("mine", tmp_path / "mine.py")
    assert line is None or failure.line == line
    assert words in failure.message
    assert set(pipelines.by_name) == BUILT_IN
    with pytest.raises(PipelineBroken, match="mine") as refused:
        pipelines.get("mine")
    assert line is None or f"mine.py:{line}" in refused.value.error


def test_names_can_be_as_long_as_a_request_may_say(tmp_path: Path) -> None:
    loaded = load(tmp_path, HEAD + "def build(job): pass\n", name="x" * LONGEST_NAME)
    assert loaded.get("x" * LONGEST_NAME).format == "x" * LONGEST_NAME
    for field in ("output_format", "pipeline"):
        StartBody.model_validate({"mint_id": "a", field: "x" * LONGEST_NAME})
    (failure,) = load(tmp_path, HEAD + "def build(job): pass\n", name="y" * 65).failures
    assert "at most 64 characters" in failure.message


def test_a_broken_replacement_is_not_silently_the_built_in(tmp_path: Path) -> None:
    pipelines = load(tmp_path, "oops(", name="mp4")
    with pytest.raises(PipelineBroken):
        pipelines.get("mp4")


def test_an_unknown_name() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Pipelines.load(None).get("mpeg4")
    assert refused.value.error == "Unknown pipeline: mpeg4"
    assert "av1, av1-svt, copy, mp4, webm" in refused.value.detail


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("    return None\n", 5, "returned NoneType"),
        ("    return 'ffmpeg -i x'\n", 5, "returned str"),
        ("    return job.video\n", 5, "not an ffmpeg-python output"),
        ("    x = 1\n    return job.nothing\n", 7, "AttributeError"),
        ("    raise SystemExit\n", 6, "SystemExit"),
        # Used twice without a split: ffmpeg-python finds out only when it makes the arguments.
        (
            "    import ffmpeg\n    a = job.video.filter('null')\n"
            "    return ffmpeg.merge_outputs(ffmpeg.output(a, 'x'), ffmpeg.output(a, 'y'))\n",
            None,
            "split",
        ),
    ],
)
def test_a_build_that_fails_names_file_and_line(
    tmp_path: Path, body: str, line: int | None, words: str
) -> None:
    pipeline = load(tmp_path, HEAD + "def build(job):\n" + body).get("mine")
    with pytest.raises(PipelineBroken, match=words) as broken:
        built(pipeline)
    assert broken.value.context["path"] == tmp_path / "mine.py"
    assert broken.value.context["line"] == line


def test_dataclasses_and_future_annotations_work_in_a_pipeline(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport ffmpeg\n"
        f"{HEAD}@dataclass\nclass Rate:\n    bps: int\n"
        "def build(job):\n    return ffmpeg.output(job.video, job.output, **{'b:v': Rate(7).bps})\n"
    )
    assert "-b:v 7" in " ".join(built(load(tmp_path, text).get("mine")))
