"""Verdicts on documented claims come from committed numbers, and turn when the numbers do."""

import ast
import copy
import dataclasses
import math
import re

import pytest

from course_utils import cases, experiments, runtime
from course_utils.cli.pages import claims as pages
from course_utils.cli.pages import contract
from course_utils.experiments import backends, claims, ladder_verdicts
from course_utils.experiments.claims import NOT_MEASURED, REFUTED, REPRODUCED, STALE, VERDICTS, Claim, Records
from course_utils.experiments.claims.evidence import (
    EXAMPLE,
    ONE_RUN,
    ORDER,
    Check,
    Holds,
    Ladder,
    Measured,
    Nothing,
    Within,
    near,
    off,
    order,
    points,
)
from course_utils.experiments.claims.writing import rounded, written
from course_utils.runtime import CourseError, DataError

ALL = claims.all_claims()
COMMITTED = Records(backends=None)
FOUND = {name: claims.judge(claim, COMMITTED) for name, claim in ALL.items()}
MEASURED = [name for name, claim in ALL.items() if isinstance(claim.evidence, Measured)]
NUMBERS = [name for name in ALL if FOUND[name].seeds]
DECIDED = [name for name in MEASURED if FOUND[name].verdict in (REPRODUCED, REFUTED)]


def records_with(experiment, **changes):
    """The committed results, one of them changed."""
    return Records({experiment: copy.deepcopy(COMMITTED.result(experiment)) | changes}, None)


def experiment_of(claim):
    return "ladder" if isinstance(claim.evidence, Ladder) else claim.evidence.experiment


# ------------------------------------------------------------------------------------------------ the list itself


def test_every_registered_case_belongs_to_a_claim_of_its_part():
    known = cases.all_cases()
    named = {(name, claim.part) for claim in ALL.values() for name in claim.all_cases}
    assert named == {(name, known[name].part) for name, _ in named}  # KeyError for a case that does not exist
    assert {name for name, _ in named} == set(known)


def test_a_refuted_case_belongs_to_a_claim_with_numbers_that_refute_it():
    for case in cases.all_cases().values():
        if case.status == "refuted":
            verdicts = {FOUND[name].verdict for name, claim in ALL.items() if case.id in claim.all_cases}
            assert REFUTED in verdicts, case.id


def test_ids_are_unique_and_every_claim_says_who_and_what():
    listed = [claim for part in pages.HEADS for group in claims.groups(part).values() for claim in group]
    assert len({claim.id for claim in listed}) == len(listed) == len(ALL)
    for claim in listed:
        assert claim.what and claim.documented and claims.source_of(claim).words
    assert 8 <= sum(claim.telling for claim in listed) <= 12


def test_every_claim_of_the_ladder_is_there_once():
    there = [claim.evidence.claim for claim in ALL.values() if isinstance(claim.evidence, Ladder)]
    assert there == list(ladder_verdicts.CLAIMS)


def test_an_unknown_claim_of_the_ladder_is_named():
    with pytest.raises(CourseError, match="'99 %' of 'plain'"):
        Ladder("plain", "99 %").rule()


@pytest.mark.parametrize("name", MEASURED)
def test_every_number_is_of_a_row_and_a_value_that_the_experiment_has(name):
    evidence = ALL[name].evidence
    rows = experiments.get(evidence.experiment).rows(experiments.committed_size(evidence.experiment))
    result = COMMITTED.result(evidence.experiment)
    run = {row["row"] for row in result["rows"]}
    for check in evidence.checks:
        assert {check.row, check.other_row or check.row} <= set(rows)
        if {check.row, check.other_row or check.row} <= run:
            assert check.numbers(result)


# ------------------------------------------------------------------------------- rules that were once too loose


def judged_with(name, **rows):
    """The verdict on a claim with other numbers: row → what each seed measured; the row's other values stay."""
    claim = ALL[name]
    experiment = experiment_of(claim)
    made = copy.deepcopy(COMMITTED.result(experiment))
    for row, seeds in rows.items():
        old = next(r for r in made["rows"] if r["row"] == row)
        made["rows"] = [r for r in made["rows"] if r["row"] != row]
        made["rows"] += [old | {"seed": seed, "measured": old["measured"] | new} for seed, new in enumerate(seeds)]
    found = claims.judge(claim, Records({experiment: made}, None))
    return found.verdict, found.why


