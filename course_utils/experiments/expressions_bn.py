"""Batch normalisation on FER2013: which statistics the test sees, and from when on it matters. Lesson 43_expressions_batch_norm.

Neither the momentum of the moving statistics nor a moving average of the weights changes training. So one training run
serves all of them: the model's own momentum is 0, its moving statistics are those of the last batch, and the averages
are kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import keras
import numpy as np

from course_utils.datasets import Split, expressions
from course_utils.models.expressions import convnet
from course_utils.probes.averages import MovingAverages, borrowed, statistics, values_of
from course_utils.runtime import Run, Size
from course_utils.training.batches import shuffled_batches

TITLE = "Batch normalisation on FER2013: momenta, dropped updates and averages of weights in the same run"
SOURCES = (
    "course_utils.datasets.expressions:_dataset",
    "course_utils.datasets.expressions:load_real",
    "course_utils.models.expressions",
    "course_utils.probes.averages",
    "course_utils.training.batches",
)
BATCH = 128
#: Momenta of batch normalisation; decays of the average of weights. 0: the last batch's statistics.
MOMENTA, DECAYS = (0.0, 0.5, 0.9, 0.99, 0.999), (0.5, 0.99, 0.999)
#: When it is measured, in steps.
STEPS = (50, 100, 200, 300, 450, 650, 1000, 1500, 2000, 3000, 4000)
#: The documented rate falls by 1 % after each so many steps.
DECAY_STEPS = 28709 / 256


@dataclass(frozen=True)
class Variant:
    """One training run. ``mode``: how its batch normalisation is used in training; ``long``: 4 000 steps or 1 000."""

    rate: float = 1e-3
    keep: float = 1.0
    normalization: str = "batch"
    mode: str = "training"
    long: bool = False


VARIANTS = {
    "rate 0.001, keep 1": Variant(long=True),
    "rate 0.0005, keep 0.5": Variant(5e-4, 0.5, long=True),
    "rate 0.001, keep 1, inference mode throughout": Variant(mode="inference"),
    "rate 0.001, keep 1, layers frozen": Variant(mode="frozen"),
    "rate 0.001, keep 1, local response normalisation": Variant(normalization="lrn"),
    "rate 0.001, keep 1, no normalisation": Variant(normalization="none"),
    "rate 0.0005, keep 0.6": Variant(5e-4, 0.6, long=True),
    "rate 0.0005, keep 1": Variant(5e-4, 1.0, long=True),
}


def rows(size: Size) -> list[str]:
    """All variants, at every size."""
    return list(VARIANTS)


@lru_cache(maxsize=1)
def _data(size: Size) -> tuple[Split, Split, Split]:
    """Training; a sample of it, and of PublicTest, to measure accuracy on: every n-th picture."""
    data = expressions.load(size)
    most = size.by_budget(smoke=70, lesson=400, full=1200)
    samples = [
        Split(s.x[:: len(s) // most][:most], s.y[:: len(s) // most][:most]) for s in (data.train, data.public_test)
    ]
    return data.train, *samples


def scaled(x: np.ndarray) -> np.ndarray:
    """uint8 pictures to float32 in [0, 1]."""
    return x.astype("float32") / 255


def measure(row: str, run: Run) -> dict[str, float]:
    """Accuracies, as shares, at each of ``STEPS`` that the budget reaches, and what the layers look like at the end.

    ``train_mode_S``: mean over the last twenty batches, as the training step itself saw them; ``train_S`` and ``test_S``:
    in inference mode with the last batch's statistics. ``test_momentum_M_S``: with moving statistics of momentum M;
    ``test_dropped_S``: with those of the start, 0 and 1. ``test_average_D_S``: average of the weights with decay D, and
    statistics of momentum 0.99; ``test_average_D_dropped_S``: with those of the start.
    """
    variant = VARIANTS[row]
    long, short = run.size.by_budget(smoke=(6, 4), lesson=(650, 300), full=(4000, 1000))
    steps = long if variant.long else short
    stops = [stop for stop in STEPS if stop <= steps] or [steps]
    train, sample, test = _data(run.size)
    model = _model(variant, run.size.network)
    own = statistics(model)
    start = values_of(own)
    moving = MovingAverages(start, MOMENTA)
    shadow = MovingAverages(values_of(model.trainable_variables), DECAYS)
    batches = shuffled_batches(train.x, train.y, BATCH if len(train) >= BATCH else len(train), seed=run.seed)
    measured, seen = {"steps": steps, "test_pictures": len(test)}, []
    for step in range(1, steps + 1):
        x, y = next(batches)
        seen.append(float(model.train_on_batch(scaled(x), y, return_dict=True)["accuracy"]))
        model.reset_metrics()
        moving.update(values_of(own))
        shadow.update(values_of(model.trainable_variables))
        if step in stops:
            measured[f"train_mode_{step}"] = float(np.mean(seen[-20:]))
            measured[f"train_{step}"] = _accuracy(model, sample)
            measured[f"test_{step}"] = _accuracy(model, test)
            if own and variant.mode == "training":
                measured |= _readings(model, test, moving, shadow, start, step)
    return measured | _looks(model, sample)


def _model(variant: Variant, network: str) -> keras.Model:
    model = convnet(
        network, normalization=variant.normalization, dropout_rate=1 - variant.keep, momentum=0.0, **_decay(network)
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and variant.mode == "frozen":
            layer.trainable = False
    if variant.mode == "inference":
        model = InInferenceMode(model)
    rate = keras.optimizers.schedules.ExponentialDecay(variant.rate, DECAY_STEPS, 0.99, staircase=True)
    model.compile(
        keras.optimizers.Adam(rate, epsilon=1e-8),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _decay(network: str) -> dict[str, float]:
    """The documented L2 of FC 1 and FC 2; none for the small network, which it keeps from learning at all."""
    return {"l2": 0.002 if network == "documented" else 0.0}


class InInferenceMode(keras.Model):
    """The same layers, every batch normalisation called with ``training=False``; its γ and β are trained.

    A model of its own, because a ``training=False`` written into a functional graph does not hold: in Keras 3 the mode
    that the whole model is called in replaces it (measured in the lesson).
    """

    def __init__(self, network: keras.Sequential):
        super().__init__()
        self.network = network

    def call(self, x):
        for layer in self.network.layers:
            x = layer(x, training=False) if isinstance(layer, keras.layers.BatchNormalization) else layer(x)
        return x


def _accuracy(model: keras.Model, split: Split) -> float:
    logits = model.predict(scaled(split.x), batch_size=200, verbose=0)
    return float((logits.argmax(axis=1) == split.y).mean())


def _readings(
    model: keras.Model,
    test: Split,
    moving: MovingAverages,
    shadow: MovingAverages,
    start: Sequence[np.ndarray],
    step: int,
) -> dict[str, float]:
    own, weights = statistics(model), model.trainable_variables
    found = {}
    for momentum in MOMENTA[1:]:
        with borrowed(own, moving[momentum]):
            found[f"test_momentum_{momentum}_{step}"] = _accuracy(model, test)
    with borrowed(own, start):
        found[f"test_dropped_{step}"] = _accuracy(model, test)
    for decay in DECAYS:
        with borrowed(weights, shadow[decay]), borrowed(own, moving[0.99]):
            found[f"test_average_{decay}_{step}"] = _accuracy(model, test)
    for decay in DECAYS[:2]:
        with borrowed(weights, shadow[decay]), borrowed(own, start):
            found[f"test_average_{decay}_dropped_{step}"] = _accuracy(model, test)
    return found


def _looks(model: keras.Model, sample: Split) -> dict[str, float]:
    """Of each ReLU: mean, standard deviation and share of zeros of its outputs; of each convolution: spread and bias."""
    found = {}
    x = scaled(sample.x[:100])
    for layer in getattr(model, "network", model).layers:
        x = layer(x, training=False)
        if isinstance(layer, keras.layers.Activation):
            values = keras.ops.convert_to_numpy(x)
            found |= {f"{layer.name}_mean": float(values.mean()), f"{layer.name}_std": float(values.std())}
            found[f"{layer.name}_zeros"] = float((values == 0).mean())
        if isinstance(layer, keras.layers.Conv2D):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            found |= {
                f"{layer.name}_std": float(kernel.std()),
                f"{layer.name}_beyond": float((np.abs(kernel) > 0.1).mean()),
            }
            if layer.use_bias:
                found[f"{layer.name}_bias_rms"] = float(np.sqrt(np.mean(keras.ops.convert_to_numpy(layer.bias) ** 2)))
    return found
