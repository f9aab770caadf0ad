"""What a unit sees of the input: its receptive field by arithmetic, and by gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops


@dataclass(frozen=True)
class Field:
    """What one unit behind a layer sees: ``side`` px of the input across, and ``stride`` px from one unit to the next."""

    layer: str
    side: int
    stride: int


def receptive_fields(model: keras.Sequential) -> list[Field]:
    """Side and stride of the receptive field behind each convolution and pooling layer, first to last, in px of the input.

    With kernel k and stride s, a layer adds ``(k − 1) · stride so far`` to the side and multiplies the stride by s; dilation
    spreads the kernel. Layers without a window (activation, normalisation, dropout) change nothing; it ends before the
    first layer that mixes all places (flatten, global pooling). Near a border part of the field lies in the padding.
    Raises ValueError for a model that is no chain of layers, for layers that enlarge, and for a window that is not as high
    as wide. Lesson 42_expressions_convnet.
    """
    return list(_fields(_chain(model)))


def _chain(model: keras.Model) -> list[layers.Layer]:
    if not isinstance(model, keras.Sequential):
        raise ValueError(f"{type(model).__name__}: expected a keras.Sequential, one layer after the other")
    return [own for layer in model.layers for own in (_chain(layer) if isinstance(layer, keras.Model) else [layer])]


def _fields(stack: Sequence[layers.Layer]) -> Iterator[Field]:
    side = stride = 1
    for layer in stack:
        if isinstance(layer, layers.Flatten | layers.Dense | layers.Reshape) or "Global" in type(layer).__name__:
            return
        if "Transpose" in type(layer).__name__ or type(layer).__name__.startswith("UpSampling"):
            raise ValueError(
                f"{layer.name}: found a {type(layer).__name__}, expected layers that keep the size or shrink it"
            )
        window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
        if window is None:
            continue
        kernel, step, spread = (
            _one(layer, value) for value in (window, layer.strides, getattr(layer, "dilation_rate", 1))
        )
        side += (kernel - 1) * spread * stride
        stride *= step
        yield Field(layer.name, side, stride)


def _one(layer: layers.Layer, value: int | Sequence[int]) -> int:
    values = {value} if isinstance(value, int) else set(value)
    if len(values) != 1:
        raise ValueError(f"{layer.name}: found window {tuple(value)}, expected one as high as wide")
    return int(values.pop())


def influence(model: keras.Model, layer: str, images: np.ndarray, unit: tuple[int, int]) -> np.ndarray:
    """How much each input pixel moves the units of ``layer`` at place ``unit`` (row, column): ``(H, W)`` float32, 0 or more.

    The gradient of the sum over channels of the squared activations there, as a root of the mean square over ``images``
    ``(N, H, W, C)`` and their channels. One channel, or one image, is often too sparse: behind a ReLU and a maximum most
    paths are shut. Pixels outside the receptive field are exactly 0. Works on every backend through one layer's probe
    model. Raises ValueError for an unknown layer (Keras' own), for one whose output is no ``(N, H, W, C)`` and for images
    that are none or no ``(N, H, W, C)``; IndexError for a place outside the output.
    """
    if np.ndim(images) != 4 or not len(images):
        raise ValueError(f"images {np.shape(images)}: expected (N, H, W, C), N 1 or more")
    part = keras.Model(model.inputs, model.get_layer(layer).output)
    if len(part.output_shape) != 4 or None in part.output_shape[1:3]:
        raise ValueError(f"{layer} gives {part.output_shape}: expected (N, H, W, C) of a known size")
    height, width = part.output_shape[1:3]
    row, column = unit
    if not (0 <= row < height and 0 <= column < width):
        raise IndexError(f"unit {unit}: expected a place in the {height}×{width} output of {layer}")
    gradient = _input_gradient(part, ops.convert_to_tensor(images, dtype="float32"), row, column)
    return np.sqrt(np.mean(np.square(gradient), axis=(0, -1)))


def _input_gradient(part: keras.Model, images, row: int, column: int) -> np.ndarray:
    def score(x):
        return ops.sum(ops.square(part(x, training=False)[:, row, column]))

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(images)
            total = score(images)
        return tape.gradient(total, images).numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(score)(images))
    import torch

    images = images.clone().requires_grad_(True)
    return torch.autograd.grad(score(images), images)[0].cpu().numpy()  # leaves the weights' own .grad alone