def test_a_linear_output_is_not_refuted_by_losses_that_fall():
    for name in ("hands-remove-relu", "hands-remove-relu-small", "hands-exponential-scaled"):
        assert FOUND[name].verdict == NOT_MEASURED and "falling" in FOUND[name].why
    for name in ("hands-remove-relu-small", "hands-exponential-scaled"):
        rows = {
            check.row: [{"loss_after_100": 3e9, "loss_after_200": 3e9, "loss_end": 3e9}] * 2
            for check in ALL[name].evidence.checks
        }
        assert judged_with(name, **rows) == (REFUTED, "")


def test_what_the_copies_add_must_be_half_a_point_at_least():
    made = COMMITTED.result("expressions_evaluation")
    same = [
        r["measured"] | {f"{s}_clean": r["measured"][f"{s}_last"] for s in ("public", "private")}
        for r in made["rows"]
        if r["row"] == "documented split"
    ]
    assert judged_with("fer-leaked", **{"documented split": same})[0] == REFUTED


def test_the_gap_needs_its_training_side():
    rows = {check.row for check in ALL["fer-bn-gap"].evidence.checks}
    apart = {f"train_mode_{step}": 0.8 for step in (1000, 2000, 4000)}
    none = {f"train_mode_{step}": 0.2 for step in (1000, 2000, 4000)}
    assert FOUND["fer-bn-gap"].why == "one seed"
    assert judged_with("fer-bn-gap", **{row: [apart] * 2 for row in rows}) == (REPRODUCED, "")
    assert judged_with("fer-bn-gap", **{row: [none] * 2 for row in rows})[0] == REFUTED


@pytest.mark.parametrize("name", ["fer-khaireddin", "fer-ensemble"])
def test_a_published_figure_of_another_network_is_a_goal(name):
    (check,) = ALL[name].evidence.checks
    some = {"rows": [{"row": check.row, "seed": 0, "measured": {check.value: 0.5}}]}
    made = records_with("expressions_beyond", **some)
    assert claims.judge(ALL[name], made).why == "a goal, not reached"
    some["rows"][0]["measured"][check.value] = 0.76
    assert claims.judge(ALL[name], made).verdict == REPRODUCED


def test_an_accuracy_claimed_at_a_step_is_judged_at_that_step():
    row = ALL["fer-first-accuracy"].evidence.checks[0].row
    assert judged_with("fer-first-accuracy", **{row: [{"test_1000": 0.40}]}) == (REFUTED, "")
    page = (runtime.repo_root() / "results" / "README.md").read_text(encoding="utf-8")
    assert "claimed *at a step* is judged at that step" in page


def test_rows_of_different_length_show_no_number():
    found = FOUND["fer-bn-weights"]
    assert (found.verdict, found.why, found.ours) == (NOT_MEASURED, "at different numbers of steps", "–")


def test_every_factor_has_a_name_and_stands_on_the_page():
    page = (runtime.repo_root() / "results" / "README.md").read_text(encoding="utf-8")
    named = {"ONE_RUN": ONE_RUN, "ORDER": ORDER, "EXAMPLE": EXAMPLE}
    assert named == {"ONE_RUN": 1.5, "ORDER": 10**0.5, "EXAMPLE": 10}
    for words in ("1.5 times", "√10 times", "10 times"):
        assert words in page
    for part in pages.HEADS:
        source = (runtime.repo_root() / f"course_utils/experiments/claims/{part}.py").read_text(encoding="utf-8")
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        for call in (call for call in calls if getattr(call.func, "id", "") == "near"):
            assert all(getattr(factor, "id", "") in named for factor in call.args[1:]), ast.unparse(call)


def test_plateaus_name_the_horizon_they_were_watched_over():
    for name, claim in ALL.items():
        values = [check.value for check in getattr(claim.evidence, "checks", ())]
        if "many_loss_end" in values:
            assert re.search(r"over [\d ]+ steps", claim.what), name


