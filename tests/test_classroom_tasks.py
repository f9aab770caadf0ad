"""What the cells of an assignment use: unfinished tasks, hidden values, and students' tests graded by mutation."""

import linecache

import numpy as np
import pytest

from course_utils import cases
from course_utils.classroom import mistakes, tasks
from course_utils.classroom.mistakes import Mistake
from course_utils.runtime import SettingsError


def written(source: str, name: str = "test_it"):
    """A function whose text can be looked up, as that of a notebook's cell can."""
    file = f"<cell {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace = {"np": np}
    exec(compile(source, file, "exec"), namespace)
    return namespace[name]


def right(x):
    return 2 * x


FAULTY = [("that adds", lambda x: x + 2), ("that forgets zero", lambda x: 2 * x or 1)]


# ------------------------------------------------------------------------------------------------ unfinished tasks


def test_an_unfinished_task_is_a_line_of_text_to_a_student(monkeypatch, capsys):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    with tasks.task("Task 1"):
        raise NotImplementedError
    assert capsys.readouterr().out == "Task 1: not written yet\n"


def test_an_unfinished_task_fails_while_grading(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(NotImplementedError), tasks.task("Task 1"):
        raise NotImplementedError


def test_a_wrong_answer_fails_for_a_student_too(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    with pytest.raises(AssertionError, match="four"), tasks.task("Task 1"):
        raise AssertionError("expected four")


def test_a_finished_task_says_so(capsys):
    with tasks.task("Task 1"):
        pass
    assert "visible checks pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        ([1.0, 2.0, 3.0], r"steps: found shape \(3,\), expected \(2,\)"),
        ([1.0, np.nan], "steps: 1 of 2 values are not finite"),
        ([1.0, 2.5], r"steps: found 2.5, expected 2 at index \(1,\)"),
    ],
)
def test_points_equal_says_what_differs(actual, message):
    with pytest.raises(AssertionError, match=message):
        tasks.points_equal(actual, [1.0, 2.0], what="steps")
    tasks.points_equal([1.0, 2.0 + 1e-9], [1.0, 2.0], what="steps")
    tasks.points_equal(3.0, 3.0, what="a number")


# ------------------------------------------------------------------------------------- students' tests, by mutation


def test_a_test_that_notices_every_fault_passes():
    tasks.check_test(written("def test_it(f):\n    assert f(3) == 6\n    assert f(0) == 0\n"), right, FAULTY)


def test_a_weak_test_is_told_what_it_let_pass():
    with pytest.raises(AssertionError, match=r"lets 1 of 2 faulty versions pass.*that forgets zero"):
        tasks.check_test(written("def test_it(f):\n    assert f(3) == 6\n"), right, FAULTY)


def test_a_test_that_fails_on_a_right_function_is_refused():
    with pytest.raises(AssertionError, match="fails on a right version"):
        tasks.check_test(written("def test_it(f):\n    assert f(3) == 7\n"), [right], FAULTY)


def test_every_right_version_must_pass():
    picky = written("def test_it(f):\n    assert isinstance(f(3), int)\n    assert f(3) == 6 and f(0) == 0\n")
    tasks.check_test(picky, [right], FAULTY)
    with pytest.raises(AssertionError, match="fails on a right version"):
        tasks.check_test(picky, [right, lambda x: 2.0 * x], FAULTY)


def test_an_unwritten_test_is_not_written():
    with pytest.raises(NotImplementedError):
        tasks.check_test(written("def test_it(f):\n    raise NotImplementedError()\n"), right, FAULTY)


@pytest.mark.parametrize(
    "line",
    [
        "import inspect; assert 'forgets' not in inspect.getsource(f)",
        "from dis import dis",
        "assert f.__code__.co_consts",
        "assert f.__name__ == 'right'",
        "assert f._Opaque__call(3) == 6",
        "assert getattr(f, 'x', 1)",
        "exec('1')",
        "assert open('/dev/null')",
        "import course_utils.classroom.mistakes",
        "assert globals()",
        "assert __import__('os')",
    ],
)
def test_a_test_that_looks_at_the_code_is_refused(line):
    with pytest.raises(AssertionError, match="does not look at how the function is written"):
        tasks.check_test(written(f"def test_it(f):\n    {line}\n    assert f(3) == 6 and f(0) == 0\n"), right, FAULTY)


def test_a_test_may_ask_for_a_type_and_not_for_another_right_version():
    tasks.check_test(
        written("def test_it(f):\n    assert type(f(3)) is int\n    assert f(3) == 6 and f(0) == 0\n"), right, FAULTY
    )
    oracle = written("def test_it(f):\n    assert f(3) == known(3) and f(0) == known(0)\n")
    with pytest.raises(AssertionError, match="line 2 of your test uses known: compare with numbers"):
        tasks.check_test(oracle, right, FAULTY, besides=["known"])


def test_a_test_may_import_numpy_and_math():
    text = "def test_it(f):\n    import math\n    import numpy.testing as t\n    t.assert_allclose(f(np.arange(3)), [0, 2, 4])\n    assert math.isclose(f(0), 0)\n"
    tasks.check_test(written(text), right, FAULTY)


def test_a_test_without_text_is_refused():
    with pytest.raises(AssertionError, match="must be a function"):
        tasks.check_test(print, right, FAULTY)


# ----------------------------------------------------------------------------------------------- registry of mistakes


@pytest.mark.parametrize("assignment", mistakes.ASSIGNMENTS)
def test_every_assignment_has_enough_mistakes_of_registered_cases(assignment):
    found = mistakes.of(assignment)
    assert len(found) >= 8
    assert {mistake.case for mistake in found} <= set(cases.all_cases())
    assert len({mistake.code for mistake in found}) == len(found)
    for mistake in found:
        compile(mistake.code, mistake.what, "exec")
        assert len(mistake.what) > 15


def test_a_mistake_of_an_unknown_case_is_refused():
    with pytest.raises(SettingsError, match="case"):
        Mistake(case="digits-no-such-case", task="x", what="a case that is not there", code="")


def test_a_mistake_as_a_function():
    wrong = Mistake(
        "digits-keep-prob-as-rate",
        "rate",
        "keeps",
        "import math\n\ndef helper():\n    return 1\n\ndef rate(x):\n    return x * helper()",
    )
    assert mistakes.function(wrong)(3) == 3
