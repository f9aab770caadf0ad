"""Cases of Part 3, faces. Facts from Stack Overflow question 44308838 (2017) and the public code of MDM."""

from __future__ import annotations

from course_utils.cases.registry import Bar, Case

QUESTION = "Stack Overflow 44308838 (2017-06-01)"
CODE = "github.com/trigeorgis/mdm"
LANDMARKS = "30_faces_landmarks"
BUILT = "31_faces_mdm"

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
)
