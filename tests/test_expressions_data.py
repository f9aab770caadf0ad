"""Expressions: what spoils the pictures, what the stand-in promises, where real files are looked for and what is said of them."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from data_checks import assert_same, the_line

from course_utils import cases, datasets
from course_utils.cli import check
from course_utils.datasets import expressions, expressions_stand_in, fer2013
from course_utils.datasets.common import Split
from course_utils.datasets.expressions import CLASSES, PICTURES, USAGES
from course_utils.datasets.fer2013 import PUBLISHED_CLASSES, PUBLISHED_COUNTS, Rows
from course_utils.rendering import nuisance
from course_utils.runtime import FULL, REDUCED, SettingsError, Size

SMOKE = Size(budget="smoke")
REAL_SMOKE = Size(data="real", budget="smoke")
FEW = (30, 12, 14)

pytestmark = pytest.mark.usefixtures("no_real_data")


# ------------------------------------------------------------------------------------------------------ nuisance


def grey(seed=0, shape=(48, 48)):
    """A picture with tones from edge to edge, smooth enough to have slopes."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[: shape[0], : shape[1]]
    waves = sum(np.sin(u * a + v * b + c) for a, b, c in rng.uniform(0.05, 0.4, (4, 3)))
    return (127 + 30 * waves).clip(1, 254).astype(np.uint8)


both = pytest.mark.parametrize("spoil", [nuisance.watermark, nuisance.drawing], ids=lambda f: f.__name__)


@both
@pytest.mark.parametrize("shape", [(48, 48), (10, 4), (48, 31), (97, 64)])
def test_a_spoilt_picture_is_a_new_one_of_the_same_kind(spoil, shape):
    for seed in range(12):
        picture = grey(seed, shape)
        kept = picture.copy()
        found = spoil(picture, np.random.default_rng(seed))
        assert found.dtype == np.uint8 and found.shape == shape
        np.testing.assert_array_equal(picture, kept)
        assert not np.shares_memory(found, picture)


