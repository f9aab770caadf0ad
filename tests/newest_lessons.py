"""``make newest``: every lesson with deprecations as errors, wherever our own code or a lesson's causes one."""

import pytest

from course_utils import cases
from course_utils.cli import lessons

#: After the kernel's own start, which would else only print what a cell causes. ``stacklevel`` decides whose a warning is.
PRELUDE = """
import warnings
for _kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
    warnings.filterwarnings("error", category=_kind, module=r"(__main__|course_utils)(\\.|$)")
"""


@pytest.mark.parametrize("lesson", lessons.names())
def test_lesson(lesson, tmp_path):
    ended = lessons.execute(lesson, {}, prelude=PRELUDE, working_folder=tmp_path)
    assert ended.error is None
    assert {verdict["id"] for verdict in ended.verdicts} == {case.id for case in cases.of_lesson(lesson)}


def test_a_deprecation_in_a_cell_is_an_error(tmp_path):
    deprecated = "import warnings; warnings.warn('planted', DeprecationWarning, stacklevel=1)"
    ended = lessons.execute("00_start_here", {}, prelude=PRELUDE + deprecated, working_folder=tmp_path)
    assert ended.error == "DeprecationWarning: planted"
