"""What is checked and approved is what is released; anything else releases nothing and leaves the last one alone."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from publish_build import LATER, QUARTER, checked, decided, prepared, released, settings_at

from pipeline import store
from pipeline.errors import GateFailed, HrddError, NotApproved, NotVerified
from pipeline.settings import Settings
from publish import candidate, manifest, release
from publish.dictionary import COLUMNS, TABLES
from publish.manifest import EVIDENCE
from publish.verify import verify


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


def everything(folder: Path) -> dict[str, str]:
    return store.checksums(folder) if folder.exists() else {}


def nothing_released(settings: Settings) -> bool:
    return not settings.place("releases").exists() and not settings.place("mart").exists()


def altered(path: Path, **changes: Any) -> None:
    store.write_json(path, {**store.read_json(path), **changes})


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


# The way of a candidate that everything is right with.


def test_an_approved_candidate_is_released_and_proves_itself(settings: Settings) -> None:
    folder = released(settings)
    _, record = candidate.current(settings, QUARTER)
    latest = store.read_json(settings.place("releases", "latest.json"))
    report = verify(folder)
    assert folder == settings.place("releases", "FY2023-Q4", "r1")
    assert {name: sums for name, sums in everything(folder).items() if name in record["files"]} == record["files"]
    assert set(everything(folder)) - set(record["files"]) == {*EVIDENCE, "manifest.json"}
    assert latest == {
        "release": "FY2023-Q4/r1",
        "quarter": "FY2023-Q4",
        "revision": 1,
        "path": "releases/FY2023-Q4/r1",
        "manifest_digest": report["manifest_digest"],
        "candidate_digest": record["candidate_digest"],
    }
    assert (report["checks"], report["approver"], report["previous_release"]) == (3, "approver", None)


def test_the_analysts_open_one_read_only_file_with_every_column_explained(settings: Settings) -> None:
    released(settings)
    pointer = settings.place("mart", "due_diligence.duckdb")
    assert pointer.is_symlink()
    assert pointer.resolve().name == "FY2023-Q4-r1.duckdb"
    assert pointer.resolve().stat().st_mode & 0o777 == 0o440
    assert [path.name for path in pointer.resolve().parent.iterdir()] == ["FY2023-Q4-r1.duckdb"]
    with duckdb.connect(str(pointer), read_only=True) as mart:
        tables = {name for (name,) in mart.execute("select table_name from duckdb_tables()").fetchall()}
        bare = mart.execute(
            "select table_name, column_name from duckdb_columns() where not internal and comment is null"
        ).fetchall()
        silent = mart.execute(
            "select table_name from duckdb_tables() where not internal and comment is null"
        ).fetchall()
        withheld = mart.execute("select count(*) from fct_metric_value where value_state = 'SUPPRESSED'").fetchone()
    assert tables == {"release", *(table.model for table in TABLES.values())}
    assert bare == silent == []
    assert withheld == (3,)


def test_no_published_column_is_a_key_of_a_case_or_a_person() -> None:
    forbidden = ("case_id", "worker", "person_key", "learner", "contact", "supplier_id", "_id")
    keys = {name for name in COLUMNS if name != "metric_id" and any(word in name for word in forbidden)}
    assert keys == set()


def test_publishing_again_changes_nothing(settings: Settings) -> None:
    released(settings)
    before = everything(settings.place("releases"))
    assert release.publish(settings, QUARTER)["release"] == "FY2023-Q4/r1"
    assert everything(settings.place("releases")) == before


def test_p26_the_second_revision_leaves_the_first_as_it_was(settings: Settings) -> None:
    first = released(settings)
    before, first_digest = everything(first), verify(first)["manifest_digest"]
    second = released(settings, "b2", shift=1)
    assert second.name == "r2"
    assert everything(first) == before
    assert verify(second)["previous_release"] == first_digest
    assert store.read_json(settings.place("releases", "latest.json"))["release"] == "FY2023-Q4/r2"
    assert settings.place("mart", "due_diligence.duckdb").resolve().name == "FY2023-Q4-r2.duckdb"
    assert settings.place("mart", "releases", "FY2023-Q4-r1.duckdb").exists()


def test_an_earlier_quarter_corrected_does_not_become_the_latest(settings: Settings) -> None:
    released(settings)
    later = released(settings, "b2", LATER)
    released(settings, "b3", QUARTER, shift=1)
    latest = store.read_json(settings.place("releases", "latest.json"))
    assert latest["release"] == "FY2024-Q1/r1"
    assert settings.place("mart", "due_diligence.duckdb").resolve().name == "FY2024-Q1-r1.duckdb"
    assert settings.place("mart", "releases", "FY2023-Q4-r2.duckdb").exists()
    assert verify(later)["previous_release"] == verify(settings.place("releases/FY2023-Q4/r1"))["manifest_digest"]


def test_the_older_candidate_taken_up_again_does_not_turn_the_latest_back(settings: Settings) -> None:
    released(settings)
    released(settings, "b2", shift=1)
    candidate.prepare_build(settings, QUARTER, "b1")
    assert release.publish(settings, QUARTER)["release"] == "FY2023-Q4/r1"
    assert store.read_json(settings.place("releases", "latest.json"))["release"] == "FY2023-Q4/r2"


def test_two_who_publish_at_once_release_once(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    with ThreadPoolExecutor(2) as two:
        records = list(two.map(lambda _: release.publish(settings, QUARTER), range(2)))
    assert records[0] == records[1]
    assert sorted(path.name for path in settings.place("releases", "FY2023-Q4").glob("*")) == ["index.json", "r1"]


# A kill at any moment.


@pytest.mark.parametrize("step", ["mart.make", "mart.point", "latest.json"])
def test_a_kill_between_the_rename_and_the_latest_is_completed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    with monkeypatch.context() as patch:
        killed = _killed(step)
        if step == "latest.json":
            patch.setattr(release.store, "write_json", killed)
        else:
            patch.setattr(release.mart, step.removeprefix("mart."), killed)
        with pytest.raises(KeyboardInterrupt):
            release.publish(settings, QUARTER)
    folder = settings.place("releases", "FY2023-Q4", "r1")
    before = everything(folder)
    assert not settings.place("releases", "latest.json").exists()
    assert release.publish(settings, QUARTER)["release"] == "FY2023-Q4/r1"
    assert everything(folder) == before
    assert settings.place("releases", "latest.json").exists()
    assert settings.place("mart", "due_diligence.duckdb").exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["index.json", "r1"]


def _killed(step: str) -> Callable[..., None]:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt(step)

    return killed


def test_what_a_kill_left_half_made_is_no_release_and_is_swept_away(settings: Settings) -> None:
    half = store.folder(settings.place("releases", "FY2023-Q4", ".put-killed"))
    (half / "index.html").write_text("x")
    unfinished = store.folder(settings.place("mart", "releases"))
    (unfinished / ".put-killed").write_bytes(b"x")
    (unfinished / ".put-killed.wal").write_bytes(b"x")
    folder = released(settings)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["index.json", "r1"]
    assert [path.name for path in unfinished.iterdir()] == ["FY2023-Q4-r1.duckdb"]


# The gate.


def test_without_a_verdict_nothing_is_released(settings: Settings) -> None:
    prepared(settings)
    with pytest.raises(GateFailed):
        release.publish(settings, QUARTER)
    with pytest.raises(GateFailed):
        decided(settings)
    assert nothing_released(settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"passed": False},
        {"passed": "true"},
        {"checks_evaluated": 2},
        {"checks_expected": 4},
        {"checks_expected": 0, "checks_evaluated": 0, "checks": []},
        {"checks": []},
        {"checks": [{"status": "failed", "loudness": "fail"}] * 3},
        {"checks": [{"status": "error", "loudness": "warn"}] * 3},
        {"checks": [{"status": "failed", "loudness": "mild"}] * 3},
        {"checks": ["passed"] * 3},
        {"door": "extract"},
        {"files": {}},
    ],
)
def test_a_failed_gate_releases_nothing(settings: Settings, changes: dict[str, Any]) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    checked(settings, **changes)
    with pytest.raises(GateFailed) as stop:
        release.publish(settings, QUARTER)
    assert all(stop.value.parts().values())
    assert nothing_released(settings)


def test_a_warning_that_failed_does_not_stop_a_release(settings: Settings) -> None:
    prepared(settings)
    warning = {"status": "failed", "loudness": "warn"}
    checked(settings, checks=[warning, {"status": "passed", "loudness": "fail"}, warning])
    decided(settings)
    assert release.publish(settings, QUARTER)["revision"] == 1


def test_p23_a_byte_changed_after_the_approval_voids_it(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    folder, record = candidate.current(settings, QUARTER)
    for name in record["files"]:
        kept = (folder / "files" / name).read_bytes()
        flipped(folder / "files" / name)
        with pytest.raises(GateFailed):
            release.publish(settings, QUARTER)
        (folder / "files" / name).write_bytes(kept)
    (folder / "files" / "extra.txt").write_text("x")
    with pytest.raises(GateFailed):
        release.publish(settings, QUARTER)
    assert nothing_released(settings)


def test_a_candidate_record_rewritten_to_fit_changed_bytes_is_refused(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    folder, _ = candidate.current(settings, QUARTER)
    flipped(folder / "files" / "index.html")
    sums = store.checksums(folder / "files")
    altered(folder / "candidate.json", files=sums, candidate_digest=store.digest_of(sums))
    altered(folder / "verdict.json", files=sums)
    altered(folder / "approval.json", candidate_digest=store.digest_of(sums))
    with pytest.raises(GateFailed):
        release.publish(settings, QUARTER)
    assert nothing_released(settings)


# The approval.


def test_without_an_approval_nothing_is_released(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    with pytest.raises(NotApproved):
        release.publish(settings, QUARTER)
    assert nothing_released(settings)


@pytest.mark.parametrize("approver", ["pipeline", "Pipeline ", "stranger", ""])
def test_the_preparer_and_strangers_cannot_approve(settings: Settings, approver: str) -> None:
    settings = dataclasses.replace(settings, approvers=("approver", "pipeline", "Pipeline "))
    prepared(settings)
    checked(settings)
    with pytest.raises(NotApproved):
        decided(settings, approver=approver)
    folder, _ = candidate.current(settings, QUARTER)
    assert not (folder / "approval.json").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"approver": "stranger"},
        {"approver": "pipeline"},
        {"approver": None},
        {"prepared_by": "somebody"},
        {"decision": "rejected"},
        {"decision": None},
        {"quarter": "FY2023-Q3"},
        {"candidate_digest": "0" * 64},
    ],
)
def test_a_forged_approval_releases_nothing(settings: Settings, changes: dict[str, Any]) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    folder, _ = candidate.current(settings, QUARTER)
    altered(folder / "approval.json", **changes)
    with pytest.raises(NotApproved) as stop:
        release.publish(settings, QUARTER)
    assert all(stop.value.parts().values())
    assert nothing_released(settings)


def test_an_approver_who_was_taken_off_the_list_releases_nothing(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    decided(settings)
    with pytest.raises(NotApproved):
        release.publish(dataclasses.replace(settings, approvers=("another",)), QUARTER)
    assert nothing_released(settings)


def test_a_decision_about_another_digest_is_refused(settings: Settings) -> None:
    first = prepared(settings)["candidate_digest"]
    prepared(settings, "b2", shift=1)
    checked(settings)
    with pytest.raises(NotApproved):
        decided(settings, digest=first)
    with pytest.raises(NotApproved):
        decided(settings, decision="maybe")
    assert decided(settings)["decision"] == "approved"


def test_the_same_decision_twice_is_one_and_another_is_refused(settings: Settings) -> None:
    prepared(settings)
    checked(settings)
    first = decided(settings, reason="looks right")
    later = dataclasses.replace(settings, clock="2023-04-20T09:00:00+09:00")
    assert decided(later, reason="looks right") == first
    with pytest.raises(NotApproved):
        decided(settings, decision="rejected", reason="no")
    with pytest.raises(NotApproved):
        decided(settings, reason="another reason")
    folder, _ = candidate.current(settings, QUARTER)
    assert store.read_json(folder / "approval.json") == first


def test_p24_a_rejection_needs_a_reason_and_leaves_the_last_release_alone(settings: Settings) -> None:
    released(settings)
    before = everything(settings.place("releases"))
    prepared(settings, "b2", shift=1)
    checked(settings)
    with pytest.raises(NotApproved):
        decided(settings, decision="rejected", reason="  ")
    decided(settings, decision="rejected", reason="the workforce table looks wrong")
    with pytest.raises(NotApproved):
        release.publish(settings, QUARTER)
    assert everything(settings.place("releases")) == before
    assert released(settings, "b3", shift=2).name == "r2"


# Verification, offline.


def test_p27_one_flipped_byte_in_any_file_fails(settings: Settings) -> None:
    folder = released(settings)
    names = sorted(everything(folder))
    assert len(names) == 3 * len(TABLES) + 13
    for name in names:
        kept = (folder / name).read_bytes()
        for place in {0, len(kept) // 2, len(kept) - 1}:
            content = bytearray(kept)
            content[place] ^= 1
            (folder / name).write_bytes(bytes(content))
            with pytest.raises(NotVerified):
                verify(folder)
        (folder / name).write_bytes(kept)
    assert verify(folder)["files"] == len(names)


def test_p27_one_missing_file_fails(settings: Settings) -> None:
    folder = released(settings)
    for name in everything(folder):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(NotVerified):
            verify(folder)
        (folder / name).write_bytes(kept)
    assert verify(folder)["release"] == "FY2023-Q4/r1"


def test_p27_anything_beside_the_listed_files_fails(settings: Settings, tmp_path: Path) -> None:
    folder = released(settings)
    page = folder / "index.html"

    def stopped() -> None:
        with pytest.raises(NotVerified):
            verify(folder)

    for name in ("extra.txt", ".hidden", "tables/.hidden"):
        (folder / name).write_text("x")
        stopped()
        (folder / name).unlink()
    (folder / "empty").mkdir()
    stopped()
    (folder / "empty").rmdir()
    kept = page.read_bytes()
    (tmp_path / "elsewhere.html").write_bytes(kept)
    page.unlink()
    page.symlink_to(tmp_path / "elsewhere.html")
    stopped()
    page.unlink()
    os.mkfifo(page)
    stopped()
    page.unlink()
    page.write_bytes(kept)
    verify(folder)
    (tmp_path / "linked").symlink_to(folder)
    with pytest.raises(NotVerified):
        verify(tmp_path / "linked")
    with pytest.raises(NotVerified):
        verify(tmp_path / "nowhere")


def resealed(folder: Path, **changes: Any) -> None:
    """Change the manifest and give it the digests that it would have if all were true."""
    body = {**store.read_json(folder / "manifest.json"), **changes}
    body["files"] = {name: sums for name, sums in everything(folder).items() if name != "manifest.json"}
    body["manifest_digest"] = manifest.digest(body)
    (folder / "manifest.json").write_bytes(store.canonical_json(body))


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest_version": 1},
        {"manifest_version": 3},
        {"manifest_version": True},
        {"candidate_digest": "0" * 64},
        {"quarter": "FY2023-Q3"},
        {"revision": 2},
        {"signature": "x"},
    ],
)
def test_p27_an_unknown_version_or_a_manifest_that_does_not_fit_fails_even_with_a_right_digest(
    settings: Settings, changes: dict[str, Any]
) -> None:
    folder = released(settings)
    resealed(folder)
    verify(folder)
    resealed(folder, **changes)
    with pytest.raises(NotVerified):
        verify(folder)


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        ("verdict.json", {"passed": False}),
        ("verdict.json", {"checks_evaluated": 2}),
        ("verdict.json", {"files": {"index.html": "0"}}),
        ("approval.json", {"candidate_digest": "0" * 64}),
        ("approval.json", {"decision": "rejected"}),
        ("approval.json", {"approver": "pipeline"}),
    ],
)
def test_a_verdict_or_approval_of_something_else_fails_even_resealed(
    settings: Settings, record: str, changes: dict[str, Any]
) -> None:
    folder = released(settings)
    altered(folder / record, **changes)
    resealed(folder)
    with pytest.raises(NotVerified):
        verify(folder)


def test_a_manifest_in_other_words_fails_though_it_says_the_same(settings: Settings) -> None:
    path = released(settings) / "manifest.json"
    content = store.read_json(path)
    for written in (json.dumps(content), json.dumps(content, indent=2, sort_keys=True), "[]", "", "{" * 100_000):
        path.write_text(written)
        with pytest.raises(NotVerified):
            verify(path.parent)


def test_a_release_changed_in_place_is_not_completed(settings: Settings) -> None:
    folder = released(settings)
    settings.place("releases", "latest.json").unlink()
    flipped(folder / "index.html")
    with pytest.raises(HrddError):
        release.publish(settings, QUARTER)
    assert not settings.place("releases", "latest.json").exists()
