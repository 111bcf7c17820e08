"""Write the staging layer from the contracts: sources, models and their YAML.

A column's name, type, description and code list are said once, in ``ingest/contracts``. Run
``python -m dbt_project.render`` after changing a contract; a test compares what is committed with what this renders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ingest.contract import reduced

PROJECT = Path(__file__).resolve().parent
CONTRACTS = PROJECT.parent / "ingest" / "contracts"

# The project's rule: a boolean says is_ or has_. Booleans that already do so keep their names.
BOOLEAN_NAMES = {
    "agreement": "has_agreement",
    "anonymous": "is_anonymous",
    "collective_agreement": "has_collective_agreement",
    "confirmed": "is_confirmed",
    "consolidated": "is_consolidated",
    "equivalent_commitment": "is_equivalent_commitment",
    "passed": "is_passed",
    "third_party": "is_third_party",
}
# A quarter waits for these; one that nobody sent for longer than a quarter and its cut-off is late.
DAYS_OF_A_QUARTER = 106
# Extracts that grow with every year, of which figures look at no day before the twelve months that end with the oldest
# quarter of a build. What is older is not staged (docs/decisions/017).
OF_RECENT_DAYS = {("hr", "worker_month"), ("procurement", "spend"), ("training", "assignment")}
# The office's own notes are free text: they end in raw.
LEFT_IN_RAW = {"note"}
# Parents without which a record would fall out of a figure unnoticed: extract and column -> model, column, promise.
PARENTS = {
    ("hotline", "contact", "canonical_case_id"): ("stg_hotline__case", "case_id", "case_is_known"),
    ("hotline", "allegation", "case_id"): ("stg_hotline__case", "case_id", "case_is_known"),
    ("training", "attendance", "session_id"): ("stg_training__session", "session_id", "session_is_known"),
    ("training", "completion", "course_code"): ("stg_training__course", "course_code", "course_is_known"),
}


def staging() -> dict[Path, str]:
    """Every rendered file of the staging layer, by its path below the dbt project."""
    files: dict[Path, str] = {}
    families: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(CONTRACTS.glob("*/*.yaml")):
        contract = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not _property(contract, "staged", _property(contract, "required")):
            continue
        families.setdefault(file.parent.name, []).append(_in_raw(contract))
    for family, contracts in families.items():
        folder = Path("models", "staging", family)
        files[folder / f"_{family}__sources.yml"] = _yaml({"version": 2, "sources": [_source(family, contracts)]})
        files[folder / f"_{family}__models.yml"] = _yaml(
            {"version": 2, "models": [_model(family, contract) for contract in contracts]}
        )
        for contract in contracts:
            files[folder / f"stg_{family}__{contract['name']}.sql"] = _sql(family, contract)
    return files


def _in_raw(contract: dict[str, Any]) -> dict[str, Any]:
    """The contract as its extract lies in raw: a day of a case is kept as its quarter and its place on a clock."""
    clock = _property(contract, "caseClock")
    schema = contract["schema"][0]
    of_a_case = next((column["required"] for column in schema["properties"] if column["name"] == clock), False)
    columns = []
    for column in schema["properties"]:
        kept = reduced(column["name"], column["physicalType"]) if clock else []
        plain = {name: value for name, value in column.items() if not name.startswith("primaryKey")}
        for name, kind, words in kept:
            is_required = column["required"] and (kind == "DATE" or of_a_case)
            columns.append(
                (column if name == kept[-1][0] else plain)
                | {"name": name, "physicalType": kind, "required": is_required}
                | {"description": f"{words} {column['description']}"}
            )
        if not kept:
            columns.append(column)
    return contract | {"schema": [schema | {"properties": columns}]}


def _source(family: str, contracts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": family,
        "description": f"Good records of the {family} extracts, typed by their contracts; one Parquet file a delivery.",
        "config": {
            "meta": {
                "external_location": f"read_parquet('{{{{ var(\"inputs\") }}}}/{family}/{{name}}/*.parquet',"
                " union_by_name = true)"
            }
        },
        "tables": [_source_table(contract) for contract in contracts],
    }


def _source_table(contract: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {"name": contract["name"], "description": contract["description"]["purpose"]}
    if _property(contract, "required"):
        freshness = {"warn_after": {"count": DAYS_OF_A_QUARTER, "period": "day"}}
        table["config"] = {"loaded_at_field": "_known_at", "freshness": freshness}
    return table


def _model(family: str, contract: dict[str, Any]) -> dict[str, Any]:
    schema = contract["schema"][0]
    name = f"stg_{family}__{contract['name']}"
    counted = " Only records that a second role approved and none corrected." if family == "register" else ""
    columns = [_column(column) for column in schema["properties"] if column["name"] not in LEFT_IN_RAW]
    columns.append(
        {
            "name": "extract_id",
            "description": "Delivery that the record comes from.",
            "data_type": "VARCHAR",
            "constraints": [{"type": "not_null"}],
        }
    )
    return {
        "name": name,
        "description": f"{contract['description']['purpose']} {schema['description']}"
        f" As of the cut-off, from deliveries of kind {_property(contract, 'delivery')}.{counted}",
        "columns": columns,
        "data_tests": [
            {"key_is_unique": {"name": f"{name}_key_is_unique", "arguments": {"key": _key(contract)}}},
            *_parents(family, contract),
        ],
    }


def _parents(family: str, contract: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "is_known_in": {
                "name": f"stg_{family}__{contract['name']}_{promise}",
                "arguments": {"columns": [column], "parent": f"ref('{parent}')", "parent_columns": [parent_column]},
            }
        }
        for (of_family, of_extract, column), (parent, parent_column, promise) in PARENTS.items()
        if (of_family, of_extract) == (family, contract["name"])
    ]


def _column(column: dict[str, Any]) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "name": BOOLEAN_NAMES.get(column["name"], column["name"]),
        "description": column["description"],
        "data_type": column["physicalType"],
    }
    constraints: list[dict[str, str]] = [{"type": "not_null"}] if column["required"] else []
    codes = [code for rule in column.get("quality", []) for code in rule.get("arguments", {}).get("validValues", [])]
    unlisted = _property(column, "unlisted")
    if unlisted and unlisted not in codes:
        codes.append(unlisted)
    if codes and column["logicalType"] == "string":
        listed = ", ".join(f"'{code}'" for code in codes)
        constraints.append({"type": "check", "expression": f"{rendered['name']} in ({listed})"})
    if constraints:
        rendered["constraints"] = constraints
    return rendered


def _sql(family: str, contract: dict[str, Any]) -> str:
    period = _property(contract, "periodColumn")
    key = _key(contract)
    delivery = _property(contract, "delivery")
    arguments = [f"source('{family}', '{contract['name']}')", f"'{delivery}'", str(key)]
    if delivery == "snapshot" and period in key:
        arguments.append(f"period='{period}'")
    selected = [
        f"{name} as {BOOLEAN_NAMES[name]}" if name in BOOLEAN_NAMES else name
        for name in (column["name"] for column in contract["schema"][0]["properties"])
        if name not in LEFT_IN_RAW
    ]
    lines = [
        f"-- Rendered by dbt_project/render.py from ingest/contracts/{family}/{contract['name']}.yaml.",
        "with",
        "",
        "delivered as (",
        f"    {{{{ resolve_deliveries({', '.join(arguments)}) }}}}",
        ")",
        "",
        "select",
        *(f"    {column}," for column in selected),
        "    _extract_id as extract_id",
        "from delivered",
    ]
    if family == "register":
        lines.append("where {{ counts_in_register('delivered') }}")
    if (family, contract["name"]) in OF_RECENT_DAYS:
        lines.append(f"where {{{{ is_within_reach('{family}', '{contract['name']}', '{period}') }}}}")
    return "\n".join(lines) + "\n"


def _key(contract: dict[str, Any]) -> list[str]:
    keyed = [column for column in contract["schema"][0]["properties"] if column.get("primaryKey")]
    return [column["name"] for column in sorted(keyed, key=lambda column: column["primaryKeyPosition"])]


def _property(contract: dict[str, Any], name: str, otherwise: Any = None) -> Any:
    found = (entry["value"] for entry in contract.get("customProperties", []) if entry["property"] == name)
    return next(found, otherwise)


def _yaml(value: dict[str, Any]) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    return "# Rendered by dbt_project/render.py from ingest/contracts; change the contract, then render again.\n" + text


def main() -> None:
    """Write the staging layer; a model whose contract is gone is removed."""
    files = staging()
    for old in (PROJECT / "models" / "staging").rglob("*.*"):
        if old.relative_to(PROJECT) not in files:
            old.unlink()
    for path, text in files.items():
        target = PROJECT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
