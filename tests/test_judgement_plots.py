"""Confusion matrix and reliability diagram: what is drawn is what was given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import plotting
from course_utils.probes.confidence import Bin

COUNTS = [[8, 2, 0], [1, 1, 2], [0, 0, 0]]
NAMES = ("angry", "sad", "never")
BINS = [Bin(0.4, 0.5, 10, 0.46, 0.3), Bin(0.5, 0.6, 40, 0.55, 0.6)]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_rows_are_shares_of_the_true_class():
    ax = plotting.confusion_matrix(COUNTS, NAMES)
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2, 0], [0.25, 0.25, 0.5], [0, 0, 0]])
    assert texts(ax) == ["80", "20", "0", "25", "25", "50", "0", "0", "0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["angry (10)", "sad (4)", "never (0)"]
    assert "%" in ax.get_xlabel()


def test_counts_are_written_where_asked():
    ax = plotting.confusion_matrix(COUNTS, NAMES, share=False)
    assert texts(ax)[:3] == ["8", "2", "0"]
    assert "pictures" in ax.get_xlabel()


def test_it_draws_where_it_is_told():
    _, ax = plt.subplots()
    assert plotting.confusion_matrix(COUNTS, NAMES, ax=ax) is ax
    _, other = plt.subplots()
    assert plotting.reliability_diagram(BINS, ax=other) is other


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ([[1, 2], [3, 4]], "expected \\(3, 3\\)"),
        ([[1, 2, 3]] * 2, "expected \\(3, 3\\)"),
        (-np.ones((3, 3)), "none below 0"),
    ],
)
def test_what_is_no_confusion_is_refused(counts, says):
    with pytest.raises(ValueError, match=says):
        plotting.confusion_matrix(counts, NAMES)


def test_a_reliability_diagram_holds_the_bins_and_the_diagonal():
    ax = plotting.reliability_diagram(BINS, label="as trained")
    diagonal, line = ax.lines
    np.testing.assert_allclose(diagonal.get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_allclose(line.get_xydata(), [[0.46, 0.3], [0.55, 0.6]])
    small, large = ax.collections[0].get_sizes()
    assert small < large
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["as right as sure", "as trained"]


def test_a_second_model_has_another_colour_and_no_second_diagonal():
    ax = plotting.reliability_diagram(BINS, label="one")
    plotting.reliability_diagram(BINS[:1], label="two", ax=ax)
    diagonal, first, second = ax.lines
    assert diagonal.get_linestyle() == ":"
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        plotting.reliability_diagram([])
