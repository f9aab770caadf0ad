"""The files of FER2013 and of FER+, read and written: CSV, class folders, votes; a cache; duplicates. Floor 2.

FER2013 (I. Goodfellow and others 2013, "Challenges in representation learning"): 35 887 grey faces of 48×48 in one CSV
of 300 MB, ``emotion,pixels,Usage``, the pixels as 2 304 numbers in a string. FER+ (E. Barsoum and others 2016,
microsoft/FERPlus): votes of ten taggers for the same rows in the same order. Sources of the formats: the files.
Rows are counted from 1 after the header in every error text, lines from 1 with it, pixels of a row from 1.

Lesson 40_expressions_files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mmap
import os
import re
import tempfile
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

import numpy as np

from course_utils.runtime import DataError, atomically, nearest

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
USAGES = ("Training", "PublicTest", "PrivateTest")
COLUMNS = ("emotion", "pixels", "Usage")
SIDE = 48
PIXELS = SIDE * SIDE
#: Rows of each usage, and of each usage and class, in the published file.
PUBLISHED_COUNTS = (28709, 3589, 3589)
PUBLISHED_CLASSES = (
    (3995, 436, 4097, 7215, 4830, 3171, 4965),
    (467, 56, 496, 895, 653, 415, 607),
    (491, 55, 528, 879, 594, 416, 626),
)
FERPLUS_CLASSES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
FERPLUS_COLUMNS = ("Usage", "Image name", *FERPLUS_CLASSES)
#: Sums of a row's votes in the published file: ten taggers, and one row (the 10 436th) in which a vote is missing.
FERPLUS_SUMS = (9, 10)

_BLOCK = 1 << 20  # bytes of text parsed at once: the arrays made of them stay in a processor's cache
_LONGEST = 1 << 20  # bytes of a line; a row of pixels has at most 9 236


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of FER2013: ``images`` (N, 48, 48), ``labels`` (N,) = index into CLASSES, ``usage`` (N,) = index into USAGES.

    All uint8. Raises ValueError for other shapes, types or numbers.
    """

    images: np.ndarray
    labels: np.ndarray
    usage: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.images)
        for name, shape, below in (
            ("images", (n, SIDE, SIDE), 256),
            ("labels", (n,), len(CLASSES)),
            ("usage", (n,), len(USAGES)),
        ):
            array = getattr(self, name)
            if array.dtype != np.uint8 or array.shape != shape:
                raise ValueError(f"{name}: found {array.dtype} {array.shape}, expected uint8 {shape}")
            if below < 256 and n and array.max() >= below:
                raise ValueError(f"{name}: found {array.max()}, expected 0 to {below - 1}")

    def __len__(self) -> int:
        return len(self.images)

    def of(self, usage_name: str) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of one usage, in the order of the file. Raises DataError for an unknown name."""
        wanted = self.usage == _usage_index(usage_name)
        return self.images[wanted], self.labels[wanted]

    def counts(self) -> tuple[tuple[int, ...], ...]:
        """Rows of each usage and class, in the order of USAGES and CLASSES."""
        table = np.bincount(self.usage.astype(np.intp) * len(CLASSES) + self.labels, minlength=21)
        return tuple(tuple(map(int, row)) for row in table.reshape(len(USAGES), len(CLASSES)))

    @property
    def published(self) -> bool:
        """Whether there are as many rows of each usage and class as in the published file. Says nothing on pixels."""
        return self.counts() == PUBLISHED_CLASSES

    def sha256(self) -> str:
        """SHA-256 over the bytes of images, labels and usage, in hexadecimal digits."""
        digest = hashlib.sha256()
        for array in (self.images, self.labels, self.usage):
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()


def _usage_index(name: str) -> int:
    if name not in USAGES:
        raise DataError(nearest(name, USAGES, "usage"))
    return USAGES.index(name)


# ------------------------------------------------------------------------------------------ lines of a CSV file


@dataclass(frozen=True)
class _Lines:
    """Some whole lines of a table: no header, no ``\\r``, no quotes, each with its newline.

    ``first``: row number of the first one. ``order``: for each wanted column its place in a line. ``ended``: False for
    the last line of a file, alone here, when it has no line end.
    """

    text: bytes
    first: int
    order: tuple[int, ...]
    ended: bool = True


def _table(path: Path, columns: Sequence[str]) -> Iterator[_Lines]:
    """The rows of a CSV file with these columns in any order, some at a time. Raises DataError for all that is no row."""
    path = Path(path)
    done = 0
    try:
        if path.is_dir():
            raise DataError(f"{path}: found a folder, expected a CSV file, plain or gzipped")
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            for some in _rows_of(path, file, columns):
                yield some
                done = some.first + _count(some.text) - 1
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: cut-off or damaged gzip after row {done} or later ({error}); expected a whole CSV file"
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected a CSV file, {','.join(columns)}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _rows_of(path: Path, file: BinaryIO, columns: Sequence[str]) -> Iterator[_Lines]:
    order, row, blank = None, 1, False
    for text, ended in _whole_lines(path, file):
        if order is None:
            header, _, text = text.partition(b"\n")
            order = _order(path, header.removesuffix(b"\r"), columns)
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        if b'"' in text:
            text = re.sub(rb'(?m)(^|,)"([^",\n]*)"(?=,|$)', rb"\1\2", text)
        ends = len(text)
        while ends and not text[(last := text.rfind(b"\n", 0, ends - 1) + 1) : ends].strip():
            ends = last
        if ends:
            if blank:
                raise DataError(f"{_at(path, row)}: found blank lines before it, expected one row a line")
            yield _Lines(text[:ends], row, order, ended)
            row += _count(text[:ends])
        blank = blank or ends < len(text)
    if order is None:
        raise DataError(f"{path}: empty file; expected a CSV file, {','.join(columns)}")
    if row == 1:
        raise DataError(f"{path}: found a header and no rows, expected at least one row")


def _count(text: bytes) -> int:
    """Number of lines; bytes.count takes ten times as long."""
    return np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n"))


def _whole_lines(path: Path, file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Pieces of whole lines, and whether the last one has its line end. The next piece is unpacked by a second thread."""
    pending = b""
    with ThreadPoolExecutor(1) as other:
        coming = other.submit(file.read, _BLOCK)
        while block := coming.result():
            coming = other.submit(file.read, _BLOCK)
            ends = block.rfind(b"\n") + 1
            if ends:
                yield pending + block[:ends], True
                pending = b""
            pending += block[ends:]
            if len(pending) > _LONGEST:
                raise DataError(f"{path}: found a line of more than {_LONGEST} bytes; expected lines of a CSV file")
    if pending:
        yield pending + b"\n", pending.endswith((b"\r", b'"'))


