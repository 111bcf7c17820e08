"""Who decided is proven: a decision is signed, chained to the one before it, bound to bytes, and does not last."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from publish_build import LATER, QUARTER, checked, decided, prepared, released, settings_at

from pipeline import store
from pipeline.errors import BadSettings, HrddError, NotApproved, NotVerified
from pipeline.settings import Settings
from publish import approval, candidate, chain, keys, release
from publish.verify import verify


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "data")


@pytest.fixture
def real(tmp_path: Path) -> Settings:
    """An installation that is no sample: keys of its own, public ones in its settings."""
    folder = str(tmp_path / "keys")
    (tmp_path / "disclosure.key").write_bytes(b"a key of a test, 32 bytes or more")
    bare = dataclasses.replace(
        settings_at(tmp_path / "real"),
        is_sample=False,
        keys=folder,
        approvers=("yuki", "sam"),
        disclosure_key_file=str(tmp_path / "disclosure.key"),
    )
    public = {name: (keys.make(bare, name),) for name in ("yuki", "sam", "gate")}
    return dataclasses.replace(bare, public_keys=public)


def ledger_of(settings: Settings) -> Path:
    return settings.place("approvals.jsonl")


def approved(settings: Settings, **said: Any) -> dict[str, Any]:
    prepared(settings)
    checked(settings)
    return decided(settings, **said)


def refused(settings: Settings, words: str) -> None:
    with pytest.raises(NotApproved) as stop:
        release.publish(settings, QUARTER)
    assert words in stop.value.found
    assert not settings.place("releases", str(QUARTER)).exists()


def forged(settings: Settings, **changes: Any) -> None:
    """Change the decision in both places at once, as somebody who may write to the data folder could."""
    folder, _ = candidate.current(settings, QUARTER)
    record = {**store.read_json(folder / "approval.json"), **changes}
    store.write_json(folder / "approval.json", record)
    ledger_of(settings).write_text(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n")


# P23: preparer and approver are two; an approval binds to the digest; the ledger is append-only.


def test_p23_a_decision_records_who_when_role_reason_digest_and_is_signed(real: Settings) -> None:
    record = approved(real, approver="yuki", reason="compared with the source")
    assert record["number"] == 1
    assert record["previous"] == chain.START
    assert (record["approver"], record["role"], record["reason"]) == ("yuki", "approver", "compared with the source")
    assert record["candidate_digest"] == candidate.current(real, QUARTER)[1]["candidate_digest"]
    assert (record["signed_by"], record["key"]) == ("yuki", real.public_keys["yuki"][0])
    assert approval.decisions(real) == [record]
    folder = real.place(release.publish(real, QUARTER)["path"])
    assert verify(folder, keys.trusted(real))["approver"] == "yuki"


@pytest.mark.parametrize(
    "changes",
    [{"approver": "sam", "signed_by": "sam"}, {"reason": "other words"}, {"decided_at": "2023-04-16T00:00:00+00:00"}],
)
def test_p23_a_decision_rewritten_in_every_place_is_not_what_was_signed(
    real: Settings, changes: dict[str, Any]
) -> None:
    approved(real, approver="yuki", reason="compared")
    forged(real, **changes, key=real.public_keys[changes.get("signed_by", "yuki")][0])
    refused(real, "whose signature is not of these words")


def test_p23_an_approval_cannot_be_replayed_to_another_quarter(settings: Settings) -> None:
    record = approved(settings)
    prepared(settings, "b2", LATER)
    checked(settings, LATER)
    folder, later = candidate.current(settings, LATER)
    moved = {**record, "quarter": str(LATER), "candidate_digest": later["candidate_digest"]}
    store.write_json(folder / "approval.json", moved)
    with pytest.raises(NotApproved):
        release.publish(settings, LATER)
    ledger_of(settings).write_text(json.dumps(moved, sort_keys=True) + "\n")
    folder.parent.parent.joinpath(str(QUARTER), record["candidate_digest"], "approval.json").unlink()
    with pytest.raises(NotApproved, match="not approved") as stop:
        release.publish(settings, LATER)
    assert "signature" in stop.value.found
    assert not settings.place("releases", str(LATER)).exists()


def test_p23_an_approval_of_an_earlier_candidate_is_overtaken_by_a_later_decision(settings: Settings) -> None:
    first = approved(settings)
    prepared(settings, "b2", shift=1)
    checked(settings)
    decided(settings, decision="rejected", reason="the cases doubled")
    candidate.prepare_build(settings, QUARTER, "b1")
    refused(settings, "a later decision of the quarter has overtaken")
    again = decided(settings)
    assert again["number"] == 3
    assert {**again, "number": 1}["candidate_digest"] == first["candidate_digest"]
    assert release.publish(settings, QUARTER)["revision"] == 1


def test_p23_the_preparer_cannot_approve_even_with_a_key(real: Settings) -> None:
    both = dataclasses.replace(real, preparer="yuki")
    prepared(both)
    checked(both)
    with pytest.raises(NotApproved):
        decided(both, approver="yuki")
    assert not ledger_of(both).exists()


def test_p23_approving_twice_is_one_decision(settings: Settings) -> None:
    approved(settings)
    decided(settings)
    assert len(approval.decisions(settings)) == 1


def test_p23_a_deactivated_approver_releases_nothing_and_old_releases_stay_proven(real: Settings) -> None:
    approved(real, approver="yuki")
    without = dataclasses.replace(real, approvers=("sam",))
    refused(without, "not named as an approver")
    folder = real.place(release.publish(real, QUARTER)["path"])
    assert verify(folder, keys.trusted(without))["approver"] == "yuki"


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_p23_a_deleted_line_of_the_ledger_stops_every_release(settings: Settings, gone: int) -> None:
    for build, quarter in (("b1", QUARTER), ("b2", LATER), ("b3", LATER.next())):
        prepared(settings, build, quarter)
        checked(settings, quarter)
        decided(settings, quarter)
    lines = ledger_of(settings).read_text().splitlines(keepends=True)
    ledger_of(settings).write_text("".join(line for place, line in enumerate(lines) if place != gone))
    for quarter in (QUARTER, LATER, LATER.next()):
        with pytest.raises(NotApproved):
            release.publish(settings, quarter)
    with pytest.raises(NotApproved):
        decided(settings)
    assert not settings.place("releases").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [lines[1], lines[0]],
        lambda lines: [lines[0], lines[0], lines[1]],
        lambda lines: [lines[0].replace("compared", "computed"), lines[1]],
        lambda lines: ["no json\n", lines[1]],
        lambda lines: ["[]\n", lines[1]],
    ],
    ids=["moved", "doubled", "changed", "not JSON", "no record"],
)
def test_p23_a_ledger_that_was_written_to_stops_every_release(
    settings: Settings, spoil: Callable[[list[str]], list[str]]
) -> None:
    approved(settings, reason="compared")
    prepared(settings, "b2", LATER)
    checked(settings, LATER)
    decided(settings, LATER)
    lines = ledger_of(settings).read_text().splitlines(keepends=True)
    ledger_of(settings).write_text("".join(spoil(lines)))
    for quarter in (QUARTER, LATER):
        with pytest.raises(NotApproved):
            release.publish(settings, quarter)


def test_p23_one_flipped_byte_anywhere_in_the_ledger_stops_the_release(settings: Settings) -> None:
    approved(settings, reason="compared")
    whole = ledger_of(settings).read_bytes()
    for place in range(0, len(whole) - 1, 7):
        content = bytearray(whole)
        content[place] ^= 1
        ledger_of(settings).write_bytes(bytes(content))
        with pytest.raises(HrddError):
            release.publish(settings, QUARTER)
    ledger_of(settings).write_bytes(whole)
    assert release.publish(settings, QUARTER)["revision"] == 1


# P24: time never approves, and a rejection stays one.


@pytest.mark.parametrize(("days", "released"), [(29, True), (30, True), (31, False), (-1, False)])
def test_p24_an_approval_runs_out(settings: Settings, days: int, released: bool) -> None:
    approved(settings)
    moment = settings.now() + timedelta(days=days)
    later = dataclasses.replace(settings, clock=moment.isoformat())
    if released:
        assert release.publish(later, QUARTER)["revision"] == 1
    else:
        refused(later, "not of the last 30 days")


def test_p24_what_ran_out_can_be_decided_anew_and_both_decisions_stay(settings: Settings) -> None:
    approved(settings, reason="in April")
    later = dataclasses.replace(settings, clock="2023-07-01T09:00:00+09:00")
    decided(later, reason="in July")
    assert [record["reason"] for record in approval.decisions(later)] == ["in April", "in July"]
    assert release.publish(later, QUARTER)["revision"] == 1


def test_p24_a_release_is_completed_however_old_its_approval_is(settings: Settings) -> None:
    released(settings)
    settings.place("releases", "latest.json").unlink()
    later = dataclasses.replace(settings, clock="2024-04-17T09:00:00+09:00", approvers=("another",))
    assert release.publish(later, QUARTER)["release"] == "FY2023-Q4/r1"
    assert settings.place("releases", "latest.json").exists()


def test_p24_a_rejection_is_kept_and_never_turns_into_a_yes(settings: Settings) -> None:
    approved(settings, decision="rejected", reason="the roster is wrong")
    refused(settings, "that says no")
    later = dataclasses.replace(settings, clock="2024-04-17T09:00:00+09:00")
    with pytest.raises(NotApproved):
        decided(later)
    assert [record["decision"] for record in approval.decisions(settings)] == ["rejected"]


# Keys.


def test_a_key_that_the_settings_do_not_name_signs_nothing(real: Settings, tmp_path: Path) -> None:
    stranger = dataclasses.replace(real, keys=str(tmp_path / "others"))
    keys.make(stranger, "yuki")
    prepared(real)
    checked(real)
    with pytest.raises(NotApproved) as stop:
        decided(stranger, approver="yuki")
    assert "hrdd keys yuki" in stop.value.next_step
    approving = dataclasses.replace(stranger, public_keys={"yuki": (keys.make(stranger, "other"),)})
    with pytest.raises(NotApproved):
        decided(approving, approver="yuki")


def test_a_decision_signed_with_another_key_releases_nothing(real: Settings) -> None:
    approved(real, approver="yuki")
    other = dataclasses.replace(real, public_keys={**real.public_keys, "yuki": real.public_keys["sam"]})
    refused(other, "a key that is not known here")


def test_a_sample_key_is_refused_in_a_real_installation(real: Settings) -> None:
    sample = dataclasses.replace(real, is_sample=True, public_keys={})
    prepared(real)
    checked(real)
    decided(sample, approver="yuki")
    refused(real, "with a SAMPLE key")
    named = dataclasses.replace(real, public_keys={"yuki": (keys.sample_key("yuki"),)})
    refused(named, "with a SAMPLE key")


def test_one_person_cannot_sign_for_another_and_the_gate_can(real: Settings) -> None:
    prepared(real)
    checked(real)
    _, record = candidate.current(real, QUARTER)
    said = {"candidate_digest": record["candidate_digest"], "decision": "approved", "reason": ""}
    with pytest.raises(NotApproved):
        approval.decide(real, QUARTER, approver="yuki", signer="sam", **said)
    right = approval.decide(real, QUARTER, approver="yuki", signer="gate", **said)
    unsigned = {name: value for name, value in right.items() if name not in ("signed_by", "key", "signature")}
    forged(real, **keys.signed(real, unsigned, "sam"))
    refused(real, "signed by somebody else than who decided")
    forged(real, **right)
    assert right["signed_by"] == "gate"
    assert release.publish(real, QUARTER)["revision"] == 1


def test_a_changed_key_signs_what_is_new_and_the_old_one_proves_what_is_old(real: Settings, tmp_path: Path) -> None:
    approved(real, approver="yuki")
    first = real.place(release.publish(real, QUARTER)["path"])
    moved = dataclasses.replace(real, keys=str(tmp_path / "new"))
    both = (keys.make(moved, "yuki"), *real.public_keys["yuki"])
    now = dataclasses.replace(moved, public_keys={"yuki": both})
    prepared(now, "b2", shift=1)
    checked(now)
    assert decided(now, approver="yuki")["key"] == both[0]
    second = now.place(release.publish(now, QUARTER)["path"])
    assert verify(first, keys.trusted(now))["key"] == both[1]
    assert verify(second, keys.trusted(now))["key"] == both[0]


def test_a_private_key_is_closed_to_others_and_one_that_is_not_signs_nothing(real: Settings) -> None:
    file = Path(real.keys) / "yuki.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.chmod(0o640)
    prepared(real)
    checked(real)
    with pytest.raises(NotApproved) as stop:
        decided(real, approver="yuki")
    assert "chmod 600" in stop.value.next_step
    file.chmod(0o600)
    file.write_text("no key")
    with pytest.raises(NotApproved):
        decided(real, approver="yuki")


def test_a_key_is_never_made_over_another(real: Settings) -> None:
    before = (Path(real.keys) / "yuki.key").read_bytes()
    with pytest.raises(HrddError):
        keys.make(real, "yuki")
    assert (Path(real.keys) / "yuki.key").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../yuki", "a/b", ".hidden"])
def test_a_key_lies_nowhere_but_in_its_folder(real: Settings, name: str) -> None:
    with pytest.raises(NotApproved):
        keys.make(real, name)


def test_no_private_key_is_in_a_record(real: Settings) -> None:
    approved(real, approver="yuki")
    release.publish(real, QUARTER)
    secret = (Path(real.keys) / "yuki.key").read_bytes().split(b"\n")[1]
    assert [file for file in real.data.rglob("*") if file.is_file() and secret in file.read_bytes()] == []


def test_nobody_can_be_called_as_the_gate_is(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('approvers = ["gate"]\n')
    with pytest.raises(BadSettings):
        Settings.load(tmp_path / "settings.toml", tmp_path)


def test_public_keys_are_read_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[public_keys]\nyuki = ["ed25519:new", "ed25519:old"]\ngate = "ed25519:g"\n'
    )
    read = Settings.load(tmp_path / "settings.toml", tmp_path)
    assert read.public_keys == {"yuki": ("ed25519:new", "ed25519:old"), "gate": ("ed25519:g",)}
    assert keys.given(["yuki=ed25519:a=", "yuki=ed25519:b="]) == {"yuki": ["ed25519:a=", "ed25519:b="]}


# A kill between the ledger and the file beside the candidate.


def test_a_decision_that_a_kill_cut_short_is_completed_by_the_same_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(settings)
    checked(settings)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(approval.store, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            decided(settings)
    assert len(approval.decisions(settings)) == 1
    with pytest.raises(NotApproved):
        decided(settings, decision="rejected", reason="no")
    decided(settings)
    assert len(approval.decisions(settings)) == 1
    assert release.publish(settings, QUARTER)["revision"] == 1


# P27: offline, and closed on any doubt.


def test_p27_a_real_release_is_not_proven_without_its_keys(real: Settings) -> None:
    approved(real, approver="yuki")
    folder = real.place(release.publish(real, QUARTER)["path"])
    report = verify(folder, real.public_keys)
    assert report["key"] == real.public_keys["yuki"][0]
    for wrong in (None, {}, {"yuki": ()}, {"yuki": real.public_keys["sam"]}, {"sam": real.public_keys["yuki"]}):
        with pytest.raises(NotVerified):
            verify(folder, wrong)


def test_p27_a_sample_release_is_none_to_whoever_holds_real_keys(settings: Settings, real: Settings) -> None:
    folder = released(settings)
    assert verify(folder)["is_sample"] is True
    with pytest.raises(NotVerified) as stop:
        verify(folder, real.public_keys)
    assert "SAMPLE" in stop.value.found


def test_p27_a_missing_signature_fails(settings: Settings) -> None:
    folder = released(settings)
    record = store.read_json(folder / "approval.json")
    for name in ("signature", "key", "signed_by"):
        assert keys.signature_fault({**record, name: None}, None, is_sample=True) == "that nobody signed"
    for wrong in ("", "AAAA", "no base64", record["signature"][:-4] + "AAA="):
        assert keys.signature_fault({**record, "signature": wrong}, None, is_sample=True)
    assert keys.signature_fault(record, None, is_sample=True) is None
