"""The files of ICVL: label files, 16-bit depth images, both releases' folders, prediction files; readers and a writer. Floor 2.

``datasets.hands`` says what the set is and where it is to be had. Sources of the format: the files themselves, and the
public evaluation code "awesome-hand-pose-estimation" (X. Chen). Lesson 20_hands_depth_images.
"""

from __future__ import annotations

import functools
import io
import math
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from course_utils.datasets.common import Dataset, Split, Status, check_numbers
from course_utils.rendering.camera import ICVL
from course_utils.rendering.hand import INVALID, JOINTS
from course_utils.runtime import DataError, atomically, data_root, write_text_atomically

TITLE = "ICVL hands in depth images"
PAGE = "https://labicvl.github.io/hand.html"
HOW_TO_GET = (
    f"get ICVL from its authors' page, {PAGE}, and put Training/ and Testing/ "
    "(or the 2014 release: train.txt and Depth/ at its root) in {folder}"
)
#: Where the labels of each part may lie in the folder of the set. The images are in a folder Depth beside the labels.
TRAINING_LABELS = ("Training/labels.txt", "Training/train.txt", "train.txt", "labels.txt")
TEST_LABELS = (("Testing/test_seq_1.txt", "Testing/test_seq_2.txt"), ("test_seq_1.txt", "test_seq_2.txt"))

#: Frames of the two test sequences and mean of all their joints, (u px, v px, d mm): how the published set is known.
PUBLISHED_FRAMES = (702, 894)
PUBLISHED_MEAN, PUBLISHED_MEAN_WITHIN = (158.1, 110.7, 342.0), 0.05

_NUMBERS = 3 * len(JOINTS)


def valid(depth: np.ndarray) -> np.ndarray:
    """Where something was seen: booleans of the same shape. 32001 (the camera's) and 0 (a reader's) mean nothing."""
    return (depth > 0) & (depth < INVALID)


# ------------------------------------------------------------------------------------------------ real files


@dataclass(frozen=True)
class _Part:
    """A label file and the folder that its image names start from."""

    labels: Path
    depth: Path


