"""What needs no training: sizes, rates, and what published labels and predictions say by themselves."""

import io
import tarfile

import numpy as np
import pytest

from course_utils import runtime
from course_utils.datasets import expressions, fer2013, icvl
from course_utils.experiments import facts
from course_utils.rendering import hand
from course_utils.runtime import DataError, Run

RUN = Run(runtime.FULL, 0, "tensorflow", "CPU")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


def test_published_files_are_read_only_where_real_data_are_asked_for():
    assert facts.rows(runtime.REDUCED) == ["networks", "rates"]
    assert facts.rows(runtime.FULL) == ["networks", "rates", "ICVL labels", "ICVL predictions", "FER2013 rows"]


def test_the_documented_networks_have_their_documented_sizes():
    found = facts.measure("networks", RUN)
    assert found["digits: parameters"] == 832 + 51_264 + 3_212_288 + 10_250
    assert found["hands: parameters"] == 157_336_832
    assert found["mdm: features, patches of 30"] == 68 * 6 * 6 * 64
    assert found["mdm, tall: first row kept"] + found["mdm, tall: rows kept"] == 762
    assert found["units of 512 that keep 0.3 lets pass"] == pytest.approx(0.3 * 512, abs=1)


def test_the_posted_hands_network_is_as_large_as_the_arithmetic_says():
    from course_utils.models.hands import documented_regressor

    small = documented_regressor("small")
    height, width = small.input_shape[1:3]
    flat = (height // 2) * (width // 2) * 8
    assert small.count_params() == flat * 256 + 256 + 256 * 48 + 48 + 5 * 5 * 8 + 8


def test_the_rate_rounds_as_it_was_logged_in_float32_only():
    found = facts.measure("rates", RUN)
    single, double = (found[f"rate from 0.0005 at step 244799, {kind}"] for kind in ("float32", "float64"))
    assert f"{single:.6g}" == "1.49615e-13"
    assert f"{double:.6g}" != "1.49615e-13"


def archive(folder, joints, wrong=0.0):
    """The archive of the public evaluation code, with made labels and predictions ``wrong`` mm too deep."""
    lines = {}
    first = icvl.PUBLISHED_FRAMES[0]
    for number, part in ((1, joints[:first]), (2, joints[first:])):
        lines[f"test_seq_{number}"] = [
            f"image_{i:04d}.png " + " ".join(map(str, one.ravel())) for i, one in enumerate(part)
        ]
    shifted = joints + np.array([0, 0, wrong])
    for file in (*facts.METHODS.values(), *facts.METHODS_ON_SEQUENCE_1.values()):
        some = shifted[:first] if file in facts.METHODS_ON_SEQUENCE_1.values() else shifted
        lines[file] = [" ".join(map(str, one.ravel())) for one in some]
    (folder / "icvl").mkdir()
    with tarfile.open(folder / "icvl" / facts.ARCHIVE, "w:gz") as packed:
        for name, text in lines.items():
            content = "\n".join(text).encode()
            member = tarfile.TarInfo(f"evaluation/{name}.txt")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))


def test_labels_and_predictions_are_scored(data):
    _, joints = hand.render(8, seed=1)
    joints = np.resize(np.asarray(joints, np.float64), (sum(icvl.PUBLISHED_FRAMES), 16, 3))
    archive(data, joints, wrong=3.0)
    labels, predictions = facts.measure("ICVL labels", RUN), facts.measure("ICVL predictions", RUN)
    assert labels["loss of zeros"] == pytest.approx(np.mean(joints**2))
    assert labels["mm, mean pose on the true centroid"] < labels["mm, all joints at the true centroid"]
    assert labels["mm, mean pose on the true centroid"] < labels["mm, constant pose"]
    assert set(predictions) == {f"mm, {name}" for name in facts.METHODS | facts.METHODS_ON_SEQUENCE_1}
    assert all(3.0 <= error < 3.5 for error in predictions.values())  # deeper along the ray moves x and y a little


@pytest.mark.parametrize("row", ["ICVL labels", "ICVL predictions", "FER2013 rows"])
def test_missing_files_are_an_error_that_names_the_place(data, row):
    with pytest.raises(DataError, match=str(data)):
        facts.measure(row, RUN)


def test_copies_and_classes_of_fer2013_are_counted(data):
    images = np.random.default_rng(0).integers(0, 256, (14, 48, 48), dtype=np.uint8)
    images[8] = images[0]  # a picture of Training in PublicTest, under another label
    rows = fer2013.Rows(images, np.arange(14, dtype=np.uint8) % 7, np.repeat(np.uint8([0, 1, 2]), (7, 3, 4)))
    fer2013.write_csv(data / "fer2013.csv", rows)
    assert expressions.find() == data / "fer2013.csv"
    found = facts.measure("FER2013 rows", RUN)
    assert (found["rows Training"], found["Training disgust"], found["distinct pictures"]) == (7, 1, 13)
    assert (found["rows of PublicTest in Training"], found["rows of PrivateTest in Training"]) == (1, 0)
    assert found["pictures with two labels"] == 1
    assert found["total weight with disgust ×10"] == pytest.approx(16 / 7)
    assert 0 <= found["p of equal class shares"] <= 1
