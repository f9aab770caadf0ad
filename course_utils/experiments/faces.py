"""The Mnemonic Descent Method at its documented size, and on photographs: trained on rendered faces alone, and on both.

Lessons 33_faces_one_face (documented size) and 34_faces_photographs. The rows "photos" need 300-W files
(``course data status``); the committed results were measured on LFPW's 805 training photos, each fifth held out. For folders of your own:
``COURSE_DATA=FOLDER course run faces --size full --rows "photos, trained on rendered faces; photos, trained on both"``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import keras
import numpy as np

from course_utils import metrics
from course_utils.datasets import Split, augment, faces, shapes
from course_utils.experiments.faces_plateau import network_input
from course_utils.models.mdm import SIZES, mdm, summed_error
from course_utils.probes.watching import WatchedAdam
from course_utils.rendering import face
from course_utils.runtime import REDUCED, Run, Size

TITLE = "The Mnemonic Descent Method at its documented size, and on LFPW photographs"
SOURCES = (
    "course_utils.datasets.augment",
    "course_utils.datasets.faces",
    "course_utils.datasets.shapes",
    "course_utils.experiments.faces_plateau:network_input",
    "course_utils.layers.patches",
    "course_utils.metrics:area_under_curve",
    "course_utils.metrics:cumulative_error_curve",
    "course_utils.metrics:failure_rate",
    "course_utils.metrics:normalized_mean_error",
    "course_utils.metrics:rms",
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
#: Row at the documented size → (arguments of the model, what the images went through).
DOCUMENTED: dict[str, tuple[dict, str]] = {
    "documented size: tall, 0.01": ({"reading": "tall", "init": 0.01}, "0 to 1"),
    "documented size: tall, 0.01, images divided twice": ({"reading": "tall", "init": 0.01}, "divided twice"),
    "documented size: per patch, 0.01": ({"init": 0.01}, "0 to 1"),
    "documented size: per patch, Glorot": ({}, "0 to 1"),
}
DOCUMENTED_RATE, DOCUMENTED_BATCH, EPSILON = 1e-3, 60, 1e-8


@dataclass(frozen=True)
class Recipe:
    """How the network for photographs is trained."""

    model: dict = field(default_factory=lambda: {"steps": 4, "filters": 32, "hidden": 512})
    batch: int = 32
    rate: float = 1.5e-3
    #: Of the weights, per step.
    average: float = 0.998
    #: As in :func:`augment.augment`.
    rotation: float = 12.0
    colour: float = 0.6
    noise: float = 0.03


RECIPE = Recipe()
TURNED_SEED = 1042
#: Row on photographs → share of photographs in each batch.
PHOTOS = {"photos, trained on both": 0.5, "photos, trained on rendered faces": 0.0}
#: Errors at which the cumulative curves are written down.
CURVE = np.arange(0, 0.1601, 0.005)


def rows(size: Size) -> list[str]:
    """Photographs where they are there, then the documented size where the network is the documented one."""
    return [
        *(PHOTOS if size.data == "real" else ()),
        *(DOCUMENTED if size.network == "documented" else ()),
    ]


def measure(row: str, run: Run) -> dict[str, float | None]:
    """One training run. Errors are in outer-eye distances, losses in multiples of what never moving costs."""
    return _documented(*DOCUMENTED[row], run) if row in DOCUMENTED else _photos(PHOTOS[row], run)


# The documented size


def _documented(arguments: dict, images: str, run: Run) -> dict[str, float | None]:
    """Loss per step of the descent and gradients, from the first training step on; ``features_rms``: of the convnet's output."""
    side = SIZES["documented"]["side"]
    train, many, one = run.size.by_budget(smoke=(8, 1, 1), lesson=(200, 3, 20), full=(1200, 40, 200))
    batch = min(DOCUMENTED_BATCH, train)
    data = faces.load(REDUCED, side=side, colour=True, train=train, test=batch)
    model, optimizer = _documented_model(arguments, run.seed)
    rng = np.random.default_rng(run.seed)
    start = np.broadcast_to(data.start, (batch, *data.start.shape)).astype(np.float32)
    unseen = network_input(data.test.x, images, rng)
    never = float(metrics.normalized_mean_error(data.test.y, start).mean())
    measured = {"parameters": model.count_params(), "training_steps": many, "one_steps": one, "start_error": never}
    measured["features_rms_first"] = _features_rms(model, unseen, start)
    measured |= _by_step(model, unseen, data.test.y, start, "first")

    def batches():
        chosen = rng.integers(len(data.train), size=batch)
        x, y = augment.augment(data.train.x[chosen], data.train.y[chosen], rng, rotation=10.0, colour=0.0, noise=0.0)
        return network_input(x, images, rng), y, _near(data.start, batch, rng)

    losses, seen = _followed(model, optimizer, batches, many)
    measured |= {
        f"loss_{stop}": float(np.mean(losses[max(0, stop - 5) : stop])) for stop in (1, 10, 20, 30, 40) if stop <= many
    }
    measured |= {"loss_end": float(np.mean(losses[-5:])), "features_rms_end": _features_rms(model, unseen, start)}
    measured |= _by_step(model, unseen, data.test.y, start, "end") | _gradients("gradient", seen)

    model, optimizer = _documented_model(arguments, run.seed)
    face = network_input(data.train.x[:1], images, rng), data.train.y[:1], start[:1]
    losses, seen = _followed(model, optimizer, lambda: face, one)
    measured |= {f"one_loss_{stop}": losses[stop - 1] for stop in (10, 20, 50, 100, 200) if stop <= one}
    return measured | {"one_loss_end": float(np.mean(losses[-10:]))} | _gradients("one_gradient", seen)


