"""reasons: why a revision differs from the release before it, by code, and which figures each code can have moved.

A code lies where something is new since that release: in deliveries, or in the computation. A figure that differs bears
every code that lies upstream of it, by the lineage that the build holds (``dim_metric_source``). Several codes stay
together, for nobody knows how much of a difference each of them made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import database, store
from pipeline.errors import HrddError
from pipeline.settings import Settings
from publish.board import ENGLISH

REASONS = ENGLISH.section("reason")  # code -> what it says, in the order in which they are told
COMPUTED = ("METHOD_CHANGE", "CODE_DEFECT")  # these lie in the computation; any other lies in deliveries,
LIES_IN = {  # some of them in few extracts only
    "RECATEGORISED": frozenset({"hotline/allegation", "hotline/category_history"}),
    "DUPLICATE_MERGED": frozenset(
        {"hotline/contact", "procurement/supplier", "training/learner_xref", "hr/worker_month"}
    ),
    "PERIMETER_CHANGE": frozenset({"hr/entity"}),
    "FX_REVISION": frozenset({"procurement/fx_rate"}),
}
OWN = "own/"  # what the pipeline wrote down about itself speaks of every delivery

Sources = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Reason:
    """A code, the record that it follows from, and the extracts in which it lies: None for the computation itself."""

    code: str
    because: str
    extracts: frozenset[str] | None = None
    is_derived: bool = True

    def bears_on(self, sources: frozenset[str]) -> bool:
        """Whether it lies upstream of a figure that rests on these extracts; one that names none rests on all."""
        if self.extracts is None or not sources or self.extracts & sources:
            return True
        return any(source.startswith(OWN) for source in sources)


def check_reasons(codes: Iterable[str]) -> list[str]:
    """The reason codes, once each; raises HrddError for a code that nobody knows."""
    codes = sorted(set(codes))
    unknown = [code for code in codes if code not in REASONS]
    if unknown:
        raise HrddError(
            "This is not a reason for a revision.",
            found=repr(unknown[0][:40]),
            expected=", ".join(REASONS),
            rule="publish/reasons.py",
            next_step="choose the code that fits, and say the rest in the explanation",
        )
    return codes


def sources_of(settings: Settings, build: Path) -> Sources:
    """The extracts behind each metric, by the lineage in a build's folder; nothing where the build is gone."""
    file = build / "due_diligence.duckdb"
    if not file.exists():
        return {}
    with database.connect(settings, file, read_only=True) as connection:
        found = connection.execute(
            "select metric_id, list(extract) from dim_metric_source group by metric_id"
        ).fetchall()
    return {metric: frozenset(extracts) for metric, extracts in found}


def reasons_for(
    settings: Settings,
    manifest: Mapping[str, Any],
    deliveries: Sequence[Mapping[str, Any]],
    code: Mapping[str, str],
    said: Iterable[str] = (),
    *,
    has_other_companies: bool = False,
) -> list[Reason]:
    """Why a build of these deliveries, by this code, can differ from a release: what the records say, and a person.

    Raises HrddError for a code that a person says and that can lie in nothing that is new.
    """
    found = {reason.code: reason for reason in _derived(settings, manifest, deliveries, code, has_other_companies)}
    fresh = frozenset(map(_extract, _fresh(manifest, deliveries)))
    for name in check_reasons(said):
        is_computed = name in COMPUTED
        where = None if is_computed else fresh & LIES_IN.get(name, fresh)
        if not ("METHOD_CHANGE" in found if is_computed else where):
            raise _nothing_upstream(name, fresh)
        found.setdefault(name, Reason(name, "the preparer says so", where, is_derived=False))
    return [found[name] for name in REASONS if name in found]


def _derived(
    settings: Settings,
    manifest: Mapping[str, Any],
    deliveries: Sequence[Mapping[str, Any]],
    code: Mapping[str, str],
    has_other_companies: bool,
) -> list[Reason]:
    """Reasons that follow from the records, each with the record it follows from."""
    found = []
    dated = {(_extract(d), d["as_of_date"]) for d in manifest["inputs"]}
    fresh = _fresh(manifest, deliveries)
    again = [d for d in fresh if d["delivery"] == "snapshot" and (_extract(d), d["as_of_date"]) in dated]
    late = [d for d in fresh if d not in again]
    for name, because, those in (
        ("LATE_DATA", "new deliveries of ", late),
        ("SOURCE_CORRECTION", "sent again for the same day: ", again),
    ):
        if those:
            extracts = frozenset(map(_extract, those))
            found.append(Reason(name, because + ", ".join(sorted(extracts)), extracts))
    if has_other_companies:
        found.append(Reason("PERIMETER_CHANGE", "dim_entity differs", LIES_IN["PERIMETER_CHANGE"]))
    differs = {
        "the source of the computation differs": code["source_digest"] != manifest["code"]["source_digest"],
        "the pinned environment differs": code["lock_digest"] != manifest["code"]["lock_digest"],
        "a setting differs": store.canonical_json(settings.chosen()) != store.canonical_json(manifest["settings"]),
        "no extract, source or setting differs: the pipeline's own records do": not found,
    }
    found += [Reason("METHOD_CHANGE", because) for because in differs if differs[because]][:1]
    return found


def _fresh(manifest: Mapping[str, Any], deliveries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    sent = {(_extract(d), d["extract_id"]) for d in manifest["inputs"]}
    return [d for d in deliveries if (_extract(d), d["extract_id"]) not in sent]


def _extract(delivery: Mapping[str, Any]) -> str:
    return f"{delivery['family']}/{delivery['extract']}"


def _nothing_upstream(code: str, fresh: frozenset[str]) -> HrddError:
    in_extracts = "a new delivery of " + (", ".join(sorted(LIES_IN[code])) if code in LIES_IN else "an extract")
    return HrddError(
        f"{code} explains nothing in this revision.",
        found="new since the release: " + (", ".join(sorted(fresh)) or "no delivery"),
        expected="another source, environment or setting" if code in COMPUTED else in_extracts,
        rule="publish/reasons.py, LIES_IN",
        next_step="leave the code out, or wait for the delivery that it speaks of",
    )
