"""Wrong answers to assignment 5, blind diagnosis. Each loses its own task for any card: the code looks up what would be right."""

from __future__ import annotations

from course_utils.classroom.mistakes import Mistake

#: The part that has A's or B's fault, in a notebook where ``patients``, ``a`` and ``b`` are known.
_PART = 'patients.CAUSES[patients.true_cause("{upper}", {letter}.card)].part'


def _cause(letter: str, upper: str) -> Mistake:
    return Mistake(
        case="digits-vanishing-gradient-claim",
        task=f"cause_{letter}",
        what="a cause named without a measurement: the next fault in the list",
        code=f'''
def cause_{letter}():
    names = list(patients.CAUSES)
    return names[(names.index(patients.true_cause("{upper}", {letter}.card)) + 1) % len(names)]
''',
    )


def _repairs(letter: str, upper: str) -> tuple[Mistake, ...]:
    part = _PART.format(letter=letter, upper=upper)
    return (
        Mistake(
            case="digits-vanishing-gradient-claim",
            task=f"repair_{letter}",
            what="the learning rate raised by a factor of 20, as the accepted answer advises (dropout, if the rate is to blame)",
            code=f"""
def repair_{letter}():
    return {{"dropout": 0.3}} if {part} == "learning_rate" else {{"learning_rate": 0.03}}
""",
        ),
        Mistake(
            case="fer-ema-decay-taken-for-bn-momentum",
            task=f"repair_{letter}",
            what="several parts changed at once: nothing is learned about the one that matters",
            code=f"""
def repair_{letter}():
    part = {part}
    return {{part: getattr(patients._Setup(), part), ("dropout" if part != "dropout" else "learning_rate"): 0.001}}
""",
        ),
        Mistake(
            case="fer-weights-no-op",
            task=f"repair_{letter}",
            what="the right part, replaced by what was in it already",
            code=f'''
def repair_{letter}():
    cause = patients.CAUSES[patients.true_cause("{upper}", {letter}.card)]
    return {{cause.part: cause.value}}
''',
        ),
    )


MISTAKES = (
    _cause("a", "A"),
    Mistake(
        case="hands-name-mixup",
        task="evidence_a",
        what="measured on A itself, whoever is handed in: a global name instead of the argument",
        code="""
def evidence_a(patient):
    return a.curves()["validation_loss"][-1]
""",
    ),
    Mistake(
        case="mdm-one-image-proves-nothing",
        task="evidence_a",
        what="a number that every set-up shares, ill or not",
        code="""
def evidence_a(patient):
    inputs, _ = patient.batch(0)
    return len(inputs) * patient.network().count_params()
""",
    ),
    Mistake(
        case="fer-split-shift-myth",
        task="evidence_a",
        what="a true measurement of a part that is not the ill one",
        code="""
def evidence_a(patient):
    if patients.true_cause("A", a.card) != "rate_decayed":
        rates = patient.learning_rates()
        return rates[-1] / rates[0]
    return np.mean([len(np.unique(patient.batch(step)[1])) for step in range(24)])
""",
    ),
    Mistake(
        case="fer-one-batch-accuracy",
        task="evidence_a",
        what="tells A from health, and every other patient too: whether the validation accuracy at the end is below the bar",
        code="""
def evidence_a(patient):
    return float(patient.curves()["validation_accuracy"][-1] < 0.87)
""",
    ),
    *_repairs("a", "A"),
    _cause("b", "B"),
    *_repairs("b", "B"),
    Mistake(
        case="hands-name-mixup",
        task="test_setup",
        what="checks shapes and types only",
        code="""
def test_setup(patient):
    inputs, labels = patient.batch(0)
    assert inputs.shape == (32, 14, 14, 1) and labels.shape == (32,)
    assert str(inputs.dtype) == "float32" and 0 <= labels.min() and labels.max() <= 9
    assert probes.activations(patient.network(), inputs)["output"].shape == (32, 10)
""",
    ),
    Mistake(
        case="digits-256-image-accuracy",
        task="test_setup",
        what="takes a noisy number for an exact one: the first loss must be ln 10 to the third digit, so healthy set-ups fail",
        code="""
def test_setup(patient):
    inputs, labels = patient.batch(0)
    loss = patient.loss_value(labels, probes.activations(patient.network(), inputs)["output"])
    assert abs(loss - np.log(10)) < 0.001, f"loss before training {loss:.4f}, expected 2.3026"
""",
    ),
    Mistake(
        case="fer-train-accuracy-in-training-mode",
        task="test_setup",
        what="reads the log of the training that it should come before",
        code="""
def test_setup(patient):
    assert patient.curves()["training_accuracy"][-1] > 0.87, "badly trained"
""",
    ),
)
