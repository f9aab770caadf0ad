"""A chain of layers, drawn once and properly."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from course_utils.plotting.style import COLOURS, NEUTRAL, axes

#: Kind of layer → colour and pattern, so that neither alone tells kinds apart.
KINDS = {"conv": (COLOURS[0], ""), "pool": (COLOURS[4], "///"), "dense": (COLOURS[2], ".."), "other": (NEUTRAL, "")}


def layer_chain(layers: Sequence[tuple[str, str, Sequence[int]]], *, ax: plt.Axes | None = None) -> plt.Axes:
    """Layers from left to right, each a box: as high as its output's side (√ scale), as wide as its channels (log scale).

    layers: (name, kind, output shape without the batch) each; kind: a key of ``KINDS``; shape (H, W, C) or (units,), a row of
    units being drawn 1 high. Below each box stand its name and shape. Raises KeyError for an unknown kind.
    Lesson 42_expressions_convnet.
    """
    ax = axes(ax, (max(6.0, 0.95 * len(layers)), 2.8))
    left = 0.0
    for number, (name, kind, shape) in enumerate(layers, start=1):
        colour, hatch = KINDS[kind]
        side = shape[0] if len(shape) == 3 else 1
        width, height = 0.25 + 0.13 * np.log2(shape[-1]), 0.28 * np.sqrt(side)
        ax.add_patch(
            Rectangle((left, -height / 2), width, height, facecolor=colour, edgecolor="white", hatch=hatch, alpha=0.85)
        )
        size = f"{shape[0]}×{shape[1]}\n×{shape[2]}" if len(shape) == 3 else f"{shape[0]}"
        ax.text(left + width / 2, -1.2, f"{name}\n{size}", ha="center", va="top", fontsize=8)
        left += max(width, 0.75) + 0.3
        if number < len(layers):
            ax.annotate(
                "",
                (left - 0.03, 0),
                (left - max(0.75 - width, 0) - 0.27, 0),
                arrowprops={"arrowstyle": "->", "color": NEUTRAL},
            )
    ax.set(xlim=(-0.2, left), ylim=(-2.1, 1.15))
    ax.axis("off")
    return ax
