"""The form for bug reports: well-formed for GitHub, and about commands and places that exist."""

import re

import pytest
import typer
import yaml

from course_utils import runtime
from course_utils.cli import lessons
from course_utils.cli.app import app

FORM = runtime.repo_root() / ".github" / "ISSUE_TEMPLATE" / "bug.yml"
UsageError = typer.BadParameter.__base__  #: typer brings its own click
TYPES = {"markdown", "dropdown", "input", "textarea", "checkboxes"}


@pytest.fixture(scope="module")
def form():
    return yaml.safe_load(FORM.read_text(encoding="utf-8"))


def test_it_has_what_github_demands(form):
    assert form["name"] and form["description"]
    assert {field["type"] for field in form["body"]} <= TYPES
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked)
    assert all(field["attributes"]["label"] for field in asked)


def test_the_page_of_course_check_is_demanded_as_text(form):
    check = next(field for field in form["body"] if field.get("id") == "check")
    assert check["validations"]["required"] and check["attributes"]["render"] == "text"


def commands():
    """The commands that the form names, as words: in backticks, or as an example to type."""
    text = FORM.read_text(encoding="utf-8").replace("the course command", "").replace("environment of the course", "")
    return [found.split() for found in re.findall(r"(?<!label: )\bcourse ([a-z]+[^`·\n]*)", text)]


def parsed(words):
    """The parameters that the command line reads from the words; raises for an option or a value that it does not know."""
    command, words = typer.main.get_command(app), list(words)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"no such command: {words[0]}"
        command = command.commands[words.pop(0)]
    context = command.make_context("course", words)
    assert not context.args, (
        f"not read by the command: {context.args}"
    )  # `course lab` hands what it does not know to Jupyter
    return context.params


def test_commands_it_names_are_read_by_the_command_line():
    named = [" ".join(words) for words in commands()]
    assert {"check", "data status", "lab --reset NN", "cases run ID --seeds 5"} == set(named)
    assert parsed(["lab", "--reset", "NN"])["reset"] == "NN"
    ran = parsed(["cases", "run", "ID", "--seeds", "5"])
    assert (ran["case_ids"], ran["seeds"]) == (["ID"], 5)
    for words in commands():
        parsed(words)


@pytest.mark.parametrize("wrong", ["cases run ID --seed 5", "cases run ID --seeds many", "lab --rest NN", "chek"])
def test_a_wrong_command_in_the_form_would_be_noticed(wrong):
    with pytest.raises((UsageError, AssertionError)):
        parsed(wrong.split())


def test_lessons_and_assignments_it_names_exist():
    text = FORM.read_text(encoding="utf-8")
    (lesson,) = set(re.findall(r"\b\d\d_\w+", text))
    assert lesson in lessons.names()
    (section,) = re.findall(rf"{lesson}, section (\d+)", text)
    assert f'"## {section} ' in (runtime.lessons_dir() / f"{lesson}.ipynb").read_text(encoding="utf-8")
    (assignment,) = set(re.findall(r"\ba\d_\w+", text))
    assert (runtime.lessons_dir() / "assignments" / "source" / assignment / f"{assignment}.ipynb").is_file()
