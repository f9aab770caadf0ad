"""Digits: what the stand-in promises, that files come back as they were written, and that damaged ones are named."""

import gzip
import http.client
import io
import os
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_checks import assert_same, the_line

from course_utils import datasets
from course_utils.datasets import digits
from course_utils.runtime import FULL, REDUCED, DataError, SettingsError, Size

ASKED_FOR = os.environ.get("COURSE_DATA")  # before the tests below point it elsewhere

pytestmark = pytest.mark.usefixtures("no_real_data")


@pytest.fixture(scope="module")
def stand_in():
    return digits.load(REDUCED)


@pytest.fixture
def arrays():
    """Ten images and five, small enough to write often; every label from 0 to 9 is there."""
    rng = np.random.default_rng(1)
    return {
        "x_train": rng.integers(0, 256, (10, 28, 28), np.uint8),
        "y_train": np.arange(10, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (5, 28, 28), np.uint8),
        "y_test": np.arange(5, dtype=np.uint8),
    }


def save_npz(path, arrays, **changed):
    """Write an archive with some arrays changed; None leaves one out."""
    kept = {name: array for name, array in (arrays | changed).items() if array is not None}
    np.savez_compressed(path, **kept)
    return path


def idx_bytes(array, *, magic=b"\0\0", kind=0x08, axes=None):
    shape = array.shape if axes is None else axes
    return magic + bytes([kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()


def save_idx(folder, arrays):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        (folder / f"{digits.IDX_FILES[name]}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return folder


# -------------------------------------------------------------------------------------------------- stand-in


def test_the_stand_in_has_the_shapes_and_types_of_the_real_set(stand_in):
    assert stand_in.train.x.shape == (797, 28, 28, 1)
    assert stand_in.test.x.shape == (1000, 28, 28, 1)
    for split in (stand_in.train, stand_in.test):
        assert split.x.dtype == np.uint8
        assert split.y.dtype == np.int32
        assert split.y.shape == (len(split),)


def test_the_stand_in_uses_the_whole_range_of_grey_levels_on_a_black_border(stand_in):
    images = np.concatenate([stand_in.train.x, stand_in.test.x])
    assert images.min() == 0
    assert images.max() == 255
    assert images[:, 4:24, 4:24].any(axis=(1, 2, 3)).all(), "an image without a stroke"
    images[:, 4:24, 4:24] = 0
    assert not images.any()


def test_the_mean_grey_level_is_the_one_the_data_card_names(stand_in):
    assert stand_in.train.x.mean() == pytest.approx(40, abs=1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_classes_of_the_stand_in_are_balanced(stand_in, split):
    counts = np.bincount(getattr(stand_in, split).y, minlength=10)
    assert len(counts) == 10
    assert counts.max() / counts.min() < 1.1


def test_the_stand_in_is_the_same_each_time_whatever_the_seed(stand_in):
    np.random.seed(123)  # noqa: NPY002 – the state that a library may draw from
    assert_same(digits.load(REDUCED), stand_in)


def test_no_image_of_the_stand_in_is_in_both_train_and_test(stand_in):
    train, test = ({image.tobytes() for image in split.x} for split in (stand_in.train, stand_in.test))
    assert len(train) == 797
    assert not train & test


def test_a_loaded_stand_in_may_be_changed_without_changing_the_next_one():
    digits.load(REDUCED).train.x[:] = 7
    assert digits.load(REDUCED).train.x.min() == 0


def test_the_stand_in_says_that_it_is_one(stand_in):
    assert stand_in.origin.startswith("stand-in")
    assert stand_in.name == "digits"


def test_an_unknown_data_set_suggests_the_nearest():
    with pytest.raises(SettingsError, match="unknown data set 'digit'; did you mean 'digits'"):
        datasets.get("digit")


# ------------------------------------------------------------------------------------ no silent fallback


@pytest.mark.parametrize("size", [FULL, Size(data="real", budget="smoke")])
def test_real_data_asked_for_and_missing_says_how_to_get_them(size, no_real_data):
    text = the_line(digits.load, size)
    assert "course data fetch digits" in text
    assert str(no_real_data) in text


def test_the_size_of_the_run_decides_when_none_is_given(monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", "full")
    assert "not found" in the_line(digits.load)


# ----------------------------------------------------------------------------------------------- round trips


def test_an_npz_comes_back_exactly_as_written(tmp_path, stand_in):
    path = tmp_path / "new folder" / "mnist.npz"
    digits.write_npz(path, stand_in)
    found = digits.load_real(path)
    assert_same(found, stand_in)
    assert "mnist.npz" in found.origin
    assert [p.name for p in path.parent.glob("*")] == ["mnist.npz"]


def test_idx_files_come_back_exactly_as_written(tmp_path, stand_in):
    digits.write_idx_folder(tmp_path / "idx", stand_in)
    found = digits.load_real(tmp_path / "idx")
    assert_same(found, stand_in)
    assert len(list((tmp_path / "idx").glob("*"))) == 4


def test_idx_files_may_lie_there_unzipped(tmp_path, arrays):
    folder = save_idx(tmp_path / "idx", arrays)
    for packed in list(folder.glob("*.gz")):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    found = digits.read_idx_folder(folder)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_set_that_is_not_the_published_one_is_loaded_but_not_called_verified(tmp_path, arrays):
    found = digits.load_real(save_npz(tmp_path / "mnist.npz", arrays))
    assert not found.verified
    assert "not the published set" in found.origin


def test_a_write_that_fails_leaves_nothing(tmp_path, stand_in, monkeypatch):
    def full_disk(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="No space"):
        digits.write_npz(tmp_path / "out" / "mnist.npz", stand_in)
    assert list((tmp_path / "out").glob("*")) == []


@pytest.mark.parametrize("place", ["mnist/mnist.npz", "mnist.npz"])
def test_an_npz_is_found_in_both_documented_places(no_real_data, arrays, place):
    path = no_real_data / place
    path.parent.mkdir(exist_ok=True)
    save_npz(path, arrays)
    assert digits.find() == path
    assert len(digits.load(FULL).train) == 10


@pytest.mark.parametrize("place", ["mnist", "."])
def test_idx_files_are_found_in_both_documented_places(no_real_data, arrays, place):
    folder = save_idx(no_real_data / place, arrays)
    assert digits.find() == folder
    assert len(digits.load(FULL).test) == 5


def test_what_keras_has_downloaded_before_is_found(tmp_path, arrays):
    path = tmp_path / "home" / ".keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    shutil.copy(save_npz(path, arrays), tmp_path / "userprofile")
    assert digits.find() == path


def test_a_home_that_is_a_file_is_not_an_error_of_the_data(tmp_path, monkeypatch):
    (tmp_path / "home file").write_text("not a folder", encoding="utf-8")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home file"))
    assert digits.find() is None


def test_a_user_without_a_home_is_not_an_error_of_the_data(monkeypatch):
    def no_home(path):
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert digits.status().found is None


# ------------------------------------------------------------------------------------------------ damaged npz


@pytest.mark.parametrize("read", [digits.read_npz, digits.load_real])
def test_a_missing_npz_is_named_with_how_to_get_it(tmp_path, read):
    text = the_line(read, tmp_path / "mnist.npz")
    assert text.startswith(f"{tmp_path / 'mnist.npz'}: no such file")
    assert "course data fetch digits" in text


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_npz_is_named(tmp_path, stand_in, share):
    path = tmp_path / "mnist.npz"
    digits.write_npz(path, stand_in)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    text = the_line(digits.load_real, path)
    assert text.startswith(f"{path}: damaged")
    assert "expected" in text


def npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def zip_of(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in digits.ARRAYS:
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


NOT_AN_NPZ = {
    "a web page": b"<!DOCTYPE html>\n<html>sign in first</html>\n",
    "a single array": npy_bytes(np.zeros((3, 28, 28), np.uint8)),
    "a zip of texts": zip_of("not an array"),
    "a zip of empty files": zip_of(""),
    "a zip of cut arrays": zip_of(npy_bytes(np.zeros((3, 28, 28), np.uint8))[:200]),
    "gzip": gzip.compress(b"something else"),
}


@pytest.mark.parametrize("what", NOT_AN_NPZ)
def test_what_is_not_an_npz_is_named(tmp_path, what):
    path = tmp_path / "mnist.npz"
    path.write_bytes(NOT_AN_NPZ[what])
    text = the_line(digits.load_real, path)
    assert str(path) in text
    assert "expected" in text


def test_a_folder_in_the_place_of_an_npz_is_named(tmp_path):
    (tmp_path / "mnist.npz").mkdir()
    assert "mnist.npz" in the_line(digits.read_npz, tmp_path / "mnist.npz")


def test_no_single_damaged_byte_shows_as_another_error(tmp_path, arrays):
    path = tmp_path / "mnist.npz"
    save_npz(path, {name: np.full_like(array[:1], 7) for name, array in arrays.items()})
    whole = path.read_bytes()
    escaped, noticed = {}, 0
    for at in range(len(whole)):
        for flip in (0x01, 0xFF):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            try:
                digits.read_npz(path)
            except DataError:
                noticed += 1
            except Exception as error:
                escaped[type(error).__name__] = f"byte {at} of {len(whole)}: {error}"
    assert not escaped
    assert noticed > len(whole), "most damage has to be noticed"


@pytest.mark.parametrize("name", digits.ARRAYS)
def test_a_missing_array_is_said_with_what_was_found(tmp_path, arrays, name):
    path = save_npz(tmp_path / "mnist.npz", arrays, **{name: None})
    text = the_line(digits.load_real, path)
    found, expected = text.removeprefix(f"{path}: found arrays ").split(", expected ")
    assert name not in found
    assert name in expected


WRONG = {
    "flat images": ("x_train", lambda a: a.reshape(10, 784), ["(10, 784)", "expected (N, 28, 28)"]),
    "images with a channel": ("x_test", lambda a: a[..., None], ["(5, 28, 28, 1)", "expected (N, 28, 28)"]),
    "images of another size": ("x_train", lambda a: a[:, :27], ["(10, 27, 28)", "expected (N, 28, 28)"]),
    "one-hot labels": ("y_train", lambda a: np.eye(10, dtype=np.uint8)[a], ["(10, 10)", "expected (N,)"]),
    "a single label": ("y_test", lambda a: a[0], ["()", "expected (N,)"]),
    "images as floats": ("x_train", lambda a: a.astype(np.float64), ["float64", "expected uint8"]),
    "scaled images": ("x_train", lambda a: (a / 255).astype(np.float32), ["float32", "expected uint8"]),
    "images of 0 and 1": ("x_test", lambda a: (a > 127).astype(np.uint8), ["is 1", "expected", "0 to 255"]),
    "black images": ("x_train", np.zeros_like, ["is 0", "expected", "0 to 255"]),
    "wide labels": ("y_train", lambda a: a.astype(np.int64), ["int64", "expected uint8"]),
    "labels as text": ("y_test", lambda a: a.astype(str), ["expected uint8"]),
    "labels as objects": ("y_test", lambda a: a.astype(object), ["expected"]),
    "no images": ("x_test", lambda a: a[:0], ["no rows", "expected at least one"]),
    "no labels": ("y_train", lambda a: a[:0], ["no rows", "expected at least one"]),
    "more labels": ("y_train", lambda a: np.append(a, a), ["20 labels", "10 images", "expected"]),
    "fewer labels": ("y_test", lambda a: a[:4], ["4 labels", "5 images", "expected"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arrays_are_said_as_found_and_expected(tmp_path, arrays, what):
    name, change, said = WRONG[what]
    path = save_npz(tmp_path / "mnist.npz", arrays, **{name: change(arrays[name])})
    text = the_line(digits.load_real, path)
    assert str(path) in text
    for words in said:
        assert words in text


@pytest.mark.parametrize(("row", "label"), [(0, 10), (7, 255)])
def test_a_label_above_nine_is_named_with_its_row(tmp_path, arrays, row, label):
    arrays["y_train"][row] = label
    text = the_line(digits.load_real, save_npz(tmp_path / "mnist.npz", arrays))
    assert f"y_train: row {row} has label {label}, expected 0 to 9" in text


def test_of_several_labels_above_nine_the_first_is_named(tmp_path, arrays):
    arrays["y_test"][3:] = [11, 200]
    assert "row 3 has label 11" in the_line(digits.load_real, save_npz(tmp_path / "mnist.npz", arrays))


# ------------------------------------------------------------------------------------------------ damaged idx


@pytest.mark.parametrize("name", digits.ARRAYS)
def test_a_missing_idx_file_is_named(tmp_path, arrays, name):
    folder = save_idx(tmp_path / "idx", arrays)
    path = folder / f"{digits.IDX_FILES[name]}.gz"
    path.unlink()
    text = the_line(digits.load_real, folder)
    assert text.startswith(f"{path}: no such file")
    assert "course data fetch digits" in text


def images(array=None, **header):
    return idx_bytes(np.full((10, 28, 28), 9, np.uint8) if array is None else array, **header)


WRONG_IDX = {
    "cut gzip": (gzip.compress(images())[:-12], ["truncated or damaged gzip", "expected"]),
    "not gzip": (images(), ["damaged gzip", "expected"]),
    "nothing": (b"", ["nothing", "expected"]),
    "cut body": (gzip.compress(images()[:-1]), ["found 7839 bytes", "expected 7840", "(10, 28, 28)"]),
    "long body": (gzip.compress(images() + b"\0"), ["found 7841 bytes", "expected 7840"]),
    "wrong magic": (gzip.compress(images(magic=b"PK")), ["504b0803", "expected 0000"]),
    "a picture": (gzip.compress(b"\x89PNG\r\n\x1a\n"), ["89504e47", "expected 0000"]),
    "only two bytes": (gzip.compress(b"\0\0"), ["0000", "expected"]),
    "floats": (gzip.compress(images(kind=0x0D)), ["0x0d", "expected 0x08"]),
    "cut header": (gzip.compress(images()[:9]), ["9 bytes", "too short", "3 axes"]),
    "flat images": (gzip.compress(images(axes=(10, 784))), ["(10, 784)", "expected (N, 28, 28)"]),
    "labels in its place": (gzip.compress(images(np.arange(10, dtype=np.uint8))), ["(10,)", "expected (N, 28, 28)"]),
    "no axes": (gzip.compress(b"\0\0\x08\0\x05"), ["()", "expected (N, 28, 28)"]),
    "seventy axes": (gzip.compress(b"\0\0\x08\x46" + b"\0\0\0\x01" * 70 + b"\x05"), ["expected"]),
    "fewer images": (gzip.compress(images(np.full((9, 28, 28), 9, np.uint8))), ["10 labels", "9 images", "expected"]),
}


@pytest.mark.parametrize("what", WRONG_IDX)
def test_a_wrong_idx_file_is_said_as_found_and_expected(tmp_path, arrays, what):
    content, said = WRONG_IDX[what]
    folder = save_idx(tmp_path / "idx", arrays)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)
    text = the_line(digits.load_real, folder)
    assert str(folder) in text and "train-" in text
    for words in said:
        assert words in text


def test_labels_with_two_axes_are_said_as_found_and_expected(tmp_path, arrays):
    folder = save_idx(tmp_path / "idx", arrays | {"y_test": arrays["y_test"][:, None]})
    text = the_line(digits.load_real, folder)
    assert "t10k-labels-idx1-ubyte" in text
    assert "found shape (5, 1), expected (N,)" in text


def test_a_label_above_nine_in_an_idx_file_is_named_with_its_row(tmp_path, arrays):
    arrays["y_test"][2] = 77
    text = the_line(digits.load_real, save_idx(tmp_path / "idx", arrays))
    assert "t10k-labels-idx1-ubyte.gz: row 2 has label 77, expected 0 to 9" in text


def test_an_unreadable_idx_file_is_named(tmp_path, arrays):
    folder = save_idx(tmp_path / "idx", arrays)
    (folder / "train-images-idx3-ubyte.gz").unlink()
    (folder / "train-images-idx3-ubyte").mkdir()
    assert "train-images-idx3-ubyte: cannot be read" in the_line(digits.load_real, folder)


# ----------------------------------------------------------------------------------------------------- status


def test_status_of_missing_data_says_where_it_looked_and_how_to_get_them(no_real_data):
    status = digits.status()
    assert status.found is None
    assert not status.verified
    assert "not found" in status.detail
    assert str(no_real_data / "mnist" / "mnist.npz") in status.looked_in
    assert "course data fetch digits" in status.how_to_get


def test_status_of_damaged_data_says_what_is_wrong(no_real_data):
    path = no_real_data / "mnist.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    status = digits.status()
    assert status.found == path
    assert not status.verified
    assert status.detail.startswith(f"damaged: {path}")


def test_status_of_another_set_counts_it_and_does_not_call_it_verified(no_real_data, arrays):
    save_npz(no_real_data / "mnist.npz", arrays)
    status = digits.status()
    assert not status.verified
    assert status.detail.startswith("10 + 5 images")
    assert "not the published set" in status.detail


def test_status_of_the_published_set_is_verified(no_real_data, arrays, monkeypatch):
    save_npz(no_real_data / "mnist.npz", arrays)
    monkeypatch.setattr(digits, "PUBLISHED_SHA256", digits._sha256(arrays))
    assert digits.status().verified
    assert digits.load(FULL).verified
    arrays["x_train"][3, 4, 5] ^= 1
    save_npz(no_real_data / "mnist.npz", arrays)
    assert not digits.status().verified, "one bit in one pixel has to show"


# ------------------------------------------------------------------------------------------------------ fetch


@pytest.fixture
def download(monkeypatch):
    """Replace Keras' downloader by a function that is given the path the file would get."""
    import keras

    def use(deliver):
        def get_file(fname, origin, *, cache_dir, cache_subdir="datasets", file_hash=None, **_):
            assert origin.startswith("https://")
            assert file_hash == digits.DOWNLOAD_SHA256
            path = Path(cache_dir) / cache_subdir / fname
            path.parent.mkdir(parents=True, exist_ok=True)
            deliver(path)
            return str(path)

        monkeypatch.setattr(keras.utils, "get_file", get_file)

    return use


def cut_off(error):
    def deliver(path):
        path.write_bytes(b"PK\x03\x04 and then the line went dead")
        raise error

    return deliver


CUT_OFF = {
    "keras' own error": Exception("URL fetch failure on https://…: None -- timed out"),
    "wrong hash": ValueError("Incomplete or corrupted file detected. The sha256 file hash does not match"),
    "reset": ConnectionResetError(104, "Connection reset by peer"),
    "time-out": TimeoutError("The read operation timed out"),
    "short": http.client.IncompleteRead(b"PK", 100),
}


def left_in(folder):
    return [path.name for path in folder.rglob("*") if path.name != "mnist"]


@pytest.mark.parametrize("how", CUT_OFF)
def test_a_cut_off_download_leaves_nothing_and_says_so(no_real_data, download, how):
    download(cut_off(CUT_OFF[how]))
    text = the_line(digits.fetch)
    assert left_in(no_real_data) == []
    assert "could not be downloaded" in text, "not the disk's fault"
    assert str(no_real_data / "mnist") in text


def test_a_download_stopped_by_hand_leaves_nothing(no_real_data, download):
    download(cut_off(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        digits.fetch()
    assert left_in(no_real_data) == []


def test_a_damaged_download_leaves_nothing(no_real_data, download):
    download(lambda path: path.write_bytes(b"<html>sign in first</html>"))
    text = the_line(digits.fetch)
    assert "mnist.npz" in text and "damaged" in text
    assert left_in(no_real_data) == []
    assert digits.find() is None


def test_a_download_with_wrong_arrays_leaves_nothing(no_real_data, download, arrays):
    download(lambda path: save_npz(path, arrays, y_train=None))
    assert "expected" in the_line(digits.fetch)
    assert left_in(no_real_data) == []


def test_a_good_download_is_there_and_loads(no_real_data, download, stand_in):
    download(lambda path: digits.write_npz(path, stand_in))
    path = digits.fetch()
    assert path == no_real_data / "mnist" / "mnist.npz"
    assert left_in(no_real_data) == ["mnist.npz"]
    assert_same(digits.load(FULL), stand_in)


def test_a_failed_download_does_not_touch_the_file_that_was_there(no_real_data, download, arrays):
    path = no_real_data / "mnist" / "mnist.npz"
    path.parent.mkdir()
    before = save_npz(path, arrays).read_bytes()
    download(cut_off(Exception("URL fetch failure")))
    the_line(digits.fetch)
    assert path.read_bytes() == before


def test_a_target_that_cannot_be_written_is_named(no_real_data, download, stand_in):
    (no_real_data / "mnist").write_text("a file where a folder has to be", encoding="utf-8")
    download(lambda path: digits.write_npz(path, stand_in))
    text = the_line(digits.fetch)
    assert str(no_real_data / "mnist") in text
    assert "cannot be written" in text


def test_a_read_only_target_is_named(no_real_data, download, stand_in):
    (no_real_data / "mnist").mkdir(mode=0o500)
    if os.access(no_real_data / "mnist", os.W_OK):
        pytest.skip("a permission does not bind this user, or this platform")
    download(lambda path: digits.write_npz(path, stand_in))
    assert "cannot be written" in the_line(digits.fetch)


# -------------------------------------------------------------------------------------------------- real files


@pytest.fixture
def real_place(monkeypatch):
    """Where the person who runs the tests keeps MNIST."""
    if not ASKED_FOR or not Path(ASKED_FOR).is_dir():
        pytest.skip("COURSE_DATA is not set to a folder with MNIST: the real files are not checked")
    return [place for place in digits.candidates(Path(ASKED_FOR)) if "~" not in str(place)]


@pytest.fixture
def real_npz(real_place):
    for place in real_place:
        if place.name == "mnist.npz" and place.is_file() and Path(ASKED_FOR) in place.parents:
            return place
    pytest.skip("COURSE_DATA holds no mnist.npz: the real file is not checked")


@pytest.fixture
def real_idx(real_place):
    for place in real_place:
        if all(digits._idx_path(place, name).exists() for name in digits.ARRAYS):
            return place
    pytest.skip("COURSE_DATA does not hold the four idx files: the real files are not checked")


def test_the_real_set_has_the_published_counts_mean_and_spread(real_npz):
    data = digits.load_real(real_npz)
    assert data.verified
    assert data.train.x.shape == (60_000, 28, 28, 1)
    assert data.test.x.shape == (10_000, 28, 28, 1)
    assert np.bincount(data.train.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.train.x.mean() == pytest.approx(33.3184, abs=1e-3)
    assert data.train.x.std() == pytest.approx(78.5675, abs=1e-3)


def test_npz_and_idx_files_hold_the_same_set(real_npz, real_idx):
    from_idx = digits.load_real(real_idx)
    assert from_idx.verified
    assert_same(from_idx, digits.load_real(real_npz))


def test_the_real_set_is_found_and_reported_as_verified(real_npz, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", ASKED_FOR)
    status = digits.status()
    assert status.verified
    assert status.detail.startswith("60000 + 10000 images")
