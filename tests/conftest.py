"""Fixtures that several test files share."""

import sys

import pytest

from course_utils.cli import app

#: Of whose code a deprecation is an error: ours. What Keras or TensorFlow do inside is theirs to mend.
OURS = r"(course_utils|test_\w+|toy_assignment|backend_checks|data_checks)(\.|$)"


def pytest_addoption(parser):
    parser.addoption("--deprecations-as-errors", action="store_true", help="as `make newest` runs the tests")


def pytest_configure(config):
    if config.getoption("--deprecations-as-errors"):
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"):
            config.addinivalue_line("filterwarnings", f"error::{kind}:{OURS}")


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


@pytest.fixture
def no_real_data(tmp_path, monkeypatch):
    """An empty data folder and an empty home, whatever lies on this machine; the tests of a data set use it throughout."""
    for name in ("COURSE_DATA", "HOME", "USERPROFILE"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("COURSE_SIZE", "")
    return tmp_path / "course_data"


@pytest.fixture(scope="session")
def programs():
    """Chromium and its driver; a test that asks for them is skipped where they are missing, or fails in CI."""
    import browsing

    return browsing.chromium()


@pytest.fixture
def browser(programs, tmp_path, monkeypatch, request):
    """A fresh Chromium without a window, which reaches this machine alone."""
    import browsing

    monkeypatch.setenv("SE_OFFLINE", "true")  # Selenium looks for no driver of its own
    with browsing.start(programs, tmp_path) as started:
        yield started
        browsing.photograph(started, f"{request.node.name}_end")
