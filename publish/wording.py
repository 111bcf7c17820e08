"""The words of the pages: one catalog a language, ``texts/en.yml`` and ``texts/ja.yml``, with the same keys.

Figures, definitions and titles are data and come from the release; of those only the titles of metrics are translated
(``texts/titles.ja.yml``). A metric that the catalog no longer has is shown in English and marked as English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from pipeline.quarter import FiscalQuarter

HERE = Path(__file__).resolve().parent / "texts"
LANGUAGES = ("en", "ja")
ACRONYMS = frozenset({"AI", "HR", "JP", "HRH", "EMEA", "APAC", "NGO", "WPA", "SAQ", "CCC", "ESG", "OHS", "MSA"})
_APPROXIMATE = re.compile(r"approx\. (.+)")
_PART = re.compile(r"(\S+) of (\S+)")


class Words:
    """One language. ``words("page.notes")`` is a text; a text that speaks of ``n`` may have a form for one."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.texts: dict[str, str] = {}
        _flatten(yaml.safe_load((HERE / f"{language}.yml").read_text(encoding="utf-8")), "", self.texts)
        titles = HERE / f"titles.{language}.yml"
        self.titles: dict[str, str] = yaml.safe_load(titles.read_text(encoding="utf-8")) if titles.exists() else {}

    def __call__(self, key: str, *values: Any, **named: Any) -> str:
        """The text of a key, filled in. Raises KeyError for a key that the catalog does not have."""
        if key not in self.texts and "n" in named:
            key += ".one" if named["n"] == 1 else ".other"
        text = self.texts[key]
        return text.format(*values, **named) if values or named else text

    def section(self, name: str) -> dict[str, str]:
        """All texts below a name, in their order: ``section("status")["MET"]``."""
        return {key.removeprefix(f"{name}."): text for key, text in self.texts.items() if key.startswith(f"{name}.")}

    def word(self, section: str, code: str) -> str:
        """A code of the data as readers write it; one that the catalog does not know is taken apart."""
        if " / " in code:
            return " / ".join(self.word(section, part) for part in code.split(" / "))
        return self.texts.get(f"{section}.{code}") or spelled(code)

    def title(self, row: Mapping[str, Any]) -> str:
        """The name of a row's metric."""
        return self.titles.get(row["metric_id"], row["title"])

    def tongue(self, row: Mapping[str, Any]) -> str:
        """The language in which that name is written."""
        return self.language if self.language == "en" or row["metric_id"] in self.titles else "en"

    def shown(self, row: Mapping[str, Any]) -> str:
        """A figure as it is printed, in this language: the number is never another one."""
        text = str(row["display_value"])
        if f"shown.{text}" in self.texts:
            return self(f"shown.{text}")
        if found := _APPROXIMATE.fullmatch(text):
            return self("shown.approx", found[1])
        if found := _PART.fullmatch(text):
            return self("shown.of", found[1], found[2])
        return text

    def together(self, parts: Sequence[str]) -> str:
        """Parts of a sentence as a list: one, two and three."""
        if len(parts) < 2:
            return "".join(parts)
        return self("list.comma").join(parts[:-1]) + self("list.and") + parts[-1]

    def moment(self, moment: datetime, zone: str) -> str:
        """A moment as readers write it, in a time zone."""
        there = moment.astimezone(ZoneInfo(zone))
        return self("moment", **self._parts(there), time=f"{there:%H:%M}", zone=zone)

    def day(self, moment: datetime, zone: str) -> str:
        """The day of a moment in a time zone."""
        return self("day", **self._parts(moment.astimezone(ZoneInfo(zone))))

    def months(self, quarter: str) -> str:
        """The months of a fiscal quarter: FY2023-Q4 is January to March 2023."""
        chosen = FiscalQuarter.parse(quarter)
        first, last = (self(f"months.{day.month}") for day in (chosen.start, chosen.end))
        return self("span", first=first, last=last, year=chosen.end.year)

    def short_months(self, quarter: str) -> str:
        """The same in few letters, for the head of a column: Jan to Mar 2023."""
        chosen = FiscalQuarter.parse(quarter)
        first, last = (self(f"short_months.{day.month}") for day in (chosen.start, chosen.end))
        return self("span", first=first, last=last, year=chosen.end.year)

    def _parts(self, day: date) -> dict[str, Any]:
        return {"day": day.day, "month": self(f"months.{day.month}"), "year": day.year}


@cache
def words_in(language: str) -> Words:
    """The words of a language of ``LANGUAGES``."""
    return Words(language)


def spelled(code: str) -> str:
    """A code of the data taken apart: POWER_HARASSMENT is Power harassment, country_iso2 is Country."""
    if len(code) <= 2:
        return code
    text = " ".join(part if part in ACRONYMS else part.lower() for part in code.split("_") if part != "iso2")
    return text[:1].upper() + text[1:]


def _flatten(value: Any, name: str, into: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _flatten(part, f"{name}.{key}" if name else str(key), into)
    else:
        into[name] = str(value)
