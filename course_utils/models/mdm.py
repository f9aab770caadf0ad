"""The Mnemonic Descent Method: 68 patches, one small convnet, one recurrent layer, a few steps from a start shape. Floor 2.

The defaults of :func:`mdm` are the documented sizes; each documented choice is an argument, the suspects of the plateau included.
Lesson 31_faces_mdm builds it by hand.

Source: G. Trigeorgis, P. Snape, M. A. Nicolaou, E. Antonakos, S. Zafeiriou, "Mnemonic Descent Method: A recurrent process applied
for end-to-end face alignment", CVPR 2016; the public code github.com/trigeorgis/mdm; Stack Overflow 44308838 (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import initializers, layers, ops

from course_utils.layers import Patches, crop_centre

POINTS = 68
READINGS = ("per patch", "tall", "landmark-major")
#: Side of the crops, channels, patch, steps, hidden units, filters of the two networks: 80 558 632 and 2 331 448 parameters.
SIZES: dict[str, dict[str, int]] = {
    "documented": {"side": 226, "channels": 3, "patch": 30, "steps": 4, "hidden": 512, "filters": 32},
    "small": {"side": 112, "channels": 1, "patch": 16, "steps": 3, "hidden": 256, "filters": 16},
}

Read = Callable[[Any, Any], Any]


def mdm(
    network: str = "documented",
    *,
    side: int | None = None,
    channels: int | None = None,
    patch: int | None = None,
    steps: int | None = None,
    hidden: int | None = None,
    filters: int | None = None,
    reading: str = "per patch",
    init: float | None = None,
    how: str = "integer",
    border: str = "edge",
    read: Read | None = None,
) -> keras.Model:
    """Images and start shapes to the shape after each step.

    network: ``documented`` or ``small``, from which side, channels, patch, steps, hidden and filters come unless given.
    reading: what the convnet gets. ``per patch``: each patch is a picture. ``tall``: the patches of a face stand on top of
    each other as one picture, as in the code of the question. ``landmark-major``: patch by patch, but reshaped to faces as if
    they were in the other order (a public fork).
    init: standard deviation of truncated normal weights, for all layers, with zero biases; 0.01 is what the library bundled
    with the public code starts from. None is Glorot's.
    how, border: of the patch sampler (:class:`course_utils.layers.Patches`). read: what is read instead, a callable from
    images ``(B, side, side, channels)`` and shapes ``(B, 68, 2)`` to patches ``(B, 68, patch, patch, channels)``.

    Inputs: ``images`` ``(B, side, side, channels)`` from 0 to 1, ``start`` ``(B, 68, 2)`` as (x, y) px. Output: float32
    ``(B, steps, 68, 2)`` px. Layers: ``features`` (conv_1, pool_1, conv_2, pool_2, concat), ``state``, ``move``, the same in
    all steps. No gradient flows through the places where patches are read. Raises KeyError for an unknown ``network``,
    ValueError for unknown choices, steps or other sizes below 1, and a patch below 10 px or larger than the image.
    """
    given = {"side": side, "channels": channels, "patch": patch, "steps": steps, "hidden": hidden, "filters": filters}
    sizes = SIZES[network] | {name: value for name, value in given.items() if value is not None}
    _check(sizes, reading)
    side, channels, patch = sizes["side"], sizes["channels"], sizes["patch"]

    images = keras.Input((side, side, channels), name="images")
    start = keras.Input((POINTS, 2), name="start")
    tall = reading == "tall"
    features = convnet((POINTS * patch if tall else patch, patch, channels), filters=sizes["filters"], init=init)
    state = layers.Dense(sizes["hidden"], activation="tanh", kernel_initializer=_weights(init), name="state")
    move = layers.Dense(2 * POINTS, kernel_initializer=_weights(init), name="move")
    read = read or Patches(patch, how=how, border=border, name="patches")

    shape, memory, shapes = start, None, []
    for _ in range(sizes["steps"]):
        patches = read(images, ops.stop_gradient(shape))
        if reading == "landmark-major":
            patches = ops.transpose(patches, (1, 0, 2, 3, 4))
        pictures = ops.reshape(patches, (-1, *features.input_shape[1:]))
        seen = ops.reshape(features(pictures), (-1, (1 if tall else POINTS) * int(np.prod(features.output_shape[1:]))))
        # the first memory is zeros
        both = ops.pad(seen, ((0, 0), (0, sizes["hidden"]))) if memory is None else ops.concatenate([seen, memory], -1)
        memory = state(both)
        shape = shape + ops.reshape(move(memory), (-1, POINTS, 2))
        shapes.append(shape)
    return keras.Model({"images": images, "start": start}, ops.stack(shapes, axis=1), name=f"mdm_{network}")


def convnet(input_shape: tuple[int, int, int], *, filters: int = 32, init: float | None = None) -> keras.Model:
    """Conv 3×3 → pool → conv 3×3 → pool, no padding, ReLU; the middle of conv 2's output is put beside the last pool's.

    A patch of 30 px becomes 28, 14, 12 and 6 px: ``(B, 6, 6, 2 · filters)``. init: as of :func:`mdm`.
    """
    kernels = [_weights(init), _weights(init)]
    x = keras.Input(input_shape)
    first = layers.Conv2D(filters, 3, activation="relu", kernel_initializer=kernels[0], name="conv_1")(x)
    pooled = layers.MaxPooling2D(2, name="pool_1")(first)
    second = layers.Conv2D(filters, 3, activation="relu", kernel_initializer=kernels[1], name="conv_2")(pooled)
    last = layers.MaxPooling2D(2, name="pool_2")(second)
    middle = crop_centre(second, *last.shape[1:3])
    return keras.Model(x, layers.Concatenate(name="concat")([middle, last]), name="features")


def summed_error(*, epsilon: float = 1e-12, mean: bool = False) -> Callable[[Any, Any], Any]:
    """The documented loss: mean point-to-point distance / outer-eye distance, *summed* over the steps.

    The function takes truth ``(B, 68, 2)`` and shapes ``(B, steps, 68, 2)`` and returns ``(B,)``. epsilon stands inside the
    roots, in px²: without it (0, branch ``master``) the gradient at an error of exactly 0 is NaN. mean: divide by the steps.
    """

    def loss(truth, shapes):
        eyes = ops.sqrt(ops.sum(ops.square(truth[:, 36] - truth[:, 45]), axis=-1) + epsilon)
        distances = ops.sqrt(ops.sum(ops.square(shapes - truth[:, None]), axis=-1) + epsilon)
        errors = ops.mean(distances, axis=-1) / eyes[:, None]
        return ops.mean(errors, axis=-1) if mean else ops.sum(errors, axis=-1)

    return loss


def _weights(init: float | None) -> initializers.Initializer:
    return initializers.GlorotUniform() if init is None else initializers.TruncatedNormal(stddev=init)


def _check(sizes: dict[str, int], reading: str) -> None:
    if reading not in READINGS:
        raise ValueError(f"reading {reading!r}: expected one of {', '.join(READINGS)}")
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} {value}: expected at least 1")
    if not 10 <= sizes["patch"] <= sizes["side"]:
        raise ValueError(f"patch {sizes['patch']}: expected 10 px (two pools) to the image's {sizes['side']} px")
