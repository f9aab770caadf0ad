"""What a classifier confuses, and how far its confidence can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import ArrayLike

from course_utils.plotting.style import COLOURS, NEUTRAL, axes


class ReliabilityBin(Protocol):
    """What a point of :func:`reliability_diagram` needs; ``probes.confidence.Bin`` is one."""

    count: int
    confidence: float
    accuracy: float


def confusion_matrix(
    counts: ArrayLike, names: Sequence[str], *, share: bool = True, ax: plt.Axes | None = None
) -> plt.Axes:
    """Counts ``(K, K)``, row = true class, column = answer, as a table: darker is a larger share of the true class.

    share: write percent of the row; False writes the counts. The number of pictures of a class stands beside its name.
    The image, shares from 0 to 1, is ``ax.images[0]``. Raises ValueError when the counts are not square, negative, or
    do not fit the names. Lesson 48_expressions_evaluation.
    """
    counts = np.asarray(counts, np.float64)
    if counts.shape != (len(names),) * 2:
        raise ValueError(f"counts {counts.shape} for {len(names)} names: expected ({len(names)}, {len(names)})")
    if not (counts >= 0).all():
        raise ValueError(f"smallest count {counts.min()}: expected none below 0")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = axes(ax, (1.6 + 0.62 * len(names), 0.9 + 0.46 * len(names)))
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for (i, j), value in np.ndenumerate(shares):
        text = f"{100 * value:.0f}" if share else f"{counts[i, j]:.0f}"
        weight = "bold" if i == j else "normal"
        ax.text(
            j, i, text, ha="center", va="center", fontsize=9, weight=weight, color="white" if value > 0.55 else "black"
        )
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
    ax.set_yticks(
        range(len(names)), [f"{name} ({total:.0f})" for name, total in zip(names, counts.sum(axis=1), strict=True)]
    )
    ax.set(xlabel="answer (% of the row)" if share else "answer (pictures)", ylabel="true class (pictures)")
    ax.tick_params(length=0)
    ax.grid(False)
    return ax


def reliability_diagram(
    bins: Sequence[ReliabilityBin], *, label: str | None = None, ax: plt.Axes | None = None
) -> plt.Axes:
    """Accuracy against mean confidence, a dot a bin whose area grows with its pictures; the diagonal is an honest model.

    bins: from ``probes.confidence.reliability``. Call it again with the same ``ax`` for another model: colour and marker change.
    Raises ValueError when there are no bins. Lesson 48_expressions_evaluation.
    """
    if not bins:
        raise ValueError("no bins: expected at least one, with pictures in it")
    ax = axes(ax, (4.2, 3.8))
    drawn = sum(line.get_gid() == "reliability" for line in ax.lines)
    if not drawn:
        ax.plot([0, 1], [0, 1], linestyle=":", color=NEUTRAL, linewidth=1.2, label="as right as sure")
        ax.set(xlabel="confidence (mean of the bin)", ylabel="accuracy (share right)", xlim=(0, 1), ylim=(0, 1))
    confidence, accuracy = [one.confidence for one in bins], [one.accuracy for one in bins]
    colour = COLOURS[drawn % len(COLOURS)]
    (line,) = ax.plot(confidence, accuracy, color=colour, linestyle=("-", "--", "-.")[drawn % 3], linewidth=1.5)
    line.set_gid("reliability")
    most = max(one.count for one in bins)
    sizes = [20 + 180 * one.count / most for one in bins]
    ax.scatter(confidence, accuracy, s=sizes, color=colour, marker="os^"[drawn % 3], alpha=0.75, label=label)
    if label:
        ax.legend(loc="upper left")
    return ax
