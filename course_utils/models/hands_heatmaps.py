"""Joints as heat-maps: a small fully convolutional network, its targets, losses and decoders. Floor 2.

Made for Stack Overflow 50415450 (2018), where such a network draws nothing but zeros. Its ResNet-50 is not rebuilt: the
question gives neither loss nor rate. Lesson 23_hands_heatmaps.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops


def gaussian_maps(points: np.ndarray, height: int, width: int, sigma: float = 1.0) -> np.ndarray:
    """One map per point, 1 at the point and falling off as a Gaussian: ``(N, K, 2)`` as (x, y) px → ``(N, height, width, K)`` float32.

    sigma: standard deviation in px. Raises ValueError for another shape, or a sigma that is not above 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma {sigma}: expected above 0")
    points = np.asarray(points)
    if points.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(f"points {points.shape}: expected (N, K, 2)")
    x, y = np.moveaxis(points, -1, 0)[:, :, None]
    across = np.exp(-((np.arange(width)[:, None] - x) ** 2) / (2 * sigma**2))
    down = np.exp(-((np.arange(height)[:, None] - y) ** 2) / (2 * sigma**2))
    return (down[:, :, None] * across[:, None]).astype(np.float32)


def heatmap_net(
    height: int = 60,
    width: int = 80,
    *,
    joints: int = 16,
    head_init: str | keras.initializers.Initializer = "glorot_uniform",
    activation: str | None = None,
) -> keras.Model:
    """Frames ``(N, H, W, 1)`` → one map of the same size per joint, ``(N, H, W, joints)``. Raises ValueError unless H and W are multiples of 4.

    Two strided convolutions, three dilated ones (so that each place sees the whole hand), a skip connection, and a 1×1
    convolution, the *head*. head_init: its start weights. activation: of the maps; None is linear.
    """

    if height % 4 or width % 4:
        raise ValueError(f"{height}×{width}: expected multiples of 4")

    def conv(x, filters: int, size: int = 3, **options):
        return layers.Conv2D(
            filters, size, padding="same", activation="relu", kernel_initializer="he_normal", **options
        )(x)

    frame = keras.Input((height, width, 1), name="frame")
    fine = conv(frame, 16, 5, strides=2, name="fine")
    coarse = conv(fine, 32, strides=2, name="coarse")
    for dilation in (1, 2, 4):
        coarse = conv(coarse, 32, dilation_rate=dilation, name=f"dilated_{dilation}")
    both = layers.Concatenate(name="skip")([layers.UpSampling2D(2, interpolation="bilinear", name="up")(coarse), fine])
    features = conv(both, 16, name="features")
    maps = layers.Conv2D(joints, 1, kernel_initializer=head_init, name="head")(features)
    maps = layers.UpSampling2D(2, interpolation="bilinear", name="maps")(maps)
    if activation is not None:
        maps = layers.Activation(activation, name="activation")(maps)
    return keras.Model(frame, maps, name="hands_heatmaps")


def weighted_squares(weight: float) -> Callable:
    """A loss ``(N, H, W, K)`` twice → ``(N,)``: mean of (1 + weight · target) · (target − predicted)².

    At a joint a mistake costs 1 + weight times as much as far from one.
    """

    def weighted_mean_squared_error(target, predicted):
        target, predicted = ops.convert_to_tensor(target), ops.convert_to_tensor(predicted)
        return ops.mean((1 + weight * target) * ops.square(target - predicted), axis=(1, 2, 3))

    return weighted_mean_squared_error


def log_shares(maps):
    """Logarithm of each map's softmax over its pixels: ``(N, H, W, K)`` → the same shape."""
    maps = ops.convert_to_tensor(maps)
    # not ops.log_softmax(maps, axis=(1, 2)): on TensorFlow, Keras 3.15 fails on two axes when the batch size is open
    return maps - ops.logsumexp(maps, axis=(1, 2), keepdims=True)


def map_cross_entropy(target, predicted):
    """A loss ``(N, H, W, K)`` twice → ``(N,)``, nats: cross-entropy of each map's softmax against the target scaled to sum 1.

    It asks "which pixel?", to which black is no answer.
    """
    target, predicted = ops.convert_to_tensor(target), ops.convert_to_tensor(predicted)
    share = target / ops.maximum(ops.sum(target, axis=(1, 2), keepdims=True), 1e-7)  # a map without a dot asks nothing
    return -ops.mean(ops.sum(share * log_shares(predicted), axis=(1, 2)), axis=-1)


def soft_argmax(maps):
    """Mean place under each map's softmax: ``(N, H, W, K)`` → ``(N, K, 2)`` as (x, y) px; passes gradients.

    Source of the name: D. Luvizon, H. Tabia, D. Picard, arXiv 1710.02322.
    """
    share = ops.exp(log_shares(maps))
    x = ops.sum(ops.sum(share, axis=1) * ops.arange(maps.shape[2], dtype="float32")[:, None], axis=1)
    y = ops.sum(ops.sum(share, axis=2) * ops.arange(maps.shape[1], dtype="float32")[:, None], axis=1)
    return ops.stack([x, y], axis=-1)


def brightest_pixel(maps: np.ndarray) -> np.ndarray:
    """Where each map is largest, the first place of equals: ``(N, H, W, K)`` → ``(N, K, 2)`` as (x, y) px, NumPy."""
    count, height, width, points = np.shape(maps)
    place = np.reshape(maps, (count, height * width, points)).argmax(axis=1)
    return np.stack([place % width, place // width], axis=-1)
