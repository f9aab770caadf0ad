"""``course bench``: the logic of its measurements, on planted clocks and ways; no test looks at how fast anything is."""

import dataclasses
import itertools
import json
import re
import shlex

import numpy as np
import pytest

from course_utils import experiments, runtime
from course_utils.cli import lessons, pages
from course_utils.cli.bench import command, record, timing
from course_utils.cli.bench.timing import Row, compared, growth, must_agree, rows, slope, take_turns
from course_utils.datasets import expressions_stand_in, fer2013
from course_utils.runtime import CourseError

COMMITTED = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in runtime.results_dir().glob("bench*.json")
}


class Clock:
    """Time passes only where somebody works."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        def call():
            self.now += seconds

        return call


# ---------------------------------------------------------------------------------------------------- taking turns


def test_in_each_round_each_way_has_its_turn_and_none_always_comes_first():
    called = []
    ways = {name: (lambda name=name: called.append(name)) for name in "abc"}
    take_turns(ways, rounds=3)
    assert "".join(called) == "abcbcacab"


def test_a_slow_way_takes_part_in_the_first_rounds_only():
    called = []
    ways = {name: (lambda name=name: called.append(name)) for name in "ab"}
    seconds = take_turns(ways, rounds=4, few={"b": 2})
    assert "".join(called) == "abbaaa"
    assert {name: len(found) for name, found in seconds.items()} == {"a": 4, "b": 2}


def test_a_machine_that_slows_down_changes_seconds_and_no_ratio():
    clock, pace = Clock(), itertools.count(1)
    slower = {}

    def work(seconds):
        def call():
            clock.now += seconds * slower["now"]

        return call

    def ours():
        work(1.0)()

    def theirs():
        work(3.0)()
        slower["now"] = 2 ** next(pace)  # from now on all take twice as long

    slower["now"] = 1
    seconds = take_turns({"ours": ours, "theirs": theirs}, rounds=1, clock=clock)
    assert compared("ours", "theirs", seconds) == ((1.0, 3.0), (3.0, 3.0), 1)
    clock.now = 0.0
    seconds = {"ours": [1.0, 2.0, 10.0], "theirs": [3.0, 6.0, 30.0]}
    assert compared("ours", "theirs", seconds) == ((2.0, 6.0), (3.0, 3.0), 3)
    assert np.mean(seconds["theirs"]) / np.median(seconds["ours"]) != 3, "control: other arithmetic would be misled"


def test_a_row_says_what_it_is_compared_with_and_the_ratio_is_of_the_same_round():
    seconds = {"ours": [1.0, 1.0, 2.0], "theirs": [2.0, 4.0, 12.0]}
    (row,) = rows(
        seconds, "theirs", why_fair="the same", per_second=10, unit="things/s", goals={"ours": 5}, goal_on="ratio"
    )
    assert (row.what, row.compared_with, row.why_fair) == ("ours", "theirs", "the same")
    assert (row.value, row.other) == (10.0, 2.5)
    assert (row.ratio, row.ratio_range, row.rounds) == (4.0, (2.0, 6.0), 3)
    assert not row.reached
    faster = rows({"ours": [1.0], "theirs": [9.0]}, "theirs", why_fair="", goals={"ours": 5})[0]
    assert faster.reached and faster.value == 1000 and faster.unit == "ms"


def test_a_ratio_is_that_of_the_medians_beside_it_and_lies_between_the_rounds():
    seconds = {"ours": [1.0, 4.0, 2.0], "theirs": [2.0, 2.0, 1.0]}
    assert np.median([2.0, 0.5, 0.5]) == 0.5, "control: the middle round would call ours slower than theirs"
    (row,) = rows(seconds, "theirs", why_fair="")
    assert (row.value, row.other, row.ratio, row.ratio_range) == (2000, 2000, 1.0, (0.5, 2.0))
    (row,) = rows({"ours": [1.0, 1.0, 1.0, 9.0, 9.0], "theirs": [3.0, 5.0, 5.0]}, "theirs", why_fair="")
    assert (row.value, row.other, row.ratio, row.rounds) == (1000, 5000, 5.0, 3), "of rounds in which both took part"


def test_more_work_a_second_and_fewer_milliseconds_are_both_faster():
    assert timing.times_as_fast(6.0, 2.0, "frames/s") == 3
    assert timing.times_as_fast(2.0, 6.0, "ms") == 3
    assert [timing.is_undecided(ends) for ends in ((0.9, 1.1), (1.0, 1.1), (0.5, 0.9))] == [True, False, False]


# ------------------------------------------------------------------------------------------------ the same result


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (np.array([1, 2, 4]), "differ by up to 1;"),
        (np.array([1, 2]), r"other shapes, \[\(2,\)\] and \[\(3,\)\]"),
        (np.array([1, 2, np.nan]), "differ by up to nan"),
        ([np.array([1, 2, 3]), np.array([0])], "other shapes"),
    ],
)
def test_ways_that_give_another_result_are_not_compared(planted, said):
    good = np.array([1, 2, 3])
    must_agree("reading", {"a": good, "b": good.astype("float32")}, "a")
    with pytest.raises(CourseError, match=f"reading: 'b' and 'a' .*{said}"):
        must_agree("reading", {"a": good, "b": planted}, "a")


def test_results_may_differ_by_as_much_as_is_allowed():
    must_agree("x", {"a": np.zeros(2), "b": np.full(2, 0.001)}, "a", within=0.002)
    with pytest.raises(CourseError, match=r"differ by up to 0\.003"):
        must_agree("x", {"a": np.zeros(2), "b": np.array([0.0, 0.003])}, "a", within=0.002)


# --------------------------------------------------------------------------------------------------------- slopes


NUMBERS = [8, 16, 32, 64, 128]


@pytest.mark.parametrize(
    ("law", "expected"),
    [(lambda n: 3 * n, 1.0), (lambda n: 1e-6 * n**2, 2.0), (lambda n: 0 * n + 5, 0.0), (lambda n: n**0.5, 0.5)],
)
def test_the_slope_of_a_power_is_the_power(law, expected):
    assert slope(NUMBERS, [law(n) for n in NUMBERS]) == pytest.approx(expected, abs=1e-9)


def test_n_log_n_lies_between_its_two_local_slopes():
    found = slope(NUMBERS, [n * np.log(n) for n in NUMBERS])
    local = [1 + 1 / np.log(n) for n in NUMBERS]  # d log(n log n) / d log n
    assert min(local) < found < max(local)
    assert found > timing.STEEP


@pytest.mark.parametrize("seconds", [[1.0, 0.0], [1.0], [1.0, -1.0], [1.0, np.nan]])
def test_a_slope_of_nothing_is_refused(seconds):
    with pytest.raises(ValueError, match="all above 0"):
        slope([1, 2], seconds)


@pytest.mark.parametrize(("power", "steep"), [(1.0, False), (2.0, True), (1.1, False), (1.2, True)])
def test_growth_doubles_the_work_four_times_and_notes_what_is_steep(power, steep):
    clock, made = Clock(), []

    def work(number):
        made.append(number)
        return clock.work(number**power)

    row = growth("planted", work, 5, "things", clock=clock)
    assert made == [5, 10, 20, 40, 80]
    assert row.value == row.ratio == pytest.approx(power)
    assert ("worse than in proportion" in row.note) == steep
    assert row.note.startswith("5 to 80 things: ")


def test_a_steep_slope_of_which_the_rounds_disagree_is_no_finding():
    clock = Clock()

    def work(number):
        calls = itertools.count()
        return lambda: clock.work(number ** (1.0, 1.5, 1.5, 0.5)[next(calls)])()  # warm-up, three rounds

    row = growth("planted", work, 5, "things", clock=clock)
    assert row.value == pytest.approx(1.5) and row.note.endswith("above 1.15, but the rounds disagree")


# ------------------------------------------------------------------------------------------------------- the record


ROW = Row("ours", 1.23456, "ms", "theirs", 2.0, 1.62, (1.5, 1.75), 3, "the same arrays")


def run(size=runtime.REDUCED):
    return runtime.Run(size, 0, "tensorflow", "CPU, 2 cores", {"python": "3", "keras": "3", "tensorflow": "2"})


def test_a_row_as_json_has_all_that_a_reader_needs():
    assert json.loads(runtime.to_json(ROW.record())) == {
        "what": "ours",
        "value": 1.235,
        "unit": "ms",
        "compared_with": "theirs",
        "other": 2.0,
        "ratio": 1.62,
        "ratio_range": [1.5, 1.75],
        "rounds": 3,
        "why_fair": "the same arrays",
    }
    with_goal = Row(*[getattr(ROW, name) for name in ROW.__dataclass_fields__][:9], goal=2.0, note="steep").record()
    assert (with_goal["goal"], with_goal["goal_on"], with_goal["note"]) == (2.0, "ratio", "steep")


def test_saving_some_groups_keeps_the_others_with_their_own_record():
    old_lessons = record.lessons(run(), [{"lesson": "00", "wall_s": 1.0}], "course bench") | {"device": "another"}
    before = old_lessons | {"groups": {"loaders": {"device": "another", "rows": [1]}, "samplers": {"rows": [2]}}}
    found = record.merged(before, {"loaders": record.group(run(), "about", [ROW], "course bench --only loaders")})
    assert found["rows"] == [{"lesson": "00", "wall_s": 1.0}] and found["device"] == "another"
    assert found["groups"]["samplers"] == {"rows": [2]}
    loaders = found["groups"]["loaders"]
    assert loaders["device"] == "CPU, 2 cores" and loaders["rows"][0]["what"] == "ours"
    assert loaders["command"] == "COURSE_SIZE=reduced course bench --only loaders" and loaders["when"]
    again = record.merged(found, {record.LESSONS: record.lessons(run(), [], "course bench")})
    assert again["rows"] == [] and again["device"] == "CPU, 2 cores" and again["groups"] == found["groups"]


def test_a_group_saved_before_any_lesson_makes_a_result_that_pages_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    made = record.save(runtime.REDUCED, {"loaders": record.group(run(), "about", [ROW], "course bench --only loaders")})
    found = experiments.read(made)
    assert found["rows"] == [] and found["groups"]["loaders"]["rows"][0]["what"] == "ours"
    assert "course bench --only loaders" in pages.contract.files_table() and "ours" in pages.bench.table()


def test_a_damaged_file_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    (tmp_path / "bench.json").write_text("{", encoding="utf-8")
    with pytest.raises(CourseError, match=r"bench\.json: no JSON"):
        record.save(runtime.REDUCED, {"loaders": record.group(run(), "about", [ROW], "course bench")})
    assert (tmp_path / "bench.json").read_text(encoding="utf-8") == "{"


def test_each_size_has_a_file_of_its_own():
    assert record.path(runtime.REDUCED).name == "bench.json"
    assert record.path(runtime.FULL).name == "bench-full.json"


# ------------------------------------------------------------------------------------------------------ the command


@pytest.fixture
def planted(monkeypatch, tmp_path, no_real_data):
    """Groups that measure nothing, and a results folder of its own."""
    monkeypatch.setattr(runtime, "results_dir", lambda: tmp_path)
    asked = []

    class Module:
        ABOUT = "planted"

        def __init__(self, name):
            self.name = name

        def measure(self):
            asked.append(self.name)
            return [ROW]

    monkeypatch.setattr(command, "_module", Module)
    spent = {"cpu_s": 1.0, "wall_s": 1.0, "imports_cpu_s": 1.0, "peak_gb": 1.0}
    monkeypatch.setattr(
        lessons, "execute", lambda name, _: asked.append(name) or lessons.Execution(name, [], spent, None)
    )
    monkeypatch.setattr(pages, "save_figure", lambda name: asked.append(name))
    return asked


def test_only_some_groups_are_measured_in_their_own_order(course, planted):
    code, out, err = course("bench", "--only", "loaders, renderers", "--json")
    assert (code, err, planted) == (0, "", ["renderers", "loaders"])
    found = json.loads(out)
    assert list(found["groups"]) == ["renderers", "loaders"] and "rows" not in found


def test_the_table_says_with_what_and_why(course, planted):
    code, out, _ = course("bench", "--only", "loaders")
    assert code == 0 and "1.235 ms, 1.62× as fast (1.5 – 1.75, 3 rounds) as theirs: 2 ms" in out
    assert "fair, because: the same arrays" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "loader"), "did you mean 'loaders'?"),
        (("--only", "zzz"), "Known: renderers, samplers, loaders, pipelines, compiled, scaling, lessons"),
        (("--only", "loaders,"), "unknown group ''"),
        (("11", "--only", "loaders"), "leave out the names"),
        (("11", "--save"), "leave out the names"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_nothing_runs(course, planted, arguments, said):
    code, out, err = course("bench", *arguments)
    assert (code, out, planted) == (2, "", []) and said in err and err.count("\n") == 1


def test_lessons_by_name_leave_the_groups_out(course, planted):
    assert course("bench", "11", "12")[0] == 0
    assert planted == ["11_digits_frozen_filters", "12_digits_logging"]


def test_saving_writes_each_group_at_once_and_the_figure(course, planted, tmp_path, monkeypatch):
    assert course("bench", "--only", "samplers", "--save")[0] == 0
    assert course("bench", "--only", "loaders,lessons", "--save")[0] == 0
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert list(found["groups"]) == ["samplers", "loaders"]
    assert [row["lesson"] for row in found["rows"]] == lessons.names()
    assert planted.count("bench.png") == 2


def command_of(text, monkeypatch):
    """The arguments of a recorded command; its settings go into the environment, as a shell would put them."""
    words = shlex.split(text)
    while "=" in words[0]:
        monkeypatch.setenv(*words.pop(0).split("=", 1))
    assert words[0] == "course"
    return words[1:]


def test_the_recorded_command_gives_the_same_record_again(course, planted, tmp_path, monkeypatch):
    assert course("bench", "--only", "samplers,renderers", "--save")[0] == 0
    first = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    (command,) = {group["command"] for group in first["groups"].values()}
    (tmp_path / "bench.json").unlink()
    assert course(*command_of(command, monkeypatch))[0] == 0
    again = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert {name: group["command"] for name, group in again["groups"].items()} == dict.fromkeys(
        ("renderers", "samplers"), command
    )


@pytest.mark.parametrize("file", sorted(COMMITTED))
def test_committed_commands_can_be_run(course, planted, monkeypatch, file, tmp_path):
    result = COMMITTED[file]
    monkeypatch.setattr(lessons, "require_data", lambda size, parts: None)
    for made in (result, *result.get("groups", {}).values()):
        arguments = command_of(made["command"], monkeypatch)
        assert dataclasses.asdict(runtime.size()) == made["size"]
        assert course(*arguments)[0] == 0
        assert (tmp_path / file).exists()
        (tmp_path / file).unlink()


def test_a_lesson_that_fails_is_not_saved_and_the_groups_before_it_are(course, planted, tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "execute", lambda name, _: lessons.Execution(name, [], None, "ValueError: no"))
    code, out, _ = course("bench", "--only", "loaders,lessons", "--save")
    assert code == 1 and "lessons were not saved" in out
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert found["rows"] == [] and "loaders" in found["groups"]


# -------------------------------------------------------------------------------------- the groups, as small as can be


def test_readers_give_the_same_arrays_and_an_unequal_one_is_refused(monkeypatch, no_real_data):
    from course_utils.cli.bench import loaders

    small = expressions_stand_in.draw((20, 8, 8))
    monkeypatch.setattr(loaders, "_drawn", lambda: small)
    for name, value in {"ROUNDS": 1, "SLOW_ROUNDS": 1, "FRAMES": 2, "LINES": 5, "FACES": 2, "REPEATS": 1}.items():
        monkeypatch.setattr(loaders, name, value)
    found = loaders.measure()  # compares the arrays of all ways itself
    assert len({row.compared_with for row in found}) == 7 and all("(checked)" in row.why_fair for row in found)
    assert {row.what.split(": ")[1]: row.goal for row in found if row.goal} == loaders.GOALS
    monkeypatch.setattr(loaders, "usual_labels", lambda path: np.zeros((5, 16, 3), np.float32))
    with pytest.raises(CourseError, match=r"ICVL label file, 5 lines: 'read_labels' and 'pandas\.read_csv' differ"):
        loaders.measure()


def test_the_documented_way_reads_the_file_whose_columns_have_blanks(tmp_path):
    from course_utils.cli.bench.loaders import documented_csv

    small = expressions_stand_in.draw((4, 1, 1))
    fer2013.write_csv(tmp_path / "icml_face_data.csv", small)
    text = (tmp_path / "icml_face_data.csv").read_text(encoding="utf-8")
    (tmp_path / "icml_face_data.csv").write_text(text.replace("pixels,Usage", " pixels, Usage", 1), encoding="utf-8")
    found = documented_csv(tmp_path / "icml_face_data.csv")
    np.testing.assert_array_equal(found, small.images.reshape(6, -1))


def test_renderers_beside_the_same_frames_and_an_unequal_one_is_refused(monkeypatch):
    from course_utils.cli.bench import renderers

    monkeypatch.setattr(renderers, "FRAMES", 2)
    monkeypatch.setattr(renderers, "ROUNDS", 1)
    found = renderers.measure()
    assert [row.what for row in found] == list(renderers.RENDERING)
    assert all(row.goal_on == "value" and "(checked)" in row.why_fair for row in found)
    real = renderers._read
    monkeypatch.setattr(renderers, "_read", lambda paths: real(paths) + 1)
    with pytest.raises(CourseError, match=r"hands, 240×320: .* differ by up to 1;"):
        renderers.measure()


def test_pipelines_deal_each_face_once_and_one_that_does_not_is_refused(tmp_path, monkeypatch):
    from course_utils.cli.bench import pipelines

    monkeypatch.setattr(pipelines, "BATCH", 4)
    x, y = pipelines.pictures(12)
    made = pipelines.feeds(x, y, tmp_path, 3)
    pipelines._check_one_pass(made, x, y)
    assert all(pipelines.drain(feed, 5) == 20 for feed in made.values())
    sorted_and_short = lambda: itertools.cycle([(x[:4], y[:4])])  # noqa: E731
    with pytest.raises(CourseError, match=r"one pass: 'tf\.data from arrays' and 'rows' differ"):
        pipelines._check_one_pass(made | {"tf.data from arrays": sorted_and_short}, x, y)
    with pytest.raises(CourseError, match="labels of one pass: 'arrays, flip and rotation in NumPy' and 'rows' differ"):
        pipelines._check_one_pass(made | {"arrays, flip and rotation in NumPy": sorted_and_short}, x, y)


def test_augmented_pipelines_change_faces_and_the_plain_ones_do_not(tmp_path, monkeypatch):
    from course_utils.cli.bench import pipelines

    monkeypatch.setattr(pipelines, "BATCH", 4)
    x, y = pipelines.pictures(12)
    known = {image.tobytes() for image in x}
    for name, feed in pipelines.feeds(x, y, tmp_path, 3).items():
        images = np.concatenate([images for images, _ in pipelines._batches(feed, 3)])
        assert images.shape == (12, 48, 48, 1) and images.max() > 100
        same = np.mean([np.rint(image).astype(np.uint8).tobytes() in known for image in images])
        assert same < 0.5 if "flip" in name else same == 1, name


@pytest.mark.deep
def test_each_pipeline_is_a_row_alone_and_with_the_step(monkeypatch):
    from course_utils.cli.bench import pipelines

    for name, value in {"BATCH": 4, "STEPS": 2, "ROUNDS": 1, "PICTURES": 8}.items():
        monkeypatch.setattr(pipelines, name, value)
    found = [row.what for row in pipelines.measure()]
    together = {what.removesuffix(": with the step") for what in found if what.endswith(": with the step")}
    alone = {what.removesuffix(": alone") for what in found if what.endswith(": alone")}
    assert len(found) == 13 and together == alone | {pipelines.INSIDE}


def tiny(rng):
    import keras

    batch = rng.random((4, 3), dtype=np.float32), rng.random((4, 1), dtype=np.float32)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), "mean_squared_error", batch


def test_with_xla_and_without_a_network_has_the_same_losses_or_is_not_compared(monkeypatch):
    from course_utils.cli.bench import compiled

    monkeypatch.setattr(compiled, "MODELS", {"tiny": tiny})
    (row,) = compiled.measure()
    assert (row.what, row.compared_with) == ("tiny: jit_compile=True", compiled.OFF)
    assert row.note.startswith("first step, compiling included: ")

    starts = iter((0.0, 1.0))

    def another(rng):
        model, loss, batch = tiny(rng)
        model.layers[-1].set_weights([np.full((3, 1), next(starts)), np.zeros(1)])
        return model, loss, batch

    monkeypatch.setattr(compiled, "MODELS", {"another": another})
    with pytest.raises(CourseError, match="another: 'jit_compile=True' and 'jit_compile=False' differ"):
        compiled.measure()


def test_where_every_step_is_compiled_there_is_nothing_to_compare(monkeypatch):
    from course_utils.cli.bench import compiled

    monkeypatch.setattr(compiled.keras.backend, "backend", lambda: "jax")
    assert compiled.measure() == [] and "Empty on JAX" in compiled.ABOUT


def test_scaling_takes_what_each_group_offers(monkeypatch):
    from course_utils.cli.bench import scaling

    class Planted:
        @staticmethod
        def growing(folder):
            assert folder.is_dir()
            return [("planted", lambda number: lambda: sum(range(100 * number)), 5, "things")]

    monkeypatch.setattr(scaling, "GROUPS", (Planted, Planted))
    assert [row.what for row in scaling.measure()] == ["planted", "planted"]


def test_all_that_is_measured_elsewhere_is_doubled_too(tmp_path, monkeypatch):
    from course_utils.cli.bench import loaders, scaling

    monkeypatch.setattr(loaders, "_drawn", list)

    kinds = [name.split(": ")[0] for group in scaling.GROUPS for name, *_ in group.growing(tmp_path)]
    assert {kind: kinds.count(kind) for kind in kinds} == {"renderer": 4, "sampler": 4, "loader": 7, "pipeline": 6}


# ------------------------------------------------------------------------------------------------------- the pages


def test_the_table_and_the_figure_are_made_from_any_part_of_the_record(monkeypatch):
    import matplotlib.pyplot as plt

    lesson = {"lesson": "00_start_here", "cpu_s": 61.0, "wall_s": 2.0, "imports_cpu_s": 1.0, "peak_gb": 1.0}
    steep = growth("planted", lambda number: lambda: None, 1, "things", clock=iter(np.arange(1e4) ** 2).__next__)
    with_goal = Row(*[getattr(ROW, name) for name in ROW.__dataclass_fields__][:9], goal=2.0)
    groups = {
        "loaders": record.group(run(), "about readers", [ROW, with_goal], "course bench"),
        "scaling": record.group(run(), "about slopes", [steep], "course bench"),
    }
    for parts in ({}, {"groups": groups}, record.lessons(run(), [lesson], "course bench") | {"groups": groups}):
        monkeypatch.setattr(record, "load", lambda parts=parts: parts)
        text = pages.bench.table()
        figure = pages.bench.draw()
        assert len(figure.axes) == 3
        plt.close(figure)
        assert ("over the budget of 60 CPU-seconds and 2.5 GB: 00_start_here" in text) == ("rows" in parts)
        if parts:
            assert "| ours | 1.235 ms | theirs: 2 ms | 1.62 (1.5 – 1.75) | the same arrays |" in text
            assert "goal 2: **not reached** | as above |" in text


def test_every_committed_ratio_is_that_of_the_medians_beside_it_and_an_open_one_says_so():
    seen = []
    for line in pages.bench.table().splitlines():
        found = re.match(
            r"\| [^|]+ \| ([\d. ]+) (\S+?)(?:;[^|]*)? \| [^|]+: ([\d. ]+) \S+ \| ([^\d]*)([\d. ]+) \(([\d. ]+) – ([\d. ]+)\)",
            line,
        )
        if found:
            value, other, ratio, low, high = (float(found[n].replace(" ", "")) for n in (1, 3, 5, 6, 7))
            expected = value / other if found[2].endswith("/s") else other / value
            assert ratio == pytest.approx(expected, rel=0.006), line
            assert 0.99 * low <= ratio <= 1.01 * high, line
            assert (found[4] == "*undecided*: ") == (low < 1 < high), line
            seen.append(found[4])
    assert len(seen) == sum(len(COMMITTED["bench.json"]["groups"][name]["rows"]) for name in pages.bench.RATIOS)
    assert set(seen) == {"", "*undecided*: "}


def test_a_figure_that_would_be_too_large_to_commit_gets_fewer_colours(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt
    from PIL import Image

    def draw():
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.imshow(np.random.default_rng(0).random((64, 64, 3)))
        return figure

    monkeypatch.setattr(runtime, "repo_root", lambda: tmp_path)
    monkeypatch.setitem(pages.DRAWINGS, "planted.png", draw)
    sizes = {}
    for largest in (10**6, 1000):
        monkeypatch.setattr(pages, "LARGEST", largest)
        path = pages.save_figure("planted.png")
        sizes[largest] = path.stat().st_size
        with Image.open(path) as image:
            assert (image.mode == "P") == (largest == 1000)
    assert sizes[1000] < sizes[10**6] and [one.name for one in path.parent.iterdir()] == ["planted.png"]
