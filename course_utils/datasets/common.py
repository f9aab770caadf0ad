"""What every data set of the course has in common: one return type and one way to report what was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Split:
    """Part of a data set: inputs ``x`` and targets ``y``, one row per example."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """What every ``load()`` returns.

    ``origin`` says in words where the arrays came from; ``verified`` is True when they equal the published set.
    """

    name: str
    origin: str
    verified: bool
    train: Split
    test: Split


@dataclass(frozen=True)
class Status:
    """What ``course data status`` shows of one data set."""

    name: str
    title: str
    found: Path | None
    verified: bool
    detail: str
    looked_in: tuple[str, ...]
    how_to_get: str


def check_numbers(**numbers: int | None) -> None:
    """Raise ValueError, naming it, for a number below 1; None passes."""
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} {number}: expected 1 or more")