# ------------------------------------------------------------------------------------------- verdicts can turn


@pytest.mark.parametrize("name", DECIDED)
def test_a_number_across_its_bar_turns_the_verdict(name, monkeypatch):
    claim = ALL[name]
    was = FOUND[name].verdict

    def moved(check, result):
        rule, seeds = check.rule, FOUND[name].seeds
        if rule is None:
            return dict.fromkeys(seeds, 0.0)
        inside = rule.low if rule.high is None else rule.high if rule.low is None else (rule.low + rule.high) / 2
        inside += 0 if None not in (rule.low, rule.high) else 1e3 * (1 if rule.high is None else -1)
        wide = 10 * (1 + abs(inside))
        outside = rule.low - wide if rule.low is not None else rule.high + wide
        return dict.fromkeys(seeds, inside if was == REFUTED else outside)

    monkeypatch.setattr(Check, "numbers", moved)
    now = claims.judge(claim, COMMITTED).verdict
    assert now == REPRODUCED if was == REFUTED else now in (REFUTED, NOT_MEASURED)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_result_of_other_code_is_stale(name):
    changed = records_with(experiment_of(ALL[name]), stale=True)
    assert claims.judge(ALL[name], changed).verdict == STALE


@pytest.mark.parametrize("name", NUMBERS)
def test_without_rows_nothing_is_measured(name):
    empty = claims.judge(ALL[name], records_with(experiment_of(ALL[name]), rows=[]))
    assert (empty.verdict, empty.why, empty.ours) == (NOT_MEASURED, "not run", "–")


@pytest.mark.parametrize("name", DECIDED)
def test_the_stand_in_decides_nothing_on_published_data(name):
    claim = ALL[name]
    result = COMMITTED.result(claim.evidence.experiment)
    real = result["size"]["data"] == "real" if claim.evidence.real is None else claim.evidence.real
    assert real or not claim.about_data
    if claim.about_data:
        drawn = records_with(claim.evidence.experiment, size=result["size"] | {"data": "stand-in"})
        assert claims.judge(claim, drawn).verdict == NOT_MEASURED
    else:
        asked_of_data = dataclasses.replace(
            claim, about_data=True, evidence=dataclasses.replace(claim.evidence, real=False)
        )
        assert claims.judge(asked_of_data, COMMITTED).why == "only on the stand-in"


def test_a_result_that_is_not_there_is_not_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "result_path", lambda name: tmp_path / "none.json")
    nowhere = Records(backends=None)
    assert {claims.judge(claim, nowhere).verdict for claim in ALL.values()} == {NOT_MEASURED}


# --------------------------------------------------------------------------------------------------- the rules


def result(data="real", stale=False, **rows):
    """A result with rows, each a list of what its seeds measured."""
    listed = [
        {"row": row, "seed": seed, "measured": one} for row, runs in rows.items() for seed, one in enumerate(runs)
    ]
    return {"rows": listed, "size": {"data": data}, "stale": stale, "device": "CPU", "seeds": [0], "experiment": "x"}


def verdict(measured, about_data=True, **rows):
    """What a piece of evidence says of rows."""
    found = measured.find(about_data, Records({"x": result(**rows)}, None))
    return found.verdict, found.why


def one(rule=None, **more):
    return Measured("x", (Check("a", "v", rule or Within(1, 2)),), "x", **more)


def runs(*numbers, **more):
    return [{"v": number, **more} for number in numbers]


def test_a_rule_holds_on_every_seed_on_none_or_on_some():
    assert verdict(one(), a=runs(1, 2)) == (REPRODUCED, "")
    assert verdict(one(), a=runs(0.9, 2.1)) == (REFUTED, "")
    assert verdict(one(), a=runs(1.5, 2.1)) == (NOT_MEASURED, "seeds disagree")
    assert verdict(one(), a=runs(None)) == (REFUTED, "")  # not finite


