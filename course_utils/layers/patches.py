"""Square windows of an image round given points: what the Mnemonic Descent Method looks at in each step.

Pixels. The centre of the first pixel is (0, 0); x counts columns, y counts rows. A patch of side P holds the P×P places at the
offsets −⌊P/2⌋ … P − 1 − ⌊P/2⌋ px, across and down: −15 … 14 for the documented 30, −2 … 2 for 5. Its entry [⌊P/2⌋, ⌊P/2⌋] is
the value at the point. ``integer`` moves the point to the nearest pixel first, a half upwards (0.5 → 1, −0.5 → 0, on every
backend), so that points 1 px apart always give windows 1 px apart; ``bilinear`` reads between the four pixels round each place.

What lies outside the image is defined: ``edge`` repeats the nearest pixel of the image, ``zero`` reads 0, and between the last
pixel and the first outside ``bilinear`` goes over from one to the other. A point that is NaN or infinite gives a patch of NaN in
both ways: it is seen, and nothing is read out of bounds.

Source: G. Trigeorgis, P. Snape, M. Nicolaou, E. Antonakos, S. Zafeiriou, "Mnemonic Descent Method", CVPR 2016, and its public
code, github.com/trigeorgis/mdm. The TensorFlow operation of that code takes the same 30×30 offsets, but it cuts off the fraction
(of the first row and column, towards 0) where ``integer`` rounds, and it leaves the memory of every pixel that falls outside the
image, or on its row 0 or column 0, unwritten. Lesson 31_faces_mdm.
"""

from __future__ import annotations

from numbers import Integral

import keras
from keras import ops

HOW = ("bilinear", "integer")
BORDERS = ("edge", "zero")
LARGEST_INDEX = 2**31 - 1  # pixels of a batch are numbered in int32


def sample_patches(images, points, side: int, *, how: str = "bilinear", border: str = "edge", gradient: bool = False):
    """One patch of ``side`` × ``side`` px round each point of each image, by one gather.

    images: ``(B, H, W, C)``, any numbers; points: ``(B, K, 2)`` as (x, y) px. Both are cast to float32.
    how: ``bilinear`` or ``integer``; border: ``edge`` or ``zero``: see the top of this module.
    gradient: whether gradients flow to the points. As documented they do not; ``integer`` has none to give. At a whole
    number the slope to the right, or downwards, is taken. Gradients to the images flow in either case.

    Returns ``(B, K, side, side, C)`` float32: patch, row, column, channel. For symbolic inputs it is a :class:`Patches` layer.
    Raises ValueError for other shapes, a batch of more than 2³¹ − 1 pixels (its border counted: 1 px all round each image),
    a side that is not a whole number from 1, another ``how`` or ``border``, and ``integer`` with ``gradient``.
    """
    if isinstance(images, keras.KerasTensor) or isinstance(points, keras.KerasTensor):
        return Patches(side, how=how, border=border, gradient=gradient)(images, points)
    _check_choices(side, how, border, gradient)
    images = ops.convert_to_tensor(images, dtype="float32")
    points = ops.convert_to_tensor(points, dtype="float32")
    _check_shapes(tuple(images.shape), tuple(points.shape))
    if not gradient:
        points = ops.stop_gradient(points)
    frame = 0
    if border == "zero":  # one pixel of zeros all round, and then the edge of that
        frame = 1
        images = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    _, height, width, channels = ops.shape(images)
    x, y = points[..., 0], points[..., 1]
    columns, right = _along(x, width, side, how, frame)
    rows, down = _along(y, height, side, how, frame)
    image = ops.arange(ops.shape(points)[0], dtype="int32")[:, None, None]
    numbers = ((image * height + rows) * width)[..., None] + columns[:, :, None, :]
    patches = ops.take(ops.reshape(images, (-1, channels)), numbers, axis=0)
    if how == "integer":
        known = ops.where(ops.isfinite(x) & ops.isfinite(y), 1.0, float("nan"))
        return patches * _per_patch(known)
    patches = patches[:, :, :-1] + _per_patch(down) * (patches[:, :, 1:] - patches[:, :, :-1])
    return patches[:, :, :, :-1] + _per_patch(right) * (patches[:, :, :, 1:] - patches[:, :, :, :-1])


