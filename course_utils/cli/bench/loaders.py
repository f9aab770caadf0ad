"""The readers of each data set beside the documented way, or the usual one where no source documents any.

The files are small and written by the course's own writers, in a temporary folder: real data are not touched.
"""

from __future__ import annotations

import functools
import gzip
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from course_utils.cli.bench.timing import Row, must_agree, rows, take_turns
from course_utils.datasets import digits, expressions_stand_in, fer2013, ibug, icvl, tfrecords
from course_utils.datasets.common import Dataset, Split
from course_utils.rendering import face, hand
from course_utils.runtime import REDUCED, write_text_atomically

ABOUT = "the course's readers, which check every file, beside the documented or usual way, which does not"
ROUNDS, SLOW_ROUNDS = 7, 3
#: Our way → how many times as fast as the documented one it should be.
GOALS = {"CSV, read by the course": 5.0, "cache, until every pixel is summed": 100.0}
#: Pictures of the FER2013 stand-in, frames of hands, lines of labels, faces, and how often the stand-in digits are repeated.
PICTURES, FRAMES, LINES, FACES, REPEATS = (1400, 400, 400), 48, 2000, 48, 6

Ways = dict[str, Callable[[], Any]]


def measure() -> list[Row]:
    """One row for each of our ways to read; each block of ways ends in the same arrays, which is checked first."""
    found = []
    for block in (_fer2013, _tfrecords, _hands, _labels, _faces, _npz, _idx):
        with tempfile.TemporaryDirectory() as folder:
            found += block(Path(folder))
    return found


def _block(
    about: str,
    ways: Ways,
    against: str,
    why_fair: str,
    *,
    slow: bool = False,
    goals: dict[str, float] | None = None,
    within: float = 0.0,
) -> list[Row]:
    must_agree(about, {name: way() for name, way in ways.items()}, against, within=within)
    seconds = take_turns(ways, rounds=ROUNDS, few={against: SLOW_ROUNDS} if slow else None)
    return rows(seconds, against, about=f"{about}: ", why_fair=why_fair, goals=goals)


# ------------------------------------------------------------------------------------------------ expressions


def _fer2013(folder: Path) -> list[Row]:
    path = folder / "fer2013.csv.gz"
    drawn = _drawn()
    fer2013.write_csv(path, drawn)
    fer2013.write_cache(path, drawn)
    documented = "pandas, then a number at a time"
    ways = {
        documented: partial(documented_csv, path),
        "CSV, read by the course": lambda: _summed(fer2013.read_csv(path)),
        "cache, until every pixel is summed": lambda: _summed(fer2013.read_cached(path)),
    }
    return _block(
        f"FER2013, {len(drawn)} rows",
        ways,
        documented,
        "one gzipped file, the same pixels (checked), every pixel summed; the documented way is the write-up's and most public code's and checks "
        "nothing, ours check every row, the cache by its checksum",
        slow=True,
        goals=GOALS,
    )


def documented_csv(path: Path) -> np.ndarray:
    """As in the write-up and in most public code: pandas for the table, then ``split`` and a number per pixel, row by row."""
    table = pd.read_csv(path, skipinitialspace=True)  # icml_face_data.csv has blanks before its columns' names
    images = np.array([[int(value) for value in text.split(" ")] for text in table["pixels"]])
    images.sum()
    return images


def _summed(found: fer2013.Rows) -> np.ndarray:
    found.images.sum(dtype=np.int64)
    return found.images.reshape(len(found), -1)


def _tfrecords(folder: Path) -> list[Row]:
    drawn = _drawn()
    path, source = folder / "fer2013.tfrecord", folder / "fer2013.csv"
    tfrecords.write_records(path, drawn)
    source.touch()
    fer2013.write_cache(source, drawn)
    documented = "parse_single_example and decode_raw, a record at a time"

    def cached() -> list[np.ndarray]:
        found = fer2013.read_cached(source)
        found.images.sum(dtype=np.int64)
        return [found.images[..., None], found.labels]

    def checked() -> list[np.ndarray]:
        found = tfrecords.read_records(path)
        return [found.images[..., None], found.labels]

    ways = {
        documented: partial(documented_records, path),
        "read_records, each record checked": checked,
        "tf.data after all records are checked": lambda: _stacked(tfrecords.dataset(path)),
        "cache of the CSV": cached,
    }
    return _block(
        f"FER2013 as TFRecords, {len(drawn)} rows",
        ways,
        documented,
        "the same pictures and labels (checked); the documented way, the write-up's in today's TensorFlow, does not see a lost record, ours do; "
        "the cache holds the same rows in another file",
    )


def documented_records(path: Path) -> list[np.ndarray]:
    """The write-up's reader, its queue replaced by ``tf.data``."""
    import tensorflow as tf

    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}

    def parse(record):
        example = tf.io.parse_single_example(record, features)
        return tf.reshape(tf.io.decode_raw(example["image"], tf.uint8), (48, 48, 1)), example["label"]

    return _stacked(tf.data.TFRecordDataset(str(path)).map(parse))


