"""The book: links, alt texts, symptoms, and the reader that checks finished pages; built and looked at in `make test-deep`."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import cases, runtime
from course_utils.cli import lessons
from course_utils.cli.book import checking, executing, figures, links
from course_utils.cli.book.__main__ import ARCHIVE, archive
from course_utils.cli.book.sources import HOSTED, Sources, install_cells
from course_utils.cli.clean_notebook import clean
from course_utils.runtime import CourseError, repo_root

STARTED = (
    "size     reduced: stand-in data, small network, lesson budget\nseed     0\n"
    "backend  tensorflow (python 3.11.7, keras 3.15.1, numpy 2.4.6, tensorflow 2.21.0)\ndevice   CPU, 2 cores\n"
)


def figure():
    return new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})


# ----------------------------------------------------------------------------------------------------- alt texts


def test_every_figure_of_a_cell_gets_the_words_below_it():
    notebook = new_notebook(
        cells=[
            new_code_cell("draw()", outputs=[figure(), figure()]),
            new_code_cell("1 + 1"),
            new_markdown_cell("*The figure shows `a_1` of [lesson 10](10.ipynb),\nrising*.\n\nMore prose."),
        ]
    )
    figures.give_alt_texts(notebook, "10_x")
    assert notebook.cells[0].metadata.mystnb.image.alt == "The figure shows a_1 of lesson 10, rising."
    assert "mystnb" not in notebook.cells[1].metadata


@pytest.mark.parametrize("below", [[], [new_markdown_cell("## Next")], [new_markdown_cell("Look at this:")]])
def test_a_figure_without_words_is_refused(below):
    notebook = new_notebook(cells=[new_markdown_cell("# 10"), new_code_cell("draw()", outputs=[figure()]), *below])
    with pytest.raises(CourseError, match="10_x: cell 2 draws a figure"):
        figures.give_alt_texts(notebook, "10_x")


# --------------------------------------------------------------------------------------------------------- links

PAGES = {"index.md", "results/README.md", "notebooks/00_start_here.ipynb"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("notebooks/00_start_here.ipynb", "[x](../notebooks/00_start_here.ipynb)"),  # a page of the book
        ("README.md#gpu", "[x](../index.md#gpu)"),  # a page that is called otherwise there
        ("results/bench.json", "[x](bench.json)"),  # a file to download
        ("notebooks/10_digits_convnet.ipynb", "x"),  # a lesson that this book leaves out
        ("course_utils/runtime.py", "x"),
        ("results", "x"),
        ("https://keras.io/a(1)", "[x](https://keras.io/a(1))"),
        ("#here", "[x](#here)"),
    ],
)
def test_links_hold_on_another_page_or_become_their_text(target, expected):
    text, files = links.resolved(f"see [x]({target}).", "README.md", "results/README.md", PAGES)
    assert text == f"see {expected}."
    assert files == ({"results/bench.json"} if "bench" in target else set())


def test_links_of_finished_pages_name_finished_pages():
    text, _ = links.resolved(
        "[0](00_start_here.ipynb)", "notebooks/20_x.ipynb", "notebooks/20_x.ipynb", PAGES, html=True
    )
    assert text == "[0](00_start_here.html)"


def test_code_is_no_link():
    text = "`[a](b)`\n\n```python\nx[0](1)\n```\n"
    assert links.resolved(text, "README.md", "index.md", PAGES)[0] == text


def test_a_dead_link_is_named():
    with pytest.raises(CourseError, match=r"README\.md: dead link notebooks/99_no_such\.ipynb"):
        links.resolved("[x](notebooks/99_no_such.ipynb)", "README.md", "index.md", PAGES)


# ------------------------------------------------------------------------------------------------------- sources


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The sources of the whole book; of what the lessons put out, only what their first cells print is there."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "executed").mkdir()
    for name in lessons.names():
        notebook = nbformat.read(runtime.lessons_dir() / f"{name}.ipynb", as_version=4)
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        first.outputs = [new_output("stream", name="stdout", text=STARTED + f"kernel of {sys.prefix}\n")]
        notebook.metadata[executing.MARK] = {"fingerprint": "", "date": "2027-02-01"}
        nbformat.write(notebook, folder / "executed" / f"{name}.ipynb")
    result = Sources(lessons.names(), folder / "executed", folder / "source")
    result.write()
    return result


def test_every_page_is_written_and_in_the_contents(sources):
    index = (sources.folder / "index.md").read_text(encoding="utf-8")
    entries = set(
        re.findall(r"^[\w/]+$", "\n".join(re.findall(r"```\{toctree\}.*?```", index, re.DOTALL)), re.MULTILINE)
    )
    assert entries | {"index"} == {page.rpartition(".")[0] for page in sources.pages}
    for page in sources.pages:
        assert (sources.folder / page).is_file()


def test_the_symptom_index_is_complete(sources):
    text = (sources.folder / "symptoms.md").read_text(encoding="utf-8")
    named = re.findall(r"^:name: (\S+)$", text, re.MULTILINE)
    assert named == [case.id for case in cases.all_cases().values()]
    for case in cases.all_cases().values():
        block = text.split(f":name: {case.id}\n")[1].split("\n:::")[0]
        seen, folded = block.split("<details>")
        assert case.symptom in seen and f"(notebooks/{case.lesson}.ipynb)" in seen
        shown = re.sub(r"\\(.)", r"\1", folded)
        assert all(part in shown for part in (case.title, case.cause, case.fix, case.source))


def test_a_lesson_says_how_it_was_run_and_names_no_folder_of_this_machine(sources):
    notebook = nbformat.read(sources.folder / "notebooks/20_hands_depth_images.ipynb", as_version=4)
    line = notebook.cells[1].source
    assert "`course lab`" in line and "`20_hands_depth_images.ipynb`" in line and "(../ways_in.md)" in line
    assert "Executed on 2027-02-01 at the reduced size, seed 0" in line
    assert "Keras 3.15.1 on TensorFlow 2.21.0, Python 3.11.7; CPU, 2 cores" in line
    assert sys.prefix not in (sources.folder / "notebooks/20_hands_depth_images.ipynb").read_text(encoding="utf-8")


def test_ways_in_shows_the_install_cells_in_full(sources):
    text = (sources.folder / "ways_in.md").read_text(encoding="utf-8")
    assert [f"```python\n{cell}\n```" in text for cell in install_cells()] == [True, True]
    assert re.findall("^## (.+)$", text, re.MULTILINE)[:2] == ["Two commands", "In Colab or on Kaggle"]


def test_a_lesson_that_was_not_executed_is_refused(sources, tmp_path):
    (tmp_path / "executed").mkdir()
    notebook = nbformat.read(runtime.lessons_dir() / "00_start_here.ipynb", as_version=4)
    notebook.metadata[executing.MARK] = {"date": "2027-02-01"}
    nbformat.write(notebook, tmp_path / "executed" / "00_start_here.ipynb")
    with pytest.raises(CourseError, match="did not print what the run stands on"):
        Sources(["00_start_here"], tmp_path / "executed", tmp_path / "source").write()


# ------------------------------------------------------------------------------------------------ finished pages

GOOD = '<html><head><link rel="stylesheet" href="a.css"></head><body id="top"><img src="data:x" alt="A thing">{}</body></html>'


@pytest.fixture
def site(tmp_path):
    """Two pages without fault; gives a function that puts something into the first."""

    def put(inside="", css=""):
        (tmp_path / "sub").mkdir(exist_ok=True)
        (tmp_path / "a.css").write_text(f"body {{ color: red; background: url(data:x) }} {css}")
        links_to_it = '<a href="../index.html#top">up</a><a href="https://keras.io">Keras</a>'
        (tmp_path / "index.html").write_text(GOOD.format(inside))
        (tmp_path / "sub" / "b.html").write_text(GOOD.replace("a.css", "../a.css").format(links_to_it))
        return checking.problems(tmp_path)

    return put


def test_pages_without_fault_pass(site):
    assert site('<a href="sub/b.html?x=1#top">b</a><a href="#top">up</a><script>fetch("here.js")</script>') == []


@pytest.mark.parametrize(
    ("planted", "noticed"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', "takes https://cdn.example.org/x.js from outside"),
        ('<img alt="x" src="//example.org/x.png">', "takes //example.org/x.png from outside"),
        ('<img alt="x" src="data:x" srcset="data:x 1x, http://a.org/b 2x">', "takes http://a.org/b from outside"),
        ("<style>@import 'http://a.org/f.css';</style>", "takes http://a.org/f.css from outside"),
        ('<p style="background: url(http://a.org/i)">', "takes http://a.org/i from outside"),
        ('<script>import("https://a.org/m.js")</script>', "takes https://a.org/m.js from outside"),
        ('<img alt="x" src="gone.png">', "takes gone.png, which is not there"),
        ('<a href="gone.html">x</a>', "the link gone.html leads nowhere"),
        ('<a href="sub/b.html#nowhere">x</a>', "the link sub/b.html#nowhere leads to a page that has no such place"),
        ('<a href="#nowhere">x</a>', "the link #nowhere leads to a page that has no such place"),
        ('<img src="data:x">', "the image data:x has no alt text"),
        ('<img src="data:x" alt=" ">', "the image data:x has no alt text"),
    ],
)
def test_a_planted_fault_is_noticed(site, planted, noticed):
    assert site(planted) == [f"index.html: {noticed}"]


def test_a_font_from_outside_is_noticed(site):
    css = '@font-face { src: url("https://fonts.example.org/a.woff2") }'
    assert site(css=css) == ["a.css: takes https://fonts.example.org/a.woff2 from outside"]


def test_the_same_pages_give_the_same_zip(tmp_path, monkeypatch):
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("hello")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    first, second = archive(tmp_path / "html", tmp_path / "1.zip"), archive(tmp_path / "html", tmp_path / "2.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        (entry,) = packed.infolist()
    assert entry.filename == f"{ARCHIVE}/index.html" and entry.date_time == (2027, 1, 15, 8, 0, 0)


# ------------------------------------------------------------------------------------------- in Colab, on Kaggle


def test_the_notebook_for_colab_and_kaggle_is_clean_and_no_lesson():
    text = (repo_root() / HOSTED).read_text(encoding="utf-8")
    assert clean(text) == text
    assert (repo_root() / HOSTED).parent != runtime.lessons_dir(), "make test runs notebooks/*.ipynb"
    first, *_ = install_cells()[0].splitlines()
    assert re.match(r'REPOSITORY = ""  # ', first), "the one constant, still to be filled in"


def test_the_first_cell_asks_for_an_address(tmp_path):
    ended = subprocess.run([sys.executable, "-c", install_cells()[0]], cwd=tmp_path, capture_output=True, text=True)
    assert "ValueError: REPOSITORY is empty" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def fetched(address, folder):
    """Run the cell that fetches the course, and the other up to its installing; gives what they wrote to standard error."""
    looks, pip = "\n".join(filled_in(address)).split("# What is here already")
    assert "pip" in pip and "pip" not in looks
    ended = subprocess.run([sys.executable, "-c", looks], cwd=folder, capture_output=True, text=True)
    return ended.stderr


@pytest.fixture
def packed(tmp_path):
    """A zip of something like the course, and one of something else."""
    for name, file in (("course", "pyproject.toml"), ("other", "readme.txt")):
        (tmp_path / name / "top").mkdir(parents=True)
        (tmp_path / name / "top" / file).write_text("here")
        shutil.make_archive(tmp_path / name, "zip", tmp_path / name)
    (tmp_path / "content").mkdir()
    return tmp_path


@pytest.mark.parametrize("address", ["git@github.com:a/b.git", "gone.zip", "/nowhere", "notes.tar"])
def test_the_first_cell_says_what_it_expected(packed, address):
    (packed / "content" / "notes.tar").write_text("no archive")
    said = fetched(address, packed / "content")
    assert f"ValueError: REPOSITORY is {address}: expected https://… of the course, or a zip or folder" in said
    assert [path.name for path in (packed / "content").iterdir()] == ["notes.tar"]


def test_an_interrupted_or_wrong_fetch_does_not_stop_the_next(packed):
    content = packed / "content"
    assert "other.zip: found no pyproject.toml in it, expected the course" in fetched(packed / "other.zip", content)
    (packed / "cut.zip").write_bytes((packed / "course.zip").read_bytes()[:100])
    assert "cut.zip is not a zip file" in fetched(packed / "cut.zip", content)
    (content / "unfinished").mkdir(exist_ok=True)
    (content / "unfinished" / "half").write_text("of an interrupted run")
    assert not (content / "why-wont-it-learn").exists()
    for _ in range(2):
        assert fetched(packed / "course.zip", content) == ""
    names = [path.relative_to(content).as_posix() for path in content.rglob("*") if path.is_file()]
    assert names == ["why-wont-it-learn/top/pyproject.toml"]


def test_a_folder_of_that_name_without_the_course_is_said(packed):
    (packed / "content" / "why-wont-it-learn").mkdir()
    assert "delete this folder and run both cells again" in fetched(packed / "course.zip", packed / "content")


WHERE = "import course_utils, sys; print('package', course_utils.__file__, 'of', sys.prefix)"
RUN_NOTEBOOK = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.fixture
def service(tmp_path):
    """A fresh environment in which all packages are preinstalled, as they are in Colab; pip can reach no registry."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site_packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site_packages / "preinstalled.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    dropped = ("COURSE_", "JUPYTER", "PYTHON", "PIP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # PIP_NO_BUILD_ISOLATION=0 is how pip spells --no-build-isolation in the environment
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    (tmp_path / "content").mkdir()

    def run(*command):
        ended = subprocess.run(
            [tmp_path / "venv" / "bin" / "python", *command],
            cwd=tmp_path / "content",
            env={**kept, **offline},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    return run, site_packages, tmp_path / "content"


def filled_in(address):
    """Both install cells, with an address in the first line."""
    fetch, install = install_cells()
    return fetch.replace('REPOSITORY = ""', f"REPOSITORY = {str(address)!r}", 1), install


@pytest.mark.deep
def test_the_install_cells_clone_the_course_keep_what_is_there_and_a_lesson_runs(service):
    run, site_packages, content = service
    notebook = nbformat.read(repo_root() / HOSTED, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.source, _ = filled_in(f"file://{repo_root()}")
    notebook.cells.append(new_code_cell(WHERE))
    nbformat.write(notebook, content / "colab.ipynb")
    run("-c", RUN_NOTEBOOK, "colab.ipynb")
    printed = "".join(
        output.text
        for cell in nbformat.read(content / "colab.ipynb", as_version=4).cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
    )
    assert f"the lessons are in {content / 'why-wont-it-learn' / 'notebooks'}" in printed
    assert "size     reduced" in printed and "largest relative difference" in printed, "lesson 00 ran"
    assert (
        f"package {content / 'why-wont-it-learn' / 'course_utils' / '__init__.py'} of {site_packages.parents[2]}"
        in printed
    )
    added = {path.name for path in site_packages.iterdir()} - {"preinstalled.pth", "__pycache__"}
    assert added and all("why_wont_it_learn" in name for name in added), added
    assert (content / "why-wont-it-learn" / ".git").is_dir()


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_the_install_cells_take_a_zip_or_an_attached_folder(service, kind, tmp_path):
    run, _, content = service
    packed = tmp_path / "course.zip"
    subprocess.run(
        ["git", "archive", "--format=zip", "--prefix=course-main/", "-o", packed, "HEAD"], cwd=repo_root(), check=True
    )
    address = packed
    if kind == "folder":
        shutil.unpack_archive(packed, tmp_path / "input")
        address = tmp_path / "input" / "course-main"
    shown = run("-c", "\n".join([*filled_in(address), WHERE]))
    assert f"package {content / 'why-wont-it-learn'}" in shown


# ----------------------------------------------------------------------------------------- built, and looked at


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """One tiny lesson; gives functions to write it, and to run what executes it."""
    (tmp_path / "lessons").mkdir()
    monkeypatch.setattr(runtime, "lessons_dir", lambda: tmp_path / "lessons")
    path = tmp_path / "lessons" / "01_tiny.ipynb"

    def write(prose, code):
        notebook = new_notebook(cells=[new_markdown_cell(prose, id="a"), new_code_cell(code, id="b")])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
        nbformat.write(notebook, path)

    def execute():
        before = path.read_bytes()
        executing.execute(["01_tiny"], tmp_path / "executed")
        assert path.read_bytes() == before, "the lesson itself is not touched"
        copy = nbformat.read(tmp_path / "executed" / "01_tiny.ipynb", as_version=4)
        return copy.cells[1].outputs[0].text

    return write, execute


@pytest.mark.deep
def test_a_lesson_is_executed_again_only_when_its_code_changed(tiny):
    write, execute = tiny
    write("one", "import time\nprint(time.time_ns())")
    first = execute()
    assert execute() == first
    write("other prose", "import time\nprint(time.time_ns())")
    assert execute() == first
    write("other prose", "import time\nprint(time.time_ns() + 0)")
    assert execute() != first


@pytest.mark.deep
def test_a_lesson_that_fails_stops_the_book_and_is_tried_again(tiny):
    write, execute = tiny
    write("one", "1 / 0")
    for _ in range(2):
        with pytest.raises(CourseError, match="a lesson failed"):
            execute()


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book of two lessons, built as make builds it."""
    missing = [name for name in ("sphinx", "myst_nb", "furo") if importlib.util.find_spec(name) is None]
    if missing:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop(f"{', '.join(missing)} missing here: pip install -c constraints.txt -e '.[pages]'")
    folder = tmp_path_factory.mktemp("built") / "book"
    command = [sys.executable, "-m", "course_utils.cli.book", "00", "20", "--folder", str(folder)]
    ended = subprocess.run(
        command, cwd=repo_root(), env={**os.environ, "SOURCE_DATE_EPOCH": "1800000000"}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    return folder


@pytest.mark.deep
def test_the_built_book_needs_no_network_and_leads_nowhere_dead(book):
    assert checking.problems(book / "html") == []
    pages = [checking.read(path) for path in (book / "html").rglob("*.html")]
    assert len(pages) >= 10
    assert sum(len(page.resources) for page in pages) > 50 and sum(len(page.links) for page in pages) > 200
    with zipfile.ZipFile(book.parent / f"{ARCHIVE}.zip") as packed:
        assert f"{ARCHIVE}/index.html" in packed.namelist()


@pytest.mark.deep
@pytest.mark.parametrize(
    ("there", "planted", "noticed"),
    [
        ("</body>", '<script src="https://a.org/x.js"></script></body>', "takes https://a.org/x.js from outside"),
        ('href="00_start_here.html"', 'href="00_gone.html"', "the link 00_gone.html leads nowhere"),
        ('alt="The figure shows', 'data-was="The figure shows', "has no alt text"),
    ],
)
def test_faults_planted_in_a_built_page_are_noticed(book, tmp_path, there, planted, noticed):
    shutil.copytree(book / "html", tmp_path / "html")
    page = tmp_path / "html" / "notebooks" / "20_hands_depth_images.html"
    text = page.read_text(encoding="utf-8")
    assert there in text
    page.write_text(text.replace(there, planted), encoding="utf-8")
    found = checking.problems(tmp_path / "html")
    assert found and all(
        line.startswith("notebooks/20_hands_depth_images.html: ") and noticed in line for line in found
    )


@pytest.mark.deep
def test_a_built_lesson_shows_figures_formulas_and_how_it_was_run(book):
    text = (book / "html" / "notebooks" / "20_hands_depth_images.html").read_text(encoding="utf-8")
    ran = nbformat.read(book / "executed" / "20_hands_depth_images.ipynb", as_version=4)
    drawn = sum("image/png" in output.get("data", {}) for cell in ran.cells for output in cell.get("outputs", ()))
    assert len(re.findall(r'<img alt="The figure shows', text)) == drawn > 3
    assert text.count("<math") >= 2 and "$" not in re.sub(
        r"<pre>.*?</pre>|<script.*?</script>", "", text, flags=re.DOTALL
    )
    assert "Executed on 2027-01-15 at the reduced size" in text and "Last updated on 2027-01-15" in text
    assert text.count("<details>") == text.count("</details>") > 3
    index = (book / "html" / "notebooks" / "00_start_here.html").read_text(encoding="utf-8")
    assert 'href="20_hands_depth_images.html"' in index and ".ipynb)" not in index


@pytest.mark.deep
def test_the_search_finds_a_lesson_from_a_folder_and_a_fold_opens(book, browser):
    from browsing import photograph, wait
    from selenium.webdriver.common.by import By

    def found():
        return [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#search-results li a")]

    browser.get((book / "html" / "index.html").as_uri())
    box = browser.find_element(By.CSS_SELECTOR, "input.sidebar-search")
    box.send_keys("pinhole")
    box.submit()
    wait(browser, lambda _: "20 · Depth images, and what their numbers mean" in found(), "the lesson to be found")
    photograph(browser, "book_search")
    browser.find_element(By.PARTIAL_LINK_TEXT, "20 · Depth images").click()
    wait(browser, lambda _: browser.title.startswith("20 · "), "the lesson to open")
    fold = browser.find_element(By.CSS_SELECTOR, "article details")
    summary, answer = (fold.find_element(By.CSS_SELECTOR, f":scope > {css}") for css in ("summary", ":not(summary)"))
    assert not answer.is_displayed()
    browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', summary)
    summary.click()
    wait(browser, lambda _: answer.is_displayed() and answer.text.strip(), "the answer to unfold")
    images = browser.find_elements(By.CSS_SELECTOR, "article img")
    assert images and all(image.get_property("naturalWidth") > 100 for image in images)


@pytest.mark.deep
def test_the_search_finds_nothing_where_there_is_nothing(book, browser):
    from browsing import wait
    from selenium.webdriver.common.by import By

    browser.get((book / "html" / "search.html").as_uri() + "?q=zyzzyvaquux")
    wait(browser, lambda _: "did not match" in browser.find_element(By.TAG_NAME, "article").text, "the search to end")
    assert browser.find_elements(By.CSS_SELECTOR, "#search-results li") == []
