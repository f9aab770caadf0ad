"""How a claim is held against what is committed: numbers of experiments, verdicts of cases, the ladder's own rules.

A verdict is one of four words, and always computed, for every seed by itself. *reproduced*: each number keeps its rule on every
seed. *refuted*: one of them breaks it on every seed, and no guard says that this decides nothing (a short run that may still rise
or fall, a goal, a documented figure of too few pictures). *not yet measured*: no run, a run on the stand-in where the claim is
about published data, too few seeds, a guard, or seeds that disagree. *stale*: the code has changed since the numbers were measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_utils import cases, experiments
from course_utils.experiments import backends, ladder_verdicts
from course_utils.experiments.claims.writing import written
from course_utils.runtime import CourseError

REPRODUCED, REFUTED, NOT_MEASURED, STALE = VERDICTS = ("reproduced", "refuted", "not yet measured", "stale")


@dataclass(frozen=True)
class Finding:
    """What was found on a claim: the verdict, why it is not a plainer one, our numbers as text, and what they were made on."""

    verdict: str
    why: str = ""
    ours: str = "–"
    on: str = ""
    device: str = ""
    seeds: tuple[int, ...] = ()


_UNREAD: Any = object()


@dataclass
class Records:
    """The committed results, read once each. ``results`` and ``backends`` stand in for the files where given (tests).

    backends: every lesson on every backend, None where that has not been run.
    """

    results: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    backends: dict[str, Any] | None = _UNREAD
    _read: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.backends is _UNREAD:
            self.backends = backends.load()

    def result(self, experiment: str) -> dict[str, Any] | None:
        """The committed result of an experiment, None where there is none. Raises DataError when it cannot be read."""
        if experiment in self.results:
            return self.results[experiment]
        if experiment not in self._read:
            there = experiments.result_path(experiment).exists()
            self._read[experiment] = experiments.load_result(experiment) if there else None
        return self._read[experiment]

    def rows(self, lesson: str, backend: str) -> list[dict[str, Any]]:
        """The runs of a lesson on a backend."""
        made = self.backends["rows"] if self.backends else ()
        return [row for row in made if (row["lesson"], row["backend"]) == (lesson, backend)]


@dataclass(frozen=True)
class Within:
    """The rule that a number lies from low to high (None: open), or misses by no more than ``slack``, its sampling error."""

    low: float | None
    high: float | None
    slack: float = 0.0

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise CourseError("a rule needs a lower or an upper bar")

    def holds(self, number: float) -> bool:
        """Whether the number keeps the rule; NaN never does."""
        above = self.low is None or number >= self.low - self.slack
        return bool(above and (self.high is None or number <= self.high + self.slack) and not math.isnan(number))

    def text(self, form: str) -> str:
        """The rule as people read it, in the form of the number."""
        if self.high is None:
            words = f"≥ {written(form, self.low)}"
        elif self.low is None:
            words = f"≤ {written(form, self.high)}"
        elif form.format(self.low) == form.format(self.high):
            words = written(form, self.low)
        else:
            words = f"{written(form, self.low)} to {written(form, self.high)}"
        return f"{words} (± {written(form, self.slack).removeprefix('+')})" if self.slack else words


#: How many times more or less than a documented figure still agrees with it. There are no other factors.
ONE_RUN = 1.5  # a figure of one early run: what it can promise of the next
ORDER = 10**0.5  # a figure given as an order of magnitude
EXAMPLE = 10.0  # a figure given as an example ("near 1e-5")


def near(value: float, factor: float = ONE_RUN) -> Within:
    """Within a factor of a documented figure."""
    return Within(value / factor, value * factor)


def off(value: float, by: float) -> Within:
    """A documented figure, give or take ``by``."""
    return Within(value - by, value + by)


def order(value: float) -> Within:
    """The order of magnitude of a documented figure."""
    return near(value, ORDER)


def in_percent(share: float) -> float:
    """A share as per cent; of a difference of shares, its percentage points."""
    return 100 * share


#: Pictures after which a network on FER2013 may refute an accuracy by being low, as in ``ladder_verdicts``.
ENOUGH = ladder_verdicts.ENOUGH
SAMPLING = ladder_verdicts.SAMPLING


@dataclass(frozen=True)
class Check:
    """One number of a result and its rule; without one (None) it is shown beside the others and decides nothing.

    unit: written once, behind a range. over, less: (row, value) by which it is divided, and which is taken off, of the same seed; a text is a value of the same row.
    turn: what is done to the number first. name: what the number is, where a claim has several.
    """

    row: str
    value: str
    rule: Within | None
    form: str = "{:.3g}"
    unit: str = ""
    over: str | tuple[str, str] | None = None
    less: str | tuple[str, str] | None = None
    turn: Callable[[float], float] | None = None
    name: str = ""

    @property
    def other_row(self) -> str | None:
        """The other row that the number needs, if any."""
        others = [each[0] for each in (self.over, self.less) if isinstance(each, tuple) and each[0] != self.row]
        return others[0] if others else None

    def numbers(self, result: dict[str, Any]) -> dict[int, float]:
        """The number by seed; what was not finite is NaN. Raises KeyError when the row or a value was not measured."""
        found = _by_seed(result, self.row, self.value)
        for sign, other in (("/", self.over), ("-", self.less)):
            if other is not None:
                theirs = _by_seed(result, *((self.row, other) if isinstance(other, str) else other))
                both = sorted(found.keys() & theirs.keys())
                found = {s: found[s] / theirs[s] if sign == "/" else found[s] - theirs[s] for s in both}
        return {seed: self.turn(number) if self.turn else number for seed, number in found.items()}

    def text(self, numbers: list[float]) -> str:
        """The number over the seeds: its range."""
        finite = [number for number in numbers if not math.isnan(number)]
        forms = dict.fromkeys(written(self.form, number) for number in (min(finite), max(finite))) if finite else ()
        found = " – ".join(forms) + self.unit if forms else ""
        spread = " or ".join(filter(None, (found, "not finite" if len(finite) < len(numbers) else "")))
        return f"{self.name}: {spread}" if self.name else spread

    def rule_text(self) -> str:
        """Its rule in words, with its unit. Only for a number that has one."""
        return self.rule.text(self.form) + self.unit


def points(
    row: str, value: str, rule: Within, less: str | tuple[str, str], name: str = "", form: str = "{:+.1f}"
) -> Check:
    """A difference of two shares in percentage points; so is its rule."""
    return Check(row, value, rule, form, " points", less=less, turn=in_percent, name=name)


def _by_seed(result: dict[str, Any], row: str, value: str) -> dict[int, float]:
    measured = {r["seed"]: r["measured"] for r in result["rows"] if r["row"] == row}
    if not measured:
        raise KeyError(row)
    return {seed: math.nan if m[value] is None else float(m[value]) for seed, m in sorted(measured.items())}


@dataclass(frozen=True)
class Measured:
    """Numbers of one experiment, each with a rule.

    on: what they were measured on, in words. real: whether these rows are of published data (default: as the result's
    size says; an experiment on photographs has rows on rendered faces, too). seeds: how many are needed; a difference of two
    trained networks needs two. enough: pictures without which a failed rule is no refutation. beyond_spread: the difference
    must be larger than either row differs between seeds. agree: the checks are several readings of one thing. falling: a curve
    (``VALUE_STEP``) that, while it still falls, lets no rule be broken by a number that is too high. no_refutation: why a broken
    rule refutes nothing (a goal; a documented figure of a few pictures). brief: many figures, so only how many of them hold
    and the largest miss are shown.
    """

    experiment: str
    checks: tuple[Check, ...]
    on: str
    real: bool | None = None
    seeds: int = 1
    enough: int = 0
    beyond_spread: bool = False
    agree: bool = False
    falling: str = ""
    no_refutation: str = ""
    brief: bool = False

    @property
    def judged(self) -> tuple[Check, ...]:
        """The checks that have a rule."""
        return tuple(check for check in self.checks if check.rule is not None)

    def find(self, about_data: bool, records: Records) -> Finding:
        """Hold the numbers against the rules."""
        result = records.result(self.experiment)
        try:
            found = {check: check.numbers(result) for check in self.checks} if result else {}
        except KeyError:
            found = {}
        seeds = tuple(sorted(set.intersection(*(set(n) for n in found.values())))) if found else ()
        if not seeds:
            return Finding(NOT_MEASURED, "not run")
        made = {
            "ours": self._text(result, found, seeds),
            "on": self.on,
            "device": result["device"],
            "seeds": seeds,
        }
        verdict, why = self._verdict(about_data, result, found, seeds)
        return Finding(verdict, why, **made)

    def _text(self, result: dict[str, Any], found: dict[Check, dict[int, float]], seeds: tuple[int, ...]) -> str:
        if any(_lengths(result, check) for check in self.checks):
            return "–"
        if not self.brief:
            return "; ".join(check.text([found[check][s] for s in seeds]) for check in self.checks)
        kept = sum(all(check.rule.holds(found[check][s]) for s in seeds) for check in self.checks)
        miss = max(abs(found[c][s] - (c.rule.low + c.rule.high) / 2) for c in self.checks for s in seeds)
        first = self.checks[0]
        return f"{kept} of {len(self.checks)} figures, largest difference {written(first.form, miss)}{first.unit}"

    def rule(self) -> str:
        """The rules as people read them."""
        if self.brief:
            widths = {f"± {written(c.form, (c.rule.high - c.rule.low) / 2)}{c.unit}" for c in self.checks}
            return f"each {' or '.join(sorted(widths))}"
        texts = [(check.name, check.rule_text()) for check in self.judged]
        if len({text for _, text in texts}) == 1:
            return texts[0][1]
        heads = {(name.split(", ")[0], text) for name, text in texts}
        if (
            len({head for head, _ in heads}) == len(heads) < len(texts)
        ):  # "training, step 1 000" and "training, step 2 000" share a rule
            texts = list(dict.fromkeys((name.split(", ")[0], text) for name, text in texts))
        return "; ".join(f"{name}: {text}" for name, text in texts)

    def _verdict(
        self, about_data: bool, result: dict[str, Any], found: dict[Check, dict[int, float]], seeds: tuple[int, ...]
    ) -> tuple[str, str]:
        real = result["size"]["data"] == "real" if self.real is None else self.real
        if result["stale"]:
            return STALE, "the code has changed since"
        if about_data and not real:
            return NOT_MEASURED, "only on the stand-in"
        if any(_lengths(result, check) for check in self.checks):
            return NOT_MEASURED, "at different numbers of steps"
        if len(seeds) < self.seeds:
            return NOT_MEASURED, "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
        if self.beyond_spread and not all(self._clear(result, check, found[check], seeds) for check in self.judged):
            return NOT_MEASURED, "within the seeds' spread"
        return self._decide(
            result, {check: [check.rule.holds(found[check][s]) for s in seeds] for check in self.judged}
        )

    def _decide(self, result: dict[str, Any], kept: dict[Check, list[bool]]) -> tuple[str, str]:
        """The verdict on numbers that may be judged. kept: whether a check holds, seed by seed."""
        if all(map(all, kept.values())):
            return REPRODUCED, ""
        lost = [check for check, holds in kept.items() if not any(holds)]
        if not lost:
            return NOT_MEASURED, "seeds disagree"
        if self.agree and len(lost) < len(kept):
            return NOT_MEASURED, "two readings disagree"
        guards = {check: self._guard(result, check) for check in lost}
        broken = [check for check in lost if not guards[check]]
        if not broken:
            return NOT_MEASURED, guards[lost[0]]
        return REFUTED, ", ".join(check.name for check in broken if check.name) if len(broken) < len(kept) else ""

    def _guard(self, result: dict[str, Any], check: Check) -> str:
        """Why a rule broken on every seed decides nothing; empty where it does."""
        if self.no_refutation:
            return self.no_refutation
        if self.enough and _pictures(result, check.row) < self.enough:
            return "a short run"
        if self.falling and _falls(result, check.row, self.falling):
            return "a short run, its loss falling between the last two readings"
        return ""

    @staticmethod
    def _clear(result: dict[str, Any], check: Check, numbers: dict[int, float], seeds: tuple[int, ...]) -> bool:
        rows = [_by_seed(result, check.row, check.value)]
        if isinstance(check.less, tuple):
            rows.append(_by_seed(result, *check.less))
        turn = check.turn or (lambda number: number)
        spread = max(np.ptp([turn(row[seed]) for seed in seeds]) for row in rows)
        return abs(np.mean([numbers[seed] for seed in seeds])) > spread


def _lengths(result: dict[str, Any], check: Check) -> bool:
    """Whether a check compares two rows at their ends that trained for different numbers of steps."""
    if check.other_row is None or check.value.rsplit("_", 1)[-1].isdigit():
        return False  # a value at a step: both were read there
    steps = [
        {r["measured"].get("steps") for r in result["rows"] if r["row"] == row} for row in (check.row, check.other_row)
    ]
    return steps[0] != steps[1]


def _falls(result: dict[str, Any], row: str, curve: str) -> bool:
    """Whether a curve fell by more than a twentieth from its last but one reading to the last, on any seed."""
    curves = [experiments.curve(r["measured"], curve)[1].astype(float) for r in result["rows"] if r["row"] == row]
    return any(numbers[-1] < 0.95 * numbers[-2] for numbers in curves)


def _pictures(result: dict[str, Any], row: str) -> float:
    return min(r["measured"]["steps"] * r["measured"]["batch"] for r in result["rows"] if r["row"] == row)


#: Value of the ladder → what it is, in words.
VALUES = {
    "public_smoothed": "PublicTest",
    "train_mode": "training pictures",
    "public_average": "PublicTest, averaged weights",
    "public_last": "PublicTest, last weights",
    "private_best": "PrivateTest, best step",
    "private_last": "PrivateTest, last step",
}


@dataclass(frozen=True)
class Ladder:
    """One claim of ``ladder_verdicts``, by its row and words, with the rules of that module."""

    row: str
    documented: str

    def find(self, about_data: bool, records: Records) -> Finding:
        """The verdict of ``ladder_verdicts``, and stale where its result is."""
        result = records.result("ladder")
        if result is None:
            return Finding(NOT_MEASURED, "not run")
        found = ladder_verdicts.judge(self.claim, result)
        if found["measured"] is None:
            return Finding(NOT_MEASURED, found["why"])
        numbers = ladder_verdicts.numbers_of(result, self.claim)
        form, unit = ("{:+.1f}", " points") if self.claim.against else ("{:.1f}", " %")
        ends = dict.fromkeys(written(form, 100 * end(numbers.values())) for end in (min, max))
        verdict = STALE if result["stale"] else {"not measured": NOT_MEASURED}.get(found["verdict"], found["verdict"])
        why = "the code has changed since" if result["stale"] else found["why"]
        return Finding(
            verdict,
            why,
            f"{self._name()}: {' – '.join(ends)}{unit}",
            f"FER2013, {written('{:,}', found['steps'])} steps",
            result["device"],
            tuple(sorted(numbers)),
        )

    def _name(self) -> str:
        """What the number is."""
        claim = self.claim
        name = VALUES[claim.value]
        if not claim.against:
            return name
        row, value = claim.against
        return f"{name} less {row}" if row != claim.row else f"{name} less {VALUES[value].split(', ')[-1]}"

    @property
    def claim(self) -> ladder_verdicts.Claim:
        """The claim itself. Raises CourseError where ``ladder_verdicts`` has none of these words."""
        for claim in ladder_verdicts.CLAIMS:
            if (claim.row, claim.documented) == (self.row, self.documented):
                return claim
        raise CourseError(f"ladder_verdicts has no claim {self.documented!r} of {self.row!r}")

    def rule(self) -> str:
        """The rule as people read it."""
        low, high = self.claim.low, self.claim.high
        if self.claim.against:
            return (
                f"no difference beyond ± {100 * SAMPLING:.1f} points" if high == 0 else f"> {100 * SAMPLING:.1f} points"
            )
        return Within(low and 100 * low, high and 100 * high).text("{:.1f}") + f" % (± {100 * SAMPLING:.1f} points)"


@dataclass(frozen=True)
class Holds:
    """What registered cases say, on TensorFlow at the reduced size or a larger one: a bug's mechanism, which stand-in data show as well.

    A statistical case counts on ``cases.SEEDS`` seeds, an exact one on one run; a run at budget ``smoke`` is not judged. The cases must be of one status: with ``refuted`` ones, whose bars state what refutes the claim, the verdict is *refuted*.
    """

    cases: tuple[str, ...]

    def find(self, about_data: bool, records: Records) -> Finding:
        """Reproduced (or refuted) when every case keeps its contract on every seed, and on as many as its kind asks for."""
        known = [cases.get(name) for name in self.cases]
        if len({case.status for case in known}) != 1:
            raise CourseError(f"{', '.join(self.cases)}: found cases of both statuses in one claim, expected one")
        rows = [records.rows(case.lesson, "tensorflow") for case in known]
        if not all(rows):
            return Finding(NOT_MEASURED, "lessons not yet run on several seeds")
        verdicts = [_judged(case, mine, records.backends["size"]) for case, mine in zip(known, rows, strict=True)]
        if not all(verdicts):
            return Finding(NOT_MEASURED, "run, but at a budget that is not judged")
        passed = [[bool(v and v["passed"]) for v in one.values()] for one in verdicts]
        scarcest = min(zip(known, verdicts, strict=True), key=lambda pair: len(pair[1]) / cases.seeds_needed(pair[0]))
        made = {
            "ours": _as_text(known, verdicts, passed),
            "on": "stand-in, small networks",
            "device": records.backends["device"],
            "seeds": tuple(scarcest[1]),
        }
        if any(backends.is_stale(row) for mine in rows for row in mine):
            return Finding(STALE, "a lesson has changed since", **made)
        if about_data:
            return Finding(NOT_MEASURED, "only on the stand-in", **made)
        if failing := [f"`{case.id}`" for case, one in zip(known, passed, strict=True) if not all(one)]:
            return Finding(NOT_MEASURED, f"{', '.join(failing)} fails its bars", **made)
        if len(scarcest[1]) < cases.seeds_needed(scarcest[0]):
            return Finding(NOT_MEASURED, f"{len(scarcest[1])} of {cases.seeds_needed(scarcest[0])} seeds", **made)
        return Finding(REFUTED if known[0].status == "refuted" else REPRODUCED, **made)

    def rule(self) -> str:
        """The rule as people read it."""
        return "the bars of its case" if len(self.cases) == 1 else "the bars of its cases"


def _judged(case: cases.Case, rows: list[dict[str, Any]], size: dict[str, str]) -> dict[int, dict[str, Any] | None]:
    """The verdicts on a case by seed, of runs that were judged: none at budget ``smoke``.

    None where a judged run ended before it came to the case. size: of the runs, where a verdict carries none of its own.
    """
    found = {row["seed"]: next((v for v in row["verdicts"] if v["id"] == case.id), None) for row in rows}
    return {
        seed: verdict
        for seed, verdict in sorted(found.items())
        if ((verdict or {}).get("size") or size)["budget"] != "smoke" and (verdict is None or verdict["judged"])
    }


def _as_text(known: list[cases.Case], verdicts: list[dict[int, dict | None]], passed: list[list[bool]]) -> str:
    """The first measure of a single case, broken and fixed; of several cases how many runs passed."""
    if len(known) > 1:
        return f"{sum(map(sum, passed))} of {sum(map(len, passed))} runs of {len(known)} cases"
    evidence = [one["evidence"][0] for one in verdicts[0].values() if one and one["evidence"]]
    if not evidence:
        return f"{sum(passed[0])} of {len(passed[0])} seeds"
    what = known[0].bars[0].what
    numbers = {side: [math.nan if e[side] is None else e[side] for e in evidence] for side in ("broken", "fixed")}
    ranges = [
        (low if low == high else f"{low} – {high}")
        for low, high in ((written("{:.3g}", min(n)), written("{:.3g}", max(n))) for n in numbers.values())
    ]
    return f"{what}: broken {ranges[0]}, fixed {ranges[1]}"


@dataclass(frozen=True)
class Nothing:
    """No measurement of ours, and what is in the way."""

    why: str

    def find(self, about_data: bool, records: Records) -> Finding:
        """Not yet measured."""
        return Finding(NOT_MEASURED, self.why)

    def rule(self) -> str:
        """There is none."""
        return ""


Evidence = Measured | Ladder | Holds | Nothing
