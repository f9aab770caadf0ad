"""Named long runs: rows are saved one by one, a killed run goes on, and results say what they were made with."""

import ast
import dataclasses
import itertools
import json
import math
import re
import shlex
from types import SimpleNamespace

import pytest

from course_utils import experiments, runtime
from course_utils.experiments import expressions_evaluation, ladder
from course_utils.experiments.sources import _essence, code_of
from course_utils.runtime import DataError, SettingsError


def partial_of(path):
    """Where the rows of a run that is not finished lie."""
    return path.with_suffix(".partial.json")


@pytest.fixture(autouse=True)
def plain_environment(tmp_path, monkeypatch):
    """Reduced size, no data needed, and results in a folder of the test."""
    monkeypatch.setenv("COURSE_SIZE", "reduced")
    for name in ("COURSE_SEED", "COURSE_DATA"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def tiny(monkeypatch):
    """An experiment of three rows that notes what it was asked to measure."""
    import keras

    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)  # slow, and no model is built here
    asked = []

    def measure(row, run):
        asked.append((row, run.seed))
        return {"value": run.seed + 0.5, "steps": 3, "none": None}

    module = SimpleNamespace(
        TITLE="a tiny experiment", SOURCES=(), rows=lambda size: ["one", "two, longer", "three"], measure=measure
    )
    monkeypatch.setattr(experiments, "NAMES", ("tiny",))
    monkeypatch.setattr(experiments, "get", lambda name: module)
    monkeypatch.setattr(experiments, "source_hash", lambda name: "hash-1")
    module.asked = asked
    return module


def run(path, seeds=(0,), **more):
    """Run the tiny experiment; gives what it said."""
    said = []
    assert experiments.run("tiny", seeds=seeds, out=path, progress=said.append, **more) == path
    return said


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def rows_of(path):
    return [(row["row"], row["seed"]) for row in read(path)["rows"]]


# --------------------------------------------------------------------------------------------------- running


def test_a_result_says_how_and_on_what_it_was_made(tiny, tmp_path):
    run(tmp_path / "tiny.json", seeds=(3, 4))
    result, base = read(tmp_path / "tiny.json"), runtime.current()
    assert result["experiment"] == "tiny"
    assert result["size"] == {"data": "stand-in", "network": "small", "budget": "lesson"}
    assert (result["backend"], result["device"]) == (base.backend, base.device)
    assert result["versions"] == base.versions
    assert result["seeds"] == [3, 4]
    assert result["source_sha256"] == "hash-1"
    assert result["command"] == "course run tiny --size reduced --seeds 2 --seed-base 3"
    assert result["rows"][0]["measured"] == {"value": 3.5, "steps": 3, "none": None}
    assert tiny.asked == rows_of(tmp_path / "tiny.json")
    assert len(tiny.asked) == 6


def test_each_finished_row_is_saved_at_once(tiny, tmp_path):
    path, measure, on_disk = tmp_path / "tiny.json", tiny.measure, []

    def watched(row, base):
        on_disk.append(len(rows_of(partial_of(path))) if partial_of(path).exists() else 0)
        assert not path.exists()
        return measure(row, base)

    tiny.measure = watched
    run(path)
    assert on_disk == [0, 1, 2]
    assert not partial_of(path).exists()


def run_killed_at(tiny, name, path):
    """Run until the row of that name, which is interrupted."""
    measure = tiny.measure

    def killed(row, base):
        if row == name:
            raise KeyboardInterrupt
        return measure(row, base)

    tiny.measure = killed
    with pytest.raises(KeyboardInterrupt):
        run(path)


def test_a_killed_run_goes_on_where_it_stopped(tiny, tmp_path):
    path, measure = tmp_path / "tiny.json", tiny.measure
    run_killed_at(tiny, "three", path)
    assert rows_of(partial_of(path)) == [("one", 0), ("two, longer", 0)]
    tiny.measure = measure
    tiny.asked.clear()
    said = run(path)
    assert tiny.asked == [("three", 0)]
    assert rows_of(path) == [("one", 0), ("two, longer", 0), ("three", 0)]
    assert "2 finished rows kept" in said[0]


