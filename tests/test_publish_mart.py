"""The analysts' database is never replaced in place (P4): each release has a file of its own, behind a pointer."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from publish_build import released, settings_at

from pipeline import store
from pipeline.settings import Settings

QUERY = "select value from fct_metric_value where metric_id = 'wrk_heads' order by fiscal_quarter desc limit 1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


def pointer(settings: Settings) -> Path:
    return settings.place("mart", "due_diligence.duckdb")


def test_p4_an_open_reader_keeps_its_release_and_a_second_connect_gets_the_new_one(settings: Settings) -> None:
    released(settings)
    with duckdb.connect(str(pointer(settings).resolve()), read_only=True) as reader:
        assert reader.sql(QUERY).fetchall() == [(2200,)]
        released(settings, "b2", shift=1)
        assert reader.sql(QUERY).fetchall() == [(2200,)]
        with duckdb.connect(str(pointer(settings).resolve()), read_only=True) as second:
            assert second.sql(QUERY).fetchall() == [(2201,)]
        assert reader.sql("select release from release").fetchall() == [("FY2023-Q4/r1",)]


def test_p4_a_new_release_is_a_new_file_and_the_old_one_keeps_its_bytes(settings: Settings) -> None:
    released(settings)
    first = pointer(settings).resolve()
    before, inode = store.sha256_file(first), first.stat().st_ino
    released(settings, "b2", shift=1)
    assert pointer(settings).resolve().name == "FY2023-Q4-r2.duckdb"
    assert (store.sha256_file(first), first.stat().st_ino) == (before, inode)


def test_p4_no_write_ahead_log_lies_beside_a_released_database(settings: Settings) -> None:
    released(settings)
    released(settings, "b2", shift=1)
    names = sorted(path.name for path in settings.place("mart").rglob("*") if path.is_file())
    assert names == ["FY2023-Q4-r1.duckdb", "FY2023-Q4-r2.duckdb", "due_diligence.duckdb"]
    with pytest.raises(duckdb.Error):
        duckdb.connect(str(pointer(settings).resolve()), read_only=True).execute("create table x (y int)")
