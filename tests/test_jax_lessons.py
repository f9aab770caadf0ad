"""A third of the lessons on JAX, the cheapest there that touch every part; ``course run lessons`` has all of them, on PyTorch too."""

import pytest

from course_utils import cases
from course_utils.cli import lessons

pytestmark = pytest.mark.deep

CHOSEN = ("10", "12", "20", "21", "30", "40", "41", "49")


@pytest.mark.parametrize("lesson", [lessons.find(number) for number in CHOSEN])
def test_a_lesson_runs_on_jax_and_its_cases_hold(lesson, tmp_path):
    ended = lessons.execute(lesson, {"KERAS_BACKEND": "jax", "COURSE_SIZE": "reduced"}, working_folder=tmp_path)
    assert ended.error is None
    judged = {case.id for case in cases.of_lesson(lesson) if "jax" in case.backends}
    assert {verdict["id"] for verdict in ended.verdicts} == judged
    assert all(verdict["judged"] and cases.passes(cases.get(verdict["id"]), verdict) for verdict in ended.verdicts)


def test_the_chosen_are_a_third_and_hold_a_lesson_of_every_part():
    assert len(CHOSEN) >= len(lessons.names()) // 3
    assert {number[0] for number in CHOSEN} == {"1", "2", "3", "4"}
