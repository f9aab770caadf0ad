"""Is the input the bottleneck? Each way to deal augmented faces, alone and together with the training step it feeds."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf  # for tf.data

from course_utils import runtime
from course_utils.cli.bench.timing import Row, must_agree, rows, take_turns
from course_utils.datasets import augment, tfrecords
from course_utils.datasets.fer2013 import Rows
from course_utils.models.expressions import compile_documented, convnet
from course_utils.models.expressions_variants import augmentation
from course_utils.rendering import face
from course_utils.training import shuffled_batches

ABOUT = "pictures a second of each input pipeline, alone and with the training step, beside the bare step on one batch"
BATCH, STEPS, ROUNDS = 64, 12, 5
#: Faces that are dealt, a multiple of the batch; those beyond the first so many repeat them.
PICTURES, DRAWN = 768, 256
ANGLE = 0.5  # radians either way, as documented
BARE = "bare training step, one batch that stays in memory"
INSIDE = "arrays, flip and rotation as layers inside the network"

Feed = Callable[[], Any]


class FlippedAndTurned(keras.utils.PyDataset):
    """Batches made in NumPy by :func:`augmented`, for ``fit`` with two threads."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batches: int):
        super().__init__(workers=2)
        self.x, self.y, self.batches = x, y, batches

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, place = divmod(number, len(self.x) // BATCH)
        rows = np.random.default_rng([0, epoch]).permutation(len(self.x))[place * BATCH : (place + 1) * BATCH]
        return augmented(self.x[rows], np.random.default_rng([1, number])), self.y[rows]


def augmented(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Faces flipped and turned by ``datasets.augment``; its angles are normal, here with the spread of ± 0.5 radians."""
    no_points = np.zeros((len(x), 68, 2), np.float32)
    return augment.augment(x, no_points, rng, rotation=float(np.degrees(ANGLE / np.sqrt(3))), colour=0, noise=0)[0]


def feeds(x: np.ndarray, y: np.ndarray, folder: Path, steps: int = STEPS) -> dict[str, Feed]:
    """Each way to deal batches of uint8 pictures ``(64, 48, 48, 1)`` and labels, as ``fit`` takes them; the plain ones first."""
    records = folder / f"faces_{len(x)}.tfrecord"
    tfrecords.write_records(records, Rows(x[..., 0], y.astype(np.uint8), np.zeros(len(y), np.uint8)))
    arrays = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=0).repeat().batch(BATCH)
    file = tfrecords.dataset(records).shuffle(len(x), seed=0).repeat().batch(BATCH)
    layers = augmentation(flip=True, rotation=ANGLE, seed=0)

    def changed(images, labels):
        images = tf.cast(images, tf.float32) / 255
        for layer in layers:
            images = layer(images, training=True)
        return 255 * images, labels

    def in_numpy() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(0)
        return ((augmented(some, rng), labels) for some, labels in shuffled_batches(x, y, BATCH, seed=0))

    return {
        "arrays, shuffled_batches": lambda: shuffled_batches(x, y, BATCH, seed=0),
        "tf.data from arrays": lambda: arrays.prefetch(tf.data.AUTOTUNE),
        "tf.data from a TFRecord file": lambda: file.prefetch(tf.data.AUTOTUNE),
        "tf.data, flip and rotation as layers in map": lambda: arrays.map(
            changed, num_parallel_calls=tf.data.AUTOTUNE
        ).prefetch(tf.data.AUTOTUNE),
        "arrays, flip and rotation in NumPy": in_numpy,
        "keras.utils.PyDataset, flip and rotation in NumPy": lambda: FlippedAndTurned(x, y, steps),
    }


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rendered faces as uint8 ``(count, 48, 48, 1)`` and labels int32; the first ``DRAWN``, again and again."""
    return _drawn()[np.arange(count) % DRAWN], (np.arange(count) % 7).astype(np.int32)


@functools.cache
def _drawn() -> np.ndarray:
    return face.render(DRAWN, seed=0, side=48, colour=False)[0]


def drain(feed: Feed, steps: int) -> int:
    """Take so many batches from a pipeline, as NumPy, and return how many pictures came."""
    return sum(len(labels) for _, labels in _batches(feed, steps))


def _batches(feed: Feed, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    dealt = feed()
    if isinstance(dealt, tf.data.Dataset):
        yield from dealt.take(steps).as_numpy_iterator()
    elif isinstance(dealt, keras.utils.PyDataset):
        yield from (dealt[number] for number in range(steps))
    else:
        yield from (next(dealt) for _ in range(steps))


def network(size: str, inside: bool) -> keras.Model:
    """The convnet with batch normalisation for uint8 pictures; inside: flip and rotation as its first layers."""
    keras.utils.set_random_seed(0)
    body = convnet(size, normalization="batch", kernel_init="glorot_uniform")
    changes = augmentation(flip=True, rotation=ANGLE, seed=0) if inside else []
    stack = [keras.Input((48, 48, 1)), keras.layers.Rescaling(1 / 255), *changes, *body.layers]
    return compile_documented(keras.Sequential(stack))


def measure() -> list[Row]:
    """Two rows a pipeline: alone, and together with the step; both beside the bare step, in pictures a second."""
    x, y = pictures(PICTURES)
    size = runtime.size().network
    with tempfile.TemporaryDirectory() as folder:
        made = feeds(x, y, Path(folder))
        _check_one_pass(made, x, y)
        model, changing = network(size, inside=False), network(size, inside=True)
        one = tf.data.Dataset.from_tensors((x[:BATCH], y[:BATCH])).repeat()

        def fit(feed: Feed, with_model: keras.Model = model) -> None:
            with_model.fit(feed(), steps_per_epoch=STEPS, shuffle=False, verbose=0)  # they shuffle themselves

        ways: dict[str, Callable[[], Any]] = {BARE: partial(fit, lambda: one)}
        ways |= {f"{name}: alone": partial(drain, feed, STEPS) for name, feed in made.items()}
        ways |= {f"{name}: with the step": partial(fit, feed) for name, feed in made.items()}
        ways[f"{INSIDE}: with the step"] = partial(fit, made["arrays, shuffled_batches"], changing)
        for way in ways.values():
            way()
        seconds = take_turns(ways, rounds=ROUNDS)
    alike = f"{STEPS} batches of {BATCH} faces of 48×48 and the {size} network from the same start"
    whys = {
        "alone": f"{alike}; each pipeline deals every face once a pass (checked). Below 1 it is slower than the step and starves it",
        "with the step": f"{alike}, by model.fit on both sides. 1: the input costs nothing; on a CPU both share the cores",
    }
    return rows(
        seconds,
        BARE,
        why_fair={name: whys[name.rpartition(": ")[2]] for name in seconds if name != BARE},
        per_second=STEPS * BATCH,
        unit="pictures/s",
    )


def _check_one_pass(made: dict[str, Feed], x: np.ndarray, y: np.ndarray) -> None:
    """One pass deals each face and label once; of augmented faces the labels are compared alone."""
    steps, dealt = len(x) // BATCH, {}
    for name, feed in made.items():
        batches = list(_batches(feed, steps))
        images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
        keys = 7 * images.sum(axis=(1, 2, 3), dtype=np.int64) + labels if "flip" not in name else labels
        dealt[name] = np.sort(keys)
    plain = np.sort(7 * x.sum(axis=(1, 2, 3), dtype=np.int64) + y)
    must_agree("one pass", {name: keys for name, keys in dealt.items() if "flip" not in name} | {"rows": plain}, "rows")
    labels = {name: keys for name, keys in dealt.items() if "flip" in name}
    must_agree("labels of one pass", labels | {"rows": np.sort(y)}, "rows")


def growing(folder: Path) -> list[tuple[str, Callable[[int], Callable[[], Any]], int, str]]:
    """What ``scaling`` doubles: name, pictures of one pass → call, the first number, its unit."""

    @functools.cache
    def made(count: int) -> dict[str, Feed]:
        return feeds(*pictures(count), folder, count // BATCH)

    def work(name: str, count: int) -> Callable[[], Any]:
        return partial(drain, made(count)[name], count // BATCH)

    names = list(made(2 * BATCH))
    return [(f"pipeline: {name}", partial(work, name), 2 * BATCH, "pictures") for name in names]
