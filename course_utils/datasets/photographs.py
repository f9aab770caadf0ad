"""Any photograph, from its file to what a network for FER2013 takes: read, find the face, crop, 48×48 grey. Floor 2.

FER2013's faces were cut out by a detector and fill their frame, so a photograph has to be treated alike before it is asked
about. What ships with the course's own packages is enough for that: the detector is scikit-image's cascade of local binary
patterns (S. Liao and others, "Learning multi-scale block local binary patterns for face recognition", ICB 2007; trained by
OpenCV), the photographs are those of scikit-image. Nothing is downloaded.

Pictures are uint8 RGB ``(H, W, 3)``; boxes are ``(x, y, width, height)`` in px, (x, y) being the upper left corner.
Lesson 50_expressions_look_and_predict.
"""

from __future__ import annotations

import functools
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.datasets.fer2013 import SIDE
from course_utils.runtime import DataError, nearest

__all__ = ["BUNDLED", "as_fer", "astronaut", "bundled", "centre_square", "crop", "find_faces", "read", "the_face"]

#: Least pixels on a side, the detector's window; most pixels in all (a picture of a few bytes can unpack to gigabytes).
LEAST, MOST = 24, 100_000_000
#: Photographs that scikit-image brings along. astronaut: Eileen Collins, NASA, 1992, public domain. chelsea: a cat, S. van der
#: Walt, CC0. coffee: R. Michael, CC0. rocket: SpaceX, public domain. coins: Brooklyn Museum, no known restrictions.
BUNDLED = {"astronaut": "astronaut.png", "chelsea": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg", "coins": "coins.png"}  # fmt: skip
#: Windows of the cascade that have to agree before they count as a face (chosen on rendered people and on scikit-image's
#: photographs: faces have 10 to 40, a cloth or a cat up to 6); how near they have to be, in shares of the smaller, and in size.
SUPPORT, NEAR, ALIKE = 7, 0.2, 1.5
_SHRUNK = 1024  # px: a longer shorter side is looked at in a smaller copy
_EXPECTED = "expected a photograph (JPEG, PNG, TIFF, WebP, …)"
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, TypeError)


# ------------------------------------------------------------------------------------------------------ reading