def test_a_finished_run_is_not_run_again(tiny, tmp_path):
    run(tmp_path / "tiny.json")
    before = (tmp_path / "tiny.json").read_bytes()
    tiny.asked.clear()
    run(tmp_path / "tiny.json")
    assert tiny.asked == []
    assert (tmp_path / "tiny.json").read_bytes() == before


def test_more_seeds_are_added_to_those_that_are_there(tiny, tmp_path):
    run(tmp_path / "tiny.json", seeds=[0])
    tiny.asked.clear()
    run(tmp_path / "tiny.json", seeds=[0, 1])
    assert [seed for _, seed in tiny.asked] == [1, 1, 1]
    assert read(tmp_path / "tiny.json")["seeds"] == [0, 1]


@pytest.mark.parametrize("change", ["source", "size", "backend", "device", "versions"])
def test_a_changed_set_up_starts_afresh(tiny, tmp_path, monkeypatch, change):
    path = tmp_path / "tiny.json"
    run(path)
    tiny.asked.clear()
    if change == "source":
        monkeypatch.setattr(experiments, "source_hash", lambda name: "hash-2")
    elif change == "size":
        monkeypatch.setenv("COURSE_SIZE", "reduced,budget=smoke")
    else:
        path.write_text(json.dumps(read(path) | {change: "another"}), encoding="utf-8")
    said = run(path)
    assert len(tiny.asked) == 3
    assert len(rows_of(path)) == 3
    assert "not continued" in said[0]
    assert read(path)["source_sha256"] == experiments.source_hash("tiny")


def test_rows_begun_with_another_set_up_do_not_take_a_finished_results_place(tiny, tmp_path, monkeypatch):
    path, begun = tmp_path / "tiny.json", tmp_path / "tiny.partial.json"
    run(path)
    before, finished = path.read_bytes(), read(path)
    begun.write_text(json.dumps(finished | {"device": "another", "rows": finished["rows"][:1]}), encoding="utf-8")
    tiny.asked.clear()
    said = run(path)
    assert "tiny.partial.json" in said[0] and "not continued" in said[0] and "3 finished rows kept" in said[1]
    assert tiny.asked == [] and path.read_bytes() == before
    assert read(begun)["device"] == "another"


