"""One judge for all cases: does the broken run show the symptom, and does the fixed run clear its bar?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from course_utils import runtime
from course_utils.cases.registry import Case, clears, get, margin
from course_utils.runtime import CourseError


class CaseFailed(AssertionError):
    """A case did not hold: the broken run did not show the symptom, or the fixed run did not clear its bar."""


@dataclass(frozen=True)
class Row:
    """One bar with both measured values; ``margin`` is the smaller of the two."""

    measure: str
    what: str
    broken: float
    broken_bar: tuple[str, float]
    broken_clears: bool
    fixed: float
    fixed_bar: tuple[str, float]
    fixed_clears: bool
    margin: float


@dataclass(frozen=True)
class Verdict:
    """What the judge found. ``reproduced``: the broken run shows every symptom; ``fixed``: the fixed run clears every bar."""

    case: Case
    rows: tuple[Row, ...]

    @property
    def reproduced(self) -> bool:
        """Whether the broken run shows the symptom on every bar."""
        return all(row.broken_clears for row in self.rows)

    @property
    def fixed(self) -> bool:
        """Whether the fixed run clears every bar."""
        return all(row.fixed_clears for row in self.rows)

    @property
    def margin(self) -> float:
        """How many times clear of its bar the tightest value stands."""
        return min(row.margin for row in self.rows)

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗"}
        lines = [f"{self.case.id}: {self.case.title}"]
        for row in self.rows:  # two short lines a bar: they fit a page of the book
            broken = f"broken {row.broken:.4g} {mark[row.broken_clears]} ({_sign(row.broken_bar)})"
            fixed = f"fixed {row.fixed:.4g} {mark[row.fixed_clears]} ({_sign(row.fixed_bar)})"
            lines += [f"  {row.what}", f"    {broken:28} {fixed}"]
        claim = "claim refuted" if self.case.status == "refuted" else "reproduced"
        margin = f"; smallest margin {self.margin:.3g}×" if math.isfinite(self.margin) else ""
        lines.append(
            f"  {claim if self.reproduced else 'NOT ' + claim}, {'fixed' if self.fixed else 'NOT fixed'}{margin}"
        )
        return "\n".join(lines)

    def record(self) -> dict:
        """The verdict as plain values for JSON."""
        return {
            "id": self.case.id,
            "reproduced": self.reproduced,
            "fixed": self.fixed,
            "margin": self.margin,
            "evidence": [asdict(row) for row in self.rows],
        }


#: A statistical case must stand this many times clear of its bars, on the worst seed.
MARGIN = 1.5
#: … and on so many fresh seeds. One run is enough for the others, in which no number varies with the seed.
SEEDS = 5


def seeds_needed(case: Case) -> int:
    """On how many seeds a case must have been judged before it says anything."""
    return SEEDS if case.kind == "statistical" else 1


def passes(case: Case, record: Mapping[str, Any]) -> bool:
    """Whether a recorded verdict (:meth:`Verdict.record`) of ``case`` keeps the contract: both sides hold, statistical ones with margin.

    A run that was not judged (budget ``smoke``) passes by having reached its verdict.
    """
    if not record["judged"]:
        return True
    needed = MARGIN if case.kind == "statistical" else 1.0
    clear = record["margin"] is None or record["margin"] >= needed  # JSON has no infinity
    return record["reproduced"] and record["fixed"] and clear


def _sign(bar: tuple[str, float]) -> str:
    return f"{'≥' if bar[0] == '>=' else '≤'} {bar[1]:g}"


def check(case: Case, broken: Mapping[str, float], fixed: Mapping[str, float]) -> Verdict:
    """Hold both runs against the bars of ``case``; says nothing and raises nothing about the outcome.

    broken, fixed: measured numbers by the names of the case's bars; further entries are ignored.
    Raises CourseError when a measure is missing.
    """
    rows = []
    for bar in case.bars:
        for name, run in (("broken", broken), ("fixed", fixed)):
            if bar.measure not in run:
                raise CourseError(
                    f"{case.id}: the {name} run lacks {bar.measure!r}; it has {', '.join(run) or 'nothing'}"
                )
        b, f = float(broken[bar.measure]), float(fixed[bar.measure])
        rows.append(
            Row(
                measure=bar.measure,
                what=bar.what,
                broken=b,
                broken_bar=bar.broken,
                broken_clears=clears(b, bar.broken),
                fixed=f,
                fixed_bar=bar.fixed,
                fixed_clears=clears(f, bar.fixed),
                margin=min(margin(b, bar.broken), margin(f, bar.fixed)),
            )
        )
    return Verdict(case, tuple(rows))


def judge(
    case_id: str, *, broken: Mapping[str, float], fixed: Mapping[str, float], size: runtime.Size | None = None
) -> Verdict:
    """Judge a case by the numbers a lesson just measured: print the verdict, keep it where asked, raise when it fails.

    A run at budget ``smoke`` trains for a handful of steps: its numbers are printed but not held against the bars.
    size: at which both were measured, where a lesson measures at another size than the run's; it goes into the record.
    Raises CaseFailed when the broken run does not show the symptom or the fixed run does not clear its bar;
    SettingsError for an unknown id; CourseError when a measure is missing.
    """
    verdict = check(get(case_id), broken, fixed)
    run = runtime.current()
    judged = run is None or run.size.budget != "smoke"
    print(verdict if judged else f"{verdict}\n  (budget smoke: shown, not judged)")
    if log := runtime.verdict_log():
        line = verdict.record() | {"judged": judged} | (run.record() if run else {})
        line |= {"size": asdict(size)} if size else {}
        with log.open("a", encoding="utf-8") as file:
            file.write(runtime.to_json(line, indent=None))
    if judged and not (verdict.reproduced and verdict.fixed):
        missed = [
            f"broken {r.measure} = {r.broken:.4g}, needs {_sign(r.broken_bar)}"
            for r in verdict.rows
            if not r.broken_clears
        ]
        missed += [
            f"fixed {r.measure} = {r.fixed:.4g}, needs {_sign(r.fixed_bar)}" for r in verdict.rows if not r.fixed_clears
        ]
        hint = "" if verdict.reproduced else ". Did you mend the broken run yourself? Then this cell stops on purpose"
        raise CaseFailed(f"{case_id}: {'; '.join(missed)}{hint}")
    return verdict
