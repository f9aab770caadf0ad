"""Tables of outcomes: one cell a condition, coloured by whether it worked, with its number."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from numpy.typing import ArrayLike

from course_utils.plotting.style import axes

#: Tints of BAD, NEUTRAL and GOOD that black numbers can be read on.
TINTS = ("#f4c9ae", "#e6e6e6", "#b9d7ea")


def outcome_grid(
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    good: float,
    bad: float,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Values ``(R, C)``, smaller is better, as a table: blue below ``good``, orange from ``bad`` on, grey between.

    What is not finite counts as bad: inf is shown as ∞, NaN as NaN. The image is ``ax.images[0]``.
    Raises ValueError when the names do not fit the values or ``good`` is above ``bad``. Lesson 22_hands_zero_vector.
    """
    values = np.asarray(values, np.float64)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"values {values.shape}: expected ({len(rows)}, {len(columns)}), a row and a column a name")
    if good > bad:
        raise ValueError(f"good {good} is above bad {bad}")
    ax = axes(ax, (2.5 + 1.3 * len(columns), 0.9 + 0.38 * len(rows)))
    state = np.select([~np.isfinite(values), values < good, values < bad], [0, 2, 1], 0)
    ax.imshow(state, cmap=ListedColormap(TINTS), vmin=0, vmax=2, aspect="auto", interpolation="nearest")
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, _short(value), ha="center", va="center", fontsize=9)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return ax


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}" if value < 1e5 else f"{value:.0e}"
