"""Confidence against accuracy, and views of a picture: against hand counts, scikit-learn and SciPy."""

import keras
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax as scipy_softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from course_utils.probes import confidence, views


def made(n=4000, temperature=1.0, seed=0, classes=5):
    """Labels drawn from the softmax of logits, and these logits times ``temperature``: too sure by that factor."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, classes))
    cumulated = confidence.softmax(logits).cumsum(axis=1)
    labels = (rng.random((n, 1)) > cumulated).sum(axis=1).clip(0, classes - 1)
    return labels, logits * temperature


# -------------------------------------------------------------------------------------------------- softmax


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_softmax_agrees_with_scipy_at_any_temperature(temperature):
    logits = np.random.default_rng(1).normal(0, 30, (3, 8, 7))
    np.testing.assert_allclose(
        confidence.softmax(logits, temperature), scipy_softmax(logits / temperature, axis=-1), rtol=1e-10, atol=1e-300
    )


def test_softmax_of_large_logits_does_not_overflow():
    np.testing.assert_array_equal(confidence.softmax([[1e4, -1e4], [-1e4, -1e4]]), [[1, 0], [0.5, 0.5]])


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="expected a positive"):
        confidence.softmax([[1.0, 2.0]], temperature)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_counted_and_refused(bad):
    with pytest.raises(ValueError, match="1 logits are not finite"):
        confidence.softmax([[1.0, bad]])


# ---------------------------------------------------------------------------------------------- reliability


def test_reliability_by_hand():
    probabilities = [[0.9, 0.1], [0.8, 0.2], [0.35, 0.65], [0.0, 1.0]]
    low, high = confidence.reliability([0, 1, 1, 1], probabilities, bins=4)[0], None
    assert low == (0.5, 0.75, 1, 0.65, 1.0)
    high = confidence.reliability([0, 1, 1, 1], probabilities, bins=4)[1]
    assert high[:3] == (0.75, 1.0, 3)
    assert high.confidence == pytest.approx(0.9)
    assert high.accuracy == pytest.approx(2 / 3)


def test_reliability_agrees_with_scikit_learn():
    labels, logits = made()
    probabilities = confidence.softmax(logits)
    right = probabilities.argmax(axis=1) == labels
    accuracy, sure = calibration_curve(right, probabilities.max(axis=1), n_bins=10)
    table = confidence.reliability(labels, probabilities)
    np.testing.assert_allclose([one.accuracy for one in table], accuracy)
    np.testing.assert_allclose([one.confidence for one in table], sure)
    assert sum(one.count for one in table) == len(labels)


def test_a_certain_answer_lies_in_the_last_bin():
    (only,) = confidence.reliability([1], [[0.0, 1.0]], bins=10)
    assert (only.low, only.high, only.count) == (0.9, 1.0, 1)


def test_calibration_error_by_hand():
    # four answers at 0.75, two of them right: 0.25 off; one at 1.0, right
    probabilities = [[0.75, 0.25]] * 4 + [[1.0, 0.0]]
    assert confidence.calibration_error([0, 0, 1, 1, 0], probabilities, bins=2) == pytest.approx(0.8 - 0.6)
    assert confidence.calibration_error([0, 0, 1, 1, 0], probabilities, bins=10) == pytest.approx(0.8 * 0.25)


def test_an_honest_model_has_a_small_calibration_error_and_an_overconfident_one_a_large():
    labels, logits = made(20_000)
    honest = confidence.calibration_error(labels, confidence.softmax(logits))
    sure = confidence.calibration_error(labels, confidence.softmax(3 * logits))
    assert honest < 0.015
    assert sure > 0.1


# ---------------------------------------------------------------------------------------------- temperature


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_best_temperature_is_the_one_that_was_put_in(temperature):
    labels, logits = made(20_000, temperature)
    assert confidence.best_temperature(labels, logits) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_the_best_temperature_agrees_with_scipy(temperature):
    labels, logits = made(500, temperature, seed=3)
    found = minimize_scalar(
        lambda t: log_loss(labels, confidence.softmax(logits, t), labels=range(5)), bounds=(0.05, 20), method="bounded"
    )
    assert confidence.best_temperature(labels, logits) == pytest.approx(found.x, rel=1e-3)


def test_labels_that_are_always_right_drive_the_temperature_to_its_lower_end():
    logits = np.random.default_rng(2).normal(size=(50, 4))
    assert confidence.best_temperature(logits.argmax(axis=1), logits) == pytest.approx(0.05)
    assert confidence.best_temperature(logits.argmin(axis=1), logits) == pytest.approx(20.0)


def test_temperature_changes_no_answer():
    _, logits = made(300)
    cooled = confidence.softmax(logits, 5.0)
    np.testing.assert_array_equal(cooled.argmax(axis=1), logits.argmax(axis=1))


def test_cross_entropy_agrees_with_scikit_learn_and_is_infinite_at_zero():
    labels, logits = made(200)
    probabilities = confidence.softmax(logits)
    assert confidence.cross_entropy(labels, probabilities) == pytest.approx(
        log_loss(labels, probabilities, labels=range(5))
    )
    assert confidence.cross_entropy([1], [[1.0, 0.0]]) == np.inf


@pytest.mark.parametrize(
    ("labels", "probabilities", "says"),
    [
        ([0, 1], [[0.5, 0.5]], "expected \\(N,\\) and \\(N, C\\)"),
        ([], np.zeros((0, 2)), "N > 0"),
        ([2], [[0.5, 0.5]], "expected integers below 2"),
        ([-1], [[0.5, 0.5]], "expected integers below 2"),
        ([0.0], [[0.5, 0.5]], "expected integers"),
        ([0, 0], [[0.5, 0.5], [0.7, 0.7]], "row 1 sums to 1.4"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(labels, probabilities, says):
    for measure in (confidence.reliability, confidence.calibration_error, confidence.cross_entropy):
        with pytest.raises(ValueError, match=says):
            measure(np.array(labels), np.array(probabilities))


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        confidence.reliability([0], [[1.0, 0.0]], bins=0)


# ---------------------------------------------------------------------------------------------------- views


def test_mirrored_twice_is_the_picture():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 1), dtype=np.uint8)
    np.testing.assert_array_equal(views.mirrored(views.mirrored(images)), images)
    np.testing.assert_array_equal(views.mirrored(images)[0, :, 0], images[0, :, -1])


@pytest.mark.parametrize(("down", "right"), [(1, 0), (-2, 0), (0, 1), (0, -2), (2, -1)])
def test_shifted_moves_every_pixel_and_repeats_the_border(down, right):
    images = np.arange(30, dtype=np.uint8).reshape(1, 6, 5, 1)
    moved = views.shifted(images, down, right)
    rows, columns = np.mgrid[:6, :5]
    expected = images[0, (rows - down).clip(0, 5), (columns - right).clip(0, 4)]
    np.testing.assert_array_equal(moved[0], expected)
    assert moved.dtype == images.dtype


def test_ten_views_are_ten_different_pictures_the_first_as_it_was():
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 1), dtype=np.uint8)
    found = views.ten_views(images)
    assert len({one.tobytes() for one in found}) == 10
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[5], views.mirrored(images))


def test_probabilities_of_views_answers_in_inference_mode():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.9), keras.layers.Dense(3)]
    )
    images = np.random.default_rng(0).random((7, 6, 6, 1)).astype("float32")
    found = views.probabilities_of_views(model, [images, views.mirrored(images)], batch_size=4)
    assert found.shape == (2, 7, 3)
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(found[0], confidence.softmax(images.reshape(7, -1) @ kernel + bias), atol=1e-6)
