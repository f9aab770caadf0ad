"""Grading from end to end: through nbgrader, each submission in its sandbox. The full rehearsals are ``course class rehearse``."""

import os
import re
import shutil
import sys
from html.parser import HTMLParser

import nbformat
import pytest
import toy_assignment

from course_utils.classroom import folder as class_folder
from course_utils.classroom import grading, mistakes, rehearsal, releasing, reporting, sandbox
from course_utils.classroom.rehearsal import Submission
from course_utils.runtime import SettingsError

NAME = toy_assignment.NAME
LIMITS = {"cell_seconds": 30, "seconds": 120, "memory_gb": 3.0}
ISOLATION = "auto" if os.environ.get("CI") or shutil.which("bwrap") else "process"


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def execute(tmp_path, isolation, *sources, **limits):
    plain = nbformat.v4.upgrade(notebook(*sources))
    return sandbox.run(plain, tmp_path, sandbox.Limits(**({"cell_seconds": 10, "seconds": 40} | limits)), isolation, {})


def said(outcome, cell):
    return "".join(output.get("text", output.get("evalue", "")) for output in outcome.outputs[cell])


# -------------------------------------------------------------------------------------------------------- sandbox


@pytest.fixture(params=["bubblewrap", "process"])
def isolation(request):
    """Both kinds; bubblewrap is expected wherever CI runs."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None and not os.environ.get("CI"):
        pytest.skip("bubblewrap is not installed: apt install bubblewrap")
    return request.param


@pytest.mark.deep
def test_a_submission_reads_the_files_of_its_assignment_and_nothing_of_the_teachers_environment(
    tmp_path, isolation, monkeypatch
):
    (tmp_path / "table.txt").write_text("seven")
    monkeypatch.setenv("A_SECRET", "42")
    found = execute(
        tmp_path,
        isolation,
        "print(open('table.txt').read())",
        "import os; print(os.environ.get('A_SECRET'), os.environ['NBGRADER_EXECUTION'])",
    )
    assert (found.stopped, said(found, 0), said(found, 1)) == (None, "seven\n", "None autograde\n")
    assert found.seconds > 0
    assert 0.01 < found.memory_gb < 2


@pytest.mark.deep
def test_inside_bubblewrap_there_is_no_class_no_right_and_no_network(tmp_path, isolation):
    if isolation == "process":
        pytest.skip("only bubblewrap hides files; the guide says so")
    (tmp_path / "gradebook.db").write_text("secret")
    found = execute(
        tmp_path / "..",
        isolation,
        f"import os; print(os.path.exists({str(tmp_path / 'gradebook.db')!r}), os.getuid() == 0 or os.access('/', os.W_OK))",
        "import psutil; print(list(psutil.net_if_addrs()))",
        "from course_utils import runtime; print(os.listdir(runtime.repo_root() / 'notebooks'))",
    )
    assert [said(found, cell) for cell in range(3)] == ["False False\n", "['lo']\n", "[]\n"]


@pytest.mark.deep
def test_what_a_cell_does_to_itself_does_not_reach_the_next(tmp_path, isolation):
    found = execute(
        tmp_path,
        isolation,
        "while True:\n    pass",
        "import numpy; numpy.ones(20_000_000_000 // 8)" if sys.platform == "linux" else "raise MemoryError",
        "import sys; sys.exit()",
        "import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True)",
        "for _ in range(100_000): print('y' * 1000)",
        "print('still here')",
        cell_seconds=5,
    )
    errors = [
        output["ename"] for cell in range(3) for output in found.outputs[cell] if output["output_type"] == "error"
    ]
    assert errors == ["CellTimeoutError", "MemoryError", "SystemExit"]
    assert "used more than 5 s of processor time" in said(found, 0)
    assert found.cut == [4]
    assert len(said(found, 4)) < 2_000_000
    assert said(found, 5) == "still here\n"
    assert found.stopped is None


@pytest.mark.deep
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(1)", "its kernel died in cell 2"),
        (
            "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
            "used more than 12 s of processor time in all",
        ),
        ("import time; time.sleep(1000)", "ran longer than"),
        ("x = [bytearray(50_000_000) for _ in range(100)]", None),
    ],
    ids=["exit", "loop", "sleep", "memory"],
)
def test_a_run_that_has_to_be_stopped_keeps_what_it_had(tmp_path, code, reason, monkeypatch):
    monkeypatch.setattr(sandbox, "PATIENCE", 2)
    limits = {"cell_seconds": 6, "seconds": 12, "memory_gb": 1.0}
    found = execute(tmp_path, sandbox.choose(ISOLATION), "print('before')", code, "print('after')", **limits)
    assert said(found, 0) == "before\n"
    if reason:
        assert reason in str(found.stopped), found
    else:
        assert found.memory_gb < 1.5
        assert "memory" in str(found.stopped) or "MemoryError" in str(found.outputs[1])


def test_an_unknown_or_impossible_isolation_is_refused(monkeypatch):
    with pytest.raises(SettingsError, match="expected auto, bubblewrap or process"):
        sandbox.choose("docker")
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(SettingsError, match=r"bwrap is not found.*--isolation process"):
        sandbox.choose("auto")
    assert sandbox.choose("process") == "process"


# -------------------------------------------------------------------------------------------- a class, end to end


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A class with the tiny assignment released."""
    toy_assignment.write(tmp_path / "course")
    monkeypatch.setattr(class_folder, "sources", lambda: tmp_path / "course")
    releasing.release(tmp_path / "class", NAME, "a secret", due="2026-11-01 12:00 UTC")
    return tmp_path / "class"


