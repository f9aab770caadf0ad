"""What a model and its layers answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from course_utils.probes.gradients import loss_of
from course_utils.probes.weights import untouched


def _watching(model: keras.Model) -> contextlib.AbstractContextManager:
    """While measuring: no state of the model changes, and PyTorch keeps no record for gradients."""
    stack = contextlib.ExitStack()
    stack.enter_context(untouched(model))
    if keras.backend.backend() == "torch":
        import torch

        stack.enter_context(torch.no_grad())
    return stack


def _batches(x: np.ndarray, batch_size: int) -> Iterator[slice]:
    if not len(x):
        raise ValueError("no rows: a probe needs at least one")
    return (slice(i, i + batch_size) for i in range(0, len(x), batch_size))


def loss(model: keras.Model, x: np.ndarray, y: np.ndarray, *, training: bool = False, batch_size: int = 256) -> float:
    """Mean loss per example over ``(x, y)``, without regularisation. At the start a K-class softmax should give about ln K.

    training: whether layers such as dropout and batch norm act as in training; the model is left as it was.
    Raises ValueError for no rows, and as :func:`~course_utils.probes.gradients.loss_of` does. Lesson 10_digits_convnet.
    """
    loss_function = loss_of(model)
    total = 0.0
    with _watching(model):
        for rows in _batches(x, batch_size):
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

    The model must be Sequential or functional; it is left as it was. Raises ValueError for a layer the model does not
    have and for no rows. Lesson 11_digits_frozen_filters.
    """
    names = list(names) if names is not None else [layer.name for layer in model.layers]
    parts = list(_activations_by_batch(model, x, names, training, batch_size))
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _activations_by_batch(
    model: keras.Model, x: np.ndarray, names: list[str], training: bool = False, batch_size: int = 256
) -> Iterator[dict[str, np.ndarray]]:
    watcher = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    with _watching(model):
        for rows in _batches(x, batch_size):
            values = watcher(keras.ops.convert_to_tensor(x[rows]), training=training)
            values = values if isinstance(values, list | tuple) else [values]
            yield {name: keras.ops.convert_to_numpy(v) for name, v in zip(names, values, strict=True)}


def dead_units(model: keras.Model, x: np.ndarray, name: str) -> np.ndarray:
    """Which units (last axis) of layer ``name`` are never positive on any row and place of ``x``: booleans ``(units,)``.

    For a ReLU layer a unit that is dead on the whole training set gets no gradient and stays dead. Memory: one batch.
    Lesson 11_digits_frozen_filters.
    """
    largest = [
        part[name].max(axis=tuple(range(part[name].ndim - 1))) for part in _activations_by_batch(model, x, [name])
    ]
    return np.max(largest, axis=0) <= 0


def dropped_share(model: keras.Model, x: np.ndarray, name: str) -> float:
    """Share of the values entering dropout layer ``name`` (those that are not 0 already) that it sets to 0 in training.

    Lesson 10_digits_convnet. Raises ValueError when nothing but zeros enters the layer.
    """
    layer = model.get_layer(name)
    watcher = keras.Model(model.inputs, layer.input)
    alive = dropped = 0
    with _watching(model):
        for rows in _batches(x, 256):
            entering = watcher(keras.ops.convert_to_tensor(x[rows]), training=False)
            leaving = keras.ops.convert_to_numpy(layer(entering, training=True))
            live = keras.ops.convert_to_numpy(entering) != 0
            alive, dropped = alive + live.sum(), dropped + (leaving[live] == 0).sum()
    if not alive:
        raise ValueError(f"only zeros enter layer {name!r}: no share to measure")
    return float(dropped / alive)


def train_inference_gap(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Mean loss on the same rows with layers acting as in training, as in inference, and the difference. Lesson 10_digits_convnet."""
    in_training, in_inference = loss(model, x, y, training=True), loss(model, x, y, training=False)
    return {"training": in_training, "inference": in_inference, "gap": in_training - in_inference}


def constant_baselines(y: np.ndarray) -> dict[str, float]:
    """What the best answers that ignore the input would score on targets ``y``.

    Integer labels ``(N,)``: ``accuracy`` of always naming the commonest class, and ``cross_entropy`` (nats) of always
    answering with the class shares. Real targets ``(N, …)``: mean squared error of always answering ``zero`` or the ``mean``.
    Raises ValueError for no rows. Lesson 10_digits_convnet.
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
