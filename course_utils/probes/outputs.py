"""What a model and its layers answer."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np

from course_utils.probes.gradients import loss_of


def _in_batches(function, x: np.ndarray, batch_size: int) -> list[np.ndarray]:
    parts = [function(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def loss(model: keras.Model, x: np.ndarray, y: np.ndarray, *, training: bool = False, batch_size: int = 256) -> float:
    """Mean loss per example over ``(x, y)``. At initialisation a K-class softmax should give about ln K.

    training: whether layers such as dropout and batch norm act as in training. Lesson 11_digits_frozen_filters.
    Raises ValueError when the model has no loss.
    """
    loss_function = loss_of(model)
    total = 0.0
    for i in range(0, len(x), batch_size):
        rows = slice(i, i + batch_size)
        prediction = model(keras.ops.convert_to_tensor(x[rows]), training=training)
        value = keras.ops.mean(loss_function(keras.ops.convert_to_tensor(y[rows]), prediction))
        total += float(keras.ops.convert_to_numpy(value)) * len(x[rows])
    return total / len(x)


def activations(
    model: keras.Model,
    x: np.ndarray,
    names: Iterable[str] | None = None,
    *,
    training: bool = False,
    batch_size: int = 256,
) -> dict[str, np.ndarray]:
    """Outputs of the named layers (default: all) on ``x``, by layer name; first axis = rows of ``x``.

    The model must be Sequential or functional. Raises ValueError for a layer the model does not have.
    """
    names = list(names) if names is not None else [layer.name for layer in model.layers]
    watcher = keras.Model(model.inputs, [model.get_layer(name).output for name in names])

    def outputs(rows: np.ndarray) -> list[np.ndarray]:
        values = watcher(keras.ops.convert_to_tensor(rows), training=training)
        return [keras.ops.convert_to_numpy(v) for v in (values if isinstance(values, list | tuple) else [values])]

    return dict(zip(names, _in_batches(outputs, x, batch_size), strict=True))


def dead_units(model: keras.Model, x: np.ndarray, name: str) -> np.ndarray:
    """Which units (last axis) of layer ``name`` are never positive on any row and place of ``x``: booleans ``(units,)``.

    For a ReLU layer a unit that is dead on the whole training set gets no gradient and stays dead.
    Lesson 11_digits_frozen_filters.
    """
    values = activations(model, x, [name])[name]
    return values.max(axis=tuple(range(values.ndim - 1))) <= 0


def dropped_share(model: keras.Model, x: np.ndarray, name: str) -> float:
    """Share of the values entering dropout layer ``name`` (those that are not 0 already) that it sets to 0 in training.

    Lesson 10_digits_convnet. Raises ValueError when nothing but zeros enters the layer.
    """
    layer = model.get_layer(name)
    watcher = keras.Model(model.inputs, layer.input)
    entering = watcher(keras.ops.convert_to_tensor(x), training=False)
    leaving = keras.ops.convert_to_numpy(layer(entering, training=True))
    alive = keras.ops.convert_to_numpy(entering) != 0
    if not alive.any():
        raise ValueError(f"only zeros enter layer {name!r}: no share to measure")
    return float(np.mean(leaving[alive] == 0))


def train_inference_gap(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Mean loss on the same rows with layers acting as in training, as in inference, and the difference."""
    in_training, in_inference = loss(model, x, y, training=True), loss(model, x, y, training=False)
    return {"training": in_training, "inference": in_inference, "gap": in_training - in_inference}


def constant_baselines(y: np.ndarray) -> dict[str, float]:
    """What the best answers that ignore the input would score on targets ``y``.

    Integer labels ``(N,)``: ``accuracy`` of always naming the commonest class, and ``cross_entropy`` (nats) of always
    answering with the class shares. Real targets ``(N, …)``: mean squared error of always answering ``zero`` or the ``mean``.
    Raises ValueError for no rows.
    """
    y = np.asarray(y)
    if not len(y):
        raise ValueError("no rows: a baseline needs at least one")
    if np.issubdtype(y.dtype, np.integer) and y.ndim == 1:
        shares = np.bincount(y) / len(y)
        present = shares[shares > 0]
        return {"accuracy": float(shares.max()), "cross_entropy": float(-(present * np.log(present)).sum())}
    y = y.astype(np.float64)
    return {"zero": float(np.mean(y**2)), "mean": float(np.mean((y - y.mean(axis=0)) ** 2))}