def test_a_rule_needs_a_bar_and_knows_its_slack():
    with pytest.raises(CourseError, match="bar"):
        Within(None, None)
    assert Within(1, None, 0.1).holds(0.9) and not Within(1, None, 0.1).holds(0.89)
    assert Within(None, 1, 0.1).holds(1.1) and not Within(None, 1).holds(math.nan)
    assert near(10, 2) == Within(5, 20)
    assert off(10, 2) == Within(8, 12)
    assert order(10).low == pytest.approx(10**0.5)
    assert near(10).high == pytest.approx(15)
    assert Within(-0.1, 0.1, 0.05).text("{:.1f}") == "−0.1 to 0.1 (± 0.1)"
    assert (Within(3, None).text("{}"), Within(None, 3).text("{}"), off(3, 0).text("{}")) == ("≥ 3", "≤ 3", "3")


def test_too_few_seeds_and_a_spread_as_large_as_the_difference_are_not_measured():
    less = Measured("x", (Check("a", "v", Within(0, None), less=("b", "v")),), "x", seeds=2, beyond_spread=True)
    assert verdict(less, a=runs(2), b=runs(1)) == (NOT_MEASURED, "one seed")
    assert verdict(less, a=runs(2, 2.1), b=runs(1, 1.1)) == (REPRODUCED, "")
    assert verdict(less, a=runs(1, 1.1), b=runs(2, 2.1)) == (REFUTED, "")
    assert verdict(less, a=runs(2, 3.5), b=runs(1.5, 2.5)) == (NOT_MEASURED, "within the seeds' spread")
    in_points = Measured("x", (points("a", "v", Within(0, None), ("b", "v")),), "x", seeds=2, beyond_spread=True)
    assert verdict(in_points, a=runs(0.5, 0.52), b=runs(0.49, 0.51)) == (NOT_MEASURED, "within the seeds' spread")
    assert verdict(in_points, a=runs(0.6, 0.62), b=runs(0.49, 0.51)) == (REPRODUCED, "")


def test_rows_of_different_length_are_compared_at_a_step_only():
    at_end = Measured("x", (Check("a", "v", Within(0, None), less=("b", "v")),), "x")
    assert verdict(at_end, a=runs(2, steps=10), b=runs(1, steps=20)) == (NOT_MEASURED, "at different numbers of steps")
    two = dataclasses.replace(at_end, seeds=2)  # more seeds would not help
    assert verdict(two, a=runs(2, steps=10), b=runs(1, steps=20)) == (NOT_MEASURED, "at different numbers of steps")
    different = Records({"x": result(a=runs(2, steps=10), b=runs(1, steps=20))}, None)
    assert at_end.find(True, different).ours == "–"
    assert verdict(at_end, a=runs(2, steps=10), b=runs(1, steps=10)) == (REPRODUCED, "")
    at_step = Measured("x", (Check("a", "v_10", Within(0, None), less=("b", "v_10")),), "x")
    assert verdict(at_step, a=[{"v_10": 2, "steps": 10}], b=[{"v_10": 1, "steps": 20}]) == (REPRODUCED, "")


def test_a_short_run_refutes_nothing_by_being_low():
    low = one(enough=1000)
    assert verdict(low, a=runs(0, steps=10, batch=10)) == (NOT_MEASURED, "a short run")
    assert verdict(low, a=runs(0, steps=100, batch=10)) == (REFUTED, "")


def test_a_loss_that_still_falls_refutes_nothing_by_being_high():
    high = one(falling="loss")
    assert verdict(high, a=runs(5, loss_1=9, loss_2=5)) == (
        NOT_MEASURED,
        "a short run, its loss falling between the last two readings",
    )
    assert verdict(high, a=runs(5, loss_1=5.1, loss_2=5)) == (REFUTED, "")
    assert verdict(high, a=runs(None, loss_1=None, loss_2=None)) == (REFUTED, "")  # not finite: it cannot fall any more


def test_a_guard_on_one_number_does_not_save_another():
    checks = tuple(Check(row, "v", Within(None, 1), name=row) for row in "ab")
    both = Measured("x", checks, "x", falling="loss")
    falling, flat = {"loss_1": 9, "loss_2": 5}, {"loss_1": 5, "loss_2": 5}
    assert verdict(both, a=runs(5, **falling), b=runs(5, **falling))[0] == NOT_MEASURED
    assert verdict(both, a=runs(5, **falling), b=runs(5, **flat)) == (REFUTED, "b")


