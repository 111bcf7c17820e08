"""The only place that writes state: whole or not at all, and the same bytes for the same value."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import store
from pipeline.errors import HrddError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_the_order_in_which_a_record_was_made_does_not_change_its_bytes(record: dict) -> None:
    turned = dict(reversed(record.items()))
    assert store.canonical_json(record) == store.canonical_json(turned)


def test_a_file_that_is_being_written_is_not_seen(tmp_path: Path) -> None:
    place = tmp_path / "receipt.json"
    store.write_json(place, {"old": 1})
    with store.put(place) as temporary:
        temporary.write_text("half")
        assert store.read_json(place) == {"old": 1}
    assert place.read_text() == "half"


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "receipt.json"
    store.write_json(place, {"old": 1})
    with pytest.raises(RuntimeError), store.put(place) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert store.read_json(place) == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.json"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), store.put_folder(tmp_path / "r1") as temporary:
        (temporary / "headline.csv").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_place_is_never_changed(tmp_path: Path) -> None:
    for _ in range(2):
        store.write_bytes(tmp_path / "r1" / "headline.csv", b"first")
    with pytest.raises(OSError, match="not empty"), store.put_folder(tmp_path / "r1") as temporary:
        (temporary / "headline.csv").write_text("second")
    assert (tmp_path / "r1" / "headline.csv").read_bytes() == b"first"


def test_files_are_closed_to_others(tmp_path: Path) -> None:
    store.write_json(tmp_path / "a" / "receipt.json", {})
    assert (tmp_path / "a" / "receipt.json").stat().st_mode & 0o007 == 0


def test_a_ledger_survives_a_line_that_was_cut_short(tmp_path: Path) -> None:
    ledger = tmp_path / "arrivals.jsonl"
    store.append_line(ledger, {"n": 1})
    with ledger.open("a") as stream:
        stream.write('{"n": 2')
    assert store.read_lines(ledger) == [{"n": 1}]


def test_a_pointer_always_points_somewhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        store.point(tmp_path / "mart", tmp_path / name)
        assert (tmp_path / "mart").read_text() == name


def test_one_changed_byte_changes_the_digest_of_the_folder(tmp_path: Path) -> None:
    store.write_bytes(tmp_path / "a.csv", b"1")
    before = store.digest_of(store.checksums(tmp_path))
    store.write_bytes(tmp_path / "a.csv", b"2")
    assert store.digest_of(store.checksums(tmp_path)) != before


def test_a_record_that_is_not_json_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_bytes(b"\xff{")
    with pytest.raises(HrddError, match="is not JSON"):
        store.read_json(tmp_path / "receipt.json")


def _hold(lock: Path, ready: multiprocessing.synchronize.Event) -> None:
    with store.alone(lock):
        ready.set()
        signal.pause()


def _take(lock: Path) -> None:
    with store.alone(lock):
        pass


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", ready))
    holder.start()
    assert ready.wait(10)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    taken = context.Process(target=_take, args=(tmp_path / "lock",))
    taken.start()
    taken.join(10)
    assert taken.exitcode == 0
