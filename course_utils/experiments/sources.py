"""Code as what it does: the same hash after a comment, another after a changed number. What *stale* is judged by."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from course_utils.runtime import SettingsError

#: Rooms and modules that no measured number of a lesson comes from: bars (results are judged anew by them), drawing, commands,
#: and what reads committed results. One number does come from drawing: lesson 11 judges what ``plotting.stretch`` makes of filters.
APART = (
    "cases",
    "classroom",
    "cli",
    "plotting",
    "runtime",
    "experiments.backends",
    "experiments.claims",
    "experiments.evaluation_readings",
    "experiments.ladder_verdicts",
    "experiments.sources",
)
PACKAGE = "course_utils"


def imported(code: str) -> dict[str, Path]:
    """The modules of the course that code imports, and those that they import, by name; without those ``APART``.

    ``from course_utils.datasets import faces`` counts ``datasets.faces`` alone, not all that ``datasets/__init__`` names, and
    ``training.shuffled_batches`` counts ``training.batches``.
    Of ``experiments`` the modules count and the room's ``__init__``, which reads and writes results, does not.
    """
    found: dict[str, Path] = {}
    waiting = list(_named(code))
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None or name == PACKAGE or _is_apart(name):
            continue
        found[name] = path
        waiting += _imports_of(path)
    return dict(sorted(found.items()))


@functools.cache
def _imports_of(path: Path) -> tuple[str, ...]:
    return tuple(_named(path.read_text(encoding="utf-8")))


@functools.cache
def code_of_file(path: Path) -> str:
    """:func:`code_of` a file, read once in a process."""
    return code_of(path.read_text(encoding="utf-8"))


def _is_apart(name: str) -> bool:
    within = name.removeprefix(f"{PACKAGE}.")
    return within == "experiments" or any(within == room or within.startswith(f"{room}.") for room in APART)


def _named(code: str) -> Iterator[str]:
    """Names of the modules of the course that a piece of code uses.

    ``from a import b`` is the module ``a.b`` where there is one. Where ``b`` is a room, or a name that the room ``a`` passes
    on from one of its modules, it is the modules that define what is used: ``training.Floored`` is ``training.schedules``.
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:  # what is used of it could not be followed
                    raise SettingsError(
                        f"import {alias.name}: write 'from {PACKAGE}… import …', so that results know their code"
                    )
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise SettingsError(
                f"from .{node.module or ''} import …: write the module's whole name, so that results know their code"
            )
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if _file(inner) is None:
                    yield _definer(node.module, alias.name)
                elif not _is_room(inner) or (used := _attributes(tree, alias.asname or alias.name)) is None:
                    yield inner
                else:
                    yield from (_definer(inner, name) for name in sorted(used))


def _attributes(tree: ast.Module, name: str) -> set[str] | None:
    """What is taken from ``name`` as ``name.what``; None where it is used as a whole (handed on, or imported for its effect)."""
    owners = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    uses = [owners.get(id(node)) for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    return None if None in uses or not uses else {attribute for attribute in uses if attribute is not None}


def _definer(module: str, name: str) -> str:
    """The module that ``name`` comes from: one of a room's own, the one from which the room passes it on, or the module itself."""
    if not _is_room(module):
        return module
    if _file(f"{module}.{name}"):
        return f"{module}.{name}"
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and name in {a.asname or a.name for a in node.names}:
            return _definer(node.module, next(a.name for a in node.names if name == (a.asname or a.name)))
    return module


def _is_room(name: str) -> bool:
    file = _file(name)
    return file is not None and file.name == "__init__.py"


def _file(name: str) -> Path | None:
    """The file of a module of the course, found without importing anything."""
    bare = Path(__file__).parents[2].joinpath(*name.split("."))
    return next((path for path in (bare.with_suffix(".py"), bare / "__init__.py") if path.is_file()), None)


def code_of(text: str, function: str = "") -> str:
    """Code as text that comments, docstrings and layout do not change, the same on every Python version.

    function: of one function at the top alone. Raises SettingsError when there is none of that name.
    """
    tree = ast.parse(text)
    if function:
        tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
        if not tree.body:
            raise SettingsError(f"an experiment names a source that does not exist: function {function!r}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return repr(_essence(tree))


def _essence(node: object, in_text: bool = False) -> object:
    """A syntax tree as nested lists that come out the same on every Python version (``ast.dump`` and ``unparse`` do not)."""
    if isinstance(node, ast.AST):
        filled = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [
            type(node).__name__,
            *([name, _essence(value, isinstance(node, ast.JoinedStr))] for name, value in filled),
        ]
    if isinstance(node, list):
        # Python 3.12 ends a format that holds a field with an empty text
        return [
            _essence(item) for item in node if not (in_text and isinstance(item, ast.Constant) and item.value == "")
        ]
    return repr(node)
