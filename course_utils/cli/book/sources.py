"""The pages that Sphinx reads, written in the checkout's own layout, so that its links hold."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from course_utils import __version__, cases, runtime
from course_utils.cases import Case
from course_utils.cli.book import figures, links
from course_utils.cli.book.executing import MARK
from course_utils.runtime import CourseError

GUIDE = "notebooks/assignments/README.md"
HOSTED = "notebooks/hosted/colab_kaggle.ipynb"
RESULTS = "results/README.md"
ABOUT = ("CHANGELOG.md", "CONTRIBUTING.md")
#: A lesson's first digit → the caption it stands under.
PARTS = {"0": "Start", **{str(n): head for n, head in enumerate(cases.registry.HEADS.values(), start=1)}}
PARTS["5"] = PARTS["4"]
HOSTED_TITLE = "In Colab or on Kaggle"
#: Sections of README that the page "Ways in" takes over.
WAYS_IN = ("Two commands", HOSTED_TITLE, "Size and real data", "GPU")
MEASURED = "What was claimed, and what we measured"
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


class Sources:
    """The folder of sources for a book of some lessons; :meth:`write` fills it."""

    def __init__(self, names: Sequence[str], executed: Path, folder: Path) -> None:
        self.names, self.executed, self.folder = names, executed, folder
        self.lessons = [f"notebooks/{name}.ipynb" for name in names]
        self.pages = {"index.md", "ways_in.md", "symptoms.md", RESULTS, GUIDE, HOSTED, *ABOUT, *self.lessons}
        self.readme = _sections("README.md")

    def write(self) -> None:
        """Write everything anew. Raises CourseError for a dead link, a figure without words, a lesson that was not executed."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.page("index.md", self.index(), "README.md")
        self.page("ways_in.md", self.ways_in(), "README.md")
        self.page("symptoms.md", self.symptoms(), "README.md")
        if (runtime.repo_root() / RESULTS).is_file():
            self.page(RESULTS, _text(RESULTS), RESULTS)
        else:
            text = re.sub("^###", "##", self.section(MEASURED), flags=re.MULTILINE)
            self.page(RESULTS, f"# {MEASURED}\n\n{text}", "README.md")
        for name in (GUIDE, *ABOUT):
            self.page(name, _text(name), name)
        self.notebook(HOSTED, nbformat.read(runtime.repo_root() / HOSTED, as_version=4))
        for name, place in zip(self.names, self.lessons, strict=True):
            self.notebook(place, self.lesson(name))

    def page(self, place: str, text: str, origin: str) -> None:
        """Write one Markdown page, made of the text of the checkout's file ``origin``."""
        runtime.write_text_atomically(self.folder / place, self.linked(text, origin, place))

    def notebook(self, place: str, notebook: nbformat.NotebookNode) -> None:
        """Write one notebook; its links are those of the checkout's file of the same name."""
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.linked(cell.source, place, place)
            for output in cell.get("outputs", ()):
                if "text/markdown" in output.get("data", {}):
                    output.data["text/markdown"] = self.linked(output.data["text/markdown"], place, place, html=True)
        runtime.write_text_atomically(self.folder / place, nbformat.writes(notebook))

    def linked(self, text: str, origin: str, place: str, *, html: bool = False) -> str:
        """The text with links that hold inside the book; files that it leads to are put beside it."""
        text, files = links.resolved(text, origin, place, self.pages, html=html)
        for file in files:
            target = self.folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(runtime.repo_root() / file, target)
        return text

    def section(self, title: str) -> str:
        """README's section of this title, without the title."""
        if title not in self.readme:
            raise CourseError(f"README.md: found no section '## {title}', which the book takes over")
        return self.readme[title]

    # --------------------------------------------------------------------------------------------- pages

    def index(self) -> str:
        """README's opening, the doors of the book, the lessons, and the table of contents."""
        doors = (
            "- **[Ways in](ways_in.md)**: on your own computer, with conda, in Colab, on Kaggle.\n"
            f"- **[What do you see?](symptoms.md)** {len(cases.all_cases())} symptoms, each with the lesson that finds its cause.\n"
            f"- **[{MEASURED}]({RESULTS})**: our numbers beside the published ones.\n"
            f"- **[The classroom]({GUIDE})**: a guide for teachers."
        )
        about = (
            f"This book shows version {__version__} of the course, built on {runtime.build_time():%Y-%m-%d} from lessons "
            "that had passed as tests. It needs no network; its search works from a folder, too."
        )
        trees = [_toctree("Look around", ["ways_in.md", "symptoms.md", RESULTS])]
        for caption in dict.fromkeys(PARTS.values()):
            trees.append(
                _toctree(caption, [f"notebooks/{name}.ipynb" for name in self.names if PARTS[name[0]] == caption])
            )
        trees.append(_toctree("More", [GUIDE, HOSTED, *ABOUT]))
        parts = [self.readme[""], "## Where to go", doors, about, "## The lessons", self.section("The lessons"), *trees]
        return "\n\n".join(parts)

    def ways_in(self) -> str:
        """How to get the course running, from README; for Colab and Kaggle with the install cells in full."""
        parts = ["# Ways in"]
        for title in WAYS_IN:
            parts += [f"## {title}", self.section(title)]
            if title == HOSTED_TITLE:
                parts += [f"[Download the notebook](path:{HOSTED}), or paste these two cells in front of a lesson:"]
                parts += [f"```python\n{source}\n```" for source in install_cells()]
        return "\n\n".join(parts)

    def symptoms(self) -> str:
        """All cases of the registry: what you see, the lesson that finds the cause, and the cause, folded."""
        parts = [
            "# What do you see? The symptom index",
            "Find your symptom, guess its cause, then unfold ours. Each case is measured by its lesson, broken and mended, "
            "whenever the lesson runs.",
        ]
        for part, caption in cases.registry.HEADS.items():
            parts += [f"## {caption}", *(_case(case) for case in cases.all_cases().values() if case.part == part)]
        return "\n\n".join(parts)

    def lesson(self, name: str) -> nbformat.NotebookNode:
        """A lesson with the outputs of its executed copy, alt texts, and below its header how it was run."""
        notebook = nbformat.read(runtime.lessons_dir() / f"{name}.ipynb", as_version=4)
        copy = nbformat.read(self.executed / f"{name}.ipynb", as_version=4)
        code = [[cell for cell in one.cells if cell.cell_type == "code"] for one in (notebook, copy)]
        for cell, ran in zip(*code, strict=True):
            cell.update(outputs=ran.outputs, execution_count=ran.execution_count)
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = _without_places(output.text)
        figures.give_alt_texts(notebook, name)
        line = f":::{{container}} run-line\n{_run_line(code[1][0], copy.metadata[MARK]['date'], name)}\n:::"
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(line, id="how-it-was-run"))
        return notebook