@both
def test_the_generator_decides(spoil):
    first, same, other = (spoil(grey(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    if spoil is nuisance.watermark:
        assert not np.array_equal(first, other)


def test_a_watermark_is_lighter_or_darker_strokes_on_some_of_the_picture():
    shares, lighter = [], []
    for seed in range(200):
        change = nuisance.watermark(grey(seed), np.random.default_rng(seed)).astype(int) - grey(seed)
        assert (change >= 0).all() or (change <= 0).all(), "one watermark of two tones"
        shares.append((change != 0).mean())
        lighter.append(change.sum() > 0)
    assert min(shares) > 0.01, "a watermark that nobody sees"
    assert max(shares) < 0.25
    assert np.mean(lighter) == pytest.approx(0.75, abs=0.1)


def test_a_watermark_covers_by_the_asked_for_strength():
    strengths = []
    for seed in range(200):
        change = nuisance.watermark(np.full((48, 48), 100, np.uint8), np.random.default_rng(seed)).astype(int) - 100
        values = np.unique(change[change != 0])
        assert len(values) == 1
        strengths.append(values[0] / (155 if values[0] > 0 else -100))
    assert min(strengths) > 0.34 and max(strengths) < 0.81
    assert max(strengths) - min(strengths) > 0.4


def test_a_drawing_has_a_few_tones_and_dark_lines():
    tones = {4: {60, 60 + 190 / 3, 60 + 380 / 3, 250}, 3: {60, 155, 250}}
    allowed = [{20} | {round(tone) for tone in some} for some in tones.values()]
    levels = set()
    for seed in range(40):
        found = nuisance.drawing(grey(seed), np.random.default_rng(seed))
        assert any(set(np.unique(found).tolist()) <= some for some in allowed)
        assert 0.02 < (found == 20).mean() <= 0.1 + 1 / 48
        levels.add(len(np.unique(found[found != 20])))
    assert levels == {3, 4}


def test_a_drawing_of_one_tone_is_one_tone():
    assert np.unique(nuisance.drawing(np.full((48, 48), 90, np.uint8), np.random.default_rng(0))).tolist() == [60]


# ---------------------------------------------------------------------------------------------------- stand-in


@pytest.fixture(scope="module")
def drawn():
    return expressions_stand_in.draw((160, 70, 70))


@pytest.fixture(scope="module")
def few():
    return expressions.load(SMOKE, pictures=FEW)


def test_the_rows_have_the_form_of_the_file(drawn):
    assert isinstance(drawn, Rows)
    assert np.bincount(drawn.usage).tolist() == [160, 70, 70]
    assert (np.diff(drawn.usage.astype(int)) >= 0).all(), "Training, PublicTest, PrivateTest, one after the other"
    assert drawn.images.shape == (300, 48, 48)


def test_pictures_use_the_range_and_are_no_two_alike_in_training(drawn):
    training = drawn.of("Training")[0]
    assert len({image.tobytes() for image in training}) == 160
    assert drawn.images.min() < 10 and drawn.images.max() > 245
    assert 80 < drawn.images.mean() < 150
    assert np.percentile(drawn.images.std(axis=(1, 2)), 1) > 10, "an empty picture"


def test_some_test_rows_repeat_a_training_picture_with_its_label(drawn):
    labels = {image.tobytes(): label for image, label in zip(*drawn.of("Training"), strict=True)}
    seen = []
    for usage in USAGES[1:]:
        pairs = [(labels.get(image.tobytes()), label) for image, label in zip(*drawn.of(usage), strict=True)]
        assert all(a == b for a, b in pairs if a is not None)
        seen += [a is not None for a, _ in pairs]
    assert 0.04 < np.mean(seen) < 0.13


def test_the_same_counts_give_the_same_rows_and_the_splits_differ(few):
    again = expressions.load(SMOKE, pictures=FEW)
    assert_same(again, few)
    np.testing.assert_array_equal(again.public_test.x, few.public_test.x)
    np.testing.assert_array_equal(again.public_test.y, few.public_test.y)
    faces = [{image.tobytes() for image in split.x} for split in (few.training, few.public_test, few.private_test)]
    assert faces[1] & faces[2] <= faces[0], "the two test splits share what they repeat of Training at most"


@pytest.mark.parametrize("counts", [(1, 1, 1), (7, 7, 7), (2, 1, 5)])
def test_edges_of_the_counts(counts):
    rows = expressions_stand_in.draw(counts)
    assert np.bincount(rows.usage, minlength=3).tolist() == list(counts)
    np.testing.assert_array_equal(rows.images, expressions_stand_in.draw(counts).images)


@pytest.mark.parametrize("shares", PUBLISHED_CLASSES)
def test_class_numbers_are_rounded_shares_that_add_up(shares):
    shares = np.array(shares, float)
    for count in [*range(1, 60), 140, 400, 1400, 3589, 28709]:
        numbers = np.bincount(expressions_stand_in._by_share(count, shares), minlength=7)
        assert numbers.sum() == count
        if count >= 7:
            assert numbers.min() >= 1
        assert np.abs(numbers - shares / shares.sum() * count).max() < (1 if count >= 140 else 2)
    exact = expressions_stand_in._by_share(int(shares.sum()), shares)
    assert np.bincount(exact).tolist() == shares.astype(int).tolist()


@pytest.fixture
def without_drawing(monkeypatch):
    """Rows without the cost of rendering: each picture holds its number. Gives what was asked of the renderer."""
    asked = SimpleNamespace(shown=[], strength=[], seeds=[], drawing=0, watermark=0, windows=[])

    def random_faces(count, *, seed, expression, strength, turned, extras):
        asked.shown.append(expression)
        asked.strength.append(strength)
        asked.seeds.append(seed)
        box = np.array([[-40.0, -60], [40, 60]])
        return SimpleNamespace(points=np.tile(box, (count, 1, 1)))

    def draw(faces, windows, *, side, colour):
        assert (side, colour) == (48, False)
        asked.windows.append(windows)
        images = np.zeros((len(windows), side, side, 1), np.uint8)
        images[:, 0, :4, 0] = np.arange(len(windows), dtype=">u4").view(np.uint8).reshape(-1, 4)
        images[:, 1, 0] = len(asked.windows)
        return images

    def spoil(name):
        def call(picture, rng):
            setattr(asked, name, getattr(asked, name) + 1)
            return picture

        return call

    monkeypatch.setattr(expressions_stand_in.face, "random_faces", random_faces)
    monkeypatch.setattr(expressions_stand_in.face, "draw", draw)
    monkeypatch.setattr(expressions_stand_in.nuisance, "drawing", spoil("drawing"))
    monkeypatch.setattr(expressions_stand_in.nuisance, "watermark", spoil("watermark"))
    return asked


def test_as_many_rows_as_published_have_the_flaws_in_their_shares(without_drawing):
    rows = expressions_stand_in.draw(PUBLISHED_COUNTS)
    asked, labels = without_drawing, [rows.of(usage)[1] for usage in USAGES]
    assert [np.bincount(shown).tolist() for shown in asked.shown] == [list(row) for row in PUBLISHED_CLASSES]
    assert len(set(asked.seeds)) == 3
    strength = np.concatenate(asked.strength)
    assert (strength.min(), strength.max()) == pytest.approx(expressions_stand_in.STRENGTH, abs=1e-3)
    # of the labels that are drawn anew, some fall on the right class again: the chance of that is Σ share²
    shares = np.array(PUBLISHED_CLASSES) / np.array(PUBLISHED_COUNTS)[:, None]
    for shown, given, share, few in zip(asked.shown, labels, shares, (0.004, 0.012, 0.012), strict=True):
        expected = expressions_stand_in.WRONG * (1 - np.square(share).sum())
        assert (shown != given).mean() == pytest.approx(expected, abs=few)
        assert (given[shown != given] == CLASSES.index("disgust")).mean() < 0.06, "wrong ones in the shares too"
        assert (np.diff(shown) < 0).mean() > 0.3, "in random order"
    total = sum(PUBLISHED_COUNTS)
    assert asked.drawing / total == pytest.approx(expressions_stand_in.DRAWINGS, abs=0.003)
    assert asked.watermark / total == pytest.approx(expressions_stand_in.WATERMARKS, abs=0.004)
    leaked = fer2013.duplicates(rows).leaked
    for number in (1, 2):
        assert leaked[rows.usage == number].mean() == pytest.approx(expressions_stand_in.REPEATED, abs=0.015)
    assert fer2013.duplicates(rows).conflicting == 0


def test_windows_are_squares_about_the_box_a_little_off(without_drawing):
    expressions_stand_in.draw((2000, 7, 7))
    u, v, edge = without_drawing.windows[0].T
    side = 120 * expressions_stand_in.EDGE
    assert edge.mean() == pytest.approx(side, rel=0.01)
    assert side * 0.9 - 1e-9 <= edge.min() and edge.max() <= side * 1.1 + 1e-9
    assert abs(u.mean()) < 1 and abs(v.mean()) < 1
    assert max(np.abs(u / edge).max(), np.abs(v / edge).max()) <= 0.08 + 1e-9


# -------------------------------------------------------------------------------------------------------- load


def test_what_load_returns(few):
    assert isinstance(few, expressions.Expressions)
    assert few.name == "expressions"
    assert few.origin.startswith("stand-in")
    assert few.training is few.train and few.private_test is few.test
    for split, count in zip((few.train, few.public_test, few.test), FEW, strict=True):
        assert isinstance(split, Split)
        assert split.x.shape == (count, 48, 48, 1) and split.x.dtype == np.uint8
        assert split.y.shape == (count,) and split.y.dtype == np.int32
        assert split.y.min() >= 0 and split.y.max() < len(CLASSES)


def test_the_budget_sets_the_numbers(monkeypatch):
    asked = []

    def draw(counts):
        asked.append(counts)
        return Rows(np.zeros((3, 48, 48), np.uint8), np.zeros(3, np.uint8), np.arange(3, dtype=np.uint8))

    monkeypatch.setattr(expressions_stand_in, "draw", draw)
    for size in (SMOKE, REDUCED, Size(budget="full")):
        expressions.load(size)
    expressions.load()
    expressions.load(pictures=(9, 8, 7))
    assert asked == [(140, 70, 70), (1400, 400, 400), PUBLISHED_COUNTS, PICTURES["lesson"], (9, 8, 7)]


def test_a_loaded_stand_in_may_be_changed_without_changing_the_next_one():
    expressions.load(pictures=(2, 1, 1)).train.x[:] = 7
    assert expressions.load(pictures=(2, 1, 1)).train.x.max() > 7


@pytest.mark.parametrize("counts", [(0, 1, 1), (1, 0, 1), (1, 1, -1), (1, 1), (1, 1, 1, 1)])
def test_numbers_below_one_and_too_few_of_them_are_refused(counts):
    for size in (REDUCED, FULL):
        with pytest.raises(ValueError, match=r"expected 1 or more|expected three numbers"):
            expressions.load(size, pictures=counts)


def test_it_is_one_of_the_courses_data_sets():
    assert datasets.get("expressions") is expressions
    with pytest.raises(SettingsError, match="did you mean 'expressions'"):
        datasets.get("expresions")


@pytest.mark.parametrize("size", [FULL, REAL_SMOKE])
def test_real_data_asked_for_and_missing_says_how_to_get_them(size, no_real_data):
    text = the_line(expressions.load, size)
    assert text.startswith(f"FER2013 not found in {no_real_data / 'fer2013'}")
    assert "course data fetch expressions" in text and "{folder}" not in text


def test_the_size_of_the_run_decides_when_none_is_given(monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", "full")
    assert "not found" in the_line(expressions.load)


# -------------------------------------------------------------------------------------------------- real files


def some_rows(counts=(14, 7, 7), seed=0):
    """Rows in an order that mixes the usages, the picture's first pixel its number."""
    rng = np.random.default_rng(seed)
    usage = rng.permutation(np.repeat(np.arange(3, dtype=np.uint8), counts))
    images = rng.integers(0, 256, (len(usage), 48, 48), np.uint8)
    images[:, 0, 0] = np.arange(len(usage))
    return Rows(images, rng.integers(0, 7, len(usage)).astype(np.uint8), usage)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "fer2013.csv"
    fer2013.write_csv(path, some_rows())
    return path


@pytest.fixture
def real(written, no_real_data):
    """A CSV file where it is looked for first."""
    (no_real_data / "fer2013").mkdir()
    return shutil.copy(written, no_real_data / "fer2013" / "fer2013.csv")


def assert_holds(data, rows, counts=(99, 99, 99)):
    """The first ``counts`` rows of each usage, in the order of the file."""
    for split, usage, count in zip((data.training, data.public_test, data.private_test), USAGES, counts, strict=True):
        images, labels = rows.of(usage)
        np.testing.assert_array_equal(split.x, images[:count, ..., None])
        np.testing.assert_array_equal(split.y, labels[:count])
        assert split.x.dtype == np.uint8 and split.y.dtype == np.int32


def test_a_csv_file_comes_back_as_it_was_written(real):
    data = expressions.load(REAL_SMOKE)
    assert_holds(data, some_rows())
    assert data.origin == "real: FER2013 from fer2013.csv (not as many rows as published)"
    assert not data.verified
    assert_holds(expressions.load(REAL_SMOKE), some_rows())  # now from the cache


@pytest.mark.parametrize(("size", "number"), [(FULL, 28709), (Size(data="real"), 1400)])
def test_fewer_pictures_than_asked_for_are_refused_except_at_budget_smoke(size, number, real):
    text = the_line(expressions.load, size)
    assert text.startswith(f"{real}: found 14 pictures of Training, expected {number}; ")
    assert "COURSE_SIZE=full,budget=smoke runs on a part" in text
    text = the_line(expressions.load, size, pictures=(14, 8, 7))
    assert text.startswith(f"{real}: found 7 pictures of PublicTest, expected 8; ")
    assert_holds(expressions.load(size, pictures=(14, 7, 7)), some_rows())
    assert_holds(expressions.load(REAL_SMOKE, pictures=(14, 8, 9)), some_rows())


def test_of_the_real_set_the_first_rows_of_each_usage_are_taken(real):
    assert_holds(expressions.load(REAL_SMOKE, pictures=(5, 1, 3)), some_rows(), (5, 1, 3))
    assert_holds(expressions.load_real(real, pictures=(1, 2, 3)), some_rows(), (1, 2, 3))


def test_class_folders_hold_the_same_rows_in_their_own_order(no_real_data):
    fer2013.write_folders(no_real_data / "fer2013", some_rows())
    data = expressions.load(REAL_SMOKE)
    dealt = fer2013.read_folders(no_real_data / "fer2013")
    assert_holds(data, dealt)
    assert sorted(dealt.images[:, 0, 0]) == list(range(28))
    assert data.origin.startswith("real: FER2013 from fer2013 (")


def test_as_many_rows_as_published_are_called_verified(real, monkeypatch):
    monkeypatch.setattr(fer2013, "PUBLISHED_CLASSES", some_rows().counts())
    monkeypatch.setitem(expressions.PICTURES, "full", (14, 7, 7))
    data = expressions.load(FULL)
    assert data.verified and data.origin == "real: FER2013 from fer2013.csv"
    assert expressions.load(FULL, pictures=(3, 3, 3)).verified, "the file is, whatever is taken of it"
    status = expressions.status()
    assert status.verified
    assert status.detail == "14 + 7 + 7 pictures, as many of each class as published; FER+ votes not found"


@pytest.mark.parametrize("missing", range(3))
def test_a_file_without_rows_of_a_usage_is_refused(missing, no_real_data):
    counts = [4, 4, 4]
    counts[missing] = 0
    path = no_real_data / "fer2013.csv"
    fer2013.write_csv(path, some_rows(counts))
    text = the_line(expressions.load, REAL_SMOKE)
    assert f"no row of {USAGES[missing]}; expected some of each of Training, PublicTest, PrivateTest" in text
    assert expressions.status().detail.startswith("damaged: ")


def test_a_damaged_file_is_named_and_never_replaced_by_the_stand_in(real, written):
    real.write_bytes(written.read_bytes()[:5000])
    text = the_line(expressions.load, FULL)
    assert text.startswith(f"{real}: ")
    assert the_line(expressions.load_real, real.with_name("nothing.csv")).endswith("emotion,pixels,Usage")


# -------------------------------------------------------------------------------------------- where, and status


def test_files_are_found_in_the_documented_order(no_real_data, written):
    folder = no_real_data / "fer2013"
    fer2013.write_folders(folder, some_rows())
    assert expressions.find() == folder
    (folder / "fer2013").mkdir()
    places = [where / name for where in (folder, folder / "fer2013", no_real_data) for name in expressions.FILES]
    assert expressions.candidates() == [*places, folder]
    for place in reversed(places):
        shutil.copy(written, place)
        assert expressions.find() == place
    assert expressions.find(no_real_data / "elsewhere") is None
    shutil.copytree(folder, no_real_data / "elsewhere" / "fer2013")
    assert expressions.find(no_real_data / "elsewhere") == no_real_data / "elsewhere" / "fer2013" / "fer2013.csv"


@pytest.mark.parametrize("name", expressions.FILES)
def test_each_name_is_read_plain_or_gzipped(no_real_data, name):
    fer2013.write_csv(no_real_data / name, some_rows((2, 1, 1)))
    assert_holds(expressions.load(REAL_SMOKE), some_rows((2, 1, 1)))


@pytest.mark.parametrize("name", ["train", "Training", "TRAIN"])
def test_a_folder_counts_when_it_holds_training_pictures(no_real_data, name):
    folder = no_real_data / "fer2013"
    (folder / "test").mkdir(parents=True)
    (folder / "notes").mkdir()
    assert expressions.find() is None
    (folder / name).write_text("no folder", encoding="utf-8")
    assert expressions.find() is None
    (folder / name).unlink()
    (folder / name).mkdir()
    assert expressions.find() == folder


def test_a_folder_named_like_the_file_is_passed_over(no_real_data, written):
    (no_real_data / "fer2013" / "fer2013.csv").mkdir(parents=True)
    assert expressions.find() is None
    shutil.copy(written, no_real_data / "fer2013.csv")
    assert expressions.find() == no_real_data / "fer2013.csv"


def test_status_of_missing_data_says_where_it_looked_and_how_to_get_them(no_real_data):
    status = expressions.status()
    assert (status.name, status.title) == ("expressions", "FER2013 facial expressions")
    assert status.found is None and not status.verified
    assert status.detail == "not found; the reduced size does not need it"
    assert str(no_real_data / "fer2013" / "fer2013.csv") in status.looked_in
    assert "course data fetch expressions" in status.how_to_get
    assert f"in {no_real_data / 'fer2013'};" in status.how_to_get
    assert "fer2013new.csv" in status.how_to_get


def test_status_of_another_set_counts_it_and_does_not_call_it_verified(real):
    status = expressions.status()
    assert status.found == real and not status.verified
    assert status.detail == "14 + 7 + 7 pictures, not as many of each class as published; FER+ votes not found"


def test_status_of_damaged_data_says_what_is_wrong(real):
    real.write_bytes(b"PK\x03\x04 cut off")
    status = expressions.status()
    assert status.found == real and not status.verified
    assert status.detail.startswith(f"damaged: {real}")


@pytest.mark.parametrize("place", ["fer2013", "fer2013/fer2013", "."])
def test_an_archive_that_nobody_has_unpacked_is_named(no_real_data, place):
    (no_real_data / place).mkdir(parents=True, exist_ok=True)
    (no_real_data / place / "fer2013.tar.gz").write_bytes(b"")
    assert expressions.find() is None
    archive = no_real_data / place / "fer2013.tar.gz"
    assert f"not found, but {archive} is there: unpack it" in expressions.status().detail


@pytest.fixture
def shut(monkeypatch):
    """Makes a folder one that may not be entered (the user who runs the tests may be one who may do all)."""

    def call(folder, *, listed=False):
        def refusing(function, refuses):
            def instead(path, *arguments, **named):
                if refuses(Path(path)):
                    raise PermissionError(13, "Permission denied", str(path))
                return function(path, *arguments, **named)

            return instead

        monkeypatch.setattr(Path, "stat", refusing(Path.stat, lambda path: folder in path.parents))
        monkeypatch.setattr(Path, "open", refusing(Path.open, lambda path: folder in path.parents))
        if not listed:
            monkeypatch.setattr(Path, "iterdir", refusing(Path.iterdir, lambda path: path == folder))

    return call


@pytest.mark.parametrize("listed", [False, True])
def test_a_folder_that_may_not_be_entered_is_no_missing_one(real, shut, listed):
    shut(real.parent, listed=listed)
    for text in (the_line(expressions.load, REAL_SMOKE), expressions.status().detail.removeprefix("damaged: ")):
        assert text == f"{real.parent}: cannot be read as a folder (Permission denied)"


def test_class_folders_that_may_not_be_entered_are_no_missing_ones(no_real_data, shut):
    (no_real_data / "fer2013" / "Training").mkdir(parents=True)
    shut(no_real_data / "fer2013")
    assert "cannot be read as a folder" in the_line(expressions.load, REAL_SMOKE)


def test_a_file_that_may_not_be_read_is_no_missing_one(no_real_data):
    (no_real_data / "fer2013.csv").symlink_to(no_real_data / "fer2013.csv")  # no end to it
    assert expressions.find() == no_real_data / "fer2013.csv"
    assert "cannot be read" in the_line(expressions.load, REAL_SMOKE)


# -------------------------------------------------------------------------------------------------------- FER+


def some_votes(count=28):
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), np.arange(count) % 10] = 10
    return votes


def assert_votes_of(found, votes, usage):
    assert list(found) == list(USAGES)
    for number, name in enumerate(USAGES):
        assert found[name].dtype == np.uint8
        np.testing.assert_array_equal(found[name], votes[usage == number])


@pytest.mark.parametrize("name", ["fer2013/fer2013new.csv", "fer2013new.csv.gz", "fer2013/fer2013/fer2013new.csv"])
def test_votes_are_found_and_belong_to_the_pictures_of_each_split(real, no_real_data, name):
    assert expressions.find_ferplus() is None
    fer2013.write_ferplus(no_real_data / name, some_votes(), some_rows().usage)
    assert expressions.find_ferplus() == no_real_data / name
    assert_votes_of(expressions.load_ferplus(), some_votes(), some_rows().usage)
    numbers = expressions.load(REAL_SMOKE).public_test.x[:, 0, 0, 0]  # each picture's number is its row
    np.testing.assert_array_equal(expressions.load_ferplus()["PublicTest"], some_votes()[numbers])
    assert expressions.status().detail.endswith("; FER+ votes on 14 + 7 + 7")


def test_missing_votes_say_how_to_get_them(real):
    text = the_line(expressions.load_ferplus)
    assert text.startswith(f"FER+ not found in {real.parent}; put fer2013new.csv of github.com/microsoft/FERPlus")


def test_votes_that_belong_to_other_rows_are_refused(real, tmp_path):
    usage = some_rows().usage
    path = real.with_name("fer2013new.csv")
    fer2013.write_ferplus(path, some_votes(27), usage[:27])
    counts = " + ".join(map(str, np.bincount(usage[:27])))
    expected = f"found {counts} rows of Training, PublicTest, PrivateTest, expected 14 + 7 + 7 as in {real}"
    assert the_line(expressions.load_ferplus) == f"{path}: {expected}"
    assert f"FER+ votes of no use: {path}: found" in expressions.status().detail

    last = int(np.flatnonzero(usage != usage[27])[-1])
    swapped = usage.copy()
    swapped[[last, 27]] = swapped[[27, last]]
    fer2013.write_ferplus(path, some_votes(), swapped)
    said = f"row {last + 1} (line {last + 2}): found {USAGES[usage[27]]}, expected {USAGES[usage[last]]} as in {real}"
    assert the_line(expressions.load_ferplus) == f"{path}: {said}"

    elsewhere = tmp_path / "elsewhere" / "fer2013new.csv"
    fer2013.write_ferplus(elsewhere, some_votes(), usage)
    assert "expected 28709 + 3589 + 3589 as published" in the_line(expressions.load_ferplus, elsewhere)
    shutil.copy(real, elsewhere.parent)
    assert_votes_of(expressions.load_ferplus(elsewhere), some_votes(), usage)


def test_votes_beside_class_folders_and_damaged_votes_are_refused(no_real_data, real):
    path = real.with_name("fer2013new.csv")
    path.write_text("Usage\n", encoding="utf-8")
    assert the_line(expressions.load_ferplus).startswith(f"{path}: line 1: found a header without")
    fer2013.write_ferplus(path, some_votes(), some_rows().usage)
    real.unlink()
    (real.parent / "Training").mkdir()
    text = the_line(expressions.load_ferplus)
    assert text.startswith(f"{real.parent}: found a folder, expected fer2013.csv")


# ------------------------------------------------------------------------------------------------ the command


def test_a_warning_of_the_command_is_one_line(course, real):
    expressions.load(REAL_SMOKE)
    fer2013.cache_path(real).write_bytes(b"damaged")
    code, out, err = course("data", "status")
    assert code == 0 and "14 + 7 + 7" in out
    assert err.startswith(f"course: warning: {fer2013.cache_path(real)}: not used, damaged")
    assert err.count("\n") == 1 and err.endswith("the images come from fer2013.csv\n")


def test_columns_of_the_command_are_wide_enough(course, monkeypatch):
    lines = [check.Line("OK", f"data:{name}", "found") for name in datasets.NAMES]
    monkeypatch.setattr(check, "findings", lambda: lines)
    _, out, _ = course("check")
    assert len({line.index(" found") for line in out.splitlines()}) == 1
    _, out, _ = course("cases", "list")
    known = cases.all_cases().values()
    assert len({line.index(case.lesson) for line, case in zip(out.splitlines(), known, strict=True)}) == 1