def test_a_goal_that_is_missed_is_not_refuted():
    goal = one(Within(1, None), no_refutation="a goal, not reached")
    assert verdict(goal, a=runs(0.9, 0.8)) == (NOT_MEASURED, "a goal, not reached")
    assert verdict(goal, a=runs(1.1, 1.2)) == (REPRODUCED, "")


def test_a_number_without_a_rule_is_shown_and_decides_nothing():
    beside = Measured("x", (Check("a", "v", Within(1, 2), name="end"), Check("a", "w", None, name="start")), "x")
    found = beside.find(True, Records({"x": result(a=[{"v": 1, "w": 99}])}, None))
    assert (found.verdict, found.ours) == (REPRODUCED, "end: 1; start: 99")
    assert beside.rule() == "1 to 2"


def test_readings_of_one_thing_must_agree():
    both = (Check("a", "v", Within(1, None), name="one"), Check("a", "w", Within(1, None), name="other"))
    assert verdict(Measured("x", both, "x", agree=True), a=[{"v": 1, "w": 0}])[1] == "two readings disagree"
    assert verdict(Measured("x", both, "x"), a=[{"v": 1, "w": 0}]) == (REFUTED, "other")
    assert verdict(Measured("x", both, "x"), a=[{"v": 0, "w": 0}]) == (REFUTED, "")


def test_a_number_is_divided_less_another_and_turned_by_seed():
    made = result(a=[{"v": 8, "w": 2}, {"v": 9, "w": 3}], b=[{"v": 2}])
    assert Check("a", "v", Within(0, None), over="w").numbers(made) == {0: 4, 1: 3}
    assert Check("a", "v", Within(0, None), less=("b", "v")).numbers(made) == {0: 6}
    assert Check("a", "v", Within(0, None), turn=lambda n: n / 4).numbers(made) == {0: 2, 1: 2.25}
    assert Check("a", "v", Within(0, None), "{:+.1f}").text([-1.0, 2.0]) == "−1.0 – +2.0"
    assert Check("a", "v", Within(0, None), name="share").text([1.0, math.nan]) == "share: 1 or not finite"
    assert Check("a", "v", Within(0, None)).text([math.nan]) == "not finite"
    assert points("a", "v", Within(0.5, None), less="w").text([0.71, 0.8]) == "+0.7 – +0.8 points"
    assert points("a", "v", Within(0.5, None), less="w").rule_text() == "≥ +0.5 points"
    share = result(a=[{"v": 0.8, "w": 0.793}])
    assert points("a", "v", Within(0.5, None), less="w").numbers(share)[0] == pytest.approx(0.7)


def test_checks_that_share_a_rule_and_the_head_of_their_name_are_written_once():
    steps = [
        Check("a", f"{value}_{n}", rule, name=f"{value}, step {n}")
        for value, rule in (("train", Within(1, 2)), ("test", Within(3, 4)))
        for n in (1, 2)
    ]
    assert Measured("x", tuple(steps), "x").rule() == "train: 1 to 2; test: 3 to 4"
    steps[1] = dataclasses.replace(steps[1], rule=Within(1, 9))
    assert (
        Measured("x", tuple(steps), "x").rule().startswith("train, step 1: 1 to 2; train, step 2: 1 to 9; test, step 1")
    )


def test_numbers_are_written_in_one_way():
    assert written("{:,.0f}", -3274634) == "−3 274 634"
    assert (written("{:.1e}", 3e11), written("{:.2g}", 2.3e-8), written("{:.1e}", 1)) == ("3.0e11", "2.3e-8", "1.0")
    assert (written("{:.1%}", 0.123), written("{:+.1f}", -0.05)) == ("12.3 %", "−0.1")
    assert (rounded(1.2764e6, 4), rounded(0.45678, 3), rounded(12.34, 2), rounded(0, 3)) == (
        "1 276 000",
        "0.457",
        "12",
        "0",
    )
    for page in (pages.table(part) for part in pages.HEADS):
        assert not re.search(r"\d,\d{3}|\de[+-]?0\d|\d%", page)
        assert not re.search(r"[−+]\d+\.\d+[ \u00a0]%", page)  # a difference of shares is in points
        assert not re.search(r"\d %|\d \d{3}\b", page)  # a number stays on one line