def _order(path: Path, header: bytes, columns: Sequence[str]) -> tuple[int, ...]:
    """The place of each column in a line."""
    expected = f"expected a CSV file with the columns {','.join(columns)}, in any order"
    try:
        text = header.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text.translate({9: None, 13: None}).isprintable():  # tab and return are no reason to call it no text
        raise DataError(f"{path}: is no text, it begins with {header[:8]!r}; {expected}")
    found = [name.strip().removeprefix('"').removesuffix('"').strip() for name in text.split(",")]
    missing = [name for name in columns if name not in found]
    extra = [name for name in found if name not in columns]
    twice = sorted({name for name in found if found.count(name) > 1} - set(extra))
    said = [
        f"{word} {', '.join(repr(name[:40]) for name in names)}"
        for word, names in (("without", missing), ("with the unknown", extra), ("with twice", twice))
        if names
    ]
    if said:
        raise DataError(f"{path}: line 1: found a header {' and '.join(said)}; {expected}")
    return tuple(found.index(name) for name in columns)


def _at(path: Path, row: int) -> str:
    return f"{path}: row {row} (line {row + 1})"


def _each(path: Path, some: _Lines, columns: Sequence[str]) -> Iterator[tuple[list[str], _Fail]]:
    """The fields of each line in the order of ``columns``, and what raises an error that names the line."""
    for row, line in enumerate(some.text.split(b"\n")[:-1], start=some.first):
        fail = _Fail(_at(path, row), "" if some.ended else "; the file ends in this line, as if it were cut off")
        fields = line.decode(errors="replace").split(",")
        if len(fields) != len(columns):
            what = f"{len(fields)} fields" if line.strip() else "a blank line"
            fail(f"found {what}, expected {len(columns)}: {','.join(columns)}")
        yield [fields[place] for place in some.order], fail


