"""The plateau of Stack Overflow 44308838: each suspect planted alone or together in a healthy small MDM, and what it does to all that was seen.

One row, three training runs from the same start values: on many faces, on a single one from one start shape, and on that one from
moving start shapes. The losses say what is learnt, the gradients which layers are told anything.
Lessons 32_faces_plateau and 33_faces_one_face.
Measured on rendered faces at every size: the suspects are bugs, not properties of photographs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import keras
import numpy as np
from keras import layers, ops

from course_utils.datasets import augment, faces
from course_utils.layers import sample_patches
from course_utils.metrics import normalized_mean_error
from course_utils.models.mdm import SIZES, mdm, summed_error
from course_utils.probes.watching import WatchedAdam
from course_utils.runtime import REDUCED, Run, Size

TITLE = "The plateau of the Mnemonic Descent Method: twenty suspects, planted alone or together in a healthy small one"
#: Rendered faces only.
SIZE = Size("stand-in", "documented", "full")
SOURCES = (
    "course_utils.datasets.augment:flip",
    "course_utils.datasets.faces",
    "course_utils.datasets.shapes",
    "course_utils.layers.patches",
    "course_utils.metrics:face_size",
    "course_utils.metrics:normalized_mean_error",
    "course_utils.models.mdm",
    "course_utils.probes.watching",
    "course_utils.rendering.face.drawing",
    "course_utils.rendering.face.looks",
    "course_utils.rendering.face.mesh",
    "course_utils.rendering.face.people",
    "course_utils.rendering.face.points",
    "course_utils.rendering.face.scene",
    "course_utils.rendering.face.shape",
    "course_utils.rendering.face.skin",
)
SIDE, PATCH, STEPS = (SIZES["small"][name] for name in ("side", "patch", "steps"))
LAYERS = ("conv_1", "conv_2", "state", "move")
#: The documented rate and TensorFlow 1's epsilon, in all rows that do not say otherwise.
RATE, EPSILON = 1e-3, 1e-8
BATCH = 16


class Noise(layers.Layer):
    """Uniform noise in place of patches: what ``extract_glimpse`` gives when pixel offsets are taken for normalised ones."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()

    def call(self, images, points):
        """Noise ``(B, 68, P, P, C)`` from 0 to 1, another one at each call."""
        shape = (*ops.shape(points)[:2], PATCH, PATCH, images.shape[-1])
        return keras.random.uniform(shape, seed=self.seeds)

    def compute_output_shape(self, images_shape, points_shape):
        """The shape of the patches."""
        return (points_shape[0], points_shape[1], PATCH, PATCH, images_shape[-1])


class Unwritten(Noise):
    """Patches whose pixels outside the image are whatever was in memory: here noise."""

    def call(self, images, points):
        """Patches ``(B, 68, P, P, C)``."""
        inside = sample_patches(ops.ones_like(images), points, PATCH, how="integer", border="zero")
        patches = sample_patches(images, points, PATCH, how="integer", border="zero")
        return ops.where(inside > 0, patches, super().call(images, points))


def _transposed(images, points):
    return sample_patches(images, ops.flip(points, axis=-1), PATCH, how="integer")


@dataclass(frozen=True)
class Suspect:
    """What is changed in the healthy run. ``model``: arguments of :func:`mdm`; ``reader``: makes its ``read``; ``images`` and
    ``labels``: what becomes of them on the way in; ``root``: what stands inside the loss's root."""

    model: dict = field(default_factory=dict)
    reader: type | None = None
    images: str = "0 to 1"
    labels: str = "right"
    epsilon: float = EPSILON
    root: float = 1e-12


