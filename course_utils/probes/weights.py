"""What the weights are and how far they moved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import keras
import numpy as np

from course_utils.metrics import rms


def names_of(variables: Iterable[keras.Variable]) -> list[str]:
    """A name for each variable: ``layer/kernel``, or its full path where two variables would share that."""
    paths = [variable.path for variable in variables]
    short = ["/".join(path.split("/")[-2:]) for path in paths]
    return [path if short.count(name) > 1 else name for name, path in zip(short, paths, strict=True)]


def snapshot(model: keras.Model) -> dict[str, np.ndarray]:
    """A copy of every weight of ``model``, trainable or not, by ``layer/name``. Lesson 11_digits_frozen_filters."""
    values = [np.array(keras.ops.convert_to_numpy(v)) for v in model.weights]
    return dict(zip(names_of(model.weights), values, strict=True))


@contextlib.contextmanager
def untouched(model: keras.Model) -> Iterator[None]:
    """Put back, at the end, what a call in training mode changes: moving statistics and the states of random layers.

    So that measuring a run does not change it. On PyTorch a ``Dropout`` without a seed draws from PyTorch's own generator, which
    is not put back: its later masks are others.
    """
    kept = [(v, np.array(keras.ops.convert_to_numpy(v))) for v in model.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def relative_change(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How far each weight array moved between two snapshots, in its own spread at the start: rms(after − before) / std(before).

    ``inf`` where an array started constant and moved, 0 where it did not move. Lesson 11_digits_frozen_filters.
    Raises KeyError when ``after`` lacks an array, ValueError when a shape changed.
    """
    return {name: _ratio(after[name] - start, np.std(start)) for name, start in _same_shapes(before, after)}


def update_ratio(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Update-to-weight ratio of one step: rms(after − before) / rms(before). About 1e-3 is healthy.

    Source of the rule of thumb: A. Karpathy, "makemore" part 3. Conventions as in :func:`relative_change`.
    """
    return {name: _ratio(after[name] - start, rms(start)) for name, start in _same_shapes(before, after)}


def _ratio(change: np.ndarray, scale: float) -> float:
    moved = rms(change)
    if moved == 0:
        return 0.0
    return moved / float(scale) if scale > 0 else float("inf")


def _same_shapes(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]):
    for name, start in before.items():
        if np.shape(after[name]) != np.shape(start):
            raise ValueError(f"{name}: shape {np.shape(start)} before, {np.shape(after[name])} after")
        yield name, np.asarray(start, np.float64)
