"""Figures show what they are given: checked on the data inside the axes."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import plotting


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_kernel_grid_puts_each_kernel_on_its_tile():
    kernels = np.arange(2 * 2 * 1 * 3, dtype=float).reshape(2, 2, 1, 3)
    ax = plotting.kernel_grid(kernels, columns=2)
    canvas = np.asarray(ax.images[0].get_array().filled(np.nan))
    assert canvas.shape == (5, 5)
    np.testing.assert_array_equal(canvas[:2, :2], kernels[:, :, 0, 0])
    np.testing.assert_array_equal(canvas[:2, 3:], kernels[:, :, 0, 1])
    np.testing.assert_array_equal(canvas[3:, :2], kernels[:, :, 0, 2])
    assert np.isnan(canvas[2]).all()


def test_kernel_grid_refuses_colour():
    with pytest.raises(ValueError, match="one input channel"):
        plotting.kernel_grid(np.zeros((3, 3, 2, 4)))


def test_stretch_is_the_sources_and_says_nan_for_no_range():
    assert plotting.stretch(np.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 127.5, 255.0]
    assert np.isnan(plotting.stretch(np.zeros(3))).all()


def test_image_row_takes_both_shapes_and_keeps_one_scale():
    images = np.stack([np.zeros((14, 14)), np.full((14, 14), 9.0)])
    for given in (images, images[..., None]):
        ax = plotting.image_row(given, ["a", "b"])
        assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
        assert ax.images[0].get_clim() == (0.0, 9.0)


def test_intervals_draw_each_row_where_it_belongs():
    ax = plotting.intervals({"few": (0.5, 0.2, 0.8), "many": (0.5, 0.4, 0.6)})
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert spans == [(0.2, 0.8), (0.4, 0.6)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["few", "many"]


def test_layer_bars_end_at_their_values_and_write_them():
    ax = plotting.layer_bars({"a": {"one": 100.0, "two": 0.0}, "b": {"one": 1.0, "two": 10.0}})
    ends = sorted(round(patch.get_x() + patch.get_width(), 6) for patch in ax.patches)
    assert ends == [0.1, 1.0, 10.0, 100.0]  # 0 ends at the left edge, a tenth of the smallest value
    assert {text.get_text().strip() for text in ax.texts} == {"100", "0", "1", "10"}
    assert ax.get_xscale() == "log"


def test_curve_draws_its_reference_level():
    ax = plotting.curve([1, 2], [3.0, 4.0], level=("floor", 1.0))
    assert ax.lines[0].get_ydata().tolist() == [3.0, 4.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["floor"]


def test_given_axes_are_used_and_returned():
    _, ax = plt.subplots()
    assert plotting.curve([0], [0], ax=ax) is ax
    assert plotting.kernel_grid(np.zeros((3, 3, 1, 2)), ax=ax) is ax


def test_palette_is_distinct():
    assert len(set(plotting.COLOURS)) == len(plotting.COLOURS) >= 7
