"""The student's working copy of the lessons: new versions arrive, and nothing a student wrote is ever lost."""

import contextlib
import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils import runtime
from course_utils.cli import lab
from course_utils.cli.lab import refresh, restore

FIRST, SECOND = "00_start_here", "11_frozen"
BROKEN = {
    "nothing": b"",
    "cut JSON": b'{"cells": [{"cell_type": "code", "sour',
    "a list": b"[]",
    "an empty object": b"{}",
    "null": b"null",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells of null": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": null}',
    "an empty cell": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}',
    "a number as cell": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [5]}',
    "an unknown format": b'{"nbformat": 9, "cells": []}',
    "an old format": b'{"nbformat": 3}',
    "another encoding": "größe".encode("utf-16"),
}


def write(path, *sources, outputs=False):
    """A notebook with one code cell a source."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    if outputs:
        for i, cell in enumerate(cells):
            cell.update(execution_count=i + 1, outputs=[nbformat.v4.new_output("stream", text="42\n")])
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture(autouse=True)
def published(tmp_path, monkeypatch):
    """A course of two tiny lessons; its folder."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(folder / f"{FIRST}.ipynb", "start()")
    write(folder / f"{SECOND}.ipynb", "x = 1", "print(x)")
    (folder / "notes.ipynb").write_text("not a lesson", encoding="utf-8")
    monkeypatch.setattr(runtime, "lessons_dir", lambda: folder)
    return folder


@pytest.fixture
def copy(tmp_path):
    """A fresh working copy; the path of its second lesson."""
    refresh(tmp_path / "lab")
    return tmp_path / "lab" / f"{SECOND}.ipynb"


def kept_beside(copy):
    """Contents of all other versions of the lesson in the working copy."""
    return sorted(path.read_bytes() for path in copy.parent.glob(f"{SECOND}*") if path != copy)


# ---------------------------------------------------------------------------------------------------- refresh


def test_the_first_time_every_lesson_is_copied_as_it_is(published, tmp_path):
    assert refresh(tmp_path / "deep" / "lab") == []
    found = {path.name: path.read_bytes() for path in (tmp_path / "deep" / "lab").glob("*.ipynb")}
    assert found == {path.name: path.read_bytes() for path in published.glob("[0-9]*.ipynb")}


def test_a_second_time_nothing_happens(copy):
    before = {path: path.read_bytes() for path in copy.parent.iterdir()}
    assert refresh(copy.parent) == []
    assert {path: path.read_bytes() for path in copy.parent.iterdir()} == before


def test_what_a_student_wrote_stays(copy):
    write(copy, "x = 2", "print(x)")
    assert refresh(copy.parent) == []
    assert sources(copy) == ["x = 2", "print(x)"]


def test_a_new_version_replaces_a_copy_that_no_one_changed(published, copy):
    write(published / f"{SECOND}.ipynb", "x = 10", "print(x)")
    [note] = refresh(copy.parent)
    assert note == f"{SECOND}: updated"
    assert sources(copy) == ["x = 10", "print(x)"]
    assert refresh(copy.parent) == []


def test_a_copy_that_was_only_run_counts_as_unchanged(published, copy):
    write(copy, "x = 1", "print(x)", outputs=True)
    write(published / f"{SECOND}.ipynb", "x = 10", "print(x)")
    assert refresh(copy.parent) == [f"{SECOND}: updated"]
    assert sources(copy) == ["x = 10", "print(x)"]


def test_outputs_stay_while_there_is_no_new_version(copy):
    write(copy, "x = 1", "print(x)", outputs=True)
    before = copy.read_bytes()
    assert refresh(copy.parent) == []
    assert copy.read_bytes() == before


def test_when_both_changed_the_student_s_is_kept_with_a_note(published, copy):
    write(copy, "x = 2", "print(x)")
    write(published / f"{SECOND}.ipynb", "x = 10", "print(x)")
    for _ in range(2):
        [note] = refresh(copy.parent)
        assert note.startswith(f"{SECOND}: a newer version is there; yours is kept")
        assert "course lab --reset 11" in note
        assert sources(copy) == ["x = 2", "print(x)"]


def test_a_student_who_has_the_new_version_already_is_not_told_of_a_newer_one(published, copy):
    for place in (copy, published / f"{SECOND}.ipynb"):
        write(place, "x = 10", "print(x)")
    assert refresh(copy.parent) == []


@pytest.mark.parametrize("record", [None, "", "{", "[]", "null", '{"11_frozen": 5}'])
def test_a_lost_record_loses_nothing_and_makes_no_noise_about_unchanged_lessons(published, copy, record):
    place = copy.parent / lab.RECORD
    place.unlink()
    if record is not None:
        place.write_text(record, encoding="utf-8")
    write(copy, "x = 2", "print(x)")
    notes = refresh(copy.parent)
    assert sources(copy) == ["x = 2", "print(x)"]
    assert not [note for note in notes if note.startswith(FIRST)]


