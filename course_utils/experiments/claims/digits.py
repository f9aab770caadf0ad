"""What was said about the digits network. Part 1."""

from __future__ import annotations

from course_utils.experiments.claims import Claim, Source
from course_utils.experiments.claims.evidence import EXAMPLE, Check, Holds, Measured, Nothing, Within, near, off, points

SOURCES = {
    "question": Source("question 39613377", "https://stackoverflow.com/q/39613377"),
    "answer": Source("accepted answer to 39613377", "https://stackoverflow.com/q/39613377"),
    "script": Source("the 2016 script's log", "https://github.com/aymericdamien/TensorFlow-Examples"),
    "later": Source("the same author's later version", "https://github.com/aymericdamien/TensorFlow-Examples"),
    "#205": Source("issue #205 of the script", "https://github.com/aymericdamien/TensorFlow-Examples/issues/205"),
    "reading": Source("code of question 39613377, as this course reads it", "https://stackoverflow.com/q/39613377"),
    "notes": Source("one run, in notes handed to this course"),
}
ON = "MNIST, documented network"
NORMAL, GLOROT = "normal", "glorot"
FASTER, ZEROS = "normal, learning rate x20", "normal, first kernel zeros"
GRADIENT = "rms_gradient_conv_1/kernel"
#: Half a 95 % interval of 0.97 on 256 pictures, and of 0.99 on 10 000 with one of 0.9908 beside it.
ON_256, ON_10000 = 0.021, 0.003


def _measured(*checks: Check, **more) -> Measured:
    return Measured("digits", checks, ON, **more)


def _claim(name: str, source: str, what: str, documented: str, evidence, **more) -> Claim:
    return Claim(f"digits-{name}", "digits", source, what, documented, evidence, **more)


