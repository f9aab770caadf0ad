"""Cases of Part 4, expressions. Facts from a write-up on FER2013 (2019) and the code it links."""

from __future__ import annotations

from course_utils.cases.registry import Bar, Case

WRITE_UP = "a long write-up on FER2013 (2019)"
CODE = "huqinwei/my_fer2013_model (TensorFlow 1), the code released with it"
FILES = "40_expressions_files"
PIPELINE = "41_expressions_pipeline"
BATCH_NORM = "43_expressions_batch_norm"

CASES = (
    Case(
        id="fer-int64-image",
        part="expressions",
        lesson=FILES,
        title="Pillow is handed 64-bit integers as a picture",
        symptom="TypeError: Cannot handle this data type: (1, 1), <i8, when pixels read from the CSV are to become an image",
        cause="numbers parsed as int take eight bytes each; a grey picture has one byte a pixel",
        fix="parse the pixels as uint8; convert('L') would hide values that are no grey levels",
        source=f"{WRITE_UP}, which went round it with int32 or float64 and convert('L')",
        kind="deterministic",
        bars=(
            Bar(
                "lost",
                "share of the pictures that do not come back from PNG byte for byte",
                broken=(">=", 0.75),
                fixed=("<=", 0.001),
            ),
        ),
    ),
    Case(
        id="fer-decode-dtype",
        part="expressions",
        lesson=FILES,
        title="Bytes are written from one type and decoded as another",
        symptom="A decoded picture is 4 or 8 times too long and mostly 0; reshaped with -1 it becomes many dark pictures",
        cause="the bytes of a record carry no type: each int64 is read as eight uint8, seven of them 0",
        fix="write and decode uint8; send a picture with every grey level through and compare",
        source=f"{WRITE_UP}: decode with the type that the bytes were made from",
        kind="deterministic",
        bars=(
            Bar(
                "extra_values",
                "decoded values beyond one a pixel, per pixel",
                broken=(">=", 5.0),
                fixed=("<=", 0.001),
            ),
            Bar(
                "added_zeros",
                "share of zeros among the decoded values, less that in the pictures",
                broken=(">=", 0.6),
                fixed=("<=", 0.001),
            ),
        ),
    ),
    Case(
        id="fer-empty-tfrecord",
        part="expressions",
        lesson=FILES,
        title="A record file of 0 bytes is a data set without elements",
        symptom="Training ends at once, without an error; in TensorFlow 1: RandomShuffleQueue is closed and has insufficient elements",
        cause="opening a writer empties its file, records wait in a buffer until it is closed, and a reader stops where a file ends",
        fix="write in a context manager; count the records and compare with how many were written",
        source=f"{WRITE_UP}: a notebook that did not close its writer",
        kind="deterministic",
        bars=(
            Bar(
                "lost",
                "share of the written records that tf.data does not find",
                broken=(">=", 0.75),
                fixed=("<=", 0.001),
            ),
        ),
    ),
    Case(
        id="fer-windows-path",
        part="expressions",
        lesson=FILES,
        title="Backslashes in paths are escapes in Python, and no separators outside Windows",
        symptom="No such file, for a path that looks right; or a path that works on Windows is one odd file name elsewhere",
        cause="in a string a backslash and an f or a t are one character; outside Windows a backslash is part of a name",
        fix="pathlib with forward slashes in code, as_posix() for paths that are stored in files",
        source=f"{WRITE_UP}, on moving to Windows to use a GPU",
        kind="deterministic",
        bars=(
            Bar(
                "missed",
                "share of sample paths, on Windows and elsewhere, that do not name the file meant",
                broken=(">=", 0.6),
                fixed=("<=", 0.001),
            ),
        ),
    ),
    Case(
        id="fer-pipeline-starvation",
        part="expressions",
        lesson=PIPELINE,
        title="One stage of the input is missing or misplaced",
        symptom="No error: training ends early, or the loss is a sawtooth, or random flips and batches are the same in every pass",
        cause="repeat missing; a small shuffle buffer on sorted rows; cache behind a random stage; shuffle behind batch",
        fix="cache, random stages, shuffle with a full buffer, repeat, batch, prefetch; carry row numbers and count them",
        source=f"{WRITE_UP}: readers defined after the queue runners were started hung for ever; these are its modern forms",
        kind="deterministic",
        bars=(
            Bar("steps_done", "share of the steps asked of fit that were done", broken=("<=", 0.5), fixed=(">=", 0.7)),
            Bar("one_class", "share of batches that hold one class only", broken=(">=", 0.5), fixed=("<=", 0.05)),
            Bar(
                "changed",
                "share of pictures that a random flip changes from pass to pass",
                broken=("<=", 0.1),
                fixed=(">=", 0.3),
            ),
            Bar(
                "seen_before",
                "share of the second pass's batches that the first had, row for row",
                broken=(">=", 0.7),
                fixed=("<=", 0.1),
            ),
        ),
    ),
    Case(
        id="fer-same-order-every-epoch",
        part="expressions",
        lesson=PIPELINE,
        title="fit shuffles, and deals the same order in every epoch",
        symptom="After keras.utils.set_random_seed, fit(shuffle=True) on arrays shows the rows in one order, epoch after epoch",
        cause="the permutation is drawn by a seeded operation inside tf.data, which starts anew with each epoch's iterator",
        fix="deal the batches yourself: training.shuffled_batches, or a tf.data pipeline with shuffle and repeat",
        source="found while checking the course (Keras 3.15.1, TensorFlow 2.21); JAX and PyTorch deal new orders",
        kind="deterministic",
        backends=("tensorflow",),
        bars=(
            Bar(
                "same_order", "share of later epochs in the order of the first", broken=(">=", 0.75), fixed=("<=", 0.1)
            ),
        ),
    ),
    Case(
        id="fer-bn-double-bias",
        part="expressions",
        lesson=BATCH_NORM,
        title="A bias in front of batch normalisation",
        symptom="Convolution biases keep their start values, whatever the rate; with and without them the result is the same",
        cause="subtracting the batch's mean takes away whatever constant the bias adds, so its gradient is zero to rounding",
        fix="use_bias=False in front of batch normalisation; its offset β is the bias",
        source=f"{WRITE_UP}, experiments 3 and 4",
        kind="deterministic",
        bars=(
            Bar(
                "share_of_kernel",
                "gradient of the bias (or of β, which replaces it) ÷ gradient of the kernel, rms",
                broken=("<=", 1e-3),
                fixed=(">=", 1e-2),
            ),
        ),
    ),
    Case(
        id="fer-bn-momentum",
        part="expressions",
        lesson=BATCH_NORM,
        title="Momentum 0.99 is too slow for a short run",
        symptom="For hundreds of steps test accuracy stands at that of guessing while training accuracy climbs; then it jumps",
        cause="the moving variance starts at 1, far above the true one, and 0.99 needs ln(0.1 · true ÷ 1) ÷ ln 0.99 steps to forget it",
        fix="momentum 0.9 for runs of less than some thousand steps, or patience",
        source=f"{WRITE_UP}: 'momentum 0.99 is still too large'",
        kind="statistical",
        bars=(
            Bar(
                "lost",
                "test accuracy lost to the moving statistics, against momentum 0.5, where 0.99 loses most",
                broken=(">=", 0.18),
                fixed=("<=", 0.12),
            ),
        ),
    ),
    Case(
        id="fer-bn-stats-frozen",
        part="expressions",
        lesson=BATCH_NORM,
        title="Batch statistics in training, their updates dropped, start values at test",
        symptom="Training accuracy 0.6 to 0.95, test accuracy about 0.15, for as long as one trains",
        cause="the assignments to moving mean and variance never run (TensorFlow 1: UPDATE_OPS), so the test divides by 1",
        fix="run the updates with the training step; in Keras they do, unless a layer is called with training=False",
        source=f"{WRITE_UP}, six rows on 'ema decay'",
        kind="statistical",
        bars=(
            Bar(
                "gap",
                "share of the training log's accuracy that the test lacks, last three checks",
                broken=(">=", 0.42),
                fixed=("<=", 0.4),
            ),
        ),
    ),
    Case(
        id="fer-ema-decay-taken-for-bn-momentum",
        part="expressions",
        lesson=BATCH_NORM,
        title="The decay of the weights' average is blamed for what the batch statistics do",
        symptom="Six runs with 'decay' 0.5 and 0.99 show 15 to 46 % on the test, taken as proof that momentum is too high",
        cause="the decay that was varied averages weights; the momentum of batch normalisation was never set",
        fix="vary one thing, and follow both averages beside one run: averaging weights at 0.5 costs next to nothing",
        source=f"{WRITE_UP}, six rows on 'ema decay'; {CODE}",
        kind="statistical",
        status="refuted",
        bars=(
            Bar(
                "lost",
                "share of the test accuracy lost: by dropped updates | by averaging the weights with decay 0.5",
                broken=(">=", 0.3),
                fixed=("<=", 0.1),
            ),
        ),
    ),
    Case(
        id="fer-bn-python-bool",
        part="expressions",
        lesson=BATCH_NORM,
        title="training=True as a literal, where the mode should be passed on",
        symptom="At test one picture's answer depends on the other pictures of its batch; training and evaluation cannot differ",
        cause="a Python bool is baked into the graph; in Keras 3 it holds in a subclassed model's call, not in a functional graph",
        fix="pass the call's own training argument on; to freeze a layer set trainable = False",
        source=f"{WRITE_UP}, on the placeholder for the mode",
        kind="deterministic",
        bars=(
            Bar(
                "change",
                "largest change of a picture's normalised values when its neighbours change",
                broken=(">=", 0.05),
                fixed=("<=", 1e-4),
            ),
        ),
    ),
    Case(
        id="fer-bn-at-predict",
        part="expressions",
        lesson=BATCH_NORM,
        title="One picture is predicted with batch statistics",
        symptom="A network that scores well on the test set gives every single picture the same answer",
        cause="behind a dense layer a batch of one has one number a channel, which is its own mean: each unit becomes β (behind convolutions the places of the picture serve as a sample, and little is lost)",
        fix="predict in inference mode, training=False, as model.predict does",
        source=f"{WRITE_UP}, on prediction; experiment 5.2 normalises dense layers",
        kind="deterministic",
        bars=(
            Bar(
                "spread",
                "standard deviation of a logit between single pictures",
                broken=("<=", 1e-4),
                fixed=(">=", 1e-3),
            ),
        ),
    ),
    Case(
        id="fer-bn-not-saved",
        part="expressions",
        lesson=BATCH_NORM,
        title="Only the trainable variables are saved",
        symptom="After restoring, test accuracy falls to guessing though every kernel is there",
        cause="moving mean and variance are not trainable variables, so the file lacks them",
        fix="save the whole model (.keras) or all of model.weights",
        source=f"{WRITE_UP}, on saving moving averages",
        kind="statistical",
        bars=(
            Bar(
                "changed",
                "share of test answers changed by saving and restoring",
                broken=(">=", 0.3),
                fixed=("<=", 0.01),
            ),
        ),
    ),
)
