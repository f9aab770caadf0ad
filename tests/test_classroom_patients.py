"""Blind diagnosis: what a card decides, what the instruments show, and what grading lets pass."""

import keras
import numpy as np
import pytest

from course_utils import probes, runtime
from course_utils.classroom import diagnosis, patients
from course_utils.runtime import CourseError, SettingsError

BAR = 0.87
CARDS = [f"{number:016x}" for number in range(300)]
every_cause = pytest.mark.parametrize("name", patients.CAUSES)


def kernel_size(patient):
    return np.std(probes.snapshot(patient.network())["hidden_2/kernel"])


def largest_input(patient):
    return patient.batch(0)[0].max()


def explained_by_labels(patient):
    batches = [patient.batch(step) for step in range(24)]
    x = np.concatenate([x for x, _ in batches]).reshape(24 * 32, -1)
    y = np.concatenate([y for _, y in batches])
    means = np.array([x[y == label].mean(axis=0) for label in y])
    return np.var(means, axis=0).sum() / np.var(x, axis=0).sum()


def last_rate(patient):
    return patient.learning_rates()[-1] / patient.learning_rates()[0]


def dropped(patient):
    return probes.dropped_share(patient.network(), patient.batch(0)[0], "drop_1")


def classes_in_a_batch(patient):
    return np.mean([len(np.unique(patient.batch(step)[1])) for step in range(24)])


EVIDENCE = {
    "unit_normal_start": kernel_size,
    "tiny_start": kernel_size,
    "raw_inputs": largest_input,
    "divided_twice": largest_input,
    "labels_in_another_order": explained_by_labels,
    "rate_decayed": last_rate,
    "keep_share_as_rate": dropped,
    "sorted_rows": classes_in_a_batch,
}


# ------------------------------------------------------------------------------------------------------ cards


def test_every_fault_is_dealt_to_both_and_never_to_both_at_once():
    dealt = [tuple(patients._cause(letter, card) for letter in "AB") for card in CARDS]
    assert all(first != second for first, second in dealt)
    assert {first for first, _ in dealt} == {second for _, second in dealt} == set(patients.CAUSES)
    assert dealt == [tuple(patients._cause(letter, card) for letter in "AB") for card in CARDS]


def test_causes_name_parts_and_registered_cases():
    assert {cause.part for cause in patients.CAUSES.values()} <= set(patients.PARTS)
    assert set(patients.PARTS) == set(patients._Setup.__dataclass_fields__)


@pytest.mark.parametrize(("letter", "card"), [("C", "demo"), ("a", "demo"), ("A", ""), ("A", None)])
def test_other_letters_and_cards_are_refused(letter, card):
    with pytest.raises(SettingsError):
        patients.patient(letter, card)


