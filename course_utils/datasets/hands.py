"""Hands in depth images: ICVL, and a stand-in that the course renders. Floor 2.

Data card
---------
real      ICVL (D. Tang, H. J. Chang, A. Tejani, T.-K. Kim, "Latent Regression Forest", CVPR 2014): depth images of
          320×240, 16-bit PNG in mm, 32001 = nothing seen; 16 joints as (u px, v px, depth mm). 331 006 training
          lines, of which about 22 000 are not rotated copies of others, and 702 + 894 test frames in two sequences.
          No ICVL image ships with the course; its authors' page: https://labicvl.github.io/hand.html
stand-in  ``rendering.hand``: an articulated hand with joint limits, random in pose, shape, view and place, ray-cast
          with the same camera, value range, value for "nothing seen" and joint order, with 1 mm of sensor noise and
          1 % of holes; 1 200 training and 400 test frames (lesson), from two seeds.
differs   The stand-in's frames are independent (ICVL's are videos: neighbours are nearly equal), its joints are
          exact (ICVL's are annotations, with errors of their own), and nothing but one hand and its wrist is ever in
          view. The mean over the test joints is (172, 108, 342) where ICVL's is (158, 111, 342); the spread is the
          same to 1 px and 1 mm: (35, 26, 51) and (36, 25, 50). Errors in mm do not carry over from one to the other.

The files of ICVL are read and written in ``datasets.icvl``. Lesson 20_hands_depth_images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from course_utils.datasets.common import Dataset, Split
from course_utils.datasets.icvl import (
    HOW_TO_GET,
    TITLE,
    check_numbers,
    load_real,
    read_depth,
    read_labels,
    read_predictions,
    status,
    valid,
    write_icvl,
)
from course_utils.rendering import hand
from course_utils.rendering.camera import ICVL, Camera
from course_utils.rendering.hand import INVALID, JOINTS
from course_utils.runtime import DataError, Size, data_root
from course_utils.runtime import size as current_size

__all__ = [
    "CUBE",
    "FRAMES",
    "TITLE",
    "centre_of_mass",
    "crop",
    "denormalise",
    "fetch",
    "load",
    "load_real",
    "normalise",
    "read_depth",
    "read_labels",
    "read_predictions",
    "status",
    "valid",
    "write_icvl",
]

#: Training and test frames by budget, at most.
FRAMES = {"smoke": (48, 16), "lesson": (1200, 400), "full": (6000, 1596)}
#: The split of the stand-in is part of the data set, not of a run: two fixed seeds, and what the camera gets wrong.
TRAIN_SEED, TEST_SEED = 1, 1_000_001
NOISE, HOLES = 1.0, 0.01

#: Edge of the cube round the hand that a network gets to see, in mm.
CUBE = 250.0


def load(
    size: Size | None = None, *, every: int | None = None, train: int | None = None, test: int | None = None
) -> Dataset:
    """Depth images as uint16 ``(N, H, W, 1)`` in mm, 32001 = nothing seen; joints as float32 ``(N, 16, 3)``.

    A joint is (u px, v px, d mm); u and v are pixels of the full 320×240 frame whatever ``every`` is.

    size: which data to read and how much (default: the run's); ``real`` never falls back to the stand-in.
    every: keep each ``every``-th pixel in both directions; default 1 (240×320) for the documented network, 4 (60×80)
    for the small one. train, test: frames at most; default by budget, ``FRAMES``. The first ``n`` of the stand-in are
    the same whatever the number; its noise is drawn anew for each ``every``. Of the real set see :func:`load_real`.

    Raises DataError when real data are asked for and missing or damaged, ValueError for a number below 1.
    """
    size = size or current_size()
    most_train, most_test = size.by_budget(**FRAMES)
    every = size.by_network(small=4, documented=1) if every is None else every
    train, test = most_train if train is None else train, most_test if test is None else test
    check_numbers(every=every, train=train, test=test)
    if size.data == "real":
        return load_real(every=every, train=train, test=test)
    splits = (
        hand.render(count, seed=seed, every=every, noise=NOISE, holes=HOLES)
        for count, seed in ((train, TRAIN_SEED), (test, TEST_SEED))
    )
    origin = f"stand-in: rendered hands, {NOISE:g} mm of noise and {HOLES:.0%} of holes"
    return Dataset("hands", origin, True, *(Split(depth[..., None], joints) for depth, joints in splits))


def fetch() -> Path:
    """ICVL cannot be fetched by a program: raises DataError that says where to get it and where to put it."""
    raise DataError("ICVL cannot be fetched by the course; " + HOW_TO_GET.format(folder=data_root() / "icvl"))


# -------------------------------------------------------------------------------------- crop and normalisation
#
# The usual recipe of the field: M. Oberweger, P. Wohlhart, V. Lepetit, "Hands Deep in Deep Learning for Hand Pose
# Estimation", CVWW 2015: a cube round the hand's centre of mass becomes a small image in [-1, 1], and so do the joints.


def centre_of_mass(depth: np.ndarray, *, every: int | None = None, camera: Camera = ICVL) -> np.ndarray:
    """Mean of all points seen in each depth image, ``(N, 3)`` as (x, y, z) in mm, float64.

    Each pixel becomes a point in mm first, and the points are averaged (not the pixels). Whatever else is in view, a
    forearm say, pulls the centre. depth: ``(N, H, W)`` or ``(N, H, W, 1)`` in mm, each ``every``-th pixel of the
    camera's image (default: by its width). Raises DataError for an image in which nothing is seen, ValueError for
    another shape.
    """
    depth, camera = _images(depth, camera, every)
    across = (np.arange(camera.width) - camera.cx) / camera.fx
    down = (np.arange(camera.height) - camera.cy) / camera.fy
    centres = np.empty((len(depth), 3))
    for start in range(0, len(depth), 256):  # the masks of thousands of full images would take gigabytes
        some = depth[start : start + 256]
        seen = valid(some)
        count = seen.sum(axis=(1, 2))
        if not count.all():
            frame = start + int((count == 0).argmax())
            raise DataError(f"frame {frame}: found nothing seen, expected a depth from 1 to {INVALID - 1} mm")
        mass = np.where(seen, some, 0)
        columns, rows = mass.sum(axis=1, dtype=np.float64), mass.sum(axis=2, dtype=np.float64)
        sums = np.stack([np.sum(part, axis=1) for part in (columns * across, rows * down, columns)], axis=-1)
        centres[start : start + 256] = sums / count[:, None]
    return centres


def crop(
    depth: np.ndarray,
    *,
    side: int = 64,
    cube: float = CUBE,
    centres: ArrayLike | None = None,
    camera: Camera = ICVL,
) -> tuple[np.ndarray, np.ndarray]:
    """The cube of ``cube`` mm round each hand as an image in [-1, 1], float32 ``(N, side, side, 1)``; and the centres.

    The window spans ``cube`` mm at the depth of the centre, about the pixel where the centre is seen. A value is
    (d − centre's depth) / (cube / 2): −1 at the front of the cube or before it, +1 at its back, behind it, where
    nothing is seen and outside the image. Sampled by nearest pixel: a mean of hand and background is a surface that
    is not there.

    depth: as of :func:`centre_of_mass`. centres: ``(N, 3)`` as (x, y, z) in mm, float64; default the centres of mass.
    Raises DataError where a centre is needed and nothing is seen, ValueError for wrong shapes or a centre not in front.
    """
    if side < 1 or not cube > 0:
        raise ValueError(f"side {side}, cube {cube}: expected 1 or more, and above 0")
    depth, small = _images(depth, camera)
    if centres is None:
        centres = centre_of_mass(depth, camera=camera)
    centres = _checked_centres(centres, len(depth))
    u, v, z = np.moveaxis(small.to_pixels(centres), -1, 0)[..., None]
    places = (np.arange(side) + 0.5) / side - 0.5  # of the new pixels' centres, the window being from -0.5 to 0.5
    columns = np.floor(u + small.fx * cube / z * places + 0.5)
    rows = np.floor(v + small.fy * cube / z * places + 0.5)
    inside = ((rows >= 0) & (rows < small.height))[:, :, None] & ((columns >= 0) & (columns < small.width))[:, None, :]
    found = depth[
        np.arange(len(depth))[:, None, None],
        rows.clip(0, small.height - 1).astype(int)[:, :, None],
        columns.clip(0, small.width - 1).astype(int)[:, None, :],
    ]
    images = found.astype(np.float32)
    images -= z[..., None].astype(np.float32)
    images /= np.float32(cube / 2)
    np.clip(images, -1, 1, out=images)
    images[~(inside & valid(found))] = 1
    return images[..., None], centres


def normalise(joints: ArrayLike, centres: ArrayLike, *, cube: float = CUBE, camera: Camera = ICVL) -> np.ndarray:
    """Joints as targets: ``(N, 16, 3)`` as (u px, v px, d mm) → (xyz − centre) / (cube / 2), float32, without unit.

    A joint inside the cube lies in [-1, 1] on each axis. centres: ``(N, 3)`` as (x, y, z) in mm, float64. Computed in
    float64; float32 is enough for the result, :func:`denormalise` gives the joints back to 1e-3 px and mm.
    Raises ValueError for wrong shapes.
    """
    joints = np.asarray(joints, np.float64)
    centres = _checked_centres(centres, len(_checked_joints(joints)))
    return ((camera.to_mm(joints) - centres[:, None]) / (cube / 2)).astype(np.float32)


def denormalise(targets: ArrayLike, centres: ArrayLike, *, cube: float = CUBE, camera: Camera = ICVL) -> np.ndarray:
    """Targets of :func:`normalise` back to joints ``(N, 16, 3)`` as (u px, v px, d mm), float64.

    Raises ValueError for wrong shapes.
    """
    targets = np.asarray(targets, np.float64)
    centres = _checked_centres(centres, len(_checked_joints(targets)))
    return camera.to_pixels(targets * (cube / 2) + centres[:, None])


def _images(depth: np.ndarray, camera: Camera, every: int | None = None) -> tuple[np.ndarray, Camera]:
    """Depth as ``(N, H, W)``, and the camera that sees each ``every``-th pixel."""
    depth = np.asarray(depth)
    found = depth.shape
    if len(found) == 4 and found[3] == 1:
        depth = depth[..., 0]
    if depth.ndim == 3 and 0 not in depth.shape:
        small = camera.every(-(-camera.width // depth.shape[2]) if every is None else every)
        if depth.shape[1:] == (small.height, small.width):
            return depth, small
    raise ValueError(
        f"depth {found}: expected (N, H, W) or (N, H, W, 1), H×W each k-th pixel of {camera.height}×{camera.width}"
        + (f" with k = {every}" if every else "")
    )


def _checked_centres(centres: ArrayLike, count: int) -> np.ndarray:
    centres = np.asarray(centres, np.float64)
    if centres.shape != (count, 3):
        raise ValueError(f"centres {centres.shape}: expected ({count}, 3)")
    if not (np.isfinite(centres).all() and (centres[:, 2] > 0).all()):
        raise ValueError("centres: expected finite numbers, with z above 0 mm")
    return centres


def _checked_joints(joints: np.ndarray) -> np.ndarray:
    if joints.ndim != 3 or joints.shape[2] != 3:
        raise ValueError(f"joints {joints.shape}: expected (N, {len(JOINTS)}, 3)")
    return joints
