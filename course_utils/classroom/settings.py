"""How nbgrader is set up for this course; both nbgrader_config.py files (the course's and a class's) call ``configure``."""

from __future__ import annotations

from traitlets.config import Config


def configure(config: Config) -> None:
    """Put the course's choices into nbgrader's configuration; what a class sets afterwards wins."""
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader.preprocessors import (
        AssignLatePenalties,
        CheckCellMetadata,
        ClearHiddenTests,
        GetGrades,
        IgnorePattern,
        LimitOutput,
        SaveAutoGrades,
    )

    from course_utils.classroom.preprocessors import IsolatedExecute, Remarks, ShortErrors

    config.CourseDirectory.course_id = "why_wont_it_learn"
    config.OverwriteCells.add_missing_cells = True
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
        ClearHiddenTests,
        ShortErrors,
        Remarks,
        CSSHTMLHeaderPreprocessor,
    ]