def test_starting_afresh_keeps_the_old_result_until_all_rows_are_done(tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny.json"
    run(path)
    before = path.read_bytes()
    monkeypatch.setattr(experiments, "source_hash", lambda name: "hash-2")

    measure = tiny.measure

    def fails(row, base):
        if row == "three":
            raise MemoryError
        return measure(row, base)

    tiny.measure = fails
    with pytest.raises(MemoryError):
        run(path)
    assert path.read_bytes() == before


def test_each_row_starts_from_its_own_seed_whatever_ran_before(tiny, tmp_path):
    import keras

    def measure(row, base):
        return {"drawn": float(keras.ops.convert_to_numpy(keras.random.uniform(())))}

    tiny.measure = measure
    run(tmp_path / "all.json", seeds=[0, 1])
    run(tmp_path / "one.json", seeds=[1], only=["three"])
    drawn = {(row["row"], row["seed"]): row["measured"]["drawn"] for row in read(tmp_path / "all.json")["rows"]}
    [alone] = read(tmp_path / "one.json")["rows"]
    assert alone["measured"]["drawn"] == drawn["three", 1] != drawn["three", 0]


def test_only_the_rows_asked_for_are_measured(tiny, tmp_path):
    run(tmp_path / "tiny.json", only=["two, longer"])
    assert tiny.asked == [("two, longer", 0)]


def test_an_unknown_row_suggests_the_nearest_and_writes_nothing(tiny, tmp_path):
    with pytest.raises(SettingsError, match="unknown row of tiny 'thre'; did you mean 'three'"):
        run(tmp_path / "tiny.json", only=["one", "thre"])
    assert tiny.asked == []
    assert not (tmp_path / "tiny.json").exists()


def test_an_unknown_experiment_suggests_the_nearest():
    with pytest.raises(SettingsError, match="unknown experiment 'digts'; did you mean 'digits'"):
        experiments.get("digts")


def seeds_of(command):
    """All seeds that the noted command, or commands, would run."""
    found = re.findall(r"--seeds (\d+) --seed-base (\d+)", command)
    return sorted({seed for count, first in found for seed in range(int(first), int(first) + int(count))})


def test_the_noted_command_would_run_the_noted_seeds(tiny, tmp_path):
    for seeds in ([0], [5], [6]):
        run(tmp_path / "tiny.json", seeds=seeds)
    result = read(tmp_path / "tiny.json")
    assert result["seeds"] == [0, 5, 6]
    assert seeds_of(result["command"]) == [0, 5, 6]


def test_the_noted_command_names_the_rows_when_not_all_were_run(tiny, tmp_path):
    run(tmp_path / "tiny.json", only=["two, longer"])
    assert re.search(r"--rows ['\"]two, longer['\"]", read(tmp_path / "tiny.json")["command"])
    run(tmp_path / "tiny.json")
    assert "--rows" not in read(tmp_path / "tiny.json")["command"]


def test_the_noted_command_can_be_read_by_a_shell():
    name = "Adam's epsilon 1e-7; 0 to 255, cut"
    words = shlex.split(
        experiments._commands(
            "tiny",
            runtime.REDUCED,
            [{"row": row, "seed": 3} for row in name.split("; ")],
            [*name.split("; "), "another"],
        )
    )
    assert words[words.index("--rows") + 1] == name


def test_a_number_that_is_not_finite_is_saved_as_null(tiny, tmp_path):
    tiny.measure = lambda row, base: {"loss": math.nan, "worst": math.inf}
    run(tmp_path / "tiny.json", only=["one"])

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    text = (tmp_path / "tiny.json").read_text(encoding="utf-8")
    [row] = json.loads(text, parse_constant=refuse)["rows"]
    assert row["measured"] == {"loss": None, "worst": None}


# ---------------------------------------------------------------------------------------- rows made elsewhere


ELSEWHERE = {"backend": "jax", "device": "GPU: H100", "versions": {"keras": "3", "jax": "1"}}


def elsewhere(row="three", seed=1, value=9.0):
    return {"row": row, "seed": seed, "measured": {"value": value}, "seconds": 1.0}


def add(path, monkeypatch, rows, made=ELSEWHERE, **more):
    monkeypatch.setattr(runtime, "results_dir", lambda: path.parent)
    return experiments.add_rows("tiny", runtime.REDUCED, rows, made, **more)


def test_rows_of_another_set_up_join_a_result_and_say_so(tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny-reduced.json"
    run(path, only=["one"])
    own = read(path)
    assert add(path, monkeypatch, [elsewhere()]) == ""
    found = read(path)
    assert found["rows"] == [*own["rows"], elsewhere() | {"set_up": ELSEWHERE}] and found["seeds"] == [0, 1]
    assert {key: found[key] for key in experiments.SET_UP} == {key: own[key] for key in experiments.SET_UP}
    assert found["command"] == (
        'course run tiny --size reduced --seeds 1 --seed-base 0 --rows "one" && '
        'KERAS_BACKEND=jax course run tiny --size reduced --seeds 1 --seed-base 1 --rows "three"'
    )
    loaded = experiments.load_result("tiny", runtime.REDUCED)
    assert loaded["device"] == f"{own['device']}; 1 of 2 rows on GPU: H100, jax 1"
    assert experiments.values(loaded, "three", "value") == [9.0]
    tiny.asked.clear()
    run(path, seeds=(0, 1), only=["one", "three"])
    assert tiny.asked == [("three", 0), ("one", 1)], "the row from elsewhere is not run again"
    assert [row.get("set_up") for row in read(path)["rows"]] == [None, ELSEWHERE, None, None]


def test_what_is_there_from_another_set_up_or_other_code_is_not_replaced(tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny-reduced.json"
    run(path, only=["one"])
    before, device = path.read_bytes(), read(path)["device"]
    assert add(path, monkeypatch, [elsewhere("one", 0)]) == f"one, seed 0 is there from {device}"
    assert path.read_bytes() == before
    monkeypatch.setattr(experiments, "source_hash", lambda name: "hash-2")
    assert add(path, monkeypatch, [elsewhere()]) == "tiny-reduced.json was made with other code"
    assert path.read_bytes() == before


def test_a_row_of_the_same_set_up_is_replaced_where_that_is_asked(tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny-reduced.json"
    assert add(path, monkeypatch, [elsewhere()]) == ""
    assert read(path)["backend"] == "jax" and "set_up" not in read(path)["rows"][0]
    for value, replace, expected in ((1.0, False, 9.0), (2.0, True, 2.0)):
        assert add(path, monkeypatch, [elsewhere(value=value)], replace_own=replace) == ""
        assert [row["measured"]["value"] for row in read(path)["rows"]] == [expected]


def test_a_run_that_is_not_finished_gets_the_rows_too(tiny, tmp_path, monkeypatch):
    path, measure = tmp_path / "tiny-reduced.json", tiny.measure
    run_killed_at(tiny, "two, longer", path)
    add(path, monkeypatch, [elsewhere()])
    tiny.measure = measure
    run(path)
    assert rows_of(path) == [("one", 0), ("three", 1), ("two, longer", 0), ("three", 0)]


# --------------------------------------------------------------------------------------------------- reading

UNREADABLE = {
    "nothing": b"",
    "cut JSON": b'{"rows": [{"row": "on',
    "a list": b"[]",
    "no rows": b'{"seeds": []}',
    "rows of another kind": b'{"rows": 3}',
    "another encoding": "{größe".encode("utf-16"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_result_is_named_and_not_written_over(tiny, tmp_path, what):
    path = tmp_path / "tiny.json"
    path.write_bytes(UNREADABLE[what])
    with pytest.raises(DataError) as raised:
        run(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)
    assert path.read_bytes() == UNREADABLE[what]
    assert tiny.asked == []


@pytest.mark.parametrize("what", [*UNREADABLE, "no hash"])
def test_a_result_that_cannot_be_loaded_is_named(tiny, tmp_path, monkeypatch, what):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    (tmp_path / "tiny.json").write_bytes((UNREADABLE | {"no hash": b'{"rows": []}'})[what])
    with pytest.raises(DataError) as raised:
        experiments.load_result("tiny")
    assert str(raised.value).startswith(f"{tmp_path / 'tiny.json'}: ") and "\n" not in str(raised.value)


def test_a_missing_result_says_how_to_make_it(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    with pytest.raises(DataError, match="course run tiny --size full"):
        experiments.load_result("tiny")


def test_a_result_is_stale_once_its_source_has_changed(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    run(tmp_path / "tiny.json")
    assert experiments.load_result("tiny")["stale"] is False
    monkeypatch.setattr(experiments, "source_hash", lambda name: "hash-2")
    assert experiments.load_result("tiny")["stale"] is True


def test_values_come_in_the_order_of_the_seeds(tiny, tmp_path):
    for seeds in ([2], [0, 1]):
        run(tmp_path / "tiny.json", seeds=seeds)
    result = read(tmp_path / "tiny.json")
    by_seed = {row["seed"]: row["measured"]["value"] for row in result["rows"] if row["row"] == "one"}
    assert experiments.values(result, "one", "value") == [by_seed[seed] for seed in result["seeds"]]


@pytest.mark.parametrize(("row", "value"), [("four", "value"), ("one", "valeu")])
def test_a_value_that_was_not_measured_is_an_error(tiny, tmp_path, row, value):
    run(tmp_path / "tiny.json")
    with pytest.raises(KeyError):
        experiments.values(read(tmp_path / "tiny.json"), row, value)


def test_only_results_of_the_committed_size_have_the_plain_name(tiny):
    assert experiments.result_path("tiny").name == experiments.result_path("tiny", runtime.FULL).name == "tiny.json"
    assert experiments.result_path("tiny", runtime.REDUCED).name == "tiny-reduced.json"
    tiny.SIZE = runtime.Size("stand-in", "documented", "full")
    assert experiments.result_path("tiny").name == "tiny.json"
    assert experiments.result_path("tiny", tiny.SIZE).name == "tiny.json"
    assert experiments.result_path("tiny", runtime.FULL).name == "tiny-full.json"


EVERY_SIZE = [runtime.Size(*axes) for axes in itertools.product(*runtime.AXES.values())]


def test_an_experiment_with_a_result_of_every_size_names_each_after_its_size(tiny):
    tiny.RESULT = "all_of_tiny"
    names = {experiments.result_path("tiny", size).name for size in EVERY_SIZE}
    assert names == {f"all_of_tiny_{size.name}.json" for size in EVERY_SIZE}
    assert len(names) == len(EVERY_SIZE) == 12
    assert {"all_of_tiny_full.json", "all_of_tiny_reduced.json", "all_of_tiny_full,data=stand-in.json"} < names
    assert experiments.result_path("tiny").name == "all_of_tiny_full.json"
    tiny.SIZE = runtime.REDUCED
    assert experiments.result_path("tiny").name == "all_of_tiny_reduced.json"
    assert experiments.result_path("tiny", runtime.FULL).name == "all_of_tiny_full.json"


def test_the_result_of_a_size_is_the_one_that_a_run_of_that_size_wrote(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    tiny.RESULT = "all_of_tiny"
    smoke = runtime.Size(budget="smoke")
    for size in (runtime.REDUCED, smoke):
        monkeypatch.setenv("COURSE_SIZE", size.name)
        assert experiments.run("tiny", seeds=[0], progress=[].append) == experiments.result_path("tiny", size)
    for size in (runtime.REDUCED, smoke):
        assert experiments.load_result("tiny", size)["size"] == dataclasses.asdict(size)
    with pytest.raises(DataError, match=r"all_of_tiny_full\.json: no such result; .*course run tiny --size full'$"):
        experiments.load_result("tiny")
    (tmp_path / "all_of_tiny_full.json").write_bytes((tmp_path / "all_of_tiny_reduced.json").read_bytes())
    assert experiments.load_result("tiny")["size"] == dataclasses.asdict(runtime.REDUCED), "not the file of that name"


@pytest.mark.parametrize("result", [None, "all_of_tiny"])
@pytest.mark.parametrize("size", EVERY_SIZE, ids=lambda size: size.name)
def test_a_missing_result_names_the_size_that_was_asked_for(tiny, tmp_path, monkeypatch, size, result):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    if result:
        tiny.RESULT = result
    with pytest.raises(DataError) as raised:
        experiments.load_result("tiny", size)
    said = str(raised.value)
    assert said.startswith(f"{experiments.result_path('tiny', size)}: ")
    assert said.endswith(f"'course run tiny --size {size.name}'")
    assert runtime.parse_size(size.name) == size


# ------------------------------------------------------------------------------------------- hash of the code

CODE = '''
"""What it does."""
import numpy as np

class Thing:
    """A thing."""

    def method(self, x, *, rate=0.5):
        """Do it."""
        return np.mean(x[1:] * rate)

def other(x):
    # a comment
    return x
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment"),
        ("    # a comment\n", ""),
        ('"""What it does."""', '"""What it really does."""'),
        ('    """A thing."""\n', ""),
        ('        """Do it."""\n', ""),
        ("x[1:] * rate", "x[1:]*(rate)"),
        ("x[1:] * rate", "x[\n            1:\n        ] * rate"),
        ("rate=0.5", "rate=.5"),
        ("\n\ndef other", "\n\n\n\ndef other"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old, new):
    assert old in CODE
    assert code_of(CODE.replace(old, new)) == code_of(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rate=0.5", "rate=0.6"),
        ("x[1:] * rate", "x[1:] + rate"),
        ("x[1:] * rate", "x[:1] * rate"),
        ("x[1:] * rate", "x[::1] * rate"),
        ("np.mean", "np.median"),
        ("import numpy as np", "import jax.numpy as np"),
        ("self, x, *, rate", "self, *x, rate"),
        ("def other(x)", "def other(*x)"),
        ("def other(x)", "def other(x=None)"),
        ("return x\n", "return 'x'\n"),
        ("return x\n", "yield x\n"),
        ("return x\n", "return\n"),
        ("class Thing:", "class Thing(dict):"),
    ],
)
def test_every_change_of_the_code_counts(old, new):
    assert old in CODE
    assert code_of(CODE.replace(old, new)) != code_of(CODE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(*a): return a", "def f(**a): return a"),
        ("def f(a): return a", "def f(a, /): return a"),
        ("x[::2]", "x[:2]"),
        ("1", "'1'"),
        ("1", "1.0"),
        ("True", "1"),
        ("None", "()"),
        ("try: f()\nexcept E: g()\nelse: h()", "try: f()\nexcept E: g()\nfinally: h()"),
        ("if a: b()", "while a: b()"),
        ("f(a=b)", "f(b)"),
    ],
)
def test_code_that_means_something_else_has_another_hash(one, other):
    assert code_of(one) != code_of(other)


def test_of_a_named_function_only_its_own_code_counts():
    one = "def f(x):\n    return x\n\ndef g(x):\n    return 1\n"
    assert code_of(one, "f") == code_of(one.replace("1", "2"), "f")
    assert code_of(one, "g") != code_of(one.replace("1", "2"), "g")
    with pytest.raises(SettingsError, match="function 'h'"):
        code_of(one, "h")


def test_an_f_string_has_the_same_hash_on_every_python():
    """Python 3.12 ends a format that holds a field, as in f'{a:>{w}}', with an empty text; 3.11 and 3.13 do not."""
    tree = ast.parse("f'{a:>{w}}'")
    spec = tree.body[0].value.values[0].format_spec
    spec.values = [part for part in spec.values if not (isinstance(part, ast.Constant) and part.value == "")]
    without = _essence(tree)
    spec.values.append(ast.Constant(value=""))
    assert _essence(tree) == without


@pytest.fixture
def sources(monkeypatch):
    """Let an experiment name the given sources."""

    def use(*names):
        monkeypatch.setattr(experiments, "get", lambda name: SimpleNamespace(SOURCES=names))

    return use


def test_a_further_source_changes_the_hash(sources):
    sources()
    alone = experiments.source_hash("digits")
    sources("course_utils.metrics:rms")
    assert re.fullmatch("[0-9a-f]{64}", alone)
    assert experiments.source_hash("digits") != alone


@pytest.mark.parametrize("name", ["course_utils.nothing", "course_utils.nothing.below", "course_utils.metrics:nothing"])
def test_a_source_that_does_not_exist_is_named(sources, name):
    sources(name)
    with pytest.raises(SettingsError, match="nothing"):
        experiments.source_hash("digits")


# ---------------------------------------------------------------------------------------- the real experiments


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_source_of_an_experiment_resolves(name):
    assert experiments.get(name).SOURCES
    assert re.fullmatch("[0-9a-f]{64}", experiments.source_hash(name))


@pytest.mark.parametrize("name", experiments.NAMES)
def test_a_committed_result_says_what_it_stands_on(name):
    if not experiments.result_path(name).exists():
        pytest.skip(f"{experiments.result_path(name).name} is not there")
    result = experiments.load_result(name)
    size = experiments.committed_size(name)
    assert result["size"] == dataclasses.asdict(size)
    assert (size.network, size.budget) == ("documented", "full") or name == "expressions_augmentation"
    assert result["device"] and result["backend"] in runtime.BACKENDS
    assert {"python", "keras", "numpy", result["backend"]} <= result["versions"].keys()
    assert result["seeds"] and seeds_of(result["command"]) == result["seeds"]
    assert result["command"].startswith(f"course run {name} --size {size.name} ")
    assert re.fullmatch("[0-9a-f]{64}", result["source_sha256"])


#: Rows that no committed result has yet: each takes half an hour on two cores, and pages and lessons say "not measured".
NOT_MEASURED = {
    "expressions_bn": {
        "rate 0.001, keep 1, inference mode throughout",
        "rate 0.001, keep 1, layers frozen",
        "rate 0.0005, keep 0.6",
        "rate 0.0005, keep 1",
    },
    "ladder": set(ladder.rows(runtime.FULL)) - {"plain", "more dropout", "+ flip", "+ rotation"},
    "expressions_beyond": {"beyond", "documented"},
}
#: Rows that a committed result has for its first seeds only, and for how many; pages and lessons say for which.
FEWER_SEEDS = {
    "expressions_evaluation": {
        row: 1 for row in expressions_evaluation.rows(runtime.FULL) if row.startswith(("tell ", "12 passes"))
    }
    | {"random re-split": 2},
}


@pytest.mark.parametrize("name", experiments.NAMES)
def test_a_committed_result_has_every_row_for_every_seed_in_plain_numbers(name):
    if not experiments.result_path(name).exists():
        pytest.skip(f"{experiments.result_path(name).name} is not there")
    result = experiments.load_result(name)
    found = {(row["row"], row["seed"]) for row in result["rows"]}
    rows = experiments.get(name).rows(experiments.committed_size(name))
    missing = NOT_MEASURED.get(name, set())
    assert missing <= set(rows)
    fewer = FEWER_SEEDS.get(name, {})
    assert set(fewer) <= set(rows)
    seeds = {row: result["seeds"][: fewer.get(row)] for row in rows if row not in missing}
    assert found == {(row, seed) for row in seeds for seed in seeds[row]}
    assert ("--rows" in result["command"]) == bool(missing or fewer)
    assert len(found) == len(result["rows"])
    for row in result["rows"]:
        assert row["measured"]
        for value in row["measured"].values():
            assert value is None or math.isfinite(value)


def test_the_reduced_ladder_has_every_row_for_three_seeds_from_the_code_as_it_is():
    result = experiments.load_result("ladder", runtime.REDUCED)
    assert not result["stale"], "the code changed: course run ladder --size reduced --seeds 3"
    assert result["size"] == dataclasses.asdict(runtime.REDUCED)
    assert len(result["seeds"]) >= 3
    assert {(row["row"], row["seed"]) for row in result["rows"]} == {
        (row, seed) for row in ladder.rows(runtime.REDUCED) for seed in result["seeds"]
    }


def test_the_range_of_what_was_not_finite_reaches_to_infinity():
    rows = [{"row": "a", "seed": seed, "measured": {"loss": value}} for seed, value in enumerate((2.0, None, 0.5))]
    result = {"experiment": "tiny", "rows": rows}
    assert experiments.values(result, "a", "loss") == [2.0, None, 0.5]
    assert experiments.ranges(result, "a", "loss") == "0.5 – inf"
    assert experiments.ranges(result, "b", "loss") == "–"


def test_afresh_measures_all_rows_anew_and_resume_none(tiny, tmp_path):
    path = tmp_path / "tiny.json"
    run(path)
    tiny.asked.clear()
    run(path, resume=True)
    assert tiny.asked == []
    run(path, resume=False)
    assert len(tiny.asked) == 3
    assert len(rows_of(path)) == 3


def test_afresh_with_some_rows_keeps_the_others(tiny, tmp_path):
    path = tmp_path / "tiny.json"
    run(path, seeds=(0, 1))
    tiny.asked.clear()
    run(path, seeds=(0,), only=["one"], resume=False)
    assert tiny.asked == [("one", 0)]
    assert sorted(rows_of(path)) == sorted((row, seed) for row in ("one", "two, longer", "three") for seed in (0, 1))


def test_afresh_does_not_write_over_what_is_no_result(tiny, tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError):
        run(path, resume=False)
    assert path.read_text(encoding="utf-8") == "[]"


def test_a_curve_is_in_the_order_of_its_steps_and_takes_no_other_number():
    measured = {"public_1000": 0.7, "public_20": 0.2, "public_last": 0.9, "public_loss_20": 3.0, "public_300": 0.5}
    steps, found = experiments.curve(measured, "public")
    assert steps.tolist() == [20, 300, 1000]
    assert found.tolist() == [0.2, 0.5, 0.7]
    assert experiments.curve(measured, "public_loss")[1].tolist() == [3.0]
    with pytest.raises(KeyError, match="no private_STEP"):
        experiments.curve(measured, "private")
