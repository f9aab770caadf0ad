"""What was said about the Mnemonic Descent Method and its plateau. Part 3."""

from __future__ import annotations

from course_utils.experiments.claims import Claim, Source
from course_utils.experiments.claims.evidence import Check, Holds, Measured, Nothing, Within, off, order

SOURCES = {
    "question": Source("question 44308838", "https://stackoverflow.com/q/44308838"),
    "code": Source("public code of MDM", "https://github.com/trigeorgis/mdm"),
    "#6": Source("issue #6 of the public code", "https://github.com/trigeorgis/mdm/issues/6"),
    "#7": Source("issue #7", "https://github.com/trigeorgis/mdm/issues/7"),
    "#11": Source("issue #11", "https://github.com/trigeorgis/mdm/issues/11"),
    "#12": Source("issue #12", "https://github.com/trigeorgis/mdm/issues/12"),
    "paper": Source("the paper, CVPR 2016"),
    "fork": Source("a public fork"),
    "notes": Source("notes handed to this course"),
    "course": Source("this course"),
}
SMALL = "rendered faces, small network, 300 steps"
LARGE = "rendered faces, documented network"
PHOTOS = "161 LFPW photographs"
HEALTHY, TWICE, COMBINED = "healthy", "images divided twice", "tall, 0.01, divided twice"
TINY, TINY_LARGE, GLOROT_LARGE = (
    "start values 0.01",
    "documented size: per patch, 0.01",
    "documented size: per patch, Glorot",
)
#: Half a 95 % interval of a failure rate of 4.5 % on 161 photographs, 1.96 · √(0.045 · 0.955 / 161).
ON_161 = 0.032
#: Loss on many faces, in costs of doing nothing, that counts as the plateau of the question (0.99 to 1.07 there).
PLATEAU = Within(0.97, 1.07)


def _small(*checks: Check, **more) -> Measured:
    return Measured("faces_plateau", checks, more.pop("on", SMALL), **more)


def _large(*checks: Check) -> Measured:
    return Measured("faces", checks, LARGE, real=False)


def _many(row: str, rule: Within, name: str = "loss ÷ that of doing nothing") -> Check:
    return Check(row, "many_loss_end", rule, "{:.2f}", name=name)


def _one(row: str, rule: Within, name: str = "on one face") -> Check:
    return Check(row, "one_loss_end", rule, "{:.2f}", name=name)


def _ratio(row: str, layer: int, rule: Within, name: str) -> Check:
    over = f"one_early_conv_{layer}/bias"
    return Check(row, f"one_early_conv_{layer}/kernel", rule, "{:.2g}", over=over, name=name)


def _first_gradient(row: str, layer: int, rule: Within, name: str) -> Check:
    value, over = (f"gradient_first_conv_{layer}/{part}" for part in ("bias", "kernel"))
    return Check(row, value, rule, "{:.1f}", over=over, name=name)


def _claim(name: str, source: str, what: str, documented: str, evidence, **more) -> Claim:
    return Claim(f"mdm-{name}", "faces", source, what, documented, evidence, **more)


