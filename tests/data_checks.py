"""What the tests of every data set ask in the same way."""

import numpy as np
import pytest

from course_utils.runtime import DataError


def the_line(call, *arguments, **named):
    """The text of the DataError that a call raises; it has to be one line."""
    with pytest.raises(DataError) as raised:
        call(*arguments, **named)
    text = str(raised.value)
    assert text.strip() and "\n" not in text
    return text


def assert_same(found, expected):
    """Two data sets hold the same arrays, types included."""
    for split in ("train", "test"):
        for part in ("x", "y"):
            a, b = getattr(getattr(found, split), part), getattr(getattr(expected, split), part)
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