def test_many_figures_are_summed_up():
    many = Measured("x", tuple(Check("a", key, off(1, 0.1), "{:.2f}") for key in "vw"), "x", brief=True)
    found = many.find(True, Records({"x": result(a=[{"v": 1.05, "w": 1.3}])}, None))
    assert found.ours == "1 of 2 figures, largest difference 0.30"
    assert (found.verdict, many.rule()) == (REFUTED, "each ± 0.10")


def test_what_nobody_measured_says_why():
    claim = Claim("x", "digits", "notes", "x", "x", Nothing("no pictures"))
    assert claims.judge(claim, COMMITTED) == claims.Finding(NOT_MEASURED, "no pictures")


# -------------------------------------------------------------------------------------------------------- cases


def lessons(
    monkeypatch,
    *passed,
    ids=("mdm-nothing",),
    stale=False,
    lesson="32_faces_plateau",
    backend="tensorflow",
    judged=True,
    size=runtime.REDUCED,
):
    """Runs of a lesson in which the cases were judged so, a seed each, as ``results/backends.json`` has them."""
    monkeypatch.setattr(backends, "is_stale", lambda row: stale)
    evidence = [{"measure": "m", "broken": 2.5, "fixed": 0.5}]
    rows = [
        {
            "lesson": lesson,
            "backend": backend,
            "seed": seed,
            "status": "passed" if good else "failed",
            "verdicts": [
                {
                    "id": name,
                    "passed": good,
                    "judged": judged,
                    "size": dataclasses.asdict(size),
                    "reproduced": good,
                    "fixed": True,
                    "margin": 1.75,
                    "evidence": evidence,
                }
                for name in ids
            ],
        }
        for seed, good in enumerate(passed)
    ]
    whole = {"rows": rows, "size": dataclasses.asdict(size), "device": "CPU", "what": "w", "command": "c"}
    return Records({}, {**whole, "versions": {"keras": "3"}})


FIVE = (True,) * cases.SEEDS


ADAM = Claim("x", "faces", "notes", "x", "x", Holds(("mdm-adam-epsilon",)), about_data=False)


def test_a_case_that_passes_on_every_seed_reproduces_its_claim(monkeypatch):
    made = lessons(monkeypatch, True, True, ids=("mdm-adam-epsilon",))
    found = claims.judge(ADAM, made)
    assert (found.verdict, found.seeds, found.device) == (REPRODUCED, (0, 1), "CPU")
    assert "broken 2.5, fixed 0.5" in found.ours
    about_data = dataclasses.replace(ADAM, about_data=True)
    assert claims.judge(about_data, made).why == "only on the stand-in"


def test_a_case_that_fails_once_does_not(monkeypatch):
    found = claims.judge(ADAM, lessons(monkeypatch, True, False, ids=("mdm-adam-epsilon",)))
    assert (found.verdict, found.why) == (NOT_MEASURED, "`mdm-adam-epsilon` fails its bars")
    without = claims.judge(ADAM, lessons(monkeypatch, True, ids=("mdm-tiny-init",)))
    assert without.verdict == NOT_MEASURED  # the lesson ran, and never came to this case


@pytest.mark.parametrize("how", [{"stale": True}, {"backend": "jax"}, {"lesson": "31_faces_mdm"}])
def test_another_backend_or_lesson_is_no_run_and_changed_code_is_stale(monkeypatch, how):
    found = claims.judge(ADAM, lessons(monkeypatch, True, ids=("mdm-adam-epsilon",), **how))
    assert found.verdict == (STALE if how.get("stale") else NOT_MEASURED)


def test_a_refuted_case_refutes(monkeypatch):
    claim = dataclasses.replace(ADAM, evidence=Holds(("digits-vanishing-gradient-claim",)))
    made = lessons(monkeypatch, *FIVE, ids=("digits-vanishing-gradient-claim",), lesson="11_digits_frozen_filters")
    assert claims.judge(claim, made).verdict == REFUTED
    mixed = dataclasses.replace(claim, evidence=Holds(("digits-vanishing-gradient-claim", "digits-minmax-picture")))
    with pytest.raises(CourseError, match="both statuses"):
        claims.judge(mixed, made)