@dataclass
class _Frames:
    """What one or two label files name, and how many lines were left out for which reason."""

    paths: list[Path]
    joints: np.ndarray
    per_file: list[int] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def keep(self, wanted: Sequence[bool] | np.ndarray, reason: str) -> None:
        wanted = np.asarray(wanted, bool)
        self.leave_out(reason, int((~wanted).sum()))
        self.paths = [path for path, want in zip(self.paths, wanted, strict=True) if want]
        self.joints = self.joints[wanted]

    def leave_out(self, reason: str, count: int) -> None:
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count

    def said(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{sum(self.left_out.values())} left out: {reasons}" if reasons else "none left out"


def candidates(root: Path | None = None) -> list[Path]:
    """Where the folder of ICVL is looked for, in this order. root: the data root (default: the run's)."""
    root = root or data_root()
    return [root / "icvl", root / "ICVL", root / "hands", root]


def find(root: Path | None = None) -> Path | None:
    """The first candidate that holds a label file of ICVL beside a folder ``Depth``, or None."""
    for place in candidates(root):
        training, sequences = _parts(place)
        if training or sequences:
            return place
    return None


def _parts(folder: Path) -> tuple[_Part | None, list[_Part]]:
    """The training labels (or None) and the two test sequences (or an empty list) in the folder of the set."""
    training = [part for name in TRAINING_LABELS if (part := _part(folder / name))]
    for pair in TEST_LABELS:
        sequences = [_Part(folder / name, (folder / name).parent / "Depth") for name in pair]
        if _part(sequences[0].labels):
            return (training[0] if training else None), sequences
    return (training[0] if training else None), []


def _part(labels: Path) -> _Part | None:
    depth = labels.parent / "Depth"
    try:
        return _Part(labels, depth) if labels.is_file() and depth.is_dir() else None
    except OSError:  # a folder that cannot be read is not an error of the data
        return None


def load_real(
    root: Path | None = None,
    *,
    every: int = 1,
    train: int | None = None,
    test: int | None = None,
    rotated: bool = False,
) -> Dataset:
    """ICVL from its folder ``root`` (default: the first place it is found in), arrays as of :func:`load`.

    Both releases are understood: ``Training/labels.txt`` + ``Training/Depth/``, ``Testing/test_seq_{1,2}.txt`` +
    ``Testing/Depth/``; or ``train.txt`` (or ``labels.txt``) + ``Depth/`` at the root, with the test sequences in
    ``Testing/`` or at the root too. The test split is sequence 1 followed by sequence 2.

    every: keep each ``every``-th pixel. train, test: frames at most (default: all); when there are more, they are taken
    evenly spaced over the list, since neighbours are nearly equal, and only those are opened. rotated: whether to keep
    training frames from folders named by an angle (``22-5``, ``-90``).

    Left out and counted in ``origin``: rotated copies; frames with a joint outside the image (u not in [0, 320), v not
    in [0, 240), d ≤ 0) or without an image; and, of those opened, images in which nothing is seen.

    ``verified`` is True when the test labels are 702 + 894 and the mean over all their joints is (158.1, 110.7, 342.0)
    to 0.05 each: there is no published checksum. Images and training labels are not part of that check.

    Raises DataError, naming the file, what was found and what was expected; ValueError for a number below 1.
    """
    check_numbers(every=every, train=train, test=test)
    root = root or find()
    if root is None:
        folder = data_root() / "icvl"
        raise DataError(f"ICVL not found in {folder}; " + HOW_TO_GET.format(folder=folder))
    training, sequences = _both_parts(root)
    train_frames, test_frames = _listed([training], rotated=rotated), _listed(sequences)
    verified, test_said = _compared_with_published(test_frames)
    splits, said = [], []
    for name, frames, most in (("training", train_frames, train), ("test", test_frames, test)):
        _leave_out_unusable(frames)
        usable = len(frames.paths)
        split = _opened(frames, every, most)
        if not len(split):
            where = (training if name == "training" else sequences[0]).labels
            raise DataError(f"{where}: no usable {name} frame, {frames.said()}; expected at least one")
        splits.append(split)
        said.append(f"{name}: {len(split)} of {usable} frames taken, {frames.said()}")
    origin = "; ".join([f"real: ICVL from {root.name}, {test_said}", *said])
    return Dataset("hands", origin, verified, *splits)


def _both_parts(root: Path) -> tuple[_Part, list[_Part]]:
    training, sequences = _parts(root)
    for found, names in ((training, TRAINING_LABELS), (sequences, [pair[0] for pair in TEST_LABELS])):
        if not found:
            expected = " or ".join(names)
            raise DataError(f"{root}: found no {expected} beside a folder Depth; " + HOW_TO_GET.format(folder=root))
    return training, sequences


def _listed(parts: list[_Part], *, rotated: bool = True) -> _Frames:
    """All frames that some label files name. Lines of rotated copies that are not wanted are counted and not read."""
    frames = _Frames([], np.empty((0, len(JOINTS), 3), np.float32))
    for part in parts:
        names, joints, skipped = _read_points(part.labels, named=True, keep=None if rotated else _is_upright)
        frames.paths += [part.depth / name for name in names]
        frames.joints = np.concatenate([frames.joints, joints.astype(np.float32)])
        frames.per_file.append(len(names))
        frames.leave_out("rotated", skipped)
    return frames


def _is_upright(name: str) -> bool:
    return not _in_rotated_folder(name.rpartition("/")[0])


@functools.cache
def _in_rotated_folder(folder: str) -> bool:
    """Whether a folder on the way is named by an angle, a multiple of 22.5° up to 360°: ``45``, ``-90``, ``22-5``."""
    for name in folder.split("/"):
        if match := re.fullmatch(r"(-?\d{1,3})([-.]5)?", name):
            angle = float(match[1] + (".5" if match[2] else ""))
            if angle and abs(angle) <= 360 and angle % 22.5 == 0:
                return True
    return False


def _leave_out_unusable(frames: _Frames) -> None:
    u, v, d = np.moveaxis(frames.joints, -1, 0)
    inside = (u >= 0) & (u < ICVL.width) & (v >= 0) & (v < ICVL.height) & (d > 0)
    frames.keep(inside.all(axis=1), "with a joint outside the image")
    frames.keep([_exists(path) for path in frames.paths], "without an image")


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _opened(frames: _Frames, every: int, most: int | None) -> Split:
    """At most ``most`` of the frames, evenly spaced, without those in which nothing is seen."""
    total = len(frames.paths)
    count = total if most is None else min(most, total)
    small = ICVL.every(every)
    x = np.empty((count, small.height, small.width, 1), np.uint16)
    taken = []
    for row in (i * total // count for i in range(count)):
        path, joints = frames.paths[row], frames.joints[row]
        depth = _decoded(path)
        _check_millimetres(path, depth, farthest_joint=float(joints[:, 2].max()))
        depth = depth[::every, ::every]
        if valid(depth).any():
            x[len(taken), :, :, 0] = depth
            taken.append(row)
    frames.leave_out("with nothing seen", count - len(taken))
    return Split(x[: len(taken)], frames.joints[taken])


def _compared_with_published(frames: _Frames) -> tuple[bool, str]:
    """Whether the test labels, before anything is left out, are the published ones; and that in words."""
    counts = tuple(frames.per_file)
    mean = frames.joints.mean(axis=(0, 1), dtype=np.float64)
    if counts == PUBLISHED_FRAMES and np.all(np.abs(mean - PUBLISHED_MEAN) <= PUBLISHED_MEAN_WITHIN):
        return True, "test labels agree with the published ones in number and mean"
    found, expected = (
        f"{a} + {b} with mean ({', '.join(f'{value:.1f}' for value in middle)})"
        for (a, b), middle in ((counts, mean), (PUBLISHED_FRAMES, PUBLISHED_MEAN))
    )
    return False, f"test labels are not the published ones (found {found}, expected {expected})"


# ---------------------------------------------------------------------------------------- one file of the set


def read_labels(path: Path) -> tuple[list[str], np.ndarray]:
    """A label file, ``image u1 v1 d1 … u16 v16 d16`` a line: names and joints ``(N, 16, 3)``, float32, (px, px, mm).

    Names are relative to the folder ``Depth`` beside the file. Blank lines are passed over.
    Raises DataError for a line without 48 finite numbers, naming it, for an empty file and for what is no UTF-8 text.
    """
    names, joints, _ = _read_points(path, named=True)
    return names, joints.astype(np.float32)


def read_predictions(path: Path) -> np.ndarray:
    """A file of predicted joints as the field exchanges them: ``(N, 16, 3)``, float64, in the order of the file.

    One line of 48 numbers a frame, with or without an image name before them. The file does not say what the numbers
    are: those collected by the public evaluation code are (u px, v px, d mm), those it keeps as ``…_ori`` (x, y, z) mm.
    Raises DataError as :func:`read_labels` does.
    """
    return _read_points(path, named=False)[1]


def _read_points(
    path: Path, *, named: bool, keep: Callable[[str], bool] | None = None
) -> tuple[list[str], np.ndarray, int]:
    """Names, points ``(N, 16, 3)`` as float64, and how many lines ``keep`` turned down by name, not read further."""
    names, lines, numbers, skipped = [], [], array("d"), 0
    expected = f"{'an image name and ' if named else ''}{_NUMBERS} numbers (u v d of {len(JOINTS)} joints)"
    for line, words in _lines(path):
        name = words.pop(0).replace("\\", "/").lstrip("/") if named or not _is_number(words[0]) else ""
        if keep and not keep(name):
            skipped += 1
            continue
        if len(words) != _NUMBERS:
            raise DataError(f"{path}: line {line}: found {len(words)} numbers, expected {expected}")
        try:
            numbers.extend(map(float, words))
        except ValueError:
            wrong = next(word for word in words if not _is_number(word))
            raise DataError(f"{path}: line {line}: found {wrong[:40]!r}, expected {expected}") from None
        names.append(name)
        lines.append(line)
    if not lines and not skipped:
        raise DataError(f"{path}: found no lines, expected one a frame, with {expected}")
    points = np.array(numbers, np.float64).reshape(-1, len(JOINTS), 3)
    wrong = ~(np.abs(points) < 1e30)  # float32 ends at 3e38
    if wrong.any():
        row = int(wrong.any(axis=(1, 2)).argmax())
        found = points[row][wrong[row]][0]
        raise DataError(f"{path}: line {lines[row]}: found {found}, expected finite numbers")
    return names, points, skipped


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that is not blank. The public files end lines with two returns and a newline."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for line, text in enumerate(file, start=1):
                if words := text.split():
                    yield line, words
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason}); expected lines of numbers") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected lines of numbers") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_depth(path: Path) -> np.ndarray:
    """One depth image, uint16 ``(240, 320)`` in mm, 32001 = nothing seen.

    Raises DataError for a missing or damaged file, for what is not a 16-bit grey PNG of 320×240, and when the largest
    depth is 255 or less: the image was squeezed into 8 bits or into 0–1 on its way.
    """
    depth = _decoded(path)
    _check_millimetres(path, depth)
    return depth


