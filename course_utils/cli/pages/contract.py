"""The contract of ``results/README.md``: every case and every lesson on every backend, and what each file of results is."""

from __future__ import annotations

from typing import Any

from course_utils import cases, experiments, runtime
from course_utils.cases import Case
from course_utils.experiments import backends
from course_utils.experiments.claims import Records
from course_utils.runtime import BACKENDS

NOT_RUN = "not yet run"


def kept(case: Case, backend: str, records: Records) -> str:
    """How a case did on a backend: seeds passed of those run and the worst margin, in words."""
    found = backends.kept(case, backend, records.rows(case.lesson, backend))
    if not found.made:
        return "not made for it"
    if not found.run:
        return NOT_RUN
    margin = f", {found.worst:.2g}×" if found.worst is not None else ", exact" * bool(found.passed)
    return f"{found.passed} of {found.run}{margin}" + (", *stale*" if found.stale else "")


def cases_table(records: Records) -> str:
    """Markdown: case × backend."""
    lines = [
        "| case | lesson | kind | as registered | " + " | ".join(BACKENDS) + " |",
        "|---" * (4 + len(BACKENDS)) + "|",
    ]
    for case in cases.all_cases().values():
        cells = [kept(case, backend, records) for backend in BACKENDS]
        lesson = f"[{case.lesson[:2]}](../notebooks/{case.lesson}.ipynb)"
        holds = "holds" if case.status == "reproduces" else "**refuted**"
        lines.append(f"| `{case.id}` | {lesson} | {case.kind} | {holds} | {' | '.join(cells)} |")
    notes = [f"- `{case.id}`: {case.elsewhere}" for case in cases.all_cases().values() if case.elsewhere]
    return "\n".join([*lines, "", _made(records), "", "What differs between backends:", "", *notes])


def lessons_table(records: Records) -> str:
    """Markdown: lesson × backend."""
    if records.backends is None:
        return _made(records)
    return f"{backends.lesson_table(records.backends)}\n\n{_made(records)}"


def _made(records: Records) -> str:
    result = records.backends
    if result is None:
        return "`backends.json` is not there yet: no lesson has been run on several seeds and backends for this page."
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    return f"{result['what']}; {result['device']}; {versions}; `{result['command']}`."


def files_table() -> str:
    """Markdown: every JSON file of results: what it is, its size, seeds and command, and whether it is stale."""
    lines = ["| file | what it holds | size, seeds | made by | as the code is now |", "|---|---|---|---|---|"]
    named = set()
    for name in experiments.NAMES:
        sizes = [experiments.committed_size(name)]
        sizes += [runtime.REDUCED] if hasattr(experiments.get(name), "RESULT") else []
        for size in dict.fromkeys(sizes):
            path = experiments.result_path(name, size)
            if path.exists() and path.name not in named:
                named.add(path.name)
                result = experiments.load_result(name, size)
                fresh = "**stale**" if result["stale"] else "yes"
                what = f"{size.name}; {_seeds(result)}"
                lines.append(_line(path.name, result["title"], what, result["command"], fresh))
    for path in sorted(runtime.results_dir().glob("*.json")):
        if path.name not in named and not is_trial(path.name):
            result = experiments.read(path)
            size = runtime.Size(**result["size"]).name if result.get("size") else "–"
            what = result.get("what") or result.get("title", "–")
            lines.append(_line(path.name, what, f"{size}; {_seeds(result)}", result["command"], "–"))
    return "\n".join(lines)


def is_trial(name: str) -> bool:
    """Whether a file of this name holds rows of a run that has not ended, or of one at budget ``smoke``: no page lists it."""
    return name.endswith(".partial.json") or "budget=smoke" in name


def _seeds(result: dict[str, Any]) -> str:
    """The seeds of a file, smallest first, or how many a backend where they were drawn freshly."""
    seeds = sorted({row["seed"] for row in result["rows"] if "seed" in row} or {result.get("seed", -1)})
    if seeds[-1] > 100:
        by_backend: dict[str, set[int]] = {}
        for row in result["rows"]:
            by_backend.setdefault(row.get("backend", ""), set()).add(row.get("seed", seeds[-1]))
        numbers = {backend: len(found) for backend, found in by_backend.items()}
        if len(set(numbers.values())) == 1:
            return f"{max(numbers.values())} fresh"
        return "fresh: " + ", ".join(f"{number} on {backend}" for backend, number in numbers.items())
    return "–" if seeds == [-1] else ", ".join(map(str, seeds))


def _line(file: str, what: str, size: str, command: str, fresh: str) -> str:
    return f"| [{file}]({file}) | {what} | {size} | `{command}` | {fresh} |".replace("\n", " ")