def test_several_cases_must_all_pass(monkeypatch):
    ids = ("mdm-adam-epsilon", "mdm-tiny-init")
    claim = dataclasses.replace(ADAM, evidence=Holds(ids))
    found = claims.judge(claim, lessons(monkeypatch, *FIVE, ids=ids))
    assert (found.verdict, found.ours) == (REPRODUCED, "10 of 10 runs of 2 cases")
    assert claims.judge(claim, lessons(monkeypatch, *FIVE, ids=ids[:1])).verdict == NOT_MEASURED


def test_a_statistical_case_needs_five_seeds_and_an_exact_one_a_single_run(monkeypatch):
    tiny = dataclasses.replace(ADAM, evidence=Holds(("mdm-tiny-init",)))
    few = claims.judge(tiny, lessons(monkeypatch, True, True, ids=("mdm-tiny-init",)))
    assert (few.verdict, few.why, few.seeds) == (NOT_MEASURED, "2 of 5 seeds", (0, 1))
    assert claims.judge(tiny, lessons(monkeypatch, *FIVE, ids=("mdm-tiny-init",))).verdict == REPRODUCED
    worse = claims.judge(tiny, lessons(monkeypatch, True, False, ids=("mdm-tiny-init",)))
    assert worse.why == "`mdm-tiny-init` fails its bars"
    assert claims.judge(ADAM, lessons(monkeypatch, True, ids=("mdm-adam-epsilon",))).verdict == REPRODUCED
    both = dataclasses.replace(ADAM, evidence=Holds(("mdm-adam-epsilon", "mdm-tiny-init")))
    assert claims.judge(both, lessons(monkeypatch, True, ids=both.evidence.cases)).why == "1 of 5 seeds"


@pytest.mark.parametrize("how", [{"judged": False}, {"size": dataclasses.replace(runtime.REDUCED, budget="smoke")}])
def test_runs_that_are_not_judged_decide_nothing(monkeypatch, how):
    found = claims.judge(ADAM, lessons(monkeypatch, *FIVE, ids=("mdm-adam-epsilon",), **how))
    assert (found.verdict, found.why) == (NOT_MEASURED, "run, but at a budget that is not judged")


def test_judged_and_unjudged_runs_together_count_the_judged_ones(monkeypatch):
    made = lessons(monkeypatch, *FIVE, ids=("mdm-tiny-init",))
    made.backends["rows"][0]["verdicts"][0]["judged"] = False
    tiny = dataclasses.replace(ADAM, evidence=Holds(("mdm-tiny-init",)))
    assert claims.judge(tiny, made).why == "4 of 5 seeds"


# ------------------------------------------------------------------------------------------------------- the page


def test_a_cell_names_numbers_seeds_device_file_and_lesson(monkeypatch):
    made = lessons(monkeypatch, True, True, ids=("mdm-adam-epsilon",))
    _, documented, ours, words = pages.row(ADAM, made)
    assert "seeds 0, 1; CPU; [backends.json](../results/backends.json)" in ours
    assert "lesson [32](../notebooks/32_faces_plateau.ipynb): 2 of 2, 1.8×" in ours
    assert words == "**reproduced**<br>*holds if the bars of its case*"
    assert "notes handed to this course" in documented
    assert pages._safe("a | b") == "a \\| b"


@pytest.mark.parametrize("part", pages.HEADS)
def test_every_claim_is_a_line_of_four_cells_that_says_its_verdict_in_words(part):
    lines = [line for line in pages.table(part).splitlines() if line.startswith("|") and "---" not in line]
    lines = [line for line in lines if line != "| claim | documented | ours | verdict |"]
    assert len(lines) == sum(map(len, claims.groups(part).values()))
    for line in lines:
        cells = line.replace("\\|", "").strip("|").split("|")
        assert len(cells) == 4
        assert any(f"**{word}**" in cells[3] for word in VERDICTS)


