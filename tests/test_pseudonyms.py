"""Ids leave landed as keyed pseudonyms only, and a person stays one person across extracts and keys."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_deliveries import Sent

from dbt_project.build import plan
from ingest import pseudonym
from ingest.contract import contracts
from ingest.land import land
from ingest.load import load
from ingest.pseudonym import SAMPLE_KEYS, Keys, add_key, keys, pseudonyms
from pipeline import store
from pipeline.database import connect
from pipeline.errors import BadSettings, HrddError
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings

PERSON, WORKER, LEARNER = "RAW-PERSON-17", "RAW-WORKER-17", "RAW-LEARNER-17"
OF_HUMANS = {"person_key": "person", "worker_key": "worker", "learner_id": "learner"}
CASE, CONTACT = "RAW-CASE-17", "RAW-CONTACT-17"
IDS = {
    "person_key": PERSON,
    "worker_key": WORKER,
    "learner_id": LEARNER,
    "case_id": CASE,
    "canonical_case_id": CASE,
    "contact_id": CONTACT,
}
HOLDING = [(family, extract) for (family, extract), terms in contracts().items() if pseudonyms(terms)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with a file of its own keys."""
    sample = Settings.load(PROJECT / "samples" / "settings.toml", tmp_path / "data")
    add_key(tmp_path / "keys")
    return replace(sample, pseudonym_keys="keys", settings_file=tmp_path / "settings.toml")


def send(settings: Settings, name: str, *, only: tuple[str, str] | None = None) -> None:
    """The same person, worker and learner in every extract that has a place for one."""
    for family, extract in [only] if only else HOLDING:
        ids = {column.name: IDS[column.name] for column in pseudonyms(contracts()[family, extract])}
        Sent(family, extract, (ids,), f"2023-04-{len(name):02}T00:00:00Z", "2022-05-31").put(settings, name)
    land(settings)


def found(settings: Settings) -> dict[str, set[str]]:
    """What stands in raw, by the name of the column; no column of which nothing is there."""
    values: dict[str, set[str]] = defaultdict(set)
    with connect(settings, folders=[settings.place("raw")]) as connection:
        for family, extract in HOLDING:
            for file in settings.place("raw", family, extract).glob("*.parquet"):
                for column in pseudonyms(contracts()[family, extract]):
                    rows = connection.execute(f"select {column.name} from read_parquet('{file}')").fetchall()
                    values[column.name] |= {value for (value,) in rows}
    return values


def holding(settings: Settings, word: str) -> set[str]:
    """The top folders of the data that hold a word, also inside Parquet."""
    places = set()
    for file in (file for file in settings.data.rglob("*") if file.is_file()):
        content = file.read_bytes()
        if file.suffix == ".parquet":
            with connect(settings, folders=[file.parent]) as connection:
                content = repr(connection.execute(f"from read_parquet('{file}')").fetchall()).encode()
        if word.encode() in content:
            places.add(file.relative_to(settings.data).parts[0])
    return places


def test_the_contracts_mark_every_id_of_a_human_being() -> None:
    marked = {column.name: column.pseudonym for terms in contracts().values() for column in pseudonyms(terms)}
    assert marked == OF_HUMANS | {"case_id": "case", "canonical_case_id": "case", "contact_id": "contact"}
    for terms in contracts().values():
        assert [c.name for c in terms.columns if c.name in marked and not c.pseudonym] == []
        kinds = {column.pseudonym for column in pseudonyms(terms)}
        assert kinds <= ({"case", "contact"} if terms.family == "hotline" else set(OF_HUMANS.values()))


def test_one_person_is_one_pseudonym_in_every_extract_and_no_id_leaves_landed(settings: Settings) -> None:
    send(settings, "a")
    assert {receipt["outcome"] for receipt in load(settings)} == {"loaded"}
    values = found(settings)
    assert {name: len(pseudonym) for name, pseudonym in values.items()} == dict.fromkeys(IDS, 1)
    assert len(set.union(*values.values())) == 5
    assert values["case_id"] == values["canonical_case_id"]
    for word in IDS.values():
        assert holding(settings, word) == {"landing", "landed"}
    secret = (settings.settings_file.parent / "keys").read_text().strip()
    assert holding(settings, secret) == set()


def test_a_pseudonym_is_the_hmac_that_the_standard_library_makes(settings: Settings) -> None:
    add_key(settings.settings_file.parent / "keys")
    one, two = (bytes.fromhex(line) for line in (settings.settings_file.parent / "keys").read_text().split())
    send(settings, "a")
    load(settings)
    first = hmac.new(one, f"person:{PERSON}".encode(), hashlib.sha256).hexdigest()[:32]
    assert found(settings)["person_key"] == {hmac.new(two, first.encode(), hashlib.sha256).hexdigest()[:32]}


def test_a_person_stays_one_person_across_a_rotation(settings: Settings) -> None:
    send(settings, "a")
    load(settings)
    before = found(settings)
    add_key(settings.settings_file.parent / "keys")
    send(settings, "late", only=("hr", "worker_month"))  # loaded under both keys from its ids
    receipts = load(settings)
    after = found(settings)
    assert {name: len(values) for name, values in after.items()} == dict.fromkeys(IDS, 1)
    assert all(after[name] != before[name] for name in IDS)
    assert {receipt["pseudonym_key"] for receipt in receipts} == {keys(settings).name}
    assert len(receipts) == len(HOLDING) + 1
    assert load(settings) == []


