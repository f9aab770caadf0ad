"""The modern recipe on FER2013, whole on a GPU, and at a quarter of its width on a CPU. Lesson 51_beyond.

Tuned on PublicTest at most; PrivateTest is looked at once, when a run has ended.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from course_utils.datasets import expressions
from course_utils.experiments import recipes
from course_utils.experiments.train import train
from course_utils.runtime import Run, Size

TITLE = "Beyond the documented network: a VGG-like network with a modern recipe on FER2013"
SOURCES = (
    "course_utils.experiments.recipes",
    "course_utils.experiments.train",
    "course_utils.models.expressions",
    "course_utils.models.expressions_beyond",
    "course_utils.models.expressions_variants:augmentation",
    "course_utils.probes.views",
    "course_utils.training.batches",
)
QUARTER = "a quarter of the width, 30 passes"
SVM = ", L2-SVM head"
GPU = "mixed_bfloat16"
#: 16, 32, 64 and 128 filters and one FC layer of 256: 591 639 parameters, what two CPU cores train in half an hour.
NARROW = replace(recipes.narrow(recipes.BEYOND, 16), epochs=30, snapshots=3)
ROWS = {
    "beyond": recipes.BEYOND,
    "documented": recipes.DOCUMENTED,
    QUARTER: NARROW,
    QUARTER + SVM: replace(NARROW, head="svm", smoothing=0.0),
}


def rows(size: Size) -> list[str]:
    """``beyond`` and ``documented`` are for a GPU: 300 and 120 passes."""
    return list(ROWS)


def measure(row: str, run: Run) -> dict[str, float]:
    """Of S in public, private: what ``train.judge`` says, flat: ``S_accuracy``, ``S_clean``, ``S_ten_views``, ``S_snapshots``,
    ``S_snapshots_ten_views`` (each with ``…_clean``), ``S_leaked_pictures``, ``S_calibration_error``, ``S_recall_CLASS``;
    after pass N ``train_epoch_N`` (in training mode, of changed pictures) and ``public_epoch_N``;
    ``epochs``, ``parameters``, ``snapshots``, ``seconds_per_epoch``.
    """
    recipe = ROWS[row]
    if run.size.network == "small":
        recipe = replace(recipe, width=None, units=None)
    elif run.device.startswith("GPU"):
        recipe = replace(recipe, precision=GPU)
    with tempfile.TemporaryDirectory() as folder:
        report = train(recipes.fitted(recipe, run.size), run, expressions.load(run.size), Path(folder), verbose=2)
    return flat(report)


def flat(report: dict) -> dict[str, float]:
    """A report of ``train`` as the plain numbers of one row."""
    measured = {"parameters": report["parameters"], "seconds_per_epoch": report["seconds_per_epoch"]}
    measured |= {"epochs": len(report["epochs"]), "snapshots": report["results"]["public"]["snapshots_kept"]}
    for number, epoch in enumerate(report["epochs"], start=1):
        measured |= {f"train_epoch_{number}": epoch["accuracy"], f"public_epoch_{number}": epoch["val_accuracy"]}
    for name, found in report["results"].items():
        for key, value in found.items():
            if key == "recall":
                measured |= {f"{name}_recall_{kind}": share for kind, share in value.items()}
            elif key not in ("confusion", "snapshots_kept"):
                measured[f"{name}_{key}"] = value
    return {key: float(value) for key, value in measured.items()}
