"""What was said about the hands regressor, its data and other methods on them. Part 2."""

from __future__ import annotations

from course_utils.experiments.claims import Claim, Source
from course_utils.experiments.claims.evidence import Check, Holds, Measured, Nothing, Within, off, order
from course_utils.experiments.facts import METHODS, METHODS_ON_SEQUENCE_1

SOURCES = {
    "question": Source("question 49528692", "https://stackoverflow.com/q/49528692"),
    "answer": Source("answer to 49528692", "https://stackoverflow.com/q/49528692"),
    "follow-up": Source("question 50415450", "https://stackoverflow.com/q/50415450"),
    "ICVL": Source("ICVL, CVPR 2014", "https://labicvl.github.io/hand.html"),
    "evaluation": Source("public evaluation code", "https://github.com/xinghaochen/awesome-hand-pose-estimation"),
    "notes": Source("notes handed to this course"),
}
RENDERED = "rendered frames, documented network, 50 steps"
SMALL = "rendered frames, a 60×80 copy, 200 steps at ten times the documented rate"
POSTED = {background: f"documented size, mm, background {background}, ReLU" for background in (0, 32001)}
#: Mean joint error in mm that was published, over all 1 596 test frames, and on sequence 1.
PUBLISHED = dict(
    zip(METHODS, (12.578, 11.561, 8.358, 7.628, 7.305, 7.239, 7.219, 6.935, 6.791, 6.732, 6.328, 6.152), strict=True)
)
ON_SEQUENCE_1 = dict(zip(METHODS_ON_SEQUENCE_1, (10.427, 9.426), strict=True))


def _rendered(*checks: Check, on: str = RENDERED, **more) -> Measured:
    return Measured("hands", checks, on, **more)


def _labels(*checks: Check, **more) -> Measured:
    return Measured("facts", checks, "ICVL's 1 596 test labels", **more)


def _claim(name: str, source: str, what: str, documented: str, evidence, **more) -> Claim:
    return Claim(f"hands-{name}", "hands", source, what, documented, evidence, **more)


def _published(figures: dict[str, float]) -> tuple[Check, ...]:
    return tuple(
        Check("ICVL predictions", f"mm, {name}", off(figure, 0.01), "{:.3f}", " mm", name=name)
        for name, figure in figures.items()
    )


def _exponential(inputs: str) -> Check:
    """The loss with an exponential output, raw targets and inputs in ``mm`` or ``scaled``."""
    return Check(
        f"{inputs}, background 0, documented start, raw targets, exponential",
        "loss_end",
        Within(None, 1),
        "{:.3g}",
        over="loss_mean",
        name="loss ÷ that of the mean label",
    )


