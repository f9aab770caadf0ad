"""The overnight run: one recipe, one folder, a report at the end. ``course run train --recipe beyond``.

The folder holds ``state.npz`` (the run as it stood after the last epoch; ``--resume`` goes on from there, exactly), ``snapshot_N.weights.h5``,
``tensorboard/``, and at the end ``model.keras``, ``confusion.png`` and ``report.json``, the model card. Lesson 51_beyond.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np

from course_utils import metrics, runtime
from course_utils.datasets.expressions import CLASSES, Expressions
from course_utils.experiments.recipes import Recipe, build
from course_utils.plotting.judgement import confusion_matrix
from course_utils.probes.confidence import calibration_error
from course_utils.probes.views import probabilities_of_views, ten_views
from course_utils.runtime import DataError, Run
from course_utils.training import ExactBackup, fingerprint, load_weights, save_weights, shuffled_batches

REPORT = "report.json"
USE = (
    "To learn how training works. A label says what a stranger thought a face shows, not what a person felt. Not for judging "
    "anybody: the EU's AI Act (2024/1689, article 5) forbids inferring emotions at work and in schools, except for medical or safety "
    "reasons."
)


def train(
    recipe: Recipe,
    run: Run,
    data: Expressions,
    folder: Path,
    *,
    resume: bool = False,
    verbose: int = 1,
    command: str = "",
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train a recipe in a folder of its own and judge it; returns the report that it writes there.

    data: what to train on (``Training``), to watch (``PublicTest``) and to report (both tests; PrivateTest is looked at once, at
    the end). resume: go on where the run in this folder stopped; a finished one gives its report. verbose: of Keras' ``fit``.

    Raises DataError when the folder holds a run and ``resume`` is not set, or one with another recipe, seed, data or
    backend; it names the first that differs.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "seed": run.seed,
        "batch": recipe.batch,
        "training data": fingerprint(data.training.x, data.training.y),
    }
    report = folder / REPORT
    state = folder / "state.npz"
    if not resume and (report.exists() or state.exists()):
        raise DataError(f"{folder}: found a run here, expected an empty folder; --resume goes on with it")
    if report.exists():
        found = json.loads(report.read_text(encoding="utf-8"))
        for key, value in settings.items():
            if found.get("settings", {}).get(key) != value:
                raise DataError(f"{report}: a finished run with another {key}; expected {value}")
        say(f"{folder}: this run is finished")
        return found
    steps = len(data.training) // recipe.batch
    if not steps or recipe.epochs % recipe.snapshots:
        raise DataError(
            f"{len(data.training)} pictures in batches of {recipe.batch}, {recipe.epochs} epochs with {recipe.snapshots} snapshots: "
            "expected at least one batch, and epochs that the snapshots divide"
        )
    keras.utils.set_random_seed(run.seed)
    model = build(recipe, run.size, run.seed, steps)
    backup = ExactBackup(state, settings=settings)
    done = backup.restore(model)
    if resume:
        say(f"{folder}: {done} of {recipe.epochs} epochs done")
    one_hot = np.eye(len(CLASSES), dtype=np.float32)
    x, y = data.training.x, one_hot[data.training.y]
    callbacks = [_Clock(), _Snapshots(folder, recipe), *_tensorboard(folder, say), backup]
    began = time.perf_counter()
    model.fit(
        shuffled_batches(x, y, recipe.batch, seed=run.seed, start=done * steps),
        steps_per_epoch=steps,
        epochs=recipe.epochs,
        initial_epoch=done,
        validation_data=(data.public_test.x, one_hot[data.public_test.y]),
        validation_batch_size=256,
        callbacks=callbacks,
        verbose=verbose,
    )
    say(f"trained in {time.perf_counter() - began:.0f} s; judging")
    model.save(folder / "model.keras")
    results = judge(model, data, folder)
    card = {
        "model": model.name,
        "intended_use": USE,
        "settings": settings,
        "run": {**run.record(), "command": command},
        "data": _described(data),
        "parameters": model.count_params(),
        "epochs": backup.history,
        "seconds_per_epoch": float(np.median([one["seconds"] for one in backup.history])),
        "results": results,
    }
    _draw(results["private"], folder / "confusion.png")
    runtime.write_text_atomically(report, runtime.to_json(card))
    return card


class _Clock(keras.callbacks.Callback):
    """Adds to each epoch's log how many seconds it took."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["seconds"] = time.perf_counter() - self._began


