"""Claims of the write-up are held against real pictures only, and each kind of verdict can come out."""

import pytest

from course_utils import plotting
from course_utils.experiments import ladder, ladder_verdicts
from course_utils.experiments.ladder_verdicts import CLAIMS, SAMPLING, Claim, judge
from course_utils.runtime import DataError

FLAT = [0.5, 0.58, 0.59, 0.59, 0.59, 0.59, 0.59, 0.59]
STEEP = [0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.53, 0.56]


def measured(level, curve=FLAT, **more):
    """What one row measured: smoothed accuracy ``level``, PublicTest along ``curve``."""
    at = {f"public_{10 * n}": value for n, value in enumerate(curve, start=1)}
    at |= {"public_peak": level, "public_average": level, "private_best": level, "private_last": level}
    at |= {f"train_mode_{10 * n}": value for n, value in enumerate(curve[:-1], start=1)}
    at |= {f"train_mode_{10 * len(curve)}": 0.6, "steps": 10 * len(curve), "batch": 256}
    return at | {"public_smoothed": level} | more


def result(data="real", **rows):
    """A result with these rows; a list stands for several seeds."""
    found = []
    for name, runs in rows.items():
        for seed, one in enumerate(runs if isinstance(runs, list) else [runs]):
            found.append({"row": name, "seed": seed, "measured": one})
    return {"experiment": "ladder", "size": {"data": data}, "rows": found}


LEVEL = Claim("a", "57–59 %", 0.57, 0.59)
LONG_ENOUGH = ladder_verdicts.ENOUGH // 80


@pytest.mark.parametrize(
    ("level", "curve", "batch", "verdict"),
    [
        (0.58, FLAT, 256, "reproduced"),
        (0.57 - 0.9 * SAMPLING, FLAT, 256, "reproduced"),
        (0.58, STEEP, LONG_ENOUGH, "not measured"),
        (0.57 - 1.1 * SAMPLING, FLAT, 256, "not measured"),
        (0.57 - 1.1 * SAMPLING, FLAT, LONG_ENOUGH, "refuted"),
        (0.57 - 1.1 * SAMPLING, STEEP, LONG_ENOUGH, "not measured"),
        (0.59 + 1.1 * SAMPLING, FLAT, 256, "refuted"),
        (0.59 + 1.1 * SAMPLING, STEEP, 256, "refuted"),
        (float("nan"), FLAT, 256, "refuted"),
    ],
)
def test_a_level(level, curve, batch, verdict):
    assert judge(LEVEL, result(a=measured(level, curve, batch=batch)))["verdict"] == verdict


def test_every_seed_counts_and_not_their_mean():
    found = judge(LEVEL, result(a=[measured(0.50), measured(0.66)]))
    assert (found["verdict"], found["why"], found["seeds"]) == ("not measured", "seeds disagree", 2)
    assert found["measured"] == pytest.approx(0.58)
    assert ladder_verdicts.numbers_of(result(a=[measured(0.50), measured(0.66)]), LEVEL) == {0: 0.50, 1: 0.66}
    assert judge(LEVEL, result(a=[measured(0.57), measured(0.59)]))["verdict"] == "reproduced"
    assert judge(LEVEL, result(a=[measured(0.66), measured(0.67)]))["verdict"] == "refuted"


@pytest.mark.parametrize(
    ("low", "high", "difference", "verdict"),
    [
        (0.0, None, 0.03, "reproduced"),
        (0.0, None, 0.01, "not measured"),
        (0.0, None, -0.01, "not measured"),
        (0.0, None, -0.03, "refuted"),
        (0.0, 0.0, 0.01, "reproduced"),
        (0.0, 0.0, -0.01, "reproduced"),
        (0.0, 0.0, 0.03, "refuted"),
        (0.0, 0.0, -0.03, "refuted"),
        (None, 0.0, -0.03, "reproduced"),
        (None, 0.0, 0.03, "refuted"),
    ],
)
def test_a_difference(low, high, difference, verdict):
    claim = Claim("a", "better", low, high, against=("b", "public_smoothed"))
    both = {name: [measured(level, batch=LONG_ENOUGH)] * 2 for name, level in (("a", 0.5 + difference), ("b", 0.5))}
    assert judge(claim, result(**both))["verdict"] == verdict


def test_a_short_run_refutes_nothing_by_being_low():
    claim = Claim("a", "better", 0.0, None, against=("b", "public_smoothed"))
    assert judge(claim, result(a=[measured(0.4)] * 2, b=[measured(0.5)] * 2))["why"] == "a short run"
    at_equal_steps = Claim("a", "better at equal steps", 0.0, None, against=("b", "public_smoothed"), at_end=False)
    assert judge(at_equal_steps, result(a=[measured(0.4)] * 2, b=[measured(0.5)] * 2))["verdict"] == "refuted"


