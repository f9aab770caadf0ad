"""How hard the rendered faces of Part 4 are: the one criterion by which they were made, on the network without normalisation alone."""

import keras
import numpy as np
import pytest

from course_utils import runtime
from course_utils.datasets import expressions
from course_utils.models.expressions import compile_documented, convnet
from course_utils.training import shuffled_batches


@pytest.mark.deep
def test_a_plain_network_learns_the_training_faces_by_heart_and_is_clearly_worse_on_others():
    """0.95 or more right on the training faces, 0.15 to 0.35 less on the test faces (measured when made: 0.997 and 0.702)."""
    data = expressions.load(runtime.REDUCED)
    x = data.train.x.astype("float32") / 255
    keras.utils.set_random_seed(0)
    model = compile_documented(convnet("small", normalization="none", l2=0.0), learning_rate=1e-3)
    model.fit(shuffled_batches(x, data.train.y, 64, seed=0), steps_per_epoch=1500, verbose=0)

    def accuracy(split):
        logits = model.predict(split.x.astype("float32") / 255, batch_size=200, verbose=0)
        return np.mean(logits.argmax(axis=1) == split.y)

    learned = accuracy(data.training)
    unseen = (accuracy(data.public_test) + accuracy(data.private_test)) / 2
    assert learned >= 0.95
    assert 0.15 <= learned - unseen <= 0.35
