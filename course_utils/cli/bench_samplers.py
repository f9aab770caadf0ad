"""``course bench``: the two patch samplers beside what else reads patches: interpolation calls, and TensorFlow's own operation."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from course_utils.layers import sample_patches

#: The work: a documented batch of grey crops, 68 points each, patches of the documented side.
BATCH, SIDE, POINTS, PATCH = 60, 226, 68, 30
TWO_AXES = "map_coordinates, two axes"
#: Ours → how many times faster than ``TWO_AXES`` it should be.
GOALS = {"integer": 8.0, "bilinear": 5.0}
#: The four-axis call is so slow that it gets fewer rounds.
ROUNDS, SLOW_ROUNDS = 9, 3


def measure() -> list[dict]:
    """One row a method: milliseconds of the median round, and how many times faster it is than ``map_coordinates`` over two axes.

    Every method is compiled where the backend compiles (TensorFlow, JAX; PyTorch runs eagerly), is given the same images and points, and its patches are compared with a reference first, so
    that like is timed with like: bilinear reading, or, for ``integer`` and ``extract_glimpse``, points on whole pixels.
    Rounds of all methods alternate, so that a busy machine slows all alike.
    """
    rng = np.random.default_rng(0)
    images = ops.convert_to_tensor(rng.random((BATCH, SIDE, SIDE, 1), dtype="float32"))
    points = rng.uniform(PATCH, SIDE - PATCH, (BATCH, POINTS, 2)).astype("float32")
    whole = ops.convert_to_tensor(np.round(points))
    points = ops.convert_to_tensor(points)
    methods: dict[str, tuple[Callable, object]] = {
        "integer": (lambda x, p: sample_patches(x, p, PATCH, how="integer"), whole),
        "bilinear": (lambda x, p: sample_patches(x, p, PATCH, how="bilinear"), points),
        TWO_AXES: (_two_axes, points),
        "map_coordinates, four axes": (_four_axes, points),
    }
    if keras.backend.backend() == "tensorflow":
        methods["extract_glimpse (C++)"] = (_glimpses, whole)
    calls = {name: (_compiled(method), at) for name, (method, at) in methods.items()}
    for name, (call, at) in calls.items():
        reference = sample_patches(images, at, PATCH, how="bilinear")
        found = ops.convert_to_numpy(call(images, at))
        np.testing.assert_allclose(found, ops.convert_to_numpy(reference), atol=2e-3, err_msg=name)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(ROUNDS):
        for name, (call, at) in calls.items():
            if "four" in name and round_ >= SLOW_ROUNDS:
                continue
            began = time.perf_counter()
            ops.convert_to_numpy(call(images, at))
            seconds[name].append(time.perf_counter() - began)
    medians = {name: float(np.median(found)) for name, found in seconds.items()}
    return [
        {
            "what": f"{POINTS}×{BATCH} grey patches of {PATCH}×{PATCH}: {name}",
            "ms": round(1000 * median, 1),
            "times_faster_than_two_axes": round(medians[TWO_AXES] / median, 2),
            **({"goal": GOALS[name]} if name in GOALS else {}),
        }
        for name, median in medians.items()
    ]


def _compiled(call: Callable) -> Callable:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

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
    rows, columns = _corners(points)
    first = SIDE * ops.arange(BATCH, dtype="float32")[:, None, None]
    rows = ops.broadcast_to((rows + first)[..., :, None], (BATCH, POINTS, PATCH, PATCH))
    columns = ops.broadcast_to(columns[..., None, :], (BATCH, POINTS, PATCH, PATCH))
    stacked = ops.reshape(images, (BATCH * SIDE, SIDE))
    return ops.image.map_coordinates(stacked, ops.stack([rows, columns]), order=1)[..., None]


def _four_axes(images, points):
    """What one writes first: a coordinate for each axis of the batch, so that batch and channel are interpolated, too."""
    rows, columns = _corners(points)
    shape = (BATCH, POINTS, PATCH, PATCH, 1)
    batch = ops.broadcast_to(ops.arange(BATCH, dtype="float32")[:, None, None, None, None], shape)
    rows = ops.broadcast_to(rows[..., :, None, None], shape)
    columns = ops.broadcast_to(columns[..., None, :, None], shape)
    return ops.image.map_coordinates(images, ops.stack([batch, rows, columns, ops.zeros(shape)]), order=1)


def _glimpses(images, points):
    """TensorFlow's own operation, one call a landmark. Its offsets are the window's upper left corner, as (y, x)."""
    import tensorflow as tf

    corners = points[..., ::-1] - PATCH // 2
    glimpses = [
        tf.image.extract_glimpse(images, (PATCH, PATCH), corners[:, k], centered=False, normalized=False, noise="zero")
        for k in range(POINTS)
    ]
    return tf.stack(glimpses, axis=1)