@dataclass(frozen=True)
class _Fail:
    """Raises a DataError that names one row."""

    where: str
    ending: str

    def __call__(self, what: str) -> NoReturn:
        raise DataError(f"{self.where}: {what}{self.ending}")

    def usage(self, word: str) -> int:
        if word not in USAGES:
            self(nearest(word[:40], USAGES, "Usage"))
        return USAGES.index(word)


# -------------------------------------------------------------------------------------------- the CSV of FER2013


def read_csv(path: Path) -> Rows:
    """All rows of ``fer2013.csv``, plain or gzipped (told by its first bytes), in the order of the file.

    Accepted: the three columns in any order and with blanks round their names (Kaggle's ``icml_face_data.csv``), fields
    in quotes, a byte order mark, Windows line ends, blank lines at the end, a last row without line end when it is
    complete. That cannot be seen of a row that ends in a pixel without quotes: it is refused.

    The text is parsed in pieces, never held as a whole. Rows cut off at a line end cannot be seen: ask ``published``.
    Raises DataError, naming file, row and line, what was found and what was expected. Never skips a row.
    """
    path = Path(path)
    # Freed at once: from then on glibc keeps freed memory up to this size, where it would give it back and fetch it
    # again for each piece of text (measured: 460 000 page faults, 0.8 s).
    np.empty(30 << 20, np.uint8)
    parts = []
    for some in _table(path, COLUMNS):
        parts.append(_parsed(some) or _parsed_slowly(path, some))
        if not some.ended and some.order[1] == 2:
            raise DataError(
                f"{_at(path, some.first)}: the file ends right after its last pixel, expected a line end: without it, "
                "a number that was cut off cannot be told from a whole one"
            )
    images, labels, usage = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Rows(images.reshape(-1, SIDE, SIDE), labels, usage)


