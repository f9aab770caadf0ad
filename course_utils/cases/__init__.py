"""The documented bugs of the course: a registry of facts and bars, and one judge. Floor 2.

The experiment itself stands in the lesson that owns the case; it measures and hands both runs to :func:`judge`.
A new case is one entry in the module of its part. First met in lesson 10_digits_convnet.
"""

from course_utils.cases.judge import MARGIN, SEEDS, CaseFailed, Verdict, check, judge, passes, seeds_needed
from course_utils.cases.registry import Bar, Case, all_cases, get, of_lesson
from course_utils.cases.tables import symptom_index

__all__ = [
    "MARGIN",
    "SEEDS",
    "Bar",
    "Case",
    "CaseFailed",
    "Verdict",
    "all_cases",
    "check",
    "get",
    "judge",
    "of_lesson",
    "passes",
    "seeds_needed",
    "symptom_index",
]