def test_the_cause_is_told_for_the_demo_and_while_grading(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert patients.true_cause("A", card="demo") in patients.CAUSES
    with pytest.raises(CourseError, match="graded"):
        patients.true_cause("A", CARDS[0])
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert patients.true_cause("A", CARDS[0]) == patients._cause("A", CARDS[0])
    assert runtime.grading()


@every_cause
def test_nothing_printed_names_the_fault(name):
    ill, well = patients.with_fault(name, 3), patients.with_fault(None, 3)

    def printed(patient):
        model = patient.network()
        lines = []
        model.summary(print_fn=lambda line, **_: lines.append(line))
        public = [word for word in dir(patient) if not word.startswith("_")]
        starts = [str(layer.get_config()) for layer in model.layers]
        return [
            repr(patient),
            public,
            starts,
            [layer.name for layer in model.layers],
            lines,
            patient.letter,
            patient.card,
        ]

    assert printed(ill) == printed(well)
    with pytest.raises(SettingsError) as told:
        ill.repaired(paint="blue")
    assert name not in str(told.value) and "Known: initializer" in str(told.value)


# ------------------------------------------------------------------------------------------------ instruments


def test_a_healthy_batch_is_digits_with_their_labels():
    well = patients.with_fault(None, 0)
    (x, y), (again, _), (later, _) = well.batch(0), well.batch(0), well.batch(24)
    assert x.shape == (32, 14, 14, 1) and x.dtype == np.float32 and 0 <= x.min() < x.max() <= 1
    assert y.shape == (32,) and y.dtype == np.int32 and len(np.unique(y)) > 5
    assert np.array_equal(x, again) and not np.array_equal(x, later)


def test_a_pass_shows_each_row_once():
    well = patients.with_fault(None, 5)
    rows = np.concatenate([well.batch(step)[0] for step in range(24)])
    assert len(np.unique(rows.reshape(len(rows), -1), axis=0)) > 740  # a few scans are equal once they are small


def test_networks_start_alike_for_a_seed_and_otherwise_for_another():
    def first(seed):
        return probes.snapshot(patients.with_fault(None, seed).network())["hidden_1/kernel"]

    assert np.array_equal(first(1), first(1)) and not np.array_equal(first(1), first(2))
    one = probes.snapshot(patients.with_fault(None, 1).network())
    assert not np.array_equal(one["hidden_2/kernel"], one["hidden_3/kernel"])


def test_the_reference_patient_is_healthy_and_another_one():
    ill = patients.with_fault("raw_inputs", 0)
    assert ill.batch(0)[0].max() == 32001
    assert ill.healthy().batch(0)[0].max() <= 1
    assert not np.array_equal(ill.healthy().batch(0)[1], ill.batch(0)[1])


def test_loss_of_equal_outputs_is_ln_10():
    loss = patients.with_fault(None, 0).loss_value(np.arange(10), np.zeros((10, 10), np.float32))
    assert loss == pytest.approx(np.log(10), abs=1e-5)


def test_training_once_gives_curves_and_reaches_the_bar():
    well = patients.with_fault(None, 0)
    curves = well.curves()
    assert list(curves) == list(patients.CURVES)
    assert curves["step"][0] == 0 and curves["step"][-1] == patients.STEPS
    assert all(np.isfinite(values).all() for values in curves.values())
    assert curves["training_loss"][0] == pytest.approx(np.log(10), abs=1)
    curves["step"][:] = -1
    assert well.curves()["step"][-1] == patients.STEPS
    assert well.trained() is well.trained()
    assert well.accuracy() >= BAR


# ----------------------------------------------------------------------------------------------------- repair


def test_a_repair_replaces_one_part_and_keeps_the_draws():
    ill = patients.patient("A", CARDS[0]).repaired(learning_rate=1e-3)
    mended = ill.repaired(dropout=0.5)
    assert mended is not ill and repr(mended) == repr(ill) == "<patient A>"
    assert np.array_equal(mended.batch(3)[0], ill.batch(3)[0])
    assert dropped(patients.with_fault(None, 0).repaired(dropout=0.5)) == pytest.approx(0.5, abs=0.05)
    assert set(ill.repaired(learning_rate=lambda step: 0.1 / (1 + step)).learning_rates()[:2]) == {0.1, 0.05}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "exactly one part; found 0"),
        ({"dropout": 0.1, "learning_rate": 1e-3}, "exactly one part; found 2"),
        ({"droput": 0.1}, "did you mean 'dropout'"),
        ({"dropout": 1.0}, "share of the hidden units"),
        ({"dropout": "much"}, "share of the hidden units"),
        ({"learning_rate": 0}, "learning rate of Adam"),
        ({"learning_rate": lambda step: float("nan")}, "learning rate of Adam"),
        ({"initializer": "best"}, "start values"),
        ({"inputs": 255}, "function: grey levels"),
        ({"inputs": lambda images: images.reshape(len(images), -1)}, "function: grey levels"),
        ({"inputs": lambda images: np.log(images / 255)}, "function: grey levels"),
        ({"pairing": lambda n: np.arange(n + 1)}, "function: number of images"),
        ({"pairing": lambda n: np.linspace(0, 1, n)}, "function: number of images"),
        ({"order": lambda labels: np.arange(len(labels))}, "function: labels"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_other_repairs_are_refused_with_a_reason(parts, words):
    with pytest.raises(SettingsError, match=words):
        patients.with_fault(None, 0).repaired(**parts)


# ---------------------------------------------------------------------------------------------------- grading


@every_cause
def test_each_fault_has_evidence_that_one_measurement_before_training_gives(name):
    factor, suspected = diagnosis.check_evidence(EVIDENCE[name], name, seed=77)
    assert factor >= 4.5 and suspected <= 1


@every_cause
def test_the_evidence_of_another_fault_is_no_evidence(name):
    other = last_rate if name != "rate_decayed" else classes_in_a_batch
    with pytest.raises(AssertionError, match="factor of 3"):
        diagnosis.check_evidence(other, name, seed=77)


def test_numbers_are_bounded_so_that_ratios_exist():
    def number(value):
        return diagnosis.number_of(lambda patient: value, patients.with_fault(None, 0))

    assert [number(v) for v in (0, -5, 1e9, np.inf, np.nan, 0.5)] == [1e-6, 1e-6, 1e6, 1e6, 1e6, 0.5]


def test_looking_behind_the_instruments_is_refused():
    def behind(patient):
        return patient._Instruments__patient.accuracy()

    def imports(patient):
        import os

        return len(os.environ)

    for function in (behind, imports):
        with pytest.raises(AssertionError):
            diagnosis.check_evidence(function, "tiny_start", seed=0)


def full_test(patient):
    model, (inputs, _) = patient.network(), patient.batch(0)
    assert 0.5 <= inputs.max() <= 5
    assert 0.03 < np.std(probes.snapshot(model)["hidden_2/kernel"]) < 0.3
    assert min(len(np.unique(patient.batch(step)[1])) for step in range(3)) >= 5
    assert patient.learning_rates().min() > 1e-5


def test_a_smoke_test_is_graded_by_the_faults_that_it_notices():
    diagnosis.check_setup(full_test, ("tiny_start", "raw_inputs"), seed=5)
    with pytest.raises(AssertionError, match="A or of B"):
        diagnosis.check_setup(full_test, ("tiny_start", "keep_share_as_rate"), seed=5)
    with pytest.raises(AssertionError, match=r"notices 6 of 8.*drops too much"):
        diagnosis.check_setup(full_test, ("tiny_start", "raw_inputs"), seed=5, at_least=7)


def test_a_smoke_test_must_pass_on_healthy_set_ups_and_come_before_training():
    def strict(patient):
        assert patient.batch(0)[1][0] == 11

    def late(patient):
        assert patient.curves()["training_loss"][-1] < 1

    def unwritten(patient):
        raise NotImplementedError

    for function, words in ((strict, "healthy"), (late, "curves is not among the instruments")):
        with pytest.raises(AssertionError, match=words):
            diagnosis.check_setup(function, (), seed=0)
    with pytest.raises(NotImplementedError):
        diagnosis.check_setup(unwritten, (), seed=0)


# --------------------------------------------------------------------------------------------- all of them, long


@pytest.mark.deep
@pytest.mark.parametrize("name", [None, *patients.CAUSES])
def test_healthy_runs_reach_the_bar_and_ill_ones_do_not(name):
    shares = [patients.with_fault(name, seed).accuracy() for seed in (11, 12, 13)]
    assert (min(shares) >= BAR) if name is None else (max(shares) < BAR)
    keras.backend.clear_session()
