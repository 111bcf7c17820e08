"""The transparency log: a release that is quietly replaced, removed, added or signed anew is noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from publish_build import LATER, QUARTER, checked, decided, prepared, released, settings_at

from pipeline import store
from pipeline.errors import HrddError, NotVerified
from pipeline.settings import Settings
from publish import chain, keys, release, statement, transparency
from publish.verify import verify


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three releases: two of one quarter, one of the next. Nobody changes them."""
    settings = settings_at(tmp_path_factory.mktemp("kept"))
    released(settings)
    released(settings, "b2", LATER)
    released(settings, "b3", QUARTER, shift=1)
    return settings


@pytest.fixture
def settings(kept: Settings, tmp_path: Path) -> Settings:
    """A copy of them, to be changed at will."""
    shutil.copytree(kept.data, tmp_path / "data", symlinks=True)
    return settings_at(tmp_path / "data")


def home(settings: Settings) -> Path:
    return settings.place("releases")


def log(settings: Settings) -> Path:
    return home(settings) / transparency.NAME


def doubted(settings: Settings, words: str = "") -> None:
    with pytest.raises(NotVerified) as stop:
        transparency.verify_all(home(settings))
    assert words in stop.value.found


def test_the_log_holds_every_release_in_the_order_of_their_making(settings: Settings) -> None:
    proved = transparency.verify_all(home(settings))
    assert [report["release"] for report in proved["releases"]] == ["FY2023-Q4/r1", "FY2024-Q1/r1", "FY2023-Q4/r2"]
    records = chain.read(log(settings))
    assert [record["number"] for record in records] == [1, 2, 3]
    assert proved["head"] == chain.digest(records[-1])


def test_p7_publishing_again_enters_nothing_twice_and_changes_no_byte(settings: Settings) -> None:
    before = store.checksums(home(settings))
    for quarter in (QUARTER, LATER):
        release.publish(settings, quarter)
    assert store.checksums(home(settings)) == before


def test_p7_other_bytes_under_a_used_name_are_refused(settings: Settings, tmp_path: Path) -> None:
    other = settings_at(tmp_path / "other")
    replaced = released(other, shift=7)
    prepared(settings, "b9", shift=3)
    checked(settings)
    decided(settings)
    target = home(settings) / "FY2023-Q4" / "r1"
    shutil.rmtree(target)
    shutil.copytree(replaced, target)
    verify(target)  # it proves itself: only the log knows that it is another
    doubted(settings, "FY2023-Q4/r1 is another than the one that was released")
    with pytest.raises(NotVerified):
        release.publish(settings, QUARTER)


def test_p26_a_removed_release_is_noticed_and_nothing_more_is_released(settings: Settings) -> None:
    for gone in ("FY2023-Q4/r1", "FY2023-Q4/r2", "FY2024-Q1/r1"):
        kept = home(settings) / "kept"
        (home(settings) / gone).rename(kept)
        doubted(settings, f"{gone} is gone")
        with pytest.raises(NotVerified):
            release.publish(settings, LATER)
        kept.rename(home(settings) / gone)
    transparency.verify_all(home(settings))


def test_p26_both_revisions_stay_readable_and_the_later_names_the_earlier(settings: Settings) -> None:
    first, second = (home(settings) / "FY2023-Q4" / name for name in ("r1", "r2"))
    assert verify(first)["release"] == "FY2023-Q4/r1"
    assert verify(second)["release"] == "FY2023-Q4/r2"
    linked = store.read_json(second / "manifest.json")
    assert (
        linked["revises"] == linked["previous_release"] == store.read_json(first / "manifest.json")["manifest_digest"]
    )


def test_a_release_that_was_put_there_is_noticed(settings: Settings, tmp_path: Path) -> None:
    other = settings_at(tmp_path / "other")
    added = released(other, "b1", LATER.next())
    shutil.copytree(added, home(settings) / str(LATER.next()) / "r1")
    doubted(settings, "not in the log")
    with pytest.raises(HrddError, match="put here by something else"):
        release.publish(settings, QUARTER)


