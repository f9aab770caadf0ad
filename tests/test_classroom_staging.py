"""What students hand in, brought into form: each repair, each refusal, and that a student's own files stay as they are."""

import copy
import json
import os

import nbformat
import pytest
import toy_assignment

from course_utils.classroom import staging

NAME = f"{toy_assignment.NAME}.ipynb"


@pytest.fixture
def released(tmp_path):
    """A release on disk: stubs instead of solutions, no hidden checks."""
    notebook = nbformat.v4.new_notebook(cells=toy_assignment.cells())
    for cell in notebook.cells:
        cell.source = cell.source.split("### BEGIN")[0].rstrip()
        if cell.id in ("double", "half"):
            cell.source += "\n    raise NotImplementedError()"
    path = tmp_path / "release" / NAME
    path.parent.mkdir()
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def submit(tmp_path, released):
    """Hand in a notebook, text or bytes, and stage it."""

    def hand_in(content, name=NAME):
        folder = tmp_path / "submitted"
        folder.mkdir(exist_ok=True)
        raw = (
            content
            if isinstance(content, bytes)
            else (content if isinstance(content, str) else nbformat.v4.writes(content)).encode()
        )
        (folder / name).write_bytes(raw)
        staged = staging.stage(folder, released)
        assert (folder / name).read_bytes() == raw, "the student's file was changed"
        nbformat.validate(staged.notebook)
        return staged

    return hand_in


@pytest.fixture
def answered(released):
    """The release with both tasks done and something saved from a run."""
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        if cell.id in ("double", "half"):
            cell.source = f"def {cell.id}(x):\n    return x"
            cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="hello")], 7
    return notebook


