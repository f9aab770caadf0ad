"""``course bench``: the two patch samplers beside what else reads patches: interpolation calls, and TensorFlow's own operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from course_utils.cli.bench.timing import Row, must_agree, rows, take_turns
from course_utils.layers import sample_patches

ABOUT = "the two patch samplers and what else reads patches"

#: The work: a documented batch of grey crops, 68 points each, patches of the documented side.
BATCH, SIDE, POINTS, PATCH = 60, 226, 68, 30
TWO_AXES = "map_coordinates, two axes"
#: Ours → how many times faster than ``TWO_AXES`` it should be.
GOALS = {"integer": 8.0, "bilinear": 5.0}
#: The four-axis call is so slow that it gets fewer rounds.
ROUNDS, SLOW_ROUNDS = 9, 3


def measure() -> list[Row]:
    """One row a method: milliseconds of the median round, and how many times as fast it is as ``map_coordinates`` over two axes.

    Every method is compiled where the backend compiles (TensorFlow, JAX; PyTorch runs eagerly), and its patches are compared
    with a reference first: bilinear reading, or, for ``integer`` and ``extract_glimpse``, points on whole pixels.
    """
    images, points, whole = _batch(BATCH)
    methods: dict[str, tuple[Callable, object]] = {
        "integer": (_integer, whole),
        "bilinear": (_bilinear, points),
        TWO_AXES: (_two_axes, points),
        "map_coordinates, four axes": (_four_axes, points),
    }
    if keras.backend.backend() == "tensorflow":
        methods["extract_glimpse (C++)"] = (_glimpses, whole)
    calls = {name: partial(_numbers, _compiled(method), images, at) for name, (method, at) in methods.items()}
    for name, (_, at) in methods.items():
        reference = ops.convert_to_numpy(sample_patches(images, at, PATCH, how="bilinear"))
        must_agree("patches", {name: calls[name](), "bilinear reading": reference}, "bilinear reading", within=2e-3)
    seconds = take_turns(calls, rounds=ROUNDS, few={"map_coordinates, four axes": SLOW_ROUNDS})
    return rows(
        seconds,
        TWO_AXES,
        about=f"{POINTS}×{BATCH} grey patches of {PATCH}×{PATCH}: ",
        why_fair="the same images and points, compiled alike, and patches equal to 0.002 of the range (checked); integer and extract_glimpse, "
        "which read whole pixels only, are checked at rounded points",
        goals=GOALS,
    )


def growing(folder: Path) -> list[tuple[str, Callable[[int], Callable[[], Any]], int, str]]:
    """What ``scaling`` doubles: name, number of images in a batch → call, the first number, its unit."""
    del folder
    methods = {"integer": _integer, "bilinear": _bilinear, TWO_AXES: _two_axes}
    if keras.backend.backend() == "tensorflow":
        methods["extract_glimpse (C++)"] = _glimpses

    def work(method: Callable, number: int) -> Callable[[], Any]:
        images, _, whole = _batch(number)
        return partial(_numbers, _compiled(method), images, whole)

    return [(f"sampler: {name}", partial(work, method), 4, "images") for name, method in methods.items()]


def _batch(number: int) -> tuple[Any, Any, Any]:
    """Images, points and the same points on whole pixels, as tensors."""
    rng = np.random.default_rng(0)
    images = rng.random((number, SIDE, SIDE, 1), dtype="float32")
    points = rng.uniform(PATCH, SIDE - PATCH, (number, POINTS, 2)).astype("float32")
    images, points, whole = map(ops.convert_to_tensor, (images, points, np.round(points)))
    return images, points, whole


def _numbers(call: Callable, images: Any, points: Any) -> np.ndarray:
    return ops.convert_to_numpy(call(images, points))


def _integer(images, points):
    return sample_patches(images, points, PATCH, how="integer")


def _bilinear(images, points):
    return sample_patches(images, points, PATCH, how="bilinear")


def _compiled(call: Callable) -> Callable:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # it warns of many functions made, which is what is wanted here
        return tf.function(call)
    if backend == "jax":
        import jax

        return jax.jit(call)
    return call


def _corners(points):
    """Rows and columns ``(B, K, P)`` that bilinear patches are read at."""
    offsets = ops.arange(PATCH, dtype="float32") - PATCH // 2
    return points[..., 1, None] + offsets, points[..., 0, None] + offsets


def _two_axes(images, points):
    """The images of the batch stacked as one picture, which is read at places with two coordinates."""
    down, across = _corners(points)
    number = images.shape[0]
    shape = (number, POINTS, PATCH, PATCH)
    first = SIDE * ops.arange(number, dtype="float32")[:, None, None]
    down = ops.broadcast_to((down + first)[..., :, None], shape)
    across = ops.broadcast_to(across[..., None, :], shape)
    stacked = ops.reshape(images, (number * SIDE, SIDE))
    return ops.image.map_coordinates(stacked, ops.stack([down, across]), order=1)[..., None]


def _four_axes(images, points):
    """What one writes first: a coordinate for each axis of the batch, so that batch and channel are interpolated, too."""
    down, across = _corners(points)
    number = images.shape[0]
    shape = (number, POINTS, PATCH, PATCH, 1)
    batch = ops.broadcast_to(ops.arange(number, dtype="float32")[:, None, None, None, None], shape)
    down = ops.broadcast_to(down[..., :, None, None], shape)
    across = ops.broadcast_to(across[..., None, :, None], shape)
    return ops.image.map_coordinates(images, ops.stack([batch, down, across, ops.zeros(shape)]), order=1)


def _glimpses(images, points):
    """TensorFlow's own operation, one call a landmark. Its offsets are the window's upper left corner, as (y, x)."""
    import tensorflow as tf

    corners = points[..., ::-1] - PATCH // 2
    glimpses = [
        tf.image.extract_glimpse(images, (PATCH, PATCH), corners[:, k], centered=False, normalized=False, noise="zero")
        for k in range(POINTS)
    ]
    return tf.stack(glimpses, axis=1)
