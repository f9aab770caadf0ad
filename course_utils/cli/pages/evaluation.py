"""The page of results' tables and figure of lessons 47 and 48: the splits, one rare class, ensembles and views. Part 4."""

from __future__ import annotations

import matplotlib.pyplot as plt

from course_utils import experiments, plotting
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.datasets.expressions import CLASSES
from course_utils.experiments import expressions_evaluation as evaluation
from course_utils.experiments.claims.writing import written
from course_utils.experiments.evaluation_readings import SPLITS, by_row, confusion

GAINS = {
    "mirror": "with its mirror image",
    "ten_views": "ten views",
    "mean_3": "last 3 snapshots, mean",
    "vote_3": "last 3 snapshots, vote",
    "mean_5": "last 5 snapshots, mean",
    "vote_5": "last 5 snapshots, vote",
}


def _percent(numbers: list[float]) -> str:
    return mean_and_range([100 * number for number in numbers], "{:.1f}")


def splits() -> str:
    """Markdown table: can a network tell the splits apart, and what does a random re-split change?"""
    result = experiments.load_result("expressions_evaluation")
    runs = by_row(result)
    lines = ["| asked | answer |", "|---|---|"]
    for row in (row for row in runs if row.startswith("tell ")):
        for one in runs[row]:
            found = f"AUC {one['auc']:.3f} ({one['auc_low']:.3f} – {one['auc_high']:.3f})"
            lines.append(f"| {row}, {written('{:,.0f}', one['pictures'])} pictures without copies | {found} |")
    for row in ("documented split", "random re-split"):
        for split, name in SPLITS.items():
            for key, which in (("last", ""), ("clean", " without leaked pictures")):
                right = _percent([one[f"{split}_{key}"] for one in runs[row]])
                lines.append(f"| {row}: % of {name} right{which} | {right} |")
    first = runs["documented split"][0]
    about = (
        f"FER2013, documented network with batch norm, {written('{:,.0f}', first['steps'])} steps of {first['batch']:.0f}; AUC with its "
        "95 % interval, one line a seed; accuracies as mean (smallest – largest) over seeds"
    )
    return "\n".join([*lines, "", made_by(result, about)])


def rare() -> str:
    """Markdown table: disgust found, called by that name, and accuracy: no weight, a logit shifted afterwards, weight 10."""
    result, disgust = experiments.load_result("expressions_evaluation"), CLASSES.index("disgust")
    lines = [
        '| training | seed | faces of disgust found | answers "disgust" | PublicTest | PrivateTest |',
        "|---" * 6 + "|",
    ]
    for seed in result["seeds"]:
        runs = {r["row"]: r["measured"] for r in result["rows"] if r["seed"] == seed}
        without, weighted = runs["documented split"], runs["documented split, disgust ×10"]
        shifted = [sum(without[f"{split}_shifted_{key}"] for split in SPLITS) for key in ("found", "said")]
        numbers = {
            "no weight": (*_found(without, disgust), *(without[f"{split}_last"] for split in SPLITS)),
            "no weight; log 10 added to the logit afterwards": (
                *shifted,
                *(without[f"{split}_shifted"] for split in SPLITS),
            ),
            "weight 10": (*_found(weighted, disgust), *(weighted[f"{split}_last"] for split in SPLITS)),
        }
        of = confusion(without)[disgust].sum()
        for name, (found, said, public, private) in numbers.items():
            lines.append(
                f"| {name} | {seed} | {found:.0f} of {of} | {written('{:,.0f}', said)} | {100 * public:.1f} % | {100 * private:.1f} % |"
            )
    return "\n".join(lines)


def _found(measured: dict[str, float], number: int) -> tuple[int, int]:
    """Pictures of a class that are found, and all answers that name it, in both tests together."""
    counts = confusion(measured)
    return counts[number, number], counts[:, number].sum()


def draw() -> plt.Figure:
    """What several views and several snapshots gain over one, on PrivateTest, with paired intervals."""
    result = experiments.load_result("expressions_evaluation")
    figure, axs = plt.subplots(1, 2, figsize=(11.5, 3.6), sharey=True, sharex=True)
    shown = {
        "rate falls by a fifth, 12 passes, no augmentation": evaluation.LADDER + "plain",
        "rate falls to 0, 6 passes, flips": "documented split",
    }
    for ax, (title, row) in zip(axs, shown.items(), strict=True):
        one = by_row(result)[row][0]
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
