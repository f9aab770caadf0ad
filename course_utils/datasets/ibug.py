"""The files of 300-W: ``.pts`` points, photos, detector boxes, folders of pairs; readers and a writer. Floor 2.

A pair is a photo and the ``.pts`` file of the same stem beside it. In the file the centre of the first pixel is (1, 1),
as Matlab counts; everything read here is (x, y) px with (0, 0) there. A detector's box is a ``.pts`` file of four
corners in a folder of its own: that of ``lfpw/trainset/image_0001.png`` is ``lfpw_bbs/trainset/image_0001.pts``.
``datasets.faces`` says what the set is and where it is to be had. Sources of the formats: the files themselves, and the
importer of the public package menpo. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from course_utils.datasets.common import Dataset, Split
from course_utils.datasets.shapes import bounding_box
from course_utils.rendering.face import MIRROR
from course_utils.runtime import DataError, atomically, write_text_atomically

#: Points of a face, and the two (of them) whose distance errors are divided by: the outer eye corners.
POINTS = len(MIRROR)
OUTER_EYE_CORNERS = (36, 45)
#: Endings by which a photo is known, whatever their case.
IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff")
#: How far points may lie outside their photo, as a share of the longer side of their box.
OUTSIDE = 0.1
#: A detector's box has its longer side within this factor of that of the points' box; else it is another face's.
BOX_FACTOR = 3.0

_LARGEST = 1e6  # no photo has as many px in a row


# --------------------------------------------------------------------------------------------------- one file


def read_points(path: Path, expected: int = POINTS) -> np.ndarray:
    """The points of a ``.pts`` file: ``(expected, 2)``, float64, (x, y) px, the centre of the first pixel being (0, 0).

    The file counts from 1, as Matlab does. A byte order mark, returns, blank lines and more than one blank between
    words are passed over. Raises DataError, naming file and line, for a missing brace, another number of points than
    expected or than ``n_points`` says, what is no finite number of px, an empty or missing file, what is no text.
    """
    points: list[tuple[float, float]] = []
    said: tuple[int, int] | None = None  # line and value of n_points
    line, state = 0, "before"
    for line, words in _lines(path):
        text = " ".join(words)
        if state == "before":
            if text == "{":
                state = "within"
            elif match := re.fullmatch(r"n_points ?: ?(\d{1,9})", text):
                said = line, int(match[1])
            elif not re.fullmatch(r"\w+ ?:.*", text):
                raise DataError(f"{path}: line {line}: found {text[:40]!r}, expected 'n_points: {expected}' or '{{'")
        elif state == "within":
            if text == "}":
                state = "after"
            else:
                points.append(_point(path, line, words))
        else:
            raise DataError(f"{path}: line {line}: found {text[:40]!r} after '}}', expected the end of the file")
    if line == 0:
        raise DataError(f"{path}: found no lines, expected 'version: 1', 'n_points: {expected}', '{{', points, '}}'")
    if state != "after":
        missing = "{" if state == "before" else "}"
        raise DataError(f"{path}: line {line}: found the end of the file, expected '{missing}'")
    if said and said[1] != len(points):
        raise DataError(f"{path}: line {said[0]}: found n_points {said[1]}, expected {len(points)}, as lines follow")
    if len(points) != expected:
        raise DataError(f"{path}: found {len(points)} points, expected {expected}")
    return np.array(points, np.float64).reshape(-1, 2) - 1


def _point(path: Path, line: int, words: list[str]) -> tuple[float, float]:
    try:
        x, y = map(float, words)
    except ValueError:
        found = " ".join(words)[:40]
        raise DataError(f"{path}: line {line}: found {found!r}, expected two numbers 'x y', or '}}'") from None
    for value in (x, y):
        if not abs(value) < _LARGEST:  # NaN is not below anything
            raise DataError(f"{path}: line {line}: found {value}, expected a finite number of px")
    return x, y


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line, text in enumerate(file, start=1):
                if words := text.split():
                    yield line, words
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason}); expected a .pts file") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected a .pts file") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def write_points(path: Path, points: ArrayLike) -> None:
    """Write points ``(K, 2)``, (x, y) px from (0, 0), as a ``.pts`` file: counted from 1, six decimals, whole or not at all.

    :func:`read_points` gives them back to 1e-6 px. Raises ValueError for another shape or what is not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not (np.abs(points) < _LARGEST - 1).all():
        raise ValueError(f"points {points.shape}: expected (K, 2), finite numbers of px")
    rows = "".join(f"{x:.6f} {y:.6f}\n" for x, y in points + 1)
    write_text_atomically(path, f"version: 1\nn_points: {len(points)}\n{{\n{rows}}}\n")


