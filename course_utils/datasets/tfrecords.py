"""TFRecord files of FER2013: written whole or not at all, read with every record checked, and as ``tf.data``. Floor 2.

Each record is a ``tf.train.Example`` with ``image`` (2 304 bytes, uint8), ``label``, ``usage`` (0 Training, 1 PublicTest,
2 PrivateTest), ``index`` (the row, from 0) and ``count`` (how many rows were written). ``index`` and ``count`` are there
because ``tf.data`` does not see lost records: a file of 0 bytes, or one cut off between two records, is to it a shorter
set, and so is one cut off in the first 12 bytes of a record (TensorFlow 2.21).

TensorFlow is imported where it is used: reading the module does not load it. Lessons 40_expressions_files and
41_expressions_pipeline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils.datasets.fer2013 import CLASSES, PIXELS, SIDE, USAGES, Rows
from course_utils.runtime import DataError, atomically, nearest

if TYPE_CHECKING:
    import tensorflow as tf

NUMBERS = {"label": len(CLASSES), "usage": len(USAGES), "index": None, "count": None}  # and what each is below
_AROUND = 16  # bytes of length and checksums that enclose a record
_WIDER = {2: "int16 or uint16", 4: "int32 or float32", 8: "int64 or float64"}


def write_records(path: Path, rows: Rows) -> None:
    """Write one record a row, in order; whole or not at all. Raises DataError when the file cannot be written."""
    import tensorflow as tf

    path = Path(path)
    try:
        with atomically(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for index, image in enumerate(rows.images):
                numbers = (rows.labels[index], rows.usage[index], index, len(rows))
                feature = {
                    name: tf.train.Feature(int64_list=tf.train.Int64List(value=[int(number)]))
                    for name, number in zip(NUMBERS, numbers, strict=True)
                }
                feature["image"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()]))
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
            writer.close()  # before the rename: what is still held back is written now, and fails now
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error
    except tf.errors.OpError as error:
        raise DataError(f"{path}: cannot be written ({_first_line(error)})") from error


def count_records(path: Path) -> int:
    """Number of records of any TFRecord file that is not compressed, all read and their checksums compared.

    Raises DataError, naming record (from 0) and byte, for a file that is missing, empty, cut off or damaged.
    """
    return sum(1 for _ in _raw(Path(path)))


def read_records(path: Path) -> Rows:
    """All rows of a file that :func:`write_records` wrote, in order.

    Raises DataError, naming the record (from 0): as :func:`count_records` does; when records are lost or in another
    order; and when the bytes of an image are not 2 304, with the type that they were likely written from.
    """
    images, labels, usage = bytearray(), [], []  # bytes that may be changed
    for image, numbers in _checked(Path(path)):
        images += image
        labels.append(numbers["label"])
        usage.append(numbers["usage"])
    return Rows(
        np.frombuffer(images, np.uint8).reshape(-1, SIDE, SIDE),
        np.array(labels, np.uint8),
        np.array(usage, np.uint8),
    )


def dataset(path: Path, usage_name: str | None = None) -> tf.data.Dataset:
    """A ``tf.data.Dataset`` of (image uint8 (48, 48, 1), label int32) that reads the file as it is asked for.

    usage_name: rows of this usage alone (default: all). The number of elements is known. No shuffling, batching or
    repeating: that is the lesson's. Every record is checked now: DataError as :func:`read_records`, and when there is no
    row of the usage. In a file that is changed afterwards, an image of another length raises
    ``tf.errors.InvalidArgumentError`` when it is reached.
    """
    import tensorflow as tf

    path = Path(path)
    if usage_name is not None and usage_name not in USAGES:
        raise DataError(nearest(usage_name, USAGES, "usage"))
    counts = Counter(numbers["usage"] for _, numbers in _checked(path))
    features = {"image": tf.io.FixedLenFeature([], tf.string)}
    features |= {name: tf.io.FixedLenFeature([], tf.int64) for name in ("label", "usage")}

    def image_and_label(example: dict) -> tuple:
        pixels = tf.ensure_shape(tf.io.decode_raw(example["image"], tf.uint8), [PIXELS])
        return tf.reshape(pixels, (SIDE, SIDE, 1)), tf.cast(example["label"], tf.int32)

    examples = _records(path).map(lambda record: tf.io.parse_single_example(record, features))
    count = counts.total()
    if usage_name is not None:
        wanted = USAGES.index(usage_name)
        count = counts[wanted]
        if not count:
            raise DataError(f"{path}: no row of {usage_name}, expected one or more")
        examples = examples.filter(lambda example: example["usage"] == wanted)
    return examples.map(image_and_label).apply(tf.data.experimental.assert_cardinality(count))


def _records(path: Path) -> tf.data.Dataset:
    import tensorflow as tf

    return tf.data.TFRecordDataset(str(path), buffer_size=1 << 20)


def _raw(path: Path) -> Iterator[bytes]:
    """The bytes of each record. Yields one or more, or raises DataError."""
    import tensorflow as tf

    try:
        with path.open("rb"):
            size = path.stat().st_size
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected a TFRecord file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not size:
        raise DataError(f"{path}: empty: the writer was not closed, or nothing was written; expected records")
    record, byte = 0, 0
    try:
        for raw in _records(path).as_numpy_iterator():
            yield raw
            record += 1
            byte += len(raw) + _AROUND
    except tf.errors.DataLossError as error:
        cut = "truncated" in str(error)
        found = "is cut off" if cut else "is damaged (its checksum is another)"
        also = "; or this is no TFRecord file" if not cut and not record else ""
        raise DataError(f"{path}: record {record} at byte {byte} {found}, expected a whole record{also}") from error
    except tf.errors.OpError as error:
        raise DataError(f"{path}: cannot be read ({_first_line(error)})") from error
    if byte != size:  # TensorFlow says nothing when it ends in the first 12 bytes of a record
        raise DataError(
            f"{path}: record {record} at byte {byte} is cut off, found {size - byte} bytes, expected a whole record"
        )


def _checked(path: Path) -> Iterator[tuple[bytes, dict[str, int]]]:
    """Image and numbers of each record, all of them checked, their order and their number too. Raises DataError."""
    for record, raw in enumerate(_raw(path)):
        image, numbers = _decoded(path, record, raw)
        if numbers["index"] != record:
            raise DataError(
                f"{path}: record {record} has index {numbers['index']}, expected {record}: lost or shuffled"
            )
        yield image, numbers
    if numbers["count"] != record + 1:
        raise DataError(f"{path}: found {record + 1} records, expected the {numbers['count']} that were written")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _decoded(path: Path, record: int, raw: bytes) -> tuple[bytes, dict[str, int]]:
    """The bytes of one image, and its numbers."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    where = f"{path}: record {record}"
    try:
        feature = tf.train.Example.FromString(raw).features.feature
    except DecodeError as error:
        raise DataError(f"{where}: no tf.train.Example; expected one with image, {', '.join(NUMBERS)}") from error
    found = {name: [*one.bytes_list.value, *one.int64_list.value] for name, one in feature.items()}
    for name in ("image", *NUMBERS):
        kind = bytes if name == "image" else int
        if len(found.get(name, ())) != 1 or not isinstance(found[name][0], kind):
            raise DataError(
                f"{where}: found {', '.join(sorted(found)) or 'nothing'} without one value of {kind.__name__} in {name!r}, "
                f"expected image, {', '.join(NUMBERS)}"
            )
    image, numbers = found["image"][0], {name: found[name][0] for name in NUMBERS}
    if len(image) != PIXELS:
        wider = _WIDER.get(len(image) // PIXELS) if len(image) % PIXELS == 0 else None
        hint = f": written from {wider}, use image.astype('uint8').tobytes()" if wider else ""
        raise DataError(f"{where}: image has {len(image)} bytes, expected {PIXELS} (uint8){hint}")
    for name, below in NUMBERS.items():
        if numbers[name] < 0 or (below and numbers[name] >= below):
            expected = f"0 to {below - 1}" if below else "0 or more"
            raise DataError(f"{where}: {name} is {numbers[name]}, expected {expected}")
    return image, numbers
