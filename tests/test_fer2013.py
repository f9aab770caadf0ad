"""FER2013 and FER+: that files come back as they were written, and that every damage is named and nothing is skipped."""

import csv
import gzip
import json
import os
import re
import shutil
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from data_checks import the_line
from PIL import Image

from course_utils.datasets import fer2013
from course_utils.datasets.fer2013 import CLASSES, PIXELS, USAGES, Rows
from course_utils.runtime import DataError

ASKED_FOR = os.environ.get("COURSE_DATA")  # before the fixture below points it elsewhere

pytestmark = pytest.mark.usefixtures("no_real_data")

HEADER = "emotion,pixels,Usage"
ORDERS = ["emotion,pixels,Usage", "emotion,Usage,pixels", "pixels,emotion,Usage", "Usage,pixels,emotion"]


def some_rows(n=12, seed=0):
    """Rows of which the first have every class and usage; dark, medium and bright images, so that all word lengths come."""
    rng = np.random.default_rng(seed)
    top = rng.choice([9, 99, 255], n)[:, None, None]
    images = np.minimum(rng.integers(0, 256, (n, 48, 48)), top).astype(np.uint8)
    return Rows(images, (np.arange(n) % 7).astype(np.uint8), (np.arange(n) % 3).astype(np.uint8))


@pytest.fixture(scope="module")
def rows():
    return some_rows()


def assert_rows_equal(found, expected):
    for name in ("images", "labels", "usage"):
        a, b = getattr(found, name), getattr(expected, name)
        assert a.dtype == b.dtype == np.uint8
        np.testing.assert_array_equal(a, b)
    assert found.sha256() == expected.sha256()


def lines_of(rows, header=HEADER):
    """The text of a file, line by line, in the order of the header. Written here a second time, independently."""
    names = [name.strip() for name in header.split(",")]
    lines = [header]
    for image, label, usage in zip(rows.images, rows.labels, rows.usage, strict=True):
        fields = {
            "emotion": str(label),
            "pixels": " ".join(str(value) for value in image.ravel()),
            "Usage": USAGES[usage],
        }
        lines.append(",".join(fields[name] for name in names))
    return lines


def save(path, lines, end="\n", last="\n", encoding="utf-8"):
    path.write_bytes((end.join(lines) + last).encode(encoding))
    return path


@pytest.fixture
def damaged(tmp_path, rows):
    """Gives the error of a file whose row ``row`` has its label, pixels (a list of words) or usage changed."""

    def call(*, row=5, label=None, pixels=None, usage=None, line=None):
        lines = lines_of(rows)
        fields = lines[row].split(",")
        if label is not None:
            fields[0] = label
        if pixels is not None:
            fields[1] = " ".join(pixels(fields[1].split(" ")))
        if usage is not None:
            fields[2] = usage
        lines[row] = ",".join(fields) if line is None else line(lines[row])
        path = save(tmp_path / "fer2013.csv", lines)
        text = the_line(fer2013.read_csv, path)
        assert text.startswith(f"{path}: row {row} (line {row + 1}): ")
        return text

    return call


def with_pixel(place, word):
    """Changes the pixel with this number, counted from 1."""
    return lambda words: [*words[: place - 1], word, *words[place:]]


# ------------------------------------------------------------------------------------------------------- rows


def test_rows_know_their_usages_and_counts(rows):
    images, labels = rows.of("PublicTest")
    np.testing.assert_array_equal(images, rows.images[1::3])
    np.testing.assert_array_equal(labels, rows.labels[1::3])
    assert len(rows) == sum(map(sum, rows.counts())) == 12
    assert rows.counts()[0] == (1, 0, 1, 1, 0, 0, 1)
    assert "did you mean 'PublicTest'" in the_line(rows.of, "Publictest")


def test_published_is_told_by_the_counts_of_each_usage_and_class(rows):
    counts = np.array(fer2013.PUBLISHED_CLASSES, np.int64)
    assert tuple(counts.sum(axis=1)) == fer2013.PUBLISHED_COUNTS
    usage, label = np.divmod(np.repeat(np.arange(21), counts.ravel()), 7)
    images = np.broadcast_to(np.uint8(0), (len(label), 48, 48))
    assert Rows(images, label.astype(np.uint8), usage.astype(np.uint8)).published
    label[0] = 1
    assert not Rows(images, label.astype(np.uint8), usage.astype(np.uint8)).published
    assert not rows.published


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"images": np.zeros((12, 48, 47), np.uint8)}, r"images: found uint8 \(12, 48, 47\)"),
        ({"images": np.zeros((12, 48, 48), np.int64)}, "images: found int64"),
        ({"labels": np.zeros(11, np.uint8)}, r"labels: found uint8 \(11,\), expected uint8 \(12,\)"),
        ({"labels": np.full(12, 7, np.uint8)}, "labels: found 7, expected 0 to 6"),
        ({"usage": np.full(12, 3, np.uint8)}, "usage: found 3, expected 0 to 2"),
    ],
)
def test_rows_of_other_shapes_types_or_numbers_are_refused(rows, changed, text):
    with pytest.raises(ValueError, match=text):
        Rows(**({name: getattr(rows, name) for name in ("images", "labels", "usage")} | changed))


def test_rows_and_duplicates_are_compared_by_identity(rows):
    for one, other in ((rows, some_rows()), (fer2013.duplicates(rows), fer2013.duplicates(rows))):
        assert one == one and one != other
        assert len({one, other}) == 2


def test_the_hash_depends_on_images_labels_and_usage(rows):
    hashes = {rows.sha256()}
    for name in ("images", "labels", "usage"):
        arrays = {other: getattr(rows, other).copy() for other in ("images", "labels", "usage")}
        arrays[name].flat[0] ^= 1
        hashes.add(Rows(**arrays).sha256())
    assert len(hashes) == 4