def _stacked(dataset: Any) -> list[np.ndarray]:
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return [np.stack(images), np.array(labels)]


@functools.cache
def _drawn() -> fer2013.Rows:
    return expressions_stand_in.draw(PICTURES)


# ------------------------------------------------------------------------------------------------------ hands


def _hands(folder: Path) -> list[Row]:
    write_hands(folder, FRAMES)
    usual = "a line and an image at a time, Pillow"

    def checked() -> list[np.ndarray]:
        split = icvl.load_real(folder).train
        return [split.x[..., 0], split.y]

    ways = {usual: partial(usual_frames, folder), "load_real, each file checked": checked}
    return _block(
        f"ICVL files, {FRAMES} frames of 240×320",
        ways,
        usual,
        "the same frames and joints from the same 16-bit PNGs (checked); the thread shows no reader, so the usual loop stands for it: it checks "
        "nothing, ours checks labels, checksums, bit depth and range",
    )


def usual_frames(folder: Path) -> list[np.ndarray]:
    """Training frames of an ICVL folder as a loop over its label file reads them."""
    images, joints = [], []
    for line in (folder / "Training" / "labels.txt").read_text(encoding="utf-8").splitlines():
        name, *numbers = line.split()
        with Image.open(folder / "Training" / "Depth" / name) as image:
            images.append(np.asarray(image).astype(np.uint16))
        joints.append([float(number) for number in numbers])
    return [np.stack(images), np.array(joints, np.float32).reshape(-1, 16, 3)]


def write_hands(folder: Path, count: int) -> None:
    """An ICVL folder of ``count`` rendered training frames and two test frames."""
    depth, joints = hand.render(count, seed=0)
    split = Split(depth[..., None], joints)
    two = Split(np.repeat(split.x[:1], 2, axis=0), np.repeat(split.y[:1], 2, axis=0))
    icvl.write_icvl(folder, Dataset("hands", "", True, split, two))


def _labels(folder: Path) -> list[Row]:
    path = folder / "labels.txt"
    write_labels(path, LINES)
    usual = "pandas.read_csv"
    ways = {usual: partial(usual_labels, path), "read_labels": lambda: icvl.read_labels(path)[1]}
    return _block(
        f"ICVL label file, {LINES} lines",
        ways,
        usual,
        "the same joints as float32, to 0.0001 px and mm (checked); pandas wants a table without blank lines and does not say which line is wrong",
        within=1e-4,
    )


def usual_labels(path: Path) -> np.ndarray:
    """Joints ``(N, 16, 3)`` of a label file, by pandas."""
    table = pd.read_csv(path, sep=" ", header=None)
    return table.iloc[:, 1:].to_numpy(np.float32).reshape(-1, 16, 3)


def write_labels(path: Path, count: int) -> None:
    """A label file of ``count`` lines, 48 numbers each."""
    numbers = np.random.default_rng(0).uniform(0, 300, (count, 48))
    lines = (f"a/image_{i:04}.png " + " ".join(f"{value:.3f}" for value in row) for i, row in enumerate(numbers))
    write_text_atomically(path, "\n".join(lines) + "\n")


# ------------------------------------------------------------------------------------------------------ faces


def _faces(folder: Path) -> list[Row]:
    write_faces(folder, FACES)
    place = folder / "lfpw" / "trainset"
    usual = "numpy.loadtxt and Pillow, pair by pair"
    ways = {usual: partial(usual_pairs, place), "read_folder and read_image, each pair checked": partial(pairs, place)}
    return _block(
        f"300-W files, {FACES} faces of 112×112",
        ways,
        usual,
        "the same photos and points (checked); no source documents a reader (the public code uses the package menpo), so the shortest loop stands "
        "for it: it checks nothing, ours compares points, photo and detector box of each pair, and the PNG's checksums",
    )


def pairs(place: Path) -> list[np.ndarray]:
    """Photos and points of a folder by the course's readers."""
    found = ibug.read_folder(place).faces
    return [np.stack([ibug.read_image(one.image) for one in found]), np.stack([one.points for one in found])]


def usual_pairs(place: Path) -> list[np.ndarray]:
    """Photos and points of a folder by a short loop; points from 0, as ours."""
    photos, points = [], []
    for path in sorted(place.glob("*.pts")):
        points.append(np.loadtxt(path, skiprows=3, max_rows=68) - 1)
        with Image.open(path.with_suffix(".png")) as image:
            photos.append(np.asarray(image.convert("RGB")))
    return [np.stack(photos), np.stack(points)]


def write_faces(folder: Path, count: int) -> None:
    """A folder of ``count`` rendered training faces and one test face in the layout of 300-W, with boxes."""
    split = Split(*face.render(count, seed=0, side=112, colour=False))
    one = Split(split.x[:1], split.y[:1])
    boxes = [np.tile([8.0, 8.0, 104.0, 104.0], (len(some), 1)) for some in (split, one)]
    ibug.write_ibug(folder, Dataset("faces", "", True, split, one), boxes=(boxes[0], boxes[1]))