class _Live(HTMLParser):
    """Collects what a browser would run of a student's: scripts that call alert, attributes that are handlers."""

    def __init__(self):
        super().__init__()
        self.found, self.in_script = [], False

    def handle_starttag(self, tag, attributes):
        self.in_script = tag == "script"
        self.found += [
            f"{tag} {name}" for name, text in attributes if name.startswith("on") or "script:" in (text or "")
        ]

    def handle_endtag(self, tag):
        self.in_script = False

    def handle_data(self, data):
        if self.in_script and "alert(" in data:
            self.found.append("script")


def live(page):
    """What of a page a browser would run on behalf of a student."""
    parser = _Live()
    parser.feed(page)
    return parser.found


def test_live_code_in_a_page_would_be_noticed():
    assert live("<script>alert(1)</script>") == ["script"]
    assert live("<p><img src=x onerror=alert(3)></p>") == ["img onerror"]
    assert live('<a href="javascript:alert(2)">x</a>') == ["a href"]
    assert live("<pre>&lt;script&gt;alert(1)&lt;/script&gt; alert(2)</pre>") == []


@pytest.mark.deep
def test_hostile_submissions_are_told_for_what_they_are_and_harm_no_other(toy, tmp_path):
    loaded = rehearsal.load(toy, NAME)
    batch = [
        *rehearsal.honest(loaded),
        *rehearsal.hostile(loaded, toy),
        *[Submission(f"ok-{n}", loaded.file(loaded.solved)) for n in range(2)],
    ]
    for one in batch:
        rehearsal.hand_in(toy, NAME, one)
    stamp = toy / "submitted" / "ok-0" / NAME / "timestamp.txt"
    stamp.write_text("2026-11-02 12:00:00 UTC")
    before = {path: path.read_bytes() for path in (toy / "submitted").rglob("*") if path.is_file()}
    settings = {"cell_seconds": 8, "seconds": 20, "memory_gb": 2.0, "isolation": ISOLATION}
    grades = grading.grade(toy, NAME, settings=settings)
    if ISOLATION == "process":
        batch = [one for one in batch if one.student != "reads-others"]
    assert rehearsal.judge(batch, grades) == {}
    assert {path: path.read_bytes() for path in (toy / "submitted").rglob("*") if path.is_file()} == before

    found = {grade.student: grade for grade in grades}
    assert (found["ok-0"].score, found["ok-0"].waiting, found["ok-0"].late_seconds) == (5.0, 5.0, 86400.0)
    assert (found["untouched"].score, found["untouched"].waiting) == (0.0, 0.0)
    _, table = reporting.report(toy)
    assert len(table.read_text(encoding="utf-8").splitlines()) == len(found) + 1
    for grade in grades:
        page = (toy / grade.feedback).read_text(encoding="utf-8")
        assert "default_rng" not in page, "a hidden check on a student's page"
        assert "HIDDEN" not in page or grade.student == "odd-metadata"  # who wrote the words themselves
    for name in ("scripts", "odd-metadata"):
        page = (toy / found[name].feedback).read_text(encoding="utf-8")
        assert "alert(2)" in page or found[name].student != "scripts", "the code that tried it is there to read"
        assert live(page) == []
    assert "not valid JSON" in (toy / found["cut-off-json"].feedback).read_text(encoding="utf-8")


