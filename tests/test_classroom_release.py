"""Releasing with a teacher's secret and reporting: on a tiny assignment, through nbgrader itself; nothing is executed here."""

import csv
import json
import shutil
from pathlib import Path

import nbformat
import pytest
import toy_assignment

from course_utils.classroom import folder as class_folder
from course_utils.classroom import grading, releasing, reporting, safe
from course_utils.runtime import CourseError, DataError, SettingsError

NAME = toy_assignment.NAME


@pytest.fixture
def source(tmp_path, monkeypatch):
    toy_assignment.write(tmp_path / "course")
    monkeypatch.setattr(class_folder, "sources", lambda: tmp_path / "course")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A class to which the tiny assignment was released, made once: nbgrader takes seconds to set up a gradebook."""
    place = tmp_path_factory.mktemp("template")
    toy_assignment.write(place / "course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_folder, "sources", lambda: place / "course")
        releasing.release(place / "class", NAME, "a secret", due="2026-11-01 12:00 UTC")
    return place / "class"


@pytest.fixture
def new_class(tmp_path, source, template):
    """Make a class's folder with a gradebook, from the template."""
    return lambda name: Path(shutil.copytree(template, tmp_path / name))


@pytest.fixture
def klass(new_class):
    """A class to which the tiny assignment was released with "a secret"."""
    return new_class("class")


def cells(path):
    return {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}


def test_a_release_has_stubs_and_visible_checks_and_nothing_else(klass):
    found = cells(class_folder.released(klass, NAME))
    assert found["double"] == "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert found["check-double"] == 'with task("Task 1"):\n    assert double(2) == 4'
    assert found["why"] == "YOUR ANSWER HERE"
    text = class_folder.released(klass, NAME).read_text(encoding="utf-8")
    for solution in ("return 2 * x", "because 2", "HIDDEN", "SOLUTION", "teacher_seed(0)", "default_rng"):
        assert solution not in text
    assert (klass / "release" / NAME / "table.txt").read_text() == "7"


def test_the_secret_draws_the_hidden_values_and_only_them(tmp_path, klass, new_class):
    def hidden(folder):
        return cells(folder / "source" / NAME / f"{NAME}.ipynb")["check-double"]

    again = releasing.release(new_class("again"), NAME, "a secret")
    other = releasing.release(new_class("other"), NAME, "another secret")
    assert hidden(klass) == hidden(tmp_path / "again") != hidden(tmp_path / "other")
    assert "teacher_seed(0)" not in hidden(klass)
    for path in (again, other):
        assert cells(path) == cells(class_folder.released(klass, NAME))


def test_patients_get_a_card_from_which_the_secret_cannot_be_read(tmp_path, new_class):
    path = tmp_path / "course" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source = 'a, b = patient("A", card="demo"), patient("B", card="demo")'
    nbformat.write(notebook, path)
    drawn = [cells(releasing.release(new_class(secret), NAME, secret))["locked-cell"] for secret in ("one", "two")]
    cards = {json.dumps(sorted(set(line.split('card="')[number][:16] for number in (1, 2)))) for line in drawn}
    assert len(cards) == 2, "one card for both patients, another for another secret"
    assert all("demo" not in line and "one" not in line.split('card="')[1][:16] for line in drawn)


def test_a_class_draws_its_own_secret_once(tmp_path, source):
    releasing.release(tmp_path / "class", NAME)
    first = (tmp_path / "class" / "secret.txt").read_text()
    before = (tmp_path / "class" / "source" / NAME / f"{NAME}.ipynb").read_text()
    releasing.release(tmp_path / "class", NAME)
    assert (tmp_path / "class" / "secret.txt").read_text() == first
    assert (tmp_path / "class" / "source" / NAME / f"{NAME}.ipynb").read_text() == before
    assert len(first.strip()) == 32


def test_other_hidden_values_are_refused_once_students_have_handed_in(klass):
    (klass / "submitted" / "ada" / NAME).mkdir(parents=True)
    releasing.release(klass, NAME, "a secret")
    with pytest.raises(CourseError, match="1 students have handed in"):
        releasing.release(klass, NAME, "another secret")
    releasing.release(klass, NAME, "another secret", force=True)


