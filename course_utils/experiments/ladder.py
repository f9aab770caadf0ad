"""The ladder of experiments on FER2013: same budget, same seeds, one change a row. ``course run ladder``.

The documented rows come first: LRN, dropout and BN each change one thing of "plain"; BN with biases, BN without γ, and BN and
dropout one of "BN"; from there to "+ rotation" each row changes one thing of the row before. Then the last documented row,
split into its single changes, and ideas that the write-up left open, each one change away from "+ rotation".
Averages of weights, early stopping and ensembles of snapshots change no training: they are measured in every row.
Lessons 44_expressions_regularisation and 45_expressions_augmentation; ``experiments.ladder_verdicts`` reads the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import keras
import numpy as np

from course_utils.datasets import Split, expressions
from course_utils.datasets.expressions import CLASSES
from course_utils.datasets.fer2013 import ferplus_labels
from course_utils.models.expressions import WIDTHS, convnet
from course_utils.models.expressions_variants import augmentation, stacked, with_batch_norm_by_hand
from course_utils.probes.averages import borrowed
from course_utils.probes.ensembles import by_mean, by_vote
from course_utils.rendering.nuisance import watermark
from course_utils.runtime import Run, Size
from course_utils.training.batches import shuffled_batches

TITLE = "The ladder of experiments on FER2013: one change a row"
RESULT = "expressions_ladder"
SOURCES = (
    "course_utils.datasets.expressions:_dataset",
    "course_utils.datasets.expressions:load_real",
    "course_utils.datasets.fer2013:ferplus_labels",
    "course_utils.models.expressions",
    "course_utils.models.expressions_variants",
    "course_utils.probes.averages:borrowed",
    "course_utils.probes.ensembles",
    "course_utils.rendering.nuisance:watermark",
    "course_utils.training.batches",
)
#: The documented rate falls by 1 % after each so many steps.
DECAY_STEPS = 28709 / 256
#: The end of a row's name at full size whose budget is 6 000 steps of 256, for a GPU; without it: 12 epochs of 128.
LONG = ", 6 000 steps of 256"
#: Folds of the cross-validation; fold number seed % FOLDS is held out.
FOLDS = 5


@dataclass(frozen=True)
class Recipe:
    """One row. ``keep``: share kept by each of three dropouts. ``l2``: factor on the documented coefficient;
    several follow each other in one continued run, the first for half of it.
    ``rotation``: radians either way. ``pictures``: what is trained on. ``disgust``: weight of that class, the others have 1.
    """

    normalization: str = "none"
    conv_bias: bool | None = None
    dense_normalization: bool = False
    scale: bool = True
    by_hand: bool = False
    keep: float = 1.0
    l2: float | tuple[float, ...] = 1
    flip: bool = False
    rotation: float = 0.0
    noise: float = 0.0
    brightness: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    watermarks: float = 0.0
    disgust: float = 1.0
    narrow: bool = False
    activation: str = "relu"
    kernels: tuple[tuple[int, ...], ...] = ()
    loss: str = "softmax"
    labels: str = "fer2013"
    pictures: str = "training"
    schedule: str = "documented"


PLAIN = Recipe()
BATCH_NORM = Recipe("batch")
KEEP_HALF = replace(BATCH_NORM, keep=0.5)
DENSE = replace(KEEP_HALF, dense_normalization=True)
LOW = replace(DENSE, keep=0.3)
FLIP = replace(LOW, flip=True)
ROTATION = replace(FLIP, rotation=0.5)
NO_DENSE = replace(ROTATION, dense_normalization=False)

RECIPES = {
    "plain": PLAIN,
    "LRN": replace(PLAIN, normalization="lrn"),
    "dropout": replace(PLAIN, keep=0.6),
    "BN with biases": replace(BATCH_NORM, conv_bias=True),
    "BN": BATCH_NORM,
    "BN without γ": replace(BATCH_NORM, scale=False),
    "BN and dropout": KEEP_HALF,
    "BN on FC too": DENSE,
    "more dropout": LOW,
    "+ flip": FLIP,
    "+ rotation": ROTATION,
    "L2 ×100": replace(ROTATION, l2=100),
    "L2 ×10": replace(ROTATION, l2=10),
    "L2 ×2.5": replace(ROTATION, l2=2.5),
    "L2 ×100, then ×10, then ×2.5": replace(ROTATION, l2=(100, 10, 2.5)),
    "no L2": replace(ROTATION, l2=0),
    "no BN on FC": NO_DENSE,
    "no BN on FC, L2 ×100": replace(NO_DENSE, l2=100),
    "no BN on FC, L2 ×10": replace(NO_DENSE, l2=10),
    "disgust ×10": replace(ROTATION, disgust=10.0),
    "less dropout again": replace(ROTATION, keep=0.5),
    "disgust ×10, less dropout, L2 ×10": replace(ROTATION, disgust=10.0, keep=0.5, l2=10),
    "FC of half the width": replace(ROTATION, narrow=True),
    "leaky ReLU": replace(ROTATION, activation="leaky_relu"),
    "noise": replace(ROTATION, noise=0.05),
    "fake watermarks": replace(ROTATION, watermarks=0.25),
    "brightness": replace(ROTATION, brightness=0.2),
    "zoom and crop": replace(ROTATION, zoom=0.2, shift=0.08),
    "kernels 3×3": replace(ROTATION, kernels=((3,), (3,), (3,))),
    "two 3×3 for each 5×5": replace(ROTATION, kernels=((3, 3), (3, 3), (3, 3))),
    "BN by hand": replace(ROTATION, by_hand=True),
    "L2-SVM loss": replace(ROTATION, loss="svm"),
    "cosine rate from 0.001": replace(ROTATION, schedule="cosine"),
    "Training and PublicTest": replace(ROTATION, pictures="training and public"),
    "cross-validation": replace(ROTATION, pictures="folds"),
    "FER+ labels": replace(ROTATION, labels="ferplus"),
}


def rows(size: Size) -> list[str]:
    """All recipes; FER+ labels on real data only; at budget ``full`` each with the long budget too."""
    names = [name for name, recipe in RECIPES.items() if size.data == "real" or recipe.labels == "fer2013"]
    return names + [name + LONG for name in names] if size.budget == "full" else names


#: What the networks start from. The documented values keep the small network from learning at all within 336 steps: a
#: layer of 64 units cannot spare seven of ten, a moving average of 0.99 is not there yet. ``keep``: by the documented keep.
#: ``l2`` is Keras' coefficient, half of the documented 0.004, which is meant for ½Σw².
SETTINGS = {
    "documented": {
        "rate": 5e-4,
        "l2": 0.002,
        "momentum": 0.99,
        "init": None,
        "keep": {1.0: 1.0, 0.6: 0.6, 0.5: 0.5, 0.3: 0.3},
    },
    "small": {
        "rate": 1e-3,
        "l2": 2e-5,
        "momentum": 0.9,
        "init": "glorot_uniform",
        "keep": {1.0: 1.0, 0.6: 0.9, 0.5: 0.85, 0.3: 0.75},
    },
}


@dataclass(frozen=True)
class Budget:
    """``steps`` of ``batch`` pictures, accuracies measured ``every`` so many; ``decay``: of the average of weights."""

    steps: int
    batch: int
    every: int
    decay: float


def budget(size: Size, row: str) -> Budget:
    """What a row may cost: 16 passes through the stand-in at ``lesson``, 12 through FER2013 at ``full``, or 6 000 steps."""
    if row.endswith(LONG):
        return Budget(6000, 256, 250, 0.999)
    return size.by_budget(
        smoke=Budget(4, 32, 2, 0.5), lesson=Budget(336, 64, 42, 0.99), full=Budget(12 * 224, 128, 224, 0.999)
    )


@dataclass(frozen=True)
class Pictures:
    """What a row trains on and is measured on, and which test rows repeat a picture that it trains on."""

    train: Split
    tests: dict[str, Split]
    leaked: dict[str, np.ndarray]
    ferplus: dict[str, np.ndarray]


@lru_cache(maxsize=1)
def _loaded(size: Size) -> expressions.Expressions:
    return expressions.load(size)


def pictures(recipe: Recipe, run: Run) -> Pictures:
    """The splits of one row: ``public`` (or ``fold``) to tune on, ``private`` to report."""
    data = _loaded(run.size)
    train, tests, ferplus = data.training, {"public": data.public_test, "private": data.private_test}, {}
    if recipe.pictures == "training and public":
        public = tests.pop("public")
        train = Split(np.concatenate([train.x, public.x]), np.concatenate([train.y, public.y]))
    elif recipe.pictures == "folds":
        held_out = np.random.default_rng(0).permutation(len(train)) % FOLDS == run.seed % FOLDS
        del tests["public"]
        tests = {"fold": Split(train.x[held_out], train.y[held_out])} | tests
        train = Split(train.x[~held_out], train.y[~held_out])
    if recipe.labels == "ferplus":
        votes = expressions.load_ferplus()
        own, *others = (
            ferplus_labels(votes[usage])[: len(split)]
            for usage, split in zip(expressions.USAGES, (train, *tests.values()), strict=True)
        )
        train = Split(train.x[own >= 0], own[own >= 0].astype(np.int32))
        ferplus = dict(zip(tests, others, strict=True))
    seen = {one.tobytes() for one in train.x}
    leaked = {name: np.array([one.tobytes() in seen for one in split.x]) for name, split in tests.items()}
    return Pictures(train, tests, leaked, ferplus)


def build(recipe: Recipe, run: Run, spent: Budget, l2: float) -> keras.Sequential:
    """The compiled network of one row, from uint8 pictures to logits, augmentation inside.

    Augmentation is active in training, and in a bare ``model(x)`` too: ask with ``predict`` or ``training=False``.
    l2: factor on the size's own coefficient.
    """
    own = SETTINGS[run.size.network]
    choices = {
        "dropout_rate": 1 - own["keep"][recipe.keep],
        "l2": own["l2"] * l2,
        "kernel_init": own["init"],
        "momentum": own["momentum"],
    }
    if recipe.kernels:
        inner = stacked(run.size.network, kernels=recipe.kernels, **choices)
    else:
        inner = convnet(
            run.size.network,
            normalization=recipe.normalization,
            conv_bias=recipe.conv_bias,
            dense_normalization=recipe.dense_normalization,
            scale=recipe.scale,
            activation=recipe.activation,
            units=[width // 2 for width in WIDTHS[run.size.network][1]] if recipe.narrow else None,
            **choices,
        )
    changes = {name: getattr(recipe, name) for name in ("flip", "rotation", "noise", "brightness", "zoom", "shift")}
    stack = with_batch_norm_by_hand(inner.layers) if recipe.by_hand else inner.layers
    model = keras.Sequential(
        [
            keras.Input((48, 48, 1), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            *augmentation(**changes, seed=100 * run.seed),
            *stack,
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(own["rate"], DECAY_STEPS, 0.99, staircase=True)
    if recipe.schedule == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(1e-3, spent.steps)
    model.compile(
        keras.optimizers.Adam(schedule, epsilon=1e-8, use_ema=True, ema_momentum=spent.decay),
        keras.losses.SquaredHinge() if recipe.loss == "svm" else keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["categorical_accuracy"],
    )
    return model


def measure(row: str, run: Run) -> dict[str, float]:
    """Shares of pictures that are right, in inference mode unless said otherwise. ``public`` is PublicTest.

    After T steps, every ``every``: ``public_T``, ``public_loss_T`` (cross-entropy), ``train_T``, ``train_loss_T`` (of up to
    1 200 training pictures), ``train_mode_T`` (as the training steps saw it, mean since the last measurement). For S in
    public, private: ``S_last``; ``S_clean``: without pictures that were trained on; ``S_smoothed``: mean of the last quarter
    of the measurements; ``S_peak``: best single batch of 256 in them; ``S_best``: after ``best_step``, where PublicTest was
    best (``S_best_clean``); ``S_average``: weights averaged over the steps; ``S_mean_5``, ``S_vote_5``, ``S_mean_10``,
    ``S_mean_5_spaced``: networks of the last 5, up to 10, or every second of these from the first on, together (at the
    reduced size of 8 measurements this reaches back to untrained ones); ``S_disgust``: recall of that
    class; ``S_leaked_pictures``: how many were trained on. In the cross-validation ``fold`` stands for ``public``; with FER+ labels ``train_T`` and
    ``S_ferplus`` are measured with those, everything else with FER2013's. With the SVM loss, margins are read as logits.
    """
    recipe = RECIPES[row.removesuffix(LONG)]
    spent, found = budget(run.size, row), pictures(recipe, run)
    measured, model, logits, averaged = train(recipe, run, spent, found)
    measured |= {"steps": spent.steps, "batch": spent.batch, "every": spent.every}
    measured |= {"train_pictures": len(found.train), "parameters": model.count_params()}
    tuned = next((name for name in ("public", "fold") if name in found.tests), None)
    curve = (
        [_right(found.tests[tuned], each) for each in logits[tuned]] if tuned else [0.0] * (spent.steps // spent.every)
    )
    best = len(curve) - 1 if tuned is None else int(np.argmax(curve))
    measured["best_step"] = (best + 1) * spent.every
    for name, split in found.tests.items():
        measured |= _summary(name, split, np.stack(logits[name]), averaged[name], found.leaked[name], best)
        if name in found.ferplus:
            labels = found.ferplus[name]
            known = labels >= 0
            measured[f"{name}_ferplus"] = float((logits[name][-1].argmax(axis=1) == labels)[known].mean())
    return measured


def train(
    recipe: Recipe, run: Run, spent: Budget, found: Pictures, watch: Callable[[int, dict], None] | None = None
) -> tuple[dict[str, float], keras.Sequential, dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
    """Train one row: what was measured on the way, the model, logits of the tests at each measurement, and of the average.

    watch: called after each measurement with the number of steps and all that has been measured so far.
    """
    stages = recipe.l2 if isinstance(recipe.l2, tuple) else (recipe.l2,)
    model = build(recipe, run, spent, stages[0])
    sample = Split(*(part[:: max(1, len(found.train) // 1200)][:1200] for part in (found.train.x, found.train.y)))
    batches = shuffled_batches(found.train.x, found.train.y, min(spent.batch, len(found.train)), seed=run.seed)
    rng = np.random.default_rng([run.seed, 3])
    measured: dict[str, float] = {}
    logits: dict[str, list[np.ndarray]] = {name: [] for name in found.tests}
    switches = {spent.steps * (n + 1) // (len(stages) + 1): l2 for n, l2 in enumerate(stages) if n}
    seen = []
    for step in range(1, spent.steps + 1):
        if step in switches:
            model = _continued(model, build(recipe, run, spent, switches[step]))
        x, y = next(batches)
        seen.append(_step(model, recipe, x, y, rng))
        if step % spent.every == 0:
            measured[f"train_mode_{step}"] = float(np.mean(seen[-spent.every :]))
            for name, split in found.tests.items():
                logits[name].append(_logits(model, split))
            own_logits = {"train": (sample, _logits(model, sample))}
            if "public" in logits:
                own_logits["public"] = (found.tests["public"], logits["public"][-1])
            for name, (split, values) in own_logits.items():
                measured |= {f"{name}_{step}": _right(split, values), f"{name}_loss_{step}": _loss(split, values)}
            if watch:
                watch(step, measured)
    weights = model.trainable_variables
    with borrowed(weights, [np.array(keras.ops.convert_to_numpy(one)) for one in weights]):
        model.optimizer.finalize_variable_values(weights)  # Keras' own average takes the place of the weights
        averaged = {name: _logits(model, split) for name, split in found.tests.items()}
    return measured, model, logits, averaged


def _step(model: keras.Model, recipe: Recipe, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """One training step; the share of the batch that was right in it."""
    if recipe.watermarks:
        x = x.copy()
        for place in np.flatnonzero(rng.random(len(x)) < recipe.watermarks):
            x[place, ..., 0] = watermark(x[place, ..., 0], rng)
    weights = None
    if recipe.disgust != 1:
        weights = np.where(y == CLASSES.index("disgust"), recipe.disgust, 1.0).astype("float32")
    targets = np.eye(len(CLASSES), dtype="float32")[y]
    right = model.train_on_batch(x, targets, sample_weight=weights, return_dict=True)["categorical_accuracy"]
    model.reset_metrics()
    return float(right)


def _continued(old: keras.Model, new: keras.Model) -> keras.Model:
    """``new``, compiled with another coefficient, with weights and state of the optimizer taken over from ``old``."""
    new.set_weights(old.get_weights())
    new.optimizer.build(new.trainable_variables)
    for fresh, kept in zip(new.optimizer.variables, old.optimizer.variables, strict=True):
        fresh.assign(keras.ops.convert_to_numpy(kept))
    return new


def _logits(model: keras.Model, split: Split) -> np.ndarray:
    return model.predict(split.x, batch_size=256, verbose=0)


def _right(split: Split, logits: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == split.y).mean())


def _log_probabilities(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def _loss(split: Split, logits: np.ndarray) -> float:
    return float(-_log_probabilities(logits)[np.arange(len(split)), split.y].mean())


def _summary(
    name: str, split: Split, logits: np.ndarray, averaged: np.ndarray, leaked: np.ndarray, best: int
) -> dict[str, float]:
    """What :func:`measure` says of one test split; ``logits`` (measurements, N, 7)."""
    right, disgust = logits.argmax(axis=-1) == split.y, split.y == CLASSES.index("disgust")
    late = right[-max(1, len(right) // 4) :]
    batches = [one[place : place + 256].mean() for one in late for place in range(0, max(1, one.size - 255), 256)]
    found = {
        "last": right[-1].mean(),
        "clean": right[-1][~leaked].mean(),
        "smoothed": late.mean(),
        "peak": max(batches),
        "best": right[best].mean(),
        "best_clean": right[best][~leaked].mean(),
        "average": (averaged.argmax(axis=1) == split.y).mean(),
        "disgust": np.where(disgust, right[-1], 0).sum() / max(1, disgust.sum()),
        "leaked_pictures": leaked.sum(),
    }
    probabilities = np.exp(_log_probabilities(logits))
    for label, members, decide in _ensembles(probabilities):
        found[label] = (decide(members) == split.y).mean()
    return {f"{name}_{key}": float(value) for key, value in found.items()}


def _ensembles(probabilities: np.ndarray) -> Sequence[tuple[str, np.ndarray, Callable]]:
    return (
        ("mean_5", probabilities[-5:], by_mean),
        ("vote_5", probabilities[-5:], by_vote),
        ("mean_10", probabilities[-10:], by_mean),
        ("mean_5_spaced", probabilities[-10::2], by_mean),
    )
