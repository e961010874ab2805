"""What ffmpeg sees of our environment; that it is the same in checks and in recordings."""

from __future__ import annotations

import pytest

from orchestrator.ffmpeg_environment import passed_on
from orchestrator.settings import Settings

AROUND = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "LD_LIBRARY_PATH": "/opt/lib",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "FONTCONFIG_FILE": "/fonts",
    "MY_TOKEN": "hidden",
    "MY_FILTERS": "/opt/filters",
    "ORCHESTRATOR_API_KEY": "hidden",
    "orchestrator_livekit_api_secret": "hidden",
}


def test_the_default_says_where_things_are_and_nothing_secret() -> None:
    seen = passed_on(environment=AROUND)
    assert seen.keys() == {"PATH", "LC_ALL", "LD_LIBRARY_PATH", "FONTCONFIG_FILE"}


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        ([], set()),
        (["MY_FILTERS"], {"MY_FILTERS"}),
        (["MY_*"], {"MY_FILTERS"}),
        (["MY_*", "MY_TOKEN"], {"MY_FILTERS", "MY_TOKEN"}),
        (["ORCHESTRATOR_API_KEY", "ORCHESTRATOR_*", "orchestrator_*", "O*"], set()),
        (["*"], {"PATH", "LC_ALL", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "MY_FILTERS"}),
    ],
)
def test_names_and_beginnings(names: list[str], seen: set[str]) -> None:
    assert passed_on(names, AROUND).keys() == seen


@pytest.mark.parametrize("name", ["", "A=B", "A B", "*A", "1A", "A**"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="ffmpeg_environment"):
        Settings(ffmpeg_environment=[name])
