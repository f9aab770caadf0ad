"""What the write-up says of its ladder, held against what the experiment ``ladder`` measured. Never against the stand-in.

A verdict is *reproduced*, *refuted* or *not measured*. A row that falls short while it is still rising has not been run to
its end: that is *not measured*, however close. Lessons 44_expressions_regularisation and 45_expressions_augmentation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils import experiments
from course_utils.experiments.ladder import LONG
from course_utils.runtime import DataError

#: Half a 95 % interval of an accuracy of 0.6 on the 3 589 pictures of PublicTest, 1.96 · √(0.6 · 0.4 / 3589); of the
#: difference of two networks that disagree on whether a fifth of them is right, nearly the same, 1.96 · √(0.2 / 3589).
SAMPLING = 0.016
#: A row still rises when the mean of its last quarter is so much above that of the quarter before.
RISING = 0.005


@dataclass(frozen=True)
class Claim:
    """``value`` of ``row``, less that of ``against`` (row, value) where given, lies from ``low`` to ``high`` (None: open)."""

    row: str
    documented: str
    low: float | None
    high: float | None
    value: str = "public_smoothed"
    against: tuple[str, str] | None = None


CLAIMS = (
    Claim("plain", "57–59 %", 0.57, 0.59),
    Claim("plain", "training accuracy near 1", 0.95, None, "train_mode"),
    Claim("dropout", "61 % and a little more", 0.61, 0.62),
    Claim("BN", "better than LRN at equal steps", 0.0, None, against=("LRN", "public_smoothed")),
    Claim("BN", "better than no normalisation at equal steps", 0.0, None, against=("plain", "public_smoothed")),
    Claim("BN", "without biases: no real difference", 0.0, 0.0, against=("BN with biases", "public_smoothed")),
    Claim("BN without γ", "γ is not needed", 0.0, 0.0, against=("BN", "public_smoothed")),
    Claim("BN and dropout", "about 60 %", 0.59, 0.61),
    Claim("BN on FC too", "a little higher, above 60 %", 0.60, 0.62),
    Claim("BN on FC too", "single batches peak at 65 %", 0.65, None, "public_peak"),
    Claim("more dropout", "61–62 %", 0.61, 0.62),
    Claim("+ flip", "62.5–64.6 %", 0.625, 0.646),
    Claim("+ rotation", "66–67 %", 0.66, 0.67),
    Claim("L2 ×100", "a plateau at 64 %", 0.64, 0.64),
    Claim("L2 ×100, then ×10, then ×2.5", "65 % and a little more", 0.65, 0.66),
    Claim("L2 ×10", "no more than 65 % (continued run)", None, 0.66),
    Claim("L2 ×2.5", "no further gain (continued run)", None, 0.66),
    Claim("disgust ×10, less dropout, L2 ×10", "67–68 %", 0.67, 0.68),
    Claim("disgust ×10, less dropout, L2 ×10", "single batches peak at 71 %", 0.71, None, "public_peak"),
    Claim("+ rotation", "average of weights: better", 0.0, None, "public_average", ("+ rotation", "public_smoothed")),
    Claim("plain", "early stopping is of no use", None, 0.0, "private_best", ("plain", "private_last")),
    Claim("+ rotation", "early stopping is promising", 0.01, None, "private_best", ("+ rotation", "private_last")),
)


def values(result: dict[str, Any], row: str, value: str) -> tuple[np.ndarray, dict[int, dict[str, float]]]:
    """One value of a row, a number per seed, and what was measured by seed; the long run where there is one, empty where
    nothing was measured. ``train_mode``: the last of them."""
    found = {}
    for name in (row + LONG, row):
        found = {r["seed"]: r["measured"] for r in result["rows"] if r["row"] == name}
        if found:
            break
    numbers = [m[f"{value}_{m['steps']:.0f}" if value == "train_mode" else value] for _, m in sorted(found.items())]
    return np.array(numbers, float), found


def still_rising(measured: dict[str, float]) -> bool:
    """Whether PublicTest accuracy still rose by ``RISING`` from the last but one quarter of a run to the last."""
    steps = sorted(int(key.removeprefix("public_")) for key in measured if key.removeprefix("public_").isdigit())
    curve = np.array([measured[f"public_{step}"] for step in steps])
    quarter = max(1, len(curve) // 4)
    return bool(curve[-quarter:].mean() - curve[-2 * quarter : -quarter].mean() > RISING) if len(curve) > 1 else True


def judge(claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
    """Hold one claim against a result of real pictures: row, documented, measured (mean), seeds, steps, verdict and why.

    A level, and a difference that should be none, may miss by the sampling error of PublicTest. A difference that should
    be one has to be larger than that; where it is neither larger nor as much smaller, it has not been measured well enough.
    Raises DataError for a result of the stand-in.
    """
    if result["size"]["data"] != "real":
        raise DataError(f"{result['experiment']}: found a result on the stand-in, expected one on real pictures")
    numbers, runs = values(result, claim.row, claim.value)
    others, _ = values(result, *claim.against) if claim.against else (np.zeros(0), {})
    found = {"row": claim.row, "documented": claim.documented, "measured": None, "seeds": len(numbers), "steps": None}
    if not len(numbers) or (claim.against and len(others) != len(numbers)):
        return found | {"verdict": "not measured", "why": "not run"}
    mean = float(numbers.mean() - (others.mean() if claim.against else 0))
    found |= {"measured": mean, "steps": int(next(iter(runs.values()))["steps"])}
    return found | dict(
        zip(("verdict", "why"), _verdict(claim, mean, any(map(still_rising, runs.values()))), strict=True)
    )


def _verdict(claim: Claim, mean: float, rising: bool) -> tuple[str, str]:
    if claim.high is not None and mean > claim.high + SAMPLING:
        return "refuted", "higher"
    if claim.against and claim.high is None:
        if mean < claim.low - SAMPLING:
            return "refuted", "lower"
        return ("reproduced", "") if mean >= claim.low + SAMPLING else ("not measured", "within the sampling error")
    if claim.low is not None and mean < claim.low - SAMPLING:
        if not claim.against and rising:
            return "not measured", "still rising at the last step"
        return "refuted", "lower"
    return "reproduced", ""


def table(result: dict[str, Any], rows: Iterable[str] = ()) -> list[dict[str, Any]]:
    """A verdict for each claim (of these rows; default all), in the order of the ladder. Raises as :func:`judge` does."""
    wanted = set(rows) or {claim.row for claim in CLAIMS}
    return [judge(claim, result) for claim in CLAIMS if claim.row in wanted]


def bands() -> dict[str, tuple[float, float]]:
    """The documented band of smoothed accuracy of each row that has one, as shares."""
    levels = (claim for claim in CLAIMS if claim.value == "public_smoothed" and not claim.against)
    return {claim.row: (claim.low, claim.high) for claim in levels if claim.low is not None and claim.high is not None}


def by_row(result: dict[str, Any], value: str = "public_smoothed") -> dict[str, list[float]]:
    """A value of each row that has it, a number per seed, in the order of the ladder."""
    names = dict.fromkeys(r["row"] for r in result["rows"])
    found = {}
    for name in names:
        try:
            found[name] = experiments.values(result, name, value)
        except KeyError:
            continue
    return found