def _decoded(path: Path) -> np.ndarray:
    from PIL import Image

    open_png = functools.partial(Image.open, formats=("PNG",))
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected a 16-bit PNG") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with open_png(io.BytesIO(raw)) as image:
            mode, (width, height) = image.mode, image.size
            image.verify()  # checksums: decoding alone does not notice damaged pixels
        if (width, height) == (ICVL.width, ICVL.height):
            with open_png(io.BytesIO(raw)) as image:
                depth = np.asarray(image)
    except Exception as error:  # Pillow raises half a dozen kinds for a damaged file
        reason = " ".join(re.sub(r"<_io\.BytesIO.*?>", "the file", str(error)).split())
        raise DataError(f"{path}: damaged or not a PNG ({reason}); expected a whole 16-bit PNG") from error
    if not mode.startswith("I;16"):
        raise DataError(f"{path}: found mode {mode!r}, expected 16-bit grey ('I;16')")
    if (width, height) != (ICVL.width, ICVL.height):
        raise DataError(f"{path}: found {width}×{height} pixels, expected {ICVL.width}×{ICVL.height}")
    return depth.astype(np.uint16)


def _check_millimetres(path: Path, depth: np.ndarray, farthest_joint: float = math.inf) -> None:
    """A hand within 255 mm is possible; but a joint lies some 10 mm below the skin: beyond 305 mm it contradicts."""
    seen = depth[valid(depth)]
    if seen.size and seen.max() <= 255 and farthest_joint > 255 + 50:
        raise DataError(f"{path}: largest depth is {seen.max()}, expected millimetres (16 bit, not scaled)")


