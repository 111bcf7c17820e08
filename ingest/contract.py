"""The contracts as typed objects. What varies between extracts is YAML (Open Data Contract Standard), never code.

A contract file is ``contracts/<family>/<extract>.yaml``. Names in it are the public interface of this project; a
company that names its columns otherwise writes its names as ``aliases``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty

from ingest.encoding import ENCODINGS
from pipeline import store
from pipeline.errors import BadSettings, RefusedExtract

CONTRACTS = Path(__file__).resolve().parent / "contracts"
DELIVERIES = ("snapshot", "append", "upsert")
PSEUDONYMS = ("person", "worker", "learner", "case", "contact")
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
# What a raw file has beside the contract's columns: whence a record comes.
ADDED_BY_LOADING = {
    "_extract_id": "VARCHAR",
    "_row_number": "BIGINT",
    "_known_at": "TIMESTAMP",
    "_as_of_date": "DATE",
}
# What a contract given as a file of its own may leave out; a contract of this house states it.
UNSAID = {
    "delivery": "snapshot",
    "periodColumn": None,
    "classification": "internal",
    "encodings": ["utf-8"],
    "delimiter": ",",
    "quote": '"',
    "listSeparator": ";",
    "forbiddenColumns": [],
    "required": False,
}
UNKNOWN = "UNKNOWN"  # what raw holds in place of a word that a contract's ``unlisted`` speaks of
_PHYSICAL_TYPE = re.compile(
    r"VARCHAR|BIGINT|INTEGER|DOUBLE|DATE|TIMESTAMP|BOOLEAN|VARCHAR\[\]|DECIMAL\((\d{1,2}),(\d{1,2})\)"
)
# Where a contract names no physical type, or names one of another database.
_TYPE_OF = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DECIMAL(38,10)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
    "INT": "INTEGER",
    "BOOL": "BOOLEAN",
    "TIMESTAMPTZ": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "DATETIME": "TIMESTAMP",
    "FLOAT": "DOUBLE",
    "DOUBLE PRECISION": "DOUBLE",
}
_OFFSET = 3 * "X"  # such as +09:00
_DATE_PARTS = {
    "yyyy": (r"\d{4}", "%Y"),
    "MM": (r"\d{2}", "%m"),
    "dd": (r"\d{2}", "%d"),
    "HH": (r"([01]\d|2[0-3])", "%H"),
    "mm": (r"[0-5]\d", "%M"),
    "ss": (r"[0-5]\d", "%S"),
    _OFFSET: (r"(Z|[+-](0\d|1[0-4]):[0-5]\d)", "%z"),
}
_LIMITS = ("pattern", "format", "minLength", "maxLength", "minimum", "maximum")
MAX_COLUMNS = 2_000  # DuckDB plans a thousand columns in a second, ten thousand in forty
NAMES_TOLD = 20  # in a message
_NAME = re.compile(r"[^\W_][^\x00-\x1f\x7f\"]{0,126}")
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?")


class ForbiddenColumn(RefusedExtract):
    """A file has a column that must not be collected: nothing of it stays past landing."""


@dataclass(frozen=True)
class Column:
    """One column. ``codes`` are the only values allowed, if there are any; ``pattern`` must match a whole value.

    A word that is none of the codes puts its record into quarantine, or is kept as ``unlisted`` where that is said.
    """

    name: str
    physical_type: str
    required: bool
    classification: str
    description: str
    aliases: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unlisted: str | None = None
    pattern: str | None = None
    pseudonym: str | None = None  # whose id it is, if load turns it into a pseudonym: one of PSEUDONYMS
    value_aliases: tuple[tuple[str, str], ...] = ()  # what the sender writes, and the value that it stands for
    multiline: bool | None = False  # whether a value may hold line breaks; None: unless they look like a lost record
    list_separator: str = ";"
    format: str | None = None  # of a date or an instant that is not written in ISO 8601, such as dd/MM/yyyy
    limits: tuple[tuple[str, str], ...] = ()  # minLength, maxLength, minimum, maximum
    is_unique: bool = False
    may_have_exponent: bool = False
    may_have_outer_space: bool = False

    @property
    def decimals(self) -> int:
        """Digits after the point that the type keeps."""
        match = _PHYSICAL_TYPE.fullmatch(self.physical_type)
        return int(match[2]) if match and match[2] else 0

    @property
    def digits(self) -> int:
        """All digits that the type keeps."""
        match = _PHYSICAL_TYPE.fullmatch(self.physical_type)
        return int(match[1]) if match and match[1] else 0

    @property
    def codes_in_raw(self) -> tuple[str, ...]:
        """What may stand in raw, if there are codes."""
        return self.codes if self.unlisted in (None, *self.codes) else (*self.codes, UNKNOWN)

    @property
    def kind(self) -> str:
        """The physical type without its width."""
        return self.physical_type.split("(")[0]


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
    encodings: tuple[str, ...]
    delimiter: str
    quote: str
    list_separator: str
    forbidden_columns: tuple[str, ...]
    required: bool
    staged: bool
    digest: str
    search_header: bool = False  # whether lines may stand before the header
    sheets: tuple[str, ...] = ()  # of a workbook; none: the only one that can be seen
    full_width: bool = False  # whether full-width digits are read as digits in columns of numbers and dates
    composed: bool = False  # whether text is kept in its composed form (NFC) rather than as sent
    case_clock: str | None = None  # the column of the case on whose own clock load puts every day (ingest/pseudonym.py)
    period_is_a_quarter: bool = False  # whether the period column says in which quarter something was, and no day

    @property
    def name(self) -> str:
        """``family.extract``."""
        return f"{self.family}.{self.extract}"

    @property
    def rule(self) -> str:
        """Where the contract is written, for messages."""
        return f"ingest/contracts/{self.family}/{self.extract}.yaml"

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """The key, and each column whose values are unique: no two records may have the same."""
        alone = tuple((column.name,) for column in self.columns if column.is_unique and (column.name,) != self.key)
        return ((self.key,) if self.key else ()) + alone

    @property
    def in_raw(self) -> Contract:
        """The contract of what lies in raw: the same, but without an exact day where the days are on a case's clock."""
        if self.case_clock is None:
            return self
        is_of_a_case = self.column(self.case_clock).required
        columns: list[Column] = []
        renamed: dict[str, str] = {}
        for column in self.columns:
            kept = reduced(column.name, column.kind)
            if not kept:
                columns.append(column)
                continue
            columns += [
                replace(
                    column,
                    name=name,
                    physical_type=kind,
                    required=column.required and (kind == "DATE" or is_of_a_case),
                    description=f"{words} {column.description}",
                    aliases=(),
                    format=None,
                )
                for name, kind, words in kept
            ]
            renamed[column.name] = kept[-1][0]
        period = self.period_column
        return replace(
            self,
            columns=tuple(columns),
            key=tuple(renamed.get(name, name) for name in self.key),
            period_column=reduced(period, self.column(period).kind)[0][0] if period else None,
            case_clock=None,
            period_is_a_quarter=period is not None,
        )

    def column(self, name: str) -> Column:
        """The column of that canonical name."""
        return next(column for column in self.columns if column.name == name)

    def match_header(self, header: Sequence[str]) -> tuple[Column, ...]:
        """The columns in the order of a file's header.

        A name is matched exactly, as canonical name or alias. Raises RefusedExtract for a forbidden, an unknown, a
        doubled or a missing column. A header that is not one (a file without a header starts with a record) is never
        quoted back, for it may hold somebody's data.
        """
        if len(header) > MAX_COLUMNS:
            self.stop_if_forbidden(header)
            raise self._refused(
                "The file has more columns than are read.",
                found=f"{len(header)} columns",
                expected=f"the {len(self.columns)} columns of the contract; at most {MAX_COLUMNS} in any",
                next_step="ask the sender for the columns of the contract only; is the delimiter the contract's?",
            )
        known = {_composed(name): column for column in self.columns for name in (column.name, *column.aliases)}
        header = [_composed(name) for name in header]
        matched = [known.get(name) for name in header]
        self.stop_if_forbidden([name for name in header if name not in known])
        if sum(column is not None for column in matched) * 2 < len(self.columns):
            raise self._refused(
                "The first line is not the header of this extract.",
                found=f"{sum(column is not None for column in matched)} known names among {len(header)} cells",
                expected=f"{len(self.columns)} columns: {told([column.name for column in self.columns])}",
                next_step="send the file with its header as first line, under the extract that it belongs to",
            )
        columns = tuple(column for column in matched if column is not None)
        if len(columns) < len(matched):
            # Not even what looks like a name is shown: where a record hangs on the header, it may be somebody's.
            unknown = [str(place) for place, column in enumerate(matched, 1) if column is None]
            left = [column.name for column in self.columns if column not in columns]
            raise self._refused(
                "The file has a column that the contract does not know.",
                found=f"{len(unknown)} unknown of {len(header)} columns, in place {told(unknown)}"
                + (f"; {told(left)} not found" if left else ""),
                expected="only columns of the contract, by their canonical name or an alias, letter for letter",
                next_step="look at the header in these places: add the sender's name to the column's aliases, "
                "or ask the sender to leave the column out",
            )
        counts = Counter(column.name for column in columns)
        doubled = {name for name, count in counts.items() if count > 1}
        missing = [column.name for column in self.columns if not counts[column.name]]
        if doubled or missing:
            raise self._refused(
                "The file's columns are not those of the contract.",
                found=told(
                    [f"{name} is there more than once" for name in sorted(doubled)]
                    + [f"{name} is missing" for name in missing],
                    between="; ",
                ),
                expected=f"each of the {len(self.columns)} columns once, in any order",
                next_step="ask the sender for the file with each column once",
            )
        return columns

    def stop_if_forbidden(self, names: Sequence[str]) -> None:
        """Raise RefusedExtract if one of these names is of something that must not be collected."""
        forbidden = sorted({rule for name in names if (rule := self.forbids(name))})
        if forbidden:
            raise ForbiddenColumn(
                "The file has a column that must not be collected.",
                found=f"a column that the contract forbids as {', '.join(forbidden)}",
                expected=f"none of {', '.join(self.forbidden_columns)}",
                rule=self.rule,
                next_step="ask the sender to leave the column out, delete the file from landing and send it anew",
            )

    def forbids(self, name: str) -> str | None:
        """The rule that forbids a header, if one does: compared without case, spaces and punctuation."""
        return next((rule for rule in self.forbidden_columns if fnmatchcase(_bare(name), _bare(rule))), None)

    def _refused(self, headline: str, *, found: str, expected: str, next_step: str) -> RefusedExtract:
        return RefusedExtract(headline, found=found, expected=expected, rule=self.rule, next_step=next_step)


