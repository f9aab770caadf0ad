"""The course command: what programs read from it, and that a user's mistake is one clear line and exit code 2."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from course_utils import cases, runtime
from course_utils.cli import check, lessons
from course_utils.cli.check import Line

FULL_DATA_MISSING = "DataError: MNIST not found in data/mnist; run 'course data fetch digits' (11 MB, through Keras)"
CASE = "digits-256-image-accuracy"


@pytest.fixture(autouse=True)
def plain_environment(tmp_path, monkeypatch):
    """Empty settings, an empty data folder and an empty home."""
    for name in ("COURSE_SIZE", "COURSE_SEED", "COURSE_VERDICTS"):
        monkeypatch.setenv(name, "")
    for name in ("COURSE_DATA", "HOME", "USERPROFILE"):
        (tmp_path / name.lower()).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture
def refused(course):
    """Call the command with something it must refuse; gives the one line it says."""

    def call(*arguments):
        code, out, err = course(*arguments)
        assert code == 2
        assert out == ""
        assert err.startswith("course: ")
        assert err.count("\n") == 1 and err.endswith("\n")
        return err

    return call


@pytest.fixture
def no_lesson_runs(monkeypatch):
    def execute(lesson, *_, **__):
        raise AssertionError(f"{lesson} was executed")

    monkeypatch.setattr(lessons, "execute", execute)


# ------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        (("cases", "show", "digits-minmax-pictur"), "'digits-minmax-picture'"),
        (("cases", "run", "digits-zero-first-layr"), "'digits-zero-first-layer'"),
        (("cases", "run", CASE, "digits-unit-normal"), "'digits-unit-normal-init'"),
        (("cases", "run", CASE, "--backend", "tensorflwo"), "'tensorflow'"),
        (("cases", "run", CASE, "--size", "fulll"), "'full'"),
        (("cases", "run", CASE, "--size", "full,budget=smok"), "'smoke'"),
        (("bench", "10_digits_convnt"), "'10_digits_convnet'"),
        (("lab", "--no-open", "--reset", "11_frozen_filters"), "'11_digits_frozen_filters'"),
        (("data", "fetch", "digit"), "'digits'"),
        (("run", "digts"), "'digits'"),
        (("run", "digits", "--size", "fulll"), "'full'"),
        (("run", "digits", "--rows", "normal; glorott"), "'glorot'"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(refused, no_lesson_runs, arguments, suggested):
    assert f"did you mean {suggested}" in refused(*arguments)


@pytest.mark.parametrize(
    "arguments", [("bench", "99"), ("cases", "show", "zzz"), ("data", "fetch", "zzz"), ("run", "zzz")]
)
def test_a_name_unlike_any_known_lists_the_known_ones(refused, no_lesson_runs, arguments):
    line = refused(*arguments)
    assert arguments[-1] in line and "Known: " in line


@pytest.mark.parametrize("arguments", [("bench", "10"), ("cases", "run", CASE), ("run", "digits")])
def test_a_wrong_size_in_the_environment_is_said(refused, no_lesson_runs, monkeypatch, arguments):
    monkeypatch.setenv("COURSE_SIZE", "fulll")
    line = refused(*arguments)
    assert "COURSE_SIZE=fulll" in line and "did you mean 'full'" in line


def test_a_wrong_seed_in_the_environment_is_said(refused, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "seven")
    assert "COURSE_SEED=seven: expected a whole number" in refused("run", "digits")


@pytest.mark.parametrize("kind", ["file", "missing"])
@pytest.mark.parametrize("arguments", [("data", "status"), ("data", "fetch", "digits"), ("run", "digits")])
def test_a_data_folder_that_is_not_one_is_said(refused, monkeypatch, tmp_path, arguments, kind):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / kind))
    assert f"COURSE_DATA={tmp_path / kind}" in refused(*arguments)


def test_an_experiment_on_missing_real_data_says_how_to_get_them(refused, tmp_path):
    out = tmp_path / "out.json"
    assert "course data fetch digits" in refused("run", "digits", "--size", "full", "--seeds", "1", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize("arguments", [("cases", "run", CASE, "--json"), ("bench", "10")])
def test_a_lesson_on_missing_real_data_says_how_to_get_them(refused, monkeypatch, arguments):
    monkeypatch.setenv("COURSE_SIZE", "full")
    ended = lessons.Execution("10_digits_convnet", [], None, FULL_DATA_MISSING)
    monkeypatch.setattr(lessons, "execute", lambda *_, **__: ended)
    assert "course data fetch digits" in refused(*arguments)


@pytest.mark.parametrize("arguments", [("cases", "run", CASE, "--json"), ("bench", "10")])
def test_a_lesson_on_a_data_folder_that_is_not_one_says_so(refused, monkeypatch, tmp_path, arguments):
    place = str(tmp_path / "missing")
    monkeypatch.setenv("COURSE_DATA", place)
    error = f"SettingsError: COURSE_DATA={place}: no such folder; make it, or unset COURSE_DATA"
    monkeypatch.setattr(lessons, "execute", lambda lesson, *_, **__: lessons.Execution(lesson, [], None, error))
    assert f"COURSE_DATA={place}" in refused(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("cases", "run", CASE, "--seed-base", "2147483648"),
        ("cases", "run", CASE, "--seed-base", "33554431", "--seeds", "2"),
        ("cases", "run", CASE, "--seed-base", "-1"),
        ("cases", "run", CASE, "--seeds", "0"),
        ("run", "digits", "--seed-base", "9999999999"),
        ("run", "digits", "--seeds", "0"),
    ],
)
def test_seeds_out_of_range_are_refused_before_anything_runs(course, monkeypatch, no_lesson_runs, arguments):
    from course_utils import experiments

    monkeypatch.setattr(experiments, "run", lambda *_, **__: pytest.fail("the experiment was run"))
    code, _, err = course(*arguments)
    assert code == 2
    assert "seed" in err


def test_an_unwritable_result_is_said_before_anything_is_measured(refused, monkeypatch, tmp_path):
    from course_utils.experiments import digits

    monkeypatch.setattr(digits, "measure", lambda row, run: pytest.fail("hours of work for nothing"))
    (tmp_path / "file").write_text("", encoding="utf-8")
    out = tmp_path / "file" / "out.json"
    assert str(tmp_path / "file") in refused("run", "digits", "--size", "reduced", "--seeds", "1", "--out", out)


@pytest.mark.parametrize("arguments", [("nothing",), ("cases", "shw"), ("cases", "show"), ("check", "--jsn")])
def test_a_wrong_command_is_a_usage_error_without_a_traceback(course, arguments):
    code, out, err = course(*arguments)
    assert code == 2
    assert "Traceback" not in out + err
    assert "Usage" in err


def test_the_version_is_the_package_s(course):
    import course_utils

    assert course("--version") == (0, f"{course_utils.__version__}\n", "")


# ------------------------------------------------------------------------------------------------------ cases


def test_the_list_of_cases_has_what_a_program_needs(course):
    code, out, err = course("cases", "list", "--json")
    assert (code, err) == (0, "")
    listed = json.loads(out)
    wanted = {"id", "part", "lesson", "title", "kind", "backends", "symptom", "source", "status"}
    for case in listed:
        assert wanted <= case.keys()
        assert case["status"] in {"reproduces", "refuted"}
        assert case["kind"] in {"statistical", "deterministic", "environment"}
        assert set(case["backends"]) <= set(runtime.BACKENDS) and case["backends"]
        assert all(case[name] for name in wanted)
    assert [case["id"] for case in listed] == list(cases.all_cases())
    assert len(listed) == len({case["id"] for case in listed}) >= 7


def test_the_list_of_cases_for_people_has_one_line_a_case(course):
    code, out, _ = course("cases", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(cases.all_cases())
    assert all(line.split()[-1] in {"reproduces", "refuted"} for line in out.splitlines())


@pytest.mark.parametrize("case_id", cases.all_cases())
def test_a_case_is_shown_with_cause_fix_and_every_bar(course, case_id):
    case = cases.get(case_id)
    code, out, _ = course("cases", "show", case_id)
    assert code == 0
    for text in (case.title, case.symptom, case.cause, case.fix, case.source, case.lesson, case.kind, case.status):
        assert text in out
    for bar in case.bars:
        assert bar.what in out
    code, out, _ = course("cases", "show", case_id, "--json")
    shown = json.loads(out)
    assert (code, shown["id"], shown["cause"]) == (0, case_id, case.cause)
    assert [bar["measure"] for bar in shown["bars"]] == [bar.measure for bar in case.bars]


@pytest.fixture
def ran(monkeypatch):
    """Let every lesson end at once with verdicts on the given numbers; collects the environments it ran in."""

    def use(case_id, broken, fixed, *, judged=True, error=None, **changed):
        case = replace(cases.get(case_id), **changed)
        monkeypatch.setattr(cases, "get", lambda wanted: case if wanted == case_id else pytest.fail(wanted))
        seen = []

        def execute(lesson, environment, **_):
            assert lesson == case.lesson
            seen.append(dict(environment))
            verdict = cases.check(case, broken, fixed).record() | {
                "judged": judged,
                "seed": int(environment["COURSE_SEED"]),
            }
            line = json.loads(json.dumps(verdict))  # it comes through a file
            return lessons.Execution(lesson, [line], {"cpu_s": 1.0}, error)

        monkeypatch.setattr(lessons, "execute", execute)
        return seen

    return use


def test_a_run_gives_evidence_and_verdict_of_each_seed(course, ran):
    seen = ran(CASE, {"false_winners": 0.9}, {"false_winners": 0.05})
    code, out, _ = course("cases", "run", CASE, "--seeds", 3, "--seed-base", 5, "--size", "reduced", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["size"] == "reduced"
    assert found["backend"] == runtime.backend_name()
    assert [environment["COURSE_SEED"] for environment in seen] == ["5", "6", "7"]
    assert {environment["COURSE_SIZE"] for environment in seen} == {"reduced"}
    assert len(found["results"]) == 3
    for result in found["results"]:
        assert result["id"] == CASE
        assert result["reproduced"] is result["fixed"] is result["passed"] is True
        assert result["margin"] == pytest.approx(2.0)
        [evidence] = result["evidence"]
        assert (evidence["broken"], evidence["fixed"]) == (0.9, 0.05)
        assert (evidence["broken_bar"], evidence["fixed_bar"]) == ([">=", 0.4], ["<=", 0.1])


@pytest.mark.parametrize(
    ("broken", "fixed", "said"),
    [
        (0.05, 0.05, {"reproduced": False, "fixed": True}),
        (0.9, 0.9, {"reproduced": True, "fixed": False}),
        (0.05, 0.9, {"reproduced": False, "fixed": False}),
        (0.9, 0.08, {"reproduced": True, "fixed": True}),  # cleared, but not 1.5 times
    ],
)
def test_a_run_that_does_not_hold_exits_with_1(course, ran, broken, fixed, said):
    ran(CASE, {"false_winners": broken}, {"false_winners": fixed})
    code, out, _ = course("cases", "run", CASE, "--seed-base", 0, "--json")
    [result] = json.loads(out)["results"]
    assert code == 1
    assert result["passed"] is False
    assert {name: result[name] for name in said} == said
    whole, first, *bars = course("cases", "run", CASE, "--seed-base", 0)[1].splitlines()
    assert whole.startswith(f"all of lesson {cases.get(CASE).lesson} · seed 0")
    assert first.startswith(f"[FAIL] {CASE} · seed 0 · smallest margin ")
    assert bars == [f"     {cases.get(CASE).bars[0].what}: broken {broken}, fixed {fixed}"]


def test_a_deterministic_case_needs_no_margin(course, ran):
    ran(CASE, {"false_winners": 0.41}, {"false_winners": 0.1}, kind="deterministic")
    assert course("cases", "run", CASE, "--seed-base", 0)[0] == 0


def test_a_run_that_was_not_judged_is_shown_and_passes(course, ran):
    ran(CASE, {"false_winners": 0.0}, {"false_winners": 1.0}, judged=False)
    code, out, _ = course("cases", "run", CASE, "--size", "reduced,budget=smoke", "--json")
    [result] = json.loads(out)["results"]
    assert code == 0
    assert (result["judged"], result["reproduced"], result["fixed"]) == (False, False, False)


def test_a_lesson_that_ends_without_a_verdict_fails_with_its_error(course, monkeypatch):
    monkeypatch.setattr(lessons, "execute", lambda lesson, _: lessons.Execution(lesson, [], None, "ValueError: boom"))
    code, out, _ = course("cases", "run", CASE, "--seed-base", 0)
    assert code == 1
    assert "ValueError: boom" in out
    monkeypatch.setattr(lessons, "execute", lambda lesson, _: lessons.Execution(lesson, [], {"cpu_s": 1.0}, None))
    code, out, _ = course("cases", "run", CASE, "--seed-base", 0, "--json")
    [result] = json.loads(out)["results"]
    assert code == 1
    assert result["passed"] is result["reproduced"] is result["fixed"] is False
    assert "without judging" in result["error"]


@pytest.mark.parametrize(("broken", "fixed"), [(0.9, 0.0), (math.inf, 0.0), (0.9, math.nan)])
def test_what_a_program_reads_is_json_even_where_a_number_is_not_finite(course, ran, broken, fixed):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    ran(CASE, {"false_winners": broken}, {"false_winners": fixed})
    _, out, _ = course("cases", "run", CASE, "--seed-base", 0, "--json")
    [result] = json.loads(out, parse_constant=refuse)["results"]
    assert result["passed"] is not math.isnan(fixed)


def test_a_case_not_made_for_a_backend_is_skipped_and_said(course, no_lesson_runs, monkeypatch):
    other = next(name for name in runtime.BACKENDS if name != runtime.backend_name())
    only_other = replace(cases.get(CASE), backends=(other,))
    monkeypatch.setattr(cases, "get", lambda case_id: only_other)
    code, out, _ = course("cases", "run", CASE)
    assert code == 0
    assert out.startswith(f"[SKIP] {CASE}") and runtime.backend_name() in out


@pytest.mark.deep
def test_cases_run_executes_the_lesson_for_each_seed():
    arguments = ("cases", "run", CASE, "--size", "reduced,budget=smoke", "--seeds", "2", "--seed-base", "5", "--json")
    done = console(*arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [result["seed"] for result in found["results"]] == [5, 6]
    measures = [bar.measure for bar in cases.get(CASE).bars]
    for result in found["results"]:
        assert result["id"] == CASE
        assert result["size"] == {"data": "stand-in", "network": "small", "budget": "smoke"}
        assert result["backend"] == found["backend"]
        assert isinstance(result["reproduced"], bool) and isinstance(result["fixed"], bool)
        assert isinstance(result["margin"], float | None)
        assert result["error"] is None
        assert [row["measure"] for row in result["evidence"]] == measures
        for row in result["evidence"]:
            assert {"broken", "fixed", "broken_bar", "fixed_bar", "broken_clears", "fixed_clears"} <= row.keys()
    first, second = (result["evidence"][0]["broken"] for result in found["results"])
    assert first != second, "the seed has to reach the lesson"


# ------------------------------------------------------------------------------------------------------- data


def test_data_status_tells_a_program_what_is_missing(course, tmp_path):
    code, out, _ = course("data", "status", "--json")
    [digits] = [status for status in json.loads(out) if status["name"] == "digits"]
    assert code == 0
    assert digits["found"] is None
    assert digits["verified"] is False
    assert (tmp_path / "course_data" / "mnist" / "mnist.npz").as_posix() in map(_posix, digits["looked_in"])
    assert "course data fetch digits" in digits["how_to_get"]


def test_data_status_tells_people_what_is_damaged(course, tmp_path):
    path = tmp_path / "course_data" / "mnist.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    code, out, _ = course("data", "status")
    assert code == 0
    assert "damaged" in out and str(path) in out
    assert "(verified)" not in out
    code, out, _ = course("data", "status", "--json")
    assert json.loads(out)[0]["found"] == path.as_posix()


def _posix(path):
    return path.replace(os.sep, "/")


# ------------------------------------------------------------------------------------------------------ check


def test_check_shows_each_finding_as_one_line_that_starts_with_its_level(course, monkeypatch):
    found = [Line("OK", "python", "3.11"), Line("WARN", "keras", "9; tested with 3")]
    monkeypatch.setattr(check, "findings", lambda: found)
    code, out, _ = course("check")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["[OK]", "python"], ["[WARN]", "keras"]]


def test_check_tells_a_program_level_what_and_detail(course, monkeypatch):
    monkeypatch.setattr(check, "findings", lambda: [Line("WARN", "disk", "1.0 GB free")])
    code, out, _ = course("check", "--json")
    assert (code, json.loads(out)) == (0, [{"level": "WARN", "what": "disk", "detail": "1.0 GB free"}])


@pytest.mark.parametrize("arguments", [("check",), ("check", "--json")])
def test_check_exits_with_1_when_something_fails(course, monkeypatch, arguments):
    monkeypatch.setattr(check, "findings", lambda: [Line("FAIL", "device", "on fire"), Line("OK", "disk", "fine")])
    code, out, _ = course(*arguments)
    assert code == 1
    assert "on fire" in out and "fine" in out


@pytest.mark.parametrize(
    ("name", "found", "tested", "level"),
    [
        ("keras", "3.15.1", "3.15.1", "OK"),
        ("keras", "3.16.0", "3.15.1", "WARN"),
        ("keras", "3.9.0", "3.15.1", "WARN"),
        ("keras", "3.16.0", None, "WARN"),
        ("keras", None, "3.15.1", "FAIL"),
        ("numpy", None, None, "FAIL"),
        ("jax", None, "0.10", "OK"),
        ("torch", None, None, "OK"),
        ("jax", "0.11", "0.10", "WARN"),
    ],
)
def test_a_version_is_compared_with_the_tested_ones(name, found, tested, level):
    line = check.compare(name, found, tested)
    assert (line.level, line.what) == (level, name)
    assert (found or "not installed") in line.detail
    if level == "WARN" and tested:
        relation = "newer" if found in ("3.16.0", "0.11") else "older"
        assert f"{relation} than the tested {tested}" in line.detail


def test_tested_versions_are_read_from_the_constraints_with_markers(monkeypatch, tmp_path):
    text = (
        "# tested\nkeras==3.15.1\nnumpy==2.2.6 ; python_version < '3.12'\nnumpy==2.4.6; python_version >= '3.12'\n"
        "Scikit_Learn==1.9.1  # a comment\ntensorflow[and-cuda]==2.21.0\n-e .\nfree>=1\n"
    )
    (tmp_path / "constraints.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(runtime, "repo_root", lambda: tmp_path)
    assert check.tested_versions() == {
        "keras": "3.15.1",
        "numpy": "2.2.6" if sys.version_info < (3, 12) else "2.4.6",
        "scikit-learn": "1.9.1",
        "tensorflow": "2.21.0",
    }
    (tmp_path / "constraints.txt").unlink()
    assert check.tested_versions() == {}


def test_every_needed_package_has_a_tested_version():
    assert set(check.NEEDED) <= check.tested_versions().keys()


def found(what):
    return {line.what: line for line in check.findings()}[what]


@pytest.mark.parametrize(
    ("name", "value"), [("COURSE_SIZE", "fulll"), ("COURSE_SEED", "x"), ("COURSE_DATA", "no/such/folder")]
)
def test_check_reports_a_wrong_setting_and_goes_on(course, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    code, out, err = course("check", "--json")
    lines = {line["what"]: line for line in json.loads(out)}
    assert (code, err) == (1, "")
    assert lines["settings"]["level"] == "FAIL"
    assert f"{name}={value}" in lines["settings"]["detail"]
    assert {"python", "keras", "memory", "disk"} <= lines.keys()


def test_check_reports_a_broken_backend_as_one_line(monkeypatch):
    def start(**_):
        raise RuntimeError("libcuda.so is broken\nand a second line")

    monkeypatch.setattr(runtime, "start", start)
    line = found("backend")
    assert line.level == "FAIL"
    assert "libcuda.so is broken" in line.detail and "\n" not in line.detail


@pytest.mark.parametrize("worst", [1.0, math.nan])
def test_check_fails_on_a_device_that_computes_wrong(monkeypatch, worst):
    from course_utils.probes import device

    monkeypatch.setattr(device, "self_test", lambda: device.SelfTest(worst, "loss"))
    assert found("self-test").level == "FAIL"


def test_check_fails_on_damaged_data_and_not_on_missing_ones(tmp_path):
    assert found("data:digits").level == "OK"
    (tmp_path / "course_data" / "mnist.npz").write_bytes(b"cut")
    line = found("data:digits")
    assert line.level == "FAIL"
    assert "mnist.npz" in line.detail and "\n" not in line.detail


def test_check_warns_of_little_memory_and_a_full_disk(monkeypatch):
    monkeypatch.setattr(check.psutil, "virtual_memory", lambda: type("M", (), {"available": 1e9}))
    monkeypatch.setattr(check.shutil, "disk_usage", lambda path: type("D", (), {"free": 1e8}))
    assert (check._memory().level, check._disk().level) == ("WARN", "WARN")


def console(*arguments, **environment):
    """The command in a process of its own."""
    code = "from course_utils.cli.app import main; main()"
    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)


def holds_a_whole_check(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lines = json.loads(done.stdout)
    assert {frozenset(line) for line in lines} == {frozenset({"level", "what", "detail"})}
    assert {line["level"] for line in lines} <= {"OK", "WARN"}
    shown = {line["what"] for line in lines}
    assert {"python", "course", "keras", "settings", "backend", "device", "self-test", "data:digits"} <= shown


def test_check_works_where_home_is_a_file(tmp_path):
    home = tmp_path / "file"
    home.write_text("", encoding="utf-8")
    holds_a_whole_check(console("check", "--json", HOME=str(home), USERPROFILE=str(home)))
    assert home.read_text(encoding="utf-8") == ""


@pytest.mark.deep
def test_check_works_where_home_is_read_only(tmp_path):
    home = tmp_path / "closed"
    home.mkdir(mode=0o500)
    if os.access(home, os.W_OK):
        pytest.skip("a permission does not bind this user, or this platform")
    holds_a_whole_check(console("check", "--json", HOME=str(home), USERPROFILE=str(home)))


@pytest.mark.deep
def test_a_lesson_runs_where_home_is_a_file(tmp_path):
    home = tmp_path / "file"
    home.write_text("", encoding="utf-8")
    arguments = ("cases", "run", CASE, "--size", "reduced,budget=smoke", "--seed-base", "5", "--json")
    done = console(*arguments, HOME=str(home), USERPROFILE=str(home))
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["results"]) == 1


def test_listing_cases_loads_no_backend():
    code = (
        "import sys\nfrom course_utils.cli.app import main\nsys.argv = ['course', 'cases', 'list']\n"
        "try:\n    main()\nfinally:\n    sys.stderr.write(' '.join({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert CASE in done.stdout