@keras.saving.register_keras_serializable(package="course_utils")
class Patches(keras.layers.Layer):
    """:func:`sample_patches` as a layer: ``Patches(30)(images, points)``, arguments and errors as there.

    Has no weights. Computes in float32 whatever its dtype policy, since half precision knows a place near 200 px to 0.125 px
    only, and answers in the compute dtype of the policy. A saved model needs ``course_utils.layers`` imported to load.
    """

    def __init__(self, side: int, *, how: str = "bilinear", border: str = "edge", gradient: bool = False, **kwargs):
        _check_choices(side, how, border, gradient)
        super().__init__(autocast=False, **kwargs)
        self.side, self.how, self.border, self.gradient = int(side), how, border, bool(gradient)

    def call(self, images, points):
        """Images ``(B, H, W, C)`` and points ``(B, K, 2)`` to patches ``(B, K, side, side, C)``."""
        patches = sample_patches(images, points, self.side, how=self.how, border=self.border, gradient=self.gradient)
        return ops.cast(patches, self.compute_dtype)

    def compute_output_shape(self, images_shape, points_shape):
        """The shape of the patches from those of images and points; None stands for what is not known yet."""
        _check_shapes(tuple(images_shape), tuple(points_shape))
        batch = images_shape[0] if points_shape[0] is None else points_shape[0]
        return (batch, points_shape[1], self.side, self.side, images_shape[3])

    def get_config(self):
        """What ``from_config`` makes the same layer from."""
        chosen = {"side": self.side, "how": self.how, "border": self.border, "gradient": self.gradient}
        return {**super().get_config(), **chosen}


def crop_centre(x, height: int, width: int):
    """The central ``height`` × ``width`` px of ``(B, H, W, C)``, from row ⌊(H − height)/2⌋ and column ⌊(W − width)/2⌋ on.

    The Mnemonic Descent Method cuts the output of its second convolution to the size of the pool after it: 12 → 6 from 3 on,
    in the tall picture 1017 → 508 from 254 on. (Where H and height are both odd the public code begins one row earlier.)

    Returns ``(B, height, width, C)``, of the type of ``x``: array, tensor or symbolic. Raises ValueError for other shapes,
    a size that is not known, and a crop that is not from 1 px to the whole. Lesson 31_faces_mdm.
    """
    shape = tuple(x.shape)
    if len(shape) != 4 or None in shape[1:3] or not (1 <= height <= shape[1] and 1 <= width <= shape[2]):
        raise ValueError(
            f"x {shape} cut to {height}×{width}: expected (B, H, W, C), H and W known, a crop from 1×1 to H×W"
        )
    top, left = (shape[1] - height) // 2, (shape[2] - width) // 2
    return x[:, top : top + height, left : left + width]


def _along(position, size, side: int, how: str, frame: int):
    """One axis: the rows (or columns) to read, ``(B, K, n)``, and how far ``(B, K)`` the point lies beyond the lower pixel.

    ``size`` counts the ``frame`` pixels at both ends. n is side, for ``bilinear`` side + 1.
    """
    lower = ops.floor(position)
    beyond = position - lower  # NaN for a position that is not finite
    start = lower if how == "bilinear" else ops.where(beyond >= 0.5, lower + 1.0, lower)
    # Far outside is outside, and int32 does not run over. NaN becomes some number or other: the last line keeps it inside.
    start = ops.cast(ops.clip(start, -(2.0**30), 2.0**30), "int32")
    offsets = ops.arange(side + (how == "bilinear"), dtype="int32") - side // 2
    return ops.clip(start[..., None] + offsets + frame, 0, size - 1), beyond


def _per_patch(value):
    """``(B, K)`` as ``(B, K, 1, 1, 1)``."""
    return value[..., None, None, None]


def _check_choices(side, how, border, gradient) -> None:
    if not isinstance(side, Integral) or isinstance(side, bool) or side < 1:
        raise ValueError(f"side {side!r}: expected a whole number of pixels from 1")
    if how not in HOW:
        raise ValueError(f"how {how!r}: expected one of {', '.join(HOW)}")
    if border not in BORDERS:
        raise ValueError(f"border {border!r}: expected one of {', '.join(BORDERS)}")
    if gradient and how == "integer":
        raise ValueError("how 'integer' with gradient=True: a rounded position has no gradient; expected 'bilinear'")


def _check_shapes(images: tuple, points: tuple) -> None:
    """Shapes as far as they are known: None matches anything."""
    given = f"images {images}, points {points}"
    if len(images) != 4 or len(points) != 3 or points[2] != 2 or 0 in images[1:]:
        raise ValueError(f"{given}: expected (B, H, W, C) with a pixel at least, and (B, K, 2)")
    if None not in (images[0], points[0]) and images[0] != points[0]:
        raise ValueError(f"{given}: expected as many images as lists of points")
    batch, height, width = (size or 1 for size in images[:3])
    if batch * (height + 2) * (width + 2) > LARGEST_INDEX:
        raise ValueError(f"{given}: expected at most {LARGEST_INDEX} pixels in a batch, hand over fewer images at once")
