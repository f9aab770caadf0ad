"""``course cases``: the registry, and running the lesson that owns a case under other seeds, backends and sizes."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict

import typer

from course_utils import cases, runtime
from course_utils.cases import Case
from course_utils.cli import lessons
from course_utils.runtime import BACKENDS, SettingsError, nearest

app = typer.Typer(help="The documented bugs: list them, read one, run one.", no_args_is_help=True)


def describe(case: Case) -> dict:
    """A case as plain values for JSON."""
    return asdict(case)


@app.command("list")
def list_cases(as_json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List every case with its lesson and status."""
    known = cases.all_cases().values()
    if as_json:
        print(runtime.to_json([describe(case) for case in known]), end="")
        return
    for case in known:
        print(f"{case.id:36} {case.lesson:26} {case.kind:14} {case.status}")


@app.command()
def show(case_id: str = typer.Argument(metavar="ID"), as_json: bool = typer.Option(False, "--json")) -> None:
    """Show one case: symptom, cause, fix, source and bars."""
    case = cases.get(case_id)
    if as_json:
        print(runtime.to_json(describe(case)), end="")
        return
    for name in ("id", "title", "symptom", "cause", "fix", "source", "lesson", "kind", "status"):
        print(f"{name:9} {getattr(case, name)}")
    print(f"{'backends':9} {', '.join(case.backends)}")
    if case.elsewhere:
        print(f"{'elsewhere':9} {case.elsewhere}")
    for bar in case.bars:
        print(f"{'bar':9} {bar.what}: broken {' '.join(map(str, bar.broken))}, fixed {' '.join(map(str, bar.fixed))}")


@app.command("run")
def run_case(
    case_ids: list[str] = typer.Argument(metavar="ID…", help="One or more cases, or 'all'."),
    seeds: int = typer.Option(1, min=1, help="How many seeds."),
    seed_base: int = typer.Option(None, min=0, help="First seed; default: drawn now, and printed."),
    backend: str = typer.Option(None, help="tensorflow, jax or torch; default: the environment's."),
    size: str = typer.Option(None, help="reduced or full; default: COURSE_SIZE."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Execute the lesson that owns each case, once a seed, and collect its verdicts.

    Exits with 1 unless each case is reproduced and fixed on every seed, statistical ones 1.5 times clear of their bars.
    """
    wanted = list(cases.all_cases().values()) if case_ids == ["all"] else [cases.get(i) for i in case_ids]
    environment = _environment(backend, size)
    lessons.require_data(runtime.parse_size(environment["COURSE_SIZE"]), {case.part for case in wanted})
    wanted_seeds = runtime.seeds(seed_base, seeds, environment["KERAS_BACKEND"])
    results = []
    for lesson in dict.fromkeys(case.lesson for case in wanted):
        owned = [case for case in wanted if case.lesson == lesson and environment["KERAS_BACKEND"] in case.backends]
        for seed in wanted_seeds if owned else ():
            if not as_json:
                print(f"all of lesson {lesson} · seed {seed} · {environment['KERAS_BACKEND']} …", flush=True)
            ended = lessons.execute(lesson, {**environment, "COURSE_SEED": str(seed)})
            results += [_result(case, seed, ended) for case in owned]
    for case in wanted:
        if environment["KERAS_BACKEND"] not in case.backends:
            results.append({"id": case.id, "seed": None, "skipped": f"not made for {environment['KERAS_BACKEND']}"})
    failed = [r for r in results if not r.get("passed") and "skipped" not in r]
    if as_json:
        print(
            runtime.to_json(
                {"backend": environment["KERAS_BACKEND"], "size": environment["COURSE_SIZE"], "results": results}
            ),
            end="",
        )
    else:
        for r in results:
            print(_line(r))
    crashed = {r["error"] for r in results if r.get("error") and r.get("passed")}
    for error in crashed if not as_json else ():
        print(f"a lesson did not reach its end: {error}")
    if failed or crashed:
        raise typer.Exit(1)


def _environment(backend: str | None, size: str | None) -> dict[str, str]:
    if backend is not None and backend not in BACKENDS:
        raise SettingsError(nearest(backend, BACKENDS, "backend"))
    named = backend or runtime.backend_name()
    if importlib.util.find_spec(named) is None:
        raise SettingsError(f"backend {named}: the package is not installed in this environment")
    chosen = runtime.parse_size(size) if size else runtime.size()
    return {"KERAS_BACKEND": named, "COURSE_SIZE": size or chosen.name}


def _result(case: Case, seed: int, ended: lessons.Execution) -> dict:
    verdict = next((v for v in ended.verdicts if v["id"] == case.id), None)
    if verdict is None:
        return {
            "id": case.id,
            "seed": seed,
            "passed": False,
            "reproduced": False,
            "fixed": False,
            "error": ended.error or f"{ended.lesson} ended without judging {case.id}",
        }
    return {"seed": seed, **verdict, "passed": cases.passes(case, verdict), "error": ended.error}


def _line(result: dict) -> str:
    if "skipped" in result:
        return f"[SKIP] {result['id']}: {result['skipped']}"
    head = f"[{'OK' if result['passed'] else 'FAIL'}] {result['id']} · seed {result['seed']}"
    if "evidence" not in result:
        return f"{head}: {result['error']}"
    margin = "" if result["margin"] is None else f" · smallest margin {result['margin']:.2f}×"
    numbers = [
        f"     {row['what']}: broken {_number(row['broken'])}, fixed {_number(row['fixed'])}"
        for row in result["evidence"]
    ]
    return "\n".join([head + margin, *numbers])


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"
