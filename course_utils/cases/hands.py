"""Cases of Part 2, hands. Facts from Stack Overflow questions 49528692 and 50415450 (2018), by the same author."""

from __future__ import annotations

from course_utils.cases.registry import Bar, Case

QUESTION = "Stack Overflow 49528692 (2018-03-28)"
FOLLOW_UP = "Stack Overflow 50415450 (2018)"
REGRESSOR = "21_hands_joint_regressor"
ZEROS = "22_hands_zero_vector"
HEATMAPS = "23_hands_heatmaps"

CASES = (
    Case(
        id="hands-flatten-mismatch",
        part="hands",
        lesson=REGRESSOR,
        title="A flattened size is wrong, and −1 makes it fit",
        symptom="The loss fails with shapes such as (8, 48) and (32, 48), or, with a batch of one, trains on in silence",
        cause="reshape(h, [-1, n]) with n a quarter of the features makes four rows of each image",
        fix="let Flatten count, or compute height/2 · width/2 · channels by hand and assert it",
        source=f"{QUESTION}: [38400, 1024] in the text, 120·160·8 = 153 600 in the code",
        kind="deterministic",
        bars=(Bar("rows_per_image", "rows that one image becomes", broken=(">=", 2.0), fixed=("<=", 1.5)),),
    ),
    Case(
        id="hands-name-mixup",
        part="hands",
        lesson=REGRESSOR,
        title="One input goes by three names",
        symptom="NameError at the feed; or, with two inputs of one shape, no error at all and a model fed with the wrong array",
        cause="inputs fed by position are never checked against what they are",
        fix="name the inputs and feed a dictionary: a wrong name is an error",
        source=f"{QUESTION}: image, images and x_image for one placeholder",
        kind="deterministic",
        bars=(
            Bar(
                "unnoticed_share",
                "share of wrongly named or placed feeds that raise nothing",
                broken=(">=", 0.6),
                fixed=("<=", 0.1),
            ),
        ),
    ),
    Case(
        id="hands-scalar-reduce",
        part="hands",
        lesson=REGRESSOR,
        title="The loss is summed over the batch",
        symptom="A learning rate that works for one batch size diverges, or crawls, for another",
        cause="a sum over samples multiplies the gradient by the batch size (a sum over a loss that is one number is harmless)",
        fix="mean over samples: reduction 'sum_over_batch_size'",
        source=f"{QUESTION}: reduce_sum of tf.losses.mean_squared_error",
        kind="deterministic",
        bars=(
            Bar(
                "step_ratio",
                "SGD step for a batch repeated 10 times / for the batch itself",
                broken=(">=", 5.0),
                fixed=("<=", 1.5),
            ),
        ),
    ),
    Case(
        id="hands-relu-output",
        part="hands",
        lesson=ZEROS,
        title="A ReLU on the outputs of a regressor",
        symptom="The output becomes (0, …, 0) for every input and the loss stands still at that of the zero answer",
        cause="the first steps push the outputs below zero; there the ReLU answers 0 and passes no gradient",
        fix="a linear output: no activation after the last layer",
        source=f"{QUESTION}, and its answer",
        kind="statistical",
        bars=(
            Bar("zeros_share", "share of outputs exactly zero, unseen frames", broken=(">=", 0.55), fixed=("<=", 0.01)),
            Bar(
                "no_gradient_share",
                "share of output units whose weights get no gradient",
                broken=(">=", 0.4),
                fixed=("<=", 0.01),
            ),
            Bar("loss_over_mean", "loss / loss of the mean answer", broken=(">=", 0.55), fixed=("<=", 0.54)),
        ),
    ),
    Case(
        id="hands-raw-millimetres",
        part="hands",
        lesson=ZEROS,
        title="Depth goes in as raw millimetres, 32001 where nothing is seen",
        symptom="The loss starts at 1e9 or more; with a linear output it oscillates far above the mean answer's or sits on it for ever",
        cause="inputs of 1e2 to 3e4 make each Adam step move all units together by far too much; hidden ReLUs die",
        fix="nothing seen = 0 (or the far plane of a crop), depth in units of about its size",
        source=QUESTION,
        kind="statistical",
        bars=(Bar("loss_over_mean", "loss / loss of the mean answer", broken=(">=", 0.6), fixed=("<=", 0.39)),),
    ),
    Case(
        id="hands-unscaled-targets",
        part="hands",
        lesson=ZEROS,
        title="Pixels and millimetres, far from zero, in one mean squared error",
        symptom="The loss falls for long and the output is still hardly better than the mean label",
        cause="the steps are spent on reaching the mean (a few hundred) before anything is left for what differs between hands",
        fix="give each output mean 0 and standard deviation 1 over the training set, and undo it afterwards",
        source=QUESTION,
        kind="statistical",
        bars=(
            Bar(
                "loss_over_mean",
                "standardised loss / that of the mean answer",
                broken=(">=", 0.45),
                fixed=("<=", 0.39),
            ),
        ),
    ),
    Case(
        id="hands-exp-output",
        part="hands",
        lesson=ZEROS,
        title="An exponential output, as the answer suggests for positive targets",
        symptom="The loss is inf before the first step, and NaN after it",
        cause="exp of pre-activations of order 1e2 leaves the range of 32-bit floats (exp(89))",
        fix="scaled inputs, and targets in units of the mean label, so that exp(0) = 1 is the start",
        source=f"{QUESTION}, answer",
        kind="statistical",
        bars=(
            Bar(
                "non_finite_share",
                "share of outputs that are inf before training",
                broken=(">=", 0.15),
                fixed=("<=", 0.01),
            ),
            Bar(
                "times_better_than_mean",
                "loss of the mean answer / loss after training (0 when NaN)",
                broken=("<=", 0.1),
                fixed=(">=", 1.4),
            ),
        ),
    ),
    Case(
        id="hands-heatmap-of-zeros",
        part="hands",
        lesson=HEATMAPS,
        title="Heat-maps trained with a squared error come out black",
        symptom="All heat-maps converge to values near zero; the loss looks tiny and no longer drops",
        cause="the first maps cost many times what black costs; the way down switches off the last ReLU layer at the joints",
        fix="softmax over each map with cross-entropy, weights on the joints, or a head that starts from zeros",
        source=f"{FOLLOW_UP}; its loss and rate are not given, and its ResNet-50 is not rebuilt",
        kind="statistical",
        bars=(
            Bar("peak", "mean peak of the maps / that of the targets", broken=("<=", 0.1), fixed=(">=", 0.35)),
            Bar(
                "px_over_mean_label",
                "error of the brightest pixel / of the blind mean label",
                broken=(">=", 1.5),
                fixed=("<=", 0.35),
            ),
        ),
    ),
)
