"""README and the page of results say what lessons and results say."""

import json
import re

import pytest

from course_utils import experiments
from course_utils.cli import lessons, pages
from course_utils.runtime import CourseError, repo_root, results_dir

README = (repo_root() / "README.md").read_text(encoding="utf-8")
RESULTS = (repo_root() / pages.RESULTS).read_text(encoding="utf-8")


def test_tables_are_in_step_with_lessons_and_results():
    for page in pages.PAGES:
        text = (repo_root() / page).read_text(encoding="utf-8")
        assert pages.with_fresh_blocks(text, page) == text, f"{page}: run `make pages`"


@pytest.mark.parametrize("page", ["README.md", pages.RESULTS])
def test_a_changed_number_on_a_page_is_noticed(page):
    text = (repo_root() / page).read_text(encoding="utf-8")
    changed = "**reproduced**".join(text.rsplit("**refuted**", 1))  # the last one stands in a table
    assert changed != text
    assert pages.with_fresh_blocks(changed, page) == text


def test_missing_marks_are_named():
    with pytest.raises(CourseError, match="<!-- lessons -->"):
        pages.with_fresh_blocks("no marks here")


@pytest.mark.parametrize("name", experiments.NAMES)
def test_no_committed_result_is_stale(name):
    size = experiments.committed_size(name).name
    assert not experiments.load_result(name)["stale"], f"the code changed: course run {name} --size {size}"


def test_long_runs_of_the_ladder_are_shown_where_there_are_any(monkeypatch):
    """As a GPU would add them; the figure and the verdicts take them in place of short ones."""
    import matplotlib.pyplot as plt

    from course_utils.experiments import ladder

    load, shown = experiments.load_result, {}
    assert ladder.LONG not in pages.ladder.table()

    def with_a_long_run(name, size=None):
        result = load(name, size)
        plain = next(row for row in result["rows"] if row["row"] == "plain")
        long = {**plain, "row": "plain" + ladder.LONG, "measured": plain["measured"] | {"public_smoothed": 0.581}}
        return result | {"rows": [*result["rows"], long]} if size is None else result

    monkeypatch.setattr(experiments, "load_result", with_a_long_run)
    monkeypatch.setattr(
        pages.ladder.plotting,
        "ladder",
        lambda rows, ax, **more: (ax.plot([], label="x") and shown.update(rows)) or ax.legend(),
    )
    assert re.search(rf"^\| plain{ladder.LONG} \| – \| 58\.1 \|", pages.ladder.table(), re.MULTILINE)
    plt.close(pages.ladder.draw())
    assert shown["plain"] == [pytest.approx(58.1)]


def test_every_figure_is_committed_small_and_shown_with_alt_text():
    for name in pages.DRAWINGS:
        path = repo_root() / pages.FIGURES / name
        assert 2_000 < path.stat().st_size < 100_000
        alts = re.findall(rf"!\[(.+?)\]\({pages.FIGURES}/{name}\)", README)
        alts += re.findall(rf"!\[(.+?)\]\(figures/{name}\)", RESULTS)
        assert alts and len(set(alts)) == 1, name
        assert len(alts[0]) > 40


def test_links_of_the_page_of_results_resolve():
    folder = (repo_root() / pages.RESULTS).parent
    targets = {target for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", RESULTS)}
    assert len(targets) > 40
    for target in targets:
        assert (folder / target).exists(), f"dead link {target}"


@pytest.mark.parametrize("text", [README, RESULTS], ids=["README", "results"])
def test_links_to_headings_resolve(text):
    """As GitHub names them: lower case, no punctuation, a dash for a blank."""
    anchors = {
        page: {
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", body, re.MULTILINE)
        }
        for page, body in (("README.md", README), ("results/README.md", RESULTS))
    }
    own = "README.md" if text == README else "results/README.md"
    linked = re.findall(r"\]\(((?:results/README\.md)?)#([^)]+)\)", text)
    assert linked
    for page, anchor in linked:
        assert anchor in anchors[page or own], anchor


def test_the_readers_path_is_short_and_in_order():
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    first = [
        "Two commands",
        "In Colab or on Kaggle",
        "The lessons",
        "What was claimed, and what we measured",
        "The classroom",
    ]
    assert headings[:5] == first
    assert headings.index("GPU") < headings.index("Tests and CI")
    assert len(README.splitlines()) < 220


def test_no_mark_is_left_over():
    """A block that no page makes any more would stay as it was for ever."""
    for page, blocks in pages.PAGES.items():
        marks = set(re.findall(r"^<!-- ([\w-]+) -->$", (repo_root() / page).read_text(encoding="utf-8"), re.MULTILINE))
        assert marks == set(blocks)


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
