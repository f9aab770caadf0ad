"""What the cells of an assignment use: unfinished tasks that do not stop a run, hidden values, students' own tests."""

from __future__ import annotations

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence

from course_utils import runtime

#: What a student's test may import; everything else could look at how the function is written.
ALLOWED_IMPORTS = ("math", "numpy")
#: Built-in functions that read code, files or the names of other cells.
FORBIDDEN_NAMES = (
    "breakpoint", "compile", "eval", "exec", "getattr", "get_ipython", "globals", "input", "inspect", "linecache",
    "locals", "open", "setattr", "vars", "__import__", "In", "Out", "_ih",
)  # fmt: skip


@contextlib.contextmanager
def task(name: str, *, checks: bool = True) -> Iterator[None]:
    """Run the visible checks of a task. A task that is not written yet is a line of text, and the notebook runs on.

    checks: whether the block checks anything; a block that only draws says nothing when it is done.

    While grading, NotImplementedError passes through like any other error and costs the task's points.
    """
    try:
        yield
    except NotImplementedError:
        if runtime.grading():
            raise
        print(f"{name}: not written yet")
    else:
        if checks:
            print(f"{name}: the visible checks pass")


def teacher_seed(value: int) -> int:
    """The seed of hidden values. ``course class release`` writes another number here, drawn from the teacher's secret."""
    return value


class _Opaque:
    """A function that can be called and nothing else: no source, no code object, no telling name."""

    __slots__ = ("__call",)

    def __init__(self, function: Callable) -> None:
        self.__call = function

    def __call__(self, *args, **kwargs):
        return self.__call(*args, **kwargs)

    def __repr__(self) -> str:
        return "<the function under test>"


def check_test(
    test: Callable[[Callable], None],
    clean: Callable | Sequence[Callable],
    faulty: Sequence[tuple[str, Callable]],
    *,
    besides: Sequence[str] = (),
) -> None:
    """Grade a student's test by mutation: it passes on clean functions and fails on each faulty one.

    test: takes the function under test, asserts, returns None. clean: one right function or several that differ in
    how they are written. faulty: (symptom, function) pairs; the symptom is what a student is told about a fault
    that the test lets pass, so it does not give the fault away. besides: names of the notebook that the test may not use,
    such as another right version to compare with.
    Raises AssertionError with the first reason; NotImplementedError when the test is not written yet.
    """
    refuse_inspection(test, besides)
    for function in clean if isinstance(clean, Sequence) else [clean]:
        try:
            test(_Opaque(function))
        except NotImplementedError:
            raise
        except Exception as error:
            raise AssertionError(
                f"your test fails on a right version of the function: {type(error).__name__}: {error}"
            ) from None
    passed = [symptom for symptom, function in faulty if _passes(test, function)]
    assert not passed, (
        f"your test lets {len(passed)} of {len(faulty)} faulty versions pass. It did not notice a version: "
        + "; ".join(passed)
    )


def _passes(test: Callable, function: Callable) -> bool:
    try:
        test(_Opaque(function))
    except Exception:  # a faulty function may fail in its own way; a test that runs it has noticed
        return False
    return True


def refuse_inspection(test: Callable, besides: Sequence[str] = ()) -> None:
    """Raise AssertionError when a student's test (or measurement) looks at code instead of behaviour."""
    assert inspect.isfunction(test), "your test must be a function (def …), because its own text is looked at"
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(test)))
    except (OSError, SyntaxError) as error:
        raise AssertionError("the text of your test cannot be read; define it in a cell of this notebook") from error
    for node in ast.walk(tree):
        found = None
        assert not (isinstance(node, ast.Name) and node.id in besides), (
            f"line {node.lineno} of your test uses {node.id}: compare with numbers or a formula of your own"
        )
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            found = node.id
        elif isinstance(node, ast.Attribute) and node.attr.startswith(("_", "func_", "f_", "gi_")):
            found = node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
            found = next((name for name in names if name.split(".")[0] not in ALLOWED_IMPORTS), None)
        assert found is None, (
            f"line {getattr(node, 'lineno', '?')} of your test uses {found}: a test calls the function and looks at what "
            "comes back; it does not look at how the function is written"
        )


def points_equal(actual, expected, *, what: str, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Assert that two arrays (any shape) agree; the message shows shapes first, then the worst difference."""
    import numpy as np

    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert actual.shape == expected.shape, f"{what}: found shape {actual.shape}, expected {expected.shape}"
    if expected.size == 0:
        return
    assert np.isfinite(actual).all(), f"{what}: {np.sum(~np.isfinite(actual))} of {actual.size} values are not finite"
    worst = np.unravel_index(np.argmax(np.abs(actual - expected)), expected.shape) if expected.shape else ()
    assert np.allclose(actual, expected, rtol=rtol, atol=atol), (
        f"{what}: found {actual[worst]:.6g}, expected {expected[worst]:.6g}"
        + (f" at index {tuple(map(int, worst))}" if worst else "")
    )
