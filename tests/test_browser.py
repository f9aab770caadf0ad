"""Seen in a browser: a student's first minutes in JupyterLab, with Debian's Chromium through Selenium, without a network."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from browsing import photograph, wait
from selenium.webdriver.common.by import By

from course_utils.cli.lab import FIRST_LESSON

pytestmark = pytest.mark.deep

ASSIGNMENT = "a1_digits"
START = "from course_utils.cli.app import main; main()"
TOKEN = "first-minutes"

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PROMPT = f"{PANEL} .jp-CodeCell .jp-InputPrompt"
RED = f'{PANEL} [data-mime-type="application/vnd.jupyter.stderr"]'  # errors, warnings: all that stands on red ground
FIGURE = f"{PANEL} .jp-OutputArea-output img"
HINT = f"{PANEL} .jp-RenderedMarkdown details"
WINDOW = ".jp-Dialog-content"
OPEN_TAB = "#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current"


# ------------------------------------------------------------------------------------------ server and browser


@dataclass(frozen=True)
class Lab:
    """A running ``course lab``: the folder it shows, and the address at which it opens a student's browser."""

    folder: Path
    address: str

    def address_of(self, name):
        return self.address.replace(FIRST_LESSON, name)


@pytest.fixture(scope="module")
def lab(programs, tmp_path_factory):
    """``course lab``, started as a student starts it, with a home folder in which nothing was ever done."""
    place = tmp_path_factory.mktemp("first_minutes")
    settings, runtime = place / "settings", place / "runtime"
    (place / "home").mkdir()
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("COURSE_", "JUPYTER", "IPY"))
    }
    here = {
        "HOME": place / "home",
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTER_RUNTIME_DIR": runtime,
        "MPLCONFIGDIR": fonts_known(),
    }
    command = [sys.executable, "-c", START, "lab", "--folder", place / "lab", "--port", free_port(), "--no-browser"]
    command += [f"--IdentityProvider.token={TOKEN}", *(["--allow-root"] if os.geteuid() == 0 else [])]
    with (
        (place / "server.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [str(word) for word in command],
            env=inherited | {name: str(value) for name, value in here.items()},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            address = wait(process, lambda _: first_address(process, runtime), "JupyterLab to start")
            assert address, f"JupyterLab did not start:\n{(place / 'server.log').read_text(encoding='utf-8')[-3000:]}"
            yield Lab(place / "lab", address)
        finally:
            stop(process, runtime)


def fonts_known():
    """A folder with Matplotlib's list of fonts; a kernel that takes long to make its own says so on red ground."""
    from matplotlib import font_manager, get_cachedir

    assert font_manager.fontManager.ttflist
    return get_cachedir()


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


def first_address(process, runtime):
    """The address in the page that a student's browser is sent to; None until it is written, "" when the server ended."""
    if process.poll() is not None:
        return ""
    pages = "".join(page.read_text(encoding="utf-8") for page in runtime.glob("jpserver-file-to-run-*.html"))
    found = re.search(r'href="([^"]+)"', pages)
    return found and found[1]


def stop(process, runtime):
    """Let the server end its kernels and itself; kill what is left."""
    if process.poll() is None:
        for record in runtime.glob("jpserver-*.json"):
            os.kill(json.loads(record.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


# ---------------------------------------------------------------------------------------------- what is done


def open_notebook(browser, address, path):
    """Open a notebook; wait until all of it is on the page and its kernel is there."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    hints = sum(len(re.findall(r"<details\b", cell.source)) for cell in cells if cell.cell_type == "markdown")
    browser.get(address)
    wait(
        browser,
        lambda _: (
            path.name in texts(browser, OPEN_TAB)
            and len(texts(browser, PROMPT)) == len(code)
            and len(texts(browser, HINT)) == hints
            and idle(browser)
        ),
        f"{path.name} with {len(code)} code cells, {hints} hints and an idle kernel",
    )
    photograph(browser, f"{path.stem}_opened")


def run_all(browser, path):
    """Run all cells from the menu and save; returns what a student would stumble over."""
    choose(browser, "Run", "Run All Cells")
    wait(browser, ended, f"{path.name} to run to its end or to an error")
    problems = [f"a window opened: {text}" for text in texts(browser, WINDOW)]
    if not problems:
        choose(browser, "File", "Save Notebook")
        wait(browser, lambda _: not texts(browser, f"{OPEN_TAB}.jp-mod-dirty"), f"{path.name} to be saved")
    return problems + unrun(browser, path) + errors(browser, path) + undrawn(browser, path)


def choose(browser, menu, item):
    """Click a menu, then one of its items."""

    def click(css, label):
        for one in browser.find_elements(By.CSS_SELECTOR, css):
            if one.text == label:
                one.click()
                return True
        return False

    wait(browser, lambda _: click(".lm-MenuBar-itemLabel", menu), f"the menu {menu}")
    wait(browser, lambda _: click(".lm-Menu-itemLabel", item), f"{item} in the menu {menu}")


def scroll_to(browser, element):
    browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', element)


# ---------------------------------------------------------------------------------------------- what is seen


def texts(browser, css):
    """The texts of all elements of a kind, read at one moment."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent.trim())", css
    )


def idle(browser):
    return "| Idle" in "".join(texts(browser, "#jp-main-statusbar"))


def ended(browser):
    """Whether every cell has run, an error has stopped the run, or a window asks for something."""
    prompts = texts(browser, PROMPT)
    stopped = all(map(number, prompts)) or texts(browser, RED)
    return texts(browser, WINDOW) or (stopped and "[*]:" not in prompts and idle(browser))


def number(prompt):
    """The number that a cell carries once it has run, else None."""
    found = re.fullmatch(r"\[(\d+)\]:", prompt)
    return found and int(found[1])


def saved_code(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def saved_outputs(path):
    return [output for cell in saved_code(path) for output in cell.outputs]


def saved_figures(path):
    return [output for output in saved_outputs(path) if "image/png" in output.get("data", {})]


def unrun(browser, path):
    """Code cells without a number, on the page or in the file."""
    shown, saved = map(number, texts(browser, PROMPT)), (cell.execution_count for cell in saved_code(path))
    return [
        f"cell {position} has not run: {on_page} on the page, {in_file} in the file"
        for position, (on_page, in_file) in enumerate(zip(shown, saved, strict=True), start=1)
        if on_page is None or on_page != in_file
    ]


def errors(browser, path):
    """What stands on red ground on the page, and errors that the file holds."""
    shown = ["red on the page: " + text.rpartition("\n")[2] for text in texts(browser, RED)]
    saved = [output for output in saved_outputs(path) if output.output_type == "error"]
    return shown + [f"error in the file: {output.ename}: {output.evalue}" for output in saved]


def undrawn(browser, path):
    """Figures of the file that the page does not draw, each looked at where it stands on the page."""
    figures, problems = browser.find_elements(By.CSS_SELECTOR, FIGURE), []
    if len(figures) != len(saved_figures(path)):
        problems.append(f"{len(figures)} figures on the page, {len(saved_figures(path))} in the file")
    for position, figure in enumerate(figures, start=1):
        scroll_to(browser, figure)
        wait(browser, lambda _, figure=figure: figure.get_property("complete"), f"figure {position} to load")
        photograph(browser, f"{path.stem}_figure_{position}")
        size = [figure.get_property(name) for name in ("naturalWidth", "clientWidth")]
        if min(size) <= 100:
            problems.append(f"figure {position} is not drawn")
    return problems


def check_hints(browser, path):
    """Hints are folded; a click on one shows its text and leaves the others folded."""
    hints = browser.find_elements(By.CSS_SELECTOR, HINT)
    assert hints and not any(hint.get_property("open") for hint in hints)
    hint = hints[0]
    summary, answer = (hint.find_element(By.CSS_SELECTOR, f":scope > {css}") for css in ("summary", ":not(summary)"))
    scroll_to(browser, summary)
    assert summary.is_displayed() and not answer.is_displayed()
    summary.click()
    wait(browser, lambda _: answer.is_displayed() and answer.text.strip(), "the text of the hint")
    photograph(browser, f"{path.stem}_hint")
    assert [bool(hint.get_property("open")) for hint in hints] == [True] + [False] * (len(hints) - 1)


# -------------------------------------------------------------------------------------------------- the tests


def test_the_first_lesson_opens_runs_and_draws_its_figures(lab, browser):
    path = lab.folder / f"{FIRST_LESSON}.ipynb"
    assert f"/{path.name}?" in lab.address, "the address that course lab opens"
    open_notebook(browser, lab.address, path)
    check_hints(browser, path)
    assert run_all(browser, path) == []
    assert saved_figures(path)


def test_an_assignment_as_it_is_handed_out_runs_and_shows_no_solution(lab, browser, tmp_path):
    from course_utils.classroom import releasing

    path = lab.folder / f"{ASSIGNMENT}.ipynb"
    shutil.copyfile(releasing.release(tmp_path / "class", ASSIGNMENT, "a secret"), path)
    open_notebook(browser, lab.address_of(ASSIGNMENT), path)
    check_hints(browser, path)
    assert run_all(browser, path) == []
    assert saved_figures(path)
    assert any("Task 1: not written yet" in text for text in texts(browser, f"{PANEL} .jp-OutputArea-output"))
    everything = path.read_text(encoding="utf-8") + "".join(texts(browser, "body"))
    assert not re.search("(BEGIN|END) SOLUTION|HIDDEN TESTS", everything)


def test_an_error_and_a_broken_figure_would_be_noticed(lab, browser):
    sources = (
        "print('before')",
        "from IPython.display import Image\nImage(b'no picture', format='png')",
        "1 / 0",
        "print('after')",
    )
    path = lab.folder / "broken.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    nbformat.write(notebook, path)
    open_notebook(browser, lab.address_of("broken"), path)
    assert run_all(browser, path) == [
        "cell 4 has not run: None on the page, None in the file",
        "red on the page: ZeroDivisionError: division by zero",
        "error in the file: ZeroDivisionError: division by zero",
        "figure 1 is not drawn",
    ]
