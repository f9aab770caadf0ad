"""The registry as people read it."""

from __future__ import annotations

from course_utils.cases.registry import all_cases


def symptom_index() -> str:
    """All symptoms as a Markdown table that leads to the lesson which finds the cause. Lesson 00_start_here."""
    lines = ["| What you see | Lesson | Case |", "|---|---|---|"]
    for case in all_cases().values():
        lines.append(f"| {case.symptom} | [{case.lesson}]({case.lesson}.ipynb) | `{case.id}` |")
    return "\n".join(lines)
