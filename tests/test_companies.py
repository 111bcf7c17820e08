"""A figure by company and by country beside the totals of regions: what a reader can subtract is nobody, or enough."""

from __future__ import annotations

import csv
import itertools
import json
import re
import tempfile
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expectations import attack, findings
from pipeline.quarter import FiscalQuarter
from pipeline.settings import PROJECT, Settings
from publish import disclosure, exclusions, ledger
from publish.cells import COMPANY
from publish.programme import Rules, programme

QUARTER = FiscalQuarter(2023, 3)
PLAN = programme()
RULES = Rules(PLAN, b"k" * 32)
REGIONS = {"corp": {"E0"}, "jp": {"E0", "E1", "E2"}, "emea": {"E3", "E4"}, "au": {"E5"}}
ROW = {"metric_id": "trn_bhr_completion_rate", "basis": "ytd", "fiscal_quarter": str(QUARTER), "title": "x",
       "unit": "%", "target_status": "NO_TARGET", "target_value": None, "display_value": "x",
       "value_state": "MEASURED", "is_person_count": True, "value": 1.0}  # fmt: skip

COUNTRIES = {"E0": "JP", "E1": "JP", "E2": "JP", "E3": "GB", "E4": "DE", "E5": "AU", "E6": "SG"}
COMPANIES = [
    {"entity_code": code, "valid_from": date(2015, 4, 1), "valid_to": None, "is_consolidated": True,
     "is_parent": code in REGIONS["corp"], "country_iso2": country,
     "region": "JP" if code in REGIONS["jp"] else "EMEA" if code in REGIONS["emea"] else "APAC"}
    for code, country in COUNTRIES.items()
]  # fmt: skip

Groups = dict[str, tuple[int, int]]


def rows_of(counts: Groups) -> list[dict[str, Any]]:
    """The figure by company and the totals of every perimeter, as a build holds them; counts are done and not done."""

    def row(perimeter: str, dimension: str, part: str, codes: Any) -> dict[str, Any]:
        done, left = (sum(counts[code][side] for code in codes) for side in (0, 1))
        return ROW | {"perimeter": perimeter, "dimension": dimension, "dimension_value": part,
                      "numerator": float(done), "denominator": float(done + left)}  # fmt: skip

    totals = [row(perimeter, "total", "ALL", REGIONS[perimeter] & counts.keys()) for perimeter in REGIONS]
    parts = [row("grp", COMPANY, code, [code]) for code in counts]
    return [*(one for one in totals if one["denominator"]), row("grp", "total", "ALL", counts), *parts]


def protected(counts: Groups) -> list[dict[str, Any]]:
    tables = {"metric_values": rows_of(counts), "dim_entity": COMPANIES}
    return disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]


