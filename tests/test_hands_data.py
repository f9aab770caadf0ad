"""Hands: what the stand-in promises, that both releases are read, that damage is named, where a crop looks."""

import io
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from data_checks import assert_same, the_line
from PIL import Image

from course_utils import metrics
from course_utils.datasets import hands, icvl
from course_utils.datasets.common import Dataset, Split
from course_utils.rendering import hand
from course_utils.rendering.camera import ICVL, ICVL_EVALUATOR
from course_utils.runtime import FULL, REDUCED, DataError, Size

ASKED_FOR = os.environ.get("COURSE_DATA")  # before the tests below point it elsewhere
SMOKE = Size(budget="smoke")

pytestmark = pytest.mark.usefixtures("no_real_data")


def joints(depth=400.0):
    """16 joints inside the image, no two numbers alike, three decimals at most."""
    u = 150 + 4.125 * np.arange(16)
    v = 60 + 7.5 * np.arange(16)
    return np.stack([u, v, depth + 0.25 * np.arange(16)], axis=-1).astype(np.float32)


def image(depth=400, *, at=(120, 160), side=30):
    """A square of one depth with its upper left corner at (v, u), in front of nothing."""
    pixels = np.full((240, 320), hand.INVALID, np.uint16)
    pixels[at[0] : at[0] + side, at[1] : at[1] + side] = depth
    return pixels


def made(train, test):
    """A set whose frame i has depth 400 + i: told apart by image and by label."""
    splits = []
    for start, count in ((400, train), (600, test)):
        depths = range(start, start + count)
        splits.append(Split(np.stack([image(d) for d in depths])[..., None], np.stack([joints(d) for d in depths])))
    return Dataset("hands", "made by hand", True, *splits)


@pytest.fixture(scope="module")
def ready_made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made") / "icvl"
    hands.write_icvl(root, made(10, 7))
    return root


@pytest.fixture
def tree(tmp_path, ready_made):
    """A folder in the layout of 2016 with 10 training and 3 + 4 test frames, to be spoiled."""
    return shutil.copytree(ready_made, tmp_path / "tree")


def depths_of(split):
    """By which frames a split was filled, read from the images and checked against the labels."""
    found = [int(pixels[pixels != hand.INVALID][0]) for pixels in split.x]
    assert found == split.y[:, 0, 2].tolist()
    return found


def save_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


def label_line(name, points):
    return " ".join([name, *(f"{number:.3f}" for number in np.ravel(points))]) + "\n"


