"""The command line, as a person uses it: the whole way once, and what each kind of stop looks like."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from fault_corpus import contract_file, records, written
from sample_year import Built, hrdd, taken

from ingest.contract import contracts
from pipeline.settings import PROJECT

QUARTER = "FY2023-Q4"


@pytest.fixture(scope="module")
def waiting(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose candidate passed the board door and waits for a decision; every step was a command."""
    data = tmp_path_factory.mktemp("waiting") / "data"
    shutil.copytree(sample.settings.data, data, symlinks=True)
    taken(data, ["prepare", QUARTER], ["check", QUARTER])
    return data


@pytest.fixture
def data(waiting: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed at will."""
    copy = tmp_path / "data"
    shutil.copytree(waiting, copy, symlinks=True)
    return copy


def stopped(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The four parts on the error output, and no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for part in ("  found     ", "  expected  ", "  rule      ", "  next      "):
        assert part in done.stderr
    return done.stderr


def test_the_whole_way_by_hand_ends_in_a_release_that_proves_itself(data: Path) -> None:
    assert hrdd(data, "approve", QUARTER, "--as", "approver", "--reason", "compared").returncode == 0
    assert hrdd(data, "publish", QUARTER).returncode == 0
    release = data / "releases" / QUARTER / "r1"
    proved = hrdd(data, "verify", str(release))
    assert proved.returncode == 0
    assert f"Verified {QUARTER}/r1" in proved.stdout
    assert json.loads((data / "releases" / "latest.json").read_text())["release"] == f"{QUARTER}/r1"
    with duckdb.connect(str((data / "mart" / "due_diligence.duckdb").resolve()), read_only=True) as mart:
        tables = {name for (name,) in mart.sql("select table_name from duckdb_tables()").fetchall()}
        undescribed = mart.sql(
            "select column_name from duckdb_columns() where comment is null and not internal"
        ).fetchall()
    assert "board_headline" in tables
    assert undescribed == []
    assert "r1" in hrdd(data, "status").stdout


def elsewhere(place: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line from a fresh copy of the source, as another machine has it, where nothing can be reached."""
    clone = place / "clone"
    listing = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    named = subprocess.run(listing, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, named):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, clone / name)
    (place / "alone").mkdir()
    (place / "alone" / "sitecustomize.py").write_text(
        "import sys\n"
        "def alone(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo') and not isinstance(arguments[-1], (str, bytes)):\n"
        "        raise OSError('there is no network here')\n"
        "sys.addaudithook(alone)\n"
    )
    settings = str(clone / "samples" / "settings.toml")
    environment = os.environ | {"PYTHONPATH": str(place / "alone"), "HRDD_SETTINGS": settings}
    command = [sys.executable, "-m", "pipeline.cli", "--data", str(data), *arguments]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def test_p19_a_release_is_made_again_bit_for_bit_from_the_bytes_that_landed(data: Path, tmp_path: Path) -> None:
    assert hrdd(data, "approve", QUARTER, "--as", "approver").returncode == 0
    assert hrdd(data, "publish", QUARTER).returncode == 0
    shutil.rmtree(data / "builds")
    shutil.rmtree(data / "candidates")
    for parquet in (data / "raw").rglob("*.parquet"):
        parquet.unlink()
    made = elsewhere(tmp_path, data, "reproduce", f"{QUARTER}/r1")
    assert made.returncode == 0, made.stderr
    files = len([path for path in (data / "releases" / QUARTER / "r1").rglob("*") if path.is_file()])
    assert f"{files} files are the same, byte for byte" in made.stdout
    assert not (data / ".reproduce").exists()
    landed = next(path for path in (data / "landed" / "hotline" / "case").iterdir() if path.suffix == "")
    landed.chmod(0o640)
    landed.write_bytes(landed.read_bytes().replace(b"2", b"3", 1))
    assert "landed/hotline/case" in stopped(hrdd(data, "reproduce", f"{QUARTER}/r1"), 7)
    stopped(hrdd(data, "reproduce", f"{QUARTER}/r2"), 7)
    stopped(hrdd(data, "reproduce", "../approvals.jsonl"), 7)
    proved = hrdd(data, "verify", str(data / "releases"))
    assert proved.returncode == 0, proved.stderr
    head = proved.stdout.split()[-1].rstrip(".")
    assert hrdd(data, "verify", str(data / "releases"), "--head", head).returncode == 0
    stopped(hrdd(data, "verify", str(data / "releases"), "--head", "0" * 64), 7)


