"""What the loss asks of each variable, on every backend."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from course_utils.metrics import rms
from course_utils.probes.weights import names_of, untouched


def gradients(model: keras.Model, x: np.ndarray, y: np.ndarray, *, training: bool = False) -> dict[str, np.ndarray]:
    """Gradient of the mean loss over the batch ``(x, y)`` for each trainable variable, by ``layer/name``.

    Uses the loss the model was compiled with, without regularisation. training: whether layers such as dropout act as
    in training; the model is left as it was. Raises ValueError as :func:`loss_of` does. Lesson 11_digits_frozen_filters.
    """
    loss_function = loss_of(model)
    x, y = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    by_backend = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    with untouched(model):
        found = by_backend(model, x, y, loss_function, training)
    variables = model.trainable_variables
    values = [
        np.zeros(v.shape, np.float32) if g is None else np.array(keras.ops.convert_to_numpy(g))
        for v, g in zip(variables, found, strict=True)
    ]
    return dict(zip(names_of(variables), values, strict=True))


def gradient_rms(model: keras.Model, x: np.ndarray, y: np.ndarray, *, training: bool = False) -> dict[str, float]:
    """Root mean square of each variable's gradient; arguments and errors as in :func:`gradients`."""
    return {name: rms(value) for name, value in gradients(model, x, y, training=training).items()}


def loss_of(model: keras.Model) -> Callable:
    """The loss a model was compiled with, as a function of (truth, prediction).

    Raises ValueError when there is none, or when it sums over the batch: a probe speaks of the mean per example.
    """
    given = getattr(model, "loss", None)
    if given is None:
        raise ValueError(f"model {model.name!r} has no loss: compile it first")
    if getattr(given, "reduction", None) in ("sum", "none"):
        raise ValueError(
            f"model {model.name!r} has a loss with reduction {given.reduction!r}; expected a mean per example"
        )
    return keras.losses.get(given)


def _mean_loss(loss_function: Callable, y, prediction):
    return keras.ops.mean(loss_function(y, prediction))


def _tensorflow(model, x, y, loss_function, training):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = _mean_loss(loss_function, y, model(x, training=training))
    return tape.gradient(value, [v.value for v in model.trainable_variables])


def _jax(model, x, y, loss_function, training):
    import jax

    fixed = [v.value for v in model.non_trainable_variables]

    def value(trainable):
        prediction, _ = model.stateless_call(trainable, fixed, x, training=training)
        return _mean_loss(loss_function, y, prediction)

    return jax.grad(value)([v.value for v in model.trainable_variables])


def _torch(model, x, y, loss_function, training):
    import torch

    value = _mean_loss(loss_function, y, model(x, training=training))
    return torch.autograd.grad(value, [v.value for v in model.trainable_variables], allow_unused=True)
