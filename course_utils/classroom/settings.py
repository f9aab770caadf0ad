"""How nbgrader is set up for this course; both nbgrader_config.py files (the course's and a class's) call ``configure``."""

from __future__ import annotations

from traitlets.config import Config


def configure(config: Config) -> None:
    """Put the course's choices into nbgrader's configuration; what a class sets afterwards wins."""
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader.preprocessors import (
        AssignLatePenalties,
        CheckCellMetadata,
        GetGrades,
        IgnorePattern,
        LimitOutput,
        SaveAutoGrades,
    )

    from course_utils.classroom.preprocessors import IsolatedExecute, Remarks, WithoutHidden
    from course_utils.classroom.safe import markdown2html

    config.CourseDirectory.course_id = "why_wont_it_learn"
    config.OverwriteCells.add_missing_cells = True
    config.HTMLExporter.filters = {"markdown2html": markdown2html}  # feedback and formgrader
    config.Autograde.autograde_preprocessors = [
        IsolatedExecute,
        IgnorePattern,
        LimitOutput,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    config.GenerateFeedback.preprocessors = [
        GetGrades,
        WithoutHidden,
        Remarks,
        CSSHTMLHeaderPreprocessor,
    ]