def read_box(path: Path) -> np.ndarray:
    """A detector's box, the ``.pts`` file of its four corners in any order: (left, top, right, bottom), float64, px from (0, 0).

    Raises DataError as :func:`read_points`, and for a box without width or height.
    """
    box = bounding_box(read_points(path, expected=4))
    if not (box[2:] > box[:2]).all():
        raise DataError(
            f"{path}: found a box of {box[2] - box[0]:g}×{box[3] - box[1]:g} px, expected more than nothing"
        )
    return box


def write_box(path: Path, box: ArrayLike) -> None:
    """Write a box (left, top, right, bottom), px from (0, 0), as the four corners that :func:`read_box` reads."""
    left, top, right, bottom = np.asarray(box, np.float64)
    write_points(path, [(left, top), (left, bottom), (right, bottom), (right, top)])


def read_image(path: Path) -> np.ndarray:
    """A photo as uint8 ``(H, W, 3)``, RGB, whatever it is stored as.

    Grey is repeated three times, a palette is looked up. Transparency is left out and the colours stored under it are
    kept, as most readers do. 16-bit grey is scaled by 255/65535, not cut off at 255. An orientation in the EXIF data is
    not applied: the points of 300-W refer to the pixels as they are stored. Of several frames the first is read.
    Raises DataError for a missing or damaged file, and for pixels that are neither 8 nor 16 bit.
    """
    from PIL import Image

    raw = _raw(path)
    try:
        with Image.open(io.BytesIO(raw)) as image:
            if image.format == "PNG":
                image.verify()  # checksums: decoding alone does not notice damaged pixels
        with Image.open(io.BytesIO(raw)) as image:
            image.load()
            if not (image.mode.startswith("I;16") or image.mode in ("I", "F")):
                return np.asarray(image.convert("RGB"))
            mode, values = image.mode, np.asarray(image)
    except Exception as error:  # Pillow raises half a dozen kinds for a damaged file
        raise _damaged(path, error) from error
    if mode == "F" or values.min() < 0 or values.max() > 65535:
        raise DataError(f"{path}: found mode {mode!r} from {values.min()} to {values.max()}, expected 8 or 16 bit")
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a photo in px, from its header alone. Raises DataError for a missing or damaged file."""
    from PIL import Image

    try:
        with path.open("rb") as file, Image.open(file) as image:
            return image.size
    except Exception as error:
        _raw(path)  # says so where it cannot even be read
        raise _damaged(path, error) from error


def _raw(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected a photo") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(re.sub(r"<_io\.[A-Za-z]+.*?>", "the file", str(error)).split())
    return DataError(f"{path}: damaged or not a photo ({reason}); expected a whole image file")


# -------------------------------------------------------------------------------------------------- one folder


@dataclass(frozen=True)
class Face:
    """A pair that was found in order: where its photo is, the photo's size, its points and, where there is one, its box.

    ``size``: (width, height) in px. ``points``: ``(68, 2)``; ``box``: (left, top, right, bottom) of the detector or
    None; both float64, px from (0, 0).
    """

    image: Path
    size: tuple[int, int]
    points: np.ndarray
    box: np.ndarray | None


@dataclass(frozen=True)
class Folder:
    """What a folder holds: the pairs in order, by name; one line for each that was left out; pairs found, in order or not."""

    faces: tuple[Face, ...]
    skipped: tuple[str, ...]
    found: int


def pairs(folder: Path) -> tuple[list[tuple[Path, Path]], list[str]]:
    """The pairs (photo, ``.pts``) of the same stem that lie in ``folder`` itself, by name; and one line for each file left over.

    Left over are photos without points, points without a photo, and points with more than one photo. Hidden files and
    those with other endings are passed over. Raises DataError for a folder that is missing or cannot be read.
    """
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read as a folder ({error.strerror}); expected photos and .pts") from error
    photos: dict[str, list[Path]] = {}
    points: dict[str, list[Path]] = {}
    for path in names:
        suffix = path.suffix.lower()
        kind = photos if suffix in IMAGE_SUFFIXES else points if suffix == ".pts" else None
        if kind is not None:
            kind.setdefault(path.stem, []).append(path)
    found, left = [], []
    for stem in sorted(photos.keys() | points.keys()):
        images, files = photos.get(stem, []), points.get(stem, [])
        if len(images) == len(files) == 1:
            found.append((images[0], files[0]))
        elif not files:
            left += [f"{image}: found no {stem}.pts beside it, expected its points" for image in images]
        elif not images:
            left += [f"{file}: found no photo {stem}.* beside it, expected one" for file in files]
        else:
            both = ", ".join(path.name for path in [*images, *files])
            left.append(f"{files[0]}: found {both}, expected one photo and one .pts of that name")
    return found, left


def boxes_folder(folder: Path) -> Path:
    """Where the detector's boxes for a folder of pairs lie: ``afw_bbs``, ``lfpw_bbs/trainset``."""
    if folder.name.casefold() in ("trainset", "testset"):
        return folder.parent.with_name(f"{folder.parent.name}_bbs") / folder.name
    return folder.with_name(f"{folder.name}_bbs")