def subtracted(counts: Groups, rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """What a reader is left with who takes the printed companies of a region, or of what two regions differ by, from
    its total: less what the totals tell by themselves, which is of regions of which no company is printed."""
    printed = {row["dimension_value"]: row for row in rows if row["dimension"] == COMPANY and row["value"] is not None}
    totals = {row["perimeter"]: row for row in rows if row["dimension"] == "total"}
    places = {name: codes & counts.keys() for name, codes in REGIONS.items() if name in totals} | {"grp": set(counts)}
    alike: dict[tuple[bool, ...], set[str]] = {}
    for code in counts:
        alike.setdefault(tuple(code in codes for codes in places.values()), set()).add(code)
    of_totals = set().union(*(group for group in alike.values() if not group & printed.keys()))
    left = []
    for one, other in [*((name, None) for name in places), *itertools.permutations(places, 2)]:
        if other and not places[other] <= places[one]:
            continue
        where = places[one] - (places[other] if other else set())
        sides = []
        for column, side in (("numerator", [0]), ("denominator", [0, 1])):
            whole = totals[one][column] - (totals[other][column] if other else 0)
            known = sum(counts[code][number] for code in where & of_totals for number in side)
            sides.append(whole - known - sum(printed[code][column] for code in where & printed.keys()))
        left.append((sides[0], sides[1] - sides[0]))
    return left


people = st.one_of(st.integers(0, 12), st.integers(40, 400))
companies = st.sampled_from(["E0", "E1", "E2", "E3", "E4", "E5", "E6"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(companies, st.tuples(people, people), min_size=3))
@example({"E0": (900, 100), "E1": (98, 2), "E2": (300, 60), "E3": (97, 3), "E4": (200, 40), "E5": (90, 30)})
@example({"E0": (900, 100), "E1": (20, 1), "E2": (300, 60), "E3": (15, 20), "E4": (200, 40), "E5": (90, 30)})
def test_what_a_total_leaves_of_its_companies_is_nobody_or_enough(counts: Groups) -> None:
    counts = {code: sides for code, sides in counts.items() if sum(sides)}
    if not counts:
        return
    for done, not_done in subtracted(counts, protected(counts)):
        nobody = done == not_done == 0
        assert nobody or (min(done, not_done) >= PLAN.threshold and done + not_done >= PLAN.headcount_below)


def test_one_withheld_company_takes_another_of_its_own_region_with_it() -> None:
    """Withheld in two regions, one each: the group's total hides them, and each region's gives them back."""
    counts = {"E0": (900, 100), "E1": (98, 2), "E2": (300, 60), "E3": (97, 3), "E4": (200, 40), "E5": (90, 30)}
    blind = disclosure.protect({"metric_values": rows_of(counts)}, disclosure.Inner([]), QUARTER, RULES)
    hidden = {row["dimension_value"] for row in blind.tables["metric_values"] if row["value"] is None}
    assert hidden == {"E1", "E3"}
    assert (98.0, 2.0) in subtracted(counts, blind.tables["metric_values"])
    hidden = {row["dimension_value"] for row in protected(counts) if row["value"] is None}
    assert hidden == {"E1", "E2", "E3", "E4"}


def test_where_every_company_has_enough_nothing_is_withheld() -> None:
    counts = {f"E{number}": (60 + 50 * number, 30 + number) for number in range(7)}
    assert [row for row in protected(counts) if row["value"] is None] == []


# What the attacker says of it, over companies and countries together.


def with_countries(counts: Groups, twice: dict[str, int]) -> list[dict[str, Any]]:
    """The rows of a build that gives the figure by country too, and in whose totals of some perimeters a few persons
    count once whom two companies list."""
    rows = rows_of(counts)
    for row in rows:
        if row["dimension"] == "total" and row["perimeter"] in twice:
            once = min(twice[row["perimeter"]], row["numerator"])
            row |= {"numerator": row["numerator"] - once, "denominator": row["denominator"] - once}
    for country in sorted({COUNTRIES[code] for code in counts}):
        done, left = (sum(counts[code][side] for code in counts if COUNTRIES[code] == country) for side in (0, 1))
        rows.append(ROW | {"perimeter": "grp", "dimension": "country_iso2", "dimension_value": country,
                           "numerator": float(done), "denominator": float(done + left)})  # fmt: skip
    return rows


def attacked(folder: Path, rows: list[dict[str, Any]]) -> findings.Report:
    """What the attacker finds in a release of these rows."""
    (folder / "tables").mkdir(parents=True)
    (folder / "programme.json").write_text(json.dumps(PLAN.content))
    (folder / "figures.json").write_text(json.dumps(rows))
    with (folder / "tables" / "dim_entity.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COMPANIES[0].keys())
        writer.writeheader()
        writer.writerows(COMPANIES)
    return attack.attack(Settings.load(data=folder), [folder])


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(companies, st.tuples(people, people), min_size=3),
    st.dictionaries(st.sampled_from(["corp", "jp", "emea"]), st.integers(0, 6)),
)
@example({f"E{n}": (300 + 70 * n, 60) for n in range(7)}, {"jp": 3})
@example(
    {"E0": (900, 100), "E1": (98, 2), "E2": (300, 60), "E3": (97, 3), "E4": (200, 40), "E5": (90, 30)}, {"corp": 2}
)
@example({"E0": (900, 100), "E3": (20, 20), "E4": (20, 3), "E5": (60, 60), "E6": (30, 15)}, {})
def test_the_attacker_finds_nothing_in_companies_and_countries_together(counts: Groups, twice: dict[str, int]) -> None:
    counts = {code: sides for code, sides in counts.items() if sum(sides)}
    if not counts:
        return
    tables = {"metric_values": with_countries(counts, twice), "dim_entity": COMPANIES}
    shown = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]
    with tempfile.TemporaryDirectory() as folder:
        assert attacked(Path(folder) / "r1", shown).broken == {}


LARGE = {f"E{number}": (300 + 70 * number, 60 + number) for number in range(7)}


def without(rows: list[dict[str, Any]], *cells: tuple[str, str]) -> list[dict[str, Any]]:
    """The rows with some parts withheld."""
    nothing = dict.fromkeys(("numerator", "denominator", "value"))
    return [row | nothing if (row["dimension"], row["dimension_value"]) in cells else row for row in rows]


@pytest.mark.parametrize(("left", "stands"), [(0, False), (1, False), (4, False), (5, True)])
def test_a_company_that_is_alone_in_its_country_is_withheld_by_company_and_by_country(
    tmp_path: Path, left: int, stands: bool
) -> None:
    counts = LARGE | {"E3": (97, left)}
    rows = with_countries(counts, {})
    naive = without(rows, *([] if stands else [(COMPANY, "E3"), (COMPANY, "E4")]))
    report = attacked(tmp_path / "naive", naive)
    # By country the count itself is printed; beside one that is large enough nothing was to be withheld.
    assert report.stands == stands
    assert stands or findings.SMALL in report.broken
    tables = {"metric_values": rows, "dim_entity": COMPANIES}
    shown = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]
    hidden = {(row["dimension"], row["dimension_value"]) for row in shown if row["value"] is None}
    assert hidden == (set() if stands else {(COMPANY, "E3"), (COMPANY, "E4"), ("country_iso2", "GB"),
                                            ("country_iso2", "DE")})  # fmt: skip
    assert attacked(tmp_path / "own", shown).stands