# ----------------------------------------------------------------------------------------------------- digits


def _npz(folder: Path) -> list[Row]:
    path = folder / "mnist.npz"
    count = write_digits(path)
    usual = "numpy.load, as Keras does"
    ways = {usual: partial(usual_npz, path), "read_npz, checked": lambda: list(digits.read_npz(path).values())}
    return _block(
        f"digits in mnist.npz, {count} images",
        ways,
        usual,
        "the same four arrays (checked); Keras' own loader checks nothing but the file's hash when it downloads, ours shapes, types and ranges",
    )


def usual_npz(path: Path) -> list[np.ndarray]:
    """The arrays as ``keras.datasets.mnist`` takes them from its file."""
    with np.load(path, allow_pickle=True) as archive:
        return [archive[name] for name in digits.ARRAYS]


def _idx(folder: Path) -> list[Row]:
    data = _digits()
    digits.write_idx_folder(folder, data)
    documented = "gzip, header skipped, frombuffer"
    ways = {
        documented: partial(documented_idx, folder, len(data.train), len(data.test)),
        "read_idx_folder, checked": lambda: list(digits.read_idx_folder(folder).values()),
    }
    return _block(
        f"digits as idx files, {len(data.train) + len(data.test)} images",
        ways,
        documented,
        "the same four arrays from the same gzipped files (checked); the 2016 script's reader trusts the header, ours compares it with the body",
    )


def documented_idx(folder: Path, train: int, test: int) -> list[np.ndarray]:
    """As ``input_data.read_data_sets``, which the 2016 script calls, reads them: skip the header, take the bytes."""
    found = []
    for name, file in digits.IDX_FILES.items():
        with gzip.open(folder / f"{file}.gz") as stream:
            stream.read(16 if name.startswith("x") else 8)
            values = np.frombuffer(stream.read(), np.uint8)
        found.append(values.reshape(train if "train" in name else test, -1, 28) if name.startswith("x") else values)
    return found


def write_digits(path: Path, repeats: int = REPEATS) -> int:
    """``mnist.npz`` of the stand-in's digits, repeated; returns how many images."""
    data = _digits(repeats)
    digits.write_npz(path, data)
    return len(data.train) + len(data.test)


def _digits(repeats: int = REPEATS) -> Dataset:
    data = digits.load(REDUCED)
    many = [Split(np.tile(one.x, (repeats, 1, 1, 1)), np.tile(one.y, repeats)) for one in (data.train, data.test)]
    return Dataset("digits", "", True, *many)


# ---------------------------------------------------------------------------------------------------- scaling


def growing(folder: Path) -> list[tuple[str, Callable[[int], Callable[[], Any]], int, str]]:
    """What ``scaling`` doubles: name, amount → call, the first amount, its unit. Files are written into ``folder``."""
    drawn = _drawn()

    def some(count: int) -> fer2013.Rows:
        rows = np.arange(count) % len(drawn)
        return fer2013.Rows(drawn.images[rows], drawn.labels[rows], drawn.usage[rows])

    def csv(count: int) -> Callable[[], Any]:
        path = folder / f"{count}.csv"
        fer2013.write_csv(path, some(count))
        return partial(fer2013.read_csv, path)

    def cache(count: int) -> Callable[[], Any]:
        path = folder / f"cached_{count}.csv"
        path.touch()
        fer2013.write_cache(path, some(count))
        return lambda: _summed(fer2013.read_cached(path))

    def records(count: int) -> Callable[[], Any]:
        path = folder / f"{count}.tfrecord"
        tfrecords.write_records(path, some(count))
        return partial(tfrecords.read_records, path)

    def frames(count: int) -> Callable[[], Any]:
        write_hands(folder / f"hands_{count}", count)
        return partial(icvl.load_real, folder / f"hands_{count}")

    def labels(count: int) -> Callable[[], Any]:
        write_labels(folder / f"labels_{count}.txt", count)
        return partial(icvl.read_labels, folder / f"labels_{count}.txt")

    def photos(count: int) -> Callable[[], Any]:
        write_faces(folder / f"faces_{count}", count)
        return partial(pairs, folder / f"faces_{count}" / "lfpw" / "trainset")

    def npz(repeats: int) -> Callable[[], Any]:
        write_digits(folder / f"mnist_{repeats}.npz", repeats)
        return partial(digits.read_npz, folder / f"mnist_{repeats}.npz")

    return [
        ("loader: FER2013, CSV", csv, 125, "rows"),
        ("loader: FER2013, cache", cache, 1000, "rows"),
        ("loader: FER2013, TFRecords", records, 125, "rows"),
        ("loader: ICVL, frames", frames, 6, "frames"),
        ("loader: ICVL, label file", labels, 250, "lines"),
        ("loader: 300-W, photos and points", photos, 6, "pairs"),
        ("loader: digits, mnist.npz", npz, 1, "× 1 797 images"),
    ]
