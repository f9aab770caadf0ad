"""Executing a lesson in a kernel of its own, on lessons of one cell (nothing here loads Keras)."""

import nbformat
import pytest

from course_utils import runtime
from course_utils.cli import lessons


@pytest.fixture
def lesson_of(tmp_path, monkeypatch):
    """Make a lesson of one code cell the only lesson; gives its name."""
    monkeypatch.setattr(runtime, "lessons_dir", lambda: tmp_path)

    def make(source):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(notebook, tmp_path / "00_tiny.ipynb")
        return "00_tiny"

    return make


def test_what_a_lesson_raises_is_reported_not_raised(lesson_of):
    ended = lessons.execute(lesson_of("raise ValueError('boom')"), {})
    assert (ended.error, ended.cost, ended.verdicts) == ("ValueError: boom", None, [])


def test_settings_reach_the_kernel_and_the_lesson_is_not_changed(lesson_of, tmp_path):
    name = lesson_of(
        "import os\nassert os.environ['COURSE_SEED'] == '7', os.environ['COURSE_SEED']\nraise KeyError('end')"
    )
    before = (tmp_path / "00_tiny.ipynb").read_bytes()
    assert lessons.execute(name, {"COURSE_SEED": "7"}).error == "KeyError: 'end'"
    assert (tmp_path / "00_tiny.ipynb").read_bytes() == before


def test_a_relative_data_folder_means_the_same_in_the_kernel(lesson_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", "real")
    name = lesson_of("import os\nraise KeyError(os.environ['COURSE_DATA'])")
    (tmp_path / "elsewhere").mkdir()
    ended = lessons.execute(name, {}, working_folder=tmp_path / "elsewhere")
    assert ended.error == f"KeyError: {str(tmp_path / 'real')!r}"


def test_a_cell_that_never_ends_is_stopped(lesson_of):
    ended = lessons.execute(lesson_of("while True: pass"), {}, timeout=2)
    assert ended.error.startswith("CellTimeoutError")


def test_a_kernel_that_dies_is_reported(lesson_of):
    ended = lessons.execute(lesson_of("import os\nos._exit(1)"), {})
    assert ended.error.startswith("DeadKernelError")
