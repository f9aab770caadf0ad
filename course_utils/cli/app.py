"""Verbs of the ``course`` command and how errors reach the user."""

from __future__ import annotations

import sys
import warnings

import typer

from course_utils import __version__
from course_utils.cli import bench, cases, check, classroom, data, lab, run
from course_utils.runtime import CourseError

app = typer.Typer(
    name="course",
    help="Why won't it learn? – check the set-up, open the lessons, run cases and experiments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check.check)
app.add_typer(data.app, name="data")
app.add_typer(cases.app, name="cases")
app.command("run")(run.run)
app.command("lab", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab.lab)
app.command("bench")(bench.bench)
app.add_typer(classroom.app, name="class")


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Options of the command itself."""


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """As ``warnings.showwarning``, without the place in the course's source."""
    print(f"course: warning: {' '.join(str(message).split())}", file=sys.stderr)


def main() -> None:
    """Entry point: a mistake the user can mend is one clear line on standard error and exit code 2; a warning is one line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a pipe on Windows would else refuse × and →
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app()
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"course: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