DENSE = {30: 80.5, 26: 56.0, 24: 35.9, 20: 20.3}
CLAIMS = (
    _claim(
        "sizes",
        "code",
        "features of a face, and weights of the first dense layer, by patch",
        "156 672 features; 80.5 M (30 px), 56.0 M (26), 35.9 M (24), 20.3 M (20)",
        Measured(
            "facts",
            (
                Check(
                    "networks", "mdm: features, patches of 30", off(0.156672, 0), "{:.3f}", " M", turn=lambda n: n / 1e6
                ),
                *(
                    Check(
                        "networks",
                        f"mdm: dense weights, patches of {patch}",
                        off(figure, 0.05),
                        "{:.3f}",
                        " M",
                        turn=lambda n: n / 1e6,
                    )
                    for patch, figure in DENSE.items()
                ),
            ),
            "documented network",
            brief=True,
        ),
    ),
    _claim(
        "level",
        "question",
        "what a summed loss of 0.783 means",
        "an error of four steps that never move from a noisy start: loss ÷ (4 × start error) between 0.97 and 1.03 (an inference)",
        Measured(
            "faces_data",
            tuple(
                Check(
                    row,
                    "start_error",
                    Within(0.97, 1.03),
                    "{:.2f}",
                    turn=lambda error: 0.783 / (4 * error),
                    name=name,
                )
                for row, name in (
                    ("photos, drawn boxes", "boxes drawn around"),
                    ("photos, detector's boxes", "a detector's boxes"),
                )
            ),
            "805 LFPW photographs",
            agree=True,
        ),
        cases=("mdm-summed-loss-misread",),
    ),
    _claim(
        "tall-figures",
        "notes",
        "what the central crop of the tall picture keeps",
        "conv_2 1 017 rows, of which 254 to 762, that is landmarks 17 to 50; 100.1 M dense weights",
        Measured(
            "facts",
            (
                Check("networks", "mdm, tall: rows of conv_2", off(1017, 0), "{:,.0f}", name="rows"),
                Check("networks", "mdm, tall: first row kept", off(254, 0), "{:.0f}", name="from"),
                Check("networks", "mdm, tall: rows kept", off(508, 0), "{:.0f}", name="kept"),
                Check(
                    "networks",
                    "mdm: dense weights, tall",
                    off(100.1, 0.05),
                    "{:.1f}",
                    " M",
                    turn=lambda n: n / 1e6,
                    name="weights",
                ),
            ),
            "documented network",
        ),
    ),
    _claim(
        "tall-plateau",
        "notes",
        "suspect: patches stacked as one tall picture hold the loss on the plateau over 300 steps",
        "a line of another branch: fine features of jaw and mouth are lost",
        _small(_many("tall reshape", PLATEAU)),
        about_data=False,
        cases=("mdm-tall-reshape",),
    ),
    _claim(
        "tiny-figures",
        "notes",
        "start values of 0.01 against Glorot's, before the first step",
        "features 0.003 (0.12); dense gradient 2.5e-8 (7e-6)",
        _large(
            Check(TINY_LARGE, "features_rms_first", order(0.003), "{:.4f}", name="features, 0.01"),
            Check(GLOROT_LARGE, "features_rms_first", order(0.12), "{:.2f}", name="Glorot"),
            Check(TINY_LARGE, "gradient_first_state/kernel", order(2.5e-8), "{:.1e}", name="gradient, 0.01"),
            Check(GLOROT_LARGE, "gradient_first_state/kernel", order(7e-6), "{:.1e}", name="Glorot"),
        ),
        about_data=False,
    ),
    _claim(
        "tiny-ratios",
        "notes",
        "biases' ÷ weights' gradient, before the first step",
        "second conv 40 to 86 with 0.01, 8 with Glorot; first conv 2 with both: it fits the second layer only",
        _large(
            _first_gradient(TINY_LARGE, 2, Within(40, 86), "second conv, 0.01"),
            _first_gradient(GLOROT_LARGE, 2, order(8), "Glorot"),
            _first_gradient(TINY_LARGE, 1, Within(1, 4), "first conv, 0.01"),
            _first_gradient(GLOROT_LARGE, 1, Within(1, 4), "Glorot"),
        ),
        about_data=False,
        cases=("mdm-tiny-init",),
    ),
    _claim(
        "tiny-plateau",
        "notes",
        "suspect: start values of 0.01 hold the loss on the plateau over 300 steps",
        "the bundled layer library starts from them; nothing moves for many steps",
        _small(_many(TINY, PLATEAU)),
        about_data=False,
        cases=("mdm-tiny-init",),
    ),
    _claim(
        "adam",
        "notes",
        "Adam's epsilon: 1e-8 in TensorFlow 1, 1e-7 in Keras",
        "a gradient of 2.5e-8 moves its weight by 0.57 or 0.13 rates a step",
        Holds(("mdm-adam-epsilon",)),
        about_data=False,
    ),
    _claim(
        "glimpse",
        "#11",
        "pixel offsets handed to extract_glimpse with its defaults, over 300 steps",
        "patches are noise; the loss is about 1.0 and flat",
        _small(_many("glimpse offsets (noise)", PLATEAU)),
        about_data=False,
        cases=("mdm-glimpse-normalized",),
    ),
    _claim(
        "landmark-major",
        "fork",
        "patches concatenated point by point, cut as if face by face, over 300 steps",
        "faces are mixed up inside a batch: suspect of the plateau",
        _small(_many("landmark-major", PLATEAU)),
        about_data=False,
        cases=("mdm-landmark-major",),
    ),
    _claim(
        "xy",
        "notes",
        "suspect: (x, y) for (y, x)",
        "patches are read from transposed places: a plateau at about half the start error",
        Measured(
            "faces_data",
            (
                Check(
                    "photos, drawn boxes",
                    "patches from (y, x): error_4",
                    off(0.5, 0.15),
                    "{:.2f}",
                    over="patches from (y, x): error_0",
                    name="error ÷ start error",
                ),
                Check(
                    "photos, drawn boxes",
                    "patches from (y, x): error_4",
                    Within(1.2, None),
                    "{:.2f}",
                    over="right labels: error_4",
                    name="÷ with the right places",
                ),
            ),
            PHOTOS,
        ),
        cases=("mdm-xy-swap",),
    ),
    _claim(
        "labels",
        "notes",
        "suspects: a flip without the mirror permutation, lists shuffled apart",
        "labels that do not follow the image: nothing can be learnt",
        Measured(
            "faces_data",
            tuple(
                Check(
                    "photos, drawn boxes",
                    f"{row}: error_4",
                    Within(0.9, None),
                    "{:.2f}",
                    over=f"{row}: error_0",
                    name=name,
                )
                for row, name in (
                    ("flip without permutation", "flip, error ÷ start error"),
                    ("labels in another order", "lists"),
                )
            ),
            PHOTOS,
        ),
        cases=("mdm-flip-without-permutation", "mdm-misaligned-labels"),
    ),
    _claim(
        "nan",
        "#12",
        "NaN now and then",
        "pixels outside the image are never written; and in branch master a root has no slope at zero",
        Holds(("mdm-unwritten-pixels", "mdm-sqrt-at-zero")),
        about_data=False,
    ),
    _claim(
        "one-image",
        "question",
        "trained on one image",
        "converges in about 1 000 steps, its loss close to zero",
        _small(
            _one(HEALTHY, Within(None, 0.1), "loss ÷ that of doing nothing, healthy"),
            _one(TWICE, Within(None, 0.1), TWICE),
            on="rendered faces, small network, 800 steps",
        ),
        about_data=False,
        cases=("mdm-one-image-proves-nothing",),
    ),
    _claim(
        "one-image-proves",
        "notes",
        "… which proves little",
        "80 M dense weights learn one constant offset, features dead or not",
        Holds(("mdm-one-image-proves-nothing",)),
        about_data=False,
    ),
    _claim(
        "three-marks",
        "course",
        "one mistake, images divided by 255 twice, leaves all three marks of the question over 300 steps",
        "our hypothesis: flat on many faces, one face learnt, conv weights without gradient beside their biases",
        _small(
            _many(TWICE, PLATEAU, "loss ÷ that of doing nothing, many faces"),
            _one(TWICE, Within(None, 0.05)),
            _ratio(TWICE, 1, Within(None, 0.01), "gradient of weights ÷ of biases, first conv"),
            _ratio(TWICE, 2, Within(None, 0.02), "second"),
            on=f"{SMALL} (one face: 800)",
        ),
        about_data=False,
        cases=("mdm-images-divided-twice",),
        telling=True,
    ),
    _claim(
        "flat-long",
        "course",
        "images divided by 255 twice, and nothing else, over 3 000 steps",
        "our hypothesis: it alone holds the loss flat, as flat as the question's is for ten thousand steps",
        _small(_many(f"{TWICE}, long", PLATEAU), on="rendered faces, small network, 3 000 steps"),
        about_data=False,
        telling=True,
    ),
    _claim(
        "flat-combined",
        "course",
        "images divided by 255 twice, with the tall picture and start values of 0.01, over 3 000 steps",
        "our hypothesis: the loss stays flat, and one face is still learnt",
        _small(
            _many(f"{COMBINED}, long", PLATEAU),
            _one(COMBINED, Within(None, 0.05)),
            on="rendered faces, small network, 3 000 steps (one face: 800)",
        ),
        about_data=False,
    ),
    _claim(
        "published-auc",
        "#6",
        "300-W test set, 600 images, outer-eye normalisation",
        "the released model: AUC@0.08 41.01 %, failures 8.67 %; the paper's 45.32 % called inflated by its author",
        Nothing("the 300-W test images could not be had"),
    ),
    _claim(
        "published-users",
        "#7",
        "users who train the public code from scratch",
        "0.2 (#7); 18.42 % on LFPW's test set (#12)",
        Nothing("LFPW's test set could not be had"),
    ),
    _claim(
        "auc",
        "code",
        "the released evaluation's AUC",
        "it computes the share of errors below 0.08",
        Holds(("mdm-success-rate-called-auc",)),
        about_data=False,
    ),
    _claim(
        "healthy-error",
        "notes",
        "what a healthy MDM reaches on LFPW faces, mean error",
        "0.045 (from 0.160, by another start than ours)",
        Measured(
            "faces",
            (
                Check("photos, trained on both", "averaged: error", Within(None, 0.0455), "{:.3f}", name="end"),
                Check("photos, trained on both", "start: error", None, "{:.3f}", name="start, not judged"),
            ),
            f"{PHOTOS}, trained on rendered faces and 644 photographs",
        ),
        telling=True,
    ),
    _claim(
        "healthy-failures",
        "notes",
        "… and failures above 0.08",
        "4.5 % (from 99 %, by another start than ours)",
        Measured(
            "faces",
            (
                Check(
                    "photos, trained on both", "averaged: failures", Within(None, 0.045, ON_161), "{:.1%}", name="end"
                ),
                Check("photos, trained on both", "start: failures", None, "{:.1%}", name="start, not judged"),
            ),
            f"{PHOTOS}, trained on rendered faces and 644 photographs",
        ),
    ),
    _claim(
        "healthy-steps",
        "notes",
        "each step of the descent improves on the one before",
        "0.072, 0.049, 0.045",
        Measured(
            "faces",
            tuple(
                Check(
                    "photos, trained on both",
                    f"step_{step}: error",
                    Within(None, 0),
                    "{:+.4f}",
                    less=f"step_{step - 1}: error",
                    name=f"step {step} against {step - 1}",
                )
                for step in (2, 3, 4)
            ),
            f"{PHOTOS}, trained on rendered faces and 644 photographs",
        ),
    ),
)
GROUPS = {"The Mnemonic Descent Method": CLAIMS}
