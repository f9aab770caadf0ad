"""Every documented claim of the four parts, and the rule that holds it against what is committed. Floor 5, no experiment of its own.

One module a part lists its claims; :mod:`evidence` knows how verdicts are computed. ``make pages`` prints them in
``results/README.md``. First met there; lessons 11, 22, 33 and 44 measure the best known ones.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from course_utils.cases.registry import PARTS
from course_utils.experiments.claims.evidence import (
    NOT_MEASURED,
    REFUTED,
    REPRODUCED,
    STALE,
    VERDICTS,
    Evidence,
    Finding,
    Holds,
    Records,
)


@dataclass(frozen=True)
class Claim:
    """Something that somebody said about one of the four models, in public or in notes handed to this course.

    source: who said it, a name in ``SOURCES`` of the part's module. what: what it is about, and over how many steps, where
    a plateau was watched. documented: the figure or statement, in our words, as far as it is tested. evidence: how we measure it, with the rule that gives the verdict. about_data: whether it names
    a figure on published data, which the stand-in cannot give; False for what a piece of code does whatever the pictures.
    cases: registered cases that show it in a lesson, besides those that ``evidence`` names. telling: README prints it.
    """

    id: str
    part: str
    source: str
    what: str
    documented: str
    evidence: Evidence
    about_data: bool = True
    cases: tuple[str, ...] = ()
    telling: bool = False

    @property
    def all_cases(self) -> tuple[str, ...]:
        """The registered cases that belong to it."""
        return (*(self.evidence.cases if isinstance(self.evidence, Holds) else ()), *self.cases)


@dataclass(frozen=True)
class Source:
    """Who said it: in words, and where in public, if there is an address."""

    words: str
    url: str = ""

    @property
    def link(self) -> str:
        """As Markdown."""
        return f"[{self.words}]({self.url})" if self.url else self.words


def _module(part: str) -> ModuleType:
    return importlib.import_module(f"course_utils.experiments.claims.{part}")


def groups(part: str) -> dict[str, tuple[Claim, ...]]:
    """The claims of a part by heading."""
    return _module(part).GROUPS


def all_claims() -> dict[str, Claim]:
    """Every claim by id, in the order of the parts and of each part's module."""
    return {claim.id: claim for part in PARTS for group in groups(part).values() for claim in group}


def source_of(claim: Claim) -> Source:
    """Who said it. Raises KeyError for a source that the part does not list."""
    return _module(claim.part).SOURCES[claim.source]


def judge(claim: Claim, records: Records | None = None) -> Finding:
    """Hold one claim against the committed results."""
    return claim.evidence.find(claim.about_data, records or Records())


__all__ = [
    "NOT_MEASURED",
    "REFUTED",
    "REPRODUCED",
    "STALE",
    "VERDICTS",
    "Claim",
    "Finding",
    "Records",
    "Source",
    "all_claims",
    "groups",
    "judge",
    "source_of",
]