def test_a_difference_of_two_rows_takes_two_seeds_and_flat_curves():
    claim = Claim("a", "better", 0.0, None, against=("b", "public_smoothed"))
    assert judge(claim, result(a=measured(0.6), b=measured(0.5)))["why"] == "one seed"
    rising = {"a": [measured(0.6, STEEP)] * 2, "b": [measured(0.5)] * 2}
    assert judge(claim, result(**rising))["why"] == "still rising"
    at_equal_steps = Claim("a", "better at equal steps", 0.0, None, against=("b", "public_smoothed"), at_end=False)
    assert judge(at_equal_steps, result(**rising))["verdict"] == "reproduced"


def test_two_values_of_one_row_may_be_compared_with_one_seed():
    claim = Claim("a", "better", 0.0, None, "public_average", ("a", "public_last"))
    one = measured(0.5, public_average=0.53, public_last=0.5)
    assert judge(claim, result(a=one))["verdict"] == "reproduced"


def test_only_seeds_and_budgets_that_both_rows_have_are_compared():
    claim = Claim("a", "better", 0.0, None, against=("b", "public_smoothed"))
    found = judge(claim, result(a=[measured(0.6)] * 3, b=[measured(0.5)] * 2))
    assert found["seeds"] == 2
    long_only = {"a" + ladder.LONG: [measured(0.4)] * 2, "a": [measured(0.6)] * 2, "b": [measured(0.5)] * 2}
    assert judge(claim, result(**long_only))["measured"] == pytest.approx(0.1)


def test_what_was_not_run_is_not_measured():
    assert judge(LEVEL, result(b=measured(0.58)))["verdict"] == "not measured"
    claim = Claim("a", "better", 0.0, None, against=("b", "public_smoothed"))
    assert judge(claim, result(a=measured(0.58)))["verdict"] == "not measured"


def test_the_long_run_of_a_row_takes_the_place_of_the_short_one():
    found = judge(LEVEL, result(a=measured(0.40), **{"a" + ladder.LONG: measured(0.58)}))
    assert found["measured"] == pytest.approx(0.58)


def test_the_training_accuracy_is_that_of_the_last_steps():
    claim = Claim("a", "near 1", 0.95, None, "train_mode")
    found = judge(claim, result(a=measured(0.3)))
    assert found["measured"] == pytest.approx(0.6)
    assert found["verdict"] == "not measured"


def test_the_stand_in_gives_no_verdict():
    with pytest.raises(DataError, match="stand-in"):
        ladder_verdicts.table(result("stand-in", plain=measured(0.58)))


def test_every_claim_is_about_rows_and_values_that_the_experiment_has():
    keys = {"public_smoothed", "train_mode", "public_average", "private_best"}
    for claim in CLAIMS:
        assert claim.row in ladder.RECIPES
        assert claim.value in keys
        assert claim.low is not None or claim.high is not None
        if claim.against:
            assert claim.against[0] in ladder.RECIPES


def test_a_table_holds_the_rows_asked_for_in_the_order_of_the_ladder():
    found = ladder_verdicts.table(result(plain=measured(0.58)), rows=["+ flip", "plain"])
    assert [row["row"] for row in found] == [c.row for c in CLAIMS if c.row in ("plain", "+ flip")]
    assert {row["verdict"] for row in found if row["row"] == "+ flip"} == {"not measured"}


def test_bands_are_shares_of_rows():
    bands = ladder_verdicts.bands()
    assert bands["+ rotation"] == (0.66, 0.67)
    assert all(0 < low < 1 and (high is None or low <= high < 1) for low, high in bands.values())
    assert bands["dropout"][1] is None


def test_values_by_row_leave_out_rows_without_them():
    found = ladder_verdicts.by_row(result(a=[measured(0.5), measured(0.6)], b={"steps": 3}))
    assert found == {"a": [0.5, 0.6]}


# ----------------------------------------------------------------------------------------------------- the figure


def test_the_figure_has_a_dot_a_seed_a_mean_and_the_documented_band():
    ax = plotting.ladder({"a": [0.5, 0.6], "b": [], "c": [0.7]}, documented={"a": (0.57, 0.59), "d": (0, 1)})
    dots = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in dots] == [[0.5, 0.6], [0.7]]
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "None" and len(line.get_xdata())]
    assert means == pytest.approx([0.55, 0.7])
    (band,) = [patch for patch in ax.patches if patch.get_width() > 0]
    assert (band.get_x(), band.get_width()) == pytest.approx((0.57, 0.02))
    assert [text.get_text() for text in ax.texts] == ["not measured"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_a_band_that_is_open_above_is_an_arrow():
    ax = plotting.ladder({"a": [0.5]}, documented={"a": (0.6, None)})
    (arrow,) = [line for line in ax.lines if line.get_marker() == ">"]
    assert list(arrow.get_xdata()) == [0.6]
    assert not [patch for patch in ax.patches if patch.get_width() > 0]