@pytest.mark.parametrize("unknown", [(1, 0), (3, 60), (400, 200)])
def test_while_some_work_for_a_company_that_no_list_has_nobody_is_told_by_company_or_country(
    tmp_path: Path, unknown: tuple[int, int]
) -> None:
    whole = sum(sum(sides) for sides in LARGE.values()) + sum(unknown)
    rows = with_countries(LARGE, {})
    part = next(row for row in rows if row["dimension"] == COMPANY)
    rows.append(
        part | {"dimension_value": "UNKNOWN", "numerator": float(unknown[0]), "denominator": float(sum(unknown))}
    )
    for row in rows:
        if (row["perimeter"], row["dimension"]) == ("grp", "total"):
            row |= {"numerator": row["numerator"] + unknown[0], "denominator": float(whole)}
    tables = {"metric_values": rows, "dim_entity": COMPANIES}
    shown = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]
    assert {row["dimension"] for row in shown} == {"total"}
    assert {row["denominator"] for row in shown if row["perimeter"] == "grp"} == {float(whole)}
    assert attacked(tmp_path / "own", shown).stands


def test_a_country_gives_its_only_company_away_where_both_are_large(tmp_path: Path) -> None:
    """E4 is withheld to protect E3, and by country it stands printed: so E3 follows."""
    rows = with_countries(LARGE | {"E3": (97, 3)}, {})
    naive = without(rows, (COMPANY, "E3"), (COMPANY, "E4"), ("country_iso2", "GB"), ("country_iso2", "AU"))
    assert set(attacked(tmp_path / "naive", naive).broken) == {findings.FOUND}


@pytest.mark.parametrize(("twice", "stands"), [(0, True), (1, False), (4, False), (5, True)])
def test_few_persons_whom_two_companies_list_are_not_told_by_the_total_that_counts_them_once(
    tmp_path: Path, twice: int, stands: bool
) -> None:
    rows = with_countries(LARGE, {"jp": twice})
    assert attacked(tmp_path / "naive", rows).stands == stands
    tables = {"metric_values": rows, "dim_entity": COMPANIES}
    shown = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]
    hidden = {(row["dimension"], row["dimension_value"]) for row in shown if row["value"] is None}
    assert bool(hidden) != stands
    assert attacked(tmp_path / "own", shown).stands


@pytest.mark.parametrize(("left", "stands"), [(0, False), (1, False), (4, False), (5, True)])
def test_what_a_perimeter_leaves_to_a_merged_company_is_nobody_or_enough(
    tmp_path: Path, left: int, stands: bool
) -> None:
    """Small companies are merged; the total of their region, less the others, tells of the one that lies in it."""
    counts = LARGE | {"E1": (30, 15), "E4": (30, left)}
    rows = rows_of(counts)
    other = next(row for row in rows if row["dimension_value"] == "E4")
    other |= {"dimension_value": "OTHER", "numerator": 60.0, "denominator": 75.0 + left}
    assert attacked(tmp_path / "naive", [row for row in rows if row["dimension_value"] != "E1"]).stands == stands
    tables = {"metric_values": rows_of(counts), "dim_entity": COMPANIES}
    shown = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]
    hidden = {row["dimension_value"] for row in shown if row["value"] is None}
    assert hidden >= (set() if stands else {"E3", "OTHER"})
    assert bool(hidden) != stands
    assert {row["dimension_value"] for row in shown if row["dimension"] == COMPANY and row["value"]} >= {"E5", "E6"}
    assert attacked(tmp_path / "own", shown).stands


# Over time, and what figures leave out.


