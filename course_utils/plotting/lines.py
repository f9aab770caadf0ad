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
    """One line of ``values`` against ``steps``; ``level`` = (label, height) adds a dashed reference line."""
    ax = axes(ax)
    ax.plot(steps, values, label=label or None, **line)
    if level is not None:
        ax.axhline(level[1], color=NEUTRAL, linestyle="--", linewidth=1.2, label=level[0])
    if label or level:
        ax.legend()
    return ax


def intervals(rows: Mapping[str, tuple[float, float, float]], *, ax: plt.Axes | None = None) -> plt.Axes:
    """One horizontal interval a row: name → (estimate, low, high)."""
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
    log: bool = True,
    colours: Sequence[str] = COLOURS,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """Horizontal bars per layer for one or more runs: run → (layer → value), layers from the input downwards.

    log: logarithmic axis; values of 0 then get no bar but a "0" at the axis.
    """
    names = list(dict.fromkeys(name for values in series.values() for name in values))
    ax = axes(ax, (6.0, 0.8 + 0.22 * len(names) * (len(series) + 0.6)))
    thickness = 0.8 / len(series)
    positive = [v for values in series.values() for v in values.values() if np.isfinite(v) and v > 0]
    floor = min(positive, default=1.0) / 10 if log else 0.0
    if log:
        ax.set_xscale("log")
    for i, (run, values) in enumerate(series.items()):
        places = [names.index(name) + (i - (len(series) - 1) / 2) * thickness for name in values]
        heights = list(values.values())
        ax.barh(places, [max(h - floor, 0) for h in heights], thickness * 0.92, left=floor, label=run, color=colours[i])
        for place, height in zip(places, heights, strict=True):
            text = f" {height:.2g}" if height >= 0.001 or height == 0 else f" {height:.0e}"
            ax.text(max(height, floor), place, text, va="center", fontsize=8)
    ax.margins(x=0.15)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    if len(series) > 1:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25 if len(names) > 3 else -0.45), ncols=len(series))
    return ax
