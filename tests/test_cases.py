"""The registry is complete, and the judge can fail."""

import dataclasses
import json

import pytest

from course_utils import cases, runtime
from course_utils.cases import Bar, CaseFailed
from course_utils.cases.registry import clears, margin
from course_utils.runtime import BACKENDS, CourseError, SettingsError

CASES = list(cases.all_cases().values())
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
PREFIXES = {"faces": "mdm", "expressions": "fer"}
DOCUMENTED_DIGITS = {
    "digits-unit-normal-init",
    "digits-minmax-picture",
    "digits-keep-prob-as-rate",
    "digits-zero-first-layer",
    "digits-256-image-accuracy",
    "digits-summary-in-loop",
}
DOCUMENTED_HANDS = {
    "hands-relu-output",
    "hands-raw-millimetres",
    "hands-unscaled-targets",
    "hands-flatten-mismatch",
    "hands-name-mixup",
    "hands-scalar-reduce",
    "hands-exp-output",
    "hands-heatmap-of-zeros",
}
DOCUMENTED_FACES = {
    "mdm-flip-without-permutation",
    "mdm-xy-swap",
    "mdm-misaligned-labels",
    "mdm-success-rate-called-auc",
    "mdm-unwritten-pixels",
    "mdm-landmark-major",
    "mdm-sqrt-at-zero",
    "mdm-summed-loss-misread",
    "mdm-glimpse-normalized",
    "mdm-tall-reshape",
    "mdm-tiny-init",
    "mdm-adam-epsilon",
    "mdm-one-image-proves-nothing",
}
DOCUMENTED_EXPRESSIONS = {
    "fer-int64-image",
    "fer-decode-dtype",
    "fer-empty-tfrecord",
    "fer-windows-path",
    "fer-pipeline-starvation",
    "fer-same-order-every-epoch",
    "fer-bn-stats-frozen",
    "fer-bn-momentum",
    "fer-ema-decay-taken-for-bn-momentum",
    "fer-bn-python-bool",
    "fer-bn-double-bias",
    "fer-bn-at-predict",
    "fer-bn-not-saved",
    "fer-train-accuracy-in-training-mode",
    "fer-dropout-in-accuracy",
    "fer-summed-loss-vs-l2",
    "fer-batch-wide-augmentation",
    "fer-rotation-units",
    "fer-augment-at-eval",
    "fer-eval-oom",
    "fer-one-batch-accuracy",
    "fer-leaked-test-images",
    "fer-split-shift-myth",
    "fer-lr-decayed-to-nothing",
    "fer-ema-order",
    "fer-ema-half",
    "fer-ema-not-restored",
    "fer-weights-no-op",
    "fer-log-of-logits",
    "fer-softmax-twice",
    "fer-log-zero",
    "fer-clip-kills-gradient",
    "fer-center-crop-web-photo",
    "fer-restore-by-position",
    "fer-notebook-redefine",
    "fer-resume-schedule",
    "fer-tensorboard-stale-logs",
    "fer-two-gpus-one-works",
    "fer-train-and-test-same-gpu",
}


def beyond(bar, side, factor=2.0):
    """A value clear of one side of a bar by `factor`."""
    sign, height = getattr(bar, side)
    return height * factor if sign == ">=" else height / factor


def good_runs(case):
    return (
        {bar.measure: beyond(bar, "broken") for bar in case.bars},
        {bar.measure: beyond(bar, "fixed") for bar in case.bars},
    )


@pytest.fixture(autouse=True)
def no_run_in_progress(monkeypatch):
    """Verdicts must not depend on a run that another test began."""
    monkeypatch.setattr(runtime, "current", lambda: None)
    monkeypatch.delenv("COURSE_VERDICTS", raising=False)


def test_every_documented_case_is_registered():
    assert set(cases.all_cases()) >= DOCUMENTED_DIGITS | DOCUMENTED_HANDS | DOCUMENTED_FACES | DOCUMENTED_EXPRESSIONS


@every_case
def test_case_says_all_it_must(case):
    for name in ("title", "symptom", "cause", "fix", "source"):
        assert len(getattr(case, name)) >= 20, name
    assert case.id.startswith(PREFIXES.get(case.part, case.part) + "-")
    assert case.kind in ("statistical", "deterministic", "environment")
    assert case.status in ("reproduces", "refuted")
    assert set(case.backends) <= set(BACKENDS)
    assert case.backends
    assert case.elsewhere or case.backends == BACKENDS, "what do the other backends do?"
    assert case.bars
    assert len({bar.measure for bar in case.bars}) == len(case.bars)