def _parsed(some: _Lines) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Pixels (n, 2304), labels and usage of well-formed lines, all uint8; None when anything is not as expected.

    Each step is one pass over all bytes. ``value[i]`` is the number that ends at byte i, in arithmetic modulo 256; the
    numbers are where a digit is followed by something else.
    """
    byte = np.frombuffer(b"\n\n\n" + some.text, np.uint8)  # three more, so that every byte has three before it
    digit = byte - np.uint8(ord("0"))
    is_digit = digit < 10
    digit *= is_digit
    three = is_digit[1:-2] & is_digit[2:-1] & is_digit[3:]
    if (three & is_digit[:-3]).any():  # four digits in a row
        return None
    hundreds = digit[1:-2] * three
    below_100 = digit[2:-1] * np.uint8(10) + digit[3:]
    value = hundreds * np.uint8(100) + below_100
    if hundreds.max() > 2 or (value < below_100).any():  # 300 or more; 256 to 299
        return None
    byte, is_digit = byte[3:], is_digit[3:]
    number_at = np.flatnonzero(is_digit[:-1] > is_digit[1:])
    newline, comma = np.flatnonzero(byte == ord("\n")), np.flatnonzero(byte == ord(","))
    n, spaces = len(newline), np.count_nonzero(byte == ord(" "))
    if (len(comma), len(number_at), spaces) != (2 * n, n * (PIXELS + 1), n * (PIXELS - 1)):
        return None
    comma, number_at = comma.reshape(n, 2), number_at.reshape(n, PIXELS + 1)
    start = np.concatenate([[0], newline[:-1] + 1])
    begin = np.column_stack([start, comma + 1])  # of the three fields of each row
    end = np.column_stack([comma, newline])
    if (begin[:, 0] > end[:, 0]).any() or (begin[:, 2] > end[:, 2]).any():  # not two commas in each row
        return None
    label_at, pixels_at, usage_at = some.order
    label_column = 0 if label_at < pixels_at else PIXELS
    in_row = (number_at[:, 0] >= start) & (number_at[:, -1] < newline)
    one_digit = (end[:, label_at] - begin[:, label_at] == 1) & (number_at[:, label_column] == begin[:, label_at])
    usage = _usages(byte, begin[:, usage_at], end[:, usage_at])
    if usage is None or not (in_row & one_digit).all():
        return None
    # What is left for the pixels: 2 304 numbers a row, thus 2 303 spaces or more, thus 2 303, and no other byte.
    if len(byte) - np.count_nonzero(is_digit) - spaces != 3 * n + (end - begin)[:, usage_at].sum():
        return None
    number = value.take(number_at)
    labels = number[:, label_column]
    if labels.max() >= len(CLASSES):
        return None
    return np.delete(number, label_column, axis=1), labels.copy(), usage


def _usages(byte: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray | None:
    usage = np.full(len(begin), 255, np.uint8)
    for index, name in enumerate(USAGES):  # no two are of one length
        word = np.frombuffer(name.encode(), np.uint8)
        rows = np.flatnonzero(end - begin == len(word))
        same = (byte[begin[rows, None] + np.arange(len(word))] == word).all(axis=1)
        usage[rows[same]] = index
    return usage if usage.max() < 255 else None


def _parsed_slowly(path: Path, some: _Lines) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same row by row: finds the row that is wrong and says what is."""
    rows = [_row(*fields, fail) for fields, fail in _each(path, some, COLUMNS)]
    pixels, labels, usage = zip(*rows, strict=True)
    return np.array(pixels, np.uint8), np.array(labels, np.uint8), np.array(usage, np.uint8)


def _row(label: str, field: str, usage: str, fail: _Fail) -> tuple[list[int], int, int]:
    if label not in [str(number) for number in range(len(CLASSES))]:
        fail(f"emotion is {label[:40]!r}, expected a whole number from 0 to {len(CLASSES) - 1}")
    usage_number = fail.usage(usage)
    words = field.split(" ") if field else []
    if "" in words:
        fail(f"pixel {words.index('') + 1} is empty, expected {PIXELS} numbers with one space between two")
    for place, word in enumerate(words, start=1):
        if not (word.isascii() and word.isdigit() and len(word) < 1000 and int(word) < 256):
            fail(f"pixel {place} is {word[:40]!r}, expected a whole number from 0 to 255")
    if len(words) != PIXELS:
        fail(f"found {len(words)} pixels, expected {PIXELS}")
    return [int(word) for word in words], int(label), usage_number


def write_csv(path: Path, rows: Rows) -> None:
    """Write ``emotion,pixels,Usage`` as published, gzipped when the name ends in ``.gz``; whole or not at all.

    Raises OSError when the file cannot be written.
    """
    words = [str(value) for value in range(256)]
    lines = (
        f"{label},{' '.join([words[value] for value in image.ravel().tolist()])},{USAGES[usage]}"
        for image, label, usage in zip(rows.images, rows.labels, rows.usage, strict=True)
    )
    _write_lines(Path(path), COLUMNS, lines)


def _write_lines(path: Path, columns: Sequence[str], lines: Iterator[str]) -> None:
    with atomically(path) as temporary, temporary.open("wb") as raw:
        # Without name and time in the gzip header, equal rows give equal files.
        packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if path.suffix == ".gz" else None
        file = cast(BinaryIO, packed or raw)
        file.write(f"{','.join(columns)}\n".encode())
        for line in lines:
            file.write(f"{line}\n".encode())
        if packed:
            packed.close()


# ------------------------------------------------------------------------------------------------------- cache

_FORMAT = "FER2013 rows of course_utils"
_VERSION = 1


class _NotValid(Exception):
    """Why a cache cannot be used, in a few words."""