def change_line(path, number, change):
    """Replace line ``number``, counted from 1, by what ``change`` makes of it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1])
    path.write_text("".join(lines), encoding="utf-8")


# -------------------------------------------------------------------------------------------------- stand-in


@pytest.fixture(scope="module")
def stand_in():
    return hands.load(REDUCED)


def test_the_stand_in_has_the_shapes_and_types_of_the_real_set(stand_in):
    assert stand_in.train.x.shape == (1200, 60, 80, 1)
    assert stand_in.test.x.shape == (400, 60, 80, 1)
    for split in (stand_in.train, stand_in.test):
        assert split.x.dtype == np.uint16
        assert split.y.dtype == np.float32
        assert split.y.shape == (len(split), 16, 3)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        (Size(network="documented", budget="smoke"), (240, 320)),
        (Size(network="small", budget="smoke"), (60, 80)),
    ],
)
def test_network_and_budget_set_resolution_and_count(size, shape):
    data = hands.load(size)
    assert data.train.x.shape == (48, *shape, 1)
    assert data.test.x.shape == (16, *shape, 1)


def test_the_full_budget_has_as_many_test_frames_as_the_published_set():
    assert hands.FRAMES["full"] == (6000, 702 + 894)


def test_arguments_go_before_the_size():
    data = hands.load(SMOKE, every=8, train=3, test=2)
    assert data.train.x.shape == (3, 30, 40, 1)
    assert data.test.x.shape == (2, 30, 40, 1)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"train": 0}, {"test": -1}])
@pytest.mark.parametrize("data", ["stand-in", "real"])
def test_a_number_below_one_is_an_error(wrong, data):
    with pytest.raises(ValueError, match="expected 1 or more"):
        hands.load(Size(data=data, budget="smoke"), **wrong)


def test_pixels_of_labels_are_those_of_the_full_frame_whatever_the_resolution():
    fine, coarse = (hands.load(SMOKE, every=every, train=4, test=2) for every in (1, 4))
    np.testing.assert_array_equal(fine.train.y, coarse.train.y)
    # the middle of what is seen lies where the labels say, in pixels of the full frame
    for data, every in ((fine, 1), (coarse, 4)):
        _, v, u, _ = np.nonzero(hands.valid(data.train.x))
        assert abs(u.mean() * every - data.train.y[..., 0].mean()) < 10
        assert abs(v.mean() * every - data.train.y[..., 1].mean()) < 25  # the wrist is seen and has no joint


def test_fewer_frames_are_the_first_of_more(stand_in):
    few = hands.load(REDUCED, train=70, test=5)
    for some, all_ in ((few.train, stand_in.train), (few.test, stand_in.test)):
        np.testing.assert_array_equal(some.x, all_.x[: len(some)])
        np.testing.assert_array_equal(some.y, all_.y[: len(some)])


def test_the_stand_in_is_the_same_each_time_whatever_the_seed(monkeypatch):
    first = hands.load(SMOKE, train=4, test=2)
    np.random.seed(123)  # noqa: NPY002 – the state that a library may draw from
    monkeypatch.setenv("COURSE_SEED", "7")
    assert_same(hands.load(SMOKE, train=4, test=2), first)


def test_no_pose_of_the_stand_in_is_in_both_train_and_test(stand_in):
    train, test = ({pose.tobytes() for pose in split.y} for split in (stand_in.train, stand_in.test))
    assert len(train) == 1200
    assert len(test) == 400
    assert not train & test


def test_every_frame_shows_a_hand_in_millimetres_before_nothing(stand_in):
    for split in (stand_in.train, stand_in.test):
        seen = hands.valid(split.x)
        assert seen.any(axis=(1, 2, 3)).all()
        assert (split.x[~seen] == 32001).all()
        assert split.x[seen].min() > 100
        assert split.x[seen].max() < 700


def test_the_stand_in_has_noise_and_holes():
    data = hands.load(SMOKE, train=8, test=2)
    clean, _ = hand.render(8, seed=hands.TRAIN_SEED, every=4)
    both = hands.valid(clean) & hands.valid(data.train.x[..., 0])
    assert (data.train.x[..., 0][both] - clean[both].astype(float)).std() == pytest.approx(hands.NOISE, rel=0.1)
    assert 1 - both.sum() / hands.valid(clean).sum() == pytest.approx(hands.HOLES, rel=0.5)


def test_all_joints_of_the_stand_in_lie_in_the_image(stand_in):
    for split in (stand_in.train, stand_in.test):
        u, v, d = np.moveaxis(split.y, -1, 0)
        assert u.min() >= 0 and u.max() < 320
        assert v.min() >= 0 and v.max() < 240
        assert d.min() > 100


def test_mean_and_spread_of_the_joints_are_those_of_the_data_card(stand_in):
    found = stand_in.test.y.reshape(-1, 3)
    np.testing.assert_allclose(found.mean(axis=0), (172, 108, 342), atol=1)
    np.testing.assert_allclose(found.std(axis=0), (35, 26, 51), atol=1)
    assert "(172, 108, 342)" in hands.__doc__ and "(35, 26, 51)" in hands.__doc__


def test_the_stand_in_says_that_it_is_one():
    data = hands.load(SMOKE, train=1, test=1)
    assert data.name == "hands"
    assert data.origin.startswith("stand-in: rendered hands")
    assert data.verified


def test_a_loaded_stand_in_may_be_changed_without_changing_the_next_one():
    data = hands.load(SMOKE, train=1, test=1)
    before = data.train.x.copy()
    data.train.x[:] = 7
    np.testing.assert_array_equal(hands.load(SMOKE, train=1, test=1).train.x, before)


# ------------------------------------------------------------------------------------ no silent fallback


@pytest.mark.parametrize("size", [FULL, Size(data="real", budget="smoke")])
def test_real_data_asked_for_and_missing_says_how_to_get_them(size, no_real_data):
    text = the_line(hands.load, size)
    assert "not found" in text
    assert "https://labicvl.github.io/hand.html" in text
    assert str(no_real_data / "icvl") in text


def test_the_size_of_the_run_decides_when_none_is_given(monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", "full")
    assert "not found" in the_line(hands.load)


def test_a_folder_with_only_the_archive_of_predictions_is_not_the_set(no_real_data):
    (no_real_data / "icvl").mkdir()
    (no_real_data / "icvl" / "icvl_groundtruth_and_predictions.tar.gz").write_bytes(b"\x1f\x8b")
    assert icvl.find() is None
    assert "not found" in the_line(hands.load, FULL)


def test_labels_without_a_depth_folder_are_not_the_set(tree, no_real_data):
    shutil.copytree(tree, no_real_data / "icvl", ignore=shutil.ignore_patterns("Depth"))
    assert icvl.find() is None


@pytest.mark.parametrize("place", ["icvl", "ICVL", "hands", "."])
def test_the_set_is_found_in_each_documented_place(tree, no_real_data, place):
    shutil.copytree(tree, no_real_data / place, dirs_exist_ok=True)
    assert icvl.find().samefile(no_real_data / place)
    data = hands.load(Size(data="real", budget="smoke"))
    assert data.train.x.shape == (10, 60, 80, 1)
    assert data.origin.startswith("real: ICVL from ")


def test_of_two_places_the_first_documented_one_counts(tree, no_real_data):
    shutil.copytree(tree, no_real_data / "hands")
    assert icvl.find() == no_real_data / "hands"
    shutil.copytree(tree, no_real_data / "icvl")
    assert icvl.find() == no_real_data / "icvl"


def test_a_data_root_given_goes_before_that_of_the_run(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "elsewhere" / "icvl")
    assert icvl.find(tmp_path / "elsewhere") == tmp_path / "elsewhere" / "icvl"
    assert icvl.candidates(tmp_path)[0] == tmp_path / "icvl"


def test_a_real_set_is_cut_to_what_the_size_asks_for(tree, no_real_data):
    shutil.copytree(tree, no_real_data / "icvl")
    data = hands.load(FULL, train=2, test=3)
    assert data.train.x.shape == (2, 240, 320, 1)
    assert data.test.x.shape == (3, 240, 320, 1)


# ----------------------------------------------------------------------------------------------- round trips


def test_a_written_set_comes_back(tree):
    found = hands.load_real(tree)
    assert_same(found, made(10, 7))
    assert not found.verified
    assert "not the published ones" in found.origin


def test_rendered_frames_come_back_with_labels_to_three_decimals(tmp_path):
    data = hands.load(Size(network="documented", budget="smoke"), train=3, test=4)
    hands.write_icvl(tmp_path / "icvl", data)
    found = hands.load_real(tmp_path / "icvl")
    for split, expected in ((found.train, data.train), (found.test, data.test)):
        np.testing.assert_array_equal(split.x, expected.x)
        np.testing.assert_allclose(split.y, expected.y, rtol=0, atol=0.0005 + 2e-5)
        printed = [float(f"{number:.3f}") for number in expected.y.ravel()]
        np.testing.assert_array_equal(split.y.ravel(), np.float32(printed))


def test_the_layout_written_is_that_of_the_release_of_2016(tree):
    files = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    assert {"Training/labels.txt", "Testing/test_seq_1.txt", "Testing/test_seq_2.txt"} <= files
    assert {f"Testing/Depth/test_seq_1/image_{i:04}.png" for i in range(3)} <= files
    assert {f"Testing/Depth/test_seq_2/image_{i:04}.png" for i in range(4)} <= files
    assert len(files) == 3 + 10 + 7
    first = (tree / "Testing" / "test_seq_2.txt").read_text(encoding="utf-8").splitlines()[0].split(" ")
    assert first[:4] == ["test_seq_2/image_0000.png", "150.000", "60.000", "603.000"]
    with Image.open(tree / "Testing" / "Depth" / first[0]) as written:
        assert written.mode.startswith("I")
        assert written.size == (320, 240)


def test_a_write_that_fails_is_not_read_as_a_set(tmp_path, monkeypatch):
    root, whole = tmp_path / "icvl", made(3, 4)
    hands.write_icvl(root, whole)  # an older set in the same place
    written, save = [], Image.Image.save

    def full_disk(self, target, **arguments):
        written.append(target)
        if len(written) == 5:
            Path(target).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(self, target, **arguments)

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        hands.write_icvl(root, whole)
    assert list(root.rglob("*.txt")) == []
    assert list(root.rglob("*.tmp")) == []
    assert "found no Training/labels.txt" in the_line(hands.load_real, root)


def changed(data, **splits):
    return Dataset(data.name, data.origin, data.verified, **{"train": data.train, "test": data.test, **splits})


NOT_WRITTEN = {
    "small frames": {"train": Split(np.full((2, 60, 80, 1), 400, np.uint16), np.ones((2, 16, 3), np.float32))},
    "no channel": {"train": Split(np.full((2, 240, 320), 400, np.uint16), np.ones((2, 16, 3), np.float32))},
    "floats": {"test": Split(np.full((2, 240, 320, 1), 400.0), np.ones((2, 16, 3), np.float32))},
    "more labels": {"test": Split(np.full((2, 240, 320, 1), 400, np.uint16), np.ones((3, 16, 3), np.float32))},
    "21 joints": {"train": Split(np.full((2, 240, 320, 1), 400, np.uint16), np.ones((2, 21, 3), np.float32))},
    "one test frame": {"test": Split(np.full((1, 240, 320, 1), 400, np.uint16), np.ones((1, 16, 3), np.float32))},
    "no training frame": {"train": Split(np.empty((0, 240, 320, 1), np.uint16), np.empty((0, 16, 3), np.float32))},
    "NaN": {"train": Split(np.full((1, 240, 320, 1), 400, np.uint16), np.full((1, 16, 3), np.nan, np.float32))},
}


@pytest.mark.parametrize("what", NOT_WRITTEN)
def test_what_the_format_cannot_hold_is_not_written(tmp_path, what):
    name = next(iter(NOT_WRITTEN[what]))
    with pytest.raises(ValueError, match=f"{name}: found"):
        hands.write_icvl(tmp_path / "icvl", changed(made(2, 2), **NOT_WRITTEN[what]))
    assert not (tmp_path / "icvl").exists()


# --------------------------------------------------------------------------------------------- both releases


def as_of_2014(tree, labels="train.txt"):
    """Training labels and images at the root, as in the first release."""
    (tree / "Training" / "labels.txt").rename(tree / labels)
    (tree / "Training" / "Depth").rename(tree / "Depth")
    (tree / "Training").rmdir()
    return tree


@pytest.mark.parametrize("labels", ["train.txt", "labels.txt"])
def test_the_release_of_2014_is_read(tree, labels):
    assert_same(hands.load_real(as_of_2014(tree, labels)), made(10, 7))


def test_the_test_sequences_may_lie_at_the_root_too(tree):
    as_of_2014(tree)
    for i in (1, 2):
        (tree / "Testing" / f"test_seq_{i}.txt").rename(tree / f"test_seq_{i}.txt")
        (tree / "Testing" / "Depth" / f"test_seq_{i}").rename(tree / "Depth" / f"test_seq_{i}")
    shutil.rmtree(tree / "Testing")
    assert_same(hands.load_real(tree), made(10, 7))


def test_the_release_of_2014_is_found(tree, no_real_data):
    shutil.copytree(as_of_2014(tree), no_real_data / "icvl")
    assert icvl.find() == no_real_data / "icvl"


@pytest.mark.parametrize("part", ["Training", "Testing"])
def test_half_a_set_is_found_and_its_missing_half_named(tree, no_real_data, part):
    shutil.copytree(tree / part, no_real_data / "icvl" / part)
    assert icvl.find() == no_real_data / "icvl"
    text = the_line(hands.load, FULL)
    missing = {"Training": "Testing/test_seq_1.txt", "Testing": "Training/labels.txt or Training/train.txt"}[part]
    assert text.startswith(f"{no_real_data / 'icvl'}: found no {missing}")
    assert "labicvl.github.io" in text


def test_a_missing_second_sequence_is_named(tree):
    (tree / "Testing" / "test_seq_2.txt").unlink()
    text = the_line(hands.load_real, tree)
    assert text.startswith(f"{tree / 'Testing' / 'test_seq_2.txt'}: no such file")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert the_line(hands.load_real, tmp_path / "nowhere").startswith(f"{tmp_path / 'nowhere'}: found no Training")


# ------------------------------------------------------------------------------------- which frames are taken


def test_test_frames_are_sequence_one_and_then_two(tree):
    assert depths_of(hands.load_real(tree).test) == [600, 601, 602, 603, 604, 605, 606]


@pytest.mark.parametrize(("most", "taken"), [(5, [0, 2, 4, 6, 8]), (3, [0, 3, 6]), (1, [0]), (10, range(10))])
def test_fewer_frames_are_taken_evenly_spaced(tree, most, taken):
    data = hands.load_real(tree, train=most, test=2)
    assert depths_of(data.train) == [400 + i for i in taken]
    assert depths_of(data.test) == [600, 603]
    assert f"training: {most} of 10 frames taken, none left out; test: 2 of 7 frames taken" in data.origin


def test_more_frames_than_there_are_gives_all(tree):
    assert len(hands.load_real(tree, train=5000, test=5000).train) == 10


def test_only_frames_that_are_taken_are_opened(tree):
    (tree / "Training" / "Depth" / "rendered" / "image_0001.png").write_bytes(b"not a picture")
    assert depths_of(hands.load_real(tree, train=5).train) == [400, 402, 404, 406, 408]
    assert "image_0001.png" in the_line(hands.load_real, tree)


@pytest.mark.parametrize(("every", "shape"), [(4, (60, 80)), (3, (80, 107)), (7, (35, 46))])
def test_each_kth_pixel_is_kept_and_labels_are_not_touched(tree, every, shape):
    full, data = hands.load_real(tree), hands.load_real(tree, every=every)
    assert data.train.x.shape == (10, *shape, 1)
    np.testing.assert_array_equal(data.train.x, full.train.x[:, ::every, ::every])
    np.testing.assert_array_equal(data.test.y, full.test.y)


def test_blank_lines_and_returns_are_passed_over(tree):
    before = hands.load_real(tree)
    for path in tree.rglob("*.txt"):
        text = path.read_text(encoding="utf-8")
        # the public label files end each line with two returns and a newline, the training file holds blank lines
        path.write_bytes(("\n  \n" + text.replace("\n", "\r\r\n") + "\t\n\n").encode())
    assert_same(hands.load_real(tree), before)


def test_a_byte_order_mark_is_passed_over(tree):
    path = tree / "Training" / "labels.txt"
    names, points = hands.read_labels(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    marked, same_points = hands.read_labels(path)
    assert marked == names
    np.testing.assert_array_equal(same_points, points)


def test_frames_without_an_image_are_left_out_and_counted(tree):
    for i in (0, 4):
        (tree / "Training" / "Depth" / "rendered" / f"image_{i:04}.png").unlink()
    (tree / "Testing" / "Depth" / "test_seq_2" / "image_0003.png").unlink()
    data = hands.load_real(tree)
    assert depths_of(data.train) == [401, 402, 403, 405, 406, 407, 408, 409]
    assert depths_of(data.test) == [600, 601, 602, 603, 604, 605]
    assert "training: 8 of 8 frames taken, 2 left out: 2 without an image;" in data.origin
    assert "test: 6 of 6 frames taken, 1 left out: 1 without an image" in data.origin


def test_an_image_name_that_no_file_can_have_counts_as_missing(tree):
    path = tree / "Training" / "labels.txt"
    with path.open("a", encoding="utf-8") as file:
        file.write(label_line("x" * 5000 + ".png", joints()))
        file.write(label_line("with\0nothing.png", joints()))
    data = hands.load_real(tree)
    assert len(data.train) == 10
    assert "2 left out: 2 without an image" in data.origin


def test_an_image_name_with_backslashes_is_understood(tree):
    path = tree / "Training" / "labels.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("/", "\\"), encoding="utf-8")
    assert len(hands.load_real(tree).train) == 10


OUTSIDE = {"u": (0, -0.001), "u, right": (0, 320.0), "v": (1, -3.0), "v, below": (1, 240.0), "d": (2, 0.0)}
INSIDE = {"u": (0, 0.0), "u, right": (0, 319.999), "v": (1, 0.0), "v, below": (1, 239.999), "d": (2, 0.001)}


@pytest.mark.parametrize("what", OUTSIDE)
def test_a_frame_with_a_joint_outside_the_image_is_left_out_and_counted(tree, what):
    axis, number = OUTSIDE[what]
    points = joints()
    points[7, axis] = number
    change_line(tree / "Training" / "labels.txt", 3, lambda line: label_line(line.split()[0], points))
    data = hands.load_real(tree)
    assert depths_of(data.train) == [400, 401, 403, 404, 405, 406, 407, 408, 409]
    assert "training: 9 of 9 frames taken, 1 left out: 1 with a joint outside the image" in data.origin


@pytest.mark.parametrize("what", INSIDE)
def test_a_joint_on_the_edge_of_the_image_is_inside(tree, what):
    axis, number = INSIDE[what]
    points = joints()
    points[7, axis] = number
    change_line(tree / "Training" / "labels.txt", 3, lambda line: label_line(line.split()[0], points))
    assert len(hands.load_real(tree).train) == 10


@pytest.mark.parametrize("nothing", [hand.INVALID, 0, 65535])
def test_an_image_of_nothing_is_left_out_and_counted(tree, nothing):
    save_png(tree / "Testing" / "Depth" / "test_seq_1" / "image_0001.png", np.full((240, 320), nothing, np.uint16))
    data = hands.load_real(tree)
    assert depths_of(data.test) == [600, 602, 603, 604, 605, 606]
    assert "test: 6 of 7 frames taken, 1 left out: 1 with nothing seen" in data.origin


def test_what_falls_between_the_kept_pixels_is_nothing_seen(tree):
    pixels = image(400, at=(121, 161), side=2)
    save_png(tree / "Training" / "Depth" / "rendered" / "image_0005.png", pixels)
    assert len(hands.load_real(tree).train) == 10
    assert len(hands.load_real(tree, every=4).train) == 9


def test_nothing_left_is_an_error_that_says_why(tree):
    folder = tree / "Training" / "Depth" / "rendered"
    for i in range(4):
        (folder / f"image_{i:04}.png").unlink()
    for i in range(4, 9):
        save_png(folder / f"image_{i:04}.png", np.full((240, 320), hand.INVALID, np.uint16))
    change_line(tree / "Training" / "labels.txt", 10, lambda line: label_line(line.split()[0], 1000 + joints()))
    text = the_line(hands.load_real, tree)
    assert text.startswith(f"{tree / 'Training' / 'labels.txt'}: no usable training frame")
    assert "10 left out: 1 with a joint outside the image, 4 without an image, 5 with nothing seen" in text
    assert "expected at least one" in text


def test_no_test_frame_left_is_an_error_too(tree):
    shutil.rmtree(tree / "Testing" / "Depth" / "test_seq_1")
    shutil.rmtree(tree / "Testing" / "Depth" / "test_seq_2")
    text = the_line(hands.load_real, tree)
    assert "test_seq_1.txt: no usable test frame, 7 left out: 7 without an image" in text


# ------------------------------------------------------------------------------------------- rotated copies

ROTATED = ["22-5", "45", "-90", "67.5", "-112-5", "180", "360", "201403121135/22-5", "-22-5/201403121135"]
UPRIGHT = [
    "201403121135",
    "test_seq_1",
    "0",
    "rendered",
    "5",
    "-5",
    "1",
    "22",
    "22-50",
    "450",
    "image-45",
    "45deg",
    "a/b",
]


def add_training_frame(tree, name, depth):
    save_png(tree / "Training" / "Depth" / name, image(depth))
    with (tree / "Training" / "labels.txt").open("a", encoding="utf-8") as file:
        file.write(label_line(name, joints(depth)))


@pytest.mark.parametrize("folder", ROTATED)
def test_a_frame_from_a_folder_named_by_an_angle_is_a_rotated_copy(tree, folder):
    add_training_frame(tree, f"{folder}/image_0000.png", 450)
    without, with_it = hands.load_real(tree), hands.load_real(tree, rotated=True)
    assert depths_of(without.train) == list(range(400, 410))
    assert "training: 10 of 10 frames taken, 1 left out: 1 rotated;" in without.origin
    assert depths_of(with_it.train) == [*range(400, 410), 450]
    assert "training: 11 of 11 frames taken, none left out" in with_it.origin


@pytest.mark.parametrize("folder", UPRIGHT)
def test_a_frame_from_another_folder_is_not(tree, folder):
    add_training_frame(tree, f"{folder}/image_9999.png", 450)
    assert depths_of(hands.load_real(tree).train) == [*range(400, 410), 450]


def test_the_name_of_the_image_itself_is_not_an_angle(tree):
    add_training_frame(tree, "rendered/45", 450)
    assert len(hands.load_real(tree).train) == 11


def test_only_rotated_copies_are_nothing_to_train_on(tree):
    path = tree / "Training" / "labels.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("rendered/", "22-5/"), encoding="utf-8")
    text = the_line(hands.load_real, tree)
    assert "no usable training frame, 10 left out: 10 rotated" in text
    (tree / "Training" / "Depth" / "rendered").rename(tree / "Training" / "Depth" / "22-5")
    assert len(hands.load_real(tree, rotated=True).train) == 10


# --------------------------------------------------------------------------------------- is it the published set


def write_published_labels(tree, counts=icvl.PUBLISHED_FRAMES, mean=icvl.PUBLISHED_MEAN):
    """Test labels in the number and with the mean of the published ones; images stay those that are there."""
    points = np.tile(np.array(mean), (16, 1))
    points[:8] += 4
    points[8:] -= 4
    for i, count in enumerate(counts, start=1):
        lines = (label_line(f"test_seq_{i}/image_{row:04}.png", points) for row in range(count))
        (tree / "Testing" / f"test_seq_{i}.txt").write_text("".join(lines), encoding="utf-8")


def test_the_published_set_is_known_by_number_and_mean_of_its_test_labels(tree):
    write_published_labels(tree)
    data = hands.load_real(tree)
    assert data.verified
    assert "agree with the published ones" in data.origin
    assert "test: 7 of 7 frames taken, 1589 left out: 1589 without an image" in data.origin


@pytest.mark.parametrize("counts", [(702, 893), (701, 895), (894, 702)])
def test_another_number_of_test_labels_is_not_the_published_set(tree, counts):
    write_published_labels(tree, counts)
    data = hands.load_real(tree)
    assert not data.verified
    assert f"found {counts[0]} + {counts[1]} with mean (158.1, 110.7, 342.0)" in data.origin
    assert "expected 702 + 894 with mean (158.1, 110.7, 342.0)" in data.origin


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(("off", "same"), [(0.04, True), (0.06, False), (-0.06, False)])
def test_another_mean_of_the_test_labels_is_not_the_published_set(tree, axis, off, same):
    mean = list(icvl.PUBLISHED_MEAN)
    mean[axis] += off
    write_published_labels(tree, mean=mean)
    assert hands.load_real(tree).verified is same


# ------------------------------------------------------------------------------------------- damaged labels

FORTY_EIGHT = " ".join(str(100 + i) for i in range(48))
WRONG_LINES = {
    "47 numbers": (f"a.png {FORTY_EIGHT.rsplit(maxsplit=1)[0]}", ["found 47 numbers", "expected", "48 numbers"]),
    "49 numbers": (f"a.png {FORTY_EIGHT} 1", ["found 49 numbers", "expected", "48 numbers"]),
    "only a name": ("a.png", ["found 0 numbers", "expected", "48 numbers"]),
    "a word": (f"a.png {FORTY_EIGHT.replace('107', 'left')}", ["found 'left'", "expected"]),
    "a decimal comma": (f"a.png {FORTY_EIGHT.replace('107', '107,5')}", ["found '107,5'", "expected"]),
    "a long word": (f"a.png {FORTY_EIGHT.replace('107', 'x' * 999)}", [f"found '{'x' * 40}'", "expected"]),
    "NaN": (f"a.png {FORTY_EIGHT.replace('107', 'nan')}", ["found nan", "expected finite numbers"]),
    "infinity": (f"a.png {FORTY_EIGHT.replace('107', '-inf')}", ["found -inf", "expected finite numbers"]),
    "too large": (f"a.png {FORTY_EIGHT.replace('107', '1e400')}", ["found inf", "expected finite numbers"]),
    "too large for float32": (f"a.png {FORTY_EIGHT.replace('107', '1e39')}", ["1e+39", "expected finite numbers"]),
}


@pytest.mark.parametrize("what", WRONG_LINES)
@pytest.mark.parametrize("read", [hands.read_labels, hands.read_predictions])
def test_a_wrong_line_is_named_with_what_was_found_and_expected(tmp_path, what, read):
    line, said = WRONG_LINES[what]
    path = tmp_path / "labels.txt"
    path.write_text(f"b.png {FORTY_EIGHT}\n\n{line}\nc.png {FORTY_EIGHT}\n", encoding="utf-8")
    text = the_line(read, path)
    assert text.startswith(f"{path}: line 3: ")
    for words in said:
        assert words in text


def test_lines_are_counted_as_an_editor_counts_them_whatever_ends_them(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(f"b.png {FORTY_EIGHT}\r\r\nc.png {FORTY_EIGHT}\r\r\nd.png 1 2 3\r\r\n".encode())
    assert the_line(hands.read_labels, path).startswith(f"{path}: line 3: found 3 numbers")


def test_a_label_without_an_image_name_is_named(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text(f"{FORTY_EIGHT}\n", encoding="utf-8")
    assert "line 1: found 47 numbers, expected an image name and 48 numbers" in the_line(hands.read_labels, path)


NO_LABELS = {
    "an empty file": (b"", ["found no lines", "expected one a frame"]),
    "blank lines": (b"\n \r\n\t\n", ["found no lines", "expected one a frame"]),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", ["not UTF-8 text", "expected lines of numbers"]),
    "UTF-16": (f"a.png {FORTY_EIGHT}\n".encode("utf-16"), ["not UTF-8 text", "expected lines of numbers"]),
    "a web page": (b"<!DOCTYPE html>\n<html>sign in first</html>\n", ["line 1", "expected", "48 numbers"]),
}


@pytest.mark.parametrize("what", NO_LABELS)
@pytest.mark.parametrize("read", [hands.read_labels, hands.read_predictions])
def test_what_is_no_label_file_is_named(tmp_path, what, read):
    content, said = NO_LABELS[what]
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    text = the_line(read, path)
    assert text.startswith(f"{path}: ")
    for words in said:
        assert words in text


@pytest.mark.parametrize("read", [hands.read_labels, hands.read_predictions])
def test_a_missing_label_file_and_a_folder_in_its_place_are_named(tmp_path, read):
    assert the_line(read, tmp_path / "labels.txt").startswith(f"{tmp_path / 'labels.txt'}: no such file")
    (tmp_path / "labels.txt").mkdir()
    assert the_line(read, tmp_path / "labels.txt").startswith(f"{tmp_path / 'labels.txt'}: cannot be read")


def test_a_wrong_line_shows_when_the_set_is_loaded(tree):
    change_line(tree / "Testing" / "test_seq_2.txt", 2, lambda line: line.replace(" ", " x", 1))
    text = the_line(hands.load_real, tree)
    assert text.startswith(f"{tree / 'Testing' / 'test_seq_2.txt'}: line 2: found 'x150.000'")


def test_labels_are_read_as_they_stand(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text(
        f"s/image_0001.png {FORTY_EIGHT}\r\r\ns/image_0007.png {' '.join(['0.125'] * 48)}", encoding="utf-8"
    )
    names, points = hands.read_labels(path)
    assert names == ["s/image_0001.png", "s/image_0007.png"]
    assert points.dtype == np.float32
    assert points.shape == (2, 16, 3)
    assert points[0, 0].tolist() == [100, 101, 102]  # u v d of the first joint, not all u first
    assert points[0, 15].tolist() == [145, 146, 147]
    assert (points[1] == 0.125).all()


@pytest.mark.parametrize("name", ["", "test_seq_1/image_0000.png ", "test_seq_1\\image_0000.png\t"])
def test_predictions_are_read_with_and_without_image_names(tmp_path, name):
    path = tmp_path / "predictions.txt"
    path.write_text(f"{name}{FORTY_EIGHT}\r\n\n{name}{FORTY_EIGHT.replace('147', '-1.5e2')}\r\n", encoding="utf-8")
    points = hands.read_predictions(path)
    assert points.dtype == np.float64
    assert points.shape == (2, 16, 3)
    assert points[0, 15].tolist() == [145, 146, 147]
    assert points[1, 15].tolist() == [145, 146, -150]


# -------------------------------------------------------------------------------------------- damaged images


def png_bytes(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def test_a_depth_image_is_read_as_it_was_written(tmp_path):
    pixels = image(437, at=(3, 5), side=4)
    pixels[0, 0], pixels[239, 319] = 0, 65535
    depth = hands.read_depth(save_png(tmp_path / "image.png", pixels))
    assert depth.dtype == np.uint16
    np.testing.assert_array_equal(depth, pixels)


WRONG_IMAGES = {
    "8 bits": (png_bytes(np.full((240, 320), 200, np.uint8)), ["mode 'L'", "expected 16-bit grey"]),
    "RGB": (png_bytes(np.full((240, 320, 3), 200, np.uint8)), ["mode 'RGB'", "expected 16-bit grey"]),
    "RGBA": (png_bytes(np.full((240, 320, 4), 200, np.uint8)), ["mode 'RGBA'", "expected 16-bit grey"]),
    "black and white": (png_bytes(np.ones((240, 320), bool)), ["mode '1'", "expected 16-bit grey"]),
    "turned": (png_bytes(image(400).T), ["240×320 pixels", "expected 320×240"]),
    "half size": (png_bytes(image(400)[::2, ::2]), ["160×120 pixels", "expected 320×240"]),
    "scaled to 0–255": (png_bytes(np.full((240, 320), 255, np.uint16)), ["depth is 255", "expected millimetres"]),
    "scaled to 0–1": (png_bytes(np.eye(240, 320).astype(np.uint16)), ["depth is 1,", "expected millimetres"]),
    "scaled before 32001": (png_bytes(image(254)), ["depth is 254", "expected millimetres"]),
    "nothing": (b"", ["damaged or not a PNG", "expected a whole 16-bit PNG"]),
    "a web page": (b"<html>sign in first</html>", ["damaged or not a PNG", "expected a whole 16-bit PNG"]),
    "only a header": (png_bytes(image(400))[:40], ["damaged or not a PNG", "expected a whole 16-bit PNG"]),
}


@pytest.mark.parametrize("what", WRONG_IMAGES)
def test_a_wrong_image_is_said_as_found_and_expected(tmp_path, what):
    content, said = WRONG_IMAGES[what]
    path = tmp_path / "image_0000.png"
    path.write_bytes(content)
    text = the_line(hands.read_depth, path)
    assert text.startswith(f"{path}: ")
    for words in said:
        assert words in text


@pytest.mark.parametrize("what", WRONG_IMAGES)
def test_a_wrong_image_shows_when_the_set_is_loaded(tree, what):
    content, said = WRONG_IMAGES[what]
    path = tree / "Testing" / "Depth" / "test_seq_1" / "image_0002.png"
    path.write_bytes(content)
    text = the_line(hands.load_real, tree, every=4)
    assert text.startswith(f"{path}: ")
    for words in said:
        assert words in text


def test_a_hand_within_255_mm_is_not_taken_for_a_scaled_image(tree):
    save_png(tree / "Training" / "Depth" / "rendered" / "image_0002.png", image(240))
    change_line(tree / "Training" / "labels.txt", 3, lambda line: label_line(line.split()[0], joints(240)))
    assert 240 in depths_of(hands.load_real(tree).train)


@pytest.mark.parametrize(("format", "dtype"), [("TIFF", np.uint16), ("BMP", np.uint8), ("JPEG", np.uint8)])
def test_another_format_under_the_name_of_a_png_is_named(tmp_path, format, dtype):
    path = tmp_path / "image.png"
    Image.fromarray(np.full((240, 320), 200, dtype)).save(path, format=format)
    assert the_line(hands.read_depth, path).startswith(f"{path}: damaged or not a PNG (cannot identify image file")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
def test_a_truncated_image_is_named(tmp_path, share):
    whole = png_bytes(np.random.default_rng(0).integers(300, 500, (240, 320)).astype(np.uint16))
    path = tmp_path / "image.png"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert the_line(hands.read_depth, path).startswith(f"{path}: damaged or not a PNG")


def test_no_single_damaged_byte_changes_a_depth_unnoticed(tmp_path):
    pixels = image(300)
    pixels[120:150, 160:190] += np.random.default_rng(0).integers(0, 200, (30, 30)).astype(np.uint16)
    path = tmp_path / "image.png"
    whole, noticed, tried = png_bytes(pixels), 0, 0
    for at in [*range(60), *range(60, len(whole) - 20, 9), *range(len(whole) - 20, len(whole))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        tried += 1
        try:
            np.testing.assert_array_equal(hands.read_depth(path), pixels)
        except DataError:
            noticed += 1
    assert noticed > 0.9 * tried


def test_a_missing_image_and_a_folder_in_its_place_are_named(tmp_path):
    assert the_line(hands.read_depth, tmp_path / "image.png").startswith(f"{tmp_path / 'image.png'}: no such file")
    (tmp_path / "image.png").mkdir()
    assert the_line(hands.read_depth, tmp_path / "image.png").startswith(f"{tmp_path / 'image.png'}: cannot be read")


# ------------------------------------------------------------------------------------------- status and fetch


def test_status_of_missing_data_says_where_it_looked_and_how_to_get_them(no_real_data):
    status = hands.status()
    assert status.found is None
    assert not status.verified
    assert "not found" in status.detail
    assert status.looked_in == tuple(str(no_real_data / name) for name in ("icvl", "ICVL", "hands", "."))
    assert "labicvl.github.io" in status.how_to_get and str(no_real_data / "icvl") in status.how_to_get


def test_status_counts_frames_and_opens_one_image_a_part(tree, no_real_data, monkeypatch):
    add_training_frame(tree, "22-5/image_0000.png", 450)
    shutil.copytree(tree, no_real_data / "icvl")
    opened, decode = [], icvl._decoded
    monkeypatch.setattr(icvl, "_decoded", lambda path: [opened.append(path.name), decode(path)][1])
    status = hands.status()
    assert status.found == no_real_data / "icvl"
    assert not status.verified
    assert status.detail.startswith("10 training frames and 1 rotated copies, 7 test frames; test labels are not")
    assert opened == ["image_0000.png"] * 2


def test_status_of_the_published_set_is_verified(tree, no_real_data):
    write_published_labels(tree)
    shutil.copytree(tree, no_real_data / "icvl")
    assert hands.status().verified


def test_status_of_damaged_data_says_what_is_wrong(tree, no_real_data):
    write_published_labels(tree)
    place = shutil.copytree(tree, no_real_data / "icvl")
    wrong = save_png(place / "Training" / "Depth" / "rendered" / "image_0000.png", np.zeros((240, 320), np.uint8))
    status = hands.status()
    assert status.found == place
    assert not status.verified
    assert status.detail.startswith(f"damaged: {wrong}: found mode 'L'")


def test_status_of_labels_without_images_says_so(tree, no_real_data):
    place = shutil.copytree(tree, no_real_data / "icvl")
    shutil.rmtree(place / "Testing" / "Depth")
    (place / "Testing" / "Depth").mkdir()
    assert "found none of the 7 images" in hands.status().detail


def test_fetch_says_that_it_cannot_and_how_to_get_the_set(no_real_data):
    text = the_line(hands.fetch)
    assert "cannot be fetched" in text
    assert "https://labicvl.github.io/hand.html" in text
    assert str(no_real_data / "icvl") in text


# ---------------------------------------------------------------------------------------- crop: what was seen


def test_both_values_for_nothing_seen_are_not_valid():
    assert hands.valid(np.array([0, 1, 400, 32000, 32001, 65535], np.uint16)).tolist() == [0, 1, 1, 1, 0, 0]


def test_the_centre_of_mass_is_the_mean_of_points_not_of_pixels():
    depth = np.full((1, 240, 320), hand.INVALID, np.uint16)
    depth[0, 120, 160] = 400  # the point (0, 0, 400)
    depth[0, 180, 184] = 600  # the point (24·600/241.42, 60·600/241.42, 600)
    (centre,) = hands.centre_of_mass(depth)
    assert centre == pytest.approx((24 * 600 / 241.42 / 2, 60 * 600 / 241.42 / 2, 500))
    of_pixels = ICVL.to_mm((172, 150, 500))
    assert np.linalg.norm(centre - of_pixels) > 10, "the two means have to differ for this test to tell"


@pytest.mark.parametrize("every", [1, 2, 3, 4, 7, 8])
def test_the_centre_of_mass_does_not_depend_on_the_resolution(every):
    depth = np.full((1, 240, 320), hand.INVALID, np.uint16)
    depth[0, 0, 168] = 400  # 0 and 168 are multiples of every step
    expected = (8 * 400 / 241.42, -120 * 400 / 241.42, 400)
    seen = depth[:, ::every, ::every]
    np.testing.assert_allclose(hands.centre_of_mass(seen), [expected])
    np.testing.assert_allclose(hands.centre_of_mass(seen[..., None], every=every), [expected])


def test_centres_are_those_of_each_frame_across_blocks():
    depth = np.zeros((300, 12, 16), np.uint16)
    depth[np.arange(300), 3, 7] = 300 + np.arange(300)
    centres = hands.centre_of_mass(depth)
    assert centres.dtype == np.float64
    np.testing.assert_allclose(centres[:, 2], 300 + np.arange(300))
    np.testing.assert_allclose(centres[:, 0], (7 * 20 - 160) * centres[:, 2] / 241.42)


@pytest.mark.parametrize("frame", [0, 2, 299])
def test_a_frame_of_nothing_has_no_centre_and_is_named(frame):
    depth = np.full((300, 12, 16), 400, np.uint16)
    depth[frame] = hand.INVALID
    depth[frame, 0, 0] = 0
    for call in (hands.centre_of_mass, hands.crop):
        assert the_line(call, depth).startswith(f"frame {frame}: found nothing seen, expected a depth")


def test_the_centre_of_the_stand_in_lies_in_the_hand(stand_in):
    centres = hands.centre_of_mass(stand_in.test.x)
    joints_mm = ICVL.to_mm(stand_in.test.y)
    assert np.linalg.norm(centres - joints_mm.mean(axis=1), axis=-1).max() < 60


# --------------------------------------------------------------------------------------- crop: where it looks

SIDE = 51
PIXEL_FOR_PIXEL = 241.42 * hands.CUBE / SIDE  # depth at which the cube is as many pixels wide as the crop


def test_at_the_right_depth_the_crop_takes_pixel_for_pixel():
    depth = np.full((1, 240, 320), hand.INVALID, np.uint16)
    d = round(PIXEL_FOR_PIXEL)
    depth[0, 100, 140], depth[0, 121, 185], depth[0, 95, 135], depth[0, 94, 150] = d, d + 50, d - 25, d
    images, centres = hands.crop(depth, side=SIDE, centres=[(0, 0, PIXEL_FOR_PIXEL)])
    assert images.shape == (1, SIDE, SIDE, 1)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(centres, [(0, 0, PIXEL_FOR_PIXEL)])
    # pixel (160, 120) is in the middle, at [25, 25]: so (u, v) is at [v - 95, u - 135]
    expected = np.ones((SIDE, SIDE))
    expected[5, 5], expected[26, 50], expected[0, 0] = ((d + more - PIXEL_FOR_PIXEL) / 125 for more in (0, 50, -25))
    np.testing.assert_allclose(images[0, ..., 0], expected, atol=1e-6)


def test_in_a_coarse_image_the_nearest_pixel_is_taken():
    depth = np.full((1, 60, 80), hand.INVALID, np.uint16)
    depth[0, 25, 35] = round(PIXEL_FOR_PIXEL)  # u 140, v 100 of the full frame; the nearest for u 138 … 141, v 98 … 101
    images, _ = hands.crop(depth, side=SIDE, centres=[(0, 0, PIXEL_FOR_PIXEL)])
    v, u = np.nonzero(images[0, ..., 0] < 1)
    assert sorted(set(u + 135)) == [138, 139, 140, 141]
    assert sorted(set(v + 95)) == [98, 99, 100, 101]
    assert len(u) == 16


def test_a_crop_off_the_middle_follows_its_centre():
    depth = np.full((1, 240, 320), hand.INVALID, np.uint16)
    depth[0, 40, 230] = round(PIXEL_FOR_PIXEL)
    centre = ICVL.to_mm((220.0, 45.0, PIXEL_FOR_PIXEL))
    images, _ = hands.crop(depth, side=SIDE, centres=[centre])
    assert np.argwhere(images[0, ..., 0] < 1).tolist() == [[25 - 5, 25 + 10]]


@pytest.mark.parametrize(
    ("u", "v", "rows", "columns"),
    [
        (0, 120, slice(None), slice(25, None)),  # half the window lies left of the image
        (319, 120, slice(None), slice(None, 26)),
        (160, 0, slice(25, None), slice(None)),
        (160, 239, slice(None, 26), slice(None)),
        (-5000, 120, slice(0), slice(0)),
    ],
)
def test_outside_the_image_is_as_far_as_the_back_of_the_cube(u, v, rows, columns):
    wall = np.full((1, 240, 320), round(PIXEL_FOR_PIXEL), np.uint16)
    images, _ = hands.crop(wall, side=SIDE, centres=[ICVL.to_mm((float(u), float(v), PIXEL_FOR_PIXEL))])
    expected = np.ones((SIDE, SIDE), bool)
    expected[rows, columns] = False
    np.testing.assert_array_equal(images[0, ..., 0] == 1, expected)


@pytest.mark.parametrize(
    ("depth", "value"),
    [
        (400, 0.0),
        (450, 0.4),
        (350, -0.4),
        (275, -1.0),
        (525, 1.0),
        (200, -1.0),
        (526, 1.0),
        (1, -1.0),
        (32001, 1.0),
        (0, 1.0),
        (65535, 1.0),
    ],
)
def test_values_run_from_the_front_of_the_cube_to_its_back(depth, value):
    images, _ = hands.crop(np.full((2, 240, 320, 1), depth, np.uint16), side=8, centres=[(0, 0, 400.0)] * 2)
    assert images == pytest.approx(np.full((2, 8, 8, 1), value), abs=1e-6)


def test_another_cube_changes_scale_and_window():
    wall = np.full((1, 240, 320), 450, np.uint16)
    narrow, _ = hands.crop(wall, side=8, cube=150, centres=[(0, 0, 400.0)])
    assert narrow == pytest.approx(np.full((1, 8, 8, 1), 50 / 75), abs=1e-6)
    wall[0, :, :70] = 300  # u < 70 lies beyond 75 mm at 400 mm (45 px), within 250 mm (151 px)
    assert hands.crop(wall, cube=150, centres=[(0, 0, 400.0)])[0].min() > 0
    assert hands.crop(wall, cube=500, centres=[(0, 0, 400.0)])[0].min() < 0


@pytest.mark.parametrize("distance", [250, 400, 700])
def test_a_thing_of_half_the_cube_fills_a_quarter_of_the_crop_at_any_distance(distance):
    half = 62.5 * 241.42 / distance
    u, v = np.arange(320), np.arange(240)[:, None]
    square = np.where((abs(u - 170) < half) & (abs(v - 110) < half), distance, hand.INVALID).astype(np.uint16)
    images, centres = hands.crop(square[None], side=128)
    assert centres == pytest.approx(ICVL.to_mm([(170, 110, distance)]))
    assert (images < 1).mean() == pytest.approx(0.25, abs=0.02)
    v, u = np.nonzero(images[0, ..., 0] < 1)
    assert (u.mean(), v.mean()) == pytest.approx((63.5, 63.5), abs=1)


def test_no_depth_is_invented_between_hand_and_background(stand_in):
    images, centres = hands.crop(stand_in.test.x[:5], side=50)
    for crop, centre, depth in zip(images, centres, stand_in.test.x[:5], strict=True):
        known = np.unique(((depth[hands.valid(depth)] - centre[2]) / 125).astype(np.float32))
        found = np.unique(crop[np.abs(crop) < 1])
        assert len(found) > 20
        assert np.abs(known[np.abs(found[:, None] - known).argmin(axis=1)] - found).max() < 1e-6


def test_frames_are_cropped_independently(stand_in):
    together, centres = hands.crop(stand_in.test.x[:4], side=32)
    for i in range(4):
        alone, centre = hands.crop(stand_in.test.x[i : i + 1], side=32)
        np.testing.assert_array_equal(alone[0], together[i])
        np.testing.assert_array_equal(centre[0], centres[i])


def test_cropping_leaves_the_depth_as_it_was(stand_in):
    depth = stand_in.test.x[:3]
    before = depth.copy()
    hands.crop(depth)
    np.testing.assert_array_equal(depth, before)


WRONG_CALLS = {
    "one image": lambda: hands.crop(np.full((240, 320), 400, np.uint16)),
    "two channels": lambda: hands.crop(np.full((1, 240, 320, 2), 400, np.uint16)),
    "no frames": lambda: hands.crop(np.empty((0, 240, 320), np.uint16)),
    "another shape": lambda: hands.crop(np.full((1, 100, 320), 400, np.uint16)),
    "larger than the camera's": lambda: hands.crop(np.full((1, 480, 640), 400, np.uint16)),
    "another step than said": lambda: hands.centre_of_mass(np.full((1, 60, 80), 400, np.uint16), every=2),
    "one centre too few": lambda: hands.crop(np.full((2, 60, 80), 400, np.uint16), centres=[(0, 0, 400)]),
    "a centre behind the camera": lambda: hands.crop(np.full((1, 60, 80), 400, np.uint16), centres=[(0, 0, -400)]),
    "a centre that is no number": lambda: hands.crop(np.full((1, 60, 80), 400, np.uint16), centres=[(0, np.nan, 4)]),
    "no side": lambda: hands.crop(np.full((1, 60, 80), 400, np.uint16), side=0),
    "no cube": lambda: hands.crop(np.full((1, 60, 80), 400, np.uint16), cube=0),
    "joints of one frame": lambda: hands.normalise(joints(), [(0, 0, 400)]),
    "joints in two dimensions": lambda: hands.normalise(joints()[None, :, :2], [(0, 0, 400)]),
    "flat targets": lambda: hands.denormalise(np.zeros((1, 48)), [(0, 0, 400)]),
    "more centres than targets": lambda: hands.denormalise(np.zeros((1, 16, 3)), [(0, 0, 400)] * 2),
}


@pytest.mark.parametrize("what", WRONG_CALLS)
def test_a_wrong_call_says_what_was_expected(what):
    with pytest.raises(ValueError, match="expected"):
        WRONG_CALLS[what]()


# ------------------------------------------------------------------------------------------- normalised joints


def test_targets_by_hand():
    points = np.full((1, 16, 3), (160, 120, 400), np.float64)
    points[0, 1] = (160, 120, 525)  # at the back of the cube
    points[0, 2] = (160 + 241.42 / 4, 120 - 241.42 / 8, 400)  # 100 mm to the right, 50 mm up
    targets = hands.normalise(points, [(0, 0, 400)])
    assert targets.dtype == np.float32
    assert targets[0, 0].tolist() == [0, 0, 0]
    assert targets[0, 1] == pytest.approx((0, 0, 1))
    assert targets[0, 2] == pytest.approx((0.8, -0.4, 0))
    assert hands.normalise(points, [(0, 0, 400)], cube=500)[0, 2] == pytest.approx((0.4, -0.2, 0))
    assert hands.normalise(points, [(100, 0, 400)])[0, 2] == pytest.approx((0, -0.4, 0), abs=1e-7)


def test_a_round_trip_through_float32_targets_is_exact_to_a_thousandth(stand_in):
    centres = hands.centre_of_mass(stand_in.train.x)
    targets = hands.normalise(stand_in.train.y, centres)
    assert targets.dtype == np.float32
    back = hands.denormalise(targets, centres)
    assert back.dtype == np.float64
    assert np.abs(back - stand_in.train.y).max() < 1e-3
    assert np.abs(back - stand_in.train.y.mean(axis=0)).max() > 10


def test_joints_far_outside_the_cube_survive_the_round_trip_too():
    points = np.stack([joints(180.0), joints(900.0)])
    centres = [(-150.0, 120.0, 500.0), (0.0, 0.0, 300.0)]
    targets = hands.normalise(points, centres, cube=200, camera=ICVL_EVALUATOR)
    assert np.abs(targets).max() > 2
    assert np.abs(hands.denormalise(targets, centres, cube=200, camera=ICVL_EVALUATOR) - points).max() < 1e-3


def test_half_precision_would_not_be_enough(stand_in):
    centres = hands.centre_of_mass(stand_in.test.x)
    rough = hands.normalise(stand_in.test.y, centres).astype(np.float16)
    assert np.abs(hands.denormalise(rough, centres) - stand_in.test.y).max() > 1e-3


def test_targets_of_the_stand_in_lie_in_the_cube(stand_in):
    targets = hands.normalise(stand_in.test.y, hands.centre_of_mass(stand_in.test.x))
    assert np.abs(targets).max() < 1
    assert np.abs(targets).max() > 0.5


def test_joints_lie_on_the_hand_in_the_crop(stand_in):
    images, centres = hands.crop(stand_in.test.x[:50], side=64)
    targets = hands.normalise(stand_in.test.y[:50], centres)
    # a target is where its joint shows in the crop, but for perspective: -1 at the left edge, +1 at the right
    column, row = (np.rint((targets[..., i] + 1) * 32 - 0.5).astype(int) for i in (0, 1))
    on_hand = images[np.arange(50)[:, None], row, column, 0] < 1
    assert on_hand.mean() > 0.85
    mirrored = images[np.arange(50)[:, None], row, 63 - column, 0] < 1
    assert mirrored.mean() < on_hand.mean() - 0.1


# -------------------------------------------------------------------------------------------------- real files

ARCHIVE = "icvl_groundtruth_and_predictions.tar.gz"
#: Mean error in mm over all 1 596 frames, as published by the public evaluation code: file → number.
PUBLISHED_TABLE = {
    "CVPR14_LRF_Results": 12.578,
    "IJCAI16_ICVL_DeepModel": 11.561,
    "ICIP17_ICVL_Guo_Basic": 8.358,
    "ICIP17_ICVL_REN_4x6x6": 7.628,
    "JVCI18_ICVL_REN_9x6x6": 7.305,
    "CVPR18_ICVL_denseReg": 7.239,
    "Access18_ICVL_SHPR_Net": 7.219,
    "CVPR18_ICVL_HandPointNet": 6.935,
    "NEUCOM18_ICVL_Pose_REN": 6.791,
    "CVPR19_ICVL_CrossInfoNet": 6.732,
    "ECCV18_ICVL_Point-to-Point": 6.328,
    "TMM21_ICVL_SRNet": 6.152,
}
#: On the 702 frames of sequence 1 alone.
PUBLISHED_ON_SEQUENCE_1 = {"CVWW15_ICVL_Prior": 10.427, "CVWW15_ICVL_Prior-Refinement": 9.426}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    """The public label files and predictions, read from the archive where the person who runs the tests keeps it."""
    if not ASKED_FOR or not Path(ASKED_FOR).is_dir():
        pytest.skip(
            "COURSE_DATA is not set to a folder with the predictions for ICVL: the published table is not checked"
        )
    places = [Path(ASKED_FOR) / "icvl" / ARCHIVE, Path(ASKED_FOR) / ARCHIVE]
    archive = next((place for place in places if place.is_file()), None)
    if archive is None:
        pytest.skip(f"COURSE_DATA holds no icvl/{ARCHIVE}: the published table is not checked")
    folder = tmp_path_factory.mktemp("evaluation")
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and member.name.endswith(".txt"):
                (folder / Path(member.name).name).write_bytes(packed.extractfile(member).read())
    return folder


@pytest.fixture(scope="module")
def truth(evaluation):
    return np.concatenate([hands.read_labels(evaluation / f"test_seq_{i}.txt")[1] for i in (1, 2)])


def mean_error(truth, predicted, camera=ICVL_EVALUATOR):
    return metrics.joint_errors(camera.to_mm(truth), camera.to_mm(predicted)).mean()


@pytest.mark.parametrize("method", PUBLISHED_TABLE)
def test_the_published_table_is_reproduced(evaluation, truth, method):
    predicted = hands.read_predictions(evaluation / f"{method}.txt")
    assert predicted.shape == (1596, 16, 3)
    assert mean_error(truth, predicted) == pytest.approx(PUBLISHED_TABLE[method], abs=0.01)
    # the focal lengths of the data set itself give a little less, more than the table's last digit
    assert 0.003 < mean_error(truth, predicted) - mean_error(truth, predicted, ICVL) < 0.02


@pytest.mark.parametrize("method", PUBLISHED_ON_SEQUENCE_1)
def test_the_published_numbers_on_sequence_1_are_reproduced(evaluation, truth, method):
    predicted = hands.read_predictions(evaluation / f"{method}.txt")
    assert predicted.shape == (702, 16, 3)
    assert mean_error(truth[:702], predicted) == pytest.approx(PUBLISHED_ON_SEQUENCE_1[method], abs=0.01)


def test_predictions_in_mm_with_image_names_give_the_same_number(evaluation, truth):
    predicted = hands.read_predictions(evaluation / "CVPR18_ICVL_denseReg_ori.txt")
    errors = metrics.joint_errors(ICVL_EVALUATOR.to_mm(truth), predicted)
    assert errors.mean() == pytest.approx(PUBLISHED_TABLE["CVPR18_ICVL_denseReg"], abs=0.01)


def test_the_real_test_labels_are_known_as_the_published_ones(evaluation, truth, tree):
    assert truth.shape == (1596, 16, 3)
    for i in (1, 2):
        shutil.copy(evaluation / f"test_seq_{i}.txt", tree / "Testing")
    assert hands.load_real(tree).verified
    np.testing.assert_array_equal(
        hands.read_predictions(evaluation / "icvl_test_groundtruth_label.txt"), truth.astype(float).round(3)
    )


def test_the_real_test_labels_have_the_documented_statistics(truth):
    np.testing.assert_allclose(truth.mean(axis=(0, 1), dtype=np.float64), (158.1, 110.7, 342.0), atol=0.05)
    np.testing.assert_allclose(truth.std(axis=(0, 1), dtype=np.float64), (35.5, 25.2, 50.4), atol=0.05)
    assert "(158, 111, 342)" in hands.__doc__ and "(36, 25, 50)" in hands.__doc__


def test_the_errors_of_predicting_zeros_and_the_mean_are_the_documented_ones(truth):
    labels = truth.astype(np.float64)
    assert np.mean(labels**2) == pytest.approx(52_879, abs=1)
    assert np.mean(labels[:702] ** 2) == pytest.approx(65_909, abs=1)
    assert np.mean(labels[702:] ** 2) == pytest.approx(42_646, abs=1)
    assert np.mean((labels - labels.mean(axis=0)) ** 2) == pytest.approx(1_192, abs=1)


def test_the_real_set_is_read_and_known(no_real_data):
    place = icvl.find(Path(ASKED_FOR)) if ASKED_FOR and Path(ASKED_FOR).is_dir() else None
    if place is None:
        pytest.skip("COURSE_DATA holds no ICVL: the real images are not checked")
    data = hands.load_real(place, every=4, train=20, test=20)
    assert data.verified
    assert len(data.train) == len(data.test) == 20
    centres = hands.centre_of_mass(data.test.x)
    assert np.median(np.linalg.norm(centres - ICVL.to_mm(data.test.y).mean(axis=1), axis=-1)) < 100
