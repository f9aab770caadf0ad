"""What needs no training: sizes of the documented networks, rates, and what published labels and predictions say by themselves.

Takes seconds. ``ICVL labels`` and ``ICVL predictions`` want the archive of the public evaluation code ("awesome-hand-pose-estimation",
X. Chen: labels of the 1 596 test frames, predictions of twelve methods) in ``data/icvl/``; ``FER2013 rows`` wants FER2013.
Lessons 10_digits_convnet, 20_hands_depth_images, 42_expressions_convnet.
"""

from __future__ import annotations

import math
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from scipy.stats import chi2_contingency

from course_utils import metrics, probes
from course_utils.datasets import expressions, fer2013, icvl
from course_utils.models import digits as digits_model
from course_utils.models import expressions as expressions_model
from course_utils.models import hands as hands_model
from course_utils.models import mdm as mdm_model
from course_utils.rendering.camera import ICVL, ICVL_EVALUATOR
from course_utils.runtime import DataError, Run, Size, data_root

TITLE = "Facts without training: sizes of networks, rates, and what published labels and predictions say by themselves"
SOURCES = (
    "course_utils.datasets.fer2013",
    "course_utils.datasets.icvl:read_labels",
    "course_utils.datasets.icvl:read_predictions",
    "course_utils.metrics:joint_errors",
    "course_utils.models.digits",
    "course_utils.models.expressions",
    "course_utils.models.hands",
    "course_utils.models.mdm",
    "course_utils.probes.fields",
    "course_utils.rendering.camera",
)
ARCHIVE = "icvl_groundtruth_and_predictions.tar.gz"
#: Method → file of its predictions for all 1 596 test frames.
METHODS = {
    "LRF": "CVPR14_LRF_Results",
    "DeepModel": "IJCAI16_ICVL_DeepModel",
    "plain CNN (Guo)": "ICIP17_ICVL_Guo_Basic",
    "REN-4": "ICIP17_ICVL_REN_4x6x6",
    "REN-9": "JVCI18_ICVL_REN_9x6x6",
    "DenseReg": "CVPR18_ICVL_denseReg",
    "SHPR-Net": "Access18_ICVL_SHPR_Net",
    "HandPointNet": "CVPR18_ICVL_HandPointNet",
    "Pose-REN": "NEUCOM18_ICVL_Pose_REN",
    "CrossInfoNet": "CVPR19_ICVL_CrossInfoNet",
    "Point-to-Point": "ECCV18_ICVL_Point-to-Point",
    "SRNet": "TMM21_ICVL_SRNet",
}
#: The same, for the 702 frames of sequence 1 alone.
METHODS_ON_SEQUENCE_1 = {"DeepPrior": "CVWW15_ICVL_Prior", "DeepPrior, refined": "CVWW15_ICVL_Prior-Refinement"}
MDM_PATCHES = (30, 26, 24, 20)
ONE_PASS = 28709 / 256  # steps after which the write-up's rate falls, once


def rows(size: Size) -> list[str]:
    """What is computed; the rows that read published files only where real data are asked for."""
    return ["networks", "rates", *(READ if size.data == "real" else ())]


def measure(row: str, run: Run) -> dict[str, float]:
    """Plain numbers: parameters, px, steps, shares, errors in mm; the seed plays no part but in ``networks``' draws."""
    return (COMPUTED | READ)[row]()


