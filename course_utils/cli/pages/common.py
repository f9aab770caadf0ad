"""What the tables of all parts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.experiments.claims.writing import written


def mean_and_range(numbers: Sequence[float], form: str) -> str:
    """``mean (smallest – largest)`` of one number per seed; the number alone where all are written alike."""
    if len({form.format(number) for number in numbers}) == 1:
        return written(form, numbers[0])
    return f"{written(form, np.mean(numbers))} ({written(form, min(numbers))} – {written(form, max(numbers))})"


def made_by(result: dict[str, Any], what: str) -> str:
    """One line below a table: what was measured, over which seeds, on what, by which command; and whether it is stale."""
    versions, backend = result["versions"], result["backend"]
    seeds = ", ".join(map(str, result["seeds"]))
    stale = " **Stale:** the code changed since." if result["stale"] else ""
    return (
        f"{what}; seeds {seeds}; {result['device']}, Keras {versions['keras']} on {backend} {versions[backend]}; "
        f"`{result['command']}`.{stale}"
    )
