"""The form for bug reports: well-formed for GitHub, and about commands and places that exist."""

import re

import pytest
import yaml

from course_utils import cases, runtime
from course_utils.cli import lessons
from course_utils.cli.app import app

FORM = runtime.repo_root() / ".github" / "ISSUE_TEMPLATE" / "bug.yml"
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


def test_commands_and_lessons_it_names_exist():
    text = FORM.read_text(encoding="utf-8")
    verbs = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    named = set(re.findall(r"course ([a-z]+)", text.replace("the course command", "")))
    assert named and named <= verbs
    places = set(re.findall(r"\b\d\d_\w+", text))
    assert places and places <= set(lessons.names())
    assert cases.all_cases(), "`course cases run` has something to run"
