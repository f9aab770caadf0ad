"""``course bench``'s rows on reading FER2013: the same arrays each way, and no trace left behind."""

import numpy as np
import pytest

from course_utils.cli import bench, bench_loaders, lessons
from course_utils.datasets import expressions_stand_in, fer2013


@pytest.fixture
def few_rows(monkeypatch, no_real_data):
    rows = expressions_stand_in.draw((20, 8, 8))
    monkeypatch.setattr(expressions_stand_in, "draw", lambda counts: rows)
    return rows


def test_each_way_is_a_row_compared_with_the_documented_one(few_rows):
    documented, *ours = bench_loaders.measure()
    assert "36 rows" in documented["what"] and documented["times_faster_than_documented"] == 1
    assert {row["what"].split(": ")[1]: row["goal"] for row in ours} == bench_loaders.GOALS
    assert all(row["ms"] > 0 for row in ours)


def test_ways_that_differ_are_not_compared(few_rows, monkeypatch):
    monkeypatch.setattr(bench_loaders, "_documented", lambda path: np.zeros((36, 2304)))
    with pytest.raises(AssertionError):
        bench_loaders.measure()


def test_a_real_file_is_read_where_there_is_one_and_gets_no_cache_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "fer2013" / "fer2013.csv"
    path.parent.mkdir()
    fer2013.write_csv(path, expressions_stand_in.draw((9, 2, 2)))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert "13 rows" in bench_loaders.measure()[0]["what"]
    assert list(path.parent.iterdir()) == [path]


def test_the_documented_way_reads_the_file_whose_columns_have_blanks(tmp_path):
    rows = expressions_stand_in.draw((4, 1, 1))
    fer2013.write_csv(tmp_path / "icml_face_data.csv", rows)
    text = (tmp_path / "icml_face_data.csv").read_text(encoding="utf-8")
    (tmp_path / "icml_face_data.csv").write_text(text.replace("pixels,Usage", " pixels, Usage", 1), encoding="utf-8")
    found = bench_loaders._documented(tmp_path / "icml_face_data.csv")
    np.testing.assert_array_equal(found, rows.images.reshape(6, -1))


def test_a_damaged_file_is_named_before_any_lesson_is_measured(no_real_data, course, monkeypatch):
    (no_real_data / "fer2013.csv").write_text("emotion", encoding="utf-8")
    monkeypatch.setattr(bench, "_samplers", list)
    monkeypatch.setattr(lessons, "execute", lambda *_, **__: pytest.fail("a lesson was measured"))
    code, out, err = course("bench")
    assert (code, out) == (2, "") and err.startswith(f"course: {no_real_data / 'fer2013.csv'}: line 1: ")