def _networks() -> dict[str, float]:
    digits, faces_net = digits_model.convnet(), expressions_model.convnet(normalization="none")
    found = {"digits: parameters": digits.count_params(), "expressions: parameters": faces_net.count_params()}
    height, width = hands_model.SIZES["documented"][0]
    flat = (height // 2) * (width // 2) * 8
    found["hands: flattened"] = flat
    found["hands: parameters"] = flat * 1024 + 1024 + 1024 * 48 + 48 + 5 * 5 * 8 + 8
    found["hands: GB of weights, gradients and two moments"] = 4 * 4 * found["hands: parameters"] / 1e9
    for field in probes.receptive_fields(faces_net):
        found |= {f"expressions: field {field.layer}": field.side, f"expressions: stride {field.layer}": field.stride}
    last = probes.receptive_fields(faces_net)[-1]
    found["expressions: field of 2×2 of the last pool"] = last.side + last.stride
    for patch in MDM_PATCHES:
        inside = int(np.prod(mdm_model.convnet((patch, patch, 3)).output_shape[1:])) * mdm_model.POINTS
        found |= {
            f"mdm: features, patches of {patch}": inside,
            f"mdm: dense weights, patches of {patch}": (inside + 512) * 512,
        }
    found |= _tall()
    drawn = keras.initializers.TruncatedNormal(stddev=0.05)((400, 1000))
    found["std of a truncated normal, in what it is called"] = float(keras.ops.std(drawn)) / 0.05
    drawn = keras.initializers.RandomNormal()((400, 1000))
    found["std of Keras' RandomNormal by default"] = float(keras.ops.std(drawn))
    kept = keras.layers.Dropout(0.7)(np.ones((2000, 512), "float32"), training=True)
    found["units of 512 that keep 0.3 lets pass"] = float(
        keras.ops.mean(keras.ops.sum(keras.ops.cast(kept > 0, "float32"), -1))
    )
    norm = keras.layers.BatchNormalization()
    x = np.linspace(-2, 2, 60, dtype="float32").reshape(20, 3)
    found["batch norm: largest change at the start, share"] = float(
        np.abs(np.asarray(norm(x, training=False)) / x - 1).max()
    )
    return found | {"batch norm: variables": len(norm.weights)}


def _tall() -> dict[str, float]:
    """The tall picture of 68 patches of 30 px: which rows of conv 2, and so which landmarks, the central crop keeps."""
    net = mdm_model.convnet((mdm_model.POINTS * 30, 30, 3))
    high, pooled = net.get_layer("conv_2").output.shape[1], net.get_layer("pool_2").output.shape[1]
    inside = int(np.prod(net.output_shape[1:]))
    return {
        "mdm: features, tall": inside,
        "mdm: dense weights, tall": (inside + 512) * 512,
        "mdm, tall: rows of conv_2": high,
        "mdm, tall: first row kept": (high - pooled) // 2,
        "mdm, tall: rows kept": pooled,
    }


def _rates() -> dict[str, float]:
    found = {}
    for base, step in ((5e-4, 244_799), (0.05, 244_859)):
        for kind in (np.float32, np.float64):
            falls = np.floor(kind(step) / kind(ONE_PASS))
            found[f"rate from {base:g} at step {step}, {kind.__name__}"] = float(kind(base) * kind(0.99) ** falls)
    falls = math.floor(244_859 / ONE_PASS)
    return found | {
        "base that would give 5e-4 at step 244859": 5e-4 / 0.99**falls,
        "steps a pass of 28 709 pictures by 128": math.ceil(28709 / 128),
        "passes in 1 000 steps of 100 frames, 331 006 frames": 1000 * 100 / 331_006,
        "passes in 1 000 steps of 100 frames, 22 000 frames": 1000 * 100 / 22_000,
        "GB of 3 589 activations of 48×48×64": 3589 * 48 * 48 * 64 * 4 / 1e9,
    }


def _unpacked(use: Callable[[Path], dict[str, float]]) -> dict[str, float]:
    """What ``use`` finds in the folder that holds the text files of the archive. Raises DataError when it is not there."""
    places = [data_root() / "icvl" / ARCHIVE, data_root() / ARCHIVE]
    archive = next((place for place in places if place.is_file()), None)
    if archive is None:
        raise DataError(
            f"{places[0]}: not found; it holds labels and predictions of the public evaluation code for ICVL"
        )
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and member.name.endswith(".txt"):
                (Path(scratch) / Path(member.name).name).write_bytes(packed.extractfile(member).read())
        return use(Path(scratch))


def _truth(folder: Path) -> np.ndarray:
    return np.concatenate([icvl.read_labels(folder / f"test_seq_{i}.txt")[1] for i in (1, 2)]).astype(np.float64)


def _labels(folder: Path) -> dict[str, float]:
    """Losses of constant answers in the mixed units of the question, errors of answers that see no image in mm."""
    truth = _truth(folder)
    first = icvl.PUBLISHED_FRAMES[0]
    mm = ICVL.to_mm(truth)
    centre, palm = mm.mean(axis=1, keepdims=True), mm[:, :1]
    guesses = {
        "constant pose": mm.mean(axis=0),
        "all joints at the true centroid": centre,
        "mean pose on the true palm": (mm - palm).mean(axis=0) + palm,
        "mean pose on the true centroid": (mm - centre).mean(axis=0) + centre,
    }
    found = {
        "frames": len(truth),
        "loss of zeros": np.mean(truth**2),
        "loss of zeros, sequence 1": np.mean(truth[:first] ** 2),
        "loss of zeros, sequence 2": np.mean(truth[first:] ** 2),
        "loss of the mean label": np.mean((truth - truth.mean(axis=0)) ** 2),
        "mm between two cameras": metrics.joint_errors(mm, ICVL_EVALUATOR.to_mm(truth)).mean(),
    }
    for axis, name in enumerate("uvd"):
        found |= {f"mean {name}": truth[..., axis].mean(), f"std {name}": truth[..., axis].std()}
    found |= {
        f"mm, {name}": metrics.joint_errors(mm, np.broadcast_to(guess, mm.shape)).mean()
        for name, guess in guesses.items()
    }
    return {name: float(value) for name, value in found.items()}


def _predictions(folder: Path) -> dict[str, float]:
    """Mean joint error in mm of each method, with the camera of the public evaluation code."""
    truth = ICVL_EVALUATOR.to_mm(_truth(folder))
    found = {}
    for name, file in (METHODS | METHODS_ON_SEQUENCE_1).items():
        predicted = ICVL_EVALUATOR.to_mm(icvl.read_predictions(folder / f"{file}.txt"))
        found[f"mm, {name}"] = float(metrics.joint_errors(truth[: len(predicted)], predicted).mean())
    return found


def _fer2013() -> dict[str, float]:
    path = expressions.find()
    if path is None:
        raise DataError(f"{data_root()}: found no FER2013; 'course data status' says how to get it")
    rows = fer2013.read_csv(path) if path.is_file() else fer2013.read_folders(path)
    counts, copies = np.array(rows.counts()), fer2013.duplicates(rows)
    shift = {name: float(np.sum(copies.leaked & (rows.usage == number))) for number, name in enumerate(fer2013.USAGES)}
    return {
        **{f"rows {usage}": int(counts[number].sum()) for number, usage in enumerate(fer2013.USAGES)},
        **{f"Training {name}": int(counts[0, number]) for number, name in enumerate(fer2013.CLASSES)},
        "Training pictures ÷ disgust": float(counts[0].sum() / counts[0, 1]),
        "total weight with disgust ×10": float((counts[0].sum() + 9 * counts[0, 1]) / counts[0].sum()),
        "distinct pictures": copies.distinct,
        "pictures in Training and PrivateTest": copies.in_training_and("PrivateTest"),
        "rows of PublicTest in Training": shift["PublicTest"],
        "rows of PrivateTest in Training": shift["PrivateTest"],
        "pictures with two labels": copies.conflicting,
        "p of equal class shares": float(chi2_contingency(counts).pvalue),
    }


COMPUTED = {"networks": _networks, "rates": _rates}
READ = {
    "ICVL labels": lambda: _unpacked(_labels),
    "ICVL predictions": lambda: _unpacked(_predictions),
    "FER2013 rows": _fer2013,
}
