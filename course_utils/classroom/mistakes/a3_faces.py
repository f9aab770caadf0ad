"""Wrong answers to assignment 3, faces: tables, patch readers, stacks, gradients and numbers that mean something else."""

from __future__ import annotations

from course_utils.classroom.mistakes import Mistake

_READER = """
def read_patches(image, points, size):
    image, points = np.asarray(image, dtype=float), np.asarray(points, dtype=float)
    height, width = image.shape
    offsets = np.arange(size) - (size - 1) / 2
    columns = (points[:, :1] + offsets).clip(0, width - 1)
    rows = (points[:, 1:] + offsets).clip(0, height - 1)
    left, top = np.floor(columns).astype(int).clip(0, width - 2), np.floor(rows).astype(int).clip(0, height - 2)
    right_share, low_share = (columns - left)[:, None, :], (rows - top)[:, :, None]
    left, top = left[:, None, :], top[:, :, None]
    upper = (1 - right_share) * image[top, left] + right_share * image[top, left + 1]
    lower = (1 - right_share) * image[top + 1, left] + right_share * image[top + 1, left + 1]
    return (1 - low_share) * upper + low_share * lower
"""


def _reader(*changes: tuple[str, str]) -> str:
    """The code of a right reader with some pieces of text replaced, each of which must stand in it once."""
    code = _READER
    for old, new in changes:
        if code.count(old) != 1:
            raise ValueError(f"{old!r} stands {code.count(old)} times in the reader, expected once")
        code = code.replace(old, new)
    return code


