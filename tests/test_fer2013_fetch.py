"""Fetching FER2013, with a stand-in for kagglehub: what comes, and what is said when it does not. No network."""

import io
import sys
import tarfile
import types

import numpy as np
import pytest
from data_checks import the_line

from course_utils.datasets import fer2013, fer2013_fetch
from course_utils.datasets.fer2013 import Rows

PAGE = (
    "https://www.kaggle.com/competitions/challenges-in-representation-learning-facial-expression-recognition-challenge"
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(2)
    return Rows(rng.integers(0, 256, (7, 48, 48), np.uint8), np.arange(7, dtype=np.uint8), np.zeros(7, np.uint8))


@pytest.fixture
def csv_bytes(tmp_path, rows):
    fer2013.write_csv(tmp_path / "made.csv", rows)
    return (tmp_path / "made.csv").read_bytes()


@pytest.fixture
def published(monkeypatch, rows):
    """Seven rows count as the published file."""
    monkeypatch.setattr(fer2013, "PUBLISHED_CLASSES", rows.counts())


def packed(path, level=9, **members):
    with tarfile.open(path, "w:gz", compresslevel=level) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("__", "/") + ".csv")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def kagglehub(monkeypatch, tmp_path):
    """A module whose download gives ``.archive``, or raises ``.error``."""
    module = types.ModuleType("kagglehub")
    module.archive, module.error, module.asked = tmp_path / "cache" / "fer2013.tar.gz", None, []
    module.archive.parent.mkdir()

    def competition_download(handle, path=None):
        module.asked.append((handle, path))
        if module.error:
            raise module.error
        return str(module.archive)

    module.competition_download = competition_download
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "fer2013"


def test_the_csv_of_the_archive_comes_into_the_folder(kagglehub, folder, csv_bytes, published, rows):
    packed(kagglehub.archive, fer2013__README=b"read me", fer2013__fer2013=csv_bytes)
    path = fer2013_fetch.fetch(folder)
    assert path == folder / "fer2013.csv"
    assert path.read_bytes() == csv_bytes
    assert fer2013.read_csv(path).sha256() == rows.sha256()
    assert [p.name for p in folder.iterdir()] == ["fer2013.csv"]
    assert kagglehub.asked == [(PAGE.rpartition("/")[2], "fer2013.tar.gz")]


def assert_nothing_came(folder):
    assert not folder.exists() or list(folder.iterdir()) == []


