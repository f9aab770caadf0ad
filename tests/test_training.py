"""Dealing batches and drawing the live curve, without a backend's help."""

import itertools
from unittest.mock import MagicMock

import numpy as np
import pytest

from course_utils.training import LiveCurve, shuffled_batches

X, Y = np.arange(10), np.arange(10) * 10


def deal(count, **arguments):
    return [x.tolist() for x, _ in itertools.islice(shuffled_batches(X, Y, 4, **{"seed": 1, **arguments}), count)]


def test_rows_and_targets_stay_together():
    for x, y in itertools.islice(shuffled_batches(X, Y, 4, seed=0), 6):
        assert (y == 10 * x).all()


def test_every_pass_deals_full_batches_of_different_rows():
    first_pass = [row for batch in deal(2) for row in batch]
    assert len(set(first_pass)) == 8
    assert all(len(batch) == 4 for batch in deal(9))


def test_same_seed_same_order_other_seed_other_order():
    assert deal(6) == deal(6)
    assert deal(6) != deal(6, seed=2)


def test_passes_differ():
    assert deal(4)[:2] != deal(4)[2:]


@pytest.mark.parametrize("start", [1, 2, 5])
def test_start_goes_on_where_another_run_stopped(start):
    assert deal(3, start=start) == deal(3 + start)[start:]


@pytest.mark.parametrize(("rows", "targets", "batch"), [(10, 9, 4), (3, 3, 4), (10, 10, 0)])
def test_impossible_batches_are_refused_at_once(rows, targets, batch):
    with pytest.raises(ValueError, match="expected"):
        shuffled_batches(X[:rows], Y[:targets], batch, seed=0)


def test_live_curve_keeps_every_step_and_draws_with_its_level(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: MagicMock())
    monkeypatch.setattr("IPython.display.display", lambda figure, display_id: shown.append(figure))
    live = LiveCurve("loss", level=("baseline", 2.3), every=1e9)
    live.on_train_begin()
    for value in (3.0, 2.0, 1.0):
        live.on_train_batch_end(0, {"loss": value})
    live.on_train_end()
    assert (live.steps, live.values) == ([1, 2, 3], [3.0, 2.0, 1.0])
    lines = shown[-1].axes[0].lines
    assert lines[0].get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert set(lines[1].get_ydata()) == {2.3}
    assert "1 after 3 steps" in shown[-1].axes[0].get_title(loc="left")


def test_live_curve_outside_a_notebook_shows_nothing(capsys):
    live = LiveCurve("loss", every=0)
    live.on_train_begin()
    live.on_train_batch_end(0, {"loss": 1.0})
    live.on_train_end()
    assert live.values == [1.0]
    assert capsys.readouterr().out == ""
