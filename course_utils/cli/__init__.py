"""The ``course`` command. Floor 7: it parses, calls the floors below, and prints; it holds no course logic."""

from course_utils.cli.app import app, main

__all__ = ["app", "main"]