# ------------------------------------------------------------------------------------- reading what is well-formed


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013.csv.gz"])
def test_a_csv_comes_back_exactly_as_written(tmp_path, rows, name):
    path = tmp_path / "new folder" / name
    fer2013.write_csv(path, rows)
    assert_rows_equal(fer2013.read_csv(path), rows)
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_a_csv_is_written_in_the_published_format(tmp_path, rows):
    fer2013.write_csv(tmp_path / "fer2013.csv", rows)
    assert (tmp_path / "fer2013.csv").read_bytes() == ("\n".join(lines_of(rows)) + "\n").encode()


def test_equal_rows_give_equal_gzip_files(tmp_path, rows):
    for name in ("a.csv.gz", "b.csv.gz"):
        fer2013.write_csv(tmp_path / name, rows)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_gzip_is_told_by_the_first_bytes_not_by_the_name(tmp_path, rows):
    fer2013.write_csv(tmp_path / "a.csv.gz", rows)
    fer2013.write_csv(tmp_path / "b.csv", rows)
    shutil.move(tmp_path / "a.csv.gz", tmp_path / "a.csv")
    shutil.move(tmp_path / "b.csv", tmp_path / "b.csv.gz")
    assert_rows_equal(fer2013.read_csv(tmp_path / "a.csv"), rows)
    assert_rows_equal(fer2013.read_csv(str(tmp_path / "b.csv.gz")), rows)


def test_a_gzip_of_several_members_is_read_to_its_end(tmp_path, rows):
    text = ("\n".join(lines_of(rows)) + "\n").encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text[:5000]) + gzip.compress(text[5000:]))
    assert_rows_equal(fer2013.read_csv(tmp_path / "a.csv.gz"), rows)


