"""What a case is, and the list of all of them."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Literal

from course_utils.runtime import BACKENDS, SettingsError, nearest

#: Part of the course → module of this package that lists its cases.
PARTS = {name: f"course_utils.cases.{name}" for name in ("digits", "hands", "faces", "expressions")}
#: How pages head a part.
HEADS = {name: f"Part {number}, {name}" for number, name in enumerate(PARTS, start=1)}


@dataclass(frozen=True)
class Bar:
    """One measured number and what it must be for the bug to count as shown, and as mended.

    measure: key of the evidence. what: its meaning, with its unit.
    broken, fixed: (``">="`` or ``"<="``, height): the broken run shows the symptom, the fixed run is cured.
    """

    measure: str
    what: str
    broken: tuple[Literal[">=", "<="], float]
    fixed: tuple[Literal[">=", "<="], float]


def clears(value: float, bar: tuple[str, float]) -> bool:
    """Whether a value clears a bar; NaN never does."""
    sign, height = bar
    return bool(value >= height if sign == ">=" else value <= height)


def margin(value: float, bar: tuple[str, float]) -> float:
    """How many times clear of its bar a value stands: above 1 when cleared, below 1 when not. NaN gives 0.

    Bars and values are positive or zero; a value of 0 under an upper bar is infinitely clear.
    """
    sign, height = bar
    if math.isnan(value):
        return 0.0
    over, under = (value, height) if sign == ">=" else (height, value)
    if under == 0:
        return math.inf if over >= 0 else 0.0
    return over / under


@dataclass(frozen=True)
class Case:
    """One documented bug or claim.

    kind: ``statistical`` (bars hold on the worst of 5 fresh seeds with a margin of 1.5), ``deterministic`` or
    ``environment`` (depends on the machine). status: ``reproduces``, or ``refuted`` when what was *documented* does not
    hold; its bars then state what the measurement shows instead. lesson: the lesson that measures and judges it.
    backends: on which it is judged. elsewhere: what differs on other backends, as measured; empty where all three agree.
    """

    id: str
    part: str
    lesson: str
    title: str
    symptom: str
    cause: str
    fix: str
    source: str
    kind: Literal["statistical", "deterministic", "environment"]
    bars: tuple[Bar, ...]
    backends: tuple[str, ...] = BACKENDS
    status: Literal["reproduces", "refuted"] = "reproduces"
    elsewhere: str = ""


def all_cases() -> dict[str, Case]:
    """Every registered case by id, in the order of the lessons."""
    return {case.id: case for module in PARTS.values() for case in importlib.import_module(module).CASES}


def get(case_id: str) -> Case:
    """One case. Raises SettingsError for an unknown id, suggesting the nearest."""
    cases = all_cases()
    if case_id not in cases:
        raise SettingsError(nearest(case_id, cases, "case"))
    return cases[case_id]


def of_lesson(lesson: str) -> list[Case]:
    """The cases a lesson owns, by the lesson's name (``11_digits_frozen_filters``)."""
    return [case for case in all_cases().values() if case.lesson == lesson]
