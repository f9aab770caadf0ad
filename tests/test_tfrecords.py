"""TFRecord files of FER2013: what was written comes back, and no record is lost without a word."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from data_checks import the_line

from course_utils.datasets import fer2013, tfrecords
from course_utils.datasets.fer2013 import Rows

N = 12


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (N, 48, 48), np.uint8)
    return Rows(images, (np.arange(N) % 7).astype(np.uint8), (np.arange(N) % 3).astype(np.uint8))


@pytest.fixture
def path(tmp_path, rows):
    tfrecords.write_records(tmp_path / "new folder" / "fer.tfrecord", rows)
    return tmp_path / "new folder" / "fer.tfrecord"


def records_of(path):
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def write_raw(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def an_example(**changed):
    """One record, some features changed; None leaves one out."""
    values = {"image": bytes(2304), "label": 3, "usage": 0, "index": 0, "count": 1} | changed
    feature = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif value is not None:
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def starts_of(path):
    """The byte at which each record begins, and the size of the file."""
    return np.cumsum([0, *(len(record) + 16 for record in records_of(path))]).tolist()


# ------------------------------------------------------------------------------------------------- round trips


def test_records_come_back_exactly_as_written(path, rows):
    found = tfrecords.read_records(path)
    for name in ("images", "labels", "usage"):
        np.testing.assert_array_equal(getattr(found, name), getattr(rows, name))
    assert found.sha256() == rows.sha256()
    assert found.images.flags.writeable and found.labels.flags.writeable
    assert tfrecords.count_records(str(path)) == N
    assert [p.name for p in path.parent.iterdir()] == ["fer.tfrecord"]


def test_csv_cache_folders_and_records_hold_the_same_rows(tmp_path, rows):
    """From one format to the next and back, byte for byte; folders deal the rows of a usage in another order, the same each time."""
    fer2013.write_csv(tmp_path / "a.csv.gz", rows)
    fer2013.write_cache(tmp_path / "a.csv.gz", fer2013.read_csv(tmp_path / "a.csv.gz"))
    tfrecords.write_records(tmp_path / "a.tfrecord", fer2013.read_cached(tmp_path / "a.csv.gz"))
    found = tfrecords.read_records(tmp_path / "a.tfrecord")
    assert found.sha256() == rows.sha256()
    fer2013.write_csv(tmp_path / "b.csv.gz", found)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()

    fer2013.write_folders(tmp_path / "faces", found)
    dealt = fer2013.read_folders(tmp_path / "faces")
    tfrecords.write_records(tmp_path / "b.tfrecord", dealt)
    assert tfrecords.read_records(tmp_path / "b.tfrecord").sha256() == dealt.sha256()
    key = [row.tobytes() for row in rows.images]
    where = [key.index(image.tobytes()) for image in dealt.images]
    assert sorted(where) == list(range(len(rows)))
    for name in ("labels", "usage"):
        np.testing.assert_array_equal(getattr(dealt, name), getattr(rows, name)[where])


def test_tf_data_gives_images_and_labels(path, rows):
    data = tfrecords.dataset(path)
    assert data.element_spec == (tf.TensorSpec((48, 48, 1), tf.uint8), tf.TensorSpec((), tf.int32))
    assert data.cardinality().numpy() == N
    images, labels = next(iter(data.batch(N)))
    np.testing.assert_array_equal(images.numpy()[..., 0], rows.images)
    np.testing.assert_array_equal(labels.numpy(), rows.labels)
    assert len(list(data)) == N, "a second pass is as long as the first"


@pytest.mark.parametrize("usage", fer2013.USAGES)
def test_tf_data_of_one_usage(path, rows, usage):
    assert tfrecords.dataset(path, usage).cardinality().numpy() == len(rows.of(usage)[0])
    images, labels = next(iter(tfrecords.dataset(path, usage).batch(N)))
    np.testing.assert_array_equal(images.numpy()[..., 0], rows.of(usage)[0])
    np.testing.assert_array_equal(labels.numpy(), rows.of(usage)[1])


def test_tf_data_of_a_usage_without_rows_is_refused(tmp_path, rows):
    some = rows.usage < 2
    tfrecords.write_records(tmp_path / "a", Rows(rows.images[some], rows.labels[some], rows.usage[some]))
    assert "no row of PrivateTest" in the_line(tfrecords.dataset, tmp_path / "a", "PrivateTest")
    assert len(list(tfrecords.dataset(tmp_path / "a", "PublicTest"))) == 4


def test_tf_data_of_an_unknown_usage_suggests_the_nearest(path):
    assert "did you mean 'Training'" in the_line(tfrecords.dataset, path, "training")


def test_reading_the_module_does_not_load_tensorflow():
    code = "import sys; from course_utils.datasets import tfrecords; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ----------------------------------------------------------------------------------------------- damaged files

CHECKING = [tfrecords.read_records, tfrecords.dataset]
READERS = [tfrecords.count_records, *CHECKING]


@pytest.mark.parametrize("read", READERS)
def test_a_file_of_no_bytes_is_no_empty_set(tmp_path, read):
    (tmp_path / "a").write_bytes(b"")
    assert "empty: the writer was not closed" in the_line(read, tmp_path / "a")


def test_no_rows_written_are_an_empty_file(tmp_path, rows):
    tfrecords.write_records(tmp_path / "a", Rows(rows.images[:0], rows.labels[:0], rows.usage[:0]))
    assert "empty" in the_line(tfrecords.read_records, tmp_path / "a")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("record", [0, 3, N - 1])
@pytest.mark.parametrize("left", [1, 5, 8, 11, 12, 13, 500, -5, -4, -1])
def test_a_cut_off_file_names_record_and_byte_wherever_it_ends(path, read, record, left):
    starts = starts_of(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: (starts[record] if left > 0 else starts[record + 1]) + left])
    text = the_line(read, path)
    assert text.startswith(f"{path}: record {record} at byte {starts[record]} is cut off")


@pytest.mark.parametrize("read", [tfrecords.read_records, tfrecords.dataset])
def test_a_file_cut_off_between_two_records_is_seen_by_the_count(path, read):
    path.write_bytes(path.read_bytes()[: starts_of(path)[5]])
    assert f"found 5 records, expected the {N} that were written" in the_line(read, path)
    assert tfrecords.count_records(path) == 5


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("place", [0, 9, 100, -2])
def test_a_changed_byte_names_record_and_byte(path, read, place):
    starts = starts_of(path)
    raw = bytearray(path.read_bytes())
    raw[(starts[3] if place >= 0 else starts[4]) + place] ^= 1
    path.write_bytes(raw)
    text = the_line(read, path)
    assert text.startswith(f"{path}: record 3 at byte {starts[3]} is damaged (its checksum is another)")


@pytest.mark.parametrize("read", CHECKING)
def test_lost_and_shuffled_records_are_seen_by_the_index(path, read):
    records = records_of(path)
    write_raw(path, records[:4] + records[5:])
    assert "record 4 has index 5, expected 4: lost or shuffled" in the_line(read, path)
    write_raw(path, [*records[:4], records[5], records[4], *records[6:]])
    assert "record 4 has index 5" in the_line(read, path)


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_record_file(tmp_path, read):
    (tmp_path / "a").write_bytes(b"emotion,pixels,Usage\n" * 10)
    assert "no TFRecord file" in the_line(read, tmp_path / "a")
    assert "no such file" in the_line(read, tmp_path / "b")
    assert "cannot be read" in the_line(read, tmp_path)


@pytest.mark.parametrize("read", [tfrecords.read_records, tfrecords.dataset])
@pytest.mark.parametrize(
    ("dtype", "size", "likely"),
    [("int64", 18432, "int64 or float64"), ("float32", 9216, "int32 or float32"), ("int16", 4608, "int16 or uint16")],
)
def test_images_written_from_another_type_are_named_with_it(tmp_path, rows, read, dtype, size, likely):
    path = write_raw(tmp_path / "a", [an_example(image=rows.images[0].astype(dtype).tobytes())])
    text = the_line(read, path)
    assert f"record 0: image has {size} bytes, expected 2304 (uint8): written from {likely}" in text


@pytest.mark.parametrize("size", [0, 2303, 2305, 6912])
def test_images_of_another_length_are_named(tmp_path, size):
    path = write_raw(tmp_path / "a", [an_example(image=bytes(size))])
    assert the_line(tfrecords.read_records, path).endswith(f"image has {size} bytes, expected 2304 (uint8)")


@pytest.mark.parametrize("read", CHECKING)
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image": bytes(18432)}, "image has 18432 bytes, expected 2304 (uint8): written from int64"),
        ({"label": 7}, "label is 7, expected 0 to 6"),
        ({"usage": 3}, "usage is 3, expected 0 to 2"),
        ({"index": 0}, "has index 0, expected 1"),
        ({"label": None}, "without one value of int in 'label'"),
    ],
)
def test_a_later_record_is_checked_as_the_first(tmp_path, read, changed, said):
    later = an_example(**{"index": 1, "count": 2} | changed)
    text = the_line(read, write_raw(tmp_path / "a", [an_example(count=2), later]))
    assert text.startswith(f"{tmp_path / 'a'}: record 1") and said in text


def test_a_file_that_changes_after_it_was_checked_stops_tf_data(tmp_path):
    first, second = an_example(count=2), an_example(index=1, count=2)
    data = tfrecords.dataset(write_raw(tmp_path / "a", [first, second]))
    write_raw(tmp_path / "a", [first, an_example(image=bytes(18432), index=1, count=2)])
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(data)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"label": 7}, "label is 7, expected 0 to 6"),
        ({"label": -1}, "label is -1"),
        ({"usage": 3}, "usage is 3, expected 0 to 2"),
        ({"index": -1}, "index is -1, expected 0 or more"),
        ({"label": None}, "found count, image, index, usage without one value of int in 'label'"),
        ({"label": b"3"}, "without one value of int in 'label'"),
        ({"image": 3}, "without one value of bytes in 'image'"),
        ({"image": None, "img_raw": bytes(2304)}, "found count, img_raw, index, label, usage without"),
    ],
)
def test_wrong_and_missing_features_are_named(tmp_path, changed, said):
    path = write_raw(tmp_path / "a", [an_example(**changed)])
    text = the_line(tfrecords.read_records, path)
    assert text.startswith(f"{path}: record 0: ")
    assert said in text


def test_records_that_are_no_examples(tmp_path):
    path = write_raw(tmp_path / "a", [b"\xff\xff\x00 no example"])
    assert "record 0: no tf.train.Example" in the_line(tfrecords.read_records, path)
    assert tfrecords.count_records(path) == 1


# ------------------------------------------------------------------------------------------------ failed writes


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), tf.errors.ResourceExhaustedError(None, None, "No space left")]
)
def test_a_write_that_fails_leaves_nothing_and_names_the_file(tmp_path, rows, monkeypatch, error):
    class FullDisk(tf.io.TFRecordWriter):
        def write(self, record):
            raise error

    monkeypatch.setattr(tf.io, "TFRecordWriter", FullDisk)
    text = the_line(tfrecords.write_records, tmp_path / "out" / "a", rows)
    assert text.startswith(f"{tmp_path / 'out' / 'a'}: cannot be written (No space left")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path, rows):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in the_line(tfrecords.write_records, tmp_path / "file" / "a", rows)