def install_cells() -> list[str]:
    """The first two cells of a notebook in Colab or on Kaggle: one fetches the course, the other installs it."""
    notebook = nbformat.read(runtime.repo_root() / HOSTED, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"][:2]


def _text(name: str) -> str:
    return (runtime.repo_root() / name).read_text(encoding="utf-8")


def _sections(name: str) -> dict[str, str]:
    """A Markdown file by its headings of the second level; what stands above the first is under the empty title."""
    above, *sections = re.split(r"^## (.+)\n", _text(name), flags=re.MULTILINE)
    return {"": above.strip()} | {
        title: text.strip() for title, text in zip(sections[::2], sections[1::2], strict=True)
    }


def _toctree(caption: str, places: Sequence[str]) -> str:
    """A part of the contents in the sidebar; nothing for a part without pages."""
    entries = "\n".join(str(Path(place).with_suffix("").as_posix()) for place in places)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```" if entries else ""


def _case(case: Case) -> str:
    """One symptom; its place in the page is named after the case."""
    claim = "" if case.status == "reproduces" else " What was documented does not hold; the lesson shows what does."
    title = nbformat.read(runtime.lessons_dir() / f"{case.lesson}.ipynb", as_version=4).cells[0].source.split("\n")[0]
    lesson = f"Lesson [{title.removeprefix('# ')}](notebooks/{case.lesson}.ipynb)"
    return "\n".join(
        [
            f":::{{container}} case\n:name: {case.id}\n",
            f"{case.symptom}\n",
            f"{lesson}\n",
            "<details><summary>Cause and cure</summary>\n",
            f"**{_literal(case.title)}.** Cause: {_literal(case.cause)}.{claim}\n",
            f"Cure: {_literal(case.fix)}.\n",
            f"Source: {_literal(case.source)}. Measure it yourself: `course cases run {case.id} --seeds 5`",
            "</details>\n:::",
        ]
    )


def _literal(text: str) -> str:
    """Plain text as Markdown that shows it unchanged."""
    return re.sub(r"([\\`*_\[\]<>$|#{}])", r"\\\1", text)


def _run_line(first: nbformat.NotebookNode, date: str, name: str) -> str:
    """How a lesson was run, from what its first cell printed, and how to run it oneself."""
    printed = "".join(output.text for output in first.outputs if output.output_type == "stream")
    found = re.search(r"^size +(\w+).*\nseed +(\d+)\nbackend +(\w+) \((.+)\)\ndevice +(.+)$", printed, re.MULTILINE)
    if not found:
        raise CourseError(f"{name}: its first cell did not print what the run stands on; execute it again")
    size, seed, backend, packages, device = found.groups()
    version = dict(package.split(" ", 1) for package in packages.split(", "))
    return (
        f"**Run it yourself:** `course lab`, then open `{name}.ipynb` ([ways in](../ways_in.md)).\n\n"
        f"Executed on {date} at the {size} size, seed {seed}: course {__version__}, Keras {version['keras']} on {BACKENDS[backend]} "
        f"{version[backend]}, Python {version['python']}; {device}."
    )


def _without_places(text: str) -> str:
    """Printed text without the folders of the machine that built the book."""
    return text.replace(sys.prefix, ".venv").replace(str(runtime.repo_root()), "why-wont-it-learn")
