"""Rows of an experiment one below the other: every seed, their mean, and what was documented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plotting.style import COLOURS, NEUTRAL, axes


def ladder(
    rows: Mapping[str, Sequence[float]],
    *,
    documented: Mapping[str, tuple[float, float | None]] | None = None,
    label: str = "measured, one dot a seed",
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """One line a row, the first on top: a dot for each seed, a bar for their mean, a band for what was documented.

    rows: name → values, in the caller's unit; a row without values shows its band only and "not measured".
    documented: name → (low, high), an arrow where ``high`` is None, "that and more"; names that are not among the rows are left out. Lesson 44_expressions_regularisation.
    """
    documented = {name: band for name, band in (documented or {}).items() if name in rows}
    ax = axes(ax, (7.0, 0.9 + 0.27 * len(rows)))
    for place, (name, values) in enumerate(rows.items()):
        if name in documented:
            low, high = documented[name]
            if high is None:
                ax.plot([low] * 2, [place - 0.4, place + 0.4], color=COLOURS[4], linewidth=1.5)
                ax.plot([low], [place], ">", color=COLOURS[4], markersize=8, label="_")
            else:
                looks = {"color": COLOURS[4], "alpha": 0.45, "edgecolor": COLOURS[4], "linewidth": 1.5}
                ax.barh(place, high - low, 0.8, left=low, **looks)
        values = np.asarray(values, float)
        if not values.size:
            place_of = dict(xy=(0.01, place), xycoords=("axes fraction", "data"))
            ax.annotate("not measured", **place_of, va="center", fontsize=8, color=NEUTRAL)
            continue
        ax.plot(values, np.full(values.size, place), "o", color=COLOURS[0], alpha=0.6, markersize=5, markeredgewidth=0)
        ax.plot([values.mean()] * 2, [place - 0.35, place + 0.35], color=COLOURS[0], linewidth=2.2)
    if documented:
        ax.barh([np.nan], [np.nan], color=COLOURS[4], alpha=0.45, label="documented (arrow: and more)")
    ax.plot([], [], "o", color=COLOURS[0], label=label)
    ax.plot([], [], color=COLOURS[0], linewidth=2.2, label="mean")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
