"""Cases of Part 1, digits. Facts from Stack Overflow question 39613377 (2016) and the code it quotes."""

from __future__ import annotations

from course_utils.cases.registry import Bar, Case

QUESTION = "Stack Overflow 39613377 (2016-09-21)"
EXAMPLE = "aymericdamien/TensorFlow-Examples, convolutional_network.py (2016)"
REBUILD = "10_digits_convnet"
FILTERS = "11_digits_frozen_filters"
LOGGING = "12_digits_logging"

CASES = (
    Case(
        id="digits-256-image-accuracy",
        part="digits",
        lesson=REBUILD,
        title="Two accuracies on 256 images are compared as if they were exact",
        symptom="Test accuracy jumps by a point or two between runs or evaluations, and every change seems to matter",
        cause="256 images give an interval of several points; the same network 'beats' itself",
        fix="evaluate on all test images and give the interval; call a winner only when the interval of the difference excludes 0",
        source=f"{EXAMPLE}: accuracy on test images 0–255",
        kind="statistical",
        bars=(
            Bar(
                "false_winners",
                "share of comparisons of a network with itself that name a winner",
                broken=(">=", 0.4),
                fixed=("<=", 0.1),
            ),
        ),
    ),
    Case(
        id="digits-keep-prob-as-rate",
        part="digits",
        lesson=REBUILD,
        title="A keep probability is passed as a drop rate",
        symptom="After a port, training loss stays well above validation loss and learning is slow, with the 'same' dropout of 0.75",
        cause="TensorFlow 1 took the share of units to keep, Keras' Dropout takes the share to drop",
        fix="rate = 1 − keep probability",
        source=f"{EXAMPLE}, a later revision (fixed upstream as #205)",
        kind="statistical",
        bars=(
            Bar("dropped_share", "share of live units set to 0 in training", broken=(">=", 0.45), fixed=("<=", 0.4)),
        ),
    ),
    Case(
        id="digits-vanishing-gradient-claim",
        part="digits",
        lesson=FILTERS,
        title="'The gradients vanish; print them, they should be near 1e-5'",
        symptom="First-layer filters do not seem to change, so vanishing gradients are suspected",
        cause="with N(0, 1) weights the gradients explode: the first kernel's are of order 100, not 1e-5",
        fix="print the gradients of every layer before naming the cause",
        source=f"{QUESTION}, accepted answer",
        kind="statistical",
        status="refuted",
        bars=(
            Bar(
                "rms_gradient_first_kernel",
                "rms gradient of the first kernel (claim: 1e-5)",
                broken=(">=", 1.0),
                fixed=("<=", 0.1),
            ),
        ),
    ),
    Case(
        id="digits-minmax-picture",
        part="digits",
        lesson=FILTERS,
        title="The picture of the filters hides their change",
        symptom="The picture of the first-layer filters looks the same during the whole run",
        cause="one min–max stretch over all weights leaves a change of a few per cent of their spread a grey level or two",
        fix="draw the difference from the start on a fixed symmetric scale, and print the change as a number",
        source=f"{QUESTION}; kukuruza's put_kernels_on_grid",
        kind="statistical",
        bars=(
            Bar(
                "grey_levels",
                "rms change of the picture, grey levels of 255",
                broken=("<=", 6.0),
                fixed=(">=", 10.0),
            ),
        ),
    ),
    Case(
        id="digits-zero-first-layer",
        part="digits",
        lesson=FILTERS,
        title="A first layer started from zeros seems to train",
        symptom="Filters started from zeros change before your eyes, yet some stay exactly zero for ever",
        cause="a zero kernel with a negative bias answers 0 everywhere: its ReLU passes no gradient; the stretch magnifies the rest",
        fix="random kernel (He or Glorot), bias zero",
        source=QUESTION,
        kind="statistical",
        bars=(
            Bar(
                "never_moved_share",
                "share of first-layer filters that never moved",
                broken=(">=", 0.15),
                fixed=("<=", 0.05),
            ),
        ),
    ),
    Case(
        id="digits-unit-normal-init",
        part="digits",
        lesson=FILTERS,
        title="All weights and biases are drawn from N(0, 1)",
        symptom="The first loss is in the thousands instead of ln(number of classes), and early layers contribute nothing",
        cause="activations grow by √fan-in at each layer; Adam's steps of about the learning rate are tiny beside weights of size 1",
        fix="He or Glorot initialisation, biases zero",
        source=f"{QUESTION}; {EXAMPLE}",
        kind="statistical",
        bars=(
            Bar("loss_over_ln10", "loss at init / ln 10", broken=(">=", 100.0), fixed=("<=", 2.0)),
            Bar(
                "first_kernel_change",
                "change of the first kernel after 200 steps, in its std",
                broken=("<=", 0.12),
                fixed=(">=", 0.25),
            ),
            Bar("loss_after", "training loss after 200 steps", broken=(">=", 5.0), fixed=("<=", 1.0)),
        ),
    ),
    Case(
        id="digits-summary-in-loop",
        part="digits",
        lesson=LOGGING,
        title="A new summary op, and a new tag, at every step",
        symptom="Each step is slower than the one before, memory grows, and TensorBoard shows hundreds of one-point series",
        cause="the tag holds the step, so the logging code is built (traced) anew at each step, and the step number is never stored",
        fix="build the logging function once; one tag; pass the step number to the writer",
        source=f"{QUESTION}: tf.image_summary('conv1/features' + str(i), …) inside the loop, add_summary without a step",
        kind="deterministic",
        backends=("tensorflow", "jax"),
        elsewhere="PyTorch does not trace a function before it runs it: there are no traces to count, and nothing grows",
        bars=(
            Bar("traces_per_step", "times the logging code is traced, per step", broken=(">=", 0.9), fixed=("<=", 0.1)),
            Bar("tags_per_step", "tags in the event file, per step", broken=(">=", 0.9), fixed=("<=", 0.1)),
            Bar("share_at_step_0", "share of later events stored at step 0", broken=(">=", 0.9), fixed=("<=", 0.1)),
        ),
    ),
)