def test_what_a_class_set_in_its_own_file_stays_and_counts(klass):
    config = klass / "nbgrader_config.py"
    config.write_text(config.read_text() + '\nc.CourseDirectory.course_id = "mine"\n')
    releasing.release(klass, NAME, "a secret")
    assert class_folder.interface(klass).coursedir.course_id == "mine"
    config.write_text("c = get_config()\n1 / 0\n")
    with pytest.raises(CourseError, match=r"nbgrader_config.py: ZeroDivisionError"):
        class_folder.interface(klass)


def test_a_teachers_change_to_the_source_is_kept_and_released(klass):
    path = klass / "source" / NAME / f"{NAME}.ipynb"
    before = cells(path)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[4].source = notebook.cells[4].source.replace("assert double(2) == 4", "assert double(3) == 6")
    nbformat.write(notebook, path)
    (klass / "submitted" / "ada" / NAME).mkdir(parents=True)
    released = cells(releasing.release(klass, NAME, "a secret"))
    assert "double(3) == 6" in released["check-double"]
    assert cells(path)["check-double"] == before["check-double"].replace("double(2) == 4", "double(3) == 6")


def test_a_release_that_fails_leaves_the_one_before(klass):
    path = klass / "source" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3].source += "\n    ### BEGIN SOLUTION"
    nbformat.write(notebook, path)
    before = cells(class_folder.released(klass, NAME))
    with pytest.raises(CourseError, match="nbgrader says"):
        releasing.release(klass, NAME, "a secret")
    assert cells(class_folder.released(klass, NAME)) == before


def test_two_graders_do_not_work_on_one_class(klass):
    with (
        class_folder.only_one(klass),
        pytest.raises(CourseError, match="somebody is grading"),
        class_folder.only_one(klass),
    ):
        pass
    with class_folder.only_one(klass):
        pass


@pytest.mark.parametrize("name", ["a[1]", "q?", "blank ", "new\nline"])
def test_a_students_folder_that_nbgrader_would_misread_is_named(klass, name):
    (klass / "submitted" / name / NAME).mkdir(parents=True)
    with pytest.raises(CourseError, match="is no student's id"):
        list(class_folder.submissions(klass, NAME))


def test_what_nbgrader_cannot_grade_is_told_and_stops_nothing(klass):
    one = grading._grade_one(klass, class_folder.interface(klass), NAME, "ada")  # whom the gradebook does not know
    assert (one.status, one.score) == ("failed", 0.0)
    assert one.reason == "MissingEntry: No such student: ada"
    grading._record(klass, NAME, one)
    path, table = reporting.report(klass)
    assert path.read_text().splitlines()[1] == "ada,,,,"
    assert "failed" in table.read_text()


def test_students_text_is_made_harmless():
    assert safe.html('<b onclick="x()">a</b><script>b()</script>') == "<b>a</b>&lt;script&gt;b()&lt;/script&gt;"
    assert "http" not in safe.html('<img src="http://x.org/1.png">')
    assert safe.line("a\x1b[31m\n b" + "c" * 300, 10) == "a [31m bc…"
    found = safe.output({"output_type": "execute_result", "data": {"text/plain": "3", "application/javascript": "x"}})
    assert found == {"output_type": "display_data", "data": {"text/plain": "3"}, "metadata": {}}


def test_a_source_that_nbgrader_refuses_is_named(tmp_path, klass):
    path = tmp_path / "course" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3].source += "\n    ### BEGIN SOLUTION"
    nbformat.write(notebook, path)
    with pytest.raises(CourseError, match=r"a1_digits: release: nbgrader says: .*[Ss]olution"):
        releasing.release(klass, NAME, "a secret")


