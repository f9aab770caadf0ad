"""README says what lessons and results say."""

import json
import re

import pytest

from course_utils import experiments
from course_utils.cli import lessons, pages
from course_utils.runtime import CourseError, repo_root, results_dir

README = (repo_root() / "README.md").read_text(encoding="utf-8")


def test_tables_are_in_step_with_lessons_and_results():
    for page in pages.PAGES:
        text = (repo_root() / page).read_text(encoding="utf-8")
        assert pages.with_fresh_blocks(text, page) == text, f"{page}: run `make pages`"


def test_missing_marks_are_named():
    with pytest.raises(CourseError, match="<!-- lessons -->"):
        pages.with_fresh_blocks("no marks here")


@pytest.mark.parametrize("name", experiments.NAMES)
def test_no_committed_result_is_stale(name):
    size = experiments.committed_size(name).name
    assert not experiments.load_result(name)["stale"], f"the code changed: course run {name} --size {size}"


def test_every_figure_is_committed_small_and_shown_with_alt_text():
    for name in pages.DRAWINGS:
        path = repo_root() / pages.FIGURES / name
        assert 2_000 < path.stat().st_size < 100_000
        (alt,) = re.findall(rf"!\[(.+?)\]\({pages.FIGURES}/{name}\)", README)
        assert len(alt) > 40


def in_seconds(text):
    number, unit = re.fullmatch(r"(?:about )?([\d.]+) (s|min)", text).groups()
    return float(number) * {"s": 1, "min": 60}[unit]


@pytest.mark.parametrize("size", ["reduced", "full"])
def test_run_times_in_headers_are_those_of_the_committed_benchmark(size):
    """Within a factor of two: the benchmark was made on a shared machine."""
    bench = json.loads((results_dir() / {"reduced": "bench.json", "full": "bench-full.json"}[size]).read_text())
    measured = {row["lesson"]: row["wall_s"] + row["imports_cpu_s"] for row in bench["rows"]}
    rows = re.findall(r"^\| \[(\d\d_\w+)\].*\| (.+?) / (.+?) \|$", pages.lesson_map(), re.MULTILINE)
    assert {name for name, *_ in rows} == set(measured) == set(lessons.names())
    for name, reduced, full in rows:
        stated = in_seconds({"reduced": reduced, "full": full}[size])
        assert stated / 2 <= measured[name] <= stated * 2, name
