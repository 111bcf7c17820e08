"""What each published table and column means. Publication is by opt-in: a column that is not here is not published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from publish.cells import CELL


@dataclass(frozen=True)
class Column:
    """One published column. ``kind`` is a Frictionless field type: string, number, integer, boolean or date."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True)
class Published:
    """One published table: the model it is read from, its grain, its key, and its columns in order."""

    name: str
    model: str
    title: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    is_derived: bool = False  # made of other published tables, and of no model


THEMES = {
    "training": "Training and awareness",
    "grievance": "Grievance and remedy",
    "supply_chain": "Labour in supply chains",
    "workforce": "Workforce, safety and health",
    "geopolitics": "Geopolitical situations and conflict",
    "ai": "Technology and AI",
    "governance": "Governance and reporting",
    "quality": "Figures about the figures",
}

COLUMNS = {
    column.name: column
    for column in (
        Column("metric_id", "string", "Identifier of the metric; its definition stands in the dictionary."),
        Column("title", "string", "Name of the metric as the board reads it."),
        Column(
            "unit", "string", "Unit of the value: % is stored as percent (86.0, not 0.86), pp are percentage points."
        ),
        Column(
            "perimeter",
            "string",
            "Who is counted: corp the parent company, jp with consolidated companies in "
            "Japan, grp all consolidated companies, emea and au those regions.",
        ),
        Column(
            "basis",
            "string",
            "Time basis: qtr in the quarter, ytd since 1 April, asof on the last day, t12m trailing twelve months.",
        ),
        Column("fiscal_quarter", "string", "Fiscal quarter; FY2023-Q4 is January to March 2023."),
        Column(
            "numerator",
            "number",
            "What is counted, as the metric's definition says; empty if withheld or not measured.",
        ),
        Column("denominator", "number", "What it is a share of; empty for a metric that is not a share."),
        Column("value", "number", "The figure, unrounded, in its unit; empty if withheld or not measured."),
        Column("display_value", "string", "The figure as it is printed; `withheld` where it is withheld."),
        Column("target_value", "number", "The target in the metric's unit; empty if there is none."),
        Column(
            "target_status",
            "string",
            "MET, MISSED, NOT_DUE, NO_TARGET or NOT_COMPARABLE, tested on the unrounded value. What a fiscal year to "
            "date must reach is not due before the year's last quarter.",
        ),
        Column(
            "value_state",
            "string",
            "How far the value can be relied on: MEASURED, MEASURED_ZERO, "
            "PROVISIONAL_UNCATEGORISED, ESTIMATED, DECLARED, NOT_MEASURED or SUPPRESSED.",
        ),
        Column("dimension", "string", "What the metric is broken down by; `total` for the whole perimeter."),
        Column("dimension_value", "string", "The part of the breakdown; `ALL` for the whole perimeter."),
        Column("rule", "string", "Rule of the definition that the variant changes."),
        Column("reason", "string", "Why a figure leaves something out, as its definition says it."),
        Column(
            "left_out",
            "integer",
            "How many the figure looked at and left out for this reason; empty if withheld, as counts of cases are.",
        ),
        Column("variant", "string", "How the variant differs from the headline, in words."),
        Column("claim", "string", "What is claimed to be zero: FORCED_LABOUR_TRAFFICKING or CHILD_LABOUR."),
        Column(
            "claim_state",
            "string",
            "ZERO, PROVISIONAL while a case has no category or evidence is not measured, REPORTED if it is not zero, "
            "or NOT_MEASURED.",
        ),
        Column(
            "evidence",
            "string",
            "REPORTS what was reported; CHANNEL_COVERAGE, LANGUAGE_COVERAGE, TESTED_CHANNEL, CATEGORISED and "
            "SILENT_ENTITIES how well a report could have been made and read.",
        ),
        Column("headline_value", "number", "The headline figure, unrounded, in its unit."),
        Column("low_value", "number", "Lowest of the headline and its variants."),
        Column("high_value", "number", "Highest of the headline and its variants."),
        Column("theme_order", "integer", "Reading order within the theme."),
        Column(
            "is_person_count",
            "boolean",
            "Whether the numerator counts persons or their cases, so that small cells are withheld.",
        ),
        Column("definition_version", "integer", "Version of the definition; it changes when the meaning does."),
        Column("theme", "string", "Theme that the metric belongs to."),
        Column("headline_perimeter", "string", "Perimeter of the headline figure."),
        Column("numerator_text", "string", "What the numerator counts, in words."),
        Column("denominator_text", "string", "What the denominator counts, in words."),
        Column("target_direction", "string", "at_least, at_most or none."),
        Column("target_source", "string", "Where the target was set."),
        Column("owner", "string", "Role that answers for the metric."),
        Column("trust_level", "string", "gold, silver or bronze: how well the sources behind it are controlled."),
        Column("misuse", "string", "What the metric must not be used for."),
        Column("decimals", "integer", "Decimal places printed."),
        Column("standards", "string", "Disclosure requirements that the metric serves."),
        Column("fiscal_year", "integer", "Calendar year in which the fiscal year ends."),
        Column("quarter_number", "integer", "1 for April to June, 4 for January to March."),
        Column("quarter_start", "date", "First day of the quarter."),
        Column("quarter_end", "date", "Last day of the quarter."),
        Column("entity_code", "string", "Code of a legal entity of the group."),
        Column("name", "string", "Name of the legal entity."),
        Column("country_iso2", "string", "Country of incorporation, ISO 3166-1 alpha-2."),
        Column("region", "string", "Region of the group."),
        Column("is_consolidated", "boolean", "Whether the entity is consolidated."),
        Column("is_parent", "boolean", "Whether it is the parent company, which perimeter corp means."),
        Column("valid_from", "date", "First day on which the row is valid."),
        Column("valid_to", "date", "Last day on which the row is valid; empty while it lasts."),
        Column("change", "string", "changed, added, removed, or kept: a part that stands as it was first published."),
        Column("is_headline", "boolean", "Whether the board reads this figure in the headline."),
        Column("old_value", "number", "The figure of the earlier release, unrounded; empty if it had none."),
        Column("new_value", "number", "The figure of this release, unrounded; empty if it has none."),
        Column("difference", "number", "New less old, in the unit of the figure."),
        Column("old_display", "string", "The earlier figure as it was printed."),
        Column("new_display", "string", "This figure as it is printed."),
        Column("old_state", "string", "State of the earlier value."),
        Column("new_state", "string", "State of this value."),
        Column("old_target_status", "string", "Target status of the earlier value."),
        Column("new_target_status", "string", "Target status of this value."),
        Column("is_material", "boolean", "Whether the change is material."),
        Column("why_material", "string", "What makes it so: points, share, target, zero_claim, headline."),
        Column("reasons", "string", "Reason codes that lie upstream of the figure, with a space between them."),
    )
}