@pytest.mark.parametrize("size", [97, 1000, 8192, 9001, 30_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_it_does_not_matter_where_a_block_of_text_ends(tmp_path, rows, monkeypatch, size, end):
    monkeypatch.setattr(fer2013, "_BLOCK", size)
    assert_rows_equal(fer2013.read_csv(save(tmp_path / "a.csv", lines_of(rows), end, end)), rows)


@pytest.mark.parametrize("header", [*ORDERS, "emotion, Usage, pixels", " pixels ,\tUsage,emotion "])
def test_columns_are_found_by_name(tmp_path, rows, header):
    assert_rows_equal(fer2013.read_csv(save(tmp_path / "a.csv", lines_of(rows, header))), rows)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("header", ORDERS)
def test_fields_may_be_quoted(tmp_path, rows, quoting, header, end):
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file, quoting=quoting, lineterminator=end).writerows(
            line.split(",") for line in lines_of(rows, header)
        )
    assert_rows_equal(fer2013.read_csv(tmp_path / "a.csv"), rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(("end", "last"), [("\n", ""), ("\r\n", ""), ("\r\n", "\r\n"), ("\n", "\r"), ("\n", "\n\n \n")])
def test_byte_order_mark_windows_ends_no_last_end_and_blank_lines_at_the_end(tmp_path, rows, end, last, encoding):
    assert_rows_equal(fer2013.read_csv(save(tmp_path / "a.csv", lines_of(rows), end, last, encoding)), rows)


def test_many_blank_lines_at_the_end_are_passed_over_whatever_the_block(tmp_path, rows, monkeypatch):
    path = save(tmp_path / "a.csv", lines_of(rows), last="\n" + "\r\n" * 5000)
    for size in (100, 9000):
        monkeypatch.setattr(fer2013, "_BLOCK", size)
        assert_rows_equal(fer2013.read_csv(path), rows)


@pytest.mark.parametrize("seed", range(5))
def test_any_rows_come_back(tmp_path, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    found = Rows(
        rng.integers(0, 256, (n, 48, 48), np.uint8), rng.integers(0, 7, n, np.uint8), rng.integers(0, 3, n, np.uint8)
    )
    fer2013.write_csv(tmp_path / "a.csv", found)
    assert_rows_equal(fer2013.read_csv(tmp_path / "a.csv"), found)


def test_every_grey_level_label_and_usage_comes_back(tmp_path):
    images = np.resize(np.arange(256, dtype=np.uint8), (21, 48, 48))
    usage, labels = (part.astype(np.uint8) for part in np.divmod(np.arange(21), 7))
    fer2013.write_csv(tmp_path / "a.csv", Rows(images, labels, usage))
    assert_rows_equal(fer2013.read_csv(tmp_path / "a.csv"), Rows(images, labels, usage))


def test_leading_zeros_are_numbers_too(tmp_path, rows):
    lines = lines_of(rows)
    lines[3] = re.sub(r"( )(\d+)", r" 000\2", lines[3])
    assert_rows_equal(fer2013.read_csv(save(tmp_path / "a.csv", lines)), rows)


def test_well_formed_lines_never_take_the_slow_way(tmp_path, rows, monkeypatch):
    monkeypatch.delattr(fer2013, "_parsed_slowly")
    for header in ORDERS:
        assert_rows_equal(fer2013.read_csv(save(tmp_path / "a.csv", lines_of(rows, header), "\r\n")), rows)


@pytest.mark.parametrize("header", ORDERS)
def test_what_the_fast_way_takes_the_slow_way_takes_too(header):
    """Some bytes changed, inserted or dropped at random: the two agree, or the fast way gives the lines to the slow one."""
    rng = np.random.default_rng(3)
    text = ("\n".join(lines_of(some_rows(2), header)[1:]) + "\n").encode()
    names = header.split(",")
    order = tuple(names.index(name) for name in fer2013.COLUMNS)
    near_an_edge = [at for at, byte in enumerate(text) if byte in b",\nT"]
    agreed = 0
    for _ in range(150):
        changed = bytearray(text)
        for _ in range(rng.integers(1, 3)):
            at = (
                int(rng.choice(near_an_edge)) + int(rng.integers(-3, 4))
                if rng.random() < 0.6
                else rng.integers(len(text))
            )
            at = int(np.clip(at, 0, len(text) - 3))
            new = rng.choice(list(b"0123456789 ,\n-xT"), rng.integers(0, 3)).astype(np.uint8).tobytes()
            changed[at : at + int(rng.integers(0, 2))] = new
        some = fer2013._Lines(bytes(changed), 1, order)
        fast = fer2013._parsed(some)
        try:
            slow = fer2013._parsed_slowly(Path("a.csv"), some)
        except DataError:
            assert fast is None
        else:
            assert fast is not None
            for a, b in zip(fast, slow, strict=True):
                np.testing.assert_array_equal(a, b)
            agreed += 1
    assert agreed


# -------------------------------------------------------------------------------------- reading what is damaged


@pytest.mark.parametrize("row", [1, 5, 12])
@pytest.mark.parametrize("count", [2303, 2305, 1, 2])
def test_a_wrong_number_of_pixels_is_counted(damaged, row, count):
    text = damaged(row=row, pixels=lambda words: [*words, "7"][:count])
    assert text.endswith(f"found {count} pixels, expected 2304")


def test_a_pixel_too_many_in_one_row_does_not_make_up_for_one_too_few_in_the_next(tmp_path, rows):
    lines = lines_of(rows)
    lines[4] = lines[4].replace(" ", " 7 ", 1)
    lines[5] = re.sub(r" \d+ ", " ", lines[5], count=1)
    assert "row 4 (line 5): found 2305 pixels" in the_line(fer2013.read_csv, save(tmp_path / "a.csv", lines))


@pytest.mark.parametrize("place", [1, 17, 2304])
@pytest.mark.parametrize(
    "word", ["256", "299", "300", "999", "1000", "12a", "-1", "1.5", "1e2", "+1", "٣", "nan", "\t7"]
)
def test_a_pixel_that_is_no_grey_level_is_named(damaged, place, word):
    text = damaged(pixels=with_pixel(place, word))
    assert text.endswith(f"pixel {place} is {word!r}, expected a whole number from 0 to 255")


@pytest.mark.parametrize("place", [1, 17, 2304])
def test_an_empty_pixel_is_named(damaged, place):
    assert f"pixel {place} is empty" in damaged(pixels=with_pixel(place, ""))


def test_blanks_round_the_pixels_are_empty_pixels(damaged):
    assert "pixel 2305 is empty" in damaged(pixels=lambda words: [*words, ""])
    assert "pixel 1 is empty" in damaged(pixels=lambda words: ["", *words])


def test_no_pixels_at_all(damaged):
    assert damaged(pixels=lambda _: []).endswith("found 0 pixels, expected 2304")


@pytest.mark.parametrize("label", ["7", "9", "x", "", "-1", "00", "1.0", " 1", "12"])
def test_a_wrong_label_is_named(damaged, label):
    assert damaged(label=label).endswith(f"emotion is {label!r}, expected a whole number from 0 to 6")


@pytest.mark.parametrize("usage", ["Test", "training", "PublicTes", "PrivateTest ", "", "Trainint", "PrivbteTest"])
def test_an_unknown_usage_is_named_with_those_that_are_known(damaged, usage):
    text = damaged(usage=usage)
    assert f"unknown Usage {usage!r}" in text
    assert "Known: Training, PublicTest, PrivateTest" in text


def test_the_nearest_usage_is_suggested(damaged):
    assert "did you mean 'Training'" in damaged(usage="training")


def test_too_few_and_too_many_fields_are_counted(damaged):
    assert "found 4 fields, expected 3: emotion,pixels,Usage" in damaged(line=lambda text: text + ",Training")
    assert "found 2 fields, expected 3" in damaged(line=lambda text: text.rpartition(",")[0])
    assert "found 1 fields" in damaged(line=lambda _: "Training")


def test_commas_that_belong_to_another_row_are_not_counted_for_this_one(tmp_path, rows):
    lines = lines_of(rows)
    lines[4] = lines[4].replace(",", "", 1)
    lines[5] += ","
    assert "row 4 (line 5): found 2 fields" in the_line(fer2013.read_csv, save(tmp_path / "a.csv", lines))


@pytest.mark.parametrize("blank", ["", " ", "\t"])
@pytest.mark.parametrize("row", [1, 4])
def test_a_blank_line_between_rows_is_named(tmp_path, rows, row, blank, monkeypatch):
    path = save(tmp_path / "a.csv", [*lines_of(rows)[:row], blank, *lines_of(rows)[row:]])
    for size in (100, 1 << 20):
        monkeypatch.setattr(fer2013, "_BLOCK", size)
        text = the_line(fer2013.read_csv, path)
        assert text.startswith(f"{path}: row {row} (line {row + 1}): found ")
        assert "blank line" in text


def test_a_quote_that_is_not_closed_is_named(damaged):
    assert "pixel 1 is '\"" in damaged(line=lambda text: text.replace(",", ',"', 1))


def test_a_row_far_into_the_file_is_named_in_the_same_words_whatever_the_block(tmp_path, monkeypatch):
    lines = lines_of(some_rows(60))
    lines[57] = lines[57].replace(" ", " x ", 1)
    path = save(tmp_path / "a.csv", lines)
    texts = set()
    for size in (500, 9000, 100_000, 1 << 20):
        monkeypatch.setattr(fer2013, "_BLOCK", size)
        texts.add(the_line(fer2013.read_csv, path))
    assert texts == {f"{path}: row 57 (line 58): pixel 2 is 'x', expected a whole number from 0 to 255"}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("emotion,Usage", "without 'pixels'"),
        ("emotion,pixel,Usage", "without 'pixels' and with the unknown 'pixel'"),
        ("emotion,pixels,Usage,name", "with the unknown 'name'"),
        ("emotion,pixels,Usage,pixels", "with twice 'pixels'"),
        ("emotion;pixels;Usage", "without 'emotion', 'pixels', 'Usage'"),
        ("", "without 'emotion', 'pixels', 'Usage'"),
        ("0,70 80,Training", "without 'emotion', 'pixels', 'Usage' and with the unknown '0', '70 80', 'Training'"),
    ],
)
def test_a_header_with_other_columns_is_refused(tmp_path, rows, header, said):
    path = save(tmp_path / "a.csv", [header, *lines_of(rows)[1:]])
    text = the_line(fer2013.read_csv, path)
    assert text.startswith(f"{path}: line 1: found a header {said}")
    assert "emotion,pixels,Usage" in text


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", HEADER, HEADER + "\n", HEADER + "\n\n\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_without_rows_is_refused(tmp_path, text, packed):
    raw = text.encode()
    (tmp_path / "a.csv").write_bytes(gzip.compress(raw) if packed else raw)
    found = "empty file" if not text else "a header"
    assert found in the_line(fer2013.read_csv, tmp_path / "a.csv")


@pytest.mark.parametrize("header", ORDERS)
def test_a_file_cut_off_anywhere_in_its_last_line_is_refused(tmp_path, rows, header):
    whole = "\n".join(lines_of(rows, header)).encode()
    begin = whole.rindex(b"\n") + 1
    places = {
        begin + 1,
        begin + 2,
        begin + 3,
        begin + 500,
        begin + 501,
        begin + 502,
        *range(len(whole) - 13, len(whole)),
    }
    for place in sorted(places):
        path = tmp_path / "a.csv"
        path.write_bytes(whole[:place])
        text = the_line(fer2013.read_csv, path)
        assert text.startswith(f"{path}: row 12 (line 13): ")
        assert "ends" in text


def test_a_number_at_the_end_of_a_file_may_have_been_cut_so_a_line_end_has_to_follow(tmp_path, rows):
    lines = lines_of(rows, "emotion,Usage,pixels")
    assert "right after its last pixel" in the_line(fer2013.read_csv, save(tmp_path / "a.csv", lines, last=""))
    quoted = re.sub(r"([^,]+)$", r'"\1"', lines[-1])
    assert_rows_equal(fer2013.read_csv(save(tmp_path / "b.csv", [*lines[:-1], quoted], last="")), rows)


def test_a_cut_off_gzip_is_refused_wherever_it_ends(tmp_path, rows):
    fer2013.write_csv(tmp_path / "whole.csv.gz", rows)
    raw = (tmp_path / "whole.csv.gz").read_bytes()
    for length in (3, 9, 20, 500, len(raw) // 2, len(raw) - 9, len(raw) - 8, len(raw) - 1):
        (tmp_path / "a.csv.gz").write_bytes(raw[:length])
        assert "cut-off or damaged gzip after row 0 or later" in the_line(fer2013.read_csv, tmp_path / "a.csv.gz")


def test_a_file_in_a_folder_that_may_not_be_entered_is_named(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refused)
    text = f"{tmp_path / 'a.csv'}: cannot be read (Permission denied)"
    assert the_line(fer2013.read_csv, tmp_path / "a.csv") == text
    assert the_line(fer2013.read_ferplus, tmp_path / "a.csv") == text


def test_a_gzip_with_changed_bytes_is_refused(tmp_path, rows):
    fer2013.write_csv(tmp_path / "whole.csv.gz", rows)
    raw = (tmp_path / "whole.csv.gz").read_bytes()
    rng = np.random.default_rng(0)
    for place in [2, len(raw) - 6, *rng.integers(20, len(raw), 10)]:
        changed = bytearray(raw)
        changed[place] ^= 0xFF
        (tmp_path / "a.csv.gz").write_bytes(changed)
        the_line(fer2013.read_csv, tmp_path / "a.csv.gz")


def test_what_is_no_text_is_called_so(tmp_path, rows):
    Image.fromarray(rows.images[0]).save(tmp_path / "a.png")
    assert "is no text, it begins with b'\\x89PNG" in the_line(fer2013.read_csv, tmp_path / "a.png")
    (tmp_path / "b").write_bytes(bytes(100))
    assert "is no text" in the_line(fer2013.read_csv, tmp_path / "b")
    (tmp_path / "c").write_bytes("emotion,pixels,Usage\n".encode("utf-16"))
    assert "is no text" in the_line(fer2013.read_csv, tmp_path / "c")
    (tmp_path / "d").write_bytes(b"emotion,pixels,Usage\r0," + b"7 " * (1 << 20))
    assert "a line of more than 1048576 bytes" in the_line(fer2013.read_csv, tmp_path / "d")


def test_a_folder_a_missing_and_an_unreadable_file(tmp_path, monkeypatch):
    assert "found a folder" in the_line(fer2013.read_csv, tmp_path)
    assert "no such file" in the_line(fer2013.read_csv, tmp_path / "a.csv")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "cannot be read (Permission denied)" in the_line(fer2013.read_csv, tmp_path / "a.csv")


def test_a_csv_that_cannot_be_written_leaves_nothing(tmp_path, rows, full_disk):
    for name in ("a.csv", "a.csv.gz"):
        with pytest.raises(OSError, match="No space"):
            fer2013.write_csv(tmp_path / "out" / name, rows)
    assert list((tmp_path / "out").iterdir()) == []


# ------------------------------------------------------------------------------------------------------- cache


class _FullFile:
    """A file that takes 100 bytes."""

    def __init__(self, file):
        self.file, self.left = file, 100

    def write(self, data):
        size = memoryview(data).nbytes
        self.file.write(bytes(min(size, self.left)))
        self.left -= size
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return size

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


@pytest.fixture
def full_disk(monkeypatch):
    real = Path.open

    def opened(self, mode="r", *arguments, **named):
        file = real(self, mode, *arguments, **named)
        return _FullFile(file) if "w" in mode else file

    monkeypatch.setattr(Path, "open", opened)


@pytest.fixture
def source(tmp_path, rows):
    fer2013.write_csv(tmp_path / "data" / "fer2013.csv", rows)
    return tmp_path / "data" / "fer2013.csv"


@pytest.fixture
def no_csv(monkeypatch):
    """Reading the CSV fails: what is read then comes from the cache."""
    monkeypatch.delattr(fer2013, "read_csv")


def read_quietly(source):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return fer2013.read_cached(source)


def the_warning(source, rows):
    """The one warning with which the right images come, one line that names the cache."""
    with pytest.warns(UserWarning) as said:
        assert_rows_equal(fer2013.read_cached(source), rows)
    assert len(said) == 1
    text = str(said[0].message)
    assert text.startswith(f"{fer2013.cache_path(source)}: ")
    assert "\n" not in text
    return text


def test_the_first_read_makes_the_cache_and_the_second_uses_it(source, rows, monkeypatch):
    assert_rows_equal(read_quietly(source), rows)
    assert sorted(p.name for p in source.parent.iterdir()) == ["fer2013.csv", "fer2013.csv.cache"]
    monkeypatch.delattr(fer2013, "read_csv")
    assert_rows_equal(read_quietly(source), rows)


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_what_comes_from_a_cache_may_be_changed(source, rows, monkeypatch, system):
    """Also on Windows, where the cache is read instead of mapped."""
    read_quietly(source)
    monkeypatch.setattr(fer2013, "os", types.SimpleNamespace(name=system))
    read_quietly(source).images[:] = 0
    assert_rows_equal(read_quietly(source), rows)


def test_rows_in_use_stay_as_they_are_when_their_cache_is_made_anew(source, rows):
    read_quietly(source)
    held, other = read_quietly(source), some_rows(11, seed=8)
    fer2013.write_csv(source, other)
    the_warning(source, other)
    assert_rows_equal(held, rows)


def test_a_plain_and_a_gzipped_file_have_each_their_cache(source):
    assert fer2013.cache_path(source) != fer2013.cache_path(source.with_suffix(".csv.gz"))


def test_a_written_cache_is_used(source, rows, no_csv):
    fer2013.write_cache(source, rows)
    assert_rows_equal(read_quietly(source), rows)


def test_a_cache_says_what_it_was_made_from(source, rows):
    fer2013.write_cache(source, rows)
    raw = fer2013.cache_path(source).read_bytes()
    header = json.loads(raw.partition(b"\n")[0])
    assert header["source"] == "fer2013.csv"
    assert header["size"] == source.stat().st_size
    assert header["mtime_ns"] == source.stat().st_mtime_ns
    assert header["rows"] == [list(row) for row in rows.counts()]
    assert header["sha256"] == rows.sha256()
    assert len(raw.partition(b"\n")[2]) == len(rows) * (PIXELS + 2)


@pytest.mark.parametrize("change", ["size", "time", "name"])
def test_a_cache_of_another_state_of_the_file_is_made_anew(source, change):
    read_quietly(source)
    stat, other = source.stat(), some_rows(12, seed=8)
    if change == "name":
        renamed = source.with_name("other.csv")
        shutil.move(fer2013.cache_path(source), fer2013.cache_path(renamed))
        source = renamed
    fer2013.write_csv(source, other if change != "size" else some_rows(11, seed=8))
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns + (change == "time") * 1000))
    expected = fer2013.read_csv(source)
    text = the_warning(source, expected)
    assert f"not used, {source.name} has changed since; made anew" in text
    assert_rows_equal(read_quietly(source), expected)


