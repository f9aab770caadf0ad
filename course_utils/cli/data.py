"""``course data``: where each set is looked for, what was found, how to get it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from course_utils import datasets, runtime

app = typer.Typer(
    help="Real data: where each set is looked for, what was found and verified, how to get it.", no_args_is_help=True
)


@app.command()
def status(as_json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Show for each data set what was found and whether it equals the published set."""
    found = [datasets.get(name).status() for name in datasets.NAMES]
    if as_json:
        print(runtime.to_json([asdict(s) for s in found]), end="")
        return
    for s in found:
        print(f"{s.name}: {s.title}")
        print(f"  found      {s.found or 'nothing'}{' (verified)' if s.verified else ''}")
        print(f"             {s.detail}")
        for i, place in enumerate(s.looked_in):
            print(f"  {'looked in ' if i == 0 else '          '} {place}")
        print(f"  to get it  {s.how_to_get}")


@app.command()
def fetch(name: str = typer.Argument(help="Name of the data set, such as digits.")) -> None:
    """Download one data set into the data folder; nothing is ever downloaded unasked."""
    print(f"{name}: {datasets.get(name).fetch()}")