def read_folder(folder: Path, *, strict: bool = False) -> Folder:
    """All pairs of ``folder``, looked into one by one. Of a photo the header is read, not its pixels.

    A pair is left out, with one line that names the file, what was found and what was expected, where

    - photo or points are missing or damaged, or the detector's box is (no box at all is no error);
    - a point lies outside the photo by more than ``OUTSIDE`` of the longer side of the points' box: the annotators of
      300-W placed a few points of cut-off faces just outside, and those stay;
    - the smallest coordinate in the file is from 0 to below 1, so that the file seems to count from 0: files from 1
      have 1 or more in the photo, and below 0 for a face that is clearly cut off. A file from 0 in which no point comes
      as near to the edge cannot be told;
    - the outer eye corners coincide: errors are divided by their distance;
    - the detector's box does not hold the middle of the points' box, or its size is off by more than ``BOX_FACTOR``.

    strict: raise the first such line as DataError instead. Raises DataError too for a folder without any pair, or
    without any pair in order.
    """
    found, skipped = pairs(folder)
    if strict and skipped:
        raise DataError(skipped[0])
    if not found and not skipped:
        raise DataError(
            f"{folder}: found no pairs, expected photos ({', '.join(IMAGE_SUFFIXES)}) with .pts beside them"
        )
    boxes, faces = boxes_folder(folder), []
    for image, file in found:
        try:
            faces.append(_read_pair(image, file, boxes / f"{file.stem}.pts"))
        except DataError as error:
            if strict:
                raise
            skipped.append(str(error))
    if not faces:
        raise DataError(f"{folder}: found no pair in order, {len(skipped)} left out; the first: {skipped[0]}")
    return Folder(tuple(faces), tuple(skipped), len(found))


def _read_pair(image: Path, file: Path, box_file: Path) -> Face:
    points = read_points(file)
    size = image_size(image)
    _check_points(file, points, size)
    box = read_box(box_file) if box_file.is_file() else None
    if box is not None:
        own = bounding_box(points)
        middle = (own[:2] + own[2:]) / 2
        factor = (box[2:] - box[:2]).max() / (own[2:] - own[:2]).max()
        if not ((box[:2] < middle) & (middle < box[2:])).all() or not 1 / BOX_FACTOR < factor < BOX_FACTOR:
            raise DataError(
                f"{box_file}: found a box {_said(box)}, expected one about the face at {_said(own)} of {file.name}"
            )
    return Face(image, size, points, box)


