"""Curves, intervals and bars per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plotting.style import COLOURS, NEUTRAL, axes


def curve(
    steps: Sequence[float],
    values: Sequence[float],
    *,
    label: str = "",
    level: tuple[str, float] | None = None,
    ax: plt.Axes | None = None,
    **line,
) -> plt.Axes:
    """One line of ``values`` against ``steps``; ``level`` = (label, height) adds a dashed reference line.

    Axis labels and units are the caller's. Lesson 00_start_here.
    """
    ax = axes(ax)
    ax.plot(steps, values, label=label or None, **line)
    if level is not None:
        ax.axhline(level[1], color=NEUTRAL, linestyle="--", linewidth=1.2, label=level[0])
    if label or level:
        ax.legend()
    return ax


def intervals(rows: Mapping[str, tuple[float, float, float]], *, ax: plt.Axes | None = None) -> plt.Axes:
    """One horizontal interval a row, the first on top: name → (estimate, low, high), in the caller's unit. Lesson 10_digits_convnet."""
    ax = axes(ax, (6.0, 0.6 + 0.45 * len(rows)))
    for place, (middle, low, high) in enumerate(rows.values()):
        ax.plot([low, high], [place, place], color=COLOURS[0], linewidth=5, alpha=0.35, solid_capstyle="butt")
        ax.plot(middle, place, "o", color=COLOURS[0])
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    return ax


def layer_bars(
    series: Mapping[str, Mapping[str, float]],
    *,
    low: float | None = None,
    colours: Sequence[str] = COLOURS,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Horizontal bars per layer on a logarithmic axis, for one or more runs: run → (layer → value), input layer on top.

    low: left end of the axis; default a tenth of the smallest positive value. A value of 0 gets its number, but no bar.
    """
    names = list(dict.fromkeys(name for values in series.values() for name in values))
    ax = axes(ax, (6.0, 0.9 + 0.22 * len(names) * (len(series) + 0.6)))
    thickness = 0.8 / len(series)
    positive = [v for values in series.values() for v in values.values() if np.isfinite(v) and v > 0]
    low = low if low is not None else min(positive, default=1.0) / 10
    ax.set_xscale("log")
    for i, (run, values) in enumerate(series.items()):
        places = [names.index(name) + (i - (len(series) - 1) / 2) * thickness for name in values]
        ends = [max(value, low) for value in values.values()]
        ax.barh(places, [end - low for end in ends], thickness * 0.92, left=low, label=run, color=colours[i])
        for place, end, value in zip(places, ends, values.values(), strict=True):
            ax.text(end, place, f" {value:.0f}" if value >= 100 else f" {value:.2g}", va="center", fontsize=8)
    ax.set_xlim(low, max(positive, default=1.0) * 6)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    if len(series) > 1:
        ax.figure.legend(loc="outside lower center", ncols=len(series))
    return ax