def told(names: Sequence[str], *, between: str = ", ") -> str:
    """Names as a message holds them: the first of many, and how many more there are."""
    more = [f"{len(names) - NAMES_TOLD} more"] if len(names) > NAMES_TOLD else []
    return between.join([*names[:NAMES_TOLD], *more])


def reduced(name: str, kind: str) -> list[tuple[str, str, str]]:
    """What raw keeps of a day or an instant on a case's own clock: name, type and words of each, the finest last.

    ``received_date`` becomes ``received_quarter`` and ``received_day``; an instant has a ``_tick`` too.
    """
    stem = re.sub(r"_(date|month|at|on)$", "", name)
    quarter = (f"{stem}_quarter", "DATE", "First day of the fiscal quarter.")
    day = (f"{stem}_day", "BIGINT", "Day on the case's own clock, whose start nobody knows.")
    tick = (f"{stem}_tick", "BIGINT", "Microsecond on another clock of the case's own.")
    return {"DATE": [quarter, day], "TIMESTAMP": [quarter, day, tick]}.get(kind, [])


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


def read_contract(file: Path, *, of_this_house: bool = True) -> Contract:
    """Read one contract file. Raises BadSettings, naming the file, if it promises something that cannot be held.

    A contract of this house lies in the folder of its family and states everything; one that is given as a file may
    leave out what ``UNSAID`` says, and its text columns may hold line breaks unless they say otherwise.
    """
    try:
        content = file.read_bytes()
        written: Any = yaml.load(content, Loader=yaml.CSafeLoader)
        model = OpenDataContractStandard.model_validate(written)
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as fault:
        raise _bad(file, f"not a data contract: {type(fault).__name__}") from None
    properties = model.schema_[0].properties if model.schema_ else None
    if not properties or len(model.schema_ or []) != 1:
        raise _bad(file, "no columns, or more than one table")
    if len(properties) > MAX_COLUMNS:
        raise _bad(file, f"{len(properties)} columns, more than {MAX_COLUMNS}: make a table of names and values of it")
    custom = _custom(model.customProperties)
    missing = set(UNSAID) - {"encodings", "forbiddenColumns"} - set(custom)
    if of_this_house and missing:
        raise _bad(file, f"customProperties without {', '.join(sorted(missing))}")
    custom = UNSAID | custom
    for name, kind in (("encodings", list), ("forbiddenColumns", list), ("sheets", list), ("listSeparator", str)):
        if not isinstance(custom.get(name, kind()), kind):
            raise _bad(file, f"{name} is not a {kind.__name__}")
    family, _, extract = str(model.id or file.stem).partition(".")
    keys = sorted((prop.primaryKeyPosition or 0, place) for place, prop in enumerate(properties) if prop.primaryKey)
    result = Contract(
        family=file.parent.name if of_this_house else family,
        extract=file.stem if of_this_house else extract or family,
        version=str(model.version),
        purpose=model.description.purpose or "" if model.description else "",
        columns=tuple(_column(file, prop, custom, of_this_house) for prop in properties),
        key=tuple(str(properties[place].name) for _, place in keys),
        delivery=custom["delivery"],
        period_column=custom["periodColumn"],
        classification=custom["classification"],
        encodings=tuple(str(name).lower() for name in custom["encodings"]),
        delimiter=custom["delimiter"],
        quote=custom["quote"],
        list_separator=custom["listSeparator"],
        forbidden_columns=tuple(str(name) for name in custom["forbiddenColumns"]),
        required=custom["required"] is True,
        staged=custom.get("staged", custom["required"]) is True,
        digest=store.sha256_bytes(content),
        search_header=custom.get("header", "first") == "search",
        sheets=tuple(str(name) for name in custom.get("sheets", [])),
        full_width=custom.get("fullWidthDigits") is True,
        composed=custom.get("unicodeForm", "as sent") == "NFC",
        case_clock=custom.get("caseClock"),
    )
    _hold(file, model.id if of_this_house else result.name, result)
    choices = {"header": ("first", "search"), "unicodeForm": ("as sent", "NFC"), "fullWidthDigits": (True, False)}
    for name, allowed in choices.items():
        if custom.get(name, allowed[0]) not in allowed:
            raise _bad(file, f"{name} is none of {', '.join(map(str, allowed))}")
    if of_this_house and not result.key:
        raise _bad(file, "there is no key")
    return result