def test_p20_the_pack_of_a_figure_leads_to_the_extracts_behind_it_and_says_what_was_kept_out(
    data: Path, tmp_path: Path
) -> None:
    assert hrdd(data, "approve", QUARTER, "--as", "approver", "--reason", "compared").returncode == 0
    assert hrdd(data, "publish", QUARTER).returncode == 0
    pack = tmp_path / "pack"
    arguments = ["audit-pack", "trn_bhr_completion_rate", "--quarter", QUARTER, "--into", str(pack)]
    done = hrdd(data, *arguments)
    assert done.returncode == 0, done.stderr
    inputs = json.loads((pack / "inputs.json").read_text())[f"{QUARTER}/r1"]
    behind = {f"{entry['family']}/{entry['extract']}" for entry in inputs if entry["is_behind_the_figure"]}
    assert {"hr/worker_month", "hr/leave", "training/completion", "training/learner_xref"} <= behind
    assert not {"hotline/case", "procurement/spend", "register/fine", "training/attendance"} & behind
    for entry in inputs:
        sent = entry["landing_receipt"]["bytes_sha256"]
        landed = data / "landed" / entry["family"] / entry["extract"] / sent
        assert hashlib.sha256(landed.read_bytes()).hexdigest() == sent
        rows = data / "raw" / entry["family"] / entry["extract"] / f"{entry['extract_id']}.parquet"
        assert hashlib.sha256(rows.read_bytes()).hexdigest() == entry["rows_sha256"]
        receipt = entry["load_receipt"]
        assert receipt["records_in"] == receipt["loaded"] + sum(entry["kept_out"]["reasons"].values())
    with (pack / "figures.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if (row["perimeter"], row["fiscal_quarter"]) == ("corp", QUARTER)]
    assert "86" in {row["value"] for row in rows if row["dimension"] == "total"}
    decisions = json.loads((pack / "approvals.json").read_text())["decisions"]
    assert [(record["approver"], record["reason"]) for record in decisions] == [("approver", "compared")]
    for line in (pack / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((pack / name).read_bytes()).hexdigest() == digest
    stopped(hrdd(data, *arguments), 1)
    stopped(hrdd(data, "audit-pack", "none", "--quarter", QUARTER, "--into", str(tmp_path / "other")), 1)


def test_every_step_can_be_repeated(data: Path) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in data.rglob("*.parquet"))
    for arguments in (["land"], ["load"], ["check"], ["build", QUARTER], ["prepare", QUARTER], ["check", QUARTER]):
        assert hrdd(data, *arguments).returncode == 0
    assert sorted((path.name, path.stat().st_mtime_ns) for path in data.rglob("*.parquet")) == before


def test_a_quarter_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "FY2023-Q4" in stopped(hrdd(tmp_path, "build", "2023Q4"), 3)


def test_an_unknown_extract_is_refused_and_the_others_land(tmp_path: Path) -> None:
    assert hrdd(tmp_path, "sample").returncode == 0
    stranger = tmp_path / "landing" / "payroll" / "salary" / "march.csv"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("a,b\n1,2\n")
    done = hrdd(tmp_path, "land")
    assert "payroll/salary" in stopped(done, 3)
    assert done.stdout.count("landed ") == sum(terms.staged for terms in contracts().values())


def test_a_quarter_with_a_missing_extract_is_not_built(data: Path) -> None:
    shutil.rmtree(data / "raw" / "register" / "ai_review")
    assert "register/ai_review" in stopped(hrdd(data, "build", QUARTER), 4)


def test_a_candidate_with_a_changed_byte_does_not_pass_the_board_door(data: Path) -> None:
    candidate = next((data / "candidates" / QUARTER).glob("*/candidate.json")).parent
    headline = candidate / "files" / "tables" / "headline.csv"
    headline.chmod(0o640)
    headline.write_bytes(headline.read_bytes().replace(b"86.0 %", b"96.0 %", 1))
    (candidate / "verdict.json").unlink()
    stopped(hrdd(data, "check", QUARTER), 5)
    stopped(hrdd(data, "publish", QUARTER), 5)
    assert not (data / "releases").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as", "pipeline"],
        ["--as", "stranger"],
        ["--as", "approver", "--reject"],
        ["--as", "approver", "--digest", "0" * 64],
    ],
    ids=["the preparer", "a stranger", "a rejection without a reason", "another digest"],
)
def test_a_decision_that_may_not_count_is_refused(data: Path, arguments: list[str]) -> None:
    stopped(hrdd(data, "approve", QUARTER, *arguments), 6)
    assert list((data / "candidates").rglob("approval.json")) == []


