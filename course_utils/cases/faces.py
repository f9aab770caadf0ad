"""Cases of Part 3, faces. Facts from Stack Overflow question 44308838 (2017) and the public code of MDM."""

from __future__ import annotations

from course_utils.cases.registry import Bar, Case

QUESTION = "Stack Overflow 44308838 (2017-06-01)"
CODE = "github.com/trigeorgis/mdm"
LANDMARKS = "30_faces_landmarks"
BUILT = "31_faces_mdm"
PLATEAU = "32_faces_plateau"
ONE_FACE = "33_faces_one_face"

CASES = (
    Case(
        id="mdm-flip-without-permutation",
        part="faces",
        lesson=LANDMARKS,
        title="A mirrored face keeps the order of its points",
        symptom="With flips switched on, the error of unseen faces rises above that of the start shape, and stays there",
        cause="row 36 is the right eye's corner in one half of the training set and the left eye's in the other",
        fix="reorder the 68 rows when x is mirrored: new row i is old row MIRROR[i]",
        source=f"suspect of {QUESTION}; {CODE} permutes (mirror_landmarks_68)",
        kind="statistical",
        bars=(
            Bar(
                "error_over_start",
                "error after the descent / error of the start",
                broken=(">=", 0.9),
                fixed=("<=", 0.5),
            ),
            Bar(
                "worst_residual",
                "shapes against their mean, 95th percentile, in outer-eye distances",
                broken=(">=", 0.35),
                fixed=("<=", 0.22),
            ),
        ),
    ),
    Case(
        id="mdm-xy-swap",
        part="faces",
        lesson=LANDMARKS,
        title="(x, y) where (y, x) was meant: patches are read from transposed places",
        symptom="The first step helps, the others add hardly anything: a plateau at about half of the start error",
        cause="what is read does not move with the points, so no later step can see what the one before left over",
        fix="one order everywhere, converted once at the border, and a look at the patches",
        source=f"suspect of {QUESTION}; {CODE} keeps points as (y, x)",
        kind="statistical",
        bars=(
            Bar(
                "later_gain",
                "share of the first step's error that later steps remove",
                broken=("<=", 0.3),
                fixed=(">=", 0.3),
            ),
            Bar(
                "mean_patch_share",
                "variance of the true patches that their mean explains",
                broken=("<=", 0.11),
                fixed=(">=", 0.18),
            ),
        ),
    ),
    Case(
        id="mdm-misaligned-labels",
        part="faces",
        lesson=LANDMARKS,
        title="Images and labels are listed in two orders",
        symptom="The training error falls, the error of unseen faces stays near that of the start shape and then rises above it",
        cause="one list is sorted as text (1, 10, 100, 2), the other by number: nearly every face gets another's points",
        fix="pair by name, not by position; look at twenty pairs",
        source=f"suspect of {QUESTION}",
        kind="statistical",
        bars=(
            Bar(
                "error_over_start",
                "error after the descent / error of the start",
                broken=(">=", 0.65),
                fixed=("<=", 0.5),
            ),
            Bar(
                "mean_patch_share",
                "variance of the true patches that their mean explains",
                broken=("<=", 0.11),
                fixed=(">=", 0.18),
            ),
        ),
    ),
    Case(
        id="mdm-success-rate-called-auc",
        part="faces",
        lesson=LANDMARKS,
        title="A success rate is reported as area under the curve",
        symptom="The 'AUC' is far above published ones, and a better model with as few failures does not raise it",
        cause="(errors < 0.08).mean() is the curve's height at 0.08, not the area under it",
        fix="integrate the cumulative error curve from 0 to 0.08 and divide by 0.08",
        source=f"released evaluation of {CODE}; its issue #15, where the author calls it bad naming",
        kind="deterministic",
        bars=(
            Bar(
                "auc_gap",
                "distance of the 'AUC' from the area under the drawn curve",
                broken=(">=", 0.15),
                fixed=("<=", 0.005),
            ),
        ),
    ),
    Case(
        id="mdm-unwritten-pixels",
        part="faces",
        lesson=BUILT,
        title="Pixels outside the image are never written",
        symptom="NaN now and then, on faces near the edge of their image, and another answer at the next call",
        cause="the patch operation writes what lies inside the image and leaves the rest of its memory as it was",
        fix="define what lies outside: repeat the edge, or zero; test with memory filled with NaN",
        source=f"C++ operation of {CODE}; its issue #12 reports NaNs",
        kind="deterministic",
        bars=(
            Bar(
                "spoiled_faces",
                "share of faces near the edge with an unwritten pixel",
                broken=(">=", 0.5),
                fixed=("<=", 0.01),
            ),
        ),
    ),
    Case(
        id="mdm-landmark-major",
        part="faces",
        lesson=BUILT,
        title="Patches stacked point by point are cut into faces as if stacked face by face",
        symptom="No error, and the answer for a face depends on which others are in its batch",
        cause="a reshape counts rows; it cannot know that (68, B) was meant where (B, 68) is assumed",
        fix="keep the batch axis first; exchange the other faces of a batch and see that nothing changes",
        source=f"a public fork of {CODE}",
        kind="deterministic",
        bars=(
            Bar(
                "depends_on_others",
                "relative change of a face's features when its batch changes",
                broken=(">=", 0.2),
                fixed=("<=", 0.001),
            ),
        ),
    ),
    Case(
        id="mdm-sqrt-at-zero",
        part="faces",
        lesson=BUILT,
        title="A distance is a root, and a root has no gradient at zero",
        symptom="Weights become NaN, all of them within two steps, when a point of one face of the batch is hit exactly",
        cause="the root's infinite slope times the square's zero slope is NaN, and gradients are summed over the batch",
        fix="a small number inside the root, 1e-12 px² here",
        source=f"branch master of {CODE}; the code of {QUESTION} has the epsilon",
        kind="deterministic",
        bars=(
            Bar(
                "nan_weights",
                "share of the last layer's weights that are NaN after a step",
                broken=(">=", 0.6),
                fixed=("<=", 0.001),
            ),
        ),
    ),
    Case(
        id="mdm-summed-loss-misread",
        part="faces",
        lesson=PLATEAU,
        title="A loss summed over the steps is read as the error of one",
        symptom="'The loss is 0.78': it looks like a large error, and is what several steps cost that do not move at all",
        cause="the public code adds the normalised errors of all steps of the descent",
        fix="divide by (number of steps × error of the start): 1 means that nothing is done",
        source=f"log of {QUESTION}; training script of {CODE}",
        kind="deterministic",
        bars=(
            Bar(
                "misread",
                "distance from 1 of the loss of a network that never moves, in start errors",
                broken=(">=", 1.0),
                fixed=("<=", 0.03),
            ),
        ),
    ),
    Case(
        id="mdm-glimpse-normalized",
        part="faces",
        lesson=PLATEAU,
        title="Pixel positions are taken for normalised ones, and every patch is noise",
        symptom="Many faces: the loss stands at the cost of doing nothing, and there is no error message",
        cause="extract_glimpse expects offsets from -1 to 1 by default and fills what lies outside the image with noise",
        fix="pass centered=False and normalized=False, or normalise the points; look at a sheet of patches",
        source=f"issue #11 of {CODE}; TensorFlow, tf.image.extract_glimpse",
        kind="deterministic",
        bars=(
            Bar(
                "from_image",
                "share of the patches' pixels that come from the image",
                broken=("<=", 0.02),
                fixed=(">=", 0.6),
            ),
        ),
    ),
    Case(
        id="mdm-tall-reshape",
        part="faces",
        lesson=PLATEAU,
        title="The patches of a face stand on top of each other as one tall picture",
        symptom="Jaw and mouth leave no trace in the fine features; yet the loss falls as the healthy network's does",
        cause="a line of another branch; the convnet's central crop keeps the middle third of the list of landmarks",
        fix="one picture per patch: reshape to (batch · 68, 30, 30, channels)",
        source=f"code of {QUESTION}; branches master and refactored of {CODE}",
        kind="deterministic",
        bars=(
            Bar(
                "points_without_detail",
                "share of the landmarks whose patch does not change the fine features",
                broken=(">=", 0.3),
                fixed=("<=", 0.01),
            ),
        ),
    ),
    Case(
        id="mdm-tiny-init",
        part="faces",
        lesson=PLATEAU,
        title="All layers start from weights of 0.01",
        symptom="Nothing moves for many steps; from the second convolution on the weights' gradients are far below the biases'",
        cause="each layer shrinks what passes: a weight's gradient carries the size of its input, a bias's does not",
        fix="start values that fit the layer's width (Glorot, He)",
        source=f"layer library bundled with {CODE}",
        kind="statistical",
        bars=(
            Bar(
                "conv_2_ratio",
                "second convolution: gradient of weights / gradient of biases (rms)",
                broken=("<=", 0.0265),
                fixed=(">=", 0.0305),
            ),
            Bar(
                "gained",
                "share of the cost of doing nothing that 60 steps gain",
                broken=("<=", 0.03),
                fixed=(">=", 0.036),
            ),
        ),
    ),
    Case(
        id="mdm-adam-epsilon",
        part="faces",
        lesson=PLATEAU,
        title="Adam's epsilon is larger than the gradients",
        symptom="A layer with gradients of 1e-8 moves by a fraction of the learning rate",
        cause="Adam divides by (running size of the gradient + epsilon): 1e-8 in TensorFlow 1, 1e-7 in Keras",
        fix="set epsilon=1e-8 where code from TensorFlow 1 is rebuilt; better, start values that give larger gradients",
        source=f"optimiser of {CODE} and Keras' default, keras.optimizers.Adam",
        kind="deterministic",
        bars=(
            Bar(
                "mean_step",
                "mean step over 1 000 steps of a weight with gradient 2.5e-8, in rates",
                broken=("<=", 0.2),
                fixed=(">=", 0.35),
            ),
        ),
    ),
    Case(
        id="mdm-one-image-proves-nothing",
        part="faces",
        lesson=ONE_FACE,
        title="A network that fits one face is taken for a network that sees",
        symptom="One face is learnt nearly perfectly, with a frozen convnet, or with a grey card in place of the face",
        cause="one face has one answer: the last layers learn it as constants",
        fix="fit a handful of different faces instead: their answers differ, so the picture must be used",
        source=f"{QUESTION}: one image converges, 3 000 do not",
        kind="statistical",
        bars=(
            Bar(
                "told_apart",
                "loss with a grey card / loss with the face, at the end of the test",
                broken=("<=", 2.0),
                fixed=(">=", 3.0),
            ),
        ),
    ),
    Case(
        id="mdm-images-divided-twice",
        part="faces",
        lesson=ONE_FACE,
        title="Images that are already between 0 and 1 are divided by 255",
        symptom="Many faces: the loss stays at the cost of doing nothing for hundreds of steps. One face: learnt. In both convolutions biases get gradients and weights do not",
        cause="the image reader had normalised already; the gradient of a weight carries the size of its input, 0.002",
        fix="divide once; print the smallest and largest value of the batch that the network is handed",
        source=f"all symptoms of {QUESTION} and its words that the import of samples was changed; found by this course, not documented",
        kind="statistical",
        bars=(
            Bar(
                "conv_1_ratio",
                "one face, first convolution: gradient of weights / gradient of biases (rms)",
                broken=("<=", 0.01),
                fixed=(">=", 0.05),
            ),
            Bar(
                "conv_2_ratio",
                "one face, second convolution: gradient of weights / gradient of biases (rms)",
                broken=("<=", 0.019),
                fixed=(">=", 0.0245),
            ),
            Bar(
                "gained",
                "share of the cost of doing nothing that 60 steps on many faces gain",
                broken=("<=", 0.05),
                fixed=(">=", 0.1),
            ),
        ),
    ),
)
