"""A run that is interrupted, by a power cut at any step or for want of a family, ends in the release it would have."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from launcher import Launcher, headline, released_bytes

from pipeline.settings import Settings
from samples.write import write_samples

pytestmark = pytest.mark.timeout(900)


def test_a_run_that_is_killed_at_every_step_ends_in_the_same_release(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each kill ends the whole tree at once; the last one but one hits only the launcher, and the rest must follow."""
    data = tmp_path / "data"
    data.mkdir()
    moments = [
        ("Starting Airflow", 4.0),  # nothing has arrived yet
        ("sample extracts lie", 2.2),  # landing
        (" land ", 1.5),  # loading
        (" announce ", 3.0),  # building
        (" prepare ", 0.3),  # at the board door
    ]
    for needle, seconds in moments:
        launcher = Launcher(data)
        launcher.until(needle)
        time.sleep(seconds)
        launcher.kill_everything()
        assert launcher.left() == []
        assert not (data / "releases" / "latest.json").exists()
    launcher = Launcher(data)  # a candidate waits: only the launcher is killed, and its Airflow must not live on
    launcher.until("checks 2")
    time.sleep(1.0)
    launcher._count()
    os.kill(launcher.process.pid, signal.SIGKILL)
    assert launcher.left(20) == []
    launcher = Launcher(data)
    launcher.until(" approve ")  # publishing
    launcher.kill_everything()
    last = Launcher(data)
    assert last.end() == 0, last.text
    assert last.left() == []
    # Asked for now, when another process of the tests has made it long since.
    assert released_bytes(data) == released_bytes(request.getfixturevalue("released").data)


def test_a_missing_family_is_named_and_the_run_goes_on_once_it_comes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_samples(Settings.load(data=data))
    held = data / "landing" / "training"
    held.rename(tmp_path / "training")
    launcher = Launcher(data)
    assert launcher.end() == 4, launcher.text
    assert "training/" in launcher.text
    assert not (data / "releases").exists()
    (tmp_path / "training").rename(held)
    again = Launcher(data)
    assert again.end() == 0, again.text
    assert headline(data)["trn_bhr_completion_rate"]["display_value"] == "86.0 %"