def _check_points(path: Path, points: np.ndarray, size: tuple[int, int]) -> None:
    """Raise DataError where points and photo contradict each other, or the points are of no use."""
    first, second = OUTER_EYE_CORNERS
    if math.dist(points[first], points[second]) < 1e-3:
        raise DataError(
            f"{path}: points {first + 1} and {second + 1} (outer eye corners) coincide, expected a distance"
        )
    box = bounding_box(points)
    over = np.concatenate([-0.5 - box[:2], box[2:] - (np.array(size) - 0.5)]).max()  # a pixel is 1 px wide
    allowed = OUTSIDE * (box[2:] - box[:2]).max()
    if over > allowed:
        raise DataError(
            f"{path}: found a point {over:.1f} px outside the photo of {size[0]}×{size[1]} px, "
            f"expected {allowed:.1f} px at most"
        )
    if 0 <= points.min() + 1 < 1:
        raise DataError(
            f"{path}: smallest number is {points.min() + 1:g}, expected points that count from 1, not from 0"
        )


def _said(box: np.ndarray) -> str:
    return f"({', '.join(f'{number:.0f}' for number in box)})"


# ------------------------------------------------------------------------------------------------------ writer


def write_ibug(root: Path, data: Dataset, *, boxes: tuple[ArrayLike, ArrayLike] | None = None) -> None:
    """Write pictures and points as ``lfpw/{trainset,testset}/image_0001.png`` + ``.pts`` under ``root``.

    boxes: those of the training and the test pictures, each ``(N, 4)`` as (left, top, right, bottom) px, written to
    ``lfpw_bbs/``. Pictures come back exactly (grey ones with three equal channels), points and boxes to 1e-6 px. Each
    file is whole or not there, the points after their picture: a writing that was cut off leaves no wrong pair.

    Raises ValueError unless the pictures are uint8 ``(N, H, W, 1 or 3)`` with finite points ``(N, 68, 2)``, and for a
    folder that holds something already: it could be the real set.
    """
    parts = []
    for i, (name, split) in enumerate((("trainset", data.train), ("testset", data.test))):
        own = None if boxes is None else np.asarray(boxes[i], np.float64)
        _check_writable(name, split, own)
        parts.append((name, split, own))
    for folder in (root / kind / name for kind in ("lfpw", "lfpw_bbs") for name, _, _ in parts):
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder}: found files, expected an empty folder or none")
    for name, split, own in parts:
        for row, (pixels, points) in enumerate(zip(split.x, split.y, strict=True)):
            stem = f"image_{row + 1:04}"
            if own is not None:
                write_box(root / "lfpw_bbs" / name / f"{stem}.pts", own[row])
            _write_png(root / "lfpw" / name / f"{stem}.png", pixels)
            write_points(root / "lfpw" / name / f"{stem}.pts", points)


def _check_writable(name: str, split: Split, boxes: np.ndarray | None) -> None:
    x, y = split.x, split.y
    if x.ndim != 4 or x.shape[3] not in (1, 3) or x.dtype != np.uint8 or y.shape != (len(x), POINTS, 2) or not len(x):
        raise ValueError(
            f"{name}: found x {x.dtype} {x.shape} and y {y.shape}, expected uint8 (N, H, W, 1 or 3) "
            f"and (N, {POINTS}, 2) with N >= 1"
        )
    if not np.isfinite(y).all():
        raise ValueError(f"{name}: found points that are not finite numbers")
    if boxes is not None and (boxes.shape != (len(x), 4) or not (boxes[:, 2:] > boxes[:, :2]).all()):
        raise ValueError(f"{name}: found boxes {boxes.shape}, expected ({len(x)}, 4) with left < right, top < bottom")


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    with atomically(path) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)).save(
            temporary, format="PNG"
        )
