"""The git filter strips what a run leaves behind, keeps what an author wrote, and never loses a file."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import runtime
from course_utils.cli import clean_notebook
from course_utils.runtime import DataError

CLEAN_CELLS = [
    {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Größe × 2\n", "text"]},
    {
        "cell_type": "code",
        "execution_count": None,
        "id": "setup",
        "metadata": {
            "jupyter": {"source_hidden": True},
            "nbgrader": {"grade": True, "grade_id": "a", "points": 2},
            "tags": ["setup"],
        },
        "outputs": [],
        "source": ["1 + 1"],
    },
]
CLEAN = {
    "cells": CLEAN_CELLS,
    "metadata": {
        "execution": {"timeout": 900},
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


def run_notebook() -> dict:
    """CLEAN as a student's JupyterLab would save it after a run on the GPU kernel."""
    notebook = copy.deepcopy(CLEAN)
    code = notebook["cells"][1]
    code["execution_count"] = 7
    code["outputs"] = [
        {"data": {"text/plain": ["2"]}, "execution_count": 7, "metadata": {}, "output_type": "execute_result"}
    ]
    code["metadata"].update(
        collapsed=True, scrolled=True, trusted=True, ExecuteTime={"end_time": "x"}, execution={"iopub.status.busy": "x"}
    )
    code["metadata"]["jupyter"]["outputs_hidden"] = True
    notebook["cells"][0]["metadata"] = {"jupyter": {"outputs_hidden": False}, "collapsed": False}
    notebook["metadata"].update(
        kernelspec={"display_name": runtime.GPU_KERNEL_DISPLAY_NAME, "name": runtime.GPU_KERNEL_NAME},
        language_info={"name": "python", "version": "3.12.1", "codemirror_mode": {"name": "ipython"}},
        widgets={"application/vnd.jupyter.widget-state+json": {"state": {"a": 1}}},
    )
    return notebook


def as_file(notebook: dict) -> str:
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_a_run_notebook_becomes_the_authors_notebook():
    assert clean_notebook.clean(json.dumps(run_notebook())) == as_file(CLEAN)


def test_cleaning_twice_changes_nothing_more_even_where_cells_lack_ids():
    notebook = run_notebook()
    for cell in notebook["cells"]:
        del cell["id"]
    once = clean_notebook.clean(json.dumps(notebook))
    assert once == clean_notebook.clean(json.dumps(notebook))
    assert once == clean_notebook.clean(once)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ('{"cells": [', "no JSON"),
        ("[]", "not a notebook"),
        ('{"nbformat": 4}', "not a notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ["x"]}', "not a notebook"),
        ('{"nbformat": 9, "cells": []}', "not a notebook"),
        ('{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}', "format 3, expected format 4"),
        (as_file(CLEAN).replace("text", "\\ud800"), "not a notebook"),
    ],
    ids=["empty", "cut off", "list", "no cells", "cell is text", "format 9", "format 3", "half a surrogate"],
)
def test_what_is_no_notebook_is_named_in_one_line_and_passes_the_filter_unchanged(text, reason, tmp_path, capsys):
    with pytest.raises(DataError, match=reason) as caught:
        clean_notebook.clean(text)
    assert "\n" not in str(caught.value)

    assert clean_notebook.filter_stream(text.encode()) == text.encode()
    warning = capsys.readouterr().err
    assert reason in warning
    assert warning.count("\n") == 1

    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    good.write_text(as_file(run_notebook()), encoding="utf-8")
    bad.write_text(text, encoding="utf-8")
    assert clean_notebook.main([str(good), str(bad)]) == 2
    error = capsys.readouterr().err
    assert str(bad) in error
    assert error.count("\n") == 1
    assert good.read_text(encoding="utf-8") == as_file(run_notebook())
    assert bad.read_text(encoding="utf-8") == text
    assert sorted(tmp_path.iterdir()) == [bad, good]


def test_bytes_that_are_not_utf8_pass_the_filter_unchanged(capsys):
    assert clean_notebook.filter_stream(b"\xff{}") == b"\xff{}"
    assert "stored unchanged" in capsys.readouterr().err


def test_files_are_cleaned_in_place_and_the_exit_code_says_so(tmp_path, capsys):
    path = tmp_path / "lesson.ipynb"
    path.write_text(as_file(run_notebook()), encoding="utf-8")

    assert clean_notebook.main(["--check", str(path)]) == 1
    assert f"{path}: not clean" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == as_file(run_notebook())

    assert clean_notebook.main([str(path)]) == 1
    assert f"{path}: cleaned" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == as_file(CLEAN)

    assert clean_notebook.main(["--check", str(path)]) == 0
    assert clean_notebook.main([str(path)]) == 0
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert clean_notebook.main([str(tmp_path / "none.ipynb")]) == 2
    error = capsys.readouterr().err
    assert "none.ipynb: cannot be read" in error
    assert error.count("\n") == 1


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path, capsys, monkeypatch):
    path = tmp_path / "lesson.ipynb"
    path.write_text(as_file(run_notebook()), encoding="utf-8")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    assert clean_notebook.main([str(path)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == as_file(run_notebook())
    assert list(tmp_path.iterdir()) == [path]


def test_check_without_files_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        clean_notebook.main(["--check"])
    assert caught.value.code == 2
    assert "--check needs at least one FILE" in capsys.readouterr().err


def test_filtering_loads_no_backend():
    code = (
        "import sys; from course_utils.cli.clean_notebook import main; main([]);"
        "print([name for name in ('keras', 'tensorflow', 'matplotlib') if name in sys.modules], file=sys.stderr)"
    )
    filtered = subprocess.run(
        [sys.executable, "-c", code],
        input=as_file(run_notebook()).encode(),
        capture_output=True,
        check=True,
        cwd=runtime.repo_root(),
    )
    assert filtered.stdout == as_file(CLEAN).encode()
    assert filtered.stderr.decode().split() == ["[]"]


@pytest.mark.deep
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_stores_the_clean_notebook_and_keeps_the_outputs_in_the_folder(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment.update(PYTHONPATH=str(runtime.repo_root()), GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=True
        ).stdout

    git("init", "-q")
    git(
        "config",
        "filter.course-notebook.clean",
        f'"{Path(sys.executable).as_posix()}" -m course_utils.cli.clean_notebook',
    )
    git("config", "filter.course-notebook.smudge", "cat")
    git("config", "filter.course-notebook.required", "false")
    shutil.copy(runtime.repo_root() / ".gitattributes", tmp_path)
    lesson = tmp_path / "lesson.ipynb"
    lesson.write_text(as_file(CLEAN), encoding="utf-8")
    broken = tmp_path / "broken.ipynb"
    broken.write_text('{"cells": [', encoding="utf-8")
    git("add", "lesson.ipynb", "broken.ipynb")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "lesson")

    lesson.write_text(as_file(run_notebook()), encoding="utf-8")
    assert git("diff") == ""
    git("add", "lesson.ipynb")
    assert git("show", ":lesson.ipynb") == as_file(CLEAN)
    assert git("show", ":broken.ipynb") == '{"cells": ['
    assert lesson.read_text(encoding="utf-8") == as_file(run_notebook())