TALL, TINY = {"reading": "tall"}, {"init": 0.01}
HEALTHY = "healthy"
SUSPECTS = {
    HEALTHY: Suspect(),
    "tall reshape": Suspect(TALL),
    "start values 0.01": Suspect(TINY),
    "Adam's epsilon 1e-7": Suspect(epsilon=1e-7),
    "glimpse offsets (noise)": Suspect(reader=Noise),
    "unwritten pixels (noise)": Suspect(reader=Unwritten),
    "landmark-major": Suspect({"reading": "landmark-major"}),
    "patches from (y, x)": Suspect({"read": _transposed}),
    "mirrored, points not reordered": Suspect(labels="not reordered"),
    "mirrored, points not mirrored": Suspect(labels="not mirrored"),
    "labels in another order": Suspect(labels="another order"),
    "no epsilon in the root": Suspect(root=0.0),
    "images 0 to 255": Suspect(images="0 to 255"),
    "images 0 to 255, cut at 1": Suspect(images="cut at 1"),
    "images divided twice": Suspect(images="divided twice"),
    "images divided twice, then distorted": Suspect(images="divided twice, then distorted"),
    "0.01 and epsilon 1e-7": Suspect(TINY, epsilon=1e-7),
    "tall and 0.01": Suspect(TALL | TINY),
    "tall, 0.01, divided twice": Suspect(TALL | TINY, images="divided twice"),
    "tall, 0.01, glimpse offsets": Suspect(TALL | TINY, reader=Noise),
    "tall, 0.01, cut at 1": Suspect(TALL | TINY, images="cut at 1"),
}
#: Rows followed ten times as long, many faces only.
LONG = {f"{name}, long": name for name in ("tall, 0.01, divided twice", "images divided twice")}


def rows(size: Size) -> list[str]:
    """The suspects in the order of lesson 32, and the long runs."""
    return [*SUSPECTS, *(LONG if size.budget == "full" else ())]


def measure(row: str, run: Run) -> dict[str, float | None]:
    """One suspect. Losses are divided by what never moving costs (the number of steps times the start's error), so 1 is the plateau.

    ``many_…``: on 2 400 faces (48 at budget smoke), mirror images counted, batches of 16; ``loss_K`` is the mean of the last training losses up to
    step K, ``unseen_k`` the error of unseen faces after the k-th step of the descent, in start errors. ``one_…``: on one face, batches of 2 copies.
    ``moving_…``: on one face, batches of 8 copies, from start shapes that differ as in the many-face run.
    ``…_first_LAYER/kernel``, ``…_early_…`` and ``…_end_…``: rms of that gradient at the first step, and its median over the
    first and over the last twenty.
    """
    suspect = SUSPECTS[LONG.get(row, row)]
    train, test = run.size.by_budget(smoke=(24, 8), lesson=(1200, 200), full=(1200, 400))
    data = _faces(train, test)
    if row in LONG:
        return _many(suspect, data, 3000, run.seed)
    many, one, moving = run.size.by_budget(smoke=(2, 2, 2), lesson=(100, 100, 50), full=(300, 800, 200))
    return {
        **_many(suspect, data, many, run.seed),
        **_one(suspect, data, one, run.seed),
        **_one(suspect, data, moving, run.seed, moving=True),
    }


@lru_cache(maxsize=1)
def _faces(train: int, test: int) -> faces.Faces:
    return faces.load(REDUCED, side=SIDE, colour=False, train=train, test=test)


