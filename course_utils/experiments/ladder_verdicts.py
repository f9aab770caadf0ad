"""What the write-up says of its ladder, held against what the experiment ``ladder`` measured. No experiment of its own.

A verdict is *reproduced*, *refuted* or *not measured*, and never comes from the stand-in. Nobody can say where a curve ends
that is still rising, so a run that rises is *not measured* (unless it is above the documented band already), and a run that saw
fewer pictures than ``ENOUGH`` never refutes by being low. Lessons 44_expressions_regularisation, 45_expressions_augmentation.
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
#: A curve rises when the mean of its last quarter is so much above that of the quarter before.
RISING = 0.005
#: Pictures after which the write-up says of its dropout rows that training is near its end: 6 000 steps of 256.
ENOUGH = 6000 * 256


@dataclass(frozen=True)
class Claim:
    """``value`` of ``row``, less that of ``against`` (row, value) where given, lies from ``low`` to ``high`` (None: open).

    at_end: the claim is about the end of a run; False: about any equal number of steps.
    """

    row: str
    documented: str
    low: float | None
    high: float | None
    value: str = "public_smoothed"
    against: tuple[str, str] | None = None
    at_end: bool = True


#: The write-up's last row was changed by hand while it ran, and its loss was a sum over the batch, which makes L2 256 times
#: weaker; the ladder runs it once through, with a mean.
CLAIMS = (
    Claim("plain", "57–59 %", 0.57, 0.59),
    Claim("plain", "training accuracy near 1", 0.95, None, "train_mode"),
    Claim("dropout", "61 % and a little more", 0.61, None),
    Claim("BN", "better than LRN at equal steps", 0.0, None, against=("LRN", "public_smoothed"), at_end=False),
    Claim("BN", "better than none at equal steps", 0.0, None, against=("plain", "public_smoothed"), at_end=False),
    Claim("BN", "as good with biases as without", 0.0, 0.0, against=("BN with biases", "public_smoothed")),
    Claim("BN without γ", "γ is not needed", 0.0, 0.0, against=("BN", "public_smoothed")),
    Claim("BN and dropout", "about 60 %", 0.59, 0.61),
    Claim("BN on FC too", "a little higher, above 60 %", 0.60, None),
    Claim("more dropout", "61–62 %", 0.61, 0.62),
    Claim("more dropout", "early stopping is of no use", 0.0, 0.0, "private_best", ("more dropout", "private_last")),
    Claim("+ flip", "62.5–64.6 %", 0.625, 0.646),
    Claim("+ rotation", "66–67 %", 0.66, 0.67),
    Claim("+ rotation", "averaged weights: better", 0.0, None, "public_average", ("+ rotation", "public_last")),
    Claim("L2 ×100", "a plateau at 64 %", 0.64, 0.64),
    Claim("L2 ×100, then ×10, then ×2.5", "65 % and a little more", 0.65, None),
    Claim("disgust ×10, less dropout, L2 ×10", "67–68 %, changed by hand as it ran", 0.67, 0.68),
    Claim(
        "disgust ×10, less dropout, L2 ×10",
        "early stopping is promising",
        0.0,
        None,
        "private_best",
        ("disgust ×10, less dropout, L2 ×10", "private_last"),
    ),
)


def runs_of(result: dict[str, Any], claim: Claim) -> dict[int, tuple[dict[str, float], dict[str, float]]]:
    """What was measured of a claim's row and of the one it is held against, by seed; of the long runs where both have one."""
    rows = (claim.row, claim.against[0] if claim.against else claim.row)
    for ending in (LONG, ""):
        one, other = ({r["seed"]: r["measured"] for r in result["rows"] if r["row"] == row + ending} for row in rows)
        if one.keys() & other.keys():
            return {seed: (one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())}
    return {}


def _number(measured: dict[str, float], value: str) -> float:
    return float(measured[f"{value}_{measured['steps']}" if value == "train_mode" else value])


def numbers_of(result: dict[str, Any], claim: Claim) -> dict[int, float]:
    """The number that a claim is about, or the difference, as shares by seed; empty where it was not run."""
    return {
        seed: _number(one, claim.value) - (_number(other, claim.against[1]) if claim.against else 0)
        for seed, (one, other) in runs_of(result, claim).items()
    }


def still_rising(measured: dict[str, float], curve: str = "public") -> bool:
    """Whether a curve (``public``, ``train_mode``) rose by ``RISING`` from the last but one quarter of a run to the last."""
    _, numbers = experiments.curve(measured, curve)
    quarter = max(1, len(numbers) // 4)
    return len(numbers) < 2 or bool(numbers[-quarter:].mean() - numbers[-2 * quarter : -quarter].mean() > RISING)


def judge(claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
    """Hold one claim against a result of real pictures: row, documented, measured (mean), seeds, steps, verdict and why.

    Every seed is judged by itself; where their verdicts differ, nothing has been measured. A level, and a difference that should be none, may miss by the sampling error of PublicTest. A difference that should
    be one has to be larger than that; where it is neither larger nor as much smaller, it has not been measured well enough,
    nor has one of two rows with a single seed. Raises DataError for a result of the stand-in.
    """
    if result["size"]["data"] != "real":
        raise DataError(f"{result['experiment']}: found a result on the stand-in, expected one on real pictures")
    runs = runs_of(result, claim)
    found = {"row": claim.row, "documented": claim.documented, "measured": None, "seeds": len(runs), "steps": None}
    if not runs:
        return found | {"verdict": "not measured", "why": "not run"}
    numbers = list(numbers_of(result, claim).values())
    first = next(iter(runs.values()))[0]
    found |= {"measured": float(np.mean(numbers)), "steps": int(first["steps"])}
    curve = claim.value if claim.value == "train_mode" else "public"
    rising = claim.at_end and any(still_rising(each, curve) for pair in runs.values() for each in pair)
    enough = first["steps"] * first["batch"] >= ENOUGH
    if claim.against and claim.against[0] != claim.row and len(runs) == 1:
        return found | {"verdict": "not measured", "why": "one seed"}
    verdicts = dict(_verdict(claim, number, rising, enough) for number in numbers)
    verdict, why = next(iter(verdicts.items())) if len(verdicts) == 1 else ("not measured", "seeds disagree")
    return found | {"verdict": verdict, "why": why}


def _verdict(claim: Claim, number: float, rising: bool, enough: bool) -> tuple[str, str]:
    if not np.isfinite(number):
        return "refuted", "not a number"
    if claim.high is not None and number > claim.high + SAMPLING and not (rising and claim.against):
        return "refuted", "higher"
    if rising:
        return "not measured", "still rising"
    if claim.low is not None and number < claim.low - SAMPLING:
        return ("refuted", "lower") if enough or not claim.at_end else ("not measured", "a short run")
    if claim.against and claim.high is None and number < claim.low + SAMPLING:
        return "not measured", "within the sampling error"
    return "reproduced", ""


def table(result: dict[str, Any], rows: Iterable[str] = ()) -> list[dict[str, Any]]:
    """A verdict for each claim (of these rows; default all), in the order of the ladder. Raises as :func:`judge` does."""
    wanted = set(rows) or {claim.row for claim in CLAIMS}
    return [judge(claim, result) for claim in CLAIMS if claim.row in wanted]


def bands() -> dict[str, tuple[float, float | None]]:
    """The documented band of smoothed accuracy of each row that has one, as shares; None where it is open above."""
    levels = (claim for claim in CLAIMS if claim.value == "public_smoothed" and not claim.against)
    return {claim.row: (claim.low, claim.high) for claim in levels}


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