CLAIMS = (
    _claim(
        "parameters",
        "script",
        "parameters of the network",
        "3 274 634",
        Measured(
            "facts", (Check("networks", "digits: parameters", off(3_274_634, 0), "{:,.0f}"),), "documented network"
        ),
    ),
    _claim(
        "first-loss",
        "notes",
        "loss before the first step, N(0, 1) weights and biases",
        "9.8e4, not ln 10 = 2.30",
        _measured(Check(NORMAL, "loss_at_init", near(9.8e4), "{:,.0f}")),
        cases=("digits-unit-normal-init",),
    ),
    _claim(
        "logged-loss",
        "script",
        "loss after the first ten steps",
        "17 231",
        Nothing("not recorded after ten steps; before the first it is the figure above"),
    ),
    _claim(
        "logged-loss-end",
        "script",
        "loss after 1 562 steps, on training pictures",
        "122, on one batch of 128",
        _measured(
            Check(NORMAL, "loss_end", near(122), "{:.0f}", name="on 1 024 pictures"),
            no_refutation="at 97 % right, three or four pictures of one batch of 128 carry its loss",
        ),
    ),
    _claim(
        "glorot-loss",
        "later",
        "loss at the start, Glorot",
        "2.39 (the notes: 2.32)",
        _measured(Check(GLOROT, "loss_at_init", off(2.355, 0.08), "{:.3f}")),
    ),
    _claim(
        "gradient",
        "answer",
        "the first layer stands still because its gradients vanish",
        "print them: near 1e-5",
        _measured(Check(NORMAL, GRADIENT, near(1e-5, EXAMPLE), "{:.3g}", name="rms gradient of the first kernel")),
        cases=("digits-vanishing-gradient-claim",),
        telling=True,
    ),
    _claim(
        "gradient-figures",
        "notes",
        "rms gradient of the first kernel",
        "585 with N(0, 1), 0.0063 with Glorot",
        _measured(
            Check(NORMAL, GRADIENT, near(585), "{:.0f}", name="N(0, 1)"),
            Check(GLOROT, GRADIENT, near(0.0063), "{:.4f}", name="Glorot"),
        ),
    ),
    _claim(
        "picture",
        "question",
        "the picture of the first layer's filters, after 200 steps",
        "looks the same; 1.4 grey levels of 255 and 3.6 % of the weights' spread (notes)",
        _measured(
            Check(NORMAL, "first_kernel_grey_levels_early", near(1.4), "{:.1f}", name="change in grey levels"),
            Check(NORMAL, "first_kernel_change_in_std_early", near(0.036), "{:.3f}", name="in the weights' std"),
        ),
        cases=("digits-minmax-picture",),
        telling=True,
    ),
    _claim(
        "picture-glorot",
        "notes",
        "the same picture, Glorot, after 200 steps",
        "22 grey levels and 50 % of the spread",
        _measured(
            Check(GLOROT, "first_kernel_grey_levels_early", near(22), "{:.1f}", name="change in grey levels"),
            Check(GLOROT, "first_kernel_change_in_std_early", near(0.5), "{:.2f}", name="in the weights' std"),
        ),
    ),
    _claim(
        "faster",
        "answer",
        "raise the learning rate ×20, after 200 steps",
        "and the filters move: 8.4 grey levels, 0.20 std (notes)",
        _measured(
            Check(FASTER, "first_kernel_grey_levels_early", near(8.4), "{:.1f}", name="change in grey levels"),
            Check(FASTER, "first_kernel_change_in_std_early", near(0.20), "{:.2f}", name="in the weights' std"),
        ),
    ),
    _claim(
        "faster-wrecks",
        "answer",
        "what the ×20 rate costs",
        "it harms training, the answer warns; accuracy 13 % (notes)",
        _measured(Check(FASTER, "accuracy_early", off(0.13, 0.05), "{:.1%}")),
    ),
    _claim(
        "zeros-change",
        "question",
        "a first layer started from zeros, after 200 steps",
        "now the picture does change",
        _measured(
            Check(ZEROS, "kernels_exactly_zero_early", Within(None, 31), "{:.0f}", name="filters of 32 that never move")
        ),
    ),
    _claim(
        "zeros-dead",
        "notes",
        "of those filters, the ones with a negative bias, after 200 steps",
        "stay exactly 0: 19 of 32 in one run",
        _measured(
            Check(ZEROS, "kernels_exactly_zero_early", Within(8, 24), "{:.0f}", name="exactly 0"),
            Check(
                ZEROS,
                "kernels_exactly_zero_early",
                off(0, 0),
                "{:.0f}",
                less="kernels_zero_and_bias_negative_early",
                name="of them with another bias",
            ),
        ),
        cases=("digits-zero-first-layer",),
    ),
    _claim(
        "needed",
        "notes",
        "the question asks whether the first layer is needed at all, with N(0, 1)",
        "not for anything one can see: 93.21 % trained, 93.12 % frozen after 200 steps",
        _measured(
            points(
                NORMAL,
                "accuracy_end",
                off(0, 0.5),
                ("normal, first layer frozen", "accuracy_end"),
                "accuracy, trained less frozen, 1 562 steps",
                "{:+.2f}",
            ),
            points(
                NORMAL,
                "accuracy_early",
                off(0, 0.5),
                ("normal, first layer frozen", "accuracy_early"),
                "200 steps",
                "{:+.2f}",
            ),
            seeds=2,
        ),
    ),
    _claim(
        "needed-glorot",
        "notes",
        "the same with Glorot",
        "98.09 % trained, 97.49 % frozen after 200 steps: the layer is of some use",
        _measured(
            points(
                GLOROT,
                "accuracy_early",
                Within(0.1, None),
                ("glorot, first layer frozen", "accuracy_early"),
                "accuracy, trained less frozen, 200 steps",
                "{:+.2f}",
            ),
            seeds=2,
        ),
    ),
    _claim(
        "accuracy-256",
        "script",
        "accuracy after 1 562 steps, on 256 pictures",
        "0.9727, compared as if exact",
        _measured(Check(NORMAL, "accuracy_first_256_end", Within(0.9727, 0.9727, ON_256), "{:.4f}")),
        cases=("digits-256-image-accuracy",),
    ),
    _claim(
        "accuracy-later",
        "later",
        "accuracy with Glorot, on 10 000 pictures",
        "0.9908 (2 000 steps; ours 1 562)",
        _measured(Check(GLOROT, "accuracy_end", Within(0.9908, 0.9908, ON_10000), "{:.4f}")),
    ),
    _claim(
        "port",
        "notes",
        "the bug is lost in a port without a word",
        "TensorFlow 1's random_normal has std 1 by default, Keras' RandomNormal 0.05",
        Measured(
            "facts",
            (Check("networks", "std of Keras' RandomNormal by default", off(0.05, 0.002), "{:.4f}"),),
            "Keras 3",
        ),
    ),
    _claim(
        "keep-prob",
        "#205",
        "a keep probability of 0.75 passed as a drop rate (upstream #205)",
        "three quarters are dropped, where one quarter was meant",
        Holds(("digits-keep-prob-as-rate",)),
        about_data=False,
    ),
    _claim(
        "summary",
        "reading",
        "a new summary op in the loop, one tag a step, no step number",
        "the graph grows at every step (nobody in the thread mentions it)",
        Holds(("digits-summary-in-loop",)),
        about_data=False,
    ),
)
GROUPS = {"The 2016 MNIST network": CLAIMS}