def test_a_lesson_that_was_deleted_comes_back(copy):
    copy.unlink()
    assert refresh(copy.parent) == []
    assert sources(copy) == ["x = 1", "print(x)"]


def test_a_new_lesson_arrives(published, copy):
    write(published / "12_logging.ipynb", "log()")
    assert refresh(copy.parent) == []
    assert sources(copy.parent / "12_logging.ipynb") == ["log()"]


def test_a_student_s_own_files_stay(copy):
    own = copy.parent / "my notes.txt"
    own.write_text("mine", encoding="utf-8")
    refresh(copy.parent)
    restore(copy.parent, SECOND)
    assert own.read_text(encoding="utf-8") == "mine"


def test_the_published_lessons_are_never_written_to(published, copy):
    before = {path: path.read_bytes() for path in published.iterdir()}
    write(copy, "x = 2")
    restore(copy.parent, SECOND)
    refresh(copy.parent)
    assert {path: path.read_bytes() for path in published.iterdir()} == before


# ---------------------------------------------------------------------------------------------------- restore


def test_a_restored_lesson_is_the_published_one_and_the_student_s_is_kept(copy):
    write(copy, "x = 2", "print(x)")
    mine = copy.read_bytes()
    note = restore(copy.parent, SECOND)
    assert sources(copy) == ["x = 1", "print(x)"]
    [kept] = [path for path in copy.parent.glob(f"{SECOND}*") if path != copy]
    assert kept.read_bytes() == mine
    assert kept.suffix == ".ipynb", "it has to open as a notebook"
    assert note == f"{SECOND}: restored; your version is kept as {kept.name}"
    assert refresh(copy.parent) == []


def test_two_restores_in_a_row_keep_both_versions(copy, monkeypatch):
    monkeypatch.setattr(lab.time, "strftime", lambda *_: "20260101-120000")  # within one second
    written = []
    for source in ("x = 2", "x = 3"):
        write(copy, source)
        written.append(copy.read_bytes())
        restore(copy.parent, SECOND)
    assert kept_beside(copy) == sorted(written)


def test_restoring_a_copy_that_was_only_run_keeps_no_second_file(published, copy):
    write(copy, "x = 1", "print(x)", outputs=True)
    note = restore(copy.parent, SECOND)
    assert note == f"{SECOND}: restored; its cells were the published ones, so only what your run put out is gone"
    assert copy.read_bytes() == (published / f"{SECOND}.ipynb").read_bytes()
    assert kept_beside(copy) == []


def test_restoring_takes_the_newest_version(published, copy):
    write(copy, "x = 2")
    write(published / f"{SECOND}.ipynb", "x = 10")
    restore(copy.parent, SECOND)
    assert sources(copy) == ["x = 10"]
    assert refresh(copy.parent) == []


def test_restoring_leaves_the_other_lessons_alone(copy):
    write(copy.parent / f"{FIRST}.ipynb", "mine()")
    restore(copy.parent, SECOND)
    assert sources(copy.parent / f"{FIRST}.ipynb") == ["mine()"]


def test_a_lesson_can_be_restored_before_there_is_a_working_copy(tmp_path):
    assert restore(tmp_path / "new", SECOND) == f"{SECOND}: restored"
    assert sources(tmp_path / "new" / f"{SECOND}.ipynb") == ["x = 1", "print(x)"]


# --------------------------------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_copy_stays_when_a_new_version_comes(published, copy, what):
    copy.write_bytes(BROKEN[what])
    write(published / f"{SECOND}.ipynb", "x = 10")
    [note] = refresh(copy.parent)
    assert "yours is kept" in note
    assert copy.read_bytes() == BROKEN[what]


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_copy_is_kept_beside_the_restored_lesson(copy, what):
    copy.write_bytes(BROKEN[what])
    restore(copy.parent, SECOND)
    assert sources(copy) == ["x = 1", "print(x)"]
    assert kept_beside(copy) == [BROKEN[what]]


# ------------------------------------------------------------------------------------------------ the command


def test_lab_prepares_the_copy_and_prints_its_folder(course, tmp_path):
    code, out, _ = course("lab", "--no-open", "--folder", tmp_path / "lab")
    assert (code, out) == (0, f"{tmp_path / 'lab'}\n")
    assert (tmp_path / "lab" / f"{FIRST}.ipynb").exists()


@pytest.mark.parametrize("name", ["11", SECOND])
def test_lab_restores_a_lesson_by_number_or_name_and_opens_nothing(course, copy, monkeypatch, name):
    monkeypatch.setattr(lab.subprocess, "call", lambda *_: pytest.fail("JupyterLab was started"))
    write(copy, "x = 2")
    code, out, _ = course("lab", "--reset", name, "--folder", copy.parent)
    assert code == 0
    assert "your version is kept as" in out
    assert sources(copy) == ["x = 1", "print(x)"]


