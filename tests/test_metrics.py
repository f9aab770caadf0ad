"""Metrics against values worked out by hand or by an independent library."""

import numpy as np
import pytest
from scipy.stats import binomtest

from course_utils import metrics

LABELS = np.array([0, 1, 2, 1])
SCORES = np.array([[3.0, 1, 1], [0, 2, 1], [5, 0, 1], [0, 1, 2]])


def test_accuracy_counts_the_largest_score():
    assert metrics.accuracy(LABELS, SCORES) == 0.5
    assert metrics.is_correct(LABELS, SCORES).tolist() == [True, True, False, False]


def test_confusion_has_truth_in_rows():
    assert metrics.confusion(LABELS, SCORES).tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize("scores", [SCORES[:3], SCORES[:, 0], np.zeros((0, 3))])
def test_mismatched_shapes_are_refused(scores):
    with pytest.raises(ValueError, match="expected"):
        metrics.accuracy(LABELS, scores)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (249, 256), (9908, 10_000), (1, 3)])
def test_wilson_interval_equals_scipys(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert metrics.wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-7)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(ValueError, match="expected 0 <= successes <= trials"):
        metrics.wilson_interval(successes, trials)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_classes_are_refused(label):
    with pytest.raises(ValueError, match="expected 0 to 2"):
        metrics.confusion(np.array([0, 1, 2, label]), SCORES)


def test_difference_interval_equals_newcombes_published_example():
    """Newcombe 1998, table II, method 10: 56/70 − 48/80 gives 0.0524 to 0.3339."""
    a, b = np.arange(70) < 56, np.arange(80) < 48
    assert metrics.difference_interval(a, b) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_difference_interval_of_equal_scores_holds_zero():
    low, high = metrics.difference_interval(np.arange(50) < 40, np.arange(50) < 40)
    assert low < 0 < high
    assert low == pytest.approx(-high)


def test_paired_interval_by_hand_and_narrower_than_unpaired():
    a, b = np.arange(100) < 90, (np.arange(100) < 80) | (np.arange(100) >= 98)
    # only a: 10 images, only b: 2 images; adjusted shares 11/102 and 3/102
    p, q = 11 / 102, 3 / 102
    half = 1.959964 * np.sqrt((p + q - (p - q) ** 2) / 102)
    assert metrics.paired_difference_interval(a, b) == pytest.approx((p - q - half, p - q + half))
    low, high = metrics.difference_interval(a, b)
    assert 2 * half < high - low
    with pytest.raises(ValueError, match="same images"):
        metrics.paired_difference_interval(a, b[:50])


def test_rms():
    assert metrics.rms([3.0, 4.0]) == pytest.approx(np.sqrt(12.5))
    assert metrics.rms([]) == 0.0


#: Two frames of two points, with distances 5, 0 and 13, 1.
TRUTH = np.array([[[0, 0, 300], [10, 20, 350]], [[1, 1, 1], [0, 0, 0]]])
PREDICTED = np.array([[[3, 4, 300], [10, 20, 350]], [[4, 5, 13], [0, 0, -1]]])


def test_joint_errors_by_hand_in_three_and_two_dimensions():
    assert metrics.joint_errors(TRUTH, PREDICTED).tolist() == [[5.0, 0.0], [13.0, 1.0]]
    assert metrics.joint_errors(TRUTH[..., :2], PREDICTED[..., :2]).tolist() == [[5.0, 0.0], [5.0, 0.0]]
    assert metrics.mean_joint_error(TRUTH, PREDICTED) == 4.75
    assert metrics.per_joint_error(TRUTH, PREDICTED).tolist() == [9.0, 0.5]


def test_joint_errors_of_unsigned_integers_do_not_wrap_round():
    one, four = np.full((1, 1, 3), 1, np.uint16), np.full((1, 1, 3), 4, np.uint16)
    assert metrics.joint_errors(four, one)[0, 0] == metrics.joint_errors(one, four)[0, 0] == pytest.approx(27**0.5)


def test_a_missing_point_stays_missing():
    broken = PREDICTED.astype(float)
    broken[0, 1, 2] = np.nan
    np.testing.assert_array_equal(metrics.joint_errors(TRUTH, broken), [[5.0, np.nan], [13.0, 1.0]])
    assert np.isnan(metrics.mean_joint_error(TRUTH, broken))
    np.testing.assert_array_equal(metrics.per_joint_error(TRUTH, broken), [9.0, np.nan])


@pytest.mark.parametrize("function", [metrics.joint_errors, metrics.mean_joint_error, metrics.per_joint_error])
@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        (TRUTH, PREDICTED[:1]),  # would broadcast
        (TRUTH, PREDICTED[..., :2]),
        (TRUTH[0], PREDICTED[0]),  # one frame without its axis
        (TRUTH.reshape(2, 6), PREDICTED.reshape(2, 6)),
        (np.zeros((2, 2, 4)), np.zeros((2, 2, 4))),
        (TRUTH[:0], PREDICTED[:0]),
        (TRUTH[:, :0], PREDICTED[:, :0]),
    ],
)
def test_joints_of_other_shapes_are_refused(function, truth, predicted):
    with pytest.raises(ValueError, match="expected"):
        function(truth, predicted)


def test_success_curve_judges_a_frame_by_its_worst_point():
    errors = [[1.0, 5.0], [2.0, 2.0], [9.0, 0.0], [0.0, np.nan]]  # worst: 5, 2, 9, never
    shares = metrics.success_curve(errors, [9.0, 1.9, 2.0, 5.0, 8.9, np.inf])
    assert shares.tolist() == [0.75, 0.0, 0.25, 0.5, 0.5, 0.75]


@pytest.mark.parametrize(
    ("errors", "thresholds"),
    [([1.0, 2.0], [1.0]), ([[1.0]], 1.0), (np.zeros((0, 3)), [1.0]), (np.zeros((3, 0)), [1.0])],
)
def test_success_curve_refuses_other_shapes(errors, thresholds):
    with pytest.raises(ValueError, match="expected"):
        metrics.success_curve(errors, thresholds)
