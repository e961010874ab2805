"""An ffmpeg that needs its environment: checks say of it what recordings find.

They said yes, since they gave it everything, while recordings gave it four variables. A test of
each alone can't see that; so here one ffmpeg goes through all of them.
"""

from __future__ import annotations

import json
import shlex

import pytest

from orchestrator.mediafiles.probe import probe
from tests.kit.cli import Place
from tests.kit.fakes import REAL

pytestmark = pytest.mark.real_time


@pytest.fixture
def picky(place: Place) -> Place:
    """With an ffmpeg that ends as if its libraries weren't found, unless it gets their folder."""
    path = place.folder / "bin" / "ffmpeg"
    path.parent.mkdir()
    path.write_text(
        "#!/bin/sh\n"
        'if [ "$LD_LIBRARY_PATH$MY_LIBRARIES" != /opt/picky ]; then\n'
        "  echo 'ffmpeg: error while loading shared libraries: libpicky.so.1' >&2; exit 127\n"
        f'fi\nunset LD_LIBRARY_PATH\nexec {shlex.quote(str(REAL))} "$@"\n'
    )
    path.chmod(0o700)
    place.environment["ORCHESTRATOR_FFMPEG"] = str(path)
    return place


def verdicts(place: Place) -> dict[str, bool]:
    """What each check says of it: the doctor, and a trial of a pipeline."""
    found = json.loads(place.run("doctor", "--json").stdout)["checks"]
    tried = place.run("pipelines", "check", "mp4")
    doctor = next(check for check in found if check["name"] == "ffmpeg")
    return {"doctor": doctor["verdict"] == "ok", "check": tried.returncode == 0}


def test_its_libraries_are_found_in_checks_and_recordings(picky: Place) -> None:
    picky.environment["LD_LIBRARY_PATH"] = "/opt/picky"
    assert verdicts(picky) == {"doctor": True, "check": True}
    done = picky.run("record", "demo", "--duration", "1", "--output", "a.mp4")
    assert done.returncode == 0, done.stderr
    assert probe(picky.folder / "a.mp4").playable


@pytest.mark.all_only
def test_what_it_does_not_see_fails_everywhere_and_says_why(picky: Place) -> None:
    picky.environment["MY_LIBRARIES"] = "/opt/picky"
    assert verdicts(picky) == {"doctor": False, "check": False}
    done = picky.run("record", "demo", "--output", "a.mp4")
    assert done.returncode == 1
    assert "libpicky.so.1" in done.stderr
    picky.environment["ORCHESTRATOR_FFMPEG_ENVIRONMENT"] = "PATH,MY_*"
    assert verdicts(picky) == {"doctor": True, "check": True}