def by_name(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def test_what_is_as_handed_out_is_taken_as_it_is_without_outputs(submit, answered):
    staged = submit(answered)
    assert (staged.notes, staged.not_run) == ([], None)
    assert [cell.source for cell in staged.notebook.cells] == [cell.source for cell in answered.cells]
    assert all(
        not cell.outputs and cell.execution_count is None for cell in staged.notebook.cells if cell.cell_type == "code"
    )


@pytest.mark.parametrize("gone", ["check-double", "double", "locked-cell", "why", "check-half"])
def test_a_deleted_cell_is_put_back_where_it_was(submit, answered, released, gone):
    answered.cells = [cell for cell in answered.cells if cell.id != gone]
    staged = submit(answered)
    assert staged.notes == [f"cell {gone.replace('-', '_')!r} was deleted; it was put back as handed out"]
    original = nbformat.read(released, as_version=4)
    assert [cell.id for cell in staged.notebook.cells] == [cell.id for cell in original.cells]


def test_all_cells_deleted_is_the_release(submit, released):
    staged = submit(nbformat.v4.new_notebook())
    assert list(by_name(staged.notebook)) == list(by_name(nbformat.read(released, as_version=4)))
    assert len(staged.notes) == 6


def test_a_changed_check_is_replaced_and_an_own_cell_stays(submit, answered, released):
    for cell in answered.cells:
        if cell.id == "check-half":
            cell.source = "pass"
    answered.cells.insert(2, nbformat.v4.new_code_cell("mine = 1"))
    staged = submit(answered)
    assert staged.notes == ["cell 'check_half' was changed; the one handed out was used"]
    original = by_name(nbformat.read(released, as_version=4))
    assert by_name(staged.notebook)["check_half"].source == original["check_half"].source
    assert staged.notebook.cells[2].source == "mine = 1"


def test_points_and_locks_in_the_file_do_not_count(submit, answered):
    for cell in answered.cells:
        if cell.id == "check-half":
            cell.metadata.nbgrader.update(points=100, locked=False)
    told = by_name(submit(answered).notebook)["check_half"].metadata.nbgrader
    assert (told.points, told.locked) == (3, True)


def test_a_cell_that_is_there_twice_counts_once(submit, answered):
    twin = copy.deepcopy(next(cell for cell in answered.cells if cell.id == "half"))
    twin.source = "def half(x):\n    return 'second'"
    answered.cells.append(twin)
    staged = submit(answered)
    assert staged.notes == ["cell 'half' was there twice; the first one counts"]
    assert by_name(staged.notebook)["half"].source.endswith("return x")


def test_lost_metadata_is_found_again_by_the_ids_of_the_cells(submit, answered):
    for cell in answered.cells:
        cell.metadata = {}
    staged = submit(answered)
    assert staged.notes == []
    assert by_name(staged.notebook)["double"].source.endswith("return x")


def test_a_cell_made_markdown_is_made_code_again(submit, answered):
    for number, cell in enumerate(answered.cells):
        if cell.id == "half":
            answered.cells[number] = nbformat.v4.new_markdown_cell(cell.source, id=cell.id, metadata=cell.metadata)
    staged = submit(answered)
    assert staged.notes == ["cell 'half' was a markdown cell; it was made a code cell again"]
    assert by_name(staged.notebook)["half"].cell_type == "code"


def test_sources_as_lists_of_lines_and_an_older_format_are_the_same_notebook(submit, answered):
    old = json.loads(nbformat.v4.writes(answered))
    old["nbformat_minor"] = 4
    for cell in old["cells"]:
        del cell["id"]
    staged = submit(json.dumps(old))
    assert (staged.notes, staged.not_run) == ([], None)


def test_a_byte_order_mark_does_no_harm(submit, answered):
    assert submit(b"\xef\xbb\xbf" + nbformat.v4.writes(answered).encode()).not_run is None


def test_a_renamed_file_is_taken_and_named(submit, answered):
    staged = submit(answered, "a1_digits (1).ipynb")
    assert staged.notes == [f"the file was renamed: found a1_digits (1).ipynb, expected {NAME}"]


def test_of_several_notebooks_the_one_that_is_this_assignment_is_taken(submit, answered, tmp_path):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "scratch.ipynb").write_text(nbformat.v4.writes(nbformat.v4.new_notebook()))
    (tmp_path / "submitted" / "broken.ipynb").write_text("{")
    assert submit(answered, "mine.ipynb").notes == [f"the file was renamed: found mine.ipynb, expected {NAME}"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"cells": [', "a1_digits.ipynb is not valid JSON: line 1, column 12"),
        (b"\xff\xfe", "a1_digits.ipynb: byte 0 is no UTF-8 text"),
        ("[" * 100_000, "a1_digits.ipynb is nested too deeply"),
        ("[]", "is JSON, but not a notebook"),
        ("{}", "is JSON, but not a notebook"),
        ('{"cells": [1]}', "is JSON, but not a notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}', "not a notebook"),
    ],
)
def test_what_is_no_notebook_is_the_release_with_a_reason(submit, released, content, reason):
    staged = submit(content)
    assert reason in staged.not_run
    assert [cell.source for cell in staged.notebook.cells] == [
        cell.source for cell in nbformat.read(released, as_version=4).cells
    ]
    assert staged.notebook.metadata[staging.KEY]["not_run"] == staged.not_run


def test_no_notebook_at_all(submit):
    assert submit("see my mail", "notes.txt").not_run == f"no notebook to grade: found notes.txt, expected {NAME}"


def test_two_candidates_are_named(submit, answered, tmp_path):
    submit(answered, "one.ipynb")
    assert submit(answered, "two.ipynb").not_run == f"no notebook to grade: found one.ipynb, two.ipynb, expected {NAME}"


def test_a_huge_file_is_not_read(submit, answered, monkeypatch):
    monkeypatch.setattr(staging, "MOST_BYTES", 1000)
    assert "more than the 0 MB that are read" in submit(answered).not_run


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
def test_a_link_to_somewhere_else_is_not_followed(submit, answered, tmp_path):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "secret.ipynb").write_text(nbformat.v4.writes(answered))
    (tmp_path / "submitted" / "other.ipynb").symlink_to(tmp_path / "secret.ipynb")
    assert "other.ipynb is a link" in submit(answered).not_run