def _column(file: Path, prop: SchemaProperty, contract: dict[str, Any], of_this_house: bool) -> Column:
    custom = _custom(prop.customProperties)
    options = prop.logicalTypeOptions or {}
    written = str(prop.physicalType or prop.logicalType)
    physical = re.sub(r"\s*([(),])\s*", r"\1", written.upper()).strip() if prop.physicalType else written
    physical = re.sub(r"^(VARCHAR|CHAR|NVARCHAR)\(\d+\)$", "VARCHAR", physical).replace("NUMERIC", "DECIMAL")
    physical = re.sub(r"^DECIMAL\((\d+)\)$", r"DECIMAL(\1,0)", physical)
    unheld = sorted(set(options) - set(_LIMITS))
    if unheld:
        raise _bad(file, f"{prop.name}: logicalTypeOptions {', '.join(unheld)}, which is not held to")
    aliases = custom.get("valueAliases", {})
    if not isinstance(aliases, dict) or not all(isinstance(written, list) for written in aliases.values()):
        raise _bad(file, f"{prop.name}: valueAliases is not a value with a list of what stands for it")
    codes = [
        code
        for rule in prop.quality or []
        if rule.metric == "invalidValues"
        for code in (rule.arguments or {}).get("validValues", [])
    ]
    return Column(
        name=str(prop.name),
        physical_type=_TYPE_OF.get(physical, physical),
        required=bool(prop.required) or bool(prop.primaryKey),
        classification=prop.classification or contract["classification"],
        description=prop.description or "",
        aliases=tuple(str(alias) for alias in custom.get("aliases", [])),
        codes=tuple(str(code) for code in codes),
        unlisted=custom.get("unlisted"),
        pattern=options.get("pattern"),
        pseudonym=custom.get("pseudonym"),
        value_aliases=tuple((str(alias), str(value)) for value, written in aliases.items() for alias in written),
        multiline=custom.get("multiline", False if of_this_house or prop.primaryKey or codes else None),
        list_separator=contract["listSeparator"],
        format=options.get("format"),
        limits=tuple((name, str(options[name])) for name in _LIMITS[2:] if name in options),
        is_unique=prop.unique is True,
        may_have_exponent=custom.get("exponent") is True,
        may_have_outer_space=custom.get("outerSpace") == "keep",
    )