def test_an_assignment_is_found_by_its_short_form():
    assert class_folder.find("a5") == class_folder.find("a5_blind_diagnosis") == "a5_blind_diagnosis"
    with pytest.raises(SettingsError, match="a3_faces"):
        class_folder.find("a3_face")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nada\n", r"students.csv: found the columns \['name'\], expected id"),
        ("id\nada\nada\n", "students.csv: line 3: the id 'ada' is there twice"),
        ("id,email\n,x@y\n", "students.csv: line 2: the id '' is no name"),
        ("id\n../ada\n", "students.csv: line 2"),
        (
            "id,last_name\nada,Müller\n".encode("cp1252"),
            r"students.csv: found no CSV in UTF-8 .*0xfc.*expected the columns id",
        ),
    ],
)
def test_a_roster_that_cannot_be_used_is_named_by_line(tmp_path, text, message):
    (tmp_path / "students.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        class_folder.roster(tmp_path)


@pytest.mark.parametrize("due", ["tomorrow", "2027-01-31 23:59 Europe/Berln", "2027-02-30"])
def test_a_deadline_that_is_no_time_is_refused_before_anything_is_written(tmp_path, due):
    with pytest.raises(CourseError, match=f"--due '{due}': expected .*'2027-01-31 23:59 Europe/Berlin'"):
        releasing.release(tmp_path / "class", "a1_digits", "a secret", due=due)
    assert not (tmp_path / "class").exists()


def test_grading_without_release_or_submissions_says_what_is_missing(tmp_path, klass):
    with pytest.raises(CourseError, match="course class release a1_digits"):
        grading.grade(tmp_path / "nothing", NAME)
    with pytest.raises(CourseError, match="nothing handed in; expected"):
        grading.grade(klass, NAME)
    with pytest.raises(CourseError, match="nothing handed in by zoe"):
        grading.grade(klass, NAME, students=["zoe"])
    with pytest.raises(CourseError, match="not graded yet: any assignment"):
        reporting.report(klass)


# --------------------------------------------------------------------------------------------------------- report


def grade(student, **changes):
    values = {
        "student": student,
        "status": "graded",
        "reason": None,
        "notes": [],
        "tasks": {"check_double": 2.0, "check_half": 0.0, "why": 4.0},
        "most": {"check_double": 2.0, "check_half": 3.0, "why": 5.0},
        "score": 6.0,
        "max_score": 10.0,
        "waiting": 0.0,
        "late_seconds": 0.0,
        "seconds": 3.0,
        "memory_gb": 0.2,
        "feedback": f"feedback/{student}/{NAME}/{NAME}.html",
    }
    return grading.Grade(**(values | changes))


@pytest.fixture
def graded(klass, monkeypatch):
    """A class with three graded submissions and one student who handed nothing in."""
    rows = {
        "ada": grade("ada"),
        "bob": grade("bob", tasks={"check_double": 2.0, "check_half": 0.0, "why": None}, score=2.0, waiting=5.0),
        "cyd": grade("cyd", status="not run", reason="=broken", notes=["a", "b"], tasks={}, score=0.0),
    }
    class_folder.record_path(klass, NAME).parent.mkdir()
    class_folder.record_path(klass, NAME).write_text(json.dumps({"grades": [{"student": name} for name in rows]}))
    (klass / "students.csv").write_text(
        "id,first_name,last_name,email,lms_user_id\nada,Ada,L.,ada@x.org,77\nbob,Bob,=cmd,,\ndan,Dan,D.,,\n"
    )
    monkeypatch.setattr(reporting, "look_up", lambda folder, api, assignment, student: rows[student])
    return klass


def table(path):
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def test_moodles_table_has_final_points_only(graded):
    path, _ = reporting.report(graded)
    assert table(path) == [
        ["ID number", "First name", "Last name", "Email address", NAME],
        ["77", "Ada", "L.", "ada@x.org", "6"],
        ["bob", "Bob", "'=cmd", "", ""],
        ["cyd", "", "", "", "0"],
        ["dan", "Dan", "D.", "", "0"],
    ]


def test_points_so_far_on_demand(graded):
    path, _ = reporting.report(graded, preliminary=True)
    assert table(path)[2][-1] == "2"


def test_canvas_table_has_the_maximum_in_its_second_row(graded):
    path, _ = reporting.report(graded, platform="canvas")
    rows = table(path)
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
    assert rows[1] == ["    Points Possible", "", "", "", "", "10"]
    assert rows[2] == ["L., Ada", "77", "ada", "ada", "", "6"]
    with pytest.raises(CourseError, match="'excel': expected moodle or canvas"):
        reporting.report(graded, platform="excel")


def test_the_long_table_has_tasks_remarks_and_who_is_missing(graded):
    _, path = reporting.report(graded, [NAME])
    rows = [dict(zip(table(path)[0], row, strict=True)) for row in table(path)[1:]]
    assert [row["student"] for row in rows] == ["ada", "bob", "cyd", "dan"]
    assert (rows[0]["check_double"], rows[0]["why"]) == ("2", "4")
    assert (rows[1]["why"], rows[1]["waiting_for_hand_grade"]) == ("", "5")
    assert rows[2]["remarks"] == "'=broken; a; b"
    assert rows[3]["status"] == "nothing handed in"
