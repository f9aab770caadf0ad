"""nbgrader's settings for this course. A class has a file like this one in its own folder, where it can change them."""

from course_utils.classroom.settings import configure

configure(get_config())  # noqa: F821 – nbgrader provides get_config