class _Snapshots(keras.callbacks.Callback):
    """Keeps the weights at evenly spaced epochs; of more than five, the last five."""

    def __init__(self, folder: Path, recipe: Recipe):
        super().__init__()
        self.folder, self.every = folder, recipe.epochs // recipe.snapshots

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        number, rest = divmod(epoch + 1, self.every)
        if rest == 0:
            save_weights(self.model, self.folder / f"snapshot_{number:03d}.weights.h5")
            (self.folder / f"snapshot_{number - 5:03d}.weights.h5").unlink(missing_ok=True)


def _tensorboard(folder: Path, say: Callable[[str], None]) -> list[keras.callbacks.Callback]:
    """Keras writes these logs through TensorFlow, on every backend."""
    if importlib.util.find_spec("tensorflow") is None:
        say("no TensorBoard logs: TensorFlow is not installed; the curve is in report.json")
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]


def judge(model: keras.Model, data: Expressions, folder: Path) -> dict[str, dict[str, Any]]:
    """What the trained model and its last snapshots (up to five) say about ``public`` and ``private``.

    Shares of pictures: ``accuracy``; ``clean`` without the ``leaked_pictures`` that are in Training too; ``ten_views``: ten
    shifted and mirrored views answered together; ``snapshots``: mean of the ``snapshots_kept`` networks; ``snapshots_ten_views``:
    both; each of these with ``…_clean``. ``recall`` by class, ``confusion`` (7, 7), rows true, ``calibration_error``.
    With an average of weights ``accuracy`` is the average's; the snapshots are not averaged.
    """
    seen = {one.tobytes() for one in data.training.x}
    tests = {"public": data.public_test, "private": data.private_test}
    leaked = {name: np.array([one.tobytes() in seen for one in split.x]) for name, split in tests.items()}
    views = {name: ten_views(split.x) for name, split in tests.items()}
    own = {name: probabilities_of_views(model, several) for name, several in views.items()}
    files = sorted(folder.glob("snapshot_*.weights.h5"))[-5:]
    together: dict[str, list[np.ndarray]] = {name: [] for name in tests}
    trained = model.get_weights()
    for file in files:
        load_weights(model, file)
        for name, several in views.items():
            together[name].append(probabilities_of_views(model, several))
    model.set_weights(trained)
    results = {}
    for name, split in tests.items():
        answers = {"accuracy": own[name][0], "ten_views": own[name].mean(axis=0)}
        if files:
            all_of_them = np.stack(together[name])
            answers |= {
                "snapshots": all_of_them[:, 0].mean(axis=0),
                "snapshots_ten_views": all_of_them.mean(axis=(0, 1)),
            }
        found: dict[str, Any] = {}
        for key, probabilities in answers.items():
            right = metrics.is_correct(split.y, probabilities)
            clean = right[~leaked[name]].mean() if not leaked[name].all() else float("nan")
            found |= {key: float(right.mean()), "clean" if key == "accuracy" else f"{key}_clean": float(clean)}
        counts = metrics.confusion(split.y, own[name][0])
        found |= {
            "leaked_pictures": int(leaked[name].sum()),
            "snapshots_kept": len(files),
            "calibration_error": calibration_error(split.y, own[name][0]),
            "confusion": counts.tolist(),
            "recall": dict(zip(CLASSES, (counts.diagonal() / np.maximum(counts.sum(axis=1), 1)).tolist(), strict=True)),
        }
        results[name] = found
    return results


def _described(data: Expressions) -> dict[str, Any]:
    pictures = {"training": len(data.training), "public": len(data.public_test), "private": len(data.private_test)}
    return {"origin": data.origin, "as published": data.verified, "pictures": pictures}


def _draw(results: dict[str, Any], path: Path) -> None:
    """PrivateTest's confusion as a picture, its accuracy in the title."""
    ax = confusion_matrix(results["confusion"], CLASSES)
    ax.set_title(
        f"PrivateTest: {100 * results['accuracy']:.1f} % right, {100 * results['clean']:.1f} % without leaked pictures"
    )
    with runtime.atomically(path) as temporary:
        ax.figure.savefig(temporary, format="png", dpi=120, bbox_inches="tight")
    plt.close(ax.figure)
