"""The page of results' tables and figures of Part 3, faces."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from course_utils import experiments, plotting
from course_utils.cli.pages.common import made_by, mean_and_range
from course_utils.rendering import face

COLUMNS = {
    "rendered faces": "rendered, drawn boxes",
    "LFPW photos": "photos, drawn boxes",
    "LFPW photos, a detector's boxes": "photos, detector's boxes",
}
ROWS = {
    "start shape: mean error (outer-eye distances)": ("start_error", "{:.3f}"),
    "start shape: AUC@0.08": ("start_auc", "{:.1%}"),
    "start shape: failures above 0.08": ("start_failures", "{:.1%}"),
    "four linear steps, right labels: mean error": ("right labels: error_4", "{:.3f}"),
    "… mirrored without the permutation": ("flip without permutation: error_4", "{:.3f}"),
    "… patches read at (y, x)": ("patches from (y, x): error_4", "{:.3f}"),
    "… labels in another order than images": ("labels in another order: error_4", "{:.3f}"),
}


def table() -> str:
    """Markdown table: the same measurements on rendered faces and on photographs."""
    result = experiments.load_result("faces_data")
    lines = ["| quantity | " + " | ".join(COLUMNS) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
    for name, (value, form) in ROWS.items():
        cells = [mean_and_range(experiments.values(result, row, value), form) for row in COLUMNS.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    about = "Crops of 112 px; 1 200 + 400 rendered faces, 644 + 161 photos of LFPW's training set (its test set could not be had)"
    return "\n".join([*lines, "", made_by(result, about)])


def draw_faces() -> plt.Figure:
    """Seven rendered faces with their points, one for each expression."""
    images, points = face.render(7, seed=30, side=80, expression=range(7), strength=1.0, turned=0.6)
    figure, ax = plt.subplots(figsize=(7.4, 1.5))
    plotting.face_sheet(images, points, columns=7, titles=face.EXPRESSIONS, ax=ax)
    return figure


#: Row of the experiment → what README calls it.
SUSPECTS = {
    "healthy": "healthy",
    "tall reshape": "tall reshape",
    "start values 0.01": "start values 0.01",
    "Adam's epsilon 1e-7": "Adam's epsilon 1e-7",
    "glimpse offsets (noise)": "pixel offsets taken for normalised ones",
    "landmark-major": "faces mixed up in the batch (landmark-major)",
    "patches from (y, x)": "patches read at (y, x)",
    "labels in another order": "labels in another order than images",
    "images 0 to 255": "images 0 to 255",
    "images 0 to 255, cut at 1": "images 0 to 255, then cut at 1",
    "images divided twice": "**images divided by 255 twice**",
    "tall, 0.01, divided twice": "tall, 0.01 and divided twice",
}


def _ratios(result: dict, row: str, layer: str) -> list[float]:
    """Weights' over biases' gradient on one face, over the first twenty steps, one number a seed."""
    parts = (experiments.values(result, row, f"one_early_{layer}/{part}") for part in ("kernel", "bias"))
    return [kernel / max(bias, 1e-30) for kernel, bias in zip(*parts, strict=True)]


def plateau() -> str:
    """Markdown table: what each suspect of the plateau does to the three symptoms of the question."""
    result = experiments.load_result("faces_plateau")
    lines = [
        "| planted in a healthy network | A: loss on many faces ÷ doing nothing | B: on one face | C: weights' ÷ biases' gradient, first conv | second conv |",
        "|---|---|---|---|---|",
        "| *Stack Overflow 44308838* | *0.99 – 1.07, ten thousand steps* | *nearly 0* | *weights do not change* | *weights do not change* |",
    ]
    for row, name in SUSPECTS.items():
        cells = [mean_and_range(experiments.values(result, row, "many_loss_end"), "{:.2f}")]
        if row == "labels in another order":  # the one face of B and C keeps its label
            cells += ["as healthy"] * 3
        else:
            cells.append(mean_and_range(experiments.values(result, row, "one_loss_end"), "{:.2f}"))
            cells += [mean_and_range(_ratios(result, row, layer), "{:.2g}") for layer in ("conv_1", "conv_2")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for row in ("images divided twice, long", "tall, 0.01, divided twice, long"):
        end = mean_and_range(experiments.values(result, row, "many_loss_end"), "{:.2f}")
        lines.append(f"| … {row.removesuffix(', long')}, after 3 000 steps | {end} | – | – | – |")
    steps = int(experiments.values(result, "healthy", "many_steps")[0])
    about = (
        f"Rendered faces, the small network, {steps} steps of 16 faces, rate 1e-3; the ratios are from the run on one face; "
        f"{len(SUSPECTS) - 1} of 20 suspects, the rest in results/faces_plateau.json"
    )
    return "\n".join([*lines, "", made_by(result, about)])


PHOTOS = {
    "trained on rendered faces only": "photos, trained on rendered faces",
    "trained on rendered faces and 644 photos": "photos, trained on both",
}


def photos() -> str:
    """Markdown table: errors on photographs."""
    result = experiments.load_result("faces")
    lines = [
        "| on LFPW photographs | photos tested | mean error (outer-eye distances) | AUC@0.08 | failures above 0.08 |",
        "|---|---|---|---|---|",
    ]
    for name, row in PHOTOS.items():
        count = int(experiments.values(result, row, "photos_test")[0])
        for answer, label in (("start", f"start shape of the {count}"), ("averaged", name)):
            cells = [
                mean_and_range(experiments.values(result, row, f"{answer}: {value}"), form)
                for value, form in (("error", "{:.4f}"), ("auc", "{:.1%}"), ("failures", "{:.1%}"))
            ]
            lines.append(f"| {label} | {count} | " + " | ".join(cells) + " |")
    about = "Crops of 112 px, a detector's boxes, mean of the answers for a photo and its mirror image; the start is the mean shape of the 644 training photos; the two networks are tested on different photos"
    return "\n".join([*lines, "", made_by(result, about)])


def draw_plateau() -> plt.Figure:
    """Every suspect as a point: gradient ratio against the loss on many faces."""
    result = experiments.load_result("faces_plateau")
    names = list(dict.fromkeys(r["row"] for r in result["rows"] if "one_loss_end" in r["measured"]))
    figure, ax = plt.subplots(figsize=(7.4, 3.4))
    for name in names:
        larger_ratio = np.max([_ratios(result, name, layer) for layer in ("conv_1", "conv_2")], axis=0)
        loss = experiments.values(result, name, "many_loss_end")
        twice = "twice" in name
        colour = plotting.BAD if twice else plotting.GOOD
        ax.plot(larger_ratio, loss, "s" if twice else "o", color=colour, markersize=6)
    ax.plot([], [], "s", color=plotting.BAD, label="images divided by 255 twice, alone or with others")
    ax.plot([], [], "o", color=plotting.GOOD, label="healthy and other suspects")
    ax.set(xscale="log", ylim=(0, 1.08))
    ax.set_xlabel("gradient of weights ÷ of biases on one face, the larger of both convolutions")
    ax.set_ylabel("loss on many faces\n÷ cost of doing nothing")
    ax.set_title("Of the mistakes on the plateau, one leaves the weights without gradient")
    ax.legend(loc="lower left")
    return figure


DRAWINGS = {"faces_rendered.png": draw_faces, "faces_plateau.png": draw_plateau}
