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


#: A module by any name that warns, and an error after it, which shows that the warning was let pass.
PLANTED = """
import types
_module = types.ModuleType({name!r})
exec("import warnings; warnings.warn('planted', {kind}, stacklevel=1)", _module.__dict__)
raise ValueError("let pass")
"""


@pytest.mark.parametrize("kind", ["DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"])
@pytest.mark.parametrize("name", ["__main__", "course_utils", "course_utils.datasets.planted"])
def test_a_deprecation_in_a_cell_or_in_the_course_is_an_error(name, kind, tmp_path):
    prelude = PRELUDE + PLANTED.format(name=name, kind=kind)
    ended = lessons.execute("00_start_here", {}, prelude=prelude, working_folder=tmp_path)
    assert ended.error == f"{kind}: planted"


@pytest.mark.parametrize("name", ["keras.planted", "course_utilsx"])
def test_a_deprecation_elsewhere_is_not(name, tmp_path):
    prelude = PRELUDE + PLANTED.format(name=name, kind="DeprecationWarning")
    ended = lessons.execute("00_start_here", {}, prelude=prelude, working_folder=tmp_path)
    assert ended.error == "ValueError: let pass"