MEASURES = ("numerator", "denominator", "value", "display_value", "target_value", "target_status", "value_state")
HEADLINE = ("metric_id", "title", "unit", "perimeter", "basis", "fiscal_quarter", *MEASURES)

TABLES: dict[str, Published] = {
    table.name: table
    for table in (
        Published("headline", "board_headline", "Headline figures",
                  "One row per core metric: the release's quarter, headline perimeter.", ("metric_id",), HEADLINE),
        Published("trend", "board_trend", "Every figure over the quarters",
                  "One row per metric and fiscal quarter up to the release's, headline perimeter.",
                  ("metric_id", "fiscal_quarter"), HEADLINE),
        Published("neighbors", "board_neighbors", "Headline figures under other rules",
                  "One row per headline and rule of its definition: the figure as it would be under another rule.",
                  ("metric_id", "rule"),
                  ("metric_id", "title", "unit", "perimeter", "basis", "fiscal_quarter", "rule", "variant",
                   "numerator", "denominator", "value", "headline_value", "low_value", "high_value")),
        Published("exclusions", "board_exclusions", "What the figures leave out",
                  "One row per metric and reason: how many it looked at and left out, in the release's quarter.",
                  ("metric_id", "reason"),
                  ("metric_id", "title", "perimeter", "basis", "fiscal_quarter", "reason", "left_out", "value_state",
                   "is_person_count")),
        *(
            Published(theme, f"board_{theme}", title,
                      "One row per metric, perimeter, basis and part of a one-way breakdown, in the release's quarter.",
                      CELL, (*HEADLINE, "dimension", "dimension_value", "theme_order", "is_person_count"))
            for theme, title in THEMES.items()
        ),
        Published("zero_claims", "zero_claims", "Zero-claims with their evidence",
                  "One row per claim and kind of evidence, in the release's quarter.", ("claim", "evidence"),
                  ("claim", "claim_state", "evidence", *HEADLINE),
                  is_derived=True),
        Published("metric_values", "fct_metric_value", "Metric values",
                  "One row per metric, perimeter, basis, fiscal quarter and cell: totals of every quarter, finer cells "
                  "of the release's quarter, and by company those of every quarter. Names stand in dim_metric and "
                  "(of companies, dimension entity_code) in dim_entity.",
                  CELL, (*CELL, "numerator", "denominator", "value", "value_state", "target_value", "target_status",
                         "is_person_count")),
        Published("dim_metric", "dim_metric", "Metric catalogue", "One row per metric: its definition.",
                  ("metric_id",),
                  ("metric_id", "definition_version", "theme", "title", "unit", "headline_perimeter", "basis",
                   "numerator_text", "denominator_text", "target_value", "target_direction", "target_source", "owner",
                   "trust_level", "misuse", "is_person_count", "decimals", "standards")),
        Published("dim_quarter", "dim_quarter", "Fiscal quarters", "One row per fiscal quarter.", ("fiscal_quarter",),
                  ("fiscal_quarter", "fiscal_year", "quarter_number", "quarter_start", "quarter_end")),
        Published("dim_entity", "dim_entity", "Legal entities", "One row per legal entity and first day of validity.",
                  ("entity_code", "valid_from"),
                  ("entity_code", "valid_from", "valid_to", "name", "country_iso2", "region", "is_consolidated",
                   "is_parent")),
    )
}  # fmt: skip

