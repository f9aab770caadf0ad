"""The rows of "what measurement says" about the 2016 MNIST convnet. Lesson 11_digits_frozen_filters."""

from __future__ import annotations

import math
from functools import lru_cache

import keras
import numpy as np

from course_utils import metrics, probes
from course_utils.datasets import Dataset, digits
from course_utils.models.digits import compile_documented, convnet
from course_utils.plotting.images import stretch
from course_utils.runtime import Run, Size
from course_utils.training.batches import shuffled_batches

TITLE = "The 2016 MNIST convnet: start values, movement of the first layer, and what they cost"
SOURCES = (
    "course_utils.datasets.digits",
    "course_utils.models.digits",
    "course_utils.metrics:rms",
    "course_utils.metrics:is_correct",
    "course_utils.metrics:wilson_interval",
    "course_utils.probes.gradients",
    "course_utils.probes.outputs",
    "course_utils.probes.weights",
    "course_utils.plotting.images:stretch",
    "course_utils.training.batches",
)
BATCH = 128

HEALTHY = {"weight_init": "glorot_uniform", "bias_init": "zeros"}
#: Row → (arguments of the network, learning rate, whether to train for the documented 1 562 steps or only 200).
VARIANTS = {
    "normal": ({}, 1e-3, True),
    "glorot": (HEALTHY, 1e-3, True),
    "normal, first layer frozen": ({"train_first_layer": False}, 1e-3, True),
    "glorot, first layer frozen": (HEALTHY | {"train_first_layer": False}, 1e-3, True),
    "normal, learning rate x20": ({}, 2e-2, False),
    "normal, first kernel zeros": ({"first_kernel_init": "zeros"}, 1e-3, False),
    "glorot, drop rate 0.75": (HEALTHY | {"dropout_rate": 0.75}, 1e-3, True),
}


def rows(size: Size) -> list[str]:
    """All variants, at every size."""
    return list(VARIANTS)


@lru_cache(maxsize=1)
def _data(size: Size) -> Dataset:
    return digits.load(size)


def scaled(x: np.ndarray) -> np.ndarray:
    """uint8 images to float32 in [0, 1]."""
    return x.astype("float32") / 255


def measure(row: str, run: Run) -> dict[str, float | None]:
    """Start values, movement of the first layer and test accuracy of one variant.

    Keys ending in ``_early`` are taken after 200 steps, in ``_end`` after 1 562 (full budget); fewer at other budgets.
    Losses in nats, gradients and changes as rms, pictures in grey levels of 255, accuracies as shares with their
    Wilson interval; None where a quantity does not exist (spread of a kernel that starts as zeros).
    """
    arguments, rate, long = VARIANTS[row]
    data = _data(run.size)
    first, second = run.size.by_budget(smoke=(2, 4), lesson=(60, 120), full=(200, 1562))
    model = compile_documented(convnet(run.size.network, **arguments), rate)
    x0, y0 = next(shuffled_batches(data.train.x, data.train.y, BATCH, seed=run.seed))
    start = probes.snapshot(model)
    measured = {
        "loss_at_init": probes.loss(model, scaled(data.train.x[:1024]), data.train.y[:1024]),
        "ln_10": math.log(10),
        **_rms_gradients(model, scaled(x0), y0),
    }
    _train(model, data, run.seed, 0, first)
    measured |= _movement(model, start, "early") | _scores(model, data, "early")
    if long:
        _train(model, data, run.seed, first, second)
        measured |= _movement(model, start, "end") | _scores(model, data, "end")
    return measured | {"steps_early": first, "steps_end": second if long else first}


def _train(model: keras.Model, data: Dataset, seed: int, start: int, stop: int) -> None:
    batches = shuffled_batches(data.train.x, data.train.y, BATCH, seed=seed, start=start)
    model.fit(((scaled(x), y) for x, y in batches), steps_per_epoch=stop - start, verbose=0)


def _rms_gradients(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    found = probes.gradient_rms(model, x, y)
    return {f"rms_gradient_{name}": value for name, value in found.items() if name.endswith("kernel")}


def _movement(model: keras.Model, start: dict[str, np.ndarray], when: str) -> dict[str, float | None]:
    before, after = start["conv_1/kernel"], probes.snapshot(model)["conv_1/kernel"]
    varied = before.std() > 0
    silent = np.abs(after).max(axis=(0, 1, 2)) == 0
    negative = start["conv_1/bias"] < 0
    return {
        f"first_kernel_rms_change_{when}": metrics.rms(after - before),
        f"first_kernel_change_in_std_{when}": metrics.rms(after - before) / float(before.std()) if varied else None,
        f"first_kernel_grey_levels_{when}": metrics.rms(stretch(after) - stretch(before)) if varied else None,
        f"first_kernel_range_{when}": float(np.ptp(after)),
        f"kernels_exactly_zero_{when}": int(silent.sum()),
        f"kernels_zero_and_bias_negative_{when}": int((silent & negative).sum()),
    }


def _scores(model: keras.Model, data: Dataset, when: str) -> dict[str, float]:
    logits = model.predict(scaled(data.test.x), batch_size=500, verbose=0)
    right = metrics.is_correct(data.test.y, logits)
    low, high = metrics.wilson_interval(right.sum(), right.size)
    return {
        f"accuracy_{when}": float(right.mean()),
        f"accuracy_low_{when}": low,
        f"accuracy_high_{when}": high,
        f"accuracy_first_256_{when}": float(right[:256].mean()),
        f"loss_{when}": probes.loss(model, scaled(data.train.x[:1024]), data.train.y[:1024]),
    }
