"""How ``course bench`` measures: ways that take turns, ratios of the same round, slopes; and the one kind of row it reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from course_utils.runtime import CourseError

#: A slope above this is reported as worse than in proportion to the work.
STEEP = 1.15

Clock = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One comparison: ``what`` takes or does ``value``, ``compared_with`` takes or does ``other``.

    Both are medians over the rounds in which both took turns. ratio: how many times as fast ``what`` is by these two medians;
    above 1 is faster. In a row on scaling, value and ratio are the slope. ratio_range: smallest and largest round. why_fair:
    what is alike on both sides, and how that was checked. goal: what should be reached, ``goal_on`` ``ratio`` or ``value``.
    note: what else was found.
    """

    what: str
    value: float
    unit: str
    compared_with: str
    other: float
    ratio: float
    ratio_range: tuple[float, float]
    rounds: int
    why_fair: str
    goal: float | None = None
    goal_on: str = "ratio"
    note: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal was reached; True without one."""
        return self.goal is None or getattr(self, self.goal_on) >= self.goal

    def record(self) -> dict[str, Any]:
        """As plain values for JSON: four digits, and no goal or note where there is none."""
        found = asdict(self)
        for name in ("value", "other", "ratio"):
            found[name] = rounded(found[name])
        found["ratio_range"] = [rounded(end) for end in self.ratio_range]
        if self.goal is None:
            del found["goal"], found["goal_on"]
        if not self.note:
            del found["note"]
        return found


def times_as_fast(value: float, other: float, unit: str) -> float:
    """How many times as fast a way with ``value`` is as one with ``other``; unit: of work a second (``…/s``), or of time."""
    return value / other if unit.endswith("/s") else other / value


def is_undecided(ratio_range: Sequence[float]) -> bool:
    """Whether some rounds found a way faster than the other, and some slower."""
    return min(ratio_range) < 1 < max(ratio_range)


def rounded(value: float) -> float:
    """Four significant digits, as a benchmark gives at most."""
    return float(f"{value:.4g}")


def take_turns(
    ways: Mapping[str, Callable[[], Any]],
    *,
    rounds: int,
    few: Mapping[str, int] | None = None,
    clock: Clock = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds that each way takes in each round; in a round each has its turn, and each round begins with the next way.

    So a machine that slows down for a while slows all alike, and none always comes first. Nothing is called before: warm up
    yourself. few: ways that are so slow that they take part in the first so many rounds only.
    """
    names, few = list(ways), few or {}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if number >= few.get(name, rounds):
                continue
            began = clock()
            ways[name]()
            seconds[name].append(clock() - began)
    return seconds


def compared(
    what: str, other: str, seconds: Mapping[str, Sequence[float]]
) -> tuple[tuple[float, float], tuple[float, float], int]:
    """Median seconds of ``what`` and of ``other``; smallest and largest ratio of a round; number of rounds. Of rounds in which both took part.

    The ratio of the medians lies between the two ends. A median of the rounds' ratios would too, and could contradict the medians
    beside it: those are of other rounds.
    """
    both = list(zip(seconds[what], seconds[other], strict=False))
    ratios = [theirs / ours for ours, theirs in both]
    ours, theirs = (float(np.median(some)) for some in zip(*both, strict=True))
    return (ours, theirs), (min(ratios), max(ratios)), len(both)


def rows(
    seconds: Mapping[str, Sequence[float]],
    against: str | Mapping[str, str],
    *,
    why_fair: str | Mapping[str, str],
    about: str = "",
    per_second: float | None = None,
    unit: str = "ms",
    goals: Mapping[str, float] | None = None,
    goal_on: str = "ratio",
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """One row for each way but those that others are compared with.

    against: the way that all are compared with, or way → way. why_fair: one text, or way → text. per_second: how much work one
    call does; values are then work a second and not milliseconds. about: set before each ``what``.
    """
    pairs = {way: against for way in seconds if way != against} if isinstance(against, str) else dict(against)
    made = []
    for what, other in pairs.items():
        medians, ends, count = compared(what, other, seconds)
        value, beside = (per_second / one if per_second else 1000 * one for one in medians)
        made.append(
            Row(
                f"{about}{what}",
                value,
                unit,
                other,
                beside,
                medians[1] / medians[0],
                ends,
                count,
                why_fair if isinstance(why_fair, str) else why_fair[what],
                (goals or {}).get(what),
                goal_on,
                (notes or {}).get(what, ""),
            )
        )
    return made


def must_agree(what: str, results: Mapping[str, Any], against: str, *, within: float = 0.0) -> None:
    """Raise CourseError unless each result equals that of ``against``, array by array, to ``within`` (0: exactly).

    results: way → an array, or several; their types may differ, their shapes and values may not.
    """
    expected = _arrays(results[against])
    for name, result in results.items():
        found = _arrays(result)
        if [one.shape for one in found] != [one.shape for one in expected]:
            shapes = " and ".join(str([one.shape for one in some]) for some in (found, expected))
            raise CourseError(f"{what}: {name!r} and {against!r} give other shapes, {shapes}; not compared")
        for one, reference in zip(found, expected, strict=True):
            off = np.abs(one.astype(np.float64) - reference.astype(np.float64)).max() if one.size else 0.0
            if not off <= within:
                raise CourseError(f"{what}: {name!r} and {against!r} differ by up to {off:.3g}; not compared")


def _arrays(result: Any) -> list[np.ndarray]:
    return [np.asarray(one) for one in (result if isinstance(result, list | tuple) else [result])]


def slope(numbers: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds on log numbers, by least squares: 1 for n, 2 for n². Raises ValueError for what is not above 0."""
    x, y = np.asarray(numbers, np.float64), np.asarray(seconds, np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 2 or not ((x > 0).all() and (y > 0).all()):
        raise ValueError(f"{x.shape} numbers, {y.shape} seconds: expected two or more of each, all above 0")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(
    what: str,
    work: Callable[[int], Callable[[], Any]],
    first: int,
    unit: str,
    *,
    doublings: int = 4,
    rounds: int = 3,
    clock: Clock = time.perf_counter,
) -> Row:
    """How the time of ``what`` grows with the work: the slope of log time on log N for N doubled ``doublings`` times.

    work: N → what is timed, made (and called once) beforehand. unit: of N. One slope a round, in which all N take turns.
    """
    numbers = [first * 2**power for power in range(doublings + 1)]
    ways = {str(number): work(number) for number in numbers}
    for way in ways.values():
        way()
    seconds = take_turns(ways, rounds=rounds, clock=clock)
    slopes = [slope(numbers, [seconds[str(number)][one] for number in numbers]) for one in range(rounds)]
    middle = float(np.median(slopes))
    times = ", ".join(f"{1000 * float(np.median(seconds[str(number)])):.3g}" for number in numbers)
    steep = ""
    if middle > STEEP:
        steep = " – worse than in proportion" if min(slopes) > 1 else f" – above {STEEP}, but the rounds disagree"
    return Row(
        what,
        middle,
        "slope",
        "time in proportion to the work",
        1.0,
        middle,
        (min(slopes), max(slopes)),
        rounds,
        "the same call on 1, 2, 4, 8 and 16 times as much, all in each round; slope of log time on log N, 1 is in proportion",
        note=f"{first} to {numbers[-1]} {unit}: {times} ms{steep}",
    )
