"""Settings: frozen, read without side effect, wrong ones named."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import BadSettings
from pipeline.settings import PROJECT, Settings


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return file


def test_reading_the_settings_makes_nothing(tmp_path: Path) -> None:
    Settings.load(written(tmp_path, ""), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_settings_cannot_be_changed_after_reading(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, ""), tmp_path)
    with pytest.raises(FrozenInstanceError):
        settings.withhold_below = 1  # the point of the test


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aprovers = []", "aprovers"),
        ("withhold_below = '5'", "withhold_below"),
        ("is_sample = 1", "is_sample"),
        ("withhold_below = true", "withhold_below"),
        ("clock = 'yesterday'", "clock"),
        ("clock = '2023-04-17T09:00:00'", "clock"),
        ("company = ", "not TOML"),
        ("withhold_below = 4", "withhold_below"),
        ("timezone = 'Tokyo'", "timezone"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(BadSettings) as stop:
        Settings.load(written(tmp_path, text), tmp_path)
    assert found in stop.value.found


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"settings\.example\.toml"):
        Settings.load(tmp_path / "none.toml")


def test_the_example_and_the_sample_settings_can_be_read(tmp_path: Path) -> None:
    example = Settings.load(PROJECT / "settings.example.toml", tmp_path)
    sample = Settings.load(PROJECT / "samples" / "settings.toml", tmp_path)
    assert not example.is_sample
    assert sample.is_sample
    for settings in (example, sample):
        assert settings.preparer not in settings.approvers


def test_a_fixed_clock_is_now(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, 'clock = "2023-04-17T09:00:00+09:00"'), tmp_path)
    assert settings.now() == datetime(2023, 4, 17, tzinfo=UTC)


def test_the_system_clock_has_its_zone(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert Settings.load(written(tmp_path, ""), tmp_path).now() >= before
