"""What land promises: bytes kept, arrivals remembered, and a refusal in four parts for what cannot be taken."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ingest import land as land_module
from ingest.land import MAX_MANIFEST_BYTES, land, refusals
from pipeline import store
from pipeline.settings import Settings

ENTITY = b"entity_code,valid_from,name,country_iso2,consolidated,region,policy_adopted_on,valid_to\n"
ROW = b"E001,2020-04-01,SAMPLE Company,JP,true,JP,2022-06-30,\n"


def sample_settings(tmp_path: Path) -> Settings:
    return Settings.load(data=tmp_path / "data", file=Path(__file__).parents[1] / "samples" / "settings.toml")


def manifest_of(content: bytes, **promises: Any) -> bytes:
    whole = {
        "source_system": "SAMPLE HR",
        "extract_ts": "2023-04-05T02:00:00+09:00",
        "as_of_date": "2023-03-31",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": content.count(b"\n") - 1,
        "schema_version": "1.0.0",
    }
    return json.dumps({name: value for name, value in (whole | promises).items() if value is not None}).encode()


def send(settings: Settings, path: str, content: bytes, manifest: bytes | None = None) -> Path:
    """Put a file (and its manifest, first) into landing as a sender would."""
    file = settings.place("landing", path)
    file.parent.mkdir(parents=True, exist_ok=True)
    if manifest is not None:
        file.with_name(file.name + ".manifest.json").write_bytes(manifest)
    file.write_bytes(content)
    return file


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return sample_settings(tmp_path)


@pytest.mark.parametrize("content", [ENTITY + ROW, b"\xff\x00 not even text\r\n", b""])
def test_bytes_are_kept_as_they_were_sent(settings: Settings, content: bytes) -> None:
    file = send(settings, "hr/entity/of march.csv", content)
    [receipt] = land(settings)
    digest = hashlib.sha256(content).hexdigest()
    assert (receipt["outcome"], receipt["extract_id"], receipt["sent_as"]) == ("landed", digest, "of march.csv")
    assert settings.place("landed", "hr", "entity", digest).read_bytes() == content == file.read_bytes()
    assert store.read_json(settings.place("landed", "hr", "entity", digest + ".json")) == receipt


def test_the_receipt_says_what_the_manifest_promised(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW))
    [receipt] = land(settings)
    assert receipt["known_at"] == "2023-04-04T17:00:00+00:00"
    assert (receipt["as_of_date"], receipt["quarter"]) == ("2023-03-31", "FY2023-Q4")
    assert (receipt["is_sample"], receipt["has_manifest"], receipt["warnings"]) == (True, True, [])


def test_without_a_manifest_the_receipt_warns(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW)
    [receipt] = land(settings)
    assert (receipt["has_manifest"], receipt["is_sample"], receipt["as_of_date"]) == (False, False, None)
    assert receipt["known_at"] == receipt["landed_at"] == "2023-04-17T00:00:00+00:00"
    assert len(receipt["warnings"]) == 1


def test_an_unchanged_landing_is_not_even_opened_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW))
    send(settings, "hr/nothing/b.csv", ENTITY)
    assert len(land(settings)) == 2
    before = everything_in(settings.place("landed"))
    opened: list[str] = []
    monkeypatch.setattr("ingest.land._open_regular", opened.append)
    assert land(settings) == []
    assert opened == []
    assert everything_in(settings.place("landed")) == before


def test_a_repeat_is_recorded_once_and_changes_nothing(settings: Settings) -> None:
    first = send(settings, "hr/entity/a.csv", ENTITY + ROW)
    [receipt] = land(settings)
    send(settings, "hr/entity/b.csv", ENTITY + ROW)
    os.utime(first, ns=(1, 1))
    assert land(settings) == []
    assert land(settings) == []
    outcomes = [line["outcome"] for line in store.read_lines(settings.place("landed", "arrivals.jsonl"))]
    assert outcomes == ["landed", "repeat", "repeat"]
    assert store.read_json(settings.place("landed", "hr", "entity", receipt["extract_id"] + ".json")) == receipt


def test_other_bytes_under_a_known_name_are_a_new_version_and_both_stay(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW)
    [old] = land(settings)
    send(settings, "hr/entity/a.csv", ENTITY + ROW + ROW)
    [new] = land(settings)
    assert new["extract_id"] != old["extract_id"]
    for receipt in (old, new):
        kept = settings.place("landed", "hr", "entity", receipt["extract_id"])
        assert store.sha256_file(kept) == receipt["extract_id"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("hr/payroll/a.csv", "hr/payroll"),
        ("a.csv", "0 folders"),
        ("hr/a.csv", "1 folders"),
        ("hr/entity/old/a.csv", "3 folders"),
        ("hr/entity/a.xlsm", ".xlsm"),
        ("hr/entity/noname", "nothing"),
    ],
)
def test_what_has_no_place_or_kind_is_refused_in_four_parts(settings: Settings, path: str, found: str) -> None:
    send(settings, path, ENTITY + ROW)
    send(settings, "hr/entity/good.csv", ENTITY)
    receipts = land(settings)
    [refusal] = refusals(receipts)
    assert found in refusal.found
    assert all(refusal.parts().values())
    assert sorted(r["outcome"] for r in receipts) == ["landed", "refused"]
    digest = hashlib.sha256(ENTITY + ROW).hexdigest()
    written = store.read_json(settings.place("landed", "refused", digest + ".json"))
    assert written["refusal"].keys() == {"headline", "found", "expected", "rule", "next"}
    assert land(settings) == []


def test_a_file_refused_for_want_of_a_contract_is_taken_when_the_contract_is_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest import contract
    from ingest import land as module

    known = dict(contract.contracts())
    less = {name: value for name, value in known.items() if name != ("hr", "entity")}
    with monkeypatch.context() as before:
        before.setattr(contract, "contracts", lambda: less)
        before.setattr(module, "contracts", lambda: less)
        send(settings, "hr/entity/a.csv", ENTITY + ROW)
        assert [r["outcome"] for r in land(settings)] == ["refused"]
        assert land(settings) == []
    [receipt] = land(settings)
    assert receipt["outcome"] == "landed"
    assert not list(settings.place("landed", "refused").glob("*.json"))


@pytest.mark.parametrize(
    "promise",
    [
        {"sha256": "0" * 64},
        {"bytes": 5},
        {"bytes": "5"},
        {"rows": -1},
        {"rows": True},
        {"delivery": "append"},
        {"schema_version": "2.0.0"},
        {"extract_ts": "2023-04-05T02:00:00"},
        {"extract_ts": "0001-01-01T00:00:00+14:00"},
        {"as_of_date": "2023-02-29"},
        {"as_of_date": "20230331"},
        {"as_of_date": "2023-04-06"},
        {"control_totals": [1]},
        {"source_system": "\ud800"},
    ],
)
def test_a_manifest_that_does_not_hold_refuses_the_file(settings: Settings, promise: dict[str, Any]) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW, **promise))
    [refusal] = refusals(land(settings))
    assert "manifest" in refusal.headline
    assert not list(settings.place("landed").glob("hr/*/*"))


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"\xff", b"[" * 50_000, b'{"rows": 1, "rows": 2}', b" " * (MAX_MANIFEST_BYTES + 1)]
)
def test_a_manifest_that_cannot_be_read_refuses_the_file(settings: Settings, manifest: bytes) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest)
    assert len(refusals(land(settings))) == 1


def test_an_entry_of_a_manifest_that_nothing_is_held_to_is_warned_of(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW, rowz=5))
    send(settings, "hr/entity/b.csv", ENTITY + ROW + ROW, manifest_of(ENTITY + ROW + ROW, contact="SAMPLE"))
    warned, quiet = land(settings)
    assert [warning for warning in warned["warnings"] if "1 unknown entries" in warning]
    assert not [warning for warning in quiet["warnings"] if "unknown" in warning]


def test_a_manifest_may_speak_of_the_day_it_was_made(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW, as_of_date="2023-04-05"))
    assert refusals(land(settings)) == []


def test_a_mended_manifest_lands_the_file(settings: Settings) -> None:
    file = send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY))
    assert len(refusals(land(settings))) == 1
    file.with_name("a.csv.manifest.json").write_bytes(manifest_of(ENTITY + ROW))
    assert [r["outcome"] for r in land(settings)] == ["landed"]
    assert not list(settings.place("landed", "refused").glob("*.json"))


def test_sample_extracts_do_not_enter_a_real_installation(settings: Settings) -> None:
    real = replace(settings, is_sample=False)
    send(real, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW))
    send(real, "hr/entity/b.csv", ENTITY, manifest_of(ENTITY, source_system="HR core"))
    receipts = land(real)
    assert [r["outcome"] for r in receipts] == ["refused", "landed"]
    assert "is_sample" in refusals(receipts)[0].rule


def test_a_real_extract_in_a_sample_installation_is_not_called_a_sample(settings: Settings) -> None:
    send(settings, "hr/entity/b.csv", ENTITY, manifest_of(ENTITY, source_system="HR core"))
    assert [r["is_sample"] for r in land(settings)] == [False]


def test_links_and_devices_are_refused_unread_and_hidden_names_are_left_alone(settings: Settings) -> None:
    elsewhere = settings.data.parent / "secret.csv"
    elsewhere.write_bytes(b"SECRET")
    folder = send(settings, "hr/entity/.hidden.csv", ENTITY).parent
    send(settings, "hr/entity/a.csv.part", ENTITY)
    send(settings, "hr/.stage/a.csv", ENTITY)
    (folder / "link.csv").symlink_to(elsewhere)
    os.mkfifo(folder / "pipe.csv")
    (folder.parent / "leave").symlink_to(settings.data.parent, target_is_directory=True)
    found = refusals(land(settings))
    assert len(found) == 3
    assert {refusal.found for refusal in found} == {"a link, a device or a pipe"}
    assert not any(b"SECRET" in content for content in everything_in(settings.place("landed")).values())
    assert land(settings) == []


def test_a_landing_may_have_any_name(tmp_path: Path) -> None:
    settings = replace(sample_settings(tmp_path), data=tmp_path / "our data, 人権 100%20")
    send(settings, "hr/entity/a.csv", ENTITY)
    assert [r["outcome"] for r in land(settings)] == ["landed"]
    beside = replace(settings, data=tmp_path / "beside", landing=str(settings.place("landing")))
    assert [r["outcome"] for r in land(beside)] == ["landed"]


def test_a_name_that_is_not_text_stops_nobody(settings: Settings) -> None:
    folder = send(settings, "hr/entity/a.csv", ENTITY).parent
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\n\xe2\x80\xa8{{ x }}.csv")).write_bytes(ENTITY + ROW)
    assert [r["outcome"] for r in land(settings)] == ["landed", "landed"]
    assert land(settings) == []


def test_a_ledger_line_that_a_kill_cut_short_is_written_anew(settings: Settings) -> None:
    send(settings, "hr/entity/a.csv", ENTITY + ROW)
    land(settings)
    send(settings, "hr/entity/b.csv", ENTITY)
    land(settings)
    ledger = settings.place("landed", "arrivals.jsonl")
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:-9])
    assert [r["sent_as"] for r in land(settings)] == ["b.csv"]
    assert ledger.read_bytes() == whole


@pytest.mark.parametrize("after", ["write_bytes", "write_json", "append_line"])
def test_a_kill_at_any_write_ends_in_the_same_state(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    class KilledError(BaseException):
        pass

    send(settings, "hr/entity/a.csv", ENTITY + ROW, manifest_of(ENTITY + ROW))
    os.utime(settings.place("landing", "hr", "entity", "a.csv"), ns=(5, 5))
    os.utime(settings.place("landing", "hr", "entity", "a.csv.manifest.json"), ns=(5, 5))
    whole = sample_settings(tmp_path / "whole")
    whole.place("landing").parent.mkdir(parents=True)
    os.symlink(settings.place("landing"), whole.place("landing"))
    whole = replace(whole, landing=settings.landing_url)
    expected = land(whole)
    real = getattr(store, after)

    def killed(*arguments: Any) -> None:
        if after != "append_line":
            real(*arguments)
        raise KilledError

    with monkeypatch.context() as until:
        until.setattr(store, after, killed)
        with pytest.raises(KilledError):
            land(settings)
    assert land(settings) == expected
    assert everything_in(settings.place("landed")) == everything_in(whole.place("landed"))


@pytest.mark.parametrize(("more", "outcome"), [(0, "landed"), (1, "refused")])
def test_a_file_lands_up_to_the_size_that_is_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, more: int, outcome: str
) -> None:
    content = ENTITY + ROW
    monkeypatch.setattr(land_module, "MAX_SENT_BYTES", len(content) - more)
    send(settings, "hr/entity/a.csv", content)
    [receipt] = land(settings)
    assert receipt["outcome"] == outcome
    assert (b"E001" in b"".join(everything_in(settings.place("landed")).values())) == (outcome == "landed")


def test_a_file_takes_no_memory_to_land_and_is_the_same_afterwards(settings: Settings) -> None:
    file = send(settings, "hr/entity/a.csv", ENTITY + ROW)
    with file.open("r+b") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    [receipt] = land(settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
    assert receipt["bytes_sha256"] == store.sha256_file(file)
    landed = settings.place("landed", "hr", "entity", receipt["bytes_sha256"])
    assert (store.sha256_file(landed), landed.stat().st_mode & 0o777) == (receipt["bytes_sha256"], 0o640)


def test_an_object_store_is_a_landing_like_any_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sender")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sender")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        bucket = boto3.client("s3")
        bucket.create_bucket(Bucket="senders")
        files = {
            "hr/entity/a.csv.manifest.json": manifest_of(ENTITY + ROW),
            "hr/entity/a.csv": ENTITY + ROW,
            "hr/payroll/b.csv": ENTITY,
            "hr/entity/.hidden.csv": ENTITY,
        }
        for path, content in files.items():
            bucket.put_object(Bucket="senders", Key=f"landing/{path}", Body=content)
            send(settings, path, content)
        remote = replace(settings, data=settings.data.parent / "remote", landing="s3://senders/landing")
        assert land(remote) == land(settings)
        assert everything_in(remote.place("landed", "hr")) == everything_in(settings.place("landed", "hr"))
        assert land(remote) == []
        bucket.put_object(Bucket="senders", Key="landing/hr/entity/a.csv", Body=ENTITY)
        bucket.delete_object(Bucket="senders", Key="landing/hr/entity/a.csv.manifest.json")
        assert [r["bytes"] for r in land(remote)] == [len(ENTITY)]
    finally:
        server.stop()