def test_a_release_signed_anew_is_noticed(settings: Settings) -> None:
    folder = home(settings) / "FY2024-Q1" / "r1"
    record = store.read_json(folder / "approval.json")
    unsigned = {name: value for name, value in record.items() if name not in ("signed_by", "key", "signature")}
    store.write_json(folder / "approval.json", keys.signed(settings, {**unsigned, "reason": "another"}, "approver"))
    candidate_record = {**store.read_json(folder / "manifest.json"), "candidate_digest": record["candidate_digest"]}
    (folder / "manifest.json").unlink()
    (folder / "provenance.json").unlink()
    facts = {name: candidate_record[name] for name in ("revision", "released_at", "previous_release")}
    release.assemble(folder, candidate_record, **facts)
    verify(folder)  # whoever has the key can make a release that proves itself
    doubted(settings, "FY2024-Q1/r1 is another")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[2]],
        lambda lines: lines[:2],
        lambda lines: [],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0].replace('"revision": 1', '"revision": 2'), *lines[1:]],
        lambda lines: [*lines, lines[2]],
    ],
    ids=["first gone", "middle gone", "last gone", "all gone", "moved", "changed", "doubled"],
)
def test_a_line_of_the_log_that_is_gone_or_changed_is_noticed(
    settings: Settings, spoil: Callable[[list[str]], list[str]]
) -> None:
    lines = log(settings).read_text().splitlines(keepends=True)
    log(settings).write_text("".join(spoil(lines)))
    doubted(settings)


def test_a_log_written_anew_is_noticed_by_whoever_noted_its_head(settings: Settings) -> None:
    noted = transparency.verify_all(home(settings))["head"]
    folder = home(settings) / "FY2023-Q4" / "r2"
    shutil.rmtree(folder)
    records = chain.read(log(settings))[:2]
    log(settings).write_text("".join(json.dumps(record, sort_keys=True) + "\n" for record in records))
    transparency.verify_all(home(settings))
    with pytest.raises(NotVerified, match="not what was released") as stop:
        transparency.verify_all(home(settings), head=noted)
    assert "head" in stop.value.found


def test_an_approval_that_the_ledger_lost_is_noticed(settings: Settings) -> None:
    ledger = settings.place("approvals.jsonl")
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:2]))
    doubted(settings, "FY2023-Q4/r2")


def test_a_folder_without_a_release_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotVerified):
        transparency.verify_all(tmp_path)


@pytest.mark.parametrize("step", ["add", "index"])
def test_p2_a_kill_around_the_log_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    settings, whole = settings_at(tmp_path / "killed"), settings_at(tmp_path / "whole")
    released(whole)
    prepared(settings)
    checked(settings)
    decided(settings)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release.transparency if step == "add" else release, step, killed)
        with pytest.raises(KeyboardInterrupt):
            release.publish(settings, QUARTER)
    assert not (home(settings) / "latest.json").exists()
    release.publish(settings, QUARTER)
    assert store.checksums(home(settings)) == store.checksums(home(whole))
    transparency.verify_all(home(settings))


def test_p2_a_line_that_a_kill_cut_short_is_written_whole(settings: Settings) -> None:
    whole = log(settings).read_bytes()
    log(settings).write_bytes(whole[:-20])
    doubted(settings, "not in the log")
    release.publish(settings, LATER)
    assert log(settings).read_bytes() == whole


# Provenance.


def test_the_provenance_names_every_file_every_extract_and_the_code(settings: Settings) -> None:
    folder = home(settings) / "FY2023-Q4" / "r2"
    told, manifest = store.read_json(folder / "provenance.json"), store.read_json(folder / "manifest.json")
    assert (told["_type"], told["predicateType"]) == (statement.STATEMENT, statement.PREDICATE)
    subject = {entry["name"]: entry["digest"]["sha256"] for entry in told["subject"]}
    there = {name: digest for name, digest in store.checksums(folder).items()}
    assert subject == {name: there[name] for name in there if name not in ("manifest.json", "provenance.json")}
    made_of = told["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [entry["digest"]["sha256"] for entry in made_of] == [
        manifest["code"]["source_digest"],
        manifest["code"]["lock_digest"],
        *(delivery["extract_id"] for delivery in manifest["inputs"]),
    ]


def test_p27_a_provenance_that_tells_another_story_fails(settings: Settings) -> None:
    folder = home(settings) / "FY2023-Q4" / "r2"
    told = store.read_json(folder / "provenance.json")
    told["predicate"]["buildDefinition"]["resolvedDependencies"].pop()
    store.write_json(folder / "provenance.json", told)
    body = store.read_json(folder / "manifest.json")
    body["files"]["provenance.json"] = store.sha256_file(folder / "provenance.json")
    body["manifest_digest"] = release.manifests.digest(body)
    store.write_json(folder / "manifest.json", body)
    with pytest.raises(NotVerified) as stop:
        verify(folder)
    assert "provenance" in stop.value.found
