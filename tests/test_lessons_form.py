"""Forms that every lesson keeps, so that each opens, reads and runs alike."""

import ast
import json
import re

import nbformat
import pytest

from course_utils import cases
from course_utils.cli.clean_notebook import clean
from course_utils.runtime import lessons_dir, repo_root

LESSONS = sorted(lessons_dir().glob("[0-9][0-9]_*.ipynb"))
HEADER = ("Question", "You will be able to", "Needs", "Time", "Device", "Source")
CLOSING = ("What the reduced run can and cannot show", "Take away", "Try it", "Sources")
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def cells(path, kind):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def prose(path):
    return "\n\n".join(cells(path, "markdown"))


def python(path):
    """The lesson's code as one syntax tree."""
    return ast.parse("\n".join(cells(path, "code")))


def judged_ids(path):
    calls = [node for node in ast.walk(python(path)) if isinstance(node, ast.Call)]
    judges = [call for call in calls if ast.unparse(call.func) in ("cases.judge", "judge")]
    return [call.args[0].value for call in judges]


def test_there_are_lessons():
    assert [path.stem for path in LESSONS][:2] == ["00_start_here", "10_digits_convnet"]


@every_lesson
def test_is_stored_clean(path):
    text = path.read_text(encoding="utf-8")
    assert clean(text) == text, "outputs, counts or kernel details are stored: run `git add` with the filter on"


@every_lesson
def test_has_valid_cells_with_ids_of_their_own(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    ids = [cell["id"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    assert len(set(ids)) == len(ids) == len(notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


@every_lesson
def test_is_one_question_long(path):
    count = len(nbformat.read(path, as_version=4).cells)
    assert 12 <= count <= 42, f"{count} cells: split the lesson, or crowd less into it"
    longest = max(cells(path, "code"), key=lambda source: source.count("\n"))
    assert longest.count("\n") < 30, f"a code cell of {longest.count(chr(10)) + 1} lines:\n{longest}"


@every_lesson
def test_opens_with_its_header(path):
    first = cells(path, "markdown")[0]
    assert first.startswith(f"# {path.stem[:2]} · ")
    fields = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", first, re.MULTILINE)
    assert tuple(name for name, _ in fields) == HEADER
    answers = dict(fields)
    assert answers["Question"].rstrip().endswith("?")
    seconds = r"about [\d.]+ (s|min)"
    pattern = rf"\d+ min to read.*; the run takes {seconds} reduced, {seconds} full \(2 CPU cores\)"
    assert re.fullmatch(pattern, answers["Time"]), answers["Time"]


@every_lesson
def test_sets_up_in_its_first_code_cell(path):
    first = cells(path, "code")[0]
    assert first.startswith("from course_utils import runtime\n\nrun = runtime.start()\n")
    assert re.search(r"^[A-Z_0-9]+ = .*\.by_(budget|network|data)\(", first, re.MULTILINE), (
        "no constant that the size sets"
    )


@every_lesson
def test_closes_with_limits_takeaways_tasks_and_sources(path):
    headings = re.findall(r"^## (.+)$", prose(path), re.MULTILINE)
    assert [heading for heading in headings if heading in CLOSING] == list(CLOSING)
    assert prose(path).count("<details>") == prose(path).count("</details>") >= 1


@every_lesson
def test_describes_every_figure_in_words(path):
    """Each cell that draws is followed, at once or after further code, by prose that says what is to be seen."""
    notebook = nbformat.read(path, as_version=4)
    draws = re.compile(r"plotting\.(?!stretch|COLOURS|GOOD|BAD|NEUTRAL)\w+\(|LiveCurve\(|plt\.subplots\(")
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and draws.search(cell.source):
            following = next((c.source for c in notebook.cells[i + 1 :] if c.cell_type == "markdown"), "")
            assert following.startswith("*The figure shows"), f"no description follows this figure:\n{cell.source}"


def prints_an_object(code):
    """Whether a cell ends in a call on axes without a semicolon: the page then shows ``[Text(0, 0, ''), …]`` above the figure."""
    last = (ast.parse(code).body or [None])[-1]
    on_axes = isinstance(last, ast.Expr) and re.match(r"(ax|axs|axes|plt|figure|plotting)\b.*\)$", ast.unparse(last))
    return bool(on_axes) and not code.rstrip().endswith(";")


@every_lesson
def test_prints_no_object_of_a_figure(path):
    assert not [code for code in cells(path, "code") if prints_an_object(code)]


def test_an_object_of_a_figure_is_noticed():
    assert prints_an_object("axs = plotting.pair('a')\naxs[1].set_yticklabels([])")
    assert prints_an_object("plotting.bars(x)") and not prints_an_object("plotting.bars(x);")
    assert not prints_an_object("ax = plotting.bars(x)") and not prints_an_object("print(ax)")


@every_lesson
def test_holds_no_path_of_one_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[\"' (](/(home|Users|root|work|tmp|mnt)/|[A-Z]:\\\\)", text)


@every_lesson
def test_links_and_lesson_numbers_resolve(path):
    text = prose(path)
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"dead link {target}"
    known = {lesson.stem[:2] for lesson in LESSONS}
    for number in re.findall(r"\d\d", " ".join(re.findall(r"[Ll]essons? (\d\d(?:(?:, | and )\d\d)*)", text))):
        assert number in known, f"lesson {number} does not exist"


@every_lesson
def test_judges_exactly_the_cases_it_owns(path):
    judged = judged_ids(path)
    assert sorted(judged) == sorted(case.id for case in cases.of_lesson(path.stem))
    assert len(set(judged)) == len(judged)


@every_lesson
def test_judges_what_it_breaks(path):
    if re.search(r"\bbroken\b", "\n".join(cells(path, "code"))):
        assert judged_ids(path)


@every_lesson
def test_writes_no_seed_of_its_own(path):
    """Seeds come from the run, so that `course cases run --seeds` reaches everything."""
    for call in (node for node in ast.walk(python(path)) if isinstance(node, ast.Call)):
        seeds = [k.value for k in call.keywords if k.arg in ("seed", "random_state")]
        if ast.unparse(call.func).endswith(("set_random_seed", "default_rng")):
            seeds += call.args
        assert not any(isinstance(node, ast.Constant) for node in seeds), ast.unparse(call)


def test_every_case_belongs_to_a_lesson_that_exists():
    names = {path.stem for path in LESSONS}
    assert {case.lesson for case in cases.all_cases().values()} <= names


def test_readme_names_every_lesson_and_only_those():
    text = (repo_root() / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(notebooks/(\d\d_\w+)\.ipynb\)", text))
    assert linked == {path.stem for path in LESSONS}


def test_readme_links_resolve():
    text = (repo_root() / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text)
    assert len(targets) > 5
    for target in targets:
        assert (repo_root() / target).exists(), f"dead link {target}"
