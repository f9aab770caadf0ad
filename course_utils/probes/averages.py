"""Moving averages followed beside a training run, which they do not change; and a model that answers with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
from keras import layers


class MovingAverages:
    """Several moving averages of the same arrays, one for each decay: ``average ← decay · average + (1 − decay) · new``.

    The decay is the share that is kept: the momentum of a batch normalisation, the ``ema_momentum`` of an optimizer.
    Every average starts at ``start``, as Keras' moving statistics and TensorFlow 1's shadow weights do, without a
    correction. Kept in float64. Raises ValueError for a decay outside 0 to 1. Lesson 43_expressions_batch_norm.
    """

    def __init__(self, start: Sequence[np.ndarray], decays: Sequence[float]):
        for decay in decays:
            if not 0 <= decay <= 1:
                raise ValueError(f"decay {decay}: expected 0 to 1")
        self._averages = {decay: [np.array(a, np.float64) for a in start] for decay in decays}

    def update(self, values: Sequence[np.ndarray]) -> None:
        """Take in the arrays after one more step. Raises ValueError when they are not as many, or of another shape."""
        for decay, averages in self._averages.items():
            for average, value in zip(averages, values, strict=True):
                if average.shape != np.shape(value):
                    raise ValueError(f"found an array of shape {np.shape(value)}, expected {average.shape}")
                average *= decay
                average += (1 - decay) * value

    def __getitem__(self, decay: float) -> list[np.ndarray]:
        """The averages with this decay, float32. Raises KeyError for a decay that is not followed."""
        return [average.astype(np.float32) for average in self._averages[decay]]


def statistics(model: keras.Model) -> list[keras.Variable]:
    """The moving mean and moving variance of every batch normalisation among ``model.layers``, in their order."""
    found = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    return [variable for layer in found for variable in (layer.moving_mean, layer.moving_variance)]


def values_of(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """What variables hold now, as copies."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


@contextlib.contextmanager
def borrowed(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> Iterator[None]:
    """Within the block the variables hold ``values``; afterwards, whatever happens, what they held before.

    Between steps only: on JAX, Keras hands variables back at the end of an epoch of ``fit``, so use ``train_on_batch``.
    Raises ValueError when there are not as many of each.
    """
    if len(variables) != len(values):
        raise ValueError(f"{len(values)} arrays for {len(variables)} variables: expected as many")
    before = values_of(variables)
    try:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
