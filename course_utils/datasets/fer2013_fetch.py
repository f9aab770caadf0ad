"""Fetch ``fer2013.csv`` from Kaggle, with Kaggle's own client library. Floor 2. Lesson 40_expressions_files.

FER2013 may not be passed on: each person gets it from the competition's page with an own account, whose rules have to be
accepted there once. kagglehub is an extra of the course and imported only here, when it is needed.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path

from course_utils.datasets.fer2013 import PUBLISHED_COUNTS, read_csv
from course_utils.runtime import DataError, atomically

HANDLE = "challenges-in-representation-learning-facial-expression-recognition-challenge"
PAGE = f"https://www.kaggle.com/competitions/{HANDLE}"
ARCHIVE = "fer2013.tar.gz"
MEMBER = "fer2013.csv"
BY_HAND = f"or download {ARCHIVE} from {PAGE}/data and put {MEMBER} of it in {{folder}}"
_INSTALL = "kagglehub is not installed; run 'pip install kagglehub', or in the course: pip install -e \".[kaggle]\""
_TOKEN = (
    "Kaggle knows no account here; make a token at https://www.kaggle.com/settings ('Generate New Token' under API), "
    "put it in ~/.kaggle/access_token or in KAGGLE_API_TOKEN, accept the rules at {page}/rules, and try again"
)
_RULES = (
    "Kaggle refuses the download (code {code}): accept the competition's rules at {page}/rules with the account that "
    "the token belongs to, or make a new token at https://www.kaggle.com/settings, and try again"
)
_NETWORK = "Kaggle cannot be reached ({reason}); look at the network, and try again"


def fetch(folder: Path) -> Path:
    """Download FER2013 (92 MB) into ``<folder>/fer2013.csv`` (300 MB) and read it; a failure leaves nothing there.

    The archive stays in kagglehub's own folder (``~/.cache/kagglehub``). Returns the path of the CSV file.
    Raises DataError, saying what to do, when kagglehub, an account, the accepted rules or the network is missing, and
    when the file cannot be written, is damaged or is not the published one.
    """
    folder = Path(folder)
    target = folder / MEMBER
    archive = _download(folder)
    try:
        with atomically(target) as temporary:
            _extract(archive, temporary)
            _verify(temporary, target, archive)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def _download(folder: Path) -> Path:
    """Where kagglehub has put the archive."""
    by_hand = BY_HAND.format(folder=folder)
    try:
        import kagglehub
    except ImportError as error:
        raise DataError(f"{_INSTALL}; {by_hand}") from error
    try:
        return Path(kagglehub.competition_download(HANDLE, path=ARCHIVE))
    except Exception as error:  # its own kinds, those of requests, ValueError for a damaged kaggle.json, OSError
        raise DataError(f"FER2013 could not be downloaded: {_said(error)}; {by_hand}") from error


def _said(error: Exception) -> str:
    """What to do about an error of kagglehub (1.0: ``kagglehub.exceptions``), whose kinds are told by name."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code = getattr(getattr(error, "response", None), "status_code", None)
    if "UnauthenticatedError" in kinds:
        return _TOKEN.format(page=PAGE)
    if code in (401, 403):
        return _RULES.format(code=code, page=PAGE)
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if kinds & {"ConnectionError", "Timeout", "TimeoutError", "ChunkedEncodingError"}:
        return _NETWORK.format(reason=reason)
    return reason


def _extract(archive: Path, target: Path) -> None:
    """Copy ``fer2013.csv`` out of the archive piece by piece, its checksum compared.

    Raises DataError; OSError when it cannot be written. The gzip checksum stands at the end of the archive, and tarfile's
    own ``r|gz`` never looks at it: so gzip reads, and to the end.
    """
    damaged = (
        f"{archive}: damaged or not the archive of FER2013 ({{}}); expected {MEMBER} in it; delete it, and try again"
    )
    try:
        unpacked = gzip.open(archive)  # noqa: SIM115 – closed below; only here does any OSError mean the archive
    except OSError as error:
        raise DataError(damaged.format(error)) from error
    try:
        with unpacked, tarfile.open(fileobj=unpacked, mode="r|") as packed:
            for member in packed:
                if member.isfile() and Path(member.name).name == MEMBER:
                    with target.open("wb") as file:
                        shutil.copyfileobj(packed.extractfile(member), file, 1 << 20)
                    while unpacked.read(1 << 20):
                        pass
                    return
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(damaged.format(error)) from error
    raise DataError(damaged.format(f"no {MEMBER}"))


def _verify(temporary: Path, target: Path, archive: Path) -> None:
    """Raise DataError when the file is not the published one in number of rows and classes."""
    mend = f"from {archive}; delete it and try again"
    try:
        rows = read_csv(temporary)
    except DataError as error:
        raise DataError(f"{str(error).replace(str(temporary), str(target))}, {mend}") from error
    if not rows.published:
        found, expected = (" + ".join(map(str, counts)) for counts in (map(sum, rows.counts()), PUBLISHED_COUNTS))
        raise DataError(f"{target}: found {found} rows, or other classes than published, expected {expected}, {mend}")
