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