def region(quarter: str, done: float, perimeter: str = "au", dimension: str = "total", part: str = "ALL") -> Any:
    return ROW | {"fiscal_quarter": quarter, "perimeter": perimeter, "dimension": dimension, "dimension_value": part,
                  "numerator": done, "denominator": 250.0}  # fmt: skip


def standing_on(*releases: list[dict[str, Any]]) -> ledger.Standing:
    """What the ledger says after these releases."""
    text = [tuple({name: str(value) for name, value in row.items()} for row in rows) for rows in releases]
    return ledger.Standing(None, (), tuple(text))


@pytest.mark.parametrize(("grown", "stands"), [(0, True), (1, False), (4, False), (5, True)])
@pytest.mark.parametrize("where", [("au", "total", "ALL"), ("grp", COMPANY, "E5")])
@pytest.mark.parametrize("is_earlier_release", [True, False])
def test_two_quarters_of_a_year_to_date_do_not_tell_of_few_in_between(
    tmp_path: Path, grown: int, stands: bool, where: tuple[str, str, str], is_earlier_release: bool
) -> None:
    first, second = "FY2023-Q1", "FY2023-Q2"
    before, now = [region(first, 100.0, *where)], [region(second, 100.0 + grown, *where)]
    if where[1] == COMPANY:
        before += [region(first, 50.0, "grp", COMPANY, "E6")]
        now += [region(second, 150.0, "grp", COMPANY, "E6")]
    assert attacked(tmp_path / "naive", before + now).stands == stands
    standing = standing_on(before) if is_earlier_release else None
    tables = {"metric_values": now if is_earlier_release else before + now, "dim_entity": COMPANIES}
    result = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES, standing).tables["metric_values"]
    given = {(row["fiscal_quarter"], row["dimension_value"]) for row in result if row["value"] is not None}
    assert ((second, where[2]) in given) == stands
    printed_before = before if is_earlier_release else [row for row in result if row["fiscal_quarter"] == first]
    after = [row for row in result if row["fiscal_quarter"] == second]
    assert len(printed_before) == len(before)
    assert attacked(tmp_path / "own", [*printed_before, *after]).stands


def test_the_company_s_own_year_to_date_is_always_given() -> None:
    rows = [region(quarter, done, "corp") for quarter, done in (("FY2023-Q1", 100.0), ("FY2023-Q2", 101.0))]
    result = disclosure.protect({"metric_values": rows}, disclosure.Inner([]), QUARTER, RULES)
    assert [row["numerator"] for row in result.tables["metric_values"]] == [100, 101]


def left_out(count: int, metric: str = ROW["metric_id"], reason: str = "on leave") -> dict[str, Any]:
    return {"metric_id": metric, "title": "x", "perimeter": "corp", "basis": "ytd", "fiscal_quarter": str(QUARTER),
            "reason": reason, "left_out": count, "value_state": "MEASURED", "is_person_count": True}  # fmt: skip


def excluded(rows: list[dict[str, Any]], *before: dict[str, Any]) -> list[Any]:
    """What the protector prints of how many are left out."""
    metrics = {row["metric_id"]: {"theme": "training"} for row in rows}
    past = [{name: str(value) for name, value in row.items()} for row in before]
    return exclusions.protect(rows, metrics, set(metrics), PLAN, RULES.threshold, past)


@pytest.mark.parametrize(("moved", "stands"), [(0, True), (1, False), (-4, False), (5, True)])
def test_how_many_are_left_out_moves_by_nothing_or_by_enough(tmp_path: Path, moved: int, stands: bool) -> None:
    one, two, own = (tmp_path / name for name in ("r1", "r2", "own"))
    assert attacked(one, [left_out(300)]).stands
    attacked(two, [left_out(300 + moved)])
    settings = Settings.load(data=tmp_path)
    assert attack.attack(settings, [one, two]).broken == ({} if stands else {findings.CHANGED: 1})
    shown = excluded([left_out(300 + moved)], left_out(300))
    assert (shown[0]["left_out"] is not None) == stands
    attacked(own, shown)
    assert attack.attack(settings, [one, own]).stands


@pytest.mark.parametrize(("other", "stands"), [(300, True), (301, False), (304, False), (305, True), (9, False)])
def test_the_attacker_reads_how_many_are_left_out(tmp_path: Path, other: int, stands: bool) -> None:
    rows = [left_out(300), left_out(other, reason="dispatched")]
    assert attacked(tmp_path / "naive", rows).stands == stands
    assert attacked(tmp_path / "own", excluded(rows)).stands


def test_a_case_that_a_figure_leaves_out_is_found(tmp_path: Path) -> None:
    assert attacked(tmp_path / "r1", [left_out(40, PLAN.total)]).broken == {findings.BEYOND: 1}