# ---------------------------------------------------------------------------------------------- writer, status


def write_icvl(root: Path, data: Dataset) -> None:
    """Write ``data`` as a folder in the layout of ICVL's 2016 release, the test frames halved into the two sequences.

    Depth as 16-bit PNG, exact; labels with 3 decimals. Each file is whole or not there, label files come last, and
    those that lay there go first: a writing that was cut off is not read as a whole set.

    Raises ValueError unless the frames are uint16 of 240×320 with finite joints, one or more for training and two or
    more for test.
    """
    for name, split, least in (("train", data.train, 1), ("test", data.test, 2)):
        expected = (len(split), ICVL.height, ICVL.width, 1), (len(split), len(JOINTS), 3)
        if (split.x.shape, split.y.shape) != expected or split.x.dtype != np.uint16 or len(split) < least:
            raise ValueError(
                f"{name}: found x {split.x.dtype} {split.x.shape} and y {split.y.shape}, expected uint16 "
                f"(N, {ICVL.height}, {ICVL.width}, 1) and (N, {len(JOINTS)}, 3) with N >= {least}"
            )
        if not np.isfinite(split.y).all():
            raise ValueError(f"{name}: found joints that are not finite numbers")
    half = len(data.test) // 2
    parts = (
        ("Training/labels.txt", "rendered", data.train),
        ("Testing/test_seq_1.txt", "test_seq_1", Split(data.test.x[:half], data.test.y[:half])),
        ("Testing/test_seq_2.txt", "test_seq_2", Split(data.test.x[half:], data.test.y[half:])),
    )
    for labels, _, _ in parts:
        (root / labels).unlink(missing_ok=True)
    for labels, folder, split in parts:
        for i, depth in enumerate(split.x[..., 0]):
            _write_depth((root / labels).parent / "Depth" / folder / f"image_{i:04}.png", depth)
    for labels, folder, split in parts:
        rows = (" ".join(f"{number:.3f}" for number in joints.ravel()) for joints in split.y)
        write_text_atomically(
            root / labels, "".join(f"{folder}/image_{i:04}.png {row}\n" for i, row in enumerate(rows))
        )


def _write_depth(path: Path, depth: np.ndarray) -> None:
    from PIL import Image

    with atomically(path) as temporary:
        Image.fromarray(np.ascontiguousarray(depth)).save(temporary, format="PNG")


def status() -> Status:
    """Where ICVL is looked for and what was found there: label files are read, and one image of each part."""
    folder = data_root() / "icvl"
    looked_in = tuple(str(place) for place in candidates())
    place, verified = find(), False
    if place is None:
        detail = "not found; the reduced size does not need it"
    else:
        try:
            training, sequences = _both_parts(place)
            train_frames, test_frames = _listed([training], rotated=False), _listed(sequences)
            verified, test_said = _compared_with_published(test_frames)
            _look_at_one(train_frames, training)
            _look_at_one(test_frames, sequences[0])
        except DataError as error:
            verified, detail = False, f"damaged: {error}"
        else:
            rotated = train_frames.left_out.get("rotated", 0)
            detail = (
                f"{len(train_frames.paths)} training frames and {rotated} rotated copies, "
                f"{len(test_frames.paths)} test frames; {test_said}"
            )
    return Status("hands", TITLE, place, verified, detail, looked_in, HOW_TO_GET.format(folder=folder))


def _look_at_one(frames: _Frames, part: _Part) -> None:
    for path, joints in zip(frames.paths, frames.joints, strict=True):
        if _exists(path):
            _check_millimetres(path, _decoded(path), farthest_joint=float(joints[:, 2].max()))
            return
    raise DataError(f"{part.depth}: found none of the {len(frames.paths)} images that {part.labels.name} names")