def _documented_model(arguments: dict, seed: int) -> tuple[keras.Model, WatchedAdam]:
    keras.utils.set_random_seed(seed)
    model, optimizer = mdm("documented", **arguments), WatchedAdam(DOCUMENTED_RATE, epsilon=EPSILON)
    # TensorFlow keeps the memory of a compiled step until the process ends
    model.compile(optimizer, loss=summed_error(), run_eagerly=keras.backend.backend() == "tensorflow")
    return model, optimizer


def _followed(model, optimizer, batches, steps: int) -> tuple[list[float], list[dict[str, float]]]:
    """Loss over the cost of doing nothing, and each variable's gradient (rms), of each training step."""
    losses, seen = [], []
    for _ in range(steps):
        x, y, first = batches()
        nothing = model.output_shape[1] * metrics.normalized_mean_error(y, first).mean()
        losses.append(float(model.train_on_batch({"images": x, "start": first}, y)) / float(nothing))
        model.reset_metrics()
        seen.append(optimizer.gradient_rms())
    return losses, seen


def _gradients(prefix: str, seen: list[dict[str, float]]) -> dict[str, float]:
    """Of each variable at the first step, and the median over the first and over the last ten."""
    when = {"first": seen[:1], "early": seen[:10], "end": seen[-10:]}
    return {
        f"{prefix}_{name}_{variable}": float(np.median([step[variable] for step in steps]))
        for name, steps in when.items()
        for variable in seen[0]
    }


def _features_rms(model: keras.Model, images: np.ndarray, start: np.ndarray) -> float:
    """Of the convnet's output for the patches at the start shapes."""
    features, read = model.get_layer("features"), model.get_layer("patches")
    patches = read(images[:8], start[:8])
    return metrics.rms(
        keras.ops.convert_to_numpy(features(keras.ops.reshape(patches, (-1, *features.input_shape[1:]))))
    )


def _by_step(
    model: keras.Model, images: np.ndarray, truth: np.ndarray, start: np.ndarray, when: str
) -> dict[str, float]:
    found = model.predict({"images": images, "start": start}, batch_size=len(images), verbose=0)
    return {
        f"unseen_{when}_{step + 1}": float(metrics.normalized_mean_error(truth, found[:, step]).mean())
        for step in range(found.shape[1])
    }


# Photographs


def _photos(share: float, run: Run) -> dict[str, float | None]:
    """Train on photos and rendered faces, or on these alone; then errors of unseen photos, of all where none was trained on.

    Without photos in training the start is still the mean shape of the training photos' points (644 for LFPW), which are
    among those tested.
    """
    recipe, side = RECIPE, SIZES["small"]["side"]
    steps, drawn = run.size.by_budget(smoke=(2, 16), lesson=(200, 1200), full=(3000, 3000))
    photos = faces.load_real(side=side, colour=False)
    rendered = faces.load(REDUCED, side=side, colour=False, train=drawn, test=200)
    more = _turned(drawn, side)
    x, y = np.concatenate([rendered.train.x, more.x]), np.concatenate([rendered.train.y, more.y])
    model = _train(recipe, photos, rendered.start, Split(x, y), share, steps, run.seed)
    x, y = photos.test.x, photos.test.y
    if share == 0:
        x, y = np.concatenate([photos.train.x, x]), np.concatenate([photos.train.y, y])
    measured = {
        "parameters": model.count_params(),
        "training_steps": steps,
        "photos_train": len(photos.train) if share else 0,
        "photos_test": len(y),
    }
    return (
        measured
        | _errors(model, x, y, photos.start)
        | _errors(model, rendered.test.x, rendered.test.y, rendered.start, "rendered_")
    )