def test_without_kagglehub_it_says_how_to_install_it_and_how_to_do_without(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    text = the_line(fer2013_fetch.fetch, folder)
    assert "pip install kagglehub" in text
    assert 'pip install -e ".[kaggle]"' in text
    assert f"{PAGE}/data" in text
    assert str(folder) in text
    assert_nothing_came(folder)


class UnauthenticatedError(Exception):
    """As in kagglehub.exceptions."""


class KaggleApiHTTPError(OSError):
    """As in kagglehub.exceptions, where it is a requests.HTTPError, thus an OSError."""

    def __init__(self, code):
        super().__init__(f"{code} Client Error.\n\nYou don't have permission to access resource at URL: …")
        self.response = types.SimpleNamespace(status_code=code)


RequestsConnectionError = type("ConnectionError", (OSError,), {})
ReadTimeout = type("ReadTimeout", (type("Timeout", (OSError,), {}),), {})


def test_without_an_account_it_says_how_to_make_a_token_and_to_accept_the_rules(kagglehub, folder):
    kagglehub.error = UnauthenticatedError("User is not authenticated")
    text = the_line(fer2013_fetch.fetch, folder)
    for said in ("https://www.kaggle.com/settings", "KAGGLE_API_TOKEN", "~/.kaggle/access_token", f"{PAGE}/rules"):
        assert said in text
    assert_nothing_came(folder)


@pytest.mark.parametrize("code", [401, 403])
def test_rules_not_accepted(kagglehub, folder, code):
    kagglehub.error = KaggleApiHTTPError(code)
    text = the_line(fer2013_fetch.fetch, folder)
    assert f"Kaggle refuses the download (code {code}): accept the competition's rules at {PAGE}/rules" in text


@pytest.mark.parametrize(
    "error",
    [
        RequestsConnectionError("Name or\nservice not known"),
        ReadTimeout("read timed out"),
        ConnectionResetError("reset"),
    ],
)
def test_no_network(kagglehub, folder, error):
    kagglehub.error = error
    text = the_line(fer2013_fetch.fetch, folder)
    assert "Kaggle cannot be reached" in text
    assert "look at the network" in text
    assert_nothing_came(folder)


@pytest.mark.parametrize(
    "error", [ValueError("Invalid Kaggle credentials file at kaggle.json"), KaggleApiHTTPError(500), RuntimeError()]
)
def test_any_other_failure_is_passed_on_in_one_line(kagglehub, folder, error):
    kagglehub.error = error
    text = the_line(fer2013_fetch.fetch, folder)
    assert "could not be downloaded: " + (str(error).split("\n")[0] or "RuntimeError") in text


def test_damaged_archives_are_named_and_leave_nothing(kagglehub, folder, csv_bytes, published):
    raw = packed(kagglehub.archive, fer2013__fer2013=csv_bytes).read_bytes()
    for damaged in (b"", b"<html>no archive</html>", raw[:50], raw[:2000], raw[: len(raw) // 2]):
        kagglehub.archive.write_bytes(damaged)
        text = the_line(fer2013_fetch.fetch, folder)
        assert text.startswith(f"{kagglehub.archive}: damaged or not the archive of FER2013")
        assert_nothing_came(folder)
    kagglehub.archive.unlink()
    assert str(kagglehub.archive) in the_line(fer2013_fetch.fetch, folder)


@pytest.mark.parametrize("after", ["the csv", "more"])
def test_a_flipped_bit_that_leaves_a_well_formed_csv_is_seen_by_the_checksum(
    kagglehub, folder, csv_bytes, published, after
):
    """Not compressed, the bytes of the archive are those of the CSV file, and a digit becomes another one."""
    more = {"fer2013__other": bytes(3 << 20)} if after == "more" else {}
    raw = bytearray(packed(kagglehub.archive, 0, fer2013__fer2013=csv_bytes, **more).read_bytes())
    raw[raw.index(b" 1", raw.index(b"emotion,pixels")) + 1] ^= 2
    kagglehub.archive.write_bytes(raw)
    text = the_line(fer2013_fetch.fetch, folder)
    assert text.startswith(f"{kagglehub.archive}: damaged or not the archive of FER2013 (CRC check failed")
    assert_nothing_came(folder)


def test_an_archive_without_the_csv_is_named(kagglehub, folder):
    packed(kagglehub.archive, fer2013__other=b"1")
    assert "no fer2013.csv" in the_line(fer2013_fetch.fetch, folder)
    assert_nothing_came(folder)


def test_a_damaged_csv_is_named_by_its_own_name_and_leaves_nothing(kagglehub, folder, csv_bytes):
    packed(kagglehub.archive, fer2013__fer2013=csv_bytes[:-100])
    text = the_line(fer2013_fetch.fetch, folder)
    assert text.startswith(f"{folder / 'fer2013.csv'}: row 7 (line 8): ")
    assert text.endswith(f", from {kagglehub.archive}; delete it and try again")
    assert_nothing_came(folder)


def test_a_csv_that_is_not_the_published_one_is_refused(kagglehub, folder, csv_bytes):
    packed(kagglehub.archive, fer2013__fer2013=csv_bytes)
    text = the_line(fer2013_fetch.fetch, folder)
    assert "found 7 + 0 + 0 rows, or other classes than published, expected 28709 + 3589 + 3589" in text
    assert text.endswith(f", from {kagglehub.archive}; delete it and try again")
    assert_nothing_came(folder)


def test_a_file_that_is_there_survives_a_failure(kagglehub, folder, csv_bytes):
    folder.mkdir(parents=True)
    (folder / "fer2013.csv").write_bytes(b"mine")
    packed(kagglehub.archive, fer2013__fer2013=csv_bytes)
    the_line(fer2013_fetch.fetch, folder)
    assert (folder / "fer2013.csv").read_bytes() == b"mine"


def test_a_full_disk_is_named_and_leaves_nothing(kagglehub, folder, csv_bytes, monkeypatch):
    packed(kagglehub.archive, fer2013__fer2013=csv_bytes)

    def full(source, target, _):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fer2013_fetch.shutil, "copyfileobj", full)
    text = the_line(fer2013_fetch.fetch, folder)
    assert text == f"{folder / 'fer2013.csv'}: cannot be written (No space left on device)"
    assert_nothing_came(folder)
