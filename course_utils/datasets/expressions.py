"""Facial expressions: FER2013 (with FER+ labels), and a stand-in that the course renders. Floor 2.

Data card
---------
real      FER2013 (P.-L. Carrier, A. Courville; I. Goodfellow et al., "Challenges in Representation Learning: A report on
          three machine learning contests", ICONIP 2013): 35 887 grey pictures of 48×48, found by a web search with words
          for emotions, cropped to the face, in seven classes. Splits as the competition names them: Training 28 709,
          PublicTest 3 589, PrivateTest 3 589. Disgust is 1.5 %, happy 25 %. People agree with its labels in 65 ± 5 %.
          Known flaws: watermarks, drawings, things in front of faces, wrong labels, 12 pictures of one grey level;
          34 034 distinct pictures, 278 of them in both Training and PrivateTest, 57 with two labels.
          FER+ (E. Barsoum, C. Zhang, C. Canton Ferrer, Z. Zhang, ICMI 2016; MIT licence) has ten people's votes on each row.
access    Kaggle, after its rules are accepted (``course data fetch expressions``). The organisers hold no rights in the
          pictures, and nobody asked the people in them; so no picture ships with the course.
use       To learn how training works. A label says what a stranger thought a face shows, not what a person felt, and
          whole groups of people are rare in it. Do not let such a model judge anybody: the EU's AI Act (2024/1689,
          article 5) forbids inferring emotions at work and in schools.
stand-in  ``rendering.face`` at 48×48, with the classes in the published shares, wrong labels, watermarks, drawings, and test
          rows that repeat training pictures. 1 400 Training, 400 PublicTest, 400 PrivateTest (lesson).
differs   Twenty times fewer pictures, one way of drawing, and expressions that follow a rule: a network that learns the
          training faces by heart is right on about 7 of 10 test faces, on FER2013 on 6 of 10. Within Training no picture occurs
          twice. Accuracies do not carry over.

The files are read and written in ``datasets.fer2013``. Tune on PublicTest; look at PrivateTest once, at the end: it is the
competition's score. Lesson 40_expressions_files.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.datasets import expressions_stand_in, fer2013
from course_utils.datasets.common import Dataset, Split, Status, check_numbers
from course_utils.datasets.fer2013 import CLASSES, PUBLISHED_COUNTS, USAGES
from course_utils.runtime import DataError, Size, data_root
from course_utils.runtime import size as current_size

__all__ = [
    "CLASSES",
    "PICTURES",
    "TITLE",
    "USAGES",
    "Expressions",
    "fetch",
    "find",
    "find_ferplus",
    "load",
    "load_ferplus",
    "load_real",
    "status",
]

TITLE = "FER2013 facial expressions"
HOW_TO_GET = (
    "run 'course data fetch expressions' (Kaggle's own client; needs an account that has accepted the competition's rules), "
    "or put fer2013.csv, as it is or gzipped, in {folder}; for the FER+ labels put fer2013new.csv of "
    "github.com/microsoft/FERPlus beside it"
)
#: Pictures of Training, PublicTest and PrivateTest by budget, at most; ``full`` is the published set.
PICTURES = {"smoke": (140, 70, 70), "lesson": (1400, 400, 400), "full": PUBLISHED_COUNTS}
FILES = ("fer2013.csv", "fer2013.csv.gz", "icml_face_data.csv", "icml_face_data.csv.gz")
FERPLUS_FILES = ("fer2013new.csv", "fer2013new.csv.gz")
ARCHIVE = "fer2013.tar.gz"


@dataclass(frozen=True)
class Expressions(Dataset):
    """What :func:`load` returns. ``train`` is Training and ``test`` is PrivateTest; ``public_test`` is there to tune on."""

    public_test: Split

    @property
    def training(self) -> Split:
        """The split that the competition calls Training; the same as ``train``."""
        return self.train

    @property
    def private_test(self) -> Split:
        """The split that the competition calls PrivateTest; the same as ``test``."""
        return self.test


def load(size: Size | None = None, *, pictures: tuple[int, int, int] | None = None) -> Expressions:
    """Pictures as uint8 ``(N, 48, 48, 1)`` in 0–255, labels as int32 ``(N,)``, numbers of ``CLASSES``.

    size: which data to read and how many (default: the run's); ``real`` never falls back to the stand-in.
    pictures: of Training, PublicTest and PrivateTest, at most; default by budget, ``PICTURES``. Of the real set the
    first rows of each are taken. Other numbers draw another stand-in.

    Raises DataError when real data are asked for and missing or damaged, or fewer than asked for (except at budget
    ``smoke``), ValueError for a number below 1 and for other than three numbers.
    """
    size = size or current_size()
    counts = size.by_budget(**PICTURES) if pictures is None else pictures
    if len(counts) != len(USAGES):
        raise ValueError(f"pictures {counts}: expected three numbers, of {', '.join(USAGES)}")
    check_numbers(**dict(zip(USAGES, counts, strict=True)))
    if size.data == "real":
        path = find()
        data = load_real(path, pictures=counts)
        if size.budget != "smoke":
            _must_be_as_many(data, counts, path)
        return data
    rows = expressions_stand_in.draw(counts)
    return _dataset(rows, counts, "stand-in: faces that the course renders, with FER2013's flaws", True)


def _must_be_as_many(data: Expressions, counts: tuple[int, int, int], path: Path | None) -> None:
    for usage, split, count in zip(USAGES, (data.training, data.public_test, data.private_test), counts, strict=True):
        if len(split) < count:
            raise DataError(
                f"{path}: found {len(split)} pictures of {usage}, expected {count}; COURSE_SIZE=full,budget=smoke runs on "
                "a part of FER2013"
            )


def load_real(path: Path | None = None, *, pictures: tuple[int, int, int] = PUBLISHED_COUNTS) -> Expressions:
    """FER2013 from ``path``, a CSV file or a folder of class folders, or from the first place it is found in.

    A CSV file is read from its cache where that is valid (``fer2013.read_cached``). ``verified`` is True when rows of each
    split and class are as many as published; pixels cannot be checked, copies that differ in a grey level go round.
    Raises DataError, naming file and row, what was found and what was expected.
    """
    path = path or find()
    if path is None:
        folder = data_root() / "fer2013"
        raise DataError(f"FER2013 not found in {folder}; " + HOW_TO_GET.format(folder=folder))
    rows = fer2013.read_folders(path) if path.is_dir() else fer2013.read_cached(path)
    origin = f"real: FER2013 from {path.name}" + ("" if rows.published else " (not as many rows as published)")
    return _dataset(rows, pictures, origin, rows.published)


def _dataset(rows: fer2013.Rows, counts: tuple[int, int, int], origin: str, verified: bool) -> Expressions:
    splits = []
    for usage, count in zip(USAGES, counts, strict=True):
        images, labels = rows.of(usage)
        if not len(images):
            raise DataError(f"{origin}: no row of {usage}; expected some of each of {', '.join(USAGES)}")
        splits.append(Split(images[:count, ..., None], labels[:count].astype(np.int32)))
    training, public, private = splits
    return Expressions("expressions", origin, verified, training, private, public)


def _places(root: Path | None) -> tuple[Path, ...]:
    """The folders in which files are looked for, in this order; Kaggle's archive unpacks into a folder fer2013."""
    root = root or data_root()
    return root / "fer2013", root / "fer2013" / "fer2013", root


def candidates(root: Path | None = None) -> list[Path]:
    """Where real data are looked for, in this order; a folder stands for one folder a split, one a class in it."""
    places = _places(root)
    return [*(folder / name for folder in places for name in FILES), places[0]]


def find(root: Path | None = None) -> Path | None:
    """The first candidate that exists, or None. A folder counts when it holds a folder of Training pictures.

    A place that may not be looked at is not passed over: it is the answer, and reading it says that it cannot be read.
    """
    *files, folder = candidates(root)
    for place in files:
        try:
            if _is_file(place):
                return place
        except OSError:
            return _as_far_as_one_gets(place)
    try:
        folders = [child for child in folder.iterdir() if child.is_dir()] if folder.is_dir() else []
    except OSError:
        return folder
    return folder if any(fer2013.USAGE_FOLDERS.get(one.name.lower()) == "Training" for one in folders) else None


def _is_file(place: Path) -> bool:
    """As ``Path.is_file``, of which some versions of Python say False for a place that may not be looked at."""
    try:
        return stat.S_ISREG(place.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _as_far_as_one_gets(place: Path) -> Path:
    """The place, or the innermost folder on the way to it of which one can tell whether it is one."""
    for here in (place, *place.parents):
        try:
            here.is_dir()
        except OSError:
            continue
        return here
    return place


# -------------------------------------------------------------------------------------------------------- FER+


def find_ferplus(root: Path | None = None) -> Path | None:
    """The file of FER+ votes, or None; looked for where the files of FER2013 are."""
    for place in (folder / name for folder in _places(root) for name in FERPLUS_FILES):
        try:
            if _is_file(place):
                return place
        except OSError:
            return place  # reading it says that it cannot be read
    return None


def load_ferplus(path: Path | None = None) -> dict[str, np.ndarray]:
    """FER+ votes of each usage, uint8 (N, 10), columns as ``fer2013.FERPLUS_CLASSES``; ``fer2013.ferplus_labels`` makes labels.

    path: ``fer2013new.csv``; default: the first place it is found in. Votes name no picture, they belong to the rows of
    FER2013 in the order of its file: row i of a usage to picture i of that split, as :func:`load` gives them. So the usage
    of each row is compared with the FER2013 file that :func:`find` finds (beside ``path``, where that is given); without
    such a file there have to be as many rows as published.

    Raises DataError when the votes are missing or damaged, when they do not belong to the rows, and when FER2013 is there
    as class folders, which do not keep the order of the file.
    """
    found = path or find_ferplus()
    if found is None:
        folder = data_root() / "fer2013"
        raise DataError(
            f"FER+ not found in {folder}; put {FERPLUS_FILES[0]} of github.com/microsoft/FERPlus, as it is or gzipped, "
            "there, beside fer2013.csv"
        )
    beside = find(found.parent if path else None)
    if beside is not None and beside.is_dir():
        raise DataError(
            f"{beside}: found a folder, expected fer2013.csv: FER+ votes belong to its rows, in an order that class folders "
            "do not keep"
        )
    votes, usage = fer2013.read_ferplus(found)
    if beside is None:
        expected, like = np.array(PUBLISHED_COUNTS), "as published"
    else:
        of_rows = fer2013.read_cached(beside).usage
        expected, like = np.bincount(of_rows, minlength=len(USAGES)), f"as in {beside}"
    counts = np.bincount(usage, minlength=len(USAGES))
    if not np.array_equal(counts, expected):
        here, there = (" + ".join(map(str, numbers)) for numbers in (counts, expected))
        raise DataError(f"{found}: found {here} rows of {', '.join(USAGES)}, expected {there} {like}")
    if beside is not None and (usage != of_rows).any():
        row = int(np.argmax(usage != of_rows))
        raise DataError(
            f"{found}: row {row + 1} (line {row + 2}): found {USAGES[usage[row]]}, expected {USAGES[of_rows[row]]} {like}"
        )
    return {name: votes[usage == number] for number, name in enumerate(USAGES)}


# ------------------------------------------------------------------------------------------- how to get it, status


def fetch() -> Path:
    """Download FER2013 with Kaggle's own client into ``<data root>/fer2013/``. Returns the path.

    Raises DataError without that client, an account's token, its consent to the rules, or a network.
    """
    from course_utils.datasets import fer2013_fetch

    return fer2013_fetch.fetch(data_root() / "fer2013")


def status() -> Status:
    """Where expressions are looked for and what was found there, read and verified."""
    folder = data_root() / "fer2013"
    looked_in = tuple(str(place) for place in candidates())
    path, verified = find(), False
    if path is None:
        detail = f"not found{_packed()}; the reduced size does not need it"
    else:
        try:
            data = load_real(path)
        except DataError as error:
            detail = f"damaged: {error}"
        else:
            verified = data.verified
            counts = " + ".join(str(len(split)) for split in (data.training, data.public_test, data.private_test))
            agree = "as many of each class as published" if verified else "not as many of each class as published"
            detail = f"{counts} pictures, {agree}; {_ferplus()}"
    return Status("expressions", TITLE, path, verified, detail, looked_in, HOW_TO_GET.format(folder=folder))


def _packed() -> str:
    """What to say of an archive that nobody has unpacked."""
    for folder in _places(None):
        try:
            if _is_file(folder / ARCHIVE):
                return f", but {folder / ARCHIVE} is there: unpack it"
        except OSError:
            continue
    return ""


def _ferplus() -> str:
    if find_ferplus() is None:
        return "FER+ votes not found"
    try:
        votes = load_ferplus()
    except DataError as error:
        return f"FER+ votes of no use: {error}"
    return f"FER+ votes on {' + '.join(str(len(rows)) for rows in votes.values())}"
