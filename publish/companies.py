"""What the total of a perimeter would give away of its companies: their sum is printed beside them.

A figure by company stands beside the same figure's totals of other perimeters. Companies that no printed total tells
apart are one group, and the totals give what all of a group's companies count together. So what is not printed of a
group, withheld or merged, must be enough by itself; else the group's smallest printed company is withheld with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from publish.programme import Programme

COMPANY = "entity_code"  # the dimension; the one that is given for every quarter, and not for the release's alone
Counts = tuple[float, ...]
Row = Mapping[str, Any]
# Perimeter and fiscal quarter -> the companies in it.
Members = Mapping[tuple[str, str], Collection[str]]


def also_withheld(
    counts: Mapping[str, Counts],
    printed: Collection[str],
    perimeters: Collection[Collection[str]],
    is_enough: Callable[[Counts], bool],
) -> set[str]:
    """The printed companies that must be withheld too.

    ``counts`` are those of every company, ``printed`` the ones that are given by themselves, ``perimeters`` the
    companies of each other perimeter of which a total is printed; ``is_enough`` says whether counts may be told.
    """
    groups: dict[tuple[bool, ...], list[str]] = {}
    for company in sorted(counts):
        groups.setdefault(tuple(company in perimeter for perimeter in perimeters), []).append(company)
    taken: set[str] = set()
    for group in groups.values():
        told = sorted((company for company in group if company in printed), key=lambda one: (sum(counts[one]), one))
        untold = [company for company in group if company not in printed]
        while untold and told and not is_enough(_together(counts, untold)):
            untold.append(told.pop(0))
            taken.add(untold[-1])
    return taken


def enough(rule: str, programme: Programme, smallest: int) -> Callable[[Counts], bool]:
    """Whether the counts of some companies together may be told, by a rule of the programme."""

    def is_enough(together: Counts) -> bool:
        few = rule == "persons" and sum(together) < programme.headcount_below
        return not few and all(count >= smallest for count in together)

    return is_enough


def _together(counts: Mapping[str, Counts], companies: Collection[str]) -> Counts:
    return tuple(sum(column) for column in zip(*(counts[company] for company in companies), strict=True))
