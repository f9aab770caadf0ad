"""Plausible wrong answers to the tasks of the assignments, each an instance of a registered case.

They serve three times: as wrong submissions that show that grading takes exactly a task's points, as the faulty
versions on which a student's own test must fail, and as examples in the teacher's guide.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from course_utils import cases

#: Assignment → module of this package with its mistakes.
ASSIGNMENTS = ("a1_digits", "a2_hands", "a3_faces", "a4_expressions", "a5_blind_diagnosis")


@dataclass(frozen=True)
class Mistake:
    """One wrong answer to one task.

    case: id of the registered case that it is an instance of. task: id of the solution cell. what: the mistake, for the
    teacher. symptom: what a student is told whose test lets it pass ("whose …"), without giving it away.
    code: replaces the whole solution cell; defines the same names.
    """

    case: str
    task: str
    what: str
    code: str
    symptom: str = ""

    def __post_init__(self) -> None:
        cases.get(self.case)


def of(assignment: str) -> tuple[Mistake, ...]:
    """All mistakes of an assignment, in the order of its tasks."""
    return importlib.import_module(f"course_utils.classroom.mistakes.{assignment}").MISTAKES


def faulty(assignment: str, task: str, **names: object) -> list[tuple[str, Callable]]:
    """(symptom, function) of each mistake in one task that has a symptom, for ``tasks.check_test``.

    names: what the code finds in the notebook besides NumPy (``np``), e.g. ``keras=keras``.
    """
    return [
        (mistake.symptom, function(mistake, **names))
        for mistake in of(assignment)
        if mistake.task == task and mistake.symptom
    ]


def function(mistake: Mistake, **names: object) -> Callable:
    """The wrong function itself: the last one that the mistake's code defines."""
    import numpy as np

    namespace: dict = {"np": np, **names}
    before = set(namespace)
    exec(mistake.code, namespace)
    return [value for name, value in namespace.items() if name not in before and callable(value)][-1]
