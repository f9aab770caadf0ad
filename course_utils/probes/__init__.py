"""Measurements on a model, the same on TensorFlow, JAX and PyTorch; everything returned is plain NumPy. Floor 2.

``weights``   what the weights are and how far they moved
``gradients`` what the loss asks of each variable
``outputs``   what layers answer: loss at init, activations, dead units, baselines, train/inference gap
``watching``  what the gradients are in the training steps themselves
``signals``   what comes back through a network: the gradient of the loss in the output of each layer
``fields``    what a unit sees of the input: its receptive field by arithmetic, and by gradient
``averages``  moving averages followed beside a training run, and a model that answers with them
``ensembles`` several answers to the same pictures made one, by mean or by vote
``confidence`` how sure against how right: reliability, calibration error, temperature
``views``     several views of the same picture, for test-time augmentation
``device``    whether this device computes a training step right

First written out by hand in lesson 11_digits_frozen_filters.
"""

from course_utils.probes.averages import MovingAverages, borrowed, statistics, values_of
from course_utils.probes.fields import influence, receptive_fields
from course_utils.probes.gradients import gradient_rms, gradients
from course_utils.probes.outputs import (
    activations,
    constant_baselines,
    dead_units,
    dropped_share,
    loss,
    train_inference_gap,
)
from course_utils.probes.signals import output_gradients
from course_utils.probes.watching import WatchedAdam
from course_utils.probes.weights import relative_change, snapshot, update_ratio

__all__ = [
    "MovingAverages",
    "WatchedAdam",
    "activations",
    "borrowed",
    "constant_baselines",
    "dead_units",
    "dropped_share",
    "gradient_rms",
    "gradients",
    "influence",
    "loss",
    "output_gradients",
    "receptive_fields",
    "relative_change",
    "snapshot",
    "statistics",
    "train_inference_gap",
    "update_ratio",
    "values_of",
]
