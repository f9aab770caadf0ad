"""Links of the checkout's Markdown, made to hold inside the book."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

from course_utils import runtime
from course_utils.runtime import CourseError

#: Page of the checkout → its page in the book, where the two differ.
MOVED = {"README.md": "index.md"}
NOT_SHIPPED = (".ipynb", ".md", ".py")  # as files to download; as pages they are
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_CODE = re.compile(r"(^```.*?^```|``.+?``|`[^`\n]+`)", re.DOTALL | re.MULTILINE)


def resolved(text: str, origin: str, place: str, pages: Collection[str], *, html: bool = False) -> tuple[str, set[str]]:
    """Markdown of the checkout's file ``origin`` as it stands on the book's page ``place``, and the files it needs beside it.

    A link to another page or file leads to where the book has it; one to something that the book leaves out becomes its text.
    pages: the book's pages. html: links name the finished pages, for Markdown that Sphinx does not resolve.
    Raises CourseError, naming page and link, when the checkout has no such file.
    """
    files: set[str] = set()

    def mend(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return match[0]
        wanted = os.path.normpath(PurePosixPath(origin).parent / path).replace(os.sep, "/")
        there = MOVED.get(wanted, wanted)
        if there in pages:
            there = PurePosixPath(there).with_suffix(".html").as_posix() if html else there
        elif not (runtime.repo_root() / wanted).exists():
            raise CourseError(f"{origin}: dead link {target}")
        elif (runtime.repo_root() / wanted).is_file() and Path(wanted).suffix not in NOT_SHIPPED:
            files.add(wanted)
        else:
            return label
        there = os.path.relpath(there, PurePosixPath(place).parent).replace(os.sep, "/")
        return f"{image}[{label}]({there}{'#' * bool(anchor)}{anchor})"

    return outside_code(text, lambda prose: _LINK.sub(mend, prose)), files


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change Markdown, but leave code blocks and `code` as they are."""
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match[0])
        return f"\0{len(held) - 1}\0"

    return re.sub("\0(\\d+)\0", lambda match: held[int(match[1])], change(_CODE.sub(hold, text)))