def test_counts_add_up():
    rows = [line.strip("|").split("|") for line in pages.counts().splitlines()[2:] if line.startswith("|")]
    numbers = [[int(cell) for cell in row[1:]] for row in rows]
    assert all(sum(row[:-1]) == row[-1] for row in numbers)
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    assert numbers[-1][-1] == len(ALL)


def test_a_verdict_on_one_seed_says_so_where_a_seed_plays_a_part():
    found = claims.Finding(REFUTED, ours="1", on="x", device="CPU", seeds=(0,))
    trained = Claim("x", "digits", "notes", "x", "x", one())
    exact = dataclasses.replace(trained, evidence=Measured("facts", (Check("a", "v", Within(1, 2)),), "x"))
    assert pages.verdict(trained, found).startswith("**refuted**, one seed<br>")
    assert "one seed" not in pages.verdict(exact, found)
    assert "one seed" not in pages.verdict(trained, dataclasses.replace(found, seeds=(0, 1)))
    assert "one seed" not in pages.verdict(trained, dataclasses.replace(found, verdict=STALE))
    assert "one seed" not in pages.verdict(ADAM, dataclasses.replace(found, verdict=REPRODUCED))
    few = sum(pages.on_one_seed(ALL[name], FOUND[name]) for name in ALL)
    assert pages.counts().endswith(f"claims {few} rest on one seed; their verdicts say so.")
    assert pages.telling().count("one seed") == sum(
        pages.on_one_seed(claim, FOUND[name]) for name, claim in ALL.items() if claim.telling
    )


def test_the_contract_says_passed_run_margin_and_stale(monkeypatch):
    case = cases.get("mdm-adam-epsilon")
    made = lessons(monkeypatch, True, False, ids=("mdm-adam-epsilon",))
    assert contract.kept(case, "tensorflow", made) == "1 of 2, 1.8×"
    assert contract.kept(case, "jax", made) == contract.NOT_RUN
    crashed = lessons(monkeypatch, False, ids=())
    assert contract.kept(case, "tensorflow", crashed) == "0 of 1"
    exact = lessons(monkeypatch, True, ids=(case.id,))
    exact.backends["rows"][0]["verdicts"][0]["margin"] = None
    assert contract.kept(case, "tensorflow", exact) == "1 of 1, exact"
    assert contract.kept(case, "tensorflow", lessons(monkeypatch, True, ids=(case.id,), stale=True)).endswith("*stale*")
    only = cases.get("fer-two-gpus-one-works")
    assert contract.kept(only, "jax", made) == "not made for it"
    assert f"- `{only.id}`: {only.elsewhere}" in contract.cases_table(made)
    table = contract.cases_table(lessons(monkeypatch, True, False, ids=(case.id,)))
    assert "| 1 of 2, 1.8× | not yet run | not yet run |" in table
    assert table.count("\n| `") == len(cases.all_cases())


def test_without_runs_on_backends_the_page_says_so():
    assert "not there yet" in contract.lessons_table(COMMITTED)
    assert contract.NOT_RUN in contract.cases_table(COMMITTED)


def test_every_file_of_results_is_listed_with_its_command():
    table = contract.files_table()
    for path in runtime.results_dir().glob("*.json"):
        if not contract.is_trial(path.name):
            assert table.count(f"| [{path.name}]({path.name}) |") == 1
    assert len(re.findall(r"`(?:[A-Z_]+=\S+ )*course ", table)) == table.count("\n| [")


def test_seeds_of_a_file_are_in_order_and_fresh_ones_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(contract.experiments, "NAMES", ())
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    made = {"what": "w", "command": "course x", "size": {"data": "real", "network": "documented", "budget": "full"}}
    for name, seeds in {"few": (10, 2, 9, 2), "fresh": (5252954, 5252953), "none": ()}.items():
        text = runtime.to_json({**made, "rows": [{"seed": seed} for seed in seeds]})
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    table = contract.files_table()
    assert "| full; 2, 9, 10 |" in table and "| full; 2 fresh |" in table and "| full; – |" in table
    (tmp_path / "few-reduced,budget=smoke.json").write_text("no JSON", encoding="utf-8")
    assert contract.files_table() == table, "trials are no results"
    (tmp_path / "few.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"few\.json: not readable as JSON"):
        contract.files_table()