def test_lab_opens_the_first_lesson_of_the_copy(course, tmp_path, monkeypatch):
    called, settings = [], {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", "my data")

    class Server(contextlib.nullcontext):
        def __init__(self, command, env):
            called.append(command)
            settings.update(env)
            super().__init__(self)

        def wait(self):
            return 0

    monkeypatch.setattr(lab.subprocess, "Popen", Server)
    monkeypatch.setattr(lab.signal, "signal", lambda *_: None)
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: name == "jupyterlab")
    assert course("lab", "--folder", tmp_path / "lab", "--port", "8899")[0] == 0
    [command] = called
    assert command[-3:-1] == ["--port", "8899"]
    assert settings["COURSE_DATA"] == str(tmp_path / "my data")
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert command[-1] == str(tmp_path / "lab" / f"{FIRST}.ipynb")


def test_a_students_lab_leaves_out_nbgraders_menus_and_asks_nothing(course, tmp_path, monkeypatch):
    settings = {}

    class Server(contextlib.nullcontext):
        def __init__(self, command, env):
            settings.update(env)
            super().__init__(self)

        def wait(self):
            return 0

    monkeypatch.setattr(lab.subprocess, "Popen", Server)
    monkeypatch.setattr(lab.signal, "signal", lambda *_: None)
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: name == "jupyterlab")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    assert course("lab", "--folder", tmp_path / "lab")[0] == 0
    ours, theirs = settings["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert theirs == "mine"
    page = json.loads((Path(ours) / "labconfig" / "page_config.json").read_text(encoding="utf-8"))
    assert page["disabledExtensions"]["@jupyter/nbgrader"] is True
    server = json.loads((Path(ours) / "jupyter_server_config.json").read_text(encoding="utf-8"))
    assert set(server["ServerApp"]["jpserver_extensions"].values()) == {False}


def test_the_copy_has_the_guide_that_lessons_link_to(course, tmp_path):
    guide = runtime.lessons_dir() / "assignments" / "README.md"
    guide.parent.mkdir()
    guide.write_text("# The classroom", encoding="utf-8")
    assert course("lab", "--no-open", "--folder", tmp_path / "lab")[0] == 0
    assert "# The classroom" in (tmp_path / "lab" / "assignments" / "README.md").read_text(encoding="utf-8")


def test_lab_without_jupyterlab_says_how_to_install_it(course, tmp_path, monkeypatch):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    code, _, err = course("lab", "--folder", tmp_path / "lab")
    assert code == 2
    assert err.count("\n") == 1 and "pip install" in err


@pytest.mark.parametrize(("name", "said"), [("99", "unknown lesson '99'"), ("11_frozn", "did you mean '11_frozen'")])
def test_an_unknown_lesson_is_one_line_and_nothing_is_made(course, tmp_path, name, said):
    code, _, err = course("lab", "--reset", name, "--folder", tmp_path / "lab")
    assert code == 2
    assert err.count("\n") == 1 and said in err
    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize("more", [(), ("--reset", "11")])
@pytest.mark.parametrize("place", ["file", "file/lab"])
def test_a_folder_that_cannot_be_made_is_one_line_and_exit_code_2(course, tmp_path, place, more):
    (tmp_path / "file").write_text("a file where a folder has to be", encoding="utf-8")
    code, out, err = course("lab", "--no-open", "--folder", tmp_path / place, *more)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert str(tmp_path / "file") in err and "--folder" in err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "a file where a folder has to be"


def test_a_copy_that_cannot_be_put_in_place_leaves_nothing_half_written(course, published, copy):
    write(published / f"{SECOND}.ipynb", "x = 10")
    copy.unlink()
    (copy / "in the way").mkdir(parents=True)
    code, _, err = course("lab", "--no-open", "--folder", copy.parent)
    assert code == 2
    assert err.count("\n") == 1 and SECOND in err
    assert not list(copy.parent.glob("*.tmp"))


def test_a_write_that_fails_half_way_leaves_the_old_copy(published, copy, monkeypatch):
    def full_disk(original, temporary):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    write(published / f"{SECOND}.ipynb", "x = 10")
    monkeypatch.setattr(lab.shutil, "copyfile", full_disk)
    with pytest.raises(OSError, match="No space"):
        refresh(copy.parent)
    assert sources(copy) == ["x = 1", "print(x)"]
    assert not list(copy.parent.glob("*.tmp"))


def test_the_record_is_readable_json(copy):
    record = json.loads((copy.parent / lab.RECORD).read_text(encoding="utf-8"))
    assert record.keys() == {FIRST, SECOND}