MISTAKES = (
    Mistake(
        case="mdm-flip-without-permutation",
        task="mirror_order",
        what="every row keeps its number",
        code="""
def mirror_order(template):
    return np.arange(len(template))
""",
    ),
    Mistake(
        case="mdm-flip-without-permutation",
        task="mirror_order",
        what="a point is never its own partner, so points on the middle line change places",
        code="""
def mirror_order(template):
    landed = np.array(template, dtype=float)
    landed[:, 0] = 2 * landed[:, 0].mean() - landed[:, 0]
    distances = np.linalg.norm(landed[:, None] - np.asarray(template)[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    order = distances.argmin(axis=1)
    if not np.array_equal(order[order], np.arange(len(order))):
        raise ValueError("not symmetric")
    return order
""",
    ),
    Mistake(
        case="mdm-flip-without-permutation",
        task="mirror_order",
        what="a crooked template is not refused",
        code="""
def mirror_order(template):
    landed = np.array(template, dtype=float)
    landed[:, 0] = 2 * landed[:, 0].mean() - landed[:, 0]
    return np.linalg.norm(landed[:, None] - np.asarray(template)[None], axis=-1).argmin(axis=1)
""",
    ),
    Mistake(
        case="mdm-xy-swap",
        task="read_patches",
        what="points are taken as (y, x)",
        symptom="that looks in the wrong direction when a point moves to the right",
        code=_reader(("points[:, :1]", "points[:, 1:]"), ("rows = (points[:, 1:]", "rows = (points[:, :1]")),
    ),
    Mistake(
        case="mdm-xy-swap",
        task="read_patches",
        what="the right places are read, but each patch is returned transposed",
        symptom="whose patches lie on their side",
        code=_reader(
            (
                "return (1 - low_share) * upper + low_share * lower",
                "return ((1 - low_share) * upper + low_share * lower).swapaxes(1, 2)",
            ),
        ),
    ),
    Mistake(
        case="mdm-unwritten-pixels",
        task="read_patches",
        what="zeros outside the image, where its edge should be repeated",
        symptom="that answers 0 where there is no image",
        code="""
def read_patches(image, points, size):
    points = np.asarray(points, dtype=float)
    image = np.pad(np.asarray(image, dtype=float), 1)
    height, width = image.shape
    offsets = np.arange(size) - (size - 1) / 2 + 1
    columns = (points[:, :1] + offsets).clip(0, width - 1)
    rows = (points[:, 1:] + offsets).clip(0, height - 1)
    left, top = np.floor(columns).astype(int).clip(0, width - 2), np.floor(rows).astype(int).clip(0, height - 2)
    right_share, low_share = (columns - left)[:, None, :], (rows - top)[:, :, None]
    left, top = left[:, None, :], top[:, :, None]
    upper = (1 - right_share) * image[top, left] + right_share * image[top, left + 1]
    lower = (1 - right_share) * image[top + 1, left] + right_share * image[top + 1, left + 1]
    return (1 - low_share) * upper + low_share * lower
""",
    ),
    Mistake(
        case="mdm-unwritten-pixels",
        task="read_patches",
        what="nothing is cut at the border: negative indices count from the other end, so the opposite side is read",
        symptom="that brings in pixels from the opposite side of the image",
        code="""
def read_patches(image, points, size):
    image, points = np.asarray(image, dtype=float), np.asarray(points, dtype=float)
    height, width = image.shape
    offsets = np.arange(size) - (size - 1) / 2
    columns, rows = points[:, :1] + offsets, points[:, 1:] + offsets
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
    right_share, low_share = (columns - left)[:, None, :], (rows - top)[:, :, None]
    left, top = left[:, None, :], top[:, :, None]
    right, low = (left + 1) % width, (top + 1) % height
    left, top = left % width, top % height
    upper = (1 - right_share) * image[top, left] + right_share * image[top, right]
    lower = (1 - right_share) * image[low, left] + right_share * image[low, right]
    return (1 - low_share) * upper + low_share * lower
""",
    ),
    Mistake(
        case="mdm-unwritten-pixels",
        task="read_patches",
        what="one block of memory serves all calls, so that an earlier answer is overwritten by the next call",
        symptom="whose earlier answers do not stay what they were",
        code=_reader(
            ("def read_patches(image, points, size):", "_kept = {}\n\n\ndef read_patches(image, points, size):"),
            (
                "return (1 - low_share) * upper + low_share * lower",
                "answer = _kept.setdefault((len(points), size), np.empty((len(points), size, size)))\n"
                "    answer[...] = (1 - low_share) * upper + low_share * lower\n"
                "    return answer",
            ),
        ),
    ),
    Mistake(
        case="mdm-unwritten-pixels",
        task="read_patches",
        what="three borders are cut, the lowest is not: rows below it begin again at the top",
        symptom="that goes wrong at one of the four borders only",
        code=_reader(
            (
                "rows = (points[:, 1:] + offsets).clip(0, height - 1)",
                "rows = (points[:, 1:] + offsets).clip(0, None) % height",
            )
        ),
    ),
    Mistake(
        case="mdm-unwritten-pixels",
        task="read_patches",
        what="memory of the image's own type, as in the faulty reader: of whole numbers, all fractions are cut off",
        symptom="that keeps the contract for some images only",
        code=_reader(
            (
                "image, points = np.asarray(image",
                "kind = np.asarray(image).dtype\n    image, points = np.asarray(image",
            ),
            (
                "return (1 - low_share) * upper + low_share * lower",
                "return ((1 - low_share) * upper + low_share * lower).astype(kind)",
            ),
        ),
    ),
    Mistake(
        case="mdm-glimpse-normalized",
        task="read_patches",
        what="the reader has another idea of a position than its caller: lesson 31's windows, rounded and off centre",
        symptom="whose points mean another place than they say, by less than a pixel",
        code="""
def read_patches(image, points, size):
    image = np.asarray(image, dtype=float)
    nearest = np.floor(np.asarray(points) + 0.5).astype(int)
    offsets = np.arange(size) - size // 2
    columns = (nearest[:, :1] + offsets).clip(0, image.shape[1] - 1)
    rows = (nearest[:, 1:] + offsets).clip(0, image.shape[0] - 1)
    return image[rows[:, :, None], columns[:, None, :]]
""",
    ),
    Mistake(
        case="mdm-unwritten-pixels",
        task="test_read_patches",
        what="a test of shape and finiteness only",
        code="""
def test_read_patches(reader):
    found = reader(np.ones((20, 30)), np.array([[3.0, 4.0], [-5.0, 40.0]]), 6)
    assert found.shape == (2, 6, 6)
    assert np.isfinite(found).all()
""",
    ),
    Mistake(
        case="mdm-xy-swap",
        task="test_read_patches",
        what="a test at one point in the middle of the image, with x = y, and an odd size",
        code="""
def test_read_patches(reader):
    ramp = 10.0 * np.arange(9) + 100.0 * np.arange(9)[:, None]
    found = reader(ramp, np.array([[4.0, 4.0]]), 3)
    assert np.allclose(found, ramp[None, 3:6, 3:6], atol=1e-3)
""",
    ),
    Mistake(
        case="mdm-landmark-major",
        task="to_faces",
        what="cut as if stacked face by face",
        code="""
def to_faces(features, batch):
    return features.reshape(batch, -1)
""",
    ),
    Mistake(
        case="mdm-landmark-major",
        task="to_faces",
        what="each face gets its own numbers, but feature by feature in place of point by point",
        code="""
def to_faces(features, batch):
    by_point = features.reshape(-1, batch, features.shape[-1])
    return by_point.transpose(1, 2, 0).reshape(batch, -1)
""",
    ),
    Mistake(
        case="mdm-sqrt-at-zero",
        task="error_gradient",
        what="no epsilon in the root",
        code="""
def error_gradient(predicted, true, epsilon=1e-12):
    difference = predicted - true
    eyes = np.linalg.norm(true[:, 36] - true[:, 45], axis=-1)[:, None, None]
    distance = np.sqrt((difference**2).sum(axis=-1, keepdims=True))
    return difference / (distance * eyes * difference.shape[0] * difference.shape[1])
""",
    ),
    Mistake(
        case="mdm-sqrt-at-zero",
        task="error_gradient",
        what="epsilon is added to the root, not inside it: by automatic differentiation that would be NaN again",
        code="""
def error_gradient(predicted, true, epsilon=1e-12):
    difference = predicted - true
    eyes = np.linalg.norm(true[:, 36] - true[:, 45], axis=-1)[:, None, None]
    distance = np.sqrt((difference**2).sum(axis=-1, keepdims=True)) + epsilon
    return difference / (distance * eyes * difference.shape[0] * difference.shape[1])
""",
    ),
    Mistake(
        case="mdm-success-rate-called-auc",
        task="curve_area",
        what="the height of the curve at the limit",
        code="""
def curve_area(thresholds, shares, limit=0.08):
    if thresholds[-1] < limit:
        raise ValueError("the curve ends before the limit")
    return float(np.interp(limit, thresholds, shares))
""",
    ),
    Mistake(
        case="mdm-success-rate-called-auc",
        task="curve_area",
        what="the mean of the given heights up to the limit, as if their points were evenly spaced",
        code="""
def curve_area(thresholds, shares, limit=0.08):
    thresholds, shares = np.asarray(thresholds), np.asarray(shares)
    if thresholds[-1] < limit:
        raise ValueError("the curve ends before the limit")
    return float(shares[thresholds <= limit].mean())
""",
    ),
    Mistake(
        case="mdm-summed-loss-misread",
        task="in_units_of_nothing",
        what="the sum over the steps is read as the error of one step",
        code="""
def in_units_of_nothing(loss, start, true, steps):
    return loss / metrics.normalized_mean_error(true, np.broadcast_to(start, np.shape(true))).mean()
""",
    ),
    Mistake(
        case="mdm-summed-loss-misread",
        task="in_units_of_nothing",
        what="mean distance over mean eye distance, where the loss is a mean of ratios",
        code="""
def in_units_of_nothing(loss, start, true, steps):
    distance = np.linalg.norm(start - true, axis=-1).mean()
    eyes = np.linalg.norm(true[:, 36] - true[:, 45], axis=-1).mean()
    return loss * eyes / (steps * distance)
""",
    ),
)
