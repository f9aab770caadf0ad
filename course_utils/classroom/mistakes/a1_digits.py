"""Wrong answers to the tasks of assignment 1, digits. Those to ``he_kernel`` are also what a student's own test must catch."""

from __future__ import annotations

from course_utils.classroom.mistakes import Mistake

ACCURACY = "digits-256-image-accuracy"
KEEP = "digits-keep-prob-as-rate"
PICTURE = "digits-minmax-picture"
NORMAL = "digits-unit-normal-init"
ZEROS = "digits-zero-first-layer"

MISTAKES = (
    Mistake(
        case=ACCURACY,
        task="winner",
        what="the higher score wins, without an interval",
        code='''def winner(right_a, right_b):
    """Which of two networks is better, from their answers to the same images."""
    if right_a.shape != right_b.shape:
        raise ValueError("expected the same images")
    a, b = right_a.mean(), right_b.mean()
    return "undecided" if a == b else "a" if a > b else "b"
''',
    ),
    Mistake(
        case=ACCURACY,
        task="winner",
        what="a gain of one point wins, however few images there are",
        code='''def winner(right_a, right_b):
    """Which of two networks is better, from their answers to the same images."""
    if right_a.shape != right_b.shape:
        raise ValueError("expected the same images")
    gain = right_a.mean() - right_b.mean()
    if gain >= 0.01:
        return "a"
    return "b" if gain <= -0.01 else "undecided"
''',
    ),
    Mistake(
        case=ACCURACY,
        task="winner",
        what="the interval for two separate sets of images, where both networks saw the same: real differences are missed",
        code='''def winner(right_a, right_b):
    """Which of two networks is better, from their answers to the same images."""
    if right_a.shape != right_b.shape:
        raise ValueError("expected the same images")
    low, high = metrics.difference_interval(right_a, right_b)
    if low > 0:
        return "a"
    return "b" if high < 0 else "undecided"
''',
    ),
    Mistake(
        case=KEEP,
        task="keras_settings",
        what="the keep probability is passed on as the drop rate",
        code='''def keras_settings(settings):
    """What Keras must be given to do what TensorFlow 1 did."""
    keep = settings.get("keep_prob", 1.0)
    if not 0 < keep <= 1:
        raise ValueError(f"keep_prob {keep}")
    return {"rate": keep, "stddev": settings.get("stddev", 1.0), "epsilon": settings.get("epsilon", 1e-8)}
''',
    ),
    Mistake(
        case=KEEP,
        task="keras_settings",
        what="no keep probability is read as 0, which is 'no dropout' as a rate: every unit is dropped (a hidden check)",
        code='''def keras_settings(settings):
    """What Keras must be given to do what TensorFlow 1 did."""
    keep = settings.get("keep_prob", 0.0)
    if "keep_prob" in settings and not 0 < keep <= 1:
        raise ValueError(f"keep_prob {keep}")
    return {"rate": 1 - keep, "stddev": settings.get("stddev", 1.0), "epsilon": settings.get("epsilon", 1e-8)}
''',
    ),
    Mistake(
        case=NORMAL,
        task="keras_settings",
        what="a standard deviation that is not given becomes Keras' 0.05, so the port loses the fault of 2016 in silence",
        code='''def keras_settings(settings):
    """What Keras must be given to do what TensorFlow 1 did."""
    keep = settings.get("keep_prob", 1.0)
    if not 0 < keep <= 1:
        raise ValueError(f"keep_prob {keep}")
    return {"rate": 1 - keep, "stddev": settings.get("stddev", 0.05), "epsilon": settings.get("epsilon", 1e-8)}
''',
    ),
    Mistake(
        case=PICTURE,
        task="difference_picture",
        what="the difference is stretched by its own largest value, so reach has no say",
        code='''def difference_picture(before, after, reach):
    """Change of each weight as a grey level on a fixed, symmetric scale."""
    before, after = np.asarray(before, float), np.asarray(after, float)
    if before.shape != after.shape or reach <= 0:
        raise ValueError("expected equal shapes, reach above 0")
    change = after - before
    return 127.5 + 127.5 * change / max(np.abs(change).max(), 1e-12)
''',
    ),
    Mistake(
        case=PICTURE,
        task="difference_picture",
        what="the difference of two min–max pictures instead of the difference of the weights",
        code='''def difference_picture(before, after, reach):
    """Change of each weight as a grey level on a fixed, symmetric scale."""
    before, after = np.asarray(before, float), np.asarray(after, float)
    if before.shape != after.shape or reach <= 0:
        raise ValueError("expected equal shapes, reach above 0")

    def stretched(kernels):
        return (kernels - kernels.min()) / max(np.ptp(kernels), 1e-12)

    return 127.5 + 127.5 * (stretched(after) - stretched(before))
''',
    ),
    Mistake(
        case=PICTURE,
        task="difference_picture",
        what="the difference of uint8 kernels wraps around: a fall is drawn as a rise (a hidden check)",
        code='''def difference_picture(before, after, reach):
    """Change of each weight as a grey level on a fixed, symmetric scale."""
    if before.shape != after.shape or reach <= 0:
        raise ValueError("expected equal shapes, reach above 0")
    return 127.5 + 127.5 * np.clip((after - before) / reach, -1, 1)
''',
    ),
    Mistake(
        case=NORMAL,
        task="he_kernel",
        what="N(0, 1), whatever the layer",
        symptom="whose outputs grow many times from layer to layer",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return rng.normal(size=shape)
''',
    ),
    Mistake(
        case=NORMAL,
        task="he_kernel",
        what="fan-out in place of fan-in: the number of outputs",
        symptom="that is right only where a layer has as many outputs as inputs",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    fan_out = np.prod(shape[:-2]) * shape[-1]
    return rng.normal(0.0, np.sqrt(2 / fan_out), shape)
''',
    ),
    Mistake(
        case=NORMAL,
        task="he_kernel",
        what="the window of a convolution is forgotten: channels in alone are taken for the fan-in",
        symptom="that serves dense layers well and convolutions badly",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return rng.normal(0.0, np.sqrt(2 / shape[-2]), shape)
''',
    ),
    Mistake(
        case="mdm-tiny-init",
        task="he_kernel",
        what="the variance is passed as the standard deviation: the square root is missing, weights are far too small",
        symptom="whose outputs fade from layer to layer",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return rng.normal(0.0, 2 / np.prod(shape[:-1]), shape)
''',
    ),
    Mistake(
        case="mdm-tiny-init",
        task="he_kernel",
        what="1 / fan-in in place of 2 / fan-in: what ReLU takes away is not made up for, and 30 layers shrink the signal 30 000 times",
        symptom="whose outputs lose a good part of their size at every ReLU",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return rng.normal(0.0, np.sqrt(1 / np.prod(shape[:-1])), shape)
''',
    ),
    Mistake(
        case=ZEROS,
        task="he_kernel",
        what="zeros: no filter differs from its neighbour, and with ReLU none may ever move",
        symptom="from which the filters of a layer cannot become different",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return np.zeros(shape)
''',
    ),
    Mistake(
        case="fer-same-order-every-epoch",
        task="he_kernel",
        what="a generator of its own, seeded anew at each call: what should be random starts anew each time",
        symptom="that gives two layers of equal shape the same weights",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    rng = np.random.default_rng(0)
    return rng.normal(0.0, np.sqrt(2 / np.prod(shape[:-1])), shape)
''',
    ),
    Mistake(
        case=NORMAL,
        task="he_kernel",
        what="rng.random is stretched to the right spread and not centred: no weight is negative",
        symptom="whose weights lie on one side of zero",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return rng.random(shape) * np.sqrt(12 * 2 / np.prod(shape[:-1]))
''',
    ),
    Mistake(
        case="fer-same-order-every-epoch",
        task="he_kernel",
        what="rng is not used; NumPy's global generator gives other values at each run (a hidden check)",
        symptom="with which a run cannot be repeated",
        code='''def he_kernel(rng, shape):
    """Start values by He's rule for a layer with ReLU."""
    return np.random.normal(0.0, np.sqrt(2 / np.prod(shape[:-1])), shape)
''',
    ),
    Mistake(
        case=NORMAL,
        task="test_he_kernel",
        what="the test looks at the shape only, which N(0, 1) has too",
        code='''def test_he_kernel(kernel_of):
    """Assert what right He start values must do; kernel_of(rng, shape) is the function under test."""
    rng = np.random.default_rng(3)
    for shape in ((3, 3, 8, 16), (100, 50)):
        assert kernel_of(rng, shape).shape == shape
''',
    ),
    Mistake(
        case=NORMAL,
        task="test_he_kernel",
        what="one square dense layer is tested: fan-in, fan-out and the forgotten window cannot be told apart",
        code='''def test_he_kernel(kernel_of):
    """Assert what right He start values must do; kernel_of(rng, shape) is the function under test."""
    rng = np.random.default_rng(3)
    kernel, other = kernel_of(rng, (200, 200)), kernel_of(rng, (200, 200))
    assert abs(kernel.std() - 0.1) < 0.01 and abs(kernel.mean()) < 0.01
    assert not np.array_equal(kernel, other)
''',
    ),
    Mistake(
        case=NORMAL,
        task="repaired_setup",
        what="rate and dropout are put right, the N(0, 1) start values stay: the symptom is treated, not the cause",
        code='''def repaired_setup():
    """A setup with which the small network learns."""
    return {"weight_init": "unit_normal", "bias_init": "zeros", "dropout_rate": 0.25, "learning_rate": 0.001}
''',
    ),
    Mistake(
        case=ZEROS,
        task="repaired_setup",
        what="all weights start from zeros, as from zeros the picture of the filters was seen to change",
        code='''def repaired_setup():
    """A setup with which the small network learns."""
    return {"weight_init": "zeros", "bias_init": "zeros", "dropout_rate": 0.25, "learning_rate": 0.001}
''',
    ),
    Mistake(
        case=KEEP,
        task="repaired_setup",
        what="start values are put right, 0.75 stays as the drop rate; a large learning rate hides it from the loss",
        code='''def repaired_setup():
    """A setup with which the small network learns."""
    return {"weight_init": "he_normal", "bias_init": "zeros", "dropout_rate": 0.75, "learning_rate": 0.01}
''',
    ),
)
