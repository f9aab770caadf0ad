"""Does augmentation pay once there is time to learn by heart? Three rows of the ladder at the reduced size, four times as long.

Lesson 45_expressions_augmentation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from course_utils.experiments import ladder
from course_utils.runtime import REDUCED, Run, Size

TITLE = "Flips and rotation on rendered faces, four times as long as the reduced ladder"
SIZE = REDUCED
SOURCES = ("course_utils.experiments.ladder", *ladder.SOURCES)
#: How many times the steps of the ladder's own budget; measured as often as there.
LONGER = 4


def rows(size: Size) -> list[str]:
    """The row before augmentation, and the two documented ones with it."""
    return ["more dropout", "+ flip", "+ rotation"]


def measure(row: str, run: Run) -> dict[str, float]:
    """As the ladder's ``measure`` names them: what is measured on the way, and ``S_smoothed``, the last quarter's mean."""
    spent = ladder.budget(run.size, row)
    spent = replace(spent, steps=LONGER * spent.steps, every=LONGER * spent.every)
    found = ladder.pictures(ladder.RECIPES[row], run)
    measured, _, logits, _ = ladder.train(ladder.RECIPES[row], run, spent, found)
    measured |= {"steps": spent.steps, "batch": spent.batch, "every": spent.every}
    for name, split in found.tests.items():
        right = np.stack([(each.argmax(axis=1) == split.y).mean() for each in logits[name]])
        measured |= {
            f"{name}_last": float(right[-1]),
            f"{name}_smoothed": float(right[-max(1, len(right) // 4) :].mean()),
        }
    return measured
