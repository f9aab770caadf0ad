"""Faces with 68 points: 300-W, and a stand-in that the course renders. Floor 2.

Data card
---------
real      300-W (C. Sagonas, E. Antonakos, G. Tzimiropoulos, S. Zafeiriou, M. Pantic, "300 Faces In-The-Wild Challenge:
          database and results", Image and Vision Computing 47, 2016; C. Sagonas, G. Tzimiropoulos, S. Zafeiriou,
          M. Pantic, "300 Faces in-the-Wild Challenge", ICCVW 2013): photos from the web with 68 points each, as
          ``.pts`` files. Training: AFW 337, HELEN 2 000, LFPW 811; test, the "common set": HELEN 330, LFPW 224. For
          research only, so no photo ships with the course; the authors' page: https://ibug.doc.ic.ac.uk/resources/300-W/
stand-in  ``rendering.face``: a parametric face on the same 68 points, random in identity, pose, expression and light,
          drawn straight into the crop; 1 200 training and 400 test faces (lesson), from two seeds, with boxes as a
          detector would give them.
differs   Measured side by side in ``results/faces_data.json`` (1 600 rendered faces, LFPW's 805 training photos, boxes
          drawn alike). Close: tilt (7.4° and 7.2°), spread of the points (jaw 0.143 and 0.145 outer-eye distances),
          share of the first mode (66 % and 61 %), grey levels (116 and 110), the spectrum of the crops. Apart: contrast
          is lower (50 and 60 grey levels), colours are paler, brows, nostrils and the line between the lips are darker,
          noses stick out a fifth less, and the start is a little worse (0.212 and 0.197 outer-eye distances). Points are
          exact; those of 300-W were set by people. Nobody wears a hat, no hair hangs into a face, and no two faces share
          a photo. Rendered faces are easier: the same linear descent ends at 0.040 on them and at 0.083 on LFPW, which
          also has half as many to learn from. Errors do not carry over from one to the other.

One protocol for both: the mean shape of the training faces is put into the box of each face, and a square is cut out
round it, ``MARGIN`` times as wide as the placed shape's diagonal / √2. So in every crop the start shape is the same,
and its diagonal is side · √2 / 1.6: 200 px, as documented for MDM, for the documented side of 226. A face without a
detector's box gets one drawn round its points, off by as much as LFPW's detector boxes are (:func:`drawn_box`).

The files of 300-W are read and written in ``datasets.ibug``. Lesson 30_faces_landmarks.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from course_utils.datasets import ibug, shapes
from course_utils.datasets.common import Dataset, Split, Status, check_numbers
from course_utils.rendering import face
from course_utils.runtime import DataError, Size, data_root
from course_utils.runtime import size as current_size

__all__ = [
    "BOX_NOISE",
    "FACES",
    "MARGIN",
    "TITLE",
    "Faces",
    "crop",
    "drawn_box",
    "fetch",
    "find",
    "load",
    "load_real",
    "start_shape",
    "status",
    "windows",
    "write",
]

TITLE = "300-W faces with 68 points"
PAGE = "https://ibug.doc.ic.ac.uk/resources/300-W/"
HOW_TO_GET = (
    f"get 300-W from its authors' page, {PAGE}, and put afw/, helen/ and lfpw/ in {{folder}} (photos with .pts beside "
    "them; helen/ and lfpw/ have trainset/ and testset/); detector boxes, where you have them, in afw_bbs/, helen_bbs/ "
    "and lfpw_bbs/ in the same way"
)
#: Folders of the set with the published number of pairs, and those that are counted but not read.
TRAIN_FOLDERS = {"afw": 337, "helen/trainset": 2000, "lfpw/trainset": 811}
TEST_FOLDERS = {"helen/testset": 330, "lfpw/testset": 224}
OTHER_FOLDERS = ("ibug", "300W", "300W/01_Indoor", "300W/02_Outdoor")
#: Where there is no test folder, each pair of this number (of the training pairs in order) is held out as test set.
HELD_OUT = 5

#: Training and test faces by budget, at most; ``full`` is the published training and common test set.
FACES = {"smoke": (48, 16), "lesson": (1200, 400), "full": (3148, 554)}
#: The split of the stand-in is part of the data set, not of a run: fixed seeds, and how many faces its mean shape is of.
TRAIN_SEED, TEST_SEED, BOX_SEED, MEAN_OF = 1, 1_000_001, 68, 1000

#: Edge of the square that is cut out, in units of the placed mean shape's diagonal / √2.
MARGIN = 1.6
#: How far detector boxes are from the boxes of the true points, as standard deviations: centre in x and in y, in units
#: of the longer side; width and height, as factors about 1. Measured on the detector boxes of 805 faces of LFPW.
BOX_NOISE = (0.034, 0.022, 0.077, 0.051)

T = TypeVar("T")


@dataclass(frozen=True)
class Faces(Dataset):
    """What :func:`load` returns: crops and points in ``train`` and ``test``, and what belongs to all crops.

    ``start``: the mean shape as it was put into each face's box, ``(68, 2)``, float32, (x, y) px: the same in every
    crop. ``skipped``: one line for each file that was left out, naming it and saying why.
    """

    start: np.ndarray
    skipped: tuple[str, ...] = ()


def load(
    size: Size | None = None,
    *,
    side: int | None = None,
    colour: bool | None = None,
    train: int | None = None,
    test: int | None = None,
    strict: bool = False,
) -> Faces:
    """Crops as uint8 ``(N, side, side, 3 or 1)``; points as float32 ``(N, 68, 2)``, (x, y) px of the crop.

    The centre of a crop's first pixel is (0, 0). Points may lie outside the crop, where the box is far off.

    size: which data to read and how much (default: the run's); ``real`` never falls back to the stand-in.
    side: px; default 226 for the documented network, 112 for the small one. colour: RGB, or grey (luma of ITU-R 601);
    default RGB for the documented network, grey for the small one. train, test: faces at most; default by budget,
    ``FACES``. The first ``n`` of the stand-in are the same whatever the number, and its start shape is that of 1 000
    fixed faces. strict: of real files, raise for the first bad one instead of leaving it out. Of the real set see
    :func:`load_real`.

    Raises DataError when real data are asked for and missing or damaged, ValueError for a number below 1.
    """
    size = size or current_size()
    most_train, most_test = size.by_budget(**FACES)
    side = size.by_network(small=112, documented=226) if side is None else side
    colour = size.by_network(small=False, documented=True) if colour is None else colour
    train, test = most_train if train is None else train, most_test if test is None else test
    check_numbers(side=side, train=train, test=test)
    if size.data == "real":
        return load_real(side=side, colour=colour, train=train, test=test, strict=strict)
    mean = _stand_in_mean()
    splits = []
    for count, seed in ((train, TRAIN_SEED), (test, TEST_SEED)):
        drawn = face.random_faces(count, seed=seed)
        squares = windows(mean, drawn_box(drawn.points, np.random.default_rng([BOX_SEED, seed])))
        points = face.to_pixels(drawn.points, squares, side).astype(np.float32)
        splits.append(Split(face.draw(drawn, squares, side=side, colour=colour), points))
    origin = "stand-in: rendered faces, with boxes drawn as a detector's"
    return Faces("faces", origin, True, *splits, start_shape(mean, side))


@functools.cache
def _stand_in_mean() -> np.ndarray:
    return shapes.mean_shape(face.random_faces(MEAN_OF, seed=TRAIN_SEED).points)


def fetch() -> Path:
    """300-W cannot be fetched by a program: raises DataError that says where to get it and where to put it."""
    raise DataError("300-W cannot be fetched by the course; " + HOW_TO_GET.format(folder=data_root() / "faces"))


# -------------------------------------------------------------------------------------- boxes, start and crops


def drawn_box(points: ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """Boxes ``(…, 4)`` as (left, top, right, bottom) round points ``(…, K, 2)``, off as a detector's would be; float64.

    The points' own box, its centre moved and its sides stretched by normal noise of ``BOX_NOISE``. Of many faces the
    first ``n`` get the same boxes whatever the number.
    """
    own = shapes.bounding_box(points)
    sides = own[..., 2:] - own[..., :2]
    drawn = rng.standard_normal(own.shape) * BOX_NOISE
    middle = (own[..., :2] + own[..., 2:]) / 2 + drawn[..., :2] * sides.max(axis=-1, keepdims=True)
    half = sides * (1 + drawn[..., 2:]) / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def windows(mean: ArrayLike, boxes: ArrayLike) -> np.ndarray:
    """The squares that are cut out for boxes ``(…, 4)``: ``(…, 3)`` as (centre x, centre y, edge), float64, in the boxes' unit.

    mean: a shape ``(K, 2)``; it is put into each box (:func:`shapes.into_box`), and the square lies about its middle,
    ``MARGIN`` times as wide as its diagonal / √2. Raises ValueError for a box without width or height.
    """
    placed = shapes.bounding_box(shapes.into_box(mean, boxes))
    diagonal = np.hypot(placed[..., 2] - placed[..., 0], placed[..., 3] - placed[..., 1])
    middle = (placed[..., :2] + placed[..., 2:]) / 2
    return np.concatenate([middle, (MARGIN / math.sqrt(2) * diagonal)[..., None]], axis=-1)


def start_shape(mean: ArrayLike, side: int) -> np.ndarray:
    """The mean shape ``(K, 2)`` in px of every crop of ``side`` px, where its box was cut out: float32 ``(K, 2)``."""
    window = windows(mean, shapes.bounding_box(mean))
    return face.to_pixels(np.asarray(mean, np.float64)[None], window[None], side)[0].astype(np.float32)


def crop(image: np.ndarray, window: ArrayLike, side: int, colour: bool = True) -> np.ndarray:
    """The square ``window`` (centre x, centre y, edge, px) of a photo, uint8 ``(side, side, 3 or 1)``.

    image: uint8 ``(H, W, 3)``. Points go with it by ``face.to_pixels``. Resampled by a triangle as wide as a new pixel
    (or an old one, where the crop is enlarged), so that nothing is skipped; outside the photo its edge is repeated.
    Raises ValueError for another shape or type, and a window that is not finite or has no width.
    """
    from PIL import Image

    x, y, edge = np.asarray(window, np.float64)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"image {image.dtype} {image.shape}: expected uint8 (H, W, 3)")
    if not (np.isfinite([x, y, edge]).all() and edge > 0):
        raise ValueError(f"window ({x:g}, {y:g}, {edge:g}): expected finite numbers, an edge above 0")
    reach = 2 + math.ceil(2 * max(edge / side, 1))  # what the filter needs round the window
    left, top = (math.floor(middle - edge / 2) - reach for middle in (x, y))
    more = math.ceil(edge) + 2 * reach + 1
    piece = Image.fromarray(_cut(image, left, top, more))
    if not colour:
        piece = piece.convert("L")
    # Pillow counts from the corner of the first pixel, points from its centre
    corner = x - edge / 2 + 0.5 - left, y - edge / 2 + 0.5 - top
    small = piece.resize(
        (side, side), Image.Resampling.BILINEAR, box=(*corner, corner[0] + edge, corner[1] + edge), reducing_gap=3.0
    )
    return np.asarray(small).reshape(side, side, -1)


def _cut(image: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """A square piece of a photo, its edge repeated where it reaches beyond. Only the piece is copied, not the photo."""
    slices, lacking = [], []
    for first, length in ((top, image.shape[0]), (left, image.shape[1])):
        begin = min(max(first, 0), length - 1)
        end = max(min(first + side, length), begin + 1)
        # a piece wholly outside keeps one row of the edge, so what lacks is cut off at its own length
        before = min(max(begin - first, 0), side - 1)
        slices.append(slice(begin, min(end, begin + side)))
        lacking.append((before, side - before - (slices[-1].stop - begin)))
    piece = image[slices[0], slices[1]]
    return np.ascontiguousarray(np.pad(piece, (*lacking, (0, 0)), mode="edge") if any(map(any, lacking)) else piece)


# ---------------------------------------------------------------------------------------------------- real files


def load_real(
    root: Path | None = None,
    *,
    side: int = 226,
    colour: bool = True,
    train: int | None = None,
    test: int | None = None,
    detector: bool = True,
    strict: bool = False,
) -> Faces:
    """300-W from its folder ``root`` (default: the first place it is found in), arrays as of :func:`load`.

    Training pairs are those of ``afw``, ``helen/trainset`` and ``lfpw/trainset``, test pairs those of ``helen/testset``
    and ``lfpw/testset`` (the "common set"), whatever the case of the names; folders may be missing. Where none of these
    is there, pairs that lie in ``root`` itself are training pairs. Without a test folder each fifth training pair, in
    the order of their paths, is held out for test.

    train, test: faces at most (default: all); when there are more, they are taken evenly spaced over the paths, so that
    each folder has its share, and only those photos are decoded. The mean shape is of all training pairs, however many
    are taken. A face without a box file gets a drawn one, from a seed that depends on its path alone; so does every face
    where ``detector`` is False.

    A bad pair (see :func:`ibug.read_folder`) is left out, counted in ``origin`` and named in ``skipped``; strict: the
    first one raises DataError instead. ``verified`` is True when all five folders hold as many pairs as published:
    there is no published checksum.

    Raises DataError for a missing set, for a folder without a pair in order, ValueError for a number below 1.
    """
    check_numbers(side=side, train=train, test=test)
    root = root or find()
    if root is None:
        folder = data_root() / "faces"
        raise DataError(f"300-W not found in {folder}; " + HOW_TO_GET.format(folder=folder))
    folders = _folders(root)
    if not any(name not in TEST_FOLDERS for name in folders):
        raise DataError(f"{root}: found no {', '.join(TRAIN_FOLDERS)}; " + HOW_TO_GET.format(folder=root))
    skipped: list[str] = []
    of_train: list[tuple[str, ibug.Face]] = []
    of_test: list[tuple[str, ibug.Face]] = []
    counts = {}
    for name, folder in folders.items():
        read = ibug.read_folder(folder, strict=strict)
        counts[name] = read.found
        skipped += read.skipped
        faces = of_test if name in TEST_FOLDERS else of_train
        faces += [(f"{name}/{one.image.stem}", one if detector else replace(one, box=None)) for one in read.faces]
    held_out = not of_test
    if held_out:
        of_test, of_train = (
            of_train[HELD_OUT - 1 :: HELD_OUT],
            [one for i, one in enumerate(of_train) if i % HELD_OUT != HELD_OUT - 1],
        )
        if not of_test:
            raise DataError(
                f"{root}: found {len(of_train)} pairs in order and no test folder, "
                f"expected {HELD_OUT} or more, or {' or '.join(TEST_FOLDERS)}"
            )
    mean = shapes.mean_shape([one.points for _, one in of_train])
    from_detector = sum(one.box is not None for _, one in [*of_train, *of_test])
    splits, said = [], []
    for name, faces, most in (("training", of_train, train), ("test", of_test, test)):
        split = _opened(_evenly(faces, most), mean, side, colour, skipped, strict)
        if not len(split):
            raise DataError(f"{root}: found no {name} photo that can be read, expected at least one; {skipped[-1]}")
        splits.append(split)
        said.append(f"{name}: {len(split)} of {len(faces)} faces taken")
    if held_out:
        said[-1] += f", each {HELD_OUT}th training pair held out, since there is no test folder"
    published, compared = _compared_with_published(counts)
    origin = "; ".join(
        [
            f"real: 300-W files from {root.name}, {_said(counts)}, {compared}",
            f"boxes: {from_detector} of a detector, {len(of_train) + len(of_test) - from_detector} drawn",
            *said,
            f"{len(skipped)} skipped" if skipped else "none skipped",
        ]
    )
    return Faces("faces", origin, published, *splits, start_shape(mean, side), tuple(skipped))


def candidates(root: Path | None = None) -> list[Path]:
    """Where the folder of 300-W is looked for, in this order. root: the data root (default: the run's)."""
    root = root or data_root()
    return [root / "faces", root / "300-W", root]


def find(root: Path | None = None) -> Path | None:
    """The first candidate that holds a folder of 300-W, or pairs itself (the data root has to hold folders), or None."""
    places = candidates(root)
    return next((place for place in places if _folders(place, itself=place != places[-1])), None)


def _folders(place: Path, *, itself: bool = True) -> dict[str, Path]:
    """Name and path of each folder of the set that is there, training first; ``{"": place}`` where it holds pairs itself."""
    named = {name: _subfolder(place, name) for name in (*TRAIN_FOLDERS, *TEST_FOLDERS)}
    there = {name: folder for name, folder in named.items() if folder}
    if there or not itself:
        return there
    try:
        return {".": place} if ibug.pairs(place)[0] else {}
    except DataError:  # a missing folder is not an error of the data
        return {}


def _subfolder(place: Path, name: str) -> Path | None:
    """The folder ``name`` (parts divided by /) in ``place``, whatever the case of its parts, or None."""
    for part in name.split("/"):
        exact = place / part
        try:
            near = sorted(path for path in place.iterdir() if path.name.casefold() == part.casefold() and path.is_dir())
        except OSError:
            return None
        if not near:
            return None
        place = exact if exact in near else near[0]
    return place


def _evenly(items: Sequence[T], most: int | None) -> list[T]:
    """At most ``most`` of the items, evenly spaced."""
    total = len(items)
    count = total if most is None else min(most, total)
    return [items[i * total // count] for i in range(count)]


def _opened(
    faces: list[tuple[str, ibug.Face]], mean: np.ndarray, side: int, colour: bool, skipped: list[str], strict: bool
) -> Split:
    """The crops of some faces and their points; photos that cannot be decoded are added to ``skipped``."""
    x = np.empty((len(faces), side, side, 3 if colour else 1), np.uint8)
    y = np.empty((len(faces), ibug.POINTS, 2), np.float32)
    taken = 0
    for key, one in faces:
        try:
            photo = ibug.read_image(one.image)
        except DataError as error:
            if strict:
                raise
            skipped.append(str(error))
            continue
        window = windows(mean, drawn_box(one.points, _own_rng(key)) if one.box is None else one.box)
        x[taken] = crop(photo, window, side, colour)
        y[taken] = face.to_pixels(one.points[None], window[None], side)[0]
        taken += 1
    return Split(x[:taken], y[:taken])


def _own_rng(key: str) -> np.random.Generator:
    """A generator that depends on a face's path in the set alone, not on which other files are there."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))


def _compared_with_published(counts: dict[str, int]) -> tuple[bool, str]:
    published = {**TRAIN_FOLDERS, **TEST_FOLDERS}
    if counts == published:
        return True, "as many as published"
    return False, f"not the published numbers ({_said(published)})"


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" if name != "." else f"{count} pairs" for name, count in counts.items())


def write(root: Path, data: Faces) -> None:
    """Write crops and points in the layout of 300-W (:func:`ibug.write_ibug`), each with the box that it was cut round.

    Read back at the same side they are nearly the same crops again: the mean shape is then that of the faces written.
    """
    box = shapes.bounding_box(data.start)
    boxes = [np.tile(box, (len(split), 1)) for split in (data.train, data.test)]
    ibug.write_ibug(root, data, boxes=(boxes[0], boxes[1]))


def status() -> Status:
    """Where 300-W is looked for and what was found there: pairs are counted, and one of each folder is read."""
    folder = data_root() / "faces"
    looked_in = tuple(str(place) for place in candidates())
    place, verified = find(), False
    if place is None:
        detail = "not found; the reduced size does not need it"
    else:
        try:
            counts = {}
            for name, there in _folders(place).items():
                found, left = ibug.pairs(there)
                counts[name] = len(found)
                if not found:
                    raise DataError(
                        left[0] if left else f"{there}: found no pairs, expected photos with .pts beside them"
                    )
                ibug.read_points(found[0][1])
                ibug.read_image(found[0][0])
            verified, compared = _compared_with_published(counts)
            others = {name: len(ibug.pairs(there)[0]) for name in OTHER_FOLDERS if (there := _subfolder(place, name))}
            others = {name: count for name, count in others.items() if count}
            unused = f"; not used: {_said(others)}" if others else ""
            detail = f"{_said(counts)}, {compared}{unused}"
        except DataError as error:
            verified, detail = False, f"damaged: {error}"
    return Status("faces", TITLE, place, verified, detail, looked_in, HOW_TO_GET.format(folder=folder))
