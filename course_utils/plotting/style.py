"""One look for all figures: M. Okabe and K. Ito's palette, which readers with any colour vision can tell apart."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GOOD, BAD, NEUTRAL = "#0072B2", "#D55E00", "#767676"


def use_style() -> None:
    """Set the course's look; importing ``course_utils.plotting`` does it."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e4e4e4",
            "grid.linewidth": 0.7,
            "figure.dpi": 90,
            "figure.constrained_layout.use": True,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.cmap": "gray",
        }
    )


def axes(ax: plt.Axes | None, figsize: tuple[float, float] = (6.0, 3.0)) -> plt.Axes:
    """``ax`` itself, or the axes of a new figure of ``figsize`` inches."""
    return ax if ax is not None else plt.subplots(figsize=figsize)[1]


def pair(heading: str, figsize: tuple[float, float] = (8.5, 2.7)) -> tuple[plt.Axes, plt.Axes]:
    """Two axes side by side under one heading: before and after, wrong and right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=figsize, gridspec_kw={"wspace": 0.08})
    figure.suptitle(heading, x=0.01, ha="left", fontsize=12)
    return left, right
