"""A release is made again only by the code that made it, and a difference is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import store
from pipeline.errors import NotVerified
from pipeline.provenance import provenance
from pipeline.reproduce import _compared, _scratch, _stop_unless_same_code
from pipeline.settings import Settings


@pytest.mark.parametrize("name", ["source_digest", "lock_digest"])
def test_p19_another_source_or_another_lock_is_refused_and_the_commit_is_named(name: str) -> None:
    manifest = {"release": "FY2023-Q4/r1", "code": provenance()}
    _stop_unless_same_code(manifest)
    other = {**manifest, "code": {**provenance(), name: "0" * 64, "commit": "c" * 40}}
    with pytest.raises(NotVerified) as stop:
        _stop_unless_same_code(other)
    assert "c" * 40 in stop.value.next_step
    assert "0" * 12 in stop.value.expected


def test_p19_the_file_that_differs_is_named_and_not_the_manifest_that_names_it(tmp_path: Path) -> None:
    manifest = {"release": "FY2023-Q4/r1", "manifest_digest": "d"}
    for side in ("then", "now"):
        for name in ("index.html", "manifest.json", "tables/headline.csv"):
            store.write_bytes(tmp_path / side / name, b"same")
    assert _compared(tmp_path / "then", tmp_path / "now", manifest)["files"] == 3
    store.write_bytes(tmp_path / "now" / "tables" / "headline.csv", b"other")
    store.write_bytes(tmp_path / "now" / "manifest.json", b"other")
    store.write_bytes(tmp_path / "now" / "more.txt", b"more")
    with pytest.raises(NotVerified) as stop:
        _compared(tmp_path / "then", tmp_path / "now", manifest)
    assert stop.value.found == "2 of 3 files differ: more.txt, tables/headline.csv"


def test_what_a_killed_reproduction_left_is_taken_away(tmp_path: Path) -> None:
    settings = Settings.load(data=tmp_path)
    store.write_bytes(tmp_path / ".reproduce" / "quarantine" / "left.jsonl", b"x")
    with _scratch(settings) as place:
        assert list(place.iterdir()) == []
        store.write_bytes(place / "left", b"x")
    assert not (tmp_path / ".reproduce").exists()
