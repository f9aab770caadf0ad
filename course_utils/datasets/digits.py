"""Handwritten digits: MNIST, and a stand-in that ships with scikit-learn. Floor 2.

Data card
---------
real      MNIST (LeCun, Cortes, Burges 1998): 60 000 + 10 000 scans, 28×28, one byte a pixel, white on black.
          Read from ``mnist.npz`` (Keras' layout) or from the four idx files, gzipped or not.
stand-in  "Optical recognition of handwritten digits" (E. Alpaydin, C. Kaynak 1998; CC BY 4.0), 1 797 real scans
          of 8×8 with 17 grey levels, bundled with scikit-learn: no network. Resized to 20×20 and set into the
          middle of 28×28, which is how MNIST was laid out too; 797 train, 1 000 test, classes balanced.
differs   The stand-in has 75 times fewer training images, soft strokes and no thin lines; a mean grey level of
          about 40 where MNIST has 33. Absolute accuracies do not carry over from one to the other.

Lesson 10_digits_convnet.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np

from course_utils.datasets.common import Dataset, Split, Status
from course_utils.runtime import DataError, Size, atomically, data_root
from course_utils.runtime import size as current_size

TITLE = "MNIST handwritten digits"
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
#: SHA-256 over the bytes of the four arrays (uint8, in the order of ARRAYS) of the published set.
PUBLISHED_SHA256 = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
#: Keras' own copy of the set, with the file hash that Keras checks.
DOWNLOAD = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
DOWNLOAD_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
STAND_IN_TEST = 1000
HOW_TO_GET = "run 'course data fetch digits' (11 MB, through Keras), or put mnist.npz or the four idx files in {folder}"


def load(size: Size | None = None) -> Dataset:
    """Digits as uint8 images ``(N, 28, 28, 1)`` in 0–255 and int32 labels ``(N,)`` in 0–9.

    size: which data to read (default: the run's); ``real`` never falls back to the stand-in.
    Raises DataError when real data are asked for and missing or damaged.
    """
    size = size or current_size()
    return _load_stand_in() if size.data == "stand-in" else load_real()


def _load_stand_in() -> Dataset:
    from PIL import Image
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    scans, labels = load_digits(return_X_y=True)
    scans = (scans.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    images = np.zeros((len(scans), 28, 28, 1), np.uint8)
    for image, scan in zip(images, scans, strict=True):
        image[4:24, 4:24, 0] = np.asarray(Image.fromarray(scan).resize((20, 20), Image.Resampling.BICUBIC))
    labels = labels.astype(np.int32)
    # The split is part of the data set, not of a run: its seed is fixed.
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=STAND_IN_TEST, stratify=labels, random_state=0
    )
    return Dataset(
        "digits",
        "stand-in: scikit-learn's bundled 8×8 scans, resized to 28×28",
        True,
        Split(x_train, y_train),
        Split(x_test, y_test),
    )


# ------------------------------------------------------------------------------------------------ real files


def candidates(root: Path | None = None) -> list[Path]:
    """Where real digits are looked for, in this order; a folder stands for the four idx files in it."""
    root = root or data_root()
    return [
        root / "mnist" / "mnist.npz",
        root / "mnist.npz",
        root / "mnist",
        root,
        Path(os.path.expanduser("~/.keras/datasets/mnist.npz")),  # noqa: PTH111 – unlike Path's, it bears a user without a home
    ]


def find(root: Path | None = None) -> Path | None:
    """The first candidate that exists, or None. A folder counts when it holds at least one of the idx files."""
    for place in candidates(root):
        try:
            if place.is_file() or (place.is_dir() and any(_idx_path(place, name).exists() for name in ARRAYS)):
                return place
        except OSError:  # a home folder that cannot be read is not an error of the data
            continue
    return None


def load_real(path: Path | None = None) -> Dataset:
    """MNIST from ``path`` (an ``.npz`` or a folder of idx files), or from the first place it is found in.

    Raises DataError, naming the file, what was found and what was expected.
    """
    path = path or find()
    if path is None:
        folder = data_root() / "mnist"
        raise DataError(f"MNIST not found in {folder}; " + HOW_TO_GET.format(folder=folder))
    arrays = read_npz(path) if path.is_file() or path.suffix == ".npz" else read_idx_folder(path)
    verified = _sha256(arrays) == PUBLISHED_SHA256
    x_train, y_train, x_test, y_test = (arrays[name] for name in ARRAYS)
    origin = f"real: MNIST from {path.name}" + ("" if verified else " (not the published set: another content hash)")
    return Dataset(
        "digits",
        origin,
        verified,
        Split(x_train[..., None], y_train.astype(np.int32)),
        Split(x_test[..., None], y_test.astype(np.int32)),
    )


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The four arrays of ``mnist.npz``, checked: uint8, images ``(N, 28, 28)``, labels ``(N,)`` in 0–9.

    Raises DataError for a missing, truncated or otherwise wrong file.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; " + HOW_TO_GET.format(folder=path.parent))
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in ARRAYS if name not in archive.files]
            if missing:
                raise DataError(f"{path}: found arrays {sorted(archive.files)}, expected {list(ARRAYS)}")
            arrays = {name: np.asarray(archive[name]) for name in ARRAYS}  # what is no array comes as bytes
    except DataError:
        raise
    except Exception as error:  # NumPy and zipfile raise a dozen kinds for a damaged file
        raise DataError(
            f"{path}: damaged or not an .npz archive ({error}); expected the four arrays of MNIST"
        ) from error
    return _checked(arrays, {name: f"{path}: {name}" for name in ARRAYS})


def read_idx_folder(folder: Path) -> dict[str, np.ndarray]:
    """The four arrays from the original idx files in ``folder``, gzipped or not, checked as in :func:`read_npz`."""
    paths = {name: _idx_path(folder, name) for name in ARRAYS}
    return _checked({name: read_idx(path) for name, path in paths.items()}, {n: str(p) for n, p in paths.items()})


def _idx_path(folder: Path, name: str) -> Path:
    plain = folder / IDX_FILES[name]
    return plain if plain.exists() else plain.with_name(plain.name + ".gz")


def read_idx(path: Path) -> np.ndarray:
    """One idx file (LeCun's format: two zero bytes, type, number of axes, sizes as big-endian int32, then bytes).

    Returns a uint8 array. Raises DataError when the header is wrong or the body is too short or too long.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; " + HOW_TO_GET.format(folder=path.parent))
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: truncated or damaged gzip ({error}); expected a whole idx file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if len(raw) < 4 or raw[:2] != b"\0\0":
        raise DataError(
            f"{path}: header starts with {raw[:4].hex() or 'nothing'}, expected 0000 08 and the number of axes"
        )
    if raw[2] != 0x08:
        raise DataError(f"{path}: value type 0x{raw[2]:02x}, expected 0x08 (unsigned byte)")
    axes = raw[3]
    if axes > 3:
        raise DataError(f"{path}: found {axes} axes, expected 1 (labels) or 3 (images)")
    start = 4 + 4 * axes
    if len(raw) < start:
        raise DataError(f"{path}: {len(raw)} bytes, too short for a header of {axes} axes")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    expected = int(np.prod(shape, dtype=np.int64))
    if len(raw) - start != expected:
        raise DataError(
            f"{path}: found {len(raw) - start} bytes after the header, expected {expected} for shape {shape}"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _checked(arrays: dict[str, np.ndarray], where: dict[str, str]) -> dict[str, np.ndarray]:
    for name, array in arrays.items():
        images = name.startswith("x")
        if array.dtype != np.uint8:
            raise DataError(f"{where[name]}: found dtype {array.dtype}, expected uint8")
        if images and (array.ndim != 3 or array.shape[1:] != (28, 28)):
            raise DataError(f"{where[name]}: found shape {array.shape}, expected (N, 28, 28)")
        if not images and array.ndim != 1:
            raise DataError(f"{where[name]}: found shape {array.shape}, expected (N,)")
        if not len(array):
            raise DataError(f"{where[name]}: found no rows, expected at least one")
        if images and array.max() <= 1:
            raise DataError(f"{where[name]}: largest pixel is {array.max()}, expected grey levels from 0 to 255")
        if not images and array.max() > 9:
            row = int(np.argmax(array > 9))
            raise DataError(f"{where[name]}: row {row} has label {array[row]}, expected 0 to 9")
    for split in ("train", "test"):
        x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if len(x) != len(y):
            raise DataError(f"{where[f'y_{split}']}: {len(y)} labels for {len(x)} images, expected as many of each")
    return arrays


def _sha256(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in ARRAYS:
        digest.update(np.ascontiguousarray(arrays[name]))
    return digest.hexdigest()


# ------------------------------------------------------------------------------------- writers, fetch, status


def write_npz(path: Path, data: Dataset) -> None:
    """Write ``data`` in the layout of Keras' ``mnist.npz``; whole or not at all."""
    with atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **_plain_arrays(data))


def write_idx_folder(folder: Path, data: Dataset) -> None:
    """Write ``data`` as the four gzipped idx files, each whole or not at all."""
    for name, array in _plain_arrays(data).items():
        header = struct.pack(f">2xBB{array.ndim}I", 0x08, array.ndim, *array.shape)
        with atomically(folder / f"{IDX_FILES[name]}.gz") as temporary:
            temporary.write_bytes(gzip.compress(header + array.tobytes()))


def _plain_arrays(data: Dataset) -> dict[str, np.ndarray]:
    return {
        "x_train": data.train.x[..., 0],
        "y_train": data.train.y.astype(np.uint8),
        "x_test": data.test.x[..., 0],
        "y_test": data.test.y.astype(np.uint8),
    }


def fetch() -> Path:
    """Download MNIST through Keras into ``<data root>/mnist/mnist.npz``; a cut-off download leaves nothing there.

    Returns the path. Raises DataError when the download fails, is damaged, or the folder cannot be written.
    """
    target = data_root() / "mnist" / "mnist.npz"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            partial = _download(Path(folder), target)
            partial.replace(target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error})") from error
    return target


def _download(folder: Path, target: Path) -> Path:
    try:
        import keras

        partial = Path(
            keras.utils.get_file("mnist.npz", DOWNLOAD, cache_dir=folder, cache_subdir="", file_hash=DOWNLOAD_SHA256)
        )
        read_npz(partial)
    except Exception as error:  # Keras raises a bare Exception, a cut line an OSError, a damaged file a DataError
        reason = str(error).replace(str(folder), str(target.parent))
        raise DataError(
            f"MNIST could not be downloaded ({reason}); " + HOW_TO_GET.format(folder=target.parent)
        ) from error
    return partial


def status() -> Status:
    """Where digits are looked for and what was found there, read and verified."""
    folder = data_root() / "mnist"
    looked_in = tuple(str(place) for place in candidates())
    path, verified = find(), False
    if path is None:
        detail = "not found; the reduced size does not need it"
    else:
        try:
            data = load_real(path)
        except DataError as error:
            detail = f"damaged: {error}"
        else:
            verified = data.verified
            detail = f"{len(data.train)} + {len(data.test)} images, " + (
                "equal to the published set" if verified else "not the published set (another content hash)"
            )
    return Status("digits", TITLE, path, verified, detail, looked_in, HOW_TO_GET.format(folder=folder))