def flipped(place):
    def change(raw):
        raw[place] ^= 1
        return raw

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:-5000],
        lambda raw: raw[:50],
        lambda raw: b"",
        lambda raw: raw + b"\0",
        lambda raw: b"\0" * len(raw),
        flipped(-1),
        flipped(-13),
        flipped(-5000),
        lambda raw: raw.replace(b'"sha256": "', b'"sha256": "0'),
        lambda raw: raw.replace(b'"rows": [[', b'"rows": [[1'),
        lambda raw: raw.replace(b'"rows": [[', b'"rows": [[1, '),
        lambda raw: raw.replace(b'"rows"', b'"row"'),
        lambda raw: raw.replace(b"[1, 0, 1, 1", b"[0, 1, 1, 1"),
        lambda raw: b"[1, 2]\n" + raw,
        lambda raw: b'{"a": NaN\n' + raw,
    ],
)
def test_a_damaged_cache_is_made_anew(source, rows, change):
    fer2013.write_cache(source, rows)
    path = fer2013.cache_path(source)
    path.write_bytes(change(bytearray(path.read_bytes())))
    assert "not used, damaged: " in the_warning(source, rows)
    assert_rows_equal(read_quietly(source), rows)


def test_no_changed_byte_of_a_cache_is_believed(source, rows):
    fer2013.write_cache(source, rows)
    path = fer2013.cache_path(source)
    raw = path.read_bytes()
    ends = raw.index(b"\n") + 1
    for place in [*range(0, ends, 3), *np.random.default_rng(0).integers(ends, len(raw), 20)]:
        changed = bytearray(raw)
        changed[place] ^= 0x11
        path.write_bytes(changed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_rows_equal(fer2013.read_cached(source), rows)


@pytest.mark.parametrize(("old", "new"), [(b'"version": 1', b'"version": 2'), (b"FER2013 rows", b"FER2014 rows")])
def test_a_cache_of_another_version_is_made_anew(source, rows, old, new):
    fer2013.write_cache(source, rows)
    path = fer2013.cache_path(source)
    path.write_bytes(path.read_bytes().replace(old, new))
    assert "not used, of another version of the course; made anew" in the_warning(source, rows)
    assert_rows_equal(read_quietly(source), rows)


def test_a_full_disk_costs_the_cache_and_no_image(source, rows, full_disk):
    assert "cannot be written (No space left on device); the images come from fer2013.csv" in the_warning(source, rows)
    assert [p.name for p in source.parent.iterdir()] == ["fer2013.csv"]
    text = the_line(fer2013.write_cache, source, rows)
    assert text == f"{fer2013.cache_path(source)}: cannot be written (No space left on device)"


def test_a_damaged_cache_on_a_full_disk_is_said_in_one_warning(source, rows, full_disk):
    fer2013.cache_path(source).write_bytes(b"x")
    text = the_warning(source, rows)
    assert "not used, damaged" in text
    assert "cannot be written (No space" in text


def test_a_folder_that_cannot_be_written_costs_the_cache_and_no_image(source, rows, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(fer2013, "atomically", denied)
    assert "cannot be written (Permission denied)" in the_warning(source, rows)
    assert [p.name for p in source.parent.iterdir()] == ["fer2013.csv"]


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="folders are not made read-only for this user")
def test_a_read_only_folder_costs_the_cache_and_no_image(source, rows):
    source.parent.chmod(0o555)
    try:
        assert "cannot be written (Permission denied)" in the_warning(source, rows)
    finally:
        source.parent.chmod(0o755)
    assert [p.name for p in source.parent.iterdir()] == ["fer2013.csv"]


def test_a_folder_where_the_cache_should_be(source, rows):
    fer2013.cache_path(source).mkdir()
    assert "cannot be written" in the_warning(source, rows)
    assert [p.name for p in fer2013.cache_path(source).parent.glob(".*")] == []


def test_a_damaged_csv_makes_no_cache_and_a_missing_one_is_named(source, rows):
    source.write_text(source.read_text()[:-3])
    assert "row 12" in the_line(fer2013.read_cached, source)
    assert not fer2013.cache_path(source).exists()
    fer2013.write_cache(source, rows)
    source.unlink()
    assert "no such file" in the_line(fer2013.read_cached, source)
    assert "no such file" in the_line(fer2013.write_cache, source, rows)


# ----------------------------------------------------------------------------------------------- class folders


def sorted_rows(rows):
    order = np.lexsort([*rows.images.reshape(len(rows), -1).T, rows.labels, rows.usage])
    return Rows(rows.images[order], rows.labels[order], rows.usage[order])


def assert_same_rows_in_any_order(found, expected):
    assert_rows_equal(sorted_rows(found), sorted_rows(expected))


@pytest.fixture
def folders(tmp_path, rows):
    fer2013.write_folders(tmp_path / "faces", rows)
    return tmp_path / "faces"


def test_folders_come_back_usage_by_usage_and_whole(folders, rows):
    found = fer2013.read_folders(folders)
    assert_same_rows_in_any_order(found, rows)
    assert (np.diff(found.usage.astype(int)) >= 0).all()
    assert_rows_equal(fer2013.read_folders(folders), found)
    assert (folders / "Training" / "angry" / "00000.png").is_file()
    assert len(list(folders.rglob("*.png"))) == len(rows)
    assert [p.name for p in folders.parent.iterdir() if p.name.startswith(".")] == []


def test_classes_of_a_folder_are_mixed_not_one_after_the_other(tmp_path):
    labels = np.repeat(np.arange(7, dtype=np.uint8), 12)
    images = np.random.default_rng(0).integers(0, 256, (84, 48, 48), dtype=np.uint8)
    fer2013.write_folders(tmp_path / "faces", Rows(images, labels, np.zeros(84, np.uint8)))
    found = fer2013.read_folders(tmp_path / "faces")
    assert len(set(found.labels[:20])) >= 5
    assert_same_rows_in_any_order(found, Rows(images, labels, np.zeros(84, np.uint8)))


def test_folders_may_have_the_names_of_common_copies(folders, rows):
    for old, new in (("Training", "train"), ("PublicTest", "Validation"), ("PrivateTest", "test")):
        (folders / old).rename(folders / new)
    (folders / "train" / "angry").rename(folders / "train" / "0")
    (folders / "test" / "fear").rename(folders / "test" / "FEAR")
    (folders / "README.md").write_text("what a copy brings along")
    (folders / "train" / "0" / ".DS_Store").write_text("")
    (folders / "train" / "0" / "Thumbs.db").write_text("")
    for place in (folders, folders / "train", folders / "train" / "0"):
        (place / "__MACOSX" / "train").mkdir(parents=True)
    assert_same_rows_in_any_order(fer2013.read_folders(folders), rows)


def test_colour_with_equal_channels_is_grey_and_so_is_a_grey_jpg(folders, rows):
    path = folders / "Training" / "angry" / "00000.png"
    Image.fromarray(rows.images[0]).convert("RGB").save(path)
    assert_same_rows_in_any_order(fer2013.read_folders(folders), rows)
    Image.fromarray(rows.images[0]).save(path.with_suffix(".JPG"), "JPEG", quality=95)
    path.unlink()
    found = fer2013.read_folders(folders)
    assert len(found) == len(rows)
    nearest = np.abs(found.images.astype(int) - rows.images[0]).mean(axis=(1, 2)).min()
    assert 0 < nearest < 5


def test_a_test_folder_that_holds_both_test_sets_is_refused(folders, monkeypatch):
    monkeypatch.setattr(fer2013, "PUBLISHED_COUNTS", (28709, 3, 3))
    (folders / "PublicTest").rename(folders / "test")
    shutil.rmtree(folders / "PrivateTest")
    text = the_line(fer2013.read_folders, folders)
    assert text.startswith(f"{folders / 'test'}: found ")
    assert "PublicTest and PrivateTest are merged" in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("PublicTest", "Publik", "unknown usage folder 'Publik'"),
        ("Training/angry", "Training/anger", "unknown class folder 'anger'; did you mean 'angry'"),
        ("Training/angry", "Training/7", "unknown class folder '7'"),
        ("Training/angry/00000.png", "Training/00000.png", "found an image here"),
        ("Training/angry/00000.png", "00000.png", "found an image here"),
        ("Training/angry/00000.png", "Training/angry/00000.gif", "expected only .png and .jpg"),
        ("PublicTest", "val/happy/x", "expected only .png and .jpg"),
        *(
            (f"{inner}/00000.png", f"{outer}00000{suffix}", "found an image here")
            for inner, outer in (("Training/angry", "Training/"), ("Training/angry", ""))
            for suffix in (".bmp", ".webp", ".tif", ".TIFF", ".gif", ".pgm", ".jfif")
        ),
    ],
)
def test_unknown_and_misplaced_things_are_named(folders, old, new, said):
    (folders / new).parent.mkdir(parents=True, exist_ok=True)
    (folders / old).rename(folders / new)
    assert said in the_line(fer2013.read_folders, folders)