def _hold(file: Path, identity: str | None, contract: Contract) -> None:
    """Stop at a contract that code could misread; each line is one promise about the YAML."""
    columns = contract.columns
    names = [name for column in columns for name in {column.name, *column.aliases}]
    marks = (contract.delimiter, contract.quote, contract.list_separator)
    faults = {
        f"id {identity!r} is not {contract.name}": identity != contract.name,
        "a column's physicalType is unknown": not all(_PHYSICAL_TYPE.fullmatch(c.physical_type) for c in columns),
        "a column's type keeps more than 38 digits": any(
            not 1 <= max(c.decimals, c.digits) <= 38 or c.decimals > c.digits for c in columns if c.kind == "DECIMAL"
        ),
        "a column's name is not plain": not all(_NAME.fullmatch(c.name) for c in columns),
        "two columns differ by case only": len({c.name.lower() for c in columns}) != len(columns),
        "a name or alias belongs to two columns": len(names) != len(set(names)),
        "a column's classification is unknown": any(c.classification not in CLASSIFICATIONS for c in columns),
        "an alias of a value is another value, or stands for two, or for none": any(
            not _are_aliases(column) for column in columns if column.value_aliases
        ),
        "unlisted is not UNKNOWN, or of no list of codes of a text": any(
            c.unlisted not in (None, UNKNOWN) or (c.unlisted and (not c.codes or c.kind != "VARCHAR")) for c in columns
        ),
        "a pseudonym is of no known kind, or no text": any(
            c.pseudonym not in (None, *PSEUDONYMS) or (c.pseudonym and c.physical_type != "VARCHAR") for c in columns
        ),
        "caseClock is no column of a case's id": contract.case_clock is not None
        and not any(c.name == contract.case_clock and c.pseudonym == "case" for c in columns),
        "it is required and not staged": contract.required and not contract.staged,
        "a column's pattern is no regular expression": not all(_is_pattern(c.pattern) for c in columns),
        "a column's format is unknown": any(c.format and sql_format(c.format) is None for c in columns),
        "a format is of no date": any(c.format and c.kind not in ("DATE", "TIMESTAMP") for c in columns),
        "a limit is no number": not all(_NUMBER.fullmatch(limit) for c in columns for _, limit in c.limits),
        "multiline is neither true nor false": any(c.multiline not in (True, False, None) for c in columns),
        "a key column is not required": any(not c.required for c in columns if c.name in contract.key),
        "delivery is unknown": contract.delivery not in DELIVERIES,
        "periodColumn is not a date or instant of the contract": contract.period_column is not None
        and not any(c.name == contract.period_column and c.physical_type in ("DATE", "TIMESTAMP") for c in columns),
        "an encoding is none of " + ", ".join(ENCODINGS): not contract.encodings
        or not set(contract.encodings) <= set(ENCODINGS),
        "delimiter, quote and listSeparator are not single characters": any(
            not isinstance(mark, str) or len(mark) != 1 or mark in "\r\n" for mark in marks
        ),
        "delimiter and quote are the same": contract.delimiter == contract.quote,
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


def sql_format(pattern: str) -> tuple[str, str, bool] | None:
    """A date format of the standard as regular expression and strptime format, and whether it names the offset.

    None for one that is not held to: every part of a date is written in full digits, in some order.
    """
    parts = re.findall(r"yyyy|MM|dd|HH|mm|ss|X{3}|'[^']*'|[^A-Za-z']", pattern)
    names = [part for part in parts if part in _DATE_PARTS]
    if "".join(parts) != pattern or len(names) != len(set(names)) or not {"yyyy", "MM", "dd"} <= set(names):
        return None
    expressions, formats = [], []
    for part in parts:
        if part in _DATE_PARTS:
            expression, code = _DATE_PARTS[part]
        else:
            text = part.strip("'") if len(part) > 1 else part
            expression, code = re.escape(text), text.replace("%", "%%")
        expressions.append(expression)
        formats.append(code)
    return "".join(expressions), "".join(formats), _OFFSET in names


def _is_pattern(pattern: str | None) -> bool:
    try:
        return pattern is None or bool(re.compile(pattern))
    except (re.error, TypeError):
        return False


def _composed(name: str) -> str:
    """A name in its composed form: what looks the same letter for letter is the same name."""
    return unicodedata.normalize("NFC", name)


def _custom(properties: Sequence[Any] | None) -> dict[str, Any]:
    return {prop.property: prop.value for prop in properties or [] if prop.property}


def _bare(name: str) -> str:
    """A name without case, width, spaces and punctuation, so that `First Name` is `first_name`; `*` stays."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum() or sign == "*")


def _bad(file: Path, found: str) -> BadSettings:
    return BadSettings(
        "A contract cannot be used.",
        found=f"{Path(file.parent.name, file.name)}: {found}",
        expected="a contract in the Open Data Contract Standard, as the others in ingest/contracts",
        rule="ingest/contract.py, read_contract",
        next_step="correct the contract; ingest/README.md shows what it must hold",
    )