def network_input(images: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """uint8 ``(N, H, W, 1)`` to what the network is handed, float32, for each way of getting it right or wrong.

    ``divided twice``: what comes of dividing by 255 an image that its reader had already brought to 0…1. ``cut at 1``: 0…255 into the public
    code's colour distortion, which ends with a cut to 0…1. ``…, then distorted``: that distortion (brightness, contrast, noise 0.1, cut).
    """
    x = images.astype(np.float32)
    if how == "0 to 255":
        return x
    if how == "cut at 1":
        return x.clip(0, 1)
    x /= 255
    if how == "0 to 1":
        return x
    x /= 255
    if how == "divided twice":
        return x
    shift = rng.uniform(-32 / 255, 32 / 255, (len(x), 1, 1, 1))
    mean, factor = x.mean(axis=(1, 2, 3), keepdims=True), rng.uniform(0.5, 1.5, (len(x), 1, 1, 1))
    x = (x - mean) * factor + mean + shift + rng.normal(0, 0.1, x.shape)
    return x.clip(0, 1).astype(np.float32)


def labels(data: faces.Faces, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Training faces and their mirror images, uint8, with their points, right or wrong."""
    x, y = data.train.x, data.train.y
    mirrored, turned = augment.flip(x, y, permute=how != "not reordered")
    if how == "another order":
        order = sorted(range(len(y)), key=str)
        y, turned = y[order], turned[order]
    return np.concatenate([x, mirrored]), np.concatenate([y, y if how == "not mirrored" else turned])


def _model(suspect: Suspect, seed: int) -> tuple[keras.Model, WatchedAdam]:
    keras.utils.set_random_seed(seed)
    chosen = suspect.model | ({"read": suspect.reader()} if suspect.reader else {})
    model, optimizer = mdm("small", **chosen), WatchedAdam(RATE, epsilon=suspect.epsilon)
    model.compile(optimizer, loss=summed_error(epsilon=suspect.root))
    return model, optimizer


def _many(suspect: Suspect, data: faces.Faces, steps: int, seed: int) -> dict[str, float | None]:
    x, y = labels(data, suspect.labels)
    start, truth = np.broadcast_to(data.start, data.test.y.shape).astype(np.float32), data.test.y
    start_error = float(normalized_mean_error(truth, start).mean())
    model, optimizer = _model(suspect, seed)
    rng = np.random.default_rng(seed)
    losses, seen = [], []
    for _ in range(steps):
        chosen = rng.integers(len(x), size=BATCH)
        first = jittered(data.start, BATCH, rng)
        never = STEPS * normalized_mean_error(y[chosen], first).mean()
        feed = {"images": network_input(x[chosen], suspect.images, rng), "start": first}
        losses.append(float(model.train_on_batch(feed, y[chosen])) / never)
        model.reset_metrics()
        seen.append(optimizer.gradient_rms())
    measured = {"start_error": start_error, "many_steps": steps}
    for stop in (25, 50, 100, 200, 300, 500, 1000, 1500, 2000, 2500, 3000):
        if stop <= steps:
            measured[f"many_loss_{stop}"] = float(np.mean(losses[max(0, stop - max(20, stop // 10)) : stop]))
    measured["many_loss_end"] = float(np.mean(losses[-20:]))
    images = network_input(data.test.x, suspect.images, rng)
    found = model.predict({"images": images, "start": start}, batch_size=50, verbose=0)
    for step in range(STEPS):
        error = normalized_mean_error(truth, np.nan_to_num(found[:, step], nan=1e6))
        measured[f"many_unseen_{step + 1}"] = float(error.mean()) / start_error
    return measured | _gradients("many", seen)


def _one(
    suspect: Suspect, data: faces.Faces, steps: int, seed: int, *, moving: bool = False
) -> dict[str, float | None]:
    """The same face all over every batch (two at least: a landmark-major network needs two to mix anything up).

    It is the first face, unmirrored, which keeps its own label in every row: the label suspects ("another order", "not
    reordered", "not mirrored") are not planted here, and their numbers are the healthy run's.
    """
    run, batch = ("moving", 8) if moving else ("one", 2)
    x, y = labels(data, suspect.labels)
    x, y = np.repeat(x[:1], batch, axis=0), np.repeat(y[:1], batch, axis=0)
    model, optimizer = _model(suspect, seed)
    rng = np.random.default_rng(seed)
    losses, seen = [], []
    for _ in range(steps):
        start = jittered(data.start, batch, rng) if moving else np.repeat(data.start[None], batch, axis=0)
        never = STEPS * float(normalized_mean_error(y, start).mean())
        feed = {"images": network_input(x, suspect.images, rng), "start": start.astype(np.float32)}
        losses.append(float(model.train_on_batch(feed, y)) / never)
        model.reset_metrics()
        seen.append(optimizer.gradient_rms())
    measured = {f"{run}_loss_{stop}": losses[stop - 1] for stop in (10, 50, 100, 200, 400) if stop <= steps}
    measured |= {f"{run}_steps": steps, f"{run}_loss_end": float(np.mean(losses[-20:]))}
    return measured | _gradients(run, seen)


def jittered(start: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Start shapes as a detector's boxes would give them, off by 2 px and 5 %: float32 ``(count, 68, 2)``."""
    centre = start.mean(axis=0)
    scale, shift = 1 + 0.05 * rng.normal(size=(count, 1, 1)), 2.0 * rng.normal(size=(count, 1, 2))
    return ((start - centre) * scale + centre + shift).astype(np.float32)


def _gradients(run: str, seen: list[dict[str, float]]) -> dict[str, float]:
    """Of each variable at the first step, and the median of the first and of the last twenty."""
    found = {}
    for layer in LAYERS:
        for name in (f"{layer}/kernel", f"{layer}/bias"):
            values = np.array([step[name] for step in seen])
            found[f"{run}_first_{name}"] = float(values[0])
            found[f"{run}_early_{name}"] = float(np.median(values[:20]))
            found[f"{run}_end_{name}"] = float(np.median(values[-20:]))
    return found