@pytest.mark.parametrize("second", ["train", "Training/0"])
def test_two_folders_that_mean_the_same_are_refused(folders, second):
    (folders / second).mkdir()
    assert "expected one folder for" in the_line(fer2013.read_folders, folders)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image.new("L", (48, 47)), "found 48×47 pixels, expected 48×48"),
        (Image.new("RGB", (48, 48), (1, 2, 3)), "found unequal colour channels"),
        (Image.new("RGBA", (48, 48)), "mode RGBA"),
        (Image.new("1", (48, 48)), "mode 1"),
        (Image.new("P", (48, 48)), "mode P"),
        (Image.new("I;16", (48, 48)), "mode I;16"),
    ],
)
def test_images_of_another_size_or_kind_are_refused(folders, image, said):
    path = folders / "Training" / "angry" / "00000.png"
    image.save(path)
    text = the_line(fer2013.read_folders, folders)
    assert text.startswith(f"{path}: ")
    assert said in text


def test_damaged_images_are_named(folders):
    path = folders / "Training" / "angry" / "00000.png"
    raw = path.read_bytes()
    for damaged in (b"", b"GIF89a", raw[:100], raw[: len(raw) // 2]):
        path.write_bytes(damaged)
        assert "damaged or no PNG or JPEG image" in the_line(fer2013.read_folders, folders)


def test_missing_and_empty_folders(tmp_path):
    assert "no such folder" in the_line(fer2013.read_folders, tmp_path / "faces")
    (tmp_path / "faces" / "train" / "angry").mkdir(parents=True)
    assert "found no images" in the_line(fer2013.read_folders, tmp_path / "faces")
    (tmp_path / "file").write_text("")
    assert "cannot be read as a folder" in the_line(fer2013.read_folders, tmp_path / "file")


def test_folders_are_written_whole_or_not_at_all(tmp_path, rows, folders, monkeypatch):
    assert "is there already" in the_line(fer2013.write_folders, folders, rows)
    (tmp_path / "empty").mkdir()
    fer2013.write_folders(tmp_path / "empty", rows)
    assert_same_rows_in_any_order(fer2013.read_folders(tmp_path / "empty"), rows)

    def full(self, path, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space"):
        fer2013.write_folders(tmp_path / "out", rows)
    assert sorted(tmp_path.iterdir()) == before


# --------------------------------------------------------------------------------------------------------- FER+


@pytest.fixture(scope="module")
def votes():
    """Twelve rows of votes that sum to ten, one to nine; in the last all taggers say that there is no face."""
    found = np.random.default_rng(5).multinomial(10, np.full(10, 0.1), 12).astype(np.uint8)
    found[4] = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    found[11] = [0] * 9 + [10]
    return found


@pytest.fixture
def ferplus(tmp_path, votes, rows):
    fer2013.write_ferplus(tmp_path / "fer2013new.csv", votes, rows.usage)
    return tmp_path / "fer2013new.csv"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_votes_come_back_as_written(tmp_path, votes, rows, name):
    fer2013.write_ferplus(tmp_path / name, votes, rows.usage)
    found, usage = fer2013.read_ferplus(tmp_path / name)
    assert found.dtype == usage.dtype == np.uint8
    np.testing.assert_array_equal(found, votes)
    np.testing.assert_array_equal(usage, rows.usage)


def test_votes_are_written_in_the_published_format(ferplus):
    lines = ferplus.read_text().splitlines()
    assert lines[0] == "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    assert lines[5] == "PublicTest,fer0000004.png,9,0,0,0,0,0,0,0,0,0"
    assert lines[12] == "PrivateTest,,0,0,0,0,0,0,0,0,0,10"


@pytest.mark.parametrize(("end", "last"), [("\r\n", "\r\n"), ("\n", ""), ("\n", "\n\n")])
def test_votes_may_have_other_line_ends(tmp_path, ferplus, votes, end, last):
    path = save(tmp_path / "a.csv", ferplus.read_text().splitlines(), end, last, "utf-8-sig")
    np.testing.assert_array_equal(fer2013.read_ferplus(path)[0], votes)


@pytest.mark.parametrize(
    ("field", "word", "said"),
    [
        (0, "Train", "unknown Usage 'Train'; did you mean 'Training'"),
        (2, "8", "votes sum to 8, expected 10 (or 9)"),
        (2, "11", "votes for neutral are '11', expected a whole number from 0 to 10"),
        (3, "-1", "votes for happiness are '-1'"),
        (11, "", "votes for NF are ''"),
        (11, "x", "votes for NF are 'x'"),
        (11, "0,0", "found 13 fields, expected 12"),
    ],
)
def test_damaged_votes_are_named(tmp_path, ferplus, field, word, said):
    lines = ferplus.read_text().splitlines()
    fields = lines[5].split(",")
    fields[field] = word
    lines[5] = ",".join(fields)
    path = save(tmp_path / "a.csv", lines)
    text = the_line(fer2013.read_ferplus, path)
    assert text.startswith(f"{path}: row 5 (line 6): ")
    assert said in text


def test_a_file_of_votes_cut_off_in_its_last_line_is_refused(tmp_path, ferplus):
    whole = ferplus.read_bytes().rstrip(b"\n")
    for length in range(whole.rindex(b"\n") + 2, len(whole)):
        (tmp_path / "a.csv").write_bytes(whole[:length])
        text = the_line(fer2013.read_ferplus, tmp_path / "a.csv")
        assert "row 12 (line 13)" in text
        assert text.endswith("the file ends in this line, as if it were cut off")


def test_the_votes_file_and_the_images_file_are_not_taken_for_each_other(tmp_path, ferplus, rows):
    fer2013.write_csv(tmp_path / "fer2013.csv", rows)
    assert "found a header without" in the_line(fer2013.read_ferplus, tmp_path / "fer2013.csv")
    assert "found a header without 'emotion', 'pixels'" in the_line(fer2013.read_csv, ferplus)
    assert "no such file" in the_line(fer2013.read_ferplus, tmp_path / "b.csv")


@pytest.mark.parametrize("change", ["shape", "sum", "usage", "length", "fractions", "floats", "float usage"])
def test_votes_that_could_not_be_read_back_are_not_written(tmp_path, votes, rows, change):
    votes, usage = votes.copy(), rows.usage.copy()
    if change == "sum":
        votes[3, 0] += 1
    if change == "usage":
        usage[0] = 3
    votes = votes[:, :9] if change == "shape" else votes[:11] if change == "length" else votes
    if change in ("fractions", "floats"):
        votes = votes.astype(float)
        votes[0, :2] = (0.5, 9.5) if change == "fractions" else votes[0, :2]
    usage = usage.astype(float) if change == "float usage" else usage
    with pytest.raises(ValueError, match="expected"):
        fer2013.write_ferplus(tmp_path / "a.csv", votes, usage)
    assert not (tmp_path / "a.csv").exists()


def test_most_votes_decide_the_class():
    expected = ["neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", None, None, None]
    labels = fer2013.ferplus_labels(np.eye(10, dtype=np.uint8) * 6 + 1)
    assert labels.dtype == np.int8
    assert [CLASSES[label] if label >= 0 else None for label in labels] == expected


def test_a_tie_has_no_class():
    votes = np.array([[5, 5, 0, 0, 0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0, 0, 0, 5], [4, 3, 3, 0, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(fer2013.ferplus_labels(votes), [-1, -1, 6])


# --------------------------------------------------------------------------------------------------- duplicates


def test_duplicates_are_found_and_counted():
    """Six distinct images, a to f: which rows they are in, and what is said of them."""
    names = "abacadbeefa"
    usage = np.array([0, 0, 1, 1, 2, 0, 0, 1, 2, 2, 0], np.uint8)
    labels = np.array([0, 1, 0, 2, 3, 3, 1, 4, 5, 6, 0], np.uint8)  # a: 0 and 3; e: 4 and 5
    distinct = np.random.default_rng(0).integers(0, 256, (6, 48, 48), np.uint8)
    distinct[2] = 200
    distinct[5] = distinct[0]
    distinct[5, 47, 47] ^= 1  # nearly the same is not the same
    found = fer2013.duplicates(Rows(distinct[["abcdef".index(name) for name in names]], labels, usage))
    assert found.distinct == 6
    assert "".join("abcdef"[number] for number in found.image) == names
    assert found.in_several_splits == 2
    assert found.in_training_and("PublicTest") == 1
    assert found.in_training_and("PrivateTest") == 1
    np.testing.assert_array_equal(np.flatnonzero(found.leaked), [2, 4])
    np.testing.assert_array_equal(np.flatnonzero(found.constant), [3])
    assert found.conflicting == 2
    assert "did you mean" in the_line(found.in_training_and, "Private")


def test_rows_without_duplicates(rows):
    found = fer2013.duplicates(rows)
    assert (found.distinct, found.in_several_splits, found.conflicting) == (12, 0, 0)
    assert not found.leaked.any()
    assert not found.constant.any()


# ------------------------------------------------------------------------------------------------- the real files


def real(*places):
    """The first of some places in which the person who runs the tests keeps a file."""
    if not ASKED_FOR or not Path(ASKED_FOR).is_dir():
        pytest.skip("COURSE_DATA is not set to a folder with FER2013: the real files are not checked")
    for place in places:
        if (Path(ASKED_FOR) / place).is_file():
            return Path(ASKED_FOR) / place
    pytest.skip(f"COURSE_DATA holds no {places[0]}: the real file is not checked")


@pytest.fixture(scope="module")
def real_rows():
    return fer2013.read_csv(real("fer2013/fer2013.csv", "fer2013/fer2013.csv.gz", "fer2013.csv", "fer2013.csv.gz"))


def test_the_real_file_has_the_published_counts(real_rows):
    assert real_rows.published
    assert real_rows.images.max() == 255


def test_the_real_file_has_the_measured_duplicates(real_rows):
    found = fer2013.duplicates(real_rows)
    assert (found.distinct, found.in_several_splits, found.in_training_and("PrivateTest")) == (34034, 557, 278)
    assert [int(found.leaked[real_rows.usage == usage].sum()) for usage in (1, 2)] == [280, 288]
    assert found.conflicting == 57
    assert [int(found.constant[real_rows.usage == usage].sum()) for usage in (0, 1, 2)] == [11, 1, 0]


def test_the_real_votes_belong_to_the_real_rows(real_rows):
    places = ("ferplus/fer2013new.csv", "ferplus/fer2013new.csv.gz", "fer2013/fer2013new.csv", "fer2013new.csv")
    votes, usage = fer2013.read_ferplus(real(*places))
    np.testing.assert_array_equal(usage, real_rows.usage)
    labels = fer2013.ferplus_labels(votes)
    assert (labels == real_rows.labels)[labels >= 0].mean() == pytest.approx(0.657, abs=0.001)
    assert (votes.sum(axis=1) == 9).sum() == 1
