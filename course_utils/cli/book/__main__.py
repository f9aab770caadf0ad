"""Build the book of all lessons, or of some: ``python -m course_utils.cli.book [NN …]``."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from course_utils import runtime
from course_utils.cli import lessons
from course_utils.cli.book import checking, executing
from course_utils.cli.book.sources import Sources
from course_utils.runtime import CourseError

ARCHIVE = "why-wont-it-learn-book"


def build(names: Sequence[str], folder: Path) -> Path:
    """Build ``folder/html`` from lessons, executed where they changed, and beside ``folder`` a zip of it; returns the zip.

    Raises CourseError when Sphinx or a theme is missing, a lesson fails, or a finished page would make a reader stumble.
    """
    missing = [name for name in ("sphinx", "myst_nb", "furo") if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(f"the book needs {', '.join(missing)}: pip install -c constraints.txt -e '.[pages]'")
    sources, html = folder / "source", folder / "html"
    executing.execute(names, folder / "executed")
    Sources(names, folder / "executed", sources).write()
    shutil.rmtree(html, ignore_errors=True)
    shutil.rmtree(folder / "doctrees", ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    places = ["-c", str(Path(__file__).parent), "-d", str(folder / "doctrees"), str(sources), str(html)]
    if subprocess.run([*command, *places], env=runtime.environment(folder)).returncode:
        raise CourseError("Sphinx did not finish the book, see above")
    if found := checking.problems(html):
        raise CourseError("the book is built, but not fit to be read:\n" + "\n".join(found))
    return archive(html, folder.parent / f"{ARCHIVE}.zip")


def archive(html: Path, target: Path) -> Path:
    """A zip of the finished pages; the same pages at the same ``SOURCE_DATE_EPOCH`` give the same bytes."""
    date = runtime.build_time().timetuple()[:6]
    with runtime.atomically(target) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        for path in sorted(path for path in html.rglob("*") if path.is_file() and path.name != ".buildinfo"):
            entry = zipfile.ZipInfo(f"{ARCHIVE}/{path.relative_to(html).as_posix()}", date)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, and say where; a mistake that the user can mend is one clear line."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.cli.book", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons by number or name; default: all")
    parser.add_argument("--folder", type=Path, help="where to build; default: build/book in the checkout")
    asked = parser.parse_args(arguments)
    try:
        folder = (asked.folder or runtime.repo_root() / "build" / "book").resolve()
        names = sorted({lessons.find(text) for text in asked.lessons}) or lessons.names()
        packed = build(names, folder)
    except CourseError as error:
        print(f"book: {error}", file=sys.stderr)
        return 2
    print(f"{folder / 'html' / 'index.html'}\n{packed} ({packed.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