@pytest.mark.deep
def test_a_hand_grade_stays_when_a_program_grades_again(toy):
    loaded = rehearsal.load(toy, NAME)
    rehearsal.hand_in(toy, NAME, Submission("ada", loaded.file(loaded.solved)))
    settings = {**LIMITS, "isolation": ISOLATION}
    (first,) = grading.grade(toy, NAME, settings=settings)
    assert (first.score, first.waiting) == (5.0, 5.0)
    api = class_folder.interface(toy)
    with api.gradebook as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 4.0, False
        gradebook.db.commit()
    assert reporting.report(toy)[0].read_text().splitlines()[1].endswith(",9")
    (again,) = grading.grade(toy, NAME, students=["ada"], settings=settings)
    assert (again.score, again.waiting) == (9.0, 0.0)


@pytest.mark.deep
@pytest.mark.parametrize("assignment", mistakes.ASSIGNMENTS)
def test_reference_release_and_wrong_answers_get_the_points_they_should(assignment, tmp_path):
    """The first task's mistake and the last one's; every mistake goes through its checks in ``test_classroom_mistakes.py``,
    and through the sandbox by ``course class rehearse``."""
    klass = tmp_path / "class"
    released = releasing.release(klass, assignment, "for CI")
    loaded = rehearsal.load(klass, assignment)
    wrong = list(rehearsal.one_a_task(rehearsal.wrong(loaded)))
    batch = [*rehearsal.honest(loaded), wrong[0], wrong[-1]]
    for one in batch:
        rehearsal.hand_in(klass, assignment, one)
    grades = grading.grade(klass, assignment, settings={**LIMITS, "isolation": ISOLATION})
    assert rehearsal.judge(batch, grades) == {}
    found = {grade.student: grade for grade in grades}
    assert (found["reference"].score, found["reference"].waiting) == (20.0, 5.0)
    assert (found["untouched"].score, found["untouched"].waiting) == (0.0, 0.0)
    assert leaks(assignment, released) == set()


def secret_lines(cell):
    """Lines of a solution, of hidden checks or of a model answer, long enough to mean something."""
    told = cell.metadata.get("nbgrader", {})
    inside = bool(told.get("solution")) and cell.cell_type == "markdown"
    for line in map(str.strip, cell.source.splitlines()):
        inside = inside and "### END" not in line
        if inside and len(line) > 25:
            yield line
        inside = inside or "### BEGIN" in line


def leaks(assignment, released):
    """Secret lines that stand in what is handed out, unless they stand in given code of the source as well."""
    source = nbformat.read(class_folder.sources() / assignment / f"{assignment}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in nbformat.read(released, as_version=4).cells)
    visible = set(map(str.strip, text.splitlines()))
    secret = {line for cell in source.cells for line in secret_lines(cell)}
    every = [line for cell in source.cells for line in map(str.strip, cell.source.splitlines())]
    assert len(secret) > 20
    return {line for line in secret & visible if every.count(line) == 1} | set(
        re.findall(r"teacher_seed\(\d+\)|card=.demo.", text)
    )
