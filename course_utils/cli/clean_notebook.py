"""Strip from notebooks what a run leaves in them: a git clean filter and a pre-commit hook.

``python -m course_utils.cli.clean_notebook``            standard input to standard output (the git filter)
``python -m course_utils.cli.clean_notebook FILES``      clean in place; exit 1 if any changed
``python -m course_utils.cli.clean_notebook --check …``  only report; exit 1 if any would change

Git runs it on every touched lesson, so it loads no backend and no Keras.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from course_utils.runtime import DataError, write_text_atomically

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"name": "python"}  # JupyterLab adds the Python version, which would differ from machine to machine
CELL_TRACES = ("collapsed", "ExecuteTime", "execution", "scrolled")  # what front ends write when a cell runs or folds
_NOT_A_NOTEBOOK = (
    AttributeError,  # what a missing or misshapen part of a notebook shows up as
    KeyError,
    TypeError,
    UnicodeEncodeError,
    nbformat.NBFormatError,
    nbformat.ValidationError,
)


def clean(text: str) -> str:
    """The same notebook without outputs and traces of a run; cell ids, tags and nbgrader's metadata stay.

    Cleaning twice changes nothing more. Raises DataError, in one line, when the text is not a version 4 notebook.
    """
    try:
        # nbformat.reads would invent random ids for cells that lack one: a new difference on every run of git
        notebook = nbformat.reader.reads(text)
        if notebook["nbformat"] != 4:
            raise DataError(f"found a notebook of format {notebook['nbformat']}, expected format 4")
        for cell in notebook["cells"]:
            _clean_cell(cell)
        notebook["metadata"].pop(
            "widgets", None
        )  # their saved state; "execution" beside it is nbmake's time-out and stays
        notebook["metadata"].update(kernelspec=dict(KERNELSPEC), language_info=dict(LANGUAGE_INFO))
        cleaned = nbformat.v4.writes(notebook) + "\n"
        cleaned.encode("utf-8")  # half a surrogate pair is valid JSON that no file can hold
        return cleaned
    except nbformat.reader.NotJSONError as error:
        raise DataError(f"found no JSON, expected a notebook ({error.__cause__})") from error
    except _NOT_A_NOTEBOOK as error:
        reason = " ".join(str(error).split())
        raise DataError(f"found JSON that is not a notebook ({type(error).__name__}: {reason})") from error


def _clean_cell(cell: nbformat.NotebookNode) -> None:
    """Strip one cell in place."""
    if cell["cell_type"] == "code":
        cell.update(outputs=[], execution_count=None)
    for key in CELL_TRACES:
        cell["metadata"].pop(key, None)
    jupyter = cell["metadata"].get("jupyter", {})
    jupyter.pop("outputs_hidden", None)  # "source_hidden" beside it is the author's choice and stays
    if not jupyter:
        cell["metadata"].pop("jupyter", None)


def filter_stream(raw: bytes) -> bytes:
    """What git is to store for these bytes. What is not a notebook passes unchanged: git must not lose data."""
    try:
        return clean(raw.decode("utf-8")).encode("utf-8")
    except (DataError, UnicodeDecodeError) as error:
        print(f"notebook filter: stored unchanged: {error}", file=sys.stderr)
        return raw


def clean_files(paths: Sequence[Path], *, check: bool = False) -> list[Path]:
    """Clean notebooks in place, or with ``check`` only look; return those that were not clean.

    Raises DataError, before anything is written, when one cannot be read as a notebook or written to.
    """
    cleaned = {path: _clean_file(path) for path in paths}
    changed = [path for path, (before, after) in cleaned.items() if before != after]
    for path in [] if check else changed:
        try:
            write_text_atomically(path, cleaned[path][1])
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror})") from error
    return changed


def _clean_file(path: Path) -> tuple[str, str]:
    """The text of a file, and what it should be."""
    try:
        before = path.read_text(encoding="utf-8")
        return before, clean(before)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; return the exit code: 0 clean, 1 something changed or would, 2 not a notebook."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.cli.clean_notebook", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="clean in place; without one: standard input"
    )
    parser.add_argument("--check", action="store_true", help="only report, write nothing")
    options = parser.parse_args(arguments)
    if options.check and not options.files:
        parser.error("--check needs at least one FILE")
    if not options.files:
        sys.stdout.buffer.write(filter_stream(sys.stdin.buffer.read()))
        return 0
    try:
        changed = clean_files(options.files, check=options.check)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    for path in changed:
        print(f"{path}: {'not clean' if options.check else 'cleaned'}")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
