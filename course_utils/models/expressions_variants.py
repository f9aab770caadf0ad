"""What the FER2013 write-up left to try, where it takes other layers than ``models.expressions.convnet`` has. Floor 2.

Lesson 44_expressions_regularisation.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops, regularizers

from course_utils.models.expressions import KERNEL_STD, WIDTHS


class BatchNormByHand(layers.Layer):
    """Batch normalisation in ten lines of ``keras.ops``: γ · (x − mean) / √(variance + ε) + β for each channel (last axis).

    In training, mean and variance are the batch's own, over all other axes, and the moving ones go a share ``1 − momentum``
    of the way to them; in inference the moving ones are used. Any shape ``(N, …, C)`` to the same shape.
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(shape=shape, initializer="ones", trainable=False, name="moving_variance")

    def call(self, x, training=False):
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.moments(x, axes=list(range(len(x.shape) - 1)))
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return self.gamma * (x - mean) / ops.sqrt(variance + self.epsilon) + self.beta


def with_batch_norm_by_hand(stack: Sequence[layers.Layer]) -> list[layers.Layer]:
    """The layers, each ``BatchNormalization`` among them replaced by a :class:`BatchNormByHand`.

    Name, momentum and ε are kept; γ and β are always there.
    """
    return [
        BatchNormByHand(one.momentum, one.epsilon, name=one.name) if isinstance(one, layers.BatchNormalization) else one
        for one in stack
    ]


def stacked(
    network: str = "documented",
    *,
    kernels: Sequence[Sequence[int]] = ((5,), (5,), (5,)),
    dropout_rate: float = 0.0,
    l2: float = 0.002,
    kernel_init: str | None = None,
    momentum: float = 0.99,
    classes: int = 7,
) -> keras.Sequential:
    """The convnet with batch normalisation everywhere, each of its blocks with convolutions of the given sizes.

    kernels: for each of the three blocks, the edges of its convolutions in px, ``(5,)`` as documented: ``(3,)`` is smaller,
    ``(3, 3)`` sees as far as one 5×5 and is deeper. Each is followed by batch normalisation and ReLU, each block by max pool
    3×3 / 2. dropout_rate: share *dropped* after pool 3, FC 1 and FC 2. l2: on the kernels of FC 1 and FC 2. momentum:
    of every batch normalisation. kernel_init: of all kernels; None is the documented spread for convolutions of 5×5, scaled by √(25 / pixels of the kernel).

    Maps images ``(N, 48, 48, 1)`` in [0, 1] to logits ``(N, classes)``. Raises KeyError for an unknown ``network``,
    ValueError for other than three blocks.
    """
    filters, units = WIDTHS[network]
    stack: list[layers.Layer] = [keras.Input((48, 48, 1))]
    for block, (count, edges) in enumerate(zip(filters, kernels, strict=True), start=1):
        for place, edge in enumerate(edges, start=1):
            name = f"{block}_{place}" if len(edges) > 1 else f"{block}"
            start = kernel_init or keras.initializers.TruncatedNormal(stddev=KERNEL_STD[f"conv_{block}"] * 5 / edge)
            conv = layers.Conv2D(
                count, edge, padding="same", use_bias=False, kernel_initializer=start, name=f"conv_{name}"
            )
            stack += [
                conv,
                layers.BatchNormalization(momentum=momentum, name=f"bn_{name}"),
                layers.Activation("relu", name=f"relu_{name}"),
            ]
        stack.append(layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool_{block}"))
    stack += [layers.Flatten(name="flatten"), layers.Dropout(dropout_rate, name="dropout_0")]
    for n, count in enumerate(units, start=1):
        start = kernel_init or keras.initializers.TruncatedNormal(stddev=KERNEL_STD[f"fc_{n}"])
        decay = regularizers.L2(l2) if l2 else None
        dense = layers.Dense(count, use_bias=False, kernel_initializer=start, kernel_regularizer=decay, name=f"fc_{n}")
        stack += [
            dense,
            layers.BatchNormalization(momentum=momentum, name=f"bn_fc_{n}"),
            layers.Activation("relu", name=f"relu_fc_{n}"),
        ]
        stack.append(layers.Dropout(dropout_rate, name=f"dropout_{n}"))
    start = kernel_init or keras.initializers.TruncatedNormal(stddev=KERNEL_STD["logits"])
    stack.append(layers.Dense(classes, kernel_initializer=start, name="logits"))
    return keras.Sequential(stack, name=f"expressions_stacked_{network}")


def augmentation(
    *,
    flip: bool = False,
    rotation: float = 0.0,
    noise: float = 0.0,
    brightness: float = 0.0,
    zoom: float = 0.0,
    shift: float = 0.0,
    seed: int,
) -> list[layers.Layer]:
    """Keras' own layers that change pictures ``(N, 48, 48, 1)`` in [0, 1] in training, and pass them on in inference.

    Keras' image layers take ``training=True`` when nobody says otherwise: call a model with them by ``predict``, or say it.

    flip: mirror each with probability 0.5. rotation: turn each by up to so many *radians* either way (the layer's own unit is
    a whole turn), the corners black. zoom: enlarge each by up to this share, the edges are cropped. shift: move each by up to
    this share of its edge, either way. brightness: add up to this, either way, cut at 0 and 1. noise: standard deviation of
    normal noise on each pixel. Every picture of a batch gets numbers of its own. In this order; what is 0 is left out.
    """
    black = {"fill_mode": "constant", "fill_value": 0.0}
    found: list[layers.Layer] = []
    if flip:
        found.append(layers.RandomFlip("horizontal", seed=seed, name="flip"))
    if rotation:
        found.append(layers.RandomRotation(rotation / (2 * np.pi), seed=seed + 1, name="rotation", **black))
    if zoom:
        found.append(layers.RandomZoom((-zoom, 0.0), seed=seed + 2, name="zoom", **black))
    if shift:
        found.append(layers.RandomTranslation(shift, shift, seed=seed + 3, name="shift", **black))
    if brightness:
        found.append(layers.RandomBrightness(brightness, value_range=(0, 1), seed=seed + 4, name="brightness"))
    if noise:
        found.append(layers.GaussianNoise(noise, seed=seed + 5, name="noise"))
    return found
