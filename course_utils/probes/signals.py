"""What comes back through a network: the gradient of the loss in the output of each layer, on every backend."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from course_utils.probes.gradients import loss_of


def output_gradients(
    model: keras.Sequential, x: np.ndarray, y: np.ndarray, loss: Callable | None = None
) -> dict[str, np.ndarray]:
    """Gradient of the mean loss over the batch ``(x, y)`` in the output of each layer, by the layer's name.

    model: a built Sequential; dropout and the like act as in inference. loss: a function of (truth, prediction) that gives
    one number an example, or their mean; default: the model's own. The gradients are of the outputs' shapes, batch first.
    Raises ValueError for a model that is no Sequential or not built, and as ``loss_of`` does. Lesson 51_beyond.
    """
    loss = loss_of(model) if loss is None else keras.losses.get(loss)
    if not isinstance(model, keras.Sequential) or not model.built:
        raise ValueError(
            f"model {model.name!r} is a {type(model).__name__}, built: {model.built}; expected a built Sequential"
        )
    layers = model.layers
    y = keras.ops.convert_to_tensor(y)

    def mean_loss(added: list):
        h = x
        for layer, more in zip(layers, added, strict=True):
            h = layer(h, training=False) + more  # a zero: its gradient is that of the output
        return keras.ops.mean(loss(y, h))

    x = keras.ops.convert_to_tensor(x, layers[0].compute_dtype)
    zeros = [keras.ops.zeros((len(x), *layer.output.shape[1:]), layer.compute_dtype) for layer in layers]
    backend = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    found = [keras.ops.convert_to_numpy(one) for one in backend(mean_loss, zeros)]
    return dict(zip((layer.name for layer in layers), found, strict=True))


def _tensorflow(function: Callable, at: list) -> list:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at)


def _jax(function: Callable, at: list) -> list:
    import jax

    return jax.grad(function)(at)


def _torch(function: Callable, at: list) -> list:
    import torch

    at = [one.requires_grad_(True) for one in at]
    return list(torch.autograd.grad(function(at), at))
