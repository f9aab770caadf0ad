"""Plausible wrong answers to assignment a4_expressions: functions between FER2013's file and a test accuracy."""

from __future__ import annotations

from course_utils.classroom.mistakes import Mistake

MISTAKES = (
    Mistake(
        case="fer-int64-image",
        task="read_row",
        what="checks everything, but leaves the pixels as 64-bit integers",
        code="""
def read_row(line):
    fields = line.strip().split(",")
    if len(fields) != 3:
        raise ValueError(f"{len(fields)} fields")
    label, pixels, usage = fields
    if label not in [str(number) for number in range(7)]:
        raise ValueError(f"label {label}")
    image = []
    for word in pixels.split(" "):
        if not word.isdigit() or int(word) > 255:
            raise ValueError(f"pixel {word}")
        image.append(int(word))
    if len(image) != 2304:
        raise ValueError(f"{len(image)} pixels")
    if usage not in USAGES:
        raise ValueError(f"usage {usage}")
    return int(label), np.array(image, dtype=int).reshape(48, 48), usage
""",
    ),
    Mistake(
        case="fer-int64-image",
        task="read_row",
        what="makes uint8 of 64-bit integers by astype, which hides a pixel of 300 (it becomes 44)",
        code="""
def read_row(line):
    fields = line.strip().split(",")
    if len(fields) != 3:
        raise ValueError(f"{len(fields)} fields")
    label, pixels, usage = fields
    if label not in [str(number) for number in range(7)]:
        raise ValueError(f"label {label}")
    image = np.array([int(word) for word in pixels.split(" ")]).astype("uint8")
    if image.size != 2304:
        raise ValueError(f"{image.size} pixels")
    if usage not in USAGES:
        raise ValueError(f"usage {usage}")
    return int(label), image.reshape(48, 48), usage
""",
    ),
    Mistake(
        case="fer-decode-dtype",
        task="read_row",
        what="takes the bytes of 64-bit integers for pixels; seven of eight are 0",
        code="""
def read_row(line):
    fields = line.strip().split(",")
    if len(fields) != 3:
        raise ValueError(f"{len(fields)} fields")
    label, pixels, usage = fields
    if label not in [str(number) for number in range(7)]:
        raise ValueError(f"label {label}")
    numbers = np.array([int(word) for word in pixels.split(" ")], dtype="int64")
    if numbers.min() < 0 or numbers.max() > 255:
        raise ValueError(f"pixels from {numbers.min()} to {numbers.max()}")
    if len(numbers) != 2304:
        raise ValueError(f"{len(numbers)} pixels")
    if usage not in USAGES:
        raise ValueError(f"usage {usage}")
    return int(label), np.frombuffer(numbers.tobytes(), "uint8")[:2304].reshape(48, 48), usage
""",
    ),
    Mistake(
        case="fer-batch-wide-augmentation",
        task="draw_changes",
        what="an angle for each picture, but one flip for the batch",
        code="""
def draw_changes(count, largest, rng):
    flips = np.full(count, rng.random() < 0.5)
    return flips, rng.uniform(-largest, largest, count) / (2 * np.pi)
""",
    ),
    Mistake(
        case="fer-rotation-units",
        task="draw_changes",
        what="radians handed over as shares of a turn",
        code="""
def draw_changes(count, largest, rng):
    return rng.random(count) < 0.5, rng.uniform(-largest, largest, count)
""",
    ),
    Mistake(
        case="fer-rotation-units",
        task="draw_changes",
        what="radians turned into shares of half a turn",
        code="""
def draw_changes(count, largest, rng):
    return rng.random(count) < 0.5, rng.uniform(-largest, largest, count) / np.pi
""",
    ),
    Mistake(
        case="fer-bn-stats-frozen",
        task="batch_norm",
        what="the updates are computed and dropped",
        symptom="that is right in training mode and, however long it is trained, at test as if it had seen no batch",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    mean, variance = state
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        momentum * state[0] + (1 - momentum) * mean, momentum * state[1] + (1 - momentum) * variance
    return (x - mean) / np.sqrt(variance + epsilon), state
""",
    ),
    Mistake(
        case="fer-bn-stats-frozen",
        task="batch_norm",
        what="the update of the mean runs, that of the variance is dropped",
        symptom="whose results at test have the right centre and the wrong spread",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    if not training:
        return (x - state[0]) / np.sqrt(state[1] + epsilon), state
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    moved = momentum * state[0] + (1 - momentum) * mean
    return (x - mean) / np.sqrt(variance + epsilon), (moved, state[1])
""",
    ),
    Mistake(
        case="fer-bn-stats-frozen",
        task="batch_norm",
        what="the update of the variance runs, that of the mean is dropped",
        symptom="whose results at test have the right spread and the wrong centre",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    if not training:
        return (x - state[0]) / np.sqrt(state[1] + epsilon), state
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    moved = momentum * state[1] + (1 - momentum) * variance
    return (x - mean) / np.sqrt(variance + epsilon), (state[0], moved)
""",
    ),
    Mistake(
        case="fer-bn-momentum",
        task="batch_norm",
        what="momentum taken for the share of the new statistics, as other libraries define it",
        symptom="whose moving statistics are not as slow as they should be",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    if not training:
        return (x - state[0]) / np.sqrt(state[1] + epsilon), state
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    moved = (1 - momentum) * state[0] + momentum * mean, (1 - momentum) * state[1] + momentum * variance
    return (x - mean) / np.sqrt(variance + epsilon), moved
""",
    ),
    Mistake(
        case="fer-bn-python-bool",
        task="batch_norm",
        what="training=True for good: batch statistics at test too",
        symptom="in which, at test, the answer for a picture depends on its neighbours",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    if training:
        state = momentum * state[0] + (1 - momentum) * mean, momentum * state[1] + (1 - momentum) * variance
    return (x - mean) / np.sqrt(variance + epsilon), state
""",
    ),
    Mistake(
        case="fer-bn-python-bool",
        task="batch_norm",
        what="the mode is not passed on to the result: moving statistics in training too",
        symptom="whose results in training do not have the mean and the spread that they should have",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    y = (x - state[0]) / np.sqrt(state[1] + epsilon)
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        state = momentum * state[0] + (1 - momentum) * mean, momentum * state[1] + (1 - momentum) * variance
    return y, state
""",
    ),
    Mistake(
        case="fer-bn-python-bool",
        task="batch_norm",
        what="the mode is not passed on to the updates: testing moves the statistics",
        symptom="that is no longer the same after it was tested",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    moved = momentum * state[0] + (1 - momentum) * mean, momentum * state[1] + (1 - momentum) * variance
    if not training:
        mean, variance = state
    return (x - mean) / np.sqrt(variance + epsilon), moved
""",
    ),
    Mistake(
        case="fer-bn-not-saved",
        task="batch_norm",
        what="inference with the start values 0 and 1 instead of the state that was handed over",
        symptom="that takes no notice, at test, of the moving statistics it is given",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    if not training:
        return (x - 0.0) / np.sqrt(1.0 + epsilon), state
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    moved = momentum * state[0] + (1 - momentum) * mean, momentum * state[1] + (1 - momentum) * variance
    return (x - mean) / np.sqrt(variance + epsilon), moved
""",
    ),
    Mistake(
        case="fer-summed-loss-vs-l2",
        task="batch_norm",
        what="the squares are divided by another number: N − 1 instead of N",
        symptom="whose spread in training is a little off, and more so in small batches",
        code="""
def batch_norm(x, state, training, momentum=0.9, epsilon=1e-3):
    if not training:
        return (x - state[0]) / np.sqrt(state[1] + epsilon), state
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes, ddof=1)
    moved = momentum * state[0] + (1 - momentum) * mean, momentum * state[1] + (1 - momentum) * variance
    return (x - mean) / np.sqrt(variance + epsilon), moved
""",
    ),
    Mistake(
        case="fer-weights-no-op",
        task="weighted_loss",
        what="the weight of the rare class multiplies every picture",
        code="""
def weighted_loss(logits, labels, weights):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    target = np.eye(logits.shape[1])[labels]
    factor = weights.max() / len(labels)
    return -factor * (target * log_p).sum(), factor * (np.exp(log_p) - target)
""",
    ),
    Mistake(
        case="fer-log-zero",
        task="weighted_loss",
        what="computes p first: overflow, and the logarithm of 0",
        code="""
def weighted_loss(logits, labels, weights):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = np.eye(logits.shape[1])[labels]
    own = weights[labels]
    return -(own[:, None] * target * np.log(p)).sum() / len(labels), own[:, None] * (p - target) / len(labels)
""",
    ),
    Mistake(
        case="fer-clip-kills-gradient",
        task="weighted_loss",
        what="a stable softmax, then a clip at 1e-10: loss at most 23, and no gradient behind it",
        code="""
def weighted_loss(logits, labels, weights):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    right = p[np.arange(len(labels)), labels]
    own = weights[labels] / len(labels)
    gradient = own[:, None] * (p - np.eye(logits.shape[1])[labels])
    gradient[right < 1e-10] = 0
    return -(own * np.log(np.clip(right, 1e-10, 1))).sum(), gradient
""",
    ),
    Mistake(
        case="fer-softmax-twice",
        task="weighted_loss",
        what="a softmax before the log softmax: finite, but the loss cannot exceed about 2 nor fall below 1.17",
        code="""
def weighted_loss(logits, labels, weights):
    def log_softmax(z):
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    log_p = log_softmax(np.exp(log_softmax(logits)))
    target, own = np.eye(logits.shape[1])[labels], weights[labels] / len(labels)
    return -(own[:, None] * target * log_p).sum(), own[:, None] * (np.exp(log_p) - target)
""",
    ),
    Mistake(
        case="fer-summed-loss-vs-l2",
        task="weighted_loss",
        what="the sum over the batch instead of the sum divided by the number of pictures",
        code="""
def weighted_loss(logits, labels, weights):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    target, own = np.eye(logits.shape[1])[labels], weights[labels]
    return -(own[:, None] * target * log_p).sum(), own[:, None] * (np.exp(log_p) - target)
""",
    ),
    Mistake(
        case="fer-lr-decayed-to-nothing",
        task="learning_rate",
        what="passes are counted rightly, but there is no floor",
        code="""
def learning_rate(step, batch, seen_before=0, pictures=PICTURES, base=5e-4, kept=0.99, floor=1e-5):
    return base * kept ** ((seen_before + step * batch) // pictures)
""",
    ),
    Mistake(
        case="fer-lr-decayed-to-nothing",
        task="learning_rate",
        what="the floor is added: every rate is too high by it",
        code="""
def learning_rate(step, batch, seen_before=0, pictures=PICTURES, base=5e-4, kept=0.99, floor=1e-5):
    return base * kept ** ((seen_before + step * batch) // pictures) + floor
""",
    ),
    Mistake(
        case="fer-lr-decayed-to-nothing",
        task="learning_rate",
        what="a floor, but counted in steps of 256 pictures whatever the batch, as in the documented formula",
        code="""
def learning_rate(step, batch, seen_before=0, pictures=PICTURES, base=5e-4, kept=0.99, floor=1e-5):
    return max(base * kept ** int((seen_before / 256 + step) // (pictures / 256)), floor)
""",
    ),
    Mistake(
        case="fer-lr-decayed-to-nothing",
        task="learning_rate",
        what="the documented formula with the right batch and a floor, but passes are counted with fractions, not whole numbers",
        code="""
def learning_rate(step, batch, seen_before=0, pictures=PICTURES, base=5e-4, kept=0.99, floor=1e-5):
    return max(base * kept ** int((seen_before / batch + step) // (pictures / batch)), floor)
""",
    ),
    Mistake(
        case="fer-resume-schedule",
        task="learning_rate",
        what="a resumed run starts the schedule again",
        code="""
def learning_rate(step, batch, seen_before=0, pictures=PICTURES, base=5e-4, kept=0.99, floor=1e-5):
    return max(base * kept ** (step * batch // pictures), floor)
""",
    ),
    Mistake(
        case="fer-resume-schedule",
        task="learning_rate",
        what="the pictures seen before a restart are taken for steps",
        code="""
def learning_rate(step, batch, seen_before=0, pictures=PICTURES, base=5e-4, kept=0.99, floor=1e-5):
    return max(base * kept ** ((seen_before + step) * batch // pictures), floor)
""",
    ),
    Mistake(
        case="fer-train-accuracy-in-training-mode",
        task="test_batch_norm",
        what="a test in training mode only",
        code="""
def test_batch_norm(norm):
    x = np.random.default_rng(0).normal(3, 2, (16, 5, 5, 3))
    y, _ = norm(x, (np.zeros(3), np.ones(3)), True)
    assert y.shape == x.shape
    assert np.allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    assert np.allclose(y.std(axis=(0, 1, 2)), 1, atol=1e-2)
""",
    ),
    Mistake(
        case="fer-bn-momentum",
        task="test_batch_norm",
        what="both modes, but of the new state only that it has moved, not how far",
        code="""
def test_batch_norm(norm):
    x = np.array([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0], [7.0, 40.0]])
    state = np.array([2.0, 20.0]), np.array([4.0, 100.0])
    y, new = norm(x, state, True)
    assert np.allclose(y, (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3), atol=1e-3)
    assert not np.allclose(new[0], state[0]) and not np.allclose(new[1], state[1])
    y, new = norm(x, state, False)
    assert np.allclose(y, (x - state[0]) / np.sqrt(state[1] + 1e-3), atol=1e-3)
    assert np.allclose(new, state)
""",
    ),
)