def _turned(count: int, side: int) -> Split:
    """More rendered faces, turned about twice as far and covered twice as often as those of the stand-in, cut out the same way."""
    drawn = face.random_faces(count, seed=TURNED_SEED, turned=2.0, extras=2.0)
    mean = shapes.mean_shape(face.random_faces(1000, seed=TURNED_SEED + 1).points)
    squares = faces.windows(mean, faces.drawn_box(drawn.points, np.random.default_rng(TURNED_SEED)))
    points = face.to_pixels(drawn.points, squares, side).astype(np.float32)
    return Split(face.draw(drawn, squares, side=side, colour=False), points)


def _train(
    recipe: Recipe, photos: faces.Faces, start: np.ndarray, rendered: Split, share: float, steps: int, seed: int
) -> keras.Model:
    model = mdm("small", **recipe.model)
    rate = keras.optimizers.schedules.CosineDecay(recipe.rate, steps, alpha=0.01)
    optimizer = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=recipe.average)
    model.compile(optimizer, loss=summed_error())
    rng = np.random.default_rng(seed)
    of_photos = round(share * recipe.batch)
    for _ in range(steps):
        i = rng.integers(len(photos.train), size=of_photos)
        j = rng.integers(len(rendered), size=recipe.batch - of_photos)
        x = np.concatenate([photos.train.x[i], rendered.x[j]])
        y = np.concatenate([photos.train.y[i], rendered.y[j]])
        x, y = augment.augment(x, y, rng, rotation=recipe.rotation, colour=recipe.colour, noise=recipe.noise)
        first = np.concatenate([_near(photos.start, len(i), rng), _near(start, len(j), rng)])
        model.train_on_batch({"images": x.astype(np.float32) / 255, "start": first}, y)
        model.reset_metrics()
    optimizer.finalize_variable_values(model.trainable_variables)
    return model


def _near(start: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Start shapes put into boxes that are off as a detector's would be: float32 ``(count, 68, 2)``."""
    if not count:
        return np.empty((0, *start.shape), np.float32)
    boxes = faces.drawn_box(np.broadcast_to(start, (count, *start.shape)), rng)
    return shapes.into_box(start, boxes).astype(np.float32)


def _errors(model, images: np.ndarray, truth: np.ndarray, start: np.ndarray, prefix: str = "") -> dict[str, float]:
    """Of the start, of each step, and of the mean of a face's and its mirror image's last step (``averaged``)."""
    width = images.shape[2]
    begin = np.broadcast_to(start, truth.shape).astype(np.float32)
    images = images.astype(np.float32) / 255
    found = model.predict({"images": images, "start": begin}, batch_size=32, verbose=0)
    turned = {"images": images[:, :, ::-1], "start": shapes.mirrored(begin, width).astype(np.float32)}
    seen_in_mirror = shapes.mirrored(model.predict(turned, batch_size=32, verbose=0)[:, -1], width)
    answers = {"start": begin} | {f"step_{k + 1}": found[:, k] for k in range(found.shape[1])}
    answers["averaged"] = (found[:, -1] + seen_in_mirror) / 2
    measured = {}
    for name, shape in answers.items():
        errors = metrics.normalized_mean_error(truth, shape)
        measured |= {
            f"{prefix}{name}: error": float(errors.mean()),
            f"{prefix}{name}: median": float(np.median(errors)),
            f"{prefix}{name}: auc": metrics.area_under_curve(errors),
            f"{prefix}{name}: failures": metrics.failure_rate(errors),
        }
        if not prefix and name in ("start", "averaged", f"step_{found.shape[1]}"):
            curve = metrics.cumulative_error_curve(errors, CURVE)
            measured |= {f"{name}: within {at:.3f}": float(value) for at, value in zip(CURVE, curve, strict=True)}
    return measured
