"""What one run stands on: sizes, places, seeds, the backend, and the small tools that all floors use."""

import itertools
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils import runtime
from course_utils.runtime import AXES, FULL, REDUCED, CourseError, DataError, SettingsError, Size, parse_size


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No setting of the person who runs the tests counts; an empty one is as good as none."""
    for name in ("COURSE_SIZE", "COURSE_DATA", "COURSE_SEED", "COURSE_VERDICTS"):
        monkeypatch.setenv(name, "")


def the_line(call, *arguments):
    """The text of the SettingsError that a call raises; it has to be one line."""
    with pytest.raises(SettingsError) as raised:
        call(*arguments)
    text = str(raised.value)
    assert text.strip() and "\n" not in text
    return text


# ------------------------------------------------------------------------------------------------------- size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reduced", REDUCED),
        ("full", FULL),
        (" full ", FULL),
        ("full,budget=smoke", Size("real", "documented", "smoke")),
        ("full, budget=smoke", Size("real", "documented", "smoke")),
        ("reduced,data=real,network=documented", Size("real", "documented", "lesson")),
        ("budget=full", Size("stand-in", "small", "full")),
        ("data=real,data=stand-in", REDUCED),
    ],
)
def test_a_size_is_read(text, expected):
    assert parse_size(text) == expected


@pytest.mark.parametrize("axes", list(itertools.product(*AXES.values())))
def test_the_name_of_every_size_reads_back_as_that_size(axes):
    assert parse_size(Size(*axes).name) == Size(*axes)


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("fulll", "'full'"),
        ("Reduced", "'reduced'"),
        ("full,buget=smoke", "'budget'"),
        ("full,budget=smokey", "'smoke'"),
        ("data=stand_in", "'stand-in'"),
        ("network=documentd", "'documented'"),
    ],
)
def test_a_wrong_size_suggests_the_nearest_word(text, suggested):
    line = the_line(parse_size, text)
    assert f"did you mean {suggested}?" in line
    assert f"COURSE_SIZE={text}" in line


@pytest.mark.parametrize("text", ["huge", "full,colour=red", "full,budget=", "full,", "=", "full,reduced"])
def test_a_size_unlike_any_known_lists_the_known_ones(text):
    assert "Known: " in the_line(parse_size, text) or "first" in the_line(parse_size, text)


def test_a_preset_after_an_axis_is_not_called_unknown():
    assert "unknown size 'full'; did you mean 'full'" not in the_line(parse_size, "budget=smoke,full")


@pytest.mark.parametrize(
    ("axes", "suggested"),
    [({"data": "reel"}, "'real'"), ({"network": "smal"}, "'small'"), ({"budget": "lessons"}, "'lesson'")],
)
def test_a_size_made_by_hand_is_checked(axes, suggested):
    line = the_line(lambda: Size(**axes))
    assert suggested in line and next(iter(axes)) in line


def test_a_size_cannot_be_changed_after_the_check():
    with pytest.raises(AttributeError):
        REDUCED.data = "reel"


@pytest.mark.parametrize(("budget", "expected"), [("smoke", 1), ("lesson", 2), ("full", 3)])
def test_by_budget_picks_the_value_of_the_budget(budget, expected):
    assert Size(budget=budget).by_budget(smoke=1, lesson=2, full=3) == expected


@pytest.mark.parametrize(("network", "expected"), [("small", 1), ("documented", 2)])
def test_by_network_picks_the_value_of_the_network(network, expected):
    assert Size(network=network).by_network(small=1, documented=2) == expected


@pytest.mark.parametrize(("data", "expected"), [("stand-in", 1), ("real", 2)])
def test_by_data_picks_the_value_of_the_data(data, expected):
    assert Size(data=data).by_data(stand_in=1, real=2) == expected


@pytest.mark.parametrize(("text", "expected"), [("", REDUCED), ("full", FULL)])
def test_the_environment_sets_the_size(monkeypatch, text, expected):
    monkeypatch.setenv("COURSE_SIZE", text)
    assert runtime.size() == expected


# ------------------------------------------------------------------------------------- seed, places, backend


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("0", 0), ("41", 41), ("33554431", 2**25 - 1)])
def test_the_environment_sets_the_seed(monkeypatch, text, expected):
    monkeypatch.setenv("COURSE_SEED", text)
    assert runtime.seed() == expected


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "seven", "0x10", "²", "33554432", "9" * 5000])
def test_a_wrong_seed_says_what_was_expected(monkeypatch, text):
    monkeypatch.setenv("COURSE_SEED", text)
    line = the_line(runtime.seed)
    assert line.startswith(f"COURSE_SEED={text}"[:100])
    assert "expected a whole number from 0 to 33554431" in line


def test_pytorch_takes_smaller_seeds(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)  # once loaded, Keras has decided
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("COURSE_SEED", "16777215")
    assert runtime.seed() == 2**24 - 1
    monkeypatch.setenv("COURSE_SEED", "16777216")
    assert "expected a whole number from 0 to 16777215, on torch" in the_line(runtime.seed)


def test_drawn_seeds_are_for_every_backend(monkeypatch):
    monkeypatch.setattr(runtime.secrets, "randbelow", lambda end: end - 1)
    assert runtime.seeds(None, 5) == range(2**24 - 5, 2**24)


def test_without_a_setting_data_are_looked_for_in_the_checkout():
    assert runtime.data_root() == runtime.repo_root() / "data"


def test_the_environment_sets_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert runtime.data_root() == tmp_path


def test_a_data_folder_may_start_at_home(monkeypatch, tmp_path):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "sets").mkdir()
    monkeypatch.setenv("COURSE_DATA", "~/sets")
    assert runtime.data_root() == tmp_path / "sets"


def test_a_data_folder_that_is_a_file_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    line = the_line(runtime.data_root)
    assert f"COURSE_DATA={tmp_path / 'file'}" in line
    assert "found a file, expected a folder" in line


@pytest.mark.parametrize("place", ["missing", "file/below", "x" * 300, "a" * 5000])
def test_a_data_folder_that_is_not_there_is_said(monkeypatch, tmp_path, place):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / place))
    assert the_line(runtime.data_root).startswith("COURSE_DATA=")


def test_a_data_folder_in_the_home_of_nobody_is_said(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "~nobody-of-this-name/data")
    assert the_line(runtime.data_root).startswith("COURSE_DATA=~nobody-of-this-name/data")


@pytest.mark.parametrize("place", ["closed", "closed/below"])
def test_a_data_folder_that_cannot_be_read_is_said(monkeypatch, tmp_path, place):
    (tmp_path / "closed" / "below").mkdir(parents=True)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / place))
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("a permission does not bind this user, or this platform")
        assert the_line(runtime.data_root).startswith("COURSE_DATA=")
    finally:
        (tmp_path / "closed").chmod(0o700)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [("tensorflwo", "'tensorflow'"), ("pytorch", "'torch'"), ("JAX", "jax"), ("numpy", "Known: ")],
)
def test_a_wrong_backend_suggests_the_nearest(monkeypatch, name, suggested):
    monkeypatch.delitem(sys.modules, "keras", raising=False)  # once loaded, Keras has decided
    monkeypatch.setenv("KERAS_BACKEND", name)
    for asked in (runtime.backend_name, runtime.start):
        line = the_line(asked)
        assert line.startswith(f"KERAS_BACKEND={name}")
        assert suggested in line


@pytest.mark.parametrize(("name", "expected"), [("jax", "jax"), ("torch", "torch"), ("", "tensorflow")])
def test_the_environment_sets_the_backend_and_an_empty_setting_is_none(monkeypatch, name, expected):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", name)
    assert runtime.backend_name() == expected


def test_a_backend_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    line = the_line(runtime.start)
    assert runtime.backend_name() in line and "not installed" in line


@pytest.mark.parametrize("value", ["", "verdicts.jsonl"])
def test_verdicts_are_kept_only_where_asked(monkeypatch, value):
    monkeypatch.setenv("COURSE_VERDICTS", value)
    assert runtime.verdict_log() == (Path(value) if value else None)


def test_both_kinds_of_mistakes_are_course_errors():
    assert issubclass(SettingsError, CourseError)
    assert issubclass(DataError, CourseError)


@pytest.mark.parametrize(("name", "hint"), [("digts", "; did you mean 'digits'?"), ("zzz", "")])
def test_nearest_lists_what_is_known_and_suggests_only_what_is_near(name, hint):
    assert runtime.nearest(name, iter(["digits", "hands"]), "set").startswith(f"unknown set {name!r}{hint}")
    assert runtime.nearest(name, iter(["digits", "hands"]), "set").endswith("Known: digits, hands")


# ------------------------------------------------------------------------------------------------------ files


def test_a_file_is_written_whole_with_the_folders_it_needs(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    runtime.write_text_atomically(path, "größe\n")
    runtime.write_text_atomically(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    assert [p.name for p in path.parent.glob("*")] == ["file.json"]


def test_a_text_that_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        runtime.write_text_atomically(path, "x" * 100_000 + "\ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.glob("*")] == ["file.json"]


def test_a_rename_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "file.json" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        runtime.write_text_atomically(tmp_path / "file.json", "text")
    assert [p.name for p in tmp_path.glob("*")] == ["file.json"]


def test_numpy_values_become_plain_json():
    value = {
        "int": np.int64(3),
        "float": np.float32(0.5),
        "bool": np.bool_(True),
        "array": np.arange(4, dtype=np.uint8).reshape(2, 2),
        "path": Path("a") / "b",
        "text": "größe",
        "none": None,
    }
    text = runtime.to_json(value)
    assert text.endswith("}\n") and "größe" in text
    expected = value | {"int": 3, "float": 0.5, "bool": True, "array": [[0, 1], [2, 3]], "path": "a/b"}
    assert json.loads(text) == expected
    assert list(json.loads(text)) == list(value), "the order is kept"


@pytest.mark.parametrize("value", [float("nan"), np.float32("nan"), float("inf"), np.float64("-inf")])
def test_what_is_not_finite_becomes_null_since_json_has_no_word_for_it(value):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    text = runtime.to_json({"loss": value, "deeper": [{"x": value}], "array": np.array([1.0, value])})
    assert json.loads(text, parse_constant=refuse) == {"loss": None, "deeper": [{"x": None}], "array": [1.0, None]}


def test_what_json_cannot_hold_is_an_error():
    with pytest.raises(TypeError, match="cannot write object"):
        runtime.to_json({"x": object()})


# --------------------------------------------------------------------------------------------- device, a run


def test_a_device_is_described_by_name():
    assert runtime.describe_devices([("cpu", "x86"), ("gpu", "Fake 9000")]) == "GPU: Fake 9000"
    both = runtime.describe_devices([("gpu", "Fake 1"), ("gpu", "Fake 2")])
    assert both == "GPU: Fake 1 (the first of 2: Fake 1, Fake 2)"
    assert runtime.describe_devices([("cpu", "x86")]) == f"CPU, {os.cpu_count()} cores"
    assert runtime.describe_devices([]).startswith("CPU")


def test_only_without_a_gpu_there_is_advice():
    assert runtime.device_advice([("cpu", "x86"), ("gpu", "Fake 9000")]) is None
    assert "make gpu-kernel" in runtime.device_advice([("cpu", "x86")])


def test_cost_before_start_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(runtime, "_cost_at_start", {})
    with pytest.raises(CourseError, match=re.escape("before runtime.start()")):
        runtime.cost()


def draws():
    import keras

    return (random.random(), np.random.rand(), *np.ravel(keras.ops.convert_to_numpy(keras.random.normal((3,)))))  # noqa: NPY002


def test_starting_again_starts_the_random_numbers_again(monkeypatch):
    runtime.start(quiet=True)
    first, later = draws(), draws()
    runtime.start(quiet=True)
    assert draws() == first != later
    monkeypatch.setenv("COURSE_SEED", "1")
    runtime.start(quiet=True)
    other = draws()
    assert all(a != b for a, b in zip(first, other, strict=True)), "every source of chance follows the seed"


def test_a_run_says_what_it_stands_on(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_SIZE", "reduced,budget=smoke")
    monkeypatch.setenv("COURSE_SEED", "7")
    run = runtime.start()
    shown = capsys.readouterr().out
    for words in ("smoke budget", "seed     7", f"backend  {run.backend}", f"device   {run.device}"):
        assert words in shown
    assert runtime.current() is run
    record = json.loads(runtime.to_json(run.record()))
    assert record["size"] == {"data": "stand-in", "network": "small", "budget": "smoke"}
    assert record["seed"] == 7
    assert record["versions"].keys() == {"python", "keras", "numpy", run.backend}


def test_a_quiet_run_says_nothing_and_its_cost_is_counted(capsys):
    runtime.start(quiet=True)
    assert capsys.readouterr().out == ""
    cost = runtime.cost()
    assert cost.keys() == {"cpu_s", "wall_s", "imports_cpu_s", "peak_gb"}
    assert all(value >= 0 for value in cost.values())
    assert 0.01 < cost["peak_gb"] < 1000


@pytest.mark.parametrize(
    ("name", "value"), [("COURSE_SIZE", "fulll"), ("COURSE_SEED", "x"), ("COURSE_DATA", "no/such/folder")]
)
def test_a_run_does_not_start_with_a_wrong_setting(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert the_line(runtime.start).startswith(f"{name}={value}")


def test_what_a_backend_writes_while_it_loads_is_shown_only_when_it_fails(capfd):
    with runtime._start_up_messages_held_back():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), runtime._start_up_messages_held_back():
        os.write(2, b"the reason\n")
        raise ImportError
    assert capfd.readouterr().err == "the reason\n"


def test_importing_the_runtime_loads_no_backend():
    code = "import sys, course_utils.runtime; print(*[m for m in ('keras', 'tensorflow', 'jax', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# ----------------------------------------------------------------------------------------------- expect_error


def test_an_expected_error_is_shown_as_one_line(capsys):
    with runtime.expect_error(ValueError, match="shape.*3"):
        raise ValueError("a shape of 3")
    assert capsys.readouterr().out == "ValueError: a shape of 3\n"


def test_an_expected_error_with_other_words_fails():
    with (
        pytest.raises(AssertionError, match="does not match 'shape'"),
        runtime.expect_error(ValueError, match="shape"),
    ):
        raise ValueError("a type")


@pytest.mark.parametrize("kind", [ValueError, AssertionError])
def test_an_expected_error_that_does_not_come_fails(kind):
    with pytest.raises(AssertionError, match="nothing was raised"), runtime.expect_error(kind):
        pass


def test_an_error_of_another_kind_passes_through():
    with pytest.raises(KeyError, match="key"), runtime.expect_error(ValueError):
        raise KeyError("key")


def test_an_error_of_a_kind_below_counts():
    with runtime.expect_error(CourseError, match="file"):
        raise DataError("a file")


def test_only_the_runtime_reads_the_environment():
    package = Path(runtime.__file__).parent
    readers = [
        p for p in package.rglob("*.py") if "environ" in p.read_text(encoding="utf-8").replace("environment", "")
    ]
    assert [p.name for p in readers] == ["runtime.py"]


def test_what_is_built_takes_its_date_from_the_environment(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    assert runtime.build_time().isoformat() == "2027-01-15T08:00:00+00:00"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert runtime.build_time().year >= 2026


@pytest.mark.parametrize("text", ["yesterday", "-5", "12", "99999999999"])
def test_a_date_that_no_archive_can_hold_is_refused(monkeypatch, text):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(runtime.SettingsError, match=f"SOURCE_DATE_EPOCH={text}: expected seconds"):
        runtime.build_time()
