"""Grading of a5_blind_diagnosis: does a number tell one fault from the others, does a smoke test notice faults? Floor 6.

Both are tried on fresh patients, through instruments that show no name and offer no repair.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from course_utils.classroom import patients
from course_utils.classroom.tasks import refuse_inspection

ILL, WELL = 3, 3  # how many patients with the fault, and without one, a piece of evidence is tried on


def check_evidence(evidence: Callable, cause: str, *, seed: int) -> tuple[float, int]:
    """Grade a piece of evidence, a function of a patient: does its number tell ``cause`` from health, and from other faults?

    1. Over three fresh patients with the fault and three healthy ones the numbers differ by a factor of 3 at least,
       always in the same direction, in the worst pair. 2. With the limit half way between (the geometric mean of that
       pair), at most two other faults lie on the fault's side. Returns the factor and the number of others; raises AssertionError.
    """
    refuse_inspection(evidence)
    ill = [number_of(evidence, patients.with_fault(cause, seed + i)) for i in range(ILL)]
    well = [number_of(evidence, patients.with_fault(None, seed + i)) for i in range(WELL)]
    up = min(ill) > max(well)
    worst = (min(ill), max(well)) if up else (max(ill), min(well))
    factor = worst[0] / worst[1] if up else worst[1] / worst[0]
    assert factor >= 3, (
        f"{evidence.__name__}: on fresh patients the number does not tell this fault from health by a factor of 3"
    )
    limit = math.sqrt(worst[0] * worst[1])
    others = [number_of(evidence, patients.with_fault(name, seed)) for name in patients.CAUSES if name != cause]
    suspected = sum(number > limit if up else number < limit for number in others)
    assert suspected <= 2, (
        f"{evidence.__name__}: {suspected} of {len(others)} other faults lie on the same side of the limit as this one; at most 2 may"
    )
    return factor, suspected


def check_setup(test: Callable, must: tuple[str, ...], *, seed: int, at_least: int = 6) -> None:
    """Grade a smoke test by mutation: passes on healthy set-ups, fails on the faults ``must`` and on ``at_least`` in all.

    The test sees a set-up before training only. Raises AssertionError with the first reason.
    """
    refuse_inspection(test)
    for i in range(WELL):
        try:
            test(_Instruments(patients.with_fault(None, seed + i), before_training=True))
        except NotImplementedError:
            raise
        except Exception as error:
            raise AssertionError(f"your test fails on a healthy set-up: {type(error).__name__}: {error}") from None
    missed = [name for name in patients.CAUSES if _passes(test, patients.with_fault(name, seed))]
    assert not set(must) & set(missed), "your test lets a patient with the fault of A or of B pass"
    assert len(patients.CAUSES) - len(missed) >= at_least, (
        f"your test notices {len(patients.CAUSES) - len(missed)} of {len(patients.CAUSES)} faults, {at_least} are asked for. It let a set-up pass: "
        + "; ".join(patients.CAUSES[name].symptom for name in missed)
    )


def _passes(test: Callable, ill: patients.Patient) -> bool:
    try:
        test(_Instruments(ill, before_training=True))
    except Exception:
        return False
    return True


def number_of(evidence: Callable, examined: patients.Patient) -> float:
    """The evidence as a number from 1e-6 to 1e6; what is not finite counts as 1e6."""
    found = float(evidence(_Instruments(examined)))
    return min(max(found, 1e-6), 1e6) if math.isfinite(found) else 1e6


class _Instruments:
    """A patient as graded functions see it: the instruments, no name, no repair."""

    __slots__ = ("__allowed", "__patient")

    def __init__(self, examined: patients.Patient, *, before_training: bool = False) -> None:
        self.__patient = examined
        after = () if before_training else ("curves", "trained", "accuracy", "healthy")
        self.__allowed = ("batch", "network", "learning_rates", "loss_value", *after)

    def __getattr__(self, name: str) -> Any:
        if name not in self.__allowed:
            raise AttributeError(f"{name} is not among the instruments here: {', '.join(self.__allowed)}")
        return getattr(self.__patient, name)

    def __repr__(self) -> str:
        return "<a patient>"
