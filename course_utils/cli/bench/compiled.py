"""One training step of each part's small network, compiled by XLA (``jit_compile``) and not."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import keras
import numpy as np

from course_utils.cli.bench.timing import Row, must_agree, rounded, rows, take_turns
from course_utils.models import digits, expressions, hands, mdm

ABOUT = (
    "a training step with jit_compile on, beside off, on the TensorFlow backend. Empty on JAX, where Keras compiles every "
    "step, and on PyTorch, where jit_compile means another compiler"
)
ROUNDS, STEPS_CHECKED = 9, 3
ON, OFF = "jit_compile=True", "jit_compile=False"
#: Off and on may differ by this share of the loss: XLA adds up in another order.
WITHIN = 0.01

Batch = tuple[object, np.ndarray]


def _digits(rng: np.random.Generator, count: int = 64) -> tuple[keras.Model, object, Batch]:
    model = digits.convnet("small", weight_init="glorot_uniform", bias_init="zeros", dropout_rate=0.0)
    batch = rng.random((count, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, count)
    return model, keras.losses.SparseCategoricalCrossentropy(from_logits=True), batch


def _hands(rng: np.random.Generator, count: int = 64) -> tuple[keras.Model, object, Batch]:
    batch = (
        rng.uniform(-1, 1, (count, 48, 48, 1)).astype(np.float32),
        rng.normal(size=(count, hands.OUTPUTS)).astype(np.float32),
    )
    return hands.regressor(), "mean_squared_error", batch


def _faces(rng: np.random.Generator, count: int = 16) -> tuple[keras.Model, object, Batch]:
    points = rng.uniform(20, 90, (count, mdm.POINTS, 2)).astype(np.float32)
    inputs = {"images": rng.random((count, 112, 112, 1), dtype=np.float32), "start": points + np.float32(3)}
    return mdm.mdm("small"), mdm.summed_error(), (inputs, points)


def _expressions(rng: np.random.Generator, count: int = 64) -> tuple[keras.Model, object, Batch]:
    model = expressions.convnet("small", normalization="batch", kernel_init="glorot_uniform")
    batch = rng.random((count, 48, 48, 1), dtype=np.float32), rng.integers(0, 7, count)
    return model, keras.losses.SparseCategoricalCrossentropy(from_logits=True), batch


#: Network → what makes it, its loss and a batch.
MODELS: dict[str, Callable[[np.random.Generator], tuple[keras.Model, object, Batch]]] = {
    "digits, convnet": _digits,
    "hands, regressor on crops": _hands,
    "faces, MDM": _faces,
    "expressions, convnet with batch norm": _expressions,
}


def measure() -> list[Row]:
    """One row a network; empty on other backends than TensorFlow. The first step, which compiles, is in the note alone."""
    if keras.backend.backend() != "tensorflow":
        return []
    found = []
    for name, make in MODELS.items():
        first, losses, steps = {}, {}, {}
        for way in (OFF, ON):
            keras.utils.set_random_seed(0)
            model, loss, batch = make(np.random.default_rng(0))
            model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-8), loss, jit_compile=way == ON)
            began = time.perf_counter()
            losses[way] = [float(model.train_on_batch(*batch))]
            first[way] = time.perf_counter() - began
            losses[way] += [float(model.train_on_batch(*batch)) for _ in range(STEPS_CHECKED - 1)]
            steps[way] = partial(model.train_on_batch, *batch)
        must_agree(name, losses, OFF, within=WITHIN * max(losses[OFF]))
        note = f"first step, compiling included: {rounded(first[ON]):g} s on, {rounded(first[OFF]):g} s off"
        found += rows(
            take_turns(steps, rounds=ROUNDS),
            {ON: OFF},
            about=f"{name}: ",
            why_fair=f"the same network, start weights, batch and Adam, no dropout; the losses of the first {STEPS_CHECKED} steps agree to "
            f"{WITHIN:.0%} (checked)",
            notes={ON: note},
        )
    return found
