"""What ``expressions_evaluation`` has written down as flat numbers, put together again for lessons and pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.datasets.expressions import CLASSES
from course_utils.probes.confidence import Bin

#: Names of the test splits in the result's keys, and as published.
SPLITS = {"public": "PublicTest", "private": "PrivateTest"}


def by_row(result: dict[str, Any]) -> dict[str, list[dict[str, float]]]:
    """Row → what was measured, one entry a seed, in the order of the seeds."""
    found: dict[str, list[dict[str, float]]] = {}
    for one in sorted(result["rows"], key=lambda one: one["seed"]):
        found.setdefault(one["row"], []).append(one["measured"])
    return found


def confusion(measured: dict[str, float], *splits: str) -> np.ndarray:
    """Counts ``(7, 7)`` of one row and seed, true class by answer, summed over the splits (default: both tests)."""
    many = range(len(CLASSES))
    counts = [[sum(measured[f"{s}_is_{i}_said_{j}"] for s in splits or SPLITS) for j in many] for i in many]
    return np.array(counts, dtype=int)


def bins(measured: dict[str, float], split: str) -> list[Bin]:
    """The reliability table of one row and seed: the bins that hold pictures, without their bounds, which are not kept."""
    numbers = [n for n in range(10) if f"{split}_bin_{n}_count" in measured]
    keys = ("count", "confidence", "accuracy")
    return [Bin(np.nan, np.nan, *(measured[f"{split}_bin_{n}_{key}"] for key in keys)) for n in numbers]