CLAIMS = (
    _claim(
        "parameters",
        "question",
        "size of the posted network",
        "the text says 38 400 inputs to the dense layer, the code 120·160·8 = 153 600: 157 336 832 parameters",
        Measured(
            "facts",
            (
                Check("networks", "hands: flattened", off(153_600, 0), "{:,.0f}", name="inputs"),
                Check("networks", "hands: parameters", off(157_336_832, 0), "{:,.0f}", name="parameters"),
            ),
            "documented network",
        ),
        cases=("hands-flatten-mismatch",),
    ),
    _claim(
        "memory",
        "notes",
        "memory of weights, gradients and Adam's two moments",
        "×4 = 2.5 GB",
        Measured(
            "facts",
            (Check("networks", "hands: GB of weights, gradients and two moments", off(2.5, 0.05), "{:.2f}", " GB"),),
            "documented network",
        ),
    ),
    _claim(
        "epochs",
        "question",
        "1 000 steps of 100 frames are several epochs",
        "“after several epochs”",
        Measured(
            "facts",
            (
                Check(
                    "rates",
                    "passes in 1 000 steps of 100 frames, 331 006 frames",
                    Within(2, None),
                    "{:.2f}",
                    name="all frames",
                ),
                Check(
                    "rates",
                    "passes in 1 000 steps of 100 frames, 22 000 frames",
                    Within(2, None),
                    "{:.2f}",
                    name="unrotated",
                ),
            ),
            "arithmetic",
            agree=True,
        ),
    ),
    _claim(
        "above-40000",
        "question",
        "the loss at which the posted network stands",
        "“above 40 000”; that of answering zeros, readable off the labels (notes: 52 879; sequences 65 909 and 42 646)",
        _labels(
            Check("ICVL labels", "loss of zeros", off(52_879, 1), "{:,.0f}", name="loss of zeros, all frames"),
            Check("ICVL labels", "loss of zeros, sequence 1", off(65_909, 1), "{:,.0f}", name="sequence 1"),
            Check("ICVL labels", "loss of zeros, sequence 2", off(42_646, 1), "{:,.0f}", name="sequence 2"),
        ),
        telling=True,
    ),
    _claim(
        "mean-label",
        "notes",
        "loss of answering the mean label",
        "1 192",
        _labels(Check("ICVL labels", "loss of the mean label", off(1192, 1), "{:,.0f}")),
    ),
    _claim(
        "label-statistics",
        "ICVL",
        "test labels (u, v, d): mean and standard deviation",
        "(158.1, 110.7, 342.0), (35.5, 25.2, 50.4)",
        _labels(
            *(
                Check("ICVL labels", f"{kind} {axis}", off(figure, 0.06), "{:.1f}", name=f"{kind} {axis}")
                for kind, figures in (("mean", (158.1, 110.7, 342.0)), ("std", (35.5, 25.2, 50.4)))
                for axis, figure in zip("uvd", figures, strict=True)
            ),
            brief=True,
        ),
    ),
    _claim(
        "floors",
        "notes",
        "mean joint error without a network, in mm",
        "constant pose 65.0; all joints at the true centroid 41.3; mean pose on the true palm 22.5, on the true centroid 18.3",
        _labels(
            *(
                Check("ICVL labels", f"mm, {name}", off(figure, 0.1), "{:.1f}", " mm", name=name)
                for name, figure in {
                    "constant pose": 65.0,
                    "all joints at the true centroid": 41.3,
                    "mean pose on the true palm": 22.5,
                    "mean pose on the true centroid": 18.3,
                }.items()
            )
        ),
    ),
    _claim(
        "cameras",
        "evaluation",
        "focal lengths of 241.42 and of 240.99 / 240.96",
        "0.10 mm apart",
        _labels(Check("ICVL labels", "mm between two cameras", off(0.10, 0.01), "{:.2f}", " mm")),
    ),
    _claim(
        "published-table",
        "evaluation",
        "mean error of twelve methods, from their authors' predictions; of two on sequence 1 alone",
        ", ".join(f"{name} {figure:.3f}" for name, figure in (PUBLISHED | ON_SEQUENCE_1).items()) + " mm",
        Measured("facts", _published(PUBLISHED | ON_SEQUENCE_1), "released predictions, real test labels", brief=True),
    ),
    _claim(
        "published-others",
        "evaluation",
        "two more published methods",
        "V2V-PoseNet 6.284, TriHorn-Net 5.736 mm",
        Nothing("no predictions of theirs at hand"),
    ),
    _claim(
        "real-frames",
        "evaluation",
        "a network of ours on ICVL's frames",
        "5.7 to 12.6 mm, the range of the published ones",
        Measured(
            "hands",
            (Check("course regressor", "joint_error_mm", Within(None, 12.578), "{:.2f}", " mm"),),
            "rendered frames, a small network on crops",
        ),
    ),
    _claim(
        "collapse",
        "question",
        "the output of the network as posted",
        "converges to (0, …, 0)",
        _rendered(
            Check(POSTED[0], "zeros_after_21", Within(0.9, None), "{:.1%}", name="zeros after 21 steps, background 0"),
            Check(POSTED[32001], "zeros_after_21", Within(0.9, None), "{:.1%}", name="background 32001"),
            Check(
                POSTED[0],
                "loss_end",
                off(1, 0.1),
                "{:.2f}",
                over="loss_zero",
                name="loss ÷ that of zeros, background 0",
            ),
            Check(POSTED[32001], "loss_end", off(1, 0.1), "{:.2f}", over="loss_zero", name="background 32001"),
        ),
        about_data=False,
        cases=("hands-relu-output",),
        telling=True,
    ),
    _claim(
        "collapse-figures",
        "notes",
        "the way there, background 0",
        "58 % zeros after one step, 97 % at step 9, 99.7 % at step 21",
        _rendered(
            Check(POSTED[0], "zeros_after_1", off(0.58, 0.05), "{:.1%}", name="step 1"),
            Check(POSTED[0], "zeros_after_9", Within(0.92, None), "{:.1%}", name="step 9"),
            Check(POSTED[0], "zeros_after_21", Within(0.947, None), "{:.1%}", name="step 21"),
        ),
        about_data=False,
    ),
    _claim(
        "collapse-32001",
        "notes",
        "the way there, background 32001",
        "first loss 3e11; 100 % zeros by step 13, and the loss then that of zeros",
        _rendered(
            Check(POSTED[32001], "loss_after_0", order(3e11), "{:.1e}", name="first loss"),
            Check(POSTED[32001], "zeros_after_13", Within(0.999, None), "{:.2%}", name="zeros at step 13"),
            Check(POSTED[32001], "loss_end", off(1, 0.001), "{:.3f}", over="loss_zero", name="loss ÷ that of zeros"),
        ),
        about_data=False,
    ),
    _claim(
        "first-outputs",
        "notes",
        "size of the first outputs",
        "of order 1e3 with background 0, 8e5 with 32001",
        _rendered(
            Check(POSTED[0], "mean_output_after_0", order(1e3), "{:,.0f}", name="background 0"),
            Check(POSTED[32001], "mean_output_after_0", order(8e5), "{:.1e}", name="background 32001"),
        ),
        about_data=False,
    ),
    _claim(
        "remove-relu",
        "answer",
        "drop the output ReLU, and it learns",
        "the main problem is the ReLU",
        _rendered(
            Check(
                "documented size, mm, background 0, linear",
                "loss_end",
                Within(None, 1),
                "{:.0f}",
                over="loss_mean",
                name="loss ÷ that of the mean label, background 0",
            ),
            Check(
                "documented size, mm, background 32001, linear",
                "loss_end",
                Within(None, 1),
                "{:.1e}",
                over="loss_mean",
                name="background 32001",
            ),
            falling="loss_after",
        ),
        about_data=False,
    ),
    _claim(
        "remove-relu-small",
        "answer",
        "the same, on a small copy",
        "the main problem is the ReLU",
        _rendered(
            *(
                Check(
                    f"mm, background {background}, documented start, raw targets, linear",
                    "loss_end",
                    Within(None, 1),
                    "{:.2f}",
                    over="loss_mean",
                    name=f"loss ÷ that of the mean label, background {background}",
                )
                for background in (0, 32001)
            ),
            on=SMALL,
            falling="loss_after",
        ),
        about_data=False,
    ),
    _claim(
        "scaled-and-linear",
        "notes",
        "the posted network with the ReLU dropped, inputs and targets scaled, He start",
        "on the same budget it learns",
        _rendered(
            Check(
                "documented size, all scaled, He, linear",
                "loss_end",
                Within(None, 0.5),
                "{:.2f}",
                over="loss_mean",
                name="loss ÷ that of the mean label",
            )
        ),
        about_data=False,
        cases=("hands-raw-millimetres", "hands-unscaled-targets"),
        telling=True,
    ),
    _claim(
        "partial",
        "notes",
        "a small copy, background 0, targets as they are",
        "a partial collapse: 19 to 52 % of the outputs are zero",
        _rendered(
            *(
                Check(
                    f"mm, background 0, {start} start, raw targets, relu",
                    "zeros_end",
                    Within(0.19, 0.52),
                    "{:.1%}",
                    name=f"{start} start",
                )
                for start in ("documented", "He")
            ),
            on=SMALL,
        ),
        about_data=False,
    ),
    _claim(
        "relu-kept",
        "notes",
        "the copy with normalised targets and the ReLU kept, over 200 steps",
        "83 % of the outputs die and the loss stands still",
        _rendered(
            Check(
                "scaled, background 0, documented start, standardised targets, relu",
                "zeros_end",
                off(0.83, 0.15),
                "{:.1%}",
                name="zeros",
            ),
            Check(
                "scaled, background 0, documented start, standardised targets, relu",
                "loss_end",
                Within(0.8, None),
                "{:.2f}",
                over="loss_mean",
                name="loss ÷ that of the mean label",
            ),
            on=SMALL,
        ),
        about_data=False,
    ),
    _claim(
        "exponential",
        "answer",
        "an exponential output, if outputs must be positive: inputs and targets as posted",
        "suggested as a remedy",
        _rendered(_exponential("mm"), on=SMALL),
        about_data=False,
    ),
    _claim(
        "exponential-scaled",
        "answer",
        "an exponential output: scaled inputs, targets as posted",
        "suggested as a remedy; whether anything is to be scaled, the answer does not say",
        _rendered(_exponential("scaled"), on=SMALL, falling="loss_after"),
        about_data=False,
    ),
    _claim(
        "exponential-both",
        "notes",
        "when an exponential output explodes, and when it helps",
        "inf on raw millimetres; of use with scaled inputs and scaled targets",
        Holds(("hands-exp-output",)),
        about_data=False,
    ),
    _claim(
        "code",
        "notes",
        "slips in the posted code: 38 400, three names for one input, a sum over the loss",
        "it cannot have run as posted; the sum is harmless here, harmful per sample",
        Holds(("hands-flatten-mismatch", "hands-name-mixup", "hands-scalar-reduce")),
        about_data=False,
    ),
    _claim(
        "heatmaps",
        "follow-up",
        "heat-maps come out black",
        "values near zero and a loss that no longer drops; weights, or coordinates, mend it",
        Holds(("hands-heatmap-of-zeros",)),
        about_data=False,
    ),
)
GROUPS = {"The hands regressor": CLAIMS}