def test_nothing_is_published_without_an_approval(data: Path) -> None:
    stopped(hrdd(data, "publish", QUARTER), 6)
    assert not (data / "releases").exists()


def test_a_rejection_publishes_nothing(data: Path) -> None:
    assert hrdd(data, "approve", QUARTER, "--as", "approver", "--reject", "--reason", "wrong roster").returncode == 0
    stopped(hrdd(data, "publish", QUARTER), 6)
    assert not (data / "releases").exists()


def test_there_is_nothing_to_approve_before_a_candidate(tmp_path: Path) -> None:
    stopped(hrdd(tmp_path, "approve", QUARTER, "--as", "approver"), 6)


def test_a_folder_that_is_no_release_is_not_verified(tmp_path: Path) -> None:
    stopped(hrdd(tmp_path, "verify", str(tmp_path)), 7)


def test_wrong_settings_stop_every_command(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("aprovers = []\n")
    assert "aprovers" in stopped(hrdd(tmp_path, "status", settings=settings), 9)


def test_a_command_that_does_not_exist_is_told_as_such(tmp_path: Path) -> None:
    done = hrdd(tmp_path, "release")
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_the_sample_year_never_stands_under_a_real_companys_name(data: Path) -> None:
    company = data.parent / "settings.toml"
    company.write_text('company = "Made-up Company"\nparent_entity_code = "E001"\napprovers = ["approver"]\n')
    assert hrdd(data, "approve", QUARTER, "--as", "approver").returncode == 0
    assert "sample" in stopped(hrdd(data, "publish", QUARTER, settings=company), 5)
    assert "sample year" in stopped(hrdd(data, "build", QUARTER, settings=company), 4)
    environment = os.environ | {"HRDD_DATA": str(data), "HRDD_SETTINGS": str(company)}
    done = subprocess.run(
        [sys.executable, "-m", "events.local", "run"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "holds the sample year" in stopped(done, 9)
    assert not (data / "releases").exists()


def test_a_data_folder_is_meant_from_where_the_person_stands(tmp_path: Path) -> None:
    environment = os.environ | {"HRDD_SETTINGS": str(PROJECT / "samples" / "settings.toml"), "PYTHONPATH": str(PROJECT)}
    subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "--data", "own", "sample"], cwd=tmp_path, env=environment, check=True
    )
    assert (tmp_path / "own" / "landing" / "hr").is_dir()


def test_one_file_is_loaded_alone_and_told_in_one_line(tmp_path: Path) -> None:
    contract = contract_file(tmp_path)
    sent = tmp_path / "sent.csv"
    broken = [["C999", "yesterday", *records(1)[0][2:]]]
    for content, code, told in [
        (written([*records(), *broken]), 0, {"records": 13, "loaded": 12, "quarantined": 1, "lines": 14}),
        ("not,this\n", 3, {"records": 0, "loaded": 0, "quarantined": 0, "lines": 0}),
    ]:
        sent.write_text(content, encoding="utf-8")
        done = hrdd(tmp_path, "load", str(sent), "--contract", str(contract), "--into", str(tmp_path / "into"))
        assert done.returncode == code, done.stderr
        [line] = done.stdout.splitlines()
        said = json.loads(line)
        assert list(said) == ["records", "loaded", "quarantined", "lines", "refused", "reason"]
        assert {name: said[name] for name in told} == told
        assert (said["refused"], said["reason"] is None) == (code == 3, code == 0)
        left = {path.name for path in (tmp_path / "into").iterdir()}
        assert left == {"loaded.parquet", "quarantine.parquet", "receipt.json"}
        assert "Traceback" not in done.stderr
    bad = hrdd(tmp_path, "load", str(sent), "--contract", str(sent), "--into", str(tmp_path / "into"))
    assert (bad.returncode, json.loads(bad.stdout)["refused"]) == (9, True)
    assert hrdd(tmp_path, "load", str(sent)).returncode == 2