def cache_path(source: Path) -> Path:
    """Where the cache of a CSV file lies: beside it, ``fer2013.csv.gz.cache``."""
    source = Path(source)
    return source.with_name(source.name + ".cache")


def write_cache(source: Path, rows: Rows) -> None:
    """Write the cache of ``source``: one line of JSON, then the bytes of images, labels and usage; whole or not at all.

    The JSON says format, version, name, size and time of ``source``, rows of each usage and class, and the SHA-256.
    Raises DataError, naming the file, when ``source`` is missing, the disk is full or the folder cannot be written.
    """
    _write_cache(Path(source), rows, _stat(Path(source)))


def read_cached(source: Path) -> Rows:
    """The rows of a CSV file as :func:`read_csv` gives them, from its cache where that is valid; else it is made.

    A cache is valid when its header and every byte agree with what was written, and ``source`` still has the size and
    the time of last change that it had then. One that is not is made anew, with a warning (UserWarning) that says why.
    When it cannot be written the rows are given all the same, with a warning. Raises DataError as :func:`read_csv` does.

    The arrays are a memory map of the cache, copied where they are written to (on Windows: read from it). The course
    replaces a cache as a whole and never writes in it; another program that cuts it off in place while the arrays are in
    use would kill the process. A ``source`` that was edited with size and time of last change both kept is not noticed.
    """
    source = Path(source)
    cache, stat, said = cache_path(source), _stat(source), []
    try:
        return _read_cache(cache, source, stat)
    except FileNotFoundError:
        pass
    except (_NotValid, OSError) as error:
        said.append(f"not used, {_reason(error)}")
    rows = read_csv(source)
    try:
        _write_cache(source, rows, stat)
        said += ["made anew"] if said else []
    except DataError as error:
        said.append(str(error).removeprefix(f"{cache}: "))
    if said:
        warnings.warn(f"{cache}: {'; '.join(said)}; the images come from {source.name}", UserWarning, stacklevel=2)
    return rows


def _stat(source: Path) -> os.stat_result:
    try:
        return source.stat()
    except FileNotFoundError as error:
        raise DataError(f"{source}: no such file; expected a CSV file, {','.join(COLUMNS)}") from error
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _state(source: Path, stat: os.stat_result) -> dict[str, Any]:
    return {"source": source.name, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _write_cache(source: Path, rows: Rows, stat: os.stat_result) -> None:
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        **_state(source, stat),
        "rows": rows.counts(),
        "sha256": rows.sha256(),
    }
    path = cache_path(source)
    try:
        with atomically(path) as temporary, temporary.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            for array in (rows.images, rows.labels, rows.usage):
                file.write(np.ascontiguousarray(array).data)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({_reason(error)})") from error


def _read_cache(path: Path, source: Path, stat: os.stat_result) -> Rows:
    """The rows in a cache. Raises _NotValid; OSError when it cannot be read."""
    with path.open("rb") as file:
        try:
            header = json.loads(file.readline(10_000))
            version, expected = (header["format"], header["version"]), header["sha256"]
            counts = np.array(header["rows"], np.int64)
            state = {name: header[name] for name in _state(source, stat)}
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise _NotValid("damaged: no header of a cache") from None
        if version != (_FORMAT, _VERSION):
            raise _NotValid("of another version of the course")
        if state != _state(source, stat):
            raise _NotValid(f"{source.name} has changed since")
        if counts.shape != (len(USAGES), len(CLASSES)) or counts.min() < 0 or not counts.any():
            raise _NotValid("damaged: no header of a cache")
        n, rest = int(counts.sum()), path.stat().st_size - file.tell()
        if rest != n * (PIXELS + 2):
            raise _NotValid(f"damaged: found {rest} bytes after the header, expected {n * (PIXELS + 2)}")
        if os.name == "nt":  # where a file that is mapped cannot be replaced
            body = np.fromfile(file, np.uint8)
        else:  # the bytes are used where the system keeps the file; a change of them stays in this process
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            body = np.frombuffer(mapped, np.uint8, offset=file.tell())
    if len(body) != rest or hashlib.sha256(body).hexdigest() != expected:
        raise _NotValid("damaged: the bytes are not those that were written")
    images, labels, usage = np.split(body, [n * PIXELS, n * (PIXELS + 1)])
    try:
        rows = Rows(images.reshape(n, SIDE, SIDE), labels, usage)
    except ValueError as error:
        raise _NotValid(f"damaged: {error}") from None
    if not np.array_equal(rows.counts(), counts):
        raise _NotValid("damaged: the rows are not as many as the header says")
    return rows


