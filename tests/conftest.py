"""Fixtures that several test files share."""

import sys

import pytest

from course_utils.cli import app


@pytest.fixture
def course(monkeypatch, capsys):
    """Call the command as the console script does; gives exit code, standard output, standard error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["course", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        shown = capsys.readouterr()
        return ended.value.code or 0, shown.out, shown.err

    return call
