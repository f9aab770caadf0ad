"""Plausible wrong answers to assignment a2_hands; those to ``fit_scaler`` also serve as faulty versions for its test."""

from __future__ import annotations

from course_utils.classroom.mistakes import Mistake

MISTAKES = (
    # ------------------------------------------------------------------------------------------ depth_to_unit
    Mistake(
        case="hands-raw-millimetres",
        task="depth_to_unit",
        what="subtracts in uint16: what is nearer than the centre wraps round, and the clip then puts it on the far plane",
        code='''def depth_to_unit(depth, centre_depth, cube=250.0):
    """The raw type is kept."""
    seen = (depth > 0) & (depth < 32001)
    middle = np.rint(centre_depth).astype(depth.dtype)[:, None, None]
    unit = np.clip((depth - middle) / (cube / 2), -1, 1)
    return np.where(seen, unit, 1.0).astype("float32")
''',
    ),
    Mistake(
        case="hands-raw-millimetres",
        task="depth_to_unit",
        what="takes care of 32001 and not of 0, which lands on the front of the cube",
        code='''def depth_to_unit(depth, centre_depth, cube=250.0):
    """Only one of the two values for nothing seen."""
    unit = (depth.astype("float64") - np.asarray(centre_depth)[:, None, None]) / (cube / 2)
    return np.clip(unit, -1, 1).astype("float32")
''',
    ),
    # ---------------------------------------------------------------------------------------- joint_errors_mm
    Mistake(
        case="hands-unscaled-targets",
        task="joint_errors_mm",
        what="turns the pixel difference into mm with the true depth, as if the answer lay at the same depth",
        code='''def joint_errors_mm(truth, answer, focal=241.42, axis=(160.0, 120.0)):
    """One depth for two points."""
    difference = answer - truth
    aside = difference[..., :2] * truth[..., 2:] / focal
    return np.sqrt((aside**2).sum(axis=-1) + difference[..., 2] ** 2)
''',
    ),
    Mistake(
        case="mdm-xy-swap",
        task="joint_errors_mm",
        what="takes the optical axis as (row, column): u − 120 and v − 160",
        code='''def joint_errors_mm(truth, answer, focal=241.42, axis=(160.0, 120.0)):
    """The axis is turned round."""

    def in_space(joints):
        u, v, d = np.moveaxis(joints, -1, 0)
        return np.stack([(u - axis[1]) * d / focal, (v - axis[0]) * d / focal, d], axis=-1)

    return np.linalg.norm(in_space(truth) - in_space(answer), axis=-1)
''',
    ),
    # --------------------------------------------------------------------------------------------- fit_scaler
    Mistake(
        case="hands-unscaled-targets",
        task="fit_scaler",
        what="one mean and one standard deviation for all coordinates: pixels and mm stay unequal",
        symptom="whose targets still lie far from zero in some coordinates",
        code='''def fit_scaler(labels):
    """One scale for everything."""
    middle, spread = np.mean(labels), max(np.std(labels), 1e-3)
    return lambda some: (some - middle) / spread, lambda targets: targets * spread + middle
''',
    ),
    Mistake(
        case="hands-unscaled-targets",
        task="fit_scaler",
        what="centres and does not scale",
        symptom="whose targets are centred and no more",
        code='''def fit_scaler(labels):
    """Centred only."""
    middle = np.mean(labels, axis=0)
    return lambda some: some - middle, lambda targets: targets + middle
''',
    ),
    Mistake(
        case="fer-bn-at-predict",
        task="fit_scaler",
        what="measures anew on whatever it is given: the statistics of the batch instead of those of the training set",
        symptom="whose target for a hand depends on the company in which it comes",
        code='''def fit_scaler(labels):
    """Statistics of each batch."""
    state = {}

    def to_targets(some):
        some = np.asarray(some, dtype="float64")
        rows = some if some.ndim == 2 and len(some) > 1 else np.asarray(labels, dtype="float64")
        spread = rows.std(axis=0)
        state["at"], state["by"] = rows.mean(axis=0), np.where(spread < 1e-3, 1.0, spread)
        return (some - state["at"]) / state["by"]

    to_targets(labels)
    return to_targets, lambda targets: targets * state["by"] + state["at"]
''',
    ),
    Mistake(
        case="hands-unscaled-targets",
        task="fit_scaler",
        what="no guard: a coordinate that does not move is divided by 0",
        symptom="some of whose targets are not numbers",
        code='''def fit_scaler(labels):
    """No guard."""
    middle, spread = np.mean(labels, axis=0), np.std(labels, axis=0)

    def to_targets(some):
        with np.errstate(all="ignore"):
            return (some - middle) / spread

    return to_targets, lambda targets: targets * spread + middle
''',
    ),
    Mistake(
        case="hands-unscaled-targets",
        task="fit_scaler",
        what="guards against a standard deviation of exactly 0 only; rounding makes it 1e-14, and targets of 1e14",
        code='''def fit_scaler(labels):
    """The guard is too narrow."""
    middle, spread = np.mean(labels, axis=0), np.std(labels, axis=0)
    spread = np.where(spread == 0, 1.0, spread)
    return lambda some: (some - middle) / spread, lambda targets: targets * spread + middle
''',
    ),
    Mistake(
        case="hands-unscaled-targets",
        task="fit_scaler",
        what="the way back multiplies and forgets to add the mean",
        symptom="whose answers, undone, all lie round the corner (0, 0) of the image",
        code='''def fit_scaler(labels):
    """The way back stops half-way."""
    middle, spread = np.mean(labels, axis=0), np.std(labels, axis=0)
    spread = np.where(spread < 1e-3, 1.0, spread)
    return lambda some: (some - middle) / spread, lambda targets: targets * spread
''',
    ),
    Mistake(
        case="mdm-images-divided-twice",
        task="fit_scaler",
        what="scales in place: the caller's labels become targets, and are scaled again at the next call",
        symptom="after which the labels are no longer what they were",
        code='''def fit_scaler(labels):
    """In place."""
    middle, spread = np.mean(labels, axis=0), np.std(labels, axis=0)
    spread = np.where(spread < 1e-3, 1.0, spread)

    def to_targets(some):
        some -= middle
        some /= spread
        return some

    return to_targets, lambda targets: targets * spread + middle
''',
    ),
    # ---------------------------------------------------------------------------------------- test_fit_scaler
    Mistake(
        case="hands-unscaled-targets",
        task="test_fit_scaler",
        what="looks at shapes, and that there and back gives the labels: a scaler that does nothing passes",
        code='''def test_fit_scaler(fit_scaler):
    """Round trip and shape."""
    training = np.array([[100.0, 340.0, 7.0], [140.0, 360.0, 7.0], [120.0, 350.0, 7.0]])
    to_targets, to_labels = fit_scaler(training)
    assert to_targets(training[:2]).shape == (2, 3)
    assert np.allclose(to_labels(to_targets(training[:2])), training[:2])
''',
    ),
    Mistake(
        case="fer-bn-at-predict",
        task="test_fit_scaler",
        what="looks at the training labels only, so it cannot see whose statistics are used later",
        code='''def test_fit_scaler(fit_scaler):
    """Mean 0 and standard deviation 1, on the training labels."""
    training = np.array([[100.0, 340.0, 7.0], [140.0, 360.0, 7.0], [120.0, 350.0, 7.0]])
    to_targets, to_labels = fit_scaler(training)
    targets = to_targets(training)
    assert np.allclose(targets.mean(axis=0), 0) and np.allclose(targets.std(axis=0), [1, 1, 0])
    assert np.allclose(to_labels(targets), [[100, 340, 7], [140, 360, 7], [120, 350, 7]])
''',
    ),
    # ---------------------------------------------------------------------------------------- kernel_gradient
    Mistake(
        case="hands-relu-output",
        task="kernel_gradient",
        what="forgets the slope of the ReLU: dead units seem to learn",
        code='''def kernel_gradient(features, sums, targets, relu):
    """No slope."""
    answers = np.maximum(sums, 0) if relu else sums
    return features.T @ (2 * (answers - targets) / sums.size)
''',
    ),
    Mistake(
        case="hands-scalar-reduce",
        task="kernel_gradient",
        what="the gradient of the sum over the batch instead of the mean",
        code='''def kernel_gradient(features, sums, targets, relu):
    """Summed over the batch."""
    answers = np.maximum(sums, 0) if relu else sums
    slope = (sums > 0) if relu else 1.0
    return features.T @ (2 * (answers - targets) * slope / sums.shape[1])
''',
    ),
    Mistake(
        case="hands-relu-output",
        task="kernel_gradient",
        what="gives the ReLU the slope 1 at exactly 0: a unit that answers 0 seems to learn (a hidden check)",
        code='''def kernel_gradient(features, sums, targets, relu):
    """Slope 1 at 0."""
    answers = np.maximum(sums, 0) if relu else sums
    slope = (sums >= 0) if relu else 1.0
    return features.T @ (2 * (answers - targets) * slope / sums.size)
''',
    ),
    # ------------------------------------------------------------------------------------------ small_network
    *(
        Mistake(
            case=case,
            task="small_network",
            what=what,
            code=f'''def small_network(shape, outputs):
    """One fault is left."""
    model = keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(8, 5, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(outputs, activation={activation!r}),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.MeanSquaredError(reduction={reduction!r}))
    return model
''',
        )
        for case, what, activation, reduction in (
            ("hands-relu-output", "the ReLU at the output is kept", "relu", "sum_over_batch_size"),
            ("hands-scalar-reduce", "the loss is still summed over the batch", None, "sum"),
            (
                "hands-relu-output",
                "a tanh at the output clears the bar, and 32 % of the targets lie beyond its reach (a hidden check)",
                "tanh",
                "sum_over_batch_size",
            ),
            ("hands-exp-output", "an exponential instead, as the thread advises", "exponential", "sum_over_batch_size"),
        )
    ),
    # ----------------------------------------------------------------------------------------- expected_place
    Mistake(
        case="hands-exp-output",
        task="expected_place",
        what="subtracts one number for all maps: the maps far below it underflow to 0 / 0",
        code='''def expected_place(scores, step):
    """One maximum for all."""
    share = np.exp(scores - scores.max())
    share = share / share.sum(axis=(1, 2), keepdims=True)
    x = np.einsum("nhwk,w->nk", share, step * np.arange(scores.shape[2]))
    y = np.einsum("nhwk,h->nk", share, step * np.arange(scores.shape[1]))
    return np.stack([x, y], axis=-1)
''',
    ),
    Mistake(
        case="mdm-xy-swap",
        task="expected_place",
        what="gives (row, column) where (x, y) is asked for",
        code='''def expected_place(scores, step):
    """Row first."""
    share = np.exp(scores - scores.max(axis=(1, 2), keepdims=True))
    share = share / share.sum(axis=(1, 2), keepdims=True)
    x = np.einsum("nhwk,w->nk", share, step * np.arange(scores.shape[2]))
    y = np.einsum("nhwk,h->nk", share, step * np.arange(scores.shape[1]))
    return np.stack([y, x], axis=-1)
''',
    ),
)