# ------------------------------------------------------------------------------------------------ class folders

#: Names of a usage's folder, in lower case: Kaggle's own words and those of common copies.
USAGE_FOLDERS = {name.lower(): name for name in USAGES} | {
    "train": "Training",
    "validation": "PublicTest",
    "val": "PublicTest",
    "test": "PrivateTest",
}
_IMAGES = (".png", ".jpg", ".jpeg")
#: Images that are not read, and refused wherever they lie.
_OTHER_IMAGES = (".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".jfif")
#: What Windows and macOS leave in folders and archives; names with a dot in front too.
_PASSED_OVER = ("thumbs.db", "desktop.ini", "__macosx")


def read_folders(root: Path) -> Rows:
    """Images in ``<root>/<usage>/<class>/*.png|jpg``: usage by usage, the classes mixed.

    Folders hold one class after the other, and the first thousand images would all be angry. So the images of a usage are
    dealt in an order that depends on their number alone; in the CSV file they are mixed too.

    usage: Training, PublicTest, PrivateTest, or train, validation (val), test as common copies say; a ``test`` that holds
    more images than PrivateTest has both test sets merged (the most used copy: 7 178) and is refused. class: its name or
    its number. Neither depends on case. Images are 8-bit grey, or colour with three equal channels, of 48×48.
    Raises DataError for anything else: nothing that may be an image is passed over.
    """
    root = Path(root)
    paths: list[tuple[int, int, Path]] = []
    usages = {folder: USAGES.index(_known(folder, USAGE_FOLDERS, "usage folder")) for folder in _folders(root)}
    for usage, folder in _ordered(usages, USAGES):
        names = {name: name for name in CLASSES} | {str(label): name for label, name in enumerate(CLASSES)}
        labels = {inner: CLASSES.index(_known(inner, names, "class folder")) for inner in _folders(folder)}
        here = [(usage, label, path) for label, inner in _ordered(labels, CLASSES) for path in _files(inner)]
        if folder.name.lower() == "test" and len(here) > PUBLISHED_COUNTS[2]:
            raise DataError(
                f"{folder}: found {len(here)} images, expected at most {PUBLISHED_COUNTS[2]}: PublicTest and PrivateTest "
                "are merged here and cannot be told apart; use fer2013.csv, or folders PublicTest and PrivateTest"
            )
        paths += [here[place] for place in np.random.default_rng(len(here)).permutation(len(here))]
    if not paths:
        raise DataError(f"{root}: found no images, expected <usage>/<class>/*.png")
    images = np.stack([_read_image(path) for _, _, path in paths])
    usage, labels = np.array([row[:2] for row in paths], np.uint8).T.copy()
    return Rows(images, labels, usage)


def write_folders(root: Path, rows: Rows) -> None:
    """Write ``<root>/<usage>/<class>/<row>.png``, row counted from 0 over all rows; all of them or nothing.

    Raises DataError when ``root`` is there already and not an empty folder, OSError when it cannot be written.
    """
    from PIL import Image

    root = Path(root)
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise DataError(f"{root}: is there already, expected a new or an empty folder")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.") as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        for row, (image, label, usage) in enumerate(zip(rows.images, rows.labels, rows.usage, strict=True)):
            path = new / USAGES[usage] / CLASSES[label] / f"{row:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        if root.is_dir():
            root.rmdir()
        new.replace(root)


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder, sorted by name, without what systems leave there."""
    try:
        there = sorted(folder.iterdir())
    except FileNotFoundError as error:
        raise DataError(f"{folder}: no such folder; expected <usage>/<class>/*.png") from error
    except OSError as error:
        raise DataError(f"{folder}: cannot be read as a folder ({_reason(error)})") from error
    return [path for path in there if not path.name.startswith(".") and path.name.lower() not in _PASSED_OVER]


def _folders(folder: Path) -> list[Path]:
    """The folders in one in which no images may lie."""
    try:
        within = {path: path.is_dir() for path in _inside(folder)}
    except OSError as error:  # a folder that may be listed and not entered
        raise DataError(f"{folder}: cannot be read as a folder ({_reason(error)})") from error
    for path, is_folder in within.items():
        if path.suffix.lower() in (*_IMAGES, *_OTHER_IMAGES) and not is_folder:
            raise DataError(f"{path}: found an image here, expected <usage>/<class>/*.png")
    return [path for path, is_folder in within.items() if is_folder]


def _files(folder: Path) -> list[Path]:
    there = _inside(folder)
    for path in there:
        if path.suffix.lower() not in _IMAGES or path.is_dir():
            raise DataError(f"{path}: expected only .png and .jpg images in a class folder")
    return there


def _known(folder: Path, names: dict[str, str], what: str) -> str:
    name = folder.name.lower()
    if name not in names:
        raise DataError(f"{folder}: {nearest(folder.name, names, what)}")
    return names[name]


def _ordered(indices: dict[Path, int], names: Sequence[str]) -> list[tuple[int, Path]]:
    """Index and folder in the order of the index. Raises DataError when two folders mean the same."""
    taken: dict[int, Path] = {}
    for folder, index in indices.items():
        if index in taken:
            raise DataError(f"{folder}: found {taken[index].name} beside it, expected one folder for {names[index]}")
        taken[index] = folder
    return sorted(taken.items())


def _read_image(path: Path) -> np.ndarray:
    """One image, uint8 (48, 48)."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            mode, size, pixels = image.mode, image.size, np.asarray(image)
    except Exception as error:  # Pillow raises half a dozen kinds for a damaged file
        raise DataError(f"{path}: damaged or no PNG or JPEG image ({_reason(error)}); expected 48×48 grey") from error
    if size != (SIDE, SIDE):
        raise DataError(f"{path}: found {size[0]}×{size[1]} pixels, expected {SIDE}×{SIDE}")
    if mode == "RGB" and (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    if mode != "L":
        found = "unequal colour channels" if mode == "RGB" else f"an image of Pillow's mode {mode}"
        raise DataError(f"{path}: found {found}, expected 8-bit grey (mode L), or RGB with three equal channels")
    return pixels


# --------------------------------------------------------------------------------------------------------- FER+


def read_ferplus(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Votes (N, 10) in the order of FERPLUS_CLASSES and usage (N,) of ``fer2013new.csv``, both uint8; plain or gzipped.

    The taggers' votes sum to 10 a row, to 9 in one row of the published file; any other sum is refused. The image name is
    not read. What is accepted besides, and what raises DataError, is as in :func:`read_csv`.
    """
    path = Path(path)
    votes, usage = [], []
    for some in _table(path, FERPLUS_COLUMNS):
        for (usage_word, _, *words), fail in _each(path, some, FERPLUS_COLUMNS):
            usage.append(fail.usage(usage_word))
            for name, word in zip(FERPLUS_CLASSES, words, strict=True):
                if word not in _VOTES:
                    fail(f"votes for {name} are {word[:40]!r}, expected a whole number from 0 to 10")
            votes.append([_VOTES[word] for word in words])
            if sum(votes[-1]) not in FERPLUS_SUMS:
                fail(f"votes sum to {sum(votes[-1])}, expected 10 (or 9)")
    return np.array(votes, np.uint8), np.array(usage, np.uint8)


_VOTES = {str(number): number for number in range(11)}


def write_ferplus(path: Path, votes: np.ndarray, usage: np.ndarray) -> None:
    """Write votes (N, 10) and usage (N,) as :func:`read_ferplus` reads them, gzipped when the name ends in ``.gz``.

    Images are named by their row, ``fer0000000.png``; those that all taggers call no face (NF) have no name, as in the
    published file (which numbers them a little differently). Whole or not at all. Raises OSError; ValueError for other
    shapes, for arrays of another type than whole numbers, and for votes that do not sum to 10 (or 9) or usages that are
    none.
    """
    votes, usage = np.asarray(votes), np.asarray(usage)
    if votes.shape != (len(usage), len(FERPLUS_CLASSES)) or usage.ndim != 1:
        raise ValueError(f"found votes {votes.shape} and usage {usage.shape}, expected (N, 10) and (N,)")
    for name, array in (("votes", votes), ("usage", usage)):
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{name}: found {array.dtype}, expected whole numbers")
    if (votes < 0).any() or not np.isin(votes.sum(axis=1), FERPLUS_SUMS).all():
        raise ValueError("expected votes of 0 to 10 that sum to 10 (or 9) in each row")
    if not np.isin(usage, range(len(USAGES))).all():
        raise ValueError(f"usage: expected 0 to {len(USAGES) - 1}")
    lines = (
        ",".join([USAGES[kind], "" if row[-1] == 10 else f"fer{number:07d}.png", *map(str, row)])
        for number, (row, kind) in enumerate(zip(votes.tolist(), usage, strict=True))
    )
    _write_lines(Path(path), FERPLUS_COLUMNS, lines)


def ferplus_labels(votes: np.ndarray) -> np.ndarray:
    """The class of FER2013 with most votes, int8 (N,), as an index into CLASSES.

    -1 where contempt, unknown or NF (no face) has most votes, or where two share the most. votes: (N, 10).
    """
    seven = {
        "anger": "angry",
        "happiness": "happy",
        "sadness": "sad",
        **{name: name for name in ("disgust", "fear", "surprise", "neutral")},
    }
    of_class = np.array([CLASSES.index(seven[name]) if name in seven else -1 for name in FERPLUS_CLASSES], np.int8)
    votes = np.asarray(votes)
    won = votes == votes.max(axis=1, keepdims=True)
    return np.where(won.sum(axis=1) == 1, of_class[won.argmax(axis=1)], np.int8(-1))


# --------------------------------------------------------------------------------------------------- duplicates


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which images occur more than once, byte for byte.

    ``image``: for each row, the number of its distinct image, counted by first occurrence, int64 (N,).
    ``leaked``: for each row, whether it is a test row whose image occurs in Training too, bool (N,).
    ``constant``: for each row, whether all its pixels are equal, bool (N,).
    ``conflicting``: number of distinct images that carry more than one label.
    ``splits``: for each distinct image and usage, whether it occurs there, bool (distinct, 3).
    """

    image: np.ndarray
    leaked: np.ndarray
    constant: np.ndarray
    conflicting: int
    splits: np.ndarray

    @property
    def distinct(self) -> int:
        """Number of distinct images."""
        return len(self.splits)

    @property
    def in_several_splits(self) -> int:
        """Number of distinct images that occur under more than one usage."""
        return int((self.splits.sum(axis=1) > 1).sum())

    def in_training_and(self, usage_name: str) -> int:
        """Number of distinct images that occur in Training and under another usage. Raises DataError for no usage."""
        return int((self.splits[:, 0] & self.splits[:, _usage_index(usage_name)]).sum())


def duplicates(rows: Rows) -> Duplicates:
    """Find images that occur more than once, by comparing all their bytes."""
    first: dict[bytes, int] = {}
    image = np.array([first.setdefault(one.tobytes(), len(first)) for one in rows.images], np.int64)
    splits, labels = np.zeros((len(first), len(USAGES)), bool), np.zeros((len(first), len(CLASSES)), bool)
    splits[image, rows.usage] = True
    labels[image, rows.labels] = True
    pixels = rows.images.reshape(len(rows), PIXELS)
    return Duplicates(
        image=image,
        leaked=(rows.usage != 0) & splits[image, 0],
        constant=(pixels == pixels[:, :1]).all(axis=1),
        conflicting=int((labels.sum(axis=1) > 1).sum()),
        splits=splits,
    )