def read(path: str | Path, *, frame: int | None = None) -> np.ndarray:
    """A picture file as uint8 RGB ``(H, W, 3)``, upright.

    The camera's note on how it was held (EXIF orientation) is followed. Grey, palette and CMYK become RGB (without colour
    profiles), what is transparent becomes white. Grey of 16 bits is divided by 257, floats in [0, 1] are multiplied by 255;
    Pillow's own conversion would cut both off at 255. frame: which picture of a file that holds several, from 0 on.

    Raises DataError, naming the file, what was found and what was expected: for no file, a folder, an empty, cut-off or
    damaged file, one that is no picture, sides below 24 px, more than 100 million pixels, several pictures without ``frame``
    (a phone's second picture in an MPO file does not count), and values that have no agreed white.
    Lesson 50_expressions_look_and_predict.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: found a folder, {_EXPECTED}")
    try:
        if not path.stat().st_size:
            raise DataError(f"{path}: empty file; {_EXPECTED}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MOST says the same as an error
            with Image.open(path) as opened:
                return _rgb(path, opened, frame)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; {_EXPECTED}") from error
    except UnidentifiedImageError as error:
        with path.open("rb") as file:
            raise DataError(f"{path}: is no picture, it begins with {file.read(8)!r}; {_EXPECTED}") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {error}; expected at most {MOST:,} pixels") from error
    except _DAMAGED as error:
        if getattr(error, "errno", None) is not None:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        raise DataError(f"{path}: cut off or damaged ({error}); {_EXPECTED}, whole") from error


def _rgb(path: Path, opened: Image.Image, frame: int | None) -> np.ndarray:
    width, height = opened.size
    if min(width, height) < LEAST:
        raise DataError(f"{path}: found {width}×{height} pixels, expected at least {LEAST} on each side")
    if width * height > MOST:
        raise DataError(f"{path}: found {width}×{height} pixels, expected at most {MOST:,}")
    frames = getattr(opened, "n_frames", 1)
    if frame is not None:
        if not 0 <= frame < frames:
            raise DataError(f"{path}: frame {frame} asked for, found {frames}, numbered from 0")
        opened.seek(frame)
    elif frames > 1 and opened.format != "MPO":
        raise DataError(f"{path}: found {frames} frames, expected one picture; choose one with frame=0 to {frames - 1}")
    opened.load()
    picture = ImageOps.exif_transpose(opened)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        grey = _bytes(path, picture)
        return np.repeat(grey[..., None], 3, axis=-1)
    try:
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return np.array(picture.convert("RGB"))
    except ValueError as error:
        raise DataError(
            f"{path}: found pixels of mode {picture.mode}, expected grey, RGB, CMYK or a palette"
        ) from error


def _bytes(path: Path, picture: Image.Image) -> np.ndarray:
    """Grey of 16 bits or of floats as uint8."""
    values = np.asarray(picture).astype(np.float64)
    low, high = values.min(), values.max()
    if picture.mode == "F" and 0 <= low <= high <= 1:
        values = values * 255
    elif picture.mode != "F" and 0 <= low <= high <= 65535:
        values = values / 257
    elif not 0 <= low <= high <= 255:
        scales = "0 to 1 or 0 to 255" if picture.mode == "F" else "0 to 65535"
        raise DataError(f"{path}: found values from {low:g} to {high:g}, expected {scales}")
    return np.round(values).astype(np.uint8)


def bundled(name: str) -> np.ndarray:
    """A photograph that comes with scikit-image, by its name in ``BUNDLED``: uint8 RGB ``(H, W, 3)``. No network.

    Raises DataError for an unknown name, and when scikit-image was installed without its pictures.
    """
    if name not in BUNDLED:
        raise DataError(nearest(name, BUNDLED, "photograph"))
    import skimage.data

    return read(Path(skimage.data.__file__).parent / BUNDLED[name])


def astronaut() -> np.ndarray:
    """Eileen Collins before her first flight (NASA, public domain): uint8 RGB ``(512, 512, 3)``, one face. No network."""
    return bundled("astronaut")


# ------------------------------------------------------------------------------------------------ where the face is


def find_faces(image: ArrayLike, *, smallest: float = 0.12, largest: float = 1.0, support: int = SUPPORT) -> np.ndarray:
    """Boxes of the faces seen from the front, int64 ``(N, 4)`` as (x, y, width, height) in px, largest first.

    image: uint8 ``(H, W, 3)``, ``(H, W, 1)`` or ``(H, W)``. smallest, largest: edge of a face in shares of the picture's shorter
    side (no face below 24 px is found). support: how many windows of the cascade have to agree.
    The same picture gives the same boxes. A face turned or tilted by more than some 20°, or half hidden, is often missed;
    a cloth with folds is sometimes taken for one. Raises ValueError for another array, and for sizes out of order.
    Lesson 50_expressions_look_and_predict.
    """
    image = _picture(image)
    if not 0 < smallest <= largest:
        raise ValueError(f"smallest {smallest}, largest {largest}: expected 0 < smallest ≤ largest")
    shorter = min(image.shape[:2])
    zoom = min(1.0, _SHRUNK / shorter)
    if zoom < 1:
        height, width = (round(zoom * side) for side in image.shape[:2])
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
    side = min(image.shape[:2])
    least, most = max(LEAST, round(smallest * side)), min(side, round(largest * side))
    if least > most:
        return np.empty((0, 4), np.int64)
    # one box a window: the detector's own grouping says nothing of how many windows agreed
    found = _cascade().detect_multi_scale(
        img=np.ascontiguousarray(image),
        scale_factor=1.1,
        step_ratio=1,
        min_size=(least, least),
        max_size=(most, most),
        min_neighbor_number=1,
        intersection_score_threshold=1.1,
    )
    windows = np.array(sorted((one["c"], one["r"], one["width"], one["height"]) for one in found)).reshape(-1, 4)
    boxes = [box / zoom for box in _agreeing(windows, support)]
    return np.array(sorted(np.round(boxes).astype(np.int64).tolist(), key=_by_size), np.int64).reshape(-1, 4)


def _by_size(box: list[int]) -> tuple[int, ...]:
    return -box[2] * box[3], *box


@functools.cache
def _cascade():
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def _agreeing(windows: np.ndarray, support: int) -> list[np.ndarray]:
    """The mean of each group of windows that lie together, where there are enough of them."""
    if not len(windows):
        return []
    from scipy.sparse.csgraph import connected_components

    centre, size = windows[:, :2] + windows[:, 2:] / 2, windows[:, 2]
    smaller, larger = np.minimum.outer(size, size), np.maximum.outer(size, size)
    apart = np.abs(centre[:, None] - centre[None]).max(axis=-1)
    groups, group = connected_components((apart < NEAR * smaller) & (larger < ALIKE * smaller), directed=False)
    members = [windows[group == number] for number in range(groups)]
    return [some.mean(axis=0) for some in members if len(some) >= support]


def the_face(image: ArrayLike, which: int | None = None, **sizes: float) -> np.ndarray:
    """The box of the one face in the picture, int64 ``(4,)``; ``which`` chooses among several, 0 being the largest.

    sizes: as of :func:`find_faces`. Raises DataError when there is none, when there are several and ``which`` is None, and
    for a ``which`` that is not there.
    """
    boxes = find_faces(image, **sizes)
    height, width = np.shape(image)[:2]
    if not len(boxes):
        raise DataError(
            f"found no face in a picture of {width}×{height}, expected one; turned, hidden and very small faces are missed: "
            "crop by hand, or look for smaller ones with smallest="
        )
    if which is None and len(boxes) > 1:
        places = ", ".join(f"{w}×{h} at ({x}, {y})" for x, y, w, h in boxes)
        raise DataError(f"found {len(boxes)} faces, expected one: {places}; which=0 takes the largest")
    if which is not None and not 0 <= which < len(boxes):
        raise DataError(f"which={which} asked for, found {len(boxes)} face(s), numbered from 0, the largest")
    return boxes[which or 0]


# ------------------------------------------------------------------------------------------------------- cropping


def centre_square(image: ArrayLike) -> np.ndarray:
    """The square of the shorter side from the middle: the documented crop. ``(S, S)`` or ``(S, S, C)``, S the shorter side.

    Of a portrait it keeps the chest. Source: a write-up on FER2013 (2019), case ``fer-center-crop-web-photo``.
    """
    image = _picture(image)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side].copy()


def crop(image: ArrayLike, box: ArrayLike, margin: float = 0.0) -> np.ndarray:
    """The square about the middle of a box, uint8 ``(S, S)`` or ``(S, S, C)``, repeating the picture's edge where it leaves it.

    box: (x, y, width, height) in px. margin: how much more than the box to show on each side, in shares of its longer side;
    negative for less. So S = longer side · (1 + 2 · margin), rounded. Raises ValueError for a box that is no box or does not
    touch the picture, and for a margin that leaves nothing.
    """
    image = _picture(image)
    numbers = np.asarray(box, np.float64)
    if numbers.shape != (4,) or not np.isfinite(numbers).all() or (numbers[2:] <= 0).any():
        raise ValueError(f"box {box}: expected (x, y, width, height), width and height above 0")
    x, y, width, height = numbers
    rows, columns = image.shape[:2]
    if x >= columns or y >= rows or x + width <= 0 or y + height <= 0:
        raise ValueError(f"box {box}: lies outside the picture of {columns}×{rows}")
    side = round(max(width, height) * (1 + 2 * margin))
    if side < 1:
        raise ValueError(f"margin {margin}: leaves nothing of a box of {width:g}×{height:g}; expected more than −0.5")
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    down, right = (np.arange(side) + start for start in (top, left))
    return image[down.clip(0, rows - 1)[:, None], right.clip(0, columns - 1)]


def as_fer(image: ArrayLike) -> np.ndarray:
    """The picture as FER2013 has them: grey (ITU-R 601 luma), 48×48, uint8 ``(48, 48, 1)``.

    Resized by Pillow's Lanczos filter, which averages over what it leaves out. A picture that is not square is squeezed.
    """
    image = _picture(image)
    grey = Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(grey)[..., None].copy()


def _picture(image: ArrayLike) -> np.ndarray:
    """uint8 ``(H, W, 3)`` or ``(H, W)``. Raises ValueError for anything else."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size or array.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"image {array.dtype} {array.shape}: expected uint8 (H, W, 3), (H, W, 1) or (H, W)")
    return array[..., 0] if array.shape[2:] == (1,) else array