def test_ids_need_not_be_there_any_more_to_rotate(settings: Settings) -> None:
    send(settings, "a")
    load(settings)
    for file in settings.place("landed").rglob("*"):
        if file.is_file() and not file.suffix:
            file.unlink()
    add_key(settings.settings_file.parent / "keys")
    assert len(load(settings)) == len(HOLDING)
    assert {name: len(values) for name, values in found(settings).items()} == dict.fromkeys(IDS, 1)


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("write", range(1, 8))
def test_a_rotation_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    send(settings, "a", only=("hr", "worker_month"))
    send(settings, "a", only=("hr", "leave"))
    send(settings, "a", only=("training", "completion"))
    load(settings)
    add_key(settings.settings_file.parent / "keys")
    turns: Iterator[int] = iter(range(1, 100))
    places = {"sha256_file": store.sha256_file, "write_json": store.write_json}

    def killed(name: str) -> Any:
        def call(*arguments: Any) -> Any:
            answer = places[name](*arguments)
            if next(turns) == write:
                raise KilledError
            return answer

        return call

    with monkeypatch.context() as until:
        for name in places:
            until.setattr(store, name, killed(name))
        with pytest.raises(KilledError):
            load(settings)
    load(settings)
    once = keys(settings)
    assert {name: len(values) for name, values in found(settings).items()} == dict.fromkeys(OF_HUMANS, 1)
    for file in settings.place("raw").glob("*/*/*.json"):
        receipt = store.read_json(file)
        assert receipt["pseudonym_key"] == once.name
        assert receipt["parquet_sha256"] == store.sha256_file(file.with_suffix(".parquet"))
    assert not list(settings.place("raw").rglob(".rekeyed-*"))


def test_what_was_loaded_before_its_contract_marked_an_id_is_put_under_the_keys(settings: Settings) -> None:
    send(settings, "a", only=("hr", "leave"))
    [receipt] = load(settings)
    file = settings.place("raw", "hr", "leave", receipt["extract_id"] + ".json")
    parquet = file.with_suffix(".parquet")
    with store.put(parquet) as temporary, connect(settings, folders=[parquet.parent]) as connection:
        query = f"select * replace ('{WORKER}' as worker_key) from read_parquet('{parquet}')"
        connection.execute(f"copy ({query}) to '{temporary}' (format parquet)")
    store.write_json(file, receipt | {"pseudonym_key": None, "parquet_sha256": store.sha256_file(parquet)})
    load(settings)
    assert holding(settings, WORKER) == {"landing", "landed"}


@pytest.mark.parametrize("names", [("one", "one"), ("one", "two")])
def test_no_build_mixes_keys(settings: Settings, names: tuple[str, str]) -> None:
    send(settings, "a", only=("hr", "leave"))
    send(settings, "a", only=("hr", "worker_month"))
    for receipt, name in zip(load(settings), names, strict=True):
        file = settings.place("raw", receipt["family"], receipt["extract"], receipt["extract_id"] + ".json")
        store.write_json(file, receipt | {"pseudonym_key": name})
        verdict = {"passed": True, "files": {"x": receipt["parquet_sha256"]}}
        store.write_json(file.with_suffix(".verdict.json"), verdict)
    missing = plan(settings, FiscalQuarter.containing(date(2022, 5, 31))).missing
    assert any("newest key" in line for line in missing) is (names == ("one", "two"))


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("", 0o600, "no key"),
        ("zz" * 32, 0o600, "no key"),
        ("ab" * 31, 0o600, "no key"),
        ("\n".join(["ab" * 32] * 2), 0o600, "no key"),
        ("ab" * 32, 0o640, "others may read"),
        ("ab" * 32, 0o604, "others may read"),
        (None, 0o600, "names no file"),
    ],
)
def test_keys_that_protect_nobody_are_not_used(settings: Settings, content: str | None, mode: int, says: str) -> None:
    file = settings.settings_file.parent / "keys"
    file.unlink()
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(BadSettings) as stopped:
        keys(settings)
    assert says in stopped.value.found
    assert "ab" * 31 not in str(stopped.value)


def test_a_file_of_one_key_that_only_its_owner_may_read_is_used(settings: Settings) -> None:
    file = settings.settings_file.parent / "keys"
    for mode in (0o600, 0o400):
        file.chmod(mode)
        assert keys(settings).name


def test_a_key_that_was_taken_away_stops_the_load(settings: Settings) -> None:
    send(settings, "a", only=("hr", "leave"))
    load(settings)
    (settings.settings_file.parent / "keys").unlink()
    add_key(settings.settings_file.parent / "keys")
    with pytest.raises(BadSettings, match="keys of the pseudonyms"):
        load(settings)


def test_a_raw_file_that_changed_is_not_put_under_a_new_key(settings: Settings) -> None:
    send(settings, "a", only=("hr", "leave"))
    [receipt] = load(settings)
    add_key(settings.settings_file.parent / "keys")
    with settings.place("raw", "hr", "leave", receipt["extract_id"] + ".parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(HrddError, match="not what was loaded"):
        load(settings)


def test_only_a_sample_installation_does_without_a_file_of_keys(settings: Settings) -> None:
    sample = replace(settings, pseudonym_keys="")
    assert keys(sample).name == Keys(SAMPLE_KEYS).name
    with pytest.raises(BadSettings, match="keys of the pseudonyms"):
        keys(replace(sample, is_sample=False))
    assert pseudonym.LENGTH * 4 == 128
