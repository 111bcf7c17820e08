"""The contracts as typed objects. What varies between extracts is YAML (Open Data Contract Standard), never code.

A contract file is ``contracts/<family>/<extract>.yaml``. Names in it are the public interface of this project; a
company that names its columns otherwise writes its names as ``aliases``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty

from pipeline import store
from pipeline.errors import BadSettings, RefusedExtract

CONTRACTS = Path(__file__).resolve().parent / "contracts"
DELIVERIES = ("snapshot", "append", "upsert")
PSEUDONYMS = ("person", "worker", "learner")
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
# What a raw file has beside the contract's columns: whence a record comes.
ADDED_BY_LOADING = {
    "_extract_id": "VARCHAR",
    "_row_number": "BIGINT",
    "_known_at": "TIMESTAMP",
    "_as_of_date": "DATE",
}
_PHYSICAL_TYPE = re.compile(r"VARCHAR|BIGINT|DATE|TIMESTAMP|BOOLEAN|VARCHAR\[\]|DECIMAL\((\d+),(\d+)\)")
_NAME_OF_A_COLUMN = re.compile(r"[^\W\d][\w ./()-]{0,63}")


@dataclass(frozen=True)
class Column:
    """One column. ``codes`` are the only values allowed, if there are any; ``pattern`` must match a whole value."""

    name: str
    physical_type: str
    required: bool
    classification: str
    description: str
    aliases: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    pattern: str | None = None
    pseudonym: str | None = None  # whose id it is, if load turns it into a pseudonym: person, worker or learner
    value_aliases: tuple[tuple[str, str], ...] = ()  # what the sender writes, and the value that it stands for
    multiline: bool = False  # whether a value may hold line breaks; elsewhere a line break is a swallowed record
    list_separator: str = ";"

    @property
    def decimals(self) -> int:
        """Digits after the point that the type keeps."""
        match = _PHYSICAL_TYPE.fullmatch(self.physical_type)
        return int(match[2]) if match and match[2] else 0


@dataclass(frozen=True)
class Contract:
    """What was promised about one extract. ``digest`` is that of the YAML file's bytes.

    A quarter waits for an extract that is ``required``. One that is ``staged`` has a staging model, which is empty
    while nothing arrived; any other is landed, loaded and judged, and waits in raw for a model that reads it.
    """

    family: str
    extract: str
    version: str
    purpose: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    delivery: str
    period_column: str | None
    classification: str
    encoding: str
    delimiter: str
    quote: str
    list_separator: str
    forbidden_columns: tuple[str, ...]
    required: bool
    staged: bool
    digest: str

    @property
    def name(self) -> str:
        """``family.extract``."""
        return f"{self.family}.{self.extract}"

    @property
    def rule(self) -> str:
        """Where the contract is written, for messages."""
        return f"ingest/contracts/{self.family}/{self.extract}.yaml"

    def column(self, name: str) -> Column:
        """The column of that canonical name."""
        return next(column for column in self.columns if column.name == name)

    def match_header(self, header: Sequence[str]) -> tuple[Column, ...]:
        """The columns in the order of a file's header.

        A name is matched exactly, as canonical name or alias. Raises RefusedExtract for a forbidden, an unknown, a
        doubled or a missing column. A header that is not one (a file without a header starts with a record) is never
        quoted back, for it may hold somebody's data.
        """
        known = {name: column for column in self.columns for name in (column.name, *column.aliases)}
        matched = [known.get(name) for name in header]
        forbidden = sorted({rule for name in header if name not in known and (rule := self.forbids(name))})
        if forbidden:
            raise self._refused(
                "The file has a column that must not be collected.",
                found=f"a column that the contract forbids as {', '.join(forbidden)}",
                expected=f"none of {', '.join(self.forbidden_columns)}",
                next_step="ask the sender to leave the column out, delete the file from landing and send it anew",
            )
        if sum(column is not None for column in matched) * 2 < len(self.columns):
            raise self._refused(
                "The first line is not the header of this extract.",
                found=f"{sum(column is not None for column in matched)} known names among {len(header)} cells",
                expected=f"{len(self.columns)} columns: {', '.join(column.name for column in self.columns)}",
                next_step="send the file with its header as first line, under the extract that it belongs to",
            )
        unknown = [
            f"{name!r}" if _NAME_OF_A_COLUMN.fullmatch(name) else f"the one in place {place}"
            for place, (name, column) in enumerate(zip(header, matched, strict=True), 1)
            if column is None
        ]
        if unknown:
            raise self._refused(
                "The file has a column that the contract does not know.",
                found=f"unknown columns {', '.join(unknown)}",
                expected="only columns of the contract, by their canonical name or an alias, letter for letter",
                next_step="add the sender's name to the column's aliases, or ask the sender to leave the column out",
            )
        columns = tuple(column for column in matched if column is not None)
        doubled = {column.name for column in columns if columns.count(column) > 1}
        missing = [column.name for column in self.columns if column not in columns]
        if doubled or missing:
            raise self._refused(
                "The file's columns are not those of the contract.",
                found="; ".join(
                    [f"{name} is there more than once" for name in sorted(doubled)]
                    + [f"{name} is missing" for name in missing]
                ),
                expected=f"each of the {len(self.columns)} columns once, in any order",
                next_step="ask the sender for the file with each column once",
            )
        return columns

    def forbids(self, name: str) -> str | None:
        """The rule that forbids a header, if one does: compared without case, spaces and punctuation."""
        return next((rule for rule in self.forbidden_columns if fnmatchcase(_bare(name), _bare(rule))), None)

    def _refused(self, headline: str, *, found: str, expected: str, next_step: str) -> RefusedExtract:
        return RefusedExtract(headline, found=found, expected=expected, rule=self.rule, next_step=next_step)


@cache
def contracts() -> dict[tuple[str, str], Contract]:
    """Every contract by family and extract, in the order of their names."""
    found = [read_contract(file) for file in sorted(CONTRACTS.glob("*/*.yaml"))]
    return {(contract.family, contract.extract): contract for contract in found}


def contract(family: str, extract: str) -> Contract:
    """The contract of one extract. Raises RefusedExtract if nobody promised such an extract."""
    known = contracts()
    if (family, extract) not in known:
        raise RefusedExtract(
            "There is no contract for this extract.",
            found=f"{family}/{extract}",
            expected="one of " + ", ".join("/".join(name) for name in known),
            rule="ingest/contracts/",
            next_step="move the file to the folder of its extract, or write a contract (see ingest/README.md)",
        )
    return known[family, extract]


def read_contract(file: Path) -> Contract:
    """Read one contract file. Raises BadSettings, naming the file, if it promises something that cannot be held."""
    content = file.read_bytes()
    try:
        written: Any = yaml.load(content, Loader=yaml.CSafeLoader)
        model = OpenDataContractStandard.model_validate(written)
    except (yaml.YAMLError, ValueError) as fault:
        raise _bad(file, f"not a data contract: {type(fault).__name__}") from None
    properties = model.schema_[0].properties if model.schema_ else None
    if not properties:
        raise _bad(file, "no columns")
    custom = _custom(model.customProperties)
    missing = {"delivery", "periodColumn", "required", "classification", "delimiter", "quote", "listSeparator"}
    missing -= set(custom)
    if missing:
        raise _bad(file, f"customProperties without {', '.join(sorted(missing))}")
    separator = custom["listSeparator"]
    keys = sorted((prop.primaryKeyPosition or 0, str(prop.name)) for prop in properties if prop.primaryKey)
    result = Contract(
        family=file.parent.name,
        extract=file.stem,
        version=str(model.version),
        purpose=model.description.purpose or "" if model.description else "",
        columns=tuple(_column(prop, custom["classification"], separator) for prop in properties),
        key=tuple(name for _, name in keys),
        delivery=custom["delivery"],
        period_column=custom.get("periodColumn"),
        classification=custom["classification"],
        encoding=",".join(custom.get("encodings", [])),
        delimiter=custom["delimiter"],
        quote=custom["quote"],
        list_separator=separator,
        forbidden_columns=tuple(custom.get("forbiddenColumns", [])),
        required=custom["required"] is True,
        staged=custom.get("staged", custom["required"]) is True,
        digest=store.sha256_bytes(content),
    )
    _hold(file, model.id, result)
    return result


def _column(prop: SchemaProperty, classification: str, separator: str) -> Column:
    custom = _custom(prop.customProperties)
    codes = [
        code
        for rule in prop.quality or []
        if rule.metric == "invalidValues"
        for code in (rule.arguments or {}).get("validValues", [])
    ]
    return Column(
        name=str(prop.name),
        physical_type=str(prop.physicalType),
        required=bool(prop.required),
        classification=prop.classification or classification,
        description=prop.description or "",
        aliases=tuple(str(alias) for alias in custom.get("aliases", [])),
        codes=tuple(str(code) for code in codes),
        pattern=(prop.logicalTypeOptions or {}).get("pattern"),
        pseudonym=custom.get("pseudonym"),
        value_aliases=tuple(
            (str(alias), str(value)) for value, written in custom.get("valueAliases", {}).items() for alias in written
        ),
        multiline=custom.get("multiline") is True,
        list_separator=separator,
    )


def _hold(file: Path, identity: str | None, contract: Contract) -> None:
    """Stop at a contract that code could misread; each line is one promise about the YAML."""
    columns = contract.columns
    names = [name for column in columns for name in {column.name, *column.aliases}]
    faults = {
        f"id {identity!r} is not {contract.name}": identity != contract.name,
        "a column's physicalType is unknown": not all(_PHYSICAL_TYPE.fullmatch(c.physical_type) for c in columns),
        "a column's name is not plain": not all(re.fullmatch("[a-z][a-z0-9_]*", c.name) for c in columns),
        "a name or alias belongs to two columns": len(names) != len(set(names)),
        "a column's classification is unknown": any(c.classification not in CLASSIFICATIONS for c in columns),
        "an alias of a value is another value, or stands for two, or for none": any(
            not _are_aliases(column) for column in columns if column.value_aliases
        ),
        "a pseudonym is of no known kind, or no text": any(
            c.pseudonym not in (None, *PSEUDONYMS) or (c.pseudonym and c.physical_type != "VARCHAR") for c in columns
        ),
        "it is required and not staged": contract.required and not contract.staged,
        "there is no key": not contract.key,
        "a key column is not required": any(not c.required for c in columns if c.name in contract.key),
        "delivery is unknown": contract.delivery not in DELIVERIES,
        "periodColumn is not a date or instant of the contract": contract.period_column is not None
        and not any(c.name == contract.period_column and c.physical_type in ("DATE", "TIMESTAMP") for c in columns),
        "encodings other than utf-8 are not read": contract.encoding != "utf-8",
        "delimiter, quote and listSeparator are not three single characters": any(
            not isinstance(mark, str) or len(mark) != 1
            for mark in (contract.delimiter, contract.quote, contract.list_separator)
        ),
        "a column of the contract is forbidden by it": any(contract.forbids(c.name) for c in columns),
    }
    for fault, is_so in faults.items():
        if is_so:
            raise _bad(file, fault)


def _are_aliases(column: Column) -> bool:
    values = column.codes if column.physical_type == "VARCHAR" else ("true", "false")
    written = [alias for alias, _ in column.value_aliases]
    return (
        column.physical_type in ("VARCHAR", "BOOLEAN")
        and len(written) == len(set(written))
        and not set(written) & set(values)
        and {value for _, value in column.value_aliases} <= set(values)
    )


def _custom(properties: Sequence[Any] | None) -> dict[str, Any]:
    return {prop.property: prop.value for prop in properties or [] if prop.property}


def _bare(name: str) -> str:
    """A name without case, width, spaces and punctuation, so that `First Name` is `first_name`; `*` stays."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum() or sign == "*")


def _bad(file: Path, found: str) -> BadSettings:
    return BadSettings(
        "A contract cannot be used.",
        found=f"{file.parent.name}/{file.name}: {found}",
        expected="a contract in the Open Data Contract Standard, as the others in ingest/contracts",
        rule="ingest/contract.py, read_contract",
        next_step="correct the contract; ingest/README.md shows what it must hold",
    )
