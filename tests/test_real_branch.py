"""Every lesson, and the experiments of Parts 3 and 4, run with real-format files at budget ``smoke``; the files are written here."""

import math

import pytest

from course_utils import cases, experiments, runtime
from course_utils.cli import lessons
from course_utils.datasets import digits, expressions_stand_in, faces, fer2013, hands

pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    """A data root with the stand-ins in the published formats."""
    folder = tmp_path_factory.mktemp("data")
    stand_in = digits.load(runtime.REDUCED)
    digits.write_npz(folder / "mnist" / "mnist.npz", stand_in)
    digits.write_idx_folder(folder / "idx" / "mnist", stand_in)
    faces.write(folder / "faces", faces.load(runtime.REDUCED, side=226, colour=True, train=80, test=30))
    (folder / "fer2013").mkdir()
    fer2013.write_csv(folder / "fer2013" / "fer2013.csv", expressions_stand_in.draw((140, 70, 70)))
    hands.write_icvl(folder / "icvl", hands.load(runtime.REDUCED, every=1, train=120, test=60))
    return folder


#: Lessons whose live part is the reduced size at every size, and whose verdicts say so; real data come from a named experiment.
REDUCED_ALWAYS = {name for name in lessons.names() if "43" <= name[:2] <= "51"}
#: What these measure on real files nevertheless, where there are any.
ON_REAL_FILES = {"fer-leaked-test-images", "fer-split-shift-myth"}


@pytest.mark.parametrize("lesson", lessons.names())
def test_lesson_runs_on_real_files_with_the_documented_network(lesson, data_folder, tmp_path):
    environment = {"COURSE_SIZE": "full,budget=smoke", "COURSE_DATA": str(data_folder), "COURSE_SEED": "3"}
    ended = lessons.execute(lesson, environment, working_folder=tmp_path)
    assert ended.error is None
    assert ended.cost is not None
    assert {verdict["id"] for verdict in ended.verdicts} == {case.id for case in cases.of_lesson(lesson)}
    for verdict in ended.verdicts:
        reduced = lesson in REDUCED_ALWAYS and verdict["id"] not in ON_REAL_FILES
        assert not verdict["judged"]
        assert verdict["size"]["data"] == ("stand-in" if reduced else "real"), verdict["id"]
    assert not list(tmp_path.iterdir()), "the lesson left files in its working folder"


def test_idx_files_serve_as_well(data_folder, tmp_path):
    environment = {"COURSE_SIZE": "data=real,budget=smoke", "COURSE_DATA": str(data_folder / "idx")}
    ended = lessons.execute("10_digits_convnet", environment, working_folder=tmp_path)
    assert ended.error is None


def test_a_lesson_without_its_data_says_how_to_get_them(tmp_path):
    (tmp_path / "home").mkdir()
    environment = {
        "COURSE_SIZE": "full",
        "COURSE_DATA": str(tmp_path),
        "HOME": str(tmp_path / "home"),
        "USERPROFILE": str(tmp_path / "home"),
    }
    ended = lessons.execute("10_digits_convnet", environment)
    assert ended.error is not None
    assert ended.error.startswith("DataError: MNIST not found in")
    assert "course data fetch digits" in ended.error


@pytest.mark.parametrize(
    ("name", "size", "row", "expected"),
    [
        ("faces_plateau", "reduced,budget=smoke", "unwritten pixels (noise)", {"many_loss_end", "moving_loss_end"}),
        ("faces_plateau", "reduced,budget=smoke", "images divided twice, then distorted", {"one_first_conv_1/bias"}),
        ("faces", "full,budget=smoke", "photos, trained on both", {"averaged: failures", "start: within 0.080"}),
        ("faces", "full,budget=smoke", "photos, trained on rendered faces", {"rendered_step_4: error"}),
        ("faces", "full,budget=smoke", "documented size: tall, 0.01", {"features_rms_first", "one_loss_end"}),
        ("expressions_bn", "full,budget=smoke", "rate 0.0005, keep 0.5", {"test_momentum_0.99_6", "test_dropped_6"}),
        (
            "expressions_bn",
            "reduced,budget=smoke",
            "rate 0.001, keep 1, inference mode throughout",
            {"train_4", "relu_3_std"},
        ),
        (
            "expressions_bn",
            "reduced,budget=smoke",
            "rate 0.001, keep 1, local response normalisation",
            {"conv_3_bias_rms"},
        ),
    ],
)
def test_an_experiment_measures_plain_finite_numbers(name, size, row, expected, data_folder, monkeypatch):
    monkeypatch.setenv("COURSE_SIZE", size)
    monkeypatch.setenv("COURSE_DATA", str(data_folder))
    run = runtime.start(quiet=True)
    assert row in experiments.get(name).rows(run.size)
    measured = experiments.get(name).measure(row, run)
    assert expected <= measured.keys()
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in measured.values())
    if row.startswith("documented"):
        assert measured["parameters"] == 100_219_432
        assert measured["gradient_first_conv_2/kernel"] < 0.1 * measured["gradient_first_conv_2/bias"]
    if row == "photos, trained on both":
        assert measured["photos_test"] == 30  # the test folder's
