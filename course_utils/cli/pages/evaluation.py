"""README's tables and figure of lessons 47 and 48: the splits, one rare class, ensembles and views. Part 4."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from course_utils import experiments, plotting
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.datasets.expressions import CLASSES
from course_utils.experiments import expressions_evaluation as evaluation

SPLITS = {"public": "PublicTest", "private": "PrivateTest"}
GAINS = {
    "mirror": "with its mirror image",
    "ten_views": "ten views",
    "mean_3": "last 3 snapshots, mean",
    "vote_3": "last 3 snapshots, vote",
    "mean_5": "last 5 snapshots, mean",
    "vote_5": "last 5 snapshots, vote",
}


def _runs(result: dict[str, Any], row: str) -> list[dict[str, float]]:
    return [r["measured"] for r in sorted(result["rows"], key=lambda r: r["seed"]) if r["row"] == row]


def _percent(numbers: list[float]) -> str:
    return mean_and_range([100 * number for number in numbers], "{:.1f}")


def splits() -> str:
    """Markdown table: can a network tell the splits apart, and what does a random re-split change?"""
    result = experiments.load_result("expressions_evaluation")
    lines = ["| asked | answer |", "|---|---|"]
    for row in dict.fromkeys(r["row"] for r in result["rows"] if r["row"].startswith("tell ")):
        for one in _runs(result, row):
            found = f"AUC {one['auc']:.3f} ({one['auc_low']:.3f} – {one['auc_high']:.3f})"
            lines.append(f"| {row}, {one['pictures']:.0f} pictures without copies | {found} |")
    for row in ("documented split", "random re-split"):
        for split, name in SPLITS.items():
            whole, clean = ([one[f"{split}_{key}"] for one in _runs(result, row)] for key in ("last", "clean"))
            lines.append(
                f"| {row}: {name}, % right (without leaked pictures) | {_percent(whole)} ({_percent(clean)}) |"
            )
    first = _runs(result, "documented split")[0]
    about = (
        f"FER2013, documented network with batch norm, {first['steps']:.0f} steps of {first['batch']:.0f}; AUC with its "
        "95 % interval, one line a seed; accuracies as mean (smallest – largest) over seeds"
    )
    return "\n".join([*lines, "", made_by(result, about)])


def rare() -> str:
    """Markdown table: recall and precision of disgust, and accuracy, without and with weight 10."""
    result, disgust = experiments.load_result("expressions_evaluation"), CLASSES.index("disgust")
    lines = ["| weight of disgust | seed | recall of disgust | precision | accuracy: PublicTest | PrivateTest |"]
    lines.append("|---" * 6 + "|")
    for row, weight in (("documented split", 1), ("documented split, disgust ×10", 10)):
        for one in sorted((r for r in result["rows"] if r["row"] == row), key=lambda r: r["seed"]):
            counts = confusion(one["measured"])
            own, said = counts[disgust, disgust], counts[:, disgust].sum()
            accuracy = (f"{one['measured'][f'{split}_last']:.3f}" for split in SPLITS)
            lines.append(
                f"| {weight} | {one['seed']} | {own} of {counts[disgust].sum()} | {own} of {said} | {' | '.join(accuracy)} |"
            )
    return "\n".join(lines)


def confusion(measured: dict[str, float], splits: tuple[str, ...] = tuple(SPLITS)) -> np.ndarray:
    """Counts ``(7, 7)`` of one row, true class by answer, summed over the splits."""
    many = range(len(CLASSES))
    counts = [[sum(measured[f"{split}_is_{i}_said_{j}"] for split in splits) for j in many] for i in many]
    return np.array(counts, dtype=int)


def draw() -> plt.Figure:
    """What several views and several snapshots gain over one, on PrivateTest, with paired intervals."""
    result = experiments.load_result("expressions_evaluation")
    figure, axs = plt.subplots(1, 2, figsize=(11.5, 3.6), sharey=True, sharex=True)
    shown = {
        "constant rate, 12 passes, no augmentation": evaluation.LADDER + "plain",
        "rate falls to 0, 6 passes, flips": "documented split",
    }
    for ax, (title, row) in zip(axs, shown.items(), strict=True):
        one = _runs(result, row)[0]
        last = one["private_last"]
        plotting.intervals(
            {
                name: tuple(
                    100 * v
                    for v in (one[f"private_{key}"] - last, one[f"private_{key}_low"], one[f"private_{key}_high"])
                )
                for key, name in GAINS.items()
            },
            ax=ax,
        )
        ax.axvline(0, color=plotting.NEUTRAL, linewidth=1, linestyle=":")
        ax.set(xlabel=f"gain over the last snapshot's {100 * last:.1f} % (points of PrivateTest)", title=title)
    return figure


DRAWINGS = {"expressions_evaluation.png": draw}