# Figures about the same people.


@pytest.mark.parametrize(("apart", "stands"), [(0, True), (1, False), (4, False), (5, True)])
def test_two_figures_of_a_small_region_do_not_differ_by_few_people(tmp_path: Path, apart: int, stands: bool) -> None:
    one = region(str(QUARTER), 100.0)
    two = one | {"metric_id": "wrk_headcount", "basis": "asof", "numerator": 250.0 + apart, "denominator": None}
    assert attacked(tmp_path / "naive", [one, two]).stands == stands
    given = disclosure.protect({"metric_values": [one, two]}, disclosure.Inner([]), QUARTER, RULES)
    assert len(given.tables["metric_values"]) == 1 + stands
    assert attacked(tmp_path / "own", given.tables["metric_values"]).stands


@pytest.mark.parametrize(("late", "stands"), [(0, True), (1, False), (4, False), (5, True)])
def test_of_the_same_people_no_few_did_what_the_others_did_too(tmp_path: Path, late: int, stands: bool) -> None:
    """Who completed too late is who completed less who completed in time."""
    one = region(str(QUARTER), 200.0, "corp")
    two = one | {"metric_id": "trn_bhr_on_time_rate", "numerator": 200.0 - late}
    assert attacked(tmp_path / "naive", [one, two]).stands == stands
    given = disclosure.protect({"metric_values": [one, two]}, disclosure.Inner([]), QUARTER, RULES)
    assert {row["metric_id"] for row in given.tables["metric_values"]} >= {ROW["metric_id"]}
    assert len(given.tables["metric_values"]) == 1 + stands
    assert attacked(tmp_path / "own", given.tables["metric_values"]).stands


@pytest.mark.parametrize(("apart", "stands"), [(0, True), (1, False), (4, False), (5, True)])
def test_a_language_and_a_country_that_are_nearly_the_same_people_do_not_tell_of_the_rest(
    tmp_path: Path, apart: int, stands: bool
) -> None:
    rows = [row for row in with_countries(LARGE, {}) if row["dimension"] != COMPANY]
    german = next(row for row in rows if row["dimension_value"] == "DE")
    by_language = german | {"dimension": "work_language", "dimension_value": "de"}
    others = german | {"dimension": "work_language", "dimension_value": "en"}
    whole = next(row for row in rows if (row["perimeter"], row["dimension"]) == ("grp", "total"))
    for name in ("numerator", "denominator"):
        by_language = by_language | {name: by_language[name] - apart}
        others = others | {name: whole[name] - by_language[name]}
    rows += [by_language, others]
    assert attacked(tmp_path / "naive", rows).stands == stands
    tables = {"metric_values": rows, "dim_entity": COMPANIES}
    shown = disclosure.protect(tables, disclosure.Inner([]), QUARTER, RULES).tables["metric_values"]
    hidden = {row["dimension_value"] for row in shown if row["value"] is None}
    assert hidden == (set() if stands else {"de", "en"})
    assert attacked(tmp_path / "own", shown).stands


def declared_figures() -> list[dict[str, Any]]:
    """Every figure as dbt_project/macros/declared declares it."""
    found: list[dict[str, Any]] = []
    home = PROJECT / "dbt_project" / "macros" / "declared"
    for file in sorted(home.glob("*.sql")):
        environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        environment.globals |= {"return": found.extend, "ref": str, "dbt": SimpleNamespace(type_string=str)}
        environment.globals |= {"of_unknown_status": dict, "of_unknown_training": lambda _: {}, "nobody_knows": str}
        macros = environment.from_string(file.read_text()).module
        for name in re.findall(r"macro (\w+_figures)\(", file.read_text()):
            getattr(macros, name)()
    return found


def test_every_figure_about_persons_was_held_against_those_of_its_population() -> None:
    """A new figure fails here until somebody has decided whether it counts some of the people of another."""
    with (PROJECT / "dbt_project" / "seeds" / "metric_catalog.csv").open(newline="") as stream:
        about_persons = {row["metric_id"] for row in csv.DictReader(stream) if row["is_person_count"] == "true"}
    populations: dict[str, set[str]] = {}
    for figure in declared_figures():
        if figure["metric"] in about_persons:
            populations.setdefault(figure["rows"], set()).add(figure["metric"])
    assert populations == {rows: set(metrics) for rows, metrics in PLAN.content["compared"].items()}
    assert set().union(*populations.values()) == about_persons
    assert PLAN.within.keys() | set(PLAN.within.values()) <= about_persons
