"""What an attack can find, in the words in which it is told: the rule that was broken, never a cell and never a count.

A finding is read by people who must not learn the figure from it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

SMALL = "a count below the threshold is printed"
FOUND = "a withheld count can be bounded too closely"
BEYOND = "a table or a code beyond the programme is printed"
CHANGED = "a figure printed earlier is changed by less than the threshold"
TAKEN_BACK = "a figure printed earlier is printed again with another pattern"
CONTRADICTING = "printed numbers contradict each other"
UNDECIDED = "the solver did not settle every count"
UNREAD = "a file cannot be searched"
PROGRAMMES = "the programme of tables is missing, or is not the reviewed one of its year"
LEDGERS = "the ledger of printed cells is missing, broken or does not fit the releases"
RULES = (SMALL, FOUND, BEYOND, CHANGED, TAKEN_BACK, CONTRADICTING, UNDECIDED, UNREAD, PROGRAMMES, LEDGERS)


@dataclass
class Report:
    """What an attack found: rules broken (with how often, which is for the attacker's own tests and is never shown),
    and the digests of the files it read, by folder."""

    broken: Counter[str] = field(default_factory=Counter)
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: int = 0

    @property
    def stands(self) -> bool:
        """Whether nothing was found and everything was settled."""
        return not self.broken
