"""Rendered faces beside photos: start shapes, shapes, grey values, and what a linear descent makes of right and wrong labels.

One protocol for all rows: crops of 112 px cut round a box, the mean shape of the set as start. Lesson 30_faces_landmarks.
The rows "photos" need 300-W files (``course data status``); the committed ones are LFPW's 805 training photos.
"""

from __future__ import annotations

import numpy as np

from course_utils import metrics
from course_utils.datasets import augment, faces, shapes
from course_utils.models.faces_descent import fit_descent, read_patches
from course_utils.rendering.face import GROUPS
from course_utils.runtime import REDUCED, Run, Size

TITLE = "Rendered faces beside LFPW photos: start shapes, statistics, and a linear descent with right and wrong labels"
SOURCES = (
    "course_utils.datasets.augment:flip",
    "course_utils.datasets.faces",
    "course_utils.datasets.shapes",
    "course_utils.metrics:area_under_curve",
    "course_utils.metrics:face_size",
    "course_utils.metrics:failure_rate",
    "course_utils.metrics:normalized_mean_error",
    "course_utils.models.faces_descent",
    "course_utils.rendering.face.drawing",
    "course_utils.rendering.face.looks",
    "course_utils.rendering.face.mesh",
    "course_utils.rendering.face.people",
    "course_utils.rendering.face.points",
    "course_utils.rendering.face.scene",
    "course_utils.rendering.face.shape",
    "course_utils.rendering.face.skin",
)
RENDERED, DRAWN, DETECTOR = "rendered, drawn boxes", "photos, drawn boxes", "photos, detector's boxes"
SIDE = 112
#: Rings of the spectrum, in cycles per crop.
RINGS = ((1, 3), (3, 6), (6, 12), (12, 24), (24, 48), (48, 56))
MISTAKES = ("none", "flip without permutation", "patches from (y, x)", "labels in another order")


def rows(size: Size) -> list[str]:
    """Rendered faces, and photos with drawn boxes and with a detector's."""
    return [RENDERED, *((DRAWN, DETECTOR) if size.data == "real" else ())]


def measure(row: str, run: Run) -> dict[str, float]:
    """One set of faces. Lengths are in outer-eye distances, grey values from 0 to 255, shares and rates from 0 to 1."""
    most = run.size.by_budget(smoke=(40, 20), lesson=(1200, 400), full=(1200, 400))
    if row == RENDERED:
        data = faces.load(REDUCED, side=SIDE, colour=True, train=most[0], test=most[1])
    else:
        data = faces.load_real(side=SIDE, colour=True, train=most[0], test=most[1], detector=row == DETECTOR)
    points = np.concatenate([data.train.y, data.test.y]).astype(np.float64)
    images = np.concatenate([data.train.x, data.test.x])
    return {
        "faces_train": len(data.train),
        "faces_test": len(data.test),
        **_start(points, data.start),
        **_shapes(points),
        **_grey(images, points),
        **_descents(data, run.seed),
    }


def _start(points: np.ndarray, start: np.ndarray) -> dict[str, float]:
    errors = metrics.normalized_mean_error(points, np.broadcast_to(start, points.shape))
    return {
        "start_error": float(errors.mean()),
        "start_error_median": float(np.median(errors)),
        "start_auc": metrics.area_under_curve(errors),
        "start_failures": metrics.failure_rate(errors),
    }


def _shapes(points: np.ndarray) -> dict[str, float]:
    mean = shapes.mean_shape(points)
    eyes = np.linalg.norm(mean[45] - mean[36])
    _, shares = shapes.modes(points, mean, 6)
    upright = shapes.aligned(points, mean) / eyes
    spread = np.sqrt(upright.var(axis=0).sum(axis=-1))
    corners = points[:, 45] - points[:, 36]
    opening = (upright[:, 40:42, 1] - upright[:, 37:39, 1]).mean(axis=1)
    return {
        **{f"mode_{i}_share": float(share) for i, share in enumerate(shares, 1)},
        **{f"spread_{name}": float(spread[first:stop].mean()) for name, (first, stop, _) in GROUPS.items()},
        "roll_degrees": float(np.degrees(np.arctan2(corners[:, 1], corners[:, 0])).std()),
        "nose_to_side": float((upright[:, 30, 0] - upright[:, [0, 16], 0].mean(axis=1)).std()),
        "eyes_to_box": float((metrics.face_size(points) / metrics.face_size(points, "box")).mean()),
        "mouth_gap": float((upright[:, 66, 1] - upright[:, 62, 1]).mean()),
        "eye_opening": float(opening.mean()),
    }


def _grey(images: np.ndarray, points: np.ndarray) -> dict[str, float]:
    grey = images @ np.array([0.299, 0.587, 0.114], np.float32)
    mean, contrast = grey.mean(axis=(1, 2)), grey.std(axis=(1, 2))
    standard = (grey - mean[:, None, None]) / np.maximum(contrast, 1e-6)[:, None, None]
    x, y = np.moveaxis(np.rint(points).astype(int).clip(0, SIDE - 1), -1, 0)
    at_points = standard[np.arange(len(grey))[:, None], y, x]
    power = (np.abs(np.fft.fft2(standard)) ** 2).mean(axis=0)
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE) * SIDE] * 2))
    return {
        "grey": float(mean.mean()),
        "grey_between": float(mean.std()),
        "grey_within": float(contrast.mean()),
        "step_across": float(np.abs(np.diff(grey, axis=2)).mean()),
        "step_down": float(np.abs(np.diff(grey, axis=1)).mean()),
        "colourfulness": float((images.max(axis=-1).astype(float) - images.min(axis=-1)).mean()),
        **{f"grey_at_{name}": float(at_points[:, first:stop].mean()) for name, (first, stop, _) in GROUPS.items()},
        **{
            f"power_{low}_{high}": float(np.log10(power[(radius >= low) & (radius < high)].mean()))
            for low, high in RINGS
        },
    }


def _descents(data: faces.Faces, seed: int) -> dict[str, float]:
    """A linear descent on five sixths of the training faces and their mirror images, with each mistake in the labels."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(data.train))[: len(data.train) * 5 // 6]
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    found: dict[str, float] = {}
    for mistake in MISTAKES:
        x, y = data.train.x[chosen], data.train.y[chosen]
        if mistake == "labels in another order":
            y = y[sorted(range(len(y)), key=str)]
        mirrored, turned = augment.flip(x, y, permute=mistake != "flip without permutation")
        x, y = np.concatenate([x, mirrored]) @ weights, np.concatenate([y, turned])
        read = _transposed if mistake == "patches from (y, x)" else read_patches
        fitted = fit_descent(x, y, data.start, read=read)
        errors = [metrics.normalized_mean_error(data.test.y, shape) for shape in fitted(data.test.x @ weights)]
        name = mistake if mistake != "none" else "right labels"
        found |= {f"{name}: error_{step}": float(error.mean()) for step, error in enumerate(errors)}
        found[f"{name}: auc"] = metrics.area_under_curve(errors[-1])
        found[f"{name}: failures"] = metrics.failure_rate(errors[-1])
    return found


def _transposed(images: np.ndarray, at: np.ndarray) -> np.ndarray:
    return read_patches(images, at[..., ::-1])