# Published with a revision only: a first release changes nothing.
REVISION = Published(
    "revision", "", "Revision", "One row per figure that differs from the release before.", CELL,
    ("change", "title", "unit", *CELL, "is_headline", "old_value", "new_value", "difference", "old_display",
     "new_display", "old_state", "new_state", "old_target_status", "new_target_status", "is_material", "why_material",
     "reasons"),
)  # fmt: skip

DICTIONARY_COLUMNS = (
    "kind", "table", "name", "title", "type", "unit", "description", "definition_version", "theme",
    "headline_perimeter", "basis", "denominator", "target_value", "target_direction", "target_source", "owner",
    "trust_level", "misuse", "standards", "framework", "framework_version", "reference", "fit",
    "valid_from_fy_start", "valid_to_fy_start",
)  # fmt: skip
# Columns of the framework map, as a build holds it (dbt_project/seeds/framework_map.csv).
FRAMEWORK_COLUMNS = (
    "metric_id", "framework", "framework_version", "reference", "fit", "valid_from_fy_start", "valid_to_fy_start",
    "note",
)  # fmt: skip
FIT_WORDS = {
    "FULL": "The passage asks for this figure.",
    "PARTIAL": "The figure answers a part of the passage.",
    "CONTEXT": "The figure is evidence beside the passage.",
    "LEGACY": "The passage is withdrawn.",
}


def dictionary_rows(
    metrics: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Sequence[str]],
    frameworks: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """One row per metric (``kind`` metric), one per passage of a framework that a metric serves (``kind`` framework),
    and one per published column of each table (``kind`` column).

    Args: rows of the metric catalogue; the columns that each table was published with; rows of the framework map.
    """
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        taken = {name: metric[name] for name in DICTIONARY_COLUMNS if name in metric}
        rows.append(
            {**dict.fromkeys(DICTIONARY_COLUMNS), **taken, "kind": "metric", "name": metric["metric_id"],
             "type": "number", "description": metric["numerator_text"], "denominator": metric["denominator_text"]}
        )  # fmt: skip
    for entry in frameworks:
        taken = {name: entry[name] for name in DICTIONARY_COLUMNS if name in entry}
        rows.append(
            {**dict.fromkeys(DICTIONARY_COLUMNS), **taken, "kind": "framework", "name": entry["metric_id"],
             "description": " ".join(filter(None, (FIT_WORDS[entry["fit"]], entry["note"])))}
        )  # fmt: skip
    for table, names in columns.items():
        for name in names:
            column = COLUMNS[name]
            rows.append(
                {**dict.fromkeys(DICTIONARY_COLUMNS), "kind": "column", "table": table, "name": name,
                 "type": column.kind, "description": column.description}
            )  # fmt: skip
    return rows