@every_case
def test_good_runs_pass(case, capsys):
    broken, fixed = good_runs(case)
    verdict = cases.judge(case.id, broken=broken, fixed=fixed)
    assert verdict.reproduced
    assert verdict.fixed
    assert verdict.margin == pytest.approx(2.0)
    assert case.id in capsys.readouterr().out


@every_case
def test_judge_rejects_broken_twice_fixed_twice_and_swapped(case):
    broken, fixed = good_runs(case)
    for first, second in ((broken, broken), (fixed, fixed), (fixed, broken)):
        with pytest.raises(CaseFailed):
            cases.judge(case.id, broken=first, fixed=second)


@every_case
def test_every_single_bar_can_fail_the_case(case):
    for bar in case.bars:
        for side in ("broken", "fixed"):
            broken, fixed = good_runs(case)
            run = {"broken": broken, "fixed": fixed}[side]
            run[bar.measure] = beyond(bar, side, factor=0.9)
            with pytest.raises(CaseFailed, match=bar.measure):
                cases.judge(case.id, broken=broken, fixed=fixed)


@every_case
def test_nan_clears_no_bar(case):
    for side in (0, 1):
        runs = good_runs(case)
        runs[side][case.bars[0].measure] = float("nan")
        with pytest.raises(CaseFailed):
            cases.judge(case.id, broken=runs[0], fixed=runs[1])


def test_a_missing_measure_is_named():
    with pytest.raises(CourseError, match=r"broken run lacks 'loss_over_ln10'"):
        cases.judge("digits-unit-normal-init", broken={}, fixed={})


def test_unknown_case_suggests_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'digits-minmax-picture'"):
        cases.judge("digits-minmax-pictures", broken={}, fixed={})


@pytest.mark.parametrize(
    ("value", "bar", "expected"),
    [
        (4.0, (">=", 2.0), 2.0),
        (1.0, (">=", 2.0), 0.5),
        (1.0, ("<=", 2.0), 2.0),
        (4.0, ("<=", 2.0), 0.5),
        (0.0, ("<=", 2.0), float("inf")),
        (0.0, (">=", 2.0), 0.0),
        (float("nan"), ("<=", 2.0), 0.0),
    ],
)
def test_margin_counts_how_many_times_clear(value, bar, expected):
    assert margin(value, bar) == expected
    assert clears(value, bar) is (expected >= 1)


def test_verdicts_are_appended_as_json_lines_even_when_they_fail(tmp_path, monkeypatch):
    log = tmp_path / "verdicts.jsonl"
    monkeypatch.setenv("COURSE_VERDICTS", str(log))
    case = cases.get("digits-unit-normal-init")
    broken, fixed = good_runs(case)
    cases.judge(case.id, broken=broken, fixed=fixed)
    with pytest.raises(CaseFailed):
        cases.judge(case.id, broken=fixed, fixed=fixed)
    first, second = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    assert (first["reproduced"], first["fixed"], second["reproduced"], second["fixed"]) == (True, True, False, True)
    assert {row["measure"] for row in first["evidence"]} == {bar.measure for bar in case.bars}


def test_a_verdict_records_the_size_that_it_was_measured_at(tmp_path, monkeypatch):
    log = tmp_path / "verdicts.jsonl"
    monkeypatch.setenv("COURSE_VERDICTS", str(log))
    broken, fixed = good_runs(cases.get("digits-unit-normal-init"))
    cases.judge("digits-unit-normal-init", broken=broken, fixed=fixed, size=runtime.REDUCED)
    assert json.loads(log.read_text(encoding="utf-8"))["size"] == dataclasses.asdict(runtime.REDUCED)


def test_a_smoke_run_is_shown_but_not_judged(monkeypatch, capsys):
    smoke = runtime.Run(runtime.parse_size("reduced,budget=smoke"), 0, "tensorflow", "CPU")
    monkeypatch.setattr(runtime, "current", lambda: smoke)
    case = cases.get("digits-unit-normal-init")
    _, fixed = good_runs(case)
    assert not cases.judge(case.id, broken=fixed, fixed=fixed).reproduced
    assert "not judged" in capsys.readouterr().out


def test_symptom_index_leads_every_symptom_to_its_lesson():
    index = cases.symptom_index()
    for case in CASES:
        assert f"| {case.symptom} | [{case.lesson}]({case.lesson}.ipynb) | `{case.id}` |" in index


def test_bars_are_positive_so_that_margins_mean_something():
    for bar in (bar for case in CASES for bar in case.bars):
        assert isinstance(bar, Bar)
        assert bar.broken[1] > 0
        assert bar.fixed[1] > 0
